//! Methods of `StoreView` that read imports and imported facts.

use crate::contract::fact::{Import, ImportOrigin};
use crate::contract::{Fact, RecordRef, StableRef};
use crate::engine::checksum::hex;
use crate::engine::entry::{Entry, Position, Stamp};
use crate::engine::projection::current;
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::tables::{ARTIFACTS, IMPORTED, IMPORTS, OBJECTS, RELATIONS};
use crate::store::error::Result;
use crate::store::view::StoreView;

impl StoreView<'_> {
    /// Returns the stamps of those facts about an object or artifact that no other fact replaces.
    pub(in crate::store) fn stamps_of(&self, own: &StableRef) -> Result<Vec<Stamp>> {
        let mut stamps = Vec::new();
        for table in [OBJECTS, RELATIONS, ARTIFACTS] {
            let versions = self.view.versions_of(table, own.as_str().as_bytes())?;
            stamps.extend(current(versions).into_iter().flat_map(|current| current.stamps()));
        }
        stamps.extend(self.attribute_versions(own)?.stamps());
        stamps.sort();
        stamps.dedup();
        Ok(stamps)
    }

    /// Returns the stamps of those imported facts about an object or artifact that no other fact replaces. A later
    /// import replaces these facts.
    pub(crate) fn imported_stamps_of(&self, own: &StableRef) -> Result<Vec<Stamp>> {
        let stamps = self.stamps_of(own)?;
        let positions: Vec<Position> = stamps.iter().map(Stamp::position).collect();
        let facts = self.facts_at(&positions)?;
        let imported = |(stamp, fact): (Stamp, Option<(Entry, Captured)>)| {
            fact.filter(|(_, captured)| captured.origin.is_some()).map(|_| stamp)
        };
        Ok(stamps.into_iter().zip(facts).filter_map(imported).collect())
    }

    /// Returns `true` if the workspace contains an imported fact with this digest about the object or record `own`.
    pub(crate) fn was_imported(&self, own: &StableRef, digest: &[u8; 16]) -> Result<bool> {
        Ok(!self.view.versions_of(IMPORTED, &keys::imported(own, digest))?.is_empty())
    }

    /// Returns the stamp of the first imported fact about the object or record with the ref `own`; `None` if no such
    /// fact was imported. If several imported records have the same ref, the first record is effective.
    pub(crate) fn first_imported(&self, own: &StableRef) -> Result<Option<Stamp>> {
        let mut first: Option<Stamp> = None;
        for key in self.view.versions(IMPORTED, &keys::of_ref(own))? {
            let least = key?.versions.iter().map(|v| v.stamp).min();
            first = first.into_iter().chain(least).min();
        }
        Ok(first)
    }

    /// Returns `true` if the imported record with this ref and stamp is effective. An imported record is effective if
    /// no captured record has the ref, and no record with the ref was imported earlier.
    pub(crate) fn is_effective(&self, own: &RecordRef, stamp: Stamp) -> Result<bool> {
        let any = StableRef::from(own);
        if self.first_imported(&any)?.is_some_and(|first| first < stamp) {
            return Ok(false);
        }
        Ok(!self.has_captured_record(own)?)
    }

    /// Returns all imports, ordered by id.
    pub fn imports(&self) -> Result<Vec<Import>> {
        let mut imports = Vec::new();
        for key in self.view.versions(IMPORTS, &[])? {
            let captured = current(key?.versions).and_then(|c| Captured::from_row(&c.version.value));
            if let Some(Fact::Import(import)) = captured.map(|c| c.fact) {
                imports.push(import);
            }
        }
        Ok(imports)
    }

    /// Returns the origins of the imported facts about an object or artifact, in the order of the facts' stamps. The
    /// import is `None` if its entry is missing in the log. For a record the result is empty, because origins of
    /// records are not indexed.
    pub fn origins(&self, own: &StableRef) -> Result<Vec<(ImportOrigin, Option<Import>)>> {
        let positions: Vec<Position> = self.stamps_of(own)?.iter().map(Stamp::position).collect();
        let facts = self.facts_at(&positions)?;
        let mut origins = Vec::new();
        for origin in facts.into_iter().flatten().filter_map(|(_, captured)| captured.origin) {
            let versions = self.view.versions_of(IMPORTS, hex(&origin.import).as_bytes())?;
            let captured = current(versions).and_then(|c| Captured::from_row(&c.version.value));
            let import = match captured.map(|c| c.fact) {
                Some(Fact::Import(import)) => Some(import),
                _ => None,
            };
            origins.push((origin, import));
        }
        Ok(origins)
    }
}
