//! Reads of whole objects of the contract.

use crate::contract::{Fact, Object, ObjectKind, StableRef};
use crate::engine::projection::TableSpec;
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::metadata::is_by_attribute;
use crate::projections::tables::{FACTS, OBJECTS, RELATIONS};
use crate::store::assembly::object_of;
use crate::store::attributes::AttributeVersions;
use crate::store::error::{Error, Result};
use crate::store::note::Note;
use crate::store::view::StoreView;

/// Returns the table with the whole objects of a kind; `None` for kinds that are stored by attribute.
fn table_of(kind: ObjectKind) -> Option<TableSpec> {
    match kind {
        kind if is_by_attribute(kind) => None,
        ObjectKind::Relation => Some(RELATIONS),
        _ => Some(OBJECTS),
    }
}

impl StoreView<'_> {
    /// Calls `f` with each object of a kind whose ref begins with `prefix` (`run:p.`), by ref, until it returns `false`;
    /// with a note for an object whose attributes are incomplete.
    pub fn objects<E: From<Error>>(
        &self,
        kind: ObjectKind,
        prefix: &str,
        mut f: impl FnMut(std::result::Result<Object, Note>) -> std::result::Result<bool, E>,
    ) -> std::result::Result<(), E> {
        let mut outcome = Ok(());
        let mut malformed = None;
        let mut go_on = |item| match f(item) {
            Ok(go_on) => go_on,
            Err(e) => {
                outcome = Err(e);
                false
            }
        };
        match table_of(kind) {
            Some(table) => self
                .view
                .versions(table, prefix.as_bytes(), |_, versions| {
                    match self.effective(table.name, versions) {
                        Ok(Some((Captured { fact: Fact::Object(object), .. }, _))) => Ok(go_on(Ok(object))),
                        Ok(None) => Ok(true),
                        _ => {
                            malformed = Some(table.name);
                            Ok(false)
                        }
                    }
                })
                .map_err(Error::from)?,
            None => {
                let mut object: Option<(StableRef, AttributeVersions)> = None;
                let mut stopped = false;
                self.view
                    .versions(FACTS, prefix.as_bytes(), |key, versions| {
                        let parts = keys::split::<2>(key);
                        let Some((subject, name)) =
                            parts.and_then(|[s, n]| Some((StableRef::parse(s).ok()?, n)))
                        else {
                            malformed = Some(FACTS.name);
                            return Ok(false);
                        };
                        if object.as_ref().is_some_and(|(of, _)| *of != subject)
                            && let Some((of, found)) = object.take()
                        {
                            match found.resolve() {
                                Some(attributes) => stopped = !go_on(object_of(kind, of, attributes)),
                                None => {
                                    malformed = Some(FACTS.name);
                                    stopped = true;
                                }
                            }
                        }
                        let (_, found) =
                            object.get_or_insert_with(|| (subject, AttributeVersions::default()));
                        found.add(name, versions);
                        Ok(!stopped)
                    })
                    .map_err(Error::from)?;
                if let (Some((of, versions)), false) = (object, stopped) {
                    match versions.resolve() {
                        Some(attributes) => drop(go_on(object_of(kind, of, attributes))),
                        None => malformed = Some(FACTS.name),
                    }
                }
            }
        }
        match malformed {
            Some(table) => Err(self.malformed_row(table).into()),
            None => outcome,
        }
    }

    /// Returns one object; `None` if no fact is about it or its attributes are incomplete.
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
