//! Reads of whole objects of the contract.

use crate::contract::{Fact, Object, ObjectKind, StableRef};
use crate::engine::projection::{KeyVersions, TableSpec};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::metadata::is_by_attribute;
use crate::projections::tables::{FACTS, OBJECTS, RELATIONS};
use crate::store::assembly::object_of;
use crate::store::attributes::AttributeVersions;
use crate::store::error::{Error, Result};
use crate::store::note::Note;
use crate::store::view::StoreView;

/// Returns the table of a kind whose objects are stored as one row each; `None` for kinds stored as one row per
/// attribute.
fn table_of(kind: ObjectKind) -> Option<TableSpec> {
    match kind {
        kind if is_by_attribute(kind) => None,
        ObjectKind::Relation => Some(RELATIONS),
        _ => Some(OBJECTS),
    }
}

impl StoreView<'_> {
    /// Calls `f` with each object of a kind whose ref begins with `prefix`, such as `run:p.`, in the order of refs,
    /// until `f` returns `false`. For an object whose attributes are incomplete or contradictory, the argument of `f`
    /// is a note.
    pub fn objects<E: From<Error>>(
        &self,
        kind: ObjectKind,
        prefix: &str,
        mut f: impl FnMut(std::result::Result<Object, Note>) -> std::result::Result<bool, E>,
    ) -> std::result::Result<(), E> {
        match table_of(kind) {
            Some(table) => {
                for key in self.view.versions(table, prefix.as_bytes()).map_err(Error::from)? {
                    let effective = self.effective(table.name, key.map_err(Error::from)?.versions)?;
                    let Some((Captured { fact, .. }, _)) = effective else { continue };
                    let Fact::Object(object) = fact else {
                        return Err(self.malformed_row(table.name).into());
                    };
                    if !f(Ok(object))? {
                        return Ok(());
                    }
                }
            }
            None => {
                let item = |of: StableRef, versions: AttributeVersions| match versions.resolve() {
                    Some(attributes) => Ok(object_of(kind, of, attributes)),
                    None => Err(self.malformed_row(FACTS.name)),
                };
                let mut object: Option<(StableRef, AttributeVersions)> = None;
                for row in self.view.versions(FACTS, prefix.as_bytes()).map_err(Error::from)? {
                    let KeyVersions { key, versions, .. } = row.map_err(Error::from)?;
                    let parts = keys::split::<2>(&key);
                    let Some((subject, name)) = parts.and_then(|[s, n]| Some((StableRef::parse(s).ok()?, n)))
                    else {
                        return Err(self.malformed_row(FACTS.name).into());
                    };
                    if let Some((of, found)) = object.take_if(|(of, _)| *of != subject)
                        && !f(item(of, found)?)?
                    {
                        return Ok(());
                    }
                    let (_, found) = object.get_or_insert_with(|| (subject, AttributeVersions::default()));
                    found.add(name, versions);
                }
                if let Some((of, found)) = object {
                    f(item(of, found)?)?;
                }
            }
        }
        Ok(())
    }

    /// Returns one object; `None` if no fact is about it, or if a required attribute is missing.
    pub fn object(&self, kind: ObjectKind, own: &StableRef) -> Result<Option<Object>> {
        let Some(table) = table_of(kind) else {
            return match self.attribute_versions(own)?.resolve() {
                Some(attributes) => Ok(object_of(kind, own.clone(), attributes).ok()),
                None => Err(self.malformed_row(FACTS.name)),
            };
        };
        let versions = self.view.versions_of(table, own.as_str().as_bytes())?;
        match self.effective(table.name, versions)? {
            None => Ok(None),
            Some((Captured { fact: Fact::Object(object), .. }, _)) => {
                Ok(Some(object).filter(|o| o.kind() == kind))
            }
            Some(_) => Err(self.malformed_row(table.name)),
        }
    }
}
