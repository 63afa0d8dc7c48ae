//! Methods of `StoreView` that read complete objects of the contract.

use crate::contract::{Fact, Object, ObjectKind, ObjectModel, RunRef, StableRef};
use crate::engine::projection::{KeyVersions, TableSpec, VersionsByKey};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::metadata::is_by_attribute;
use crate::projections::tables::{FACTS, OBJECTS, RELATIONS};
use crate::store::assembly::object_of;
use crate::store::attributes::{AttributeVersions, Attributes};
use crate::store::error::Result;
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

/// An object of a listing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ListedObject {
    /// The object.
    Object(Object),
    /// A note on an object whose attributes are incomplete or contradictory.
    Incomplete(Note),
}

/// An iterator over objects of one kind, in the order of their refs. The iterator has one object in memory, and ends
/// after the first error.
#[derive(Debug)]
#[must_use]
pub struct Objects<'v> {
    view: &'v StoreView<'v>,
    kind: ObjectKind,
    rows: VersionsByKey<'v>,
    /// The object whose attributes are being read.
    partial: Option<(StableRef, AttributeVersions)>,
    has_ended: bool,
}

impl Objects<'_> {
    fn advance(&mut self) -> Result<Option<ListedObject>> {
        match table_of(self.kind) {
            Some(table) => self.next_whole(table),
            None => self.next_assembled(),
        }
    }

    /// Returns the next object of a kind that is stored as one row each.
    fn next_whole(&mut self, table: TableSpec) -> Result<Option<ListedObject>> {
        for key in self.rows.by_ref() {
            match self.view.effective(table.name, key?.versions)? {
                Some((Captured { fact: Fact::Object(object), .. }, _)) => {
                    return Ok(Some(ListedObject::Object(object)));
                }
                Some(_) => return Err(self.view.malformed_row(table.name)),
                None => {}
            }
        }
        Ok(None)
    }

    /// Returns the next object of a kind that is stored as one row per attribute.
    fn next_assembled(&mut self) -> Result<Option<ListedObject>> {
        while let Some(row) = self.rows.next() {
            let KeyVersions { key, versions, .. } = row?;
            let parts = keys::split::<2>(&key);
            let Some((subject, name)) = parts.and_then(|[s, n]| Some((StableRef::parse(s).ok()?, n))) else {
                return Err(self.view.malformed_row(FACTS.name));
            };
            let complete = self.partial.take_if(|(of, _)| *of != subject);
            let (_, found) = self.partial.get_or_insert_with(|| (subject, AttributeVersions::default()));
            versions.into_iter().for_each(|version| found.add(name, version));
            if let Some(complete) = complete {
                return self.assemble(complete).map(Some);
            }
        }
        self.partial.take().map(|last| self.assemble(last)).transpose()
    }

    fn assemble(&self, (own, versions): (StableRef, AttributeVersions)) -> Result<ListedObject> {
        let attributes = self.view.resolve(&own, versions)?;
        Ok(match object_of(self.kind, own, attributes) {
            Ok(object) => ListedObject::Object(object),
            Err(note) => ListedObject::Incomplete(note),
        })
    }
}

impl Iterator for Objects<'_> {
    type Item = Result<ListedObject>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let item = self.advance().transpose();
        self.has_ended = !matches!(item, Some(Ok(_)));
        item
    }
}

impl StoreView<'_> {
    /// Returns the objects of a kind whose refs begin with `prefix`, such as `run:p.`.
    pub fn objects(&self, kind: ObjectKind, prefix: &str) -> Result<Objects<'_>> {
        let table = table_of(kind).unwrap_or(FACTS);
        let rows = self.view.versions(table, prefix.as_bytes())?;
        Ok(Objects { view: self, kind, rows, partial: None, has_ended: false })
    }

    /// Returns the effective attributes of an object. If the object is a run, its writers determine the status and the
    /// end.
    fn resolve(&self, own: &StableRef, versions: AttributeVersions) -> Result<Attributes> {
        Ok(self.resolve_with_writers(own, versions)?.0)
    }

    /// Returns the effective attributes of an object. The flag is `true` if the object is a run whose writers
    /// determine its status and its end.
    pub(super) fn resolve_with_writers(
        &self,
        own: &StableRef,
        mut versions: AttributeVersions,
    ) -> Result<(Attributes, bool)> {
        let mut is_by_writers = false;
        if let Ok(run) = RunRef::try_from(own.clone()) {
            is_by_writers = self.lifecycle(&run, &mut versions)?.status.is_some();
        }
        let attributes = versions.resolve().ok_or_else(|| self.malformed_row(FACTS.name))?;
        Ok((attributes, is_by_writers))
    }

    /// Returns `true` if a fact is about the object with this ref.
    pub(super) fn has_object(&self, own: &StableRef) -> Result<bool> {
        let kind = ObjectKind::ALL.iter().find(|kind| kind.ref_kind() == own.kind());
        match kind.and_then(|kind| table_of(*kind)) {
            Some(table) => Ok(!self.view.versions_of(table, own.as_str().as_bytes())?.is_empty()),
            None => Ok(self.view.rows(FACTS, &keys::of_ref(own))?.next().transpose()?.is_some()),
        }
    }

    /// Returns the model of one object; `None` in the cases of [`StoreView::object`].
    pub(super) fn model<T: ObjectModel>(&self, own: &StableRef) -> Result<Option<T>> {
        Ok(self.object(T::OBJECT_KIND, own)?.and_then(T::of_object))
    }

    /// Returns one object; `None` if no fact is about the object, or if its attributes are incomplete or contradictory.
    pub fn object(&self, kind: ObjectKind, own: &StableRef) -> Result<Option<Object>> {
        let Some(table) = table_of(kind) else {
            let attributes = self.resolve(own, self.attribute_versions(own)?)?;
            return Ok(object_of(kind, own.clone(), attributes).ok());
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
