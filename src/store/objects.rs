//! Things of the contract as whole objects, put together again from their facts.

use crate::contract::fact::{Import, ImportOrigin};
use crate::contract::{ErrorCode, Fact, Members, Object, ObjectKind, RecordRef, RunStatus, StableRef, Value};
use crate::engine::checksum::hex;
use crate::engine::entry::{Position, Stamp};
use crate::engine::projection::{KeyVersions, TableSpec, Version, current};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::metadata::{
    EXTENSION_PREFIX, METADATA_PREFIX, NEWER_PREFIX, PARAM_PREFIX, TAG_PREFIX, is_by_attribute,
};
use crate::projections::tables::{ARTIFACTS, FACTS, IMPORTED, IMPORTS, OBJECTS, RELATIONS};
use crate::store::error::Result;
use crate::store::metadata::{Attributes, Said};
use crate::store::note::{Note, Severity};
use crate::store::records::{place_of, record_at};
use crate::store::view::StoreView;

/// The table with the whole facts about things of a kind; `None`: they are kept by attribute.
fn table_of(kind: ObjectKind) -> Option<TableSpec> {
    match kind {
        kind if is_by_attribute(kind) => None,
        ObjectKind::Relation => Some(RELATIONS),
        _ => Some(OBJECTS),
    }
}

impl StoreView<'_> {
    /// Calls `f` with every thing of a kind whose ref begins with `prefix` (`run:p.`), by ref, until it returns `false`;
    /// with a note for one of which too little is known to make an object.
    pub fn objects(
        &self,
        kind: ObjectKind,
        prefix: &str,
        mut f: impl FnMut(std::result::Result<Object, Note>) -> Result<bool>,
    ) -> Result<()> {
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
            Some(table) => {
                for key in self.view.versions(table, prefix.as_bytes())? {
                    match self.standing(table.name, key?.versions) {
                        Ok(Some((Captured { fact: Fact::Object(object), .. }, _))) => {
                            if !go_on(Ok(object)) {
                                break;
                            }
                        }
                        Ok(None) => {}
                        _ => {
                            malformed = Some(table.name);
                            break;
                        }
                    }
                }
            }
            None => {
                let mut thing: Option<(StableRef, Said)> = None;
                let mut stopped = false;
                for row in self.view.versions(FACTS, prefix.as_bytes())? {
                    let KeyVersions { key, versions, .. } = row?;
                    let parts = keys::split::<2>(&key);
                    let Some((subject, name)) = parts.and_then(|[s, n]| Some((StableRef::parse(s).ok()?, n)))
                    else {
                        malformed = Some(FACTS.name);
                        break;
                    };
                    if thing.as_ref().is_some_and(|(of, _)| *of != subject)
                        && let Some((of, said)) = thing.take()
                    {
                        match said.settle() {
                            Some(attributes) => stopped = !go_on(object_of(kind, of, &attributes)),
                            None => {
                                malformed = Some(FACTS.name);
                                stopped = true;
                            }
                        }
                    }
                    let (_, said) = thing.get_or_insert_with(|| (subject, Said::default()));
                    said.add(name, versions);
                    if stopped {
                        break;
                    }
                }
                if let (Some((of, said)), false) = (thing, stopped) {
                    match said.settle() {
                        Some(attributes) => drop(go_on(object_of(kind, of, &attributes))),
                        None => malformed = Some(FACTS.name),
                    }
                }
            }
        }
        match malformed {
            Some(table) => Err(self.broken_row(table)),
            None => outcome,
        }
    }

    /// One thing as it stands; `None`: it is not there, or too little is known of it.
    pub fn object(&self, kind: ObjectKind, own: &StableRef) -> Result<Option<Object>> {
        let Some(table) = table_of(kind) else {
            return match self.said(own)?.settle() {
                Some(attributes) => Ok(object_of(kind, own.clone(), &attributes).ok()),
                None => Err(self.broken_row(FACTS.name)),
            };
        };
        let versions = self.view.versions_of(table, own.as_str().as_bytes())?;
        match self.standing(table.name, versions)? {
            None => Ok(None),
            Some((Captured { fact: Fact::Object(object), .. }, _)) => {
                Ok(Some(object).filter(|o| o.kind() == kind))
            }
            Some(_) => Err(self.broken_row(table.name)),
        }
    }

    /// The stamps of all facts about a thing that nothing replaces: an object's, an artifact's.
    pub(super) fn stamps_of(&self, own: &StableRef) -> Result<Vec<Stamp>> {
        let mut stamps = Vec::new();
        let mut add = |versions: Vec<Version>| {
            let chosen = current(versions);
            stamps.extend(
                chosen.into_iter().flat_map(|c| c.rivals.into_iter().chain([c.version])).map(|v| v.stamp),
            );
        };
        for table in [OBJECTS, RELATIONS, ARTIFACTS] {
            add(self.view.versions_of(table, own.as_str().as_bytes())?);
        }
        stamps.extend(self.said(own)?.stamps());
        stamps.sort();
        stamps.dedup();
        Ok(stamps)
    }

    /// Whether just this was imported before.
    pub(super) fn was_imported(&self, own: &StableRef, said: &[u8; 16]) -> Result<bool> {
        Ok(!self.view.versions_of(IMPORTED, &keys::imported(own, said))?.is_empty())
    }

    /// The first fact under this ref that came from an import: of records, the one that counts.
    pub(super) fn first_imported(&self, own: &StableRef) -> Result<Option<Stamp>> {
        let mut first: Option<Stamp> = None;
        for key in self.view.versions(IMPORTED, &keys::attributes_of(own))? {
            let least = key?.versions.iter().map(|v| v.stamp).min();
            first = first.into_iter().chain(least).min();
        }
        Ok(first)
    }

    /// Whether an imported record is the one that counts under its ref: it is not here as captured, and was imported first.
    pub(super) fn counts(&self, own: &RecordRef, stamp: Stamp) -> Result<bool> {
        let any = StableRef::from(own);
        if self.first_imported(&any)?.is_some_and(|first| first < stamp) {
            return Ok(false);
        }
        let Some((_, position)) = place_of(own) else { return Ok(true) };
        if !self.view.has_reached(position)? {
            return Ok(true);
        }
        let there = self.facts_at(&[position])?.into_iter().flatten().next();
        let there =
            there.map(|(entry, captured)| record_at(captured.fact, entry.stamp)).transpose()?.flatten();
        Ok(there.is_none_or(|record| record.envelope().record_ref != *own))
    }

    /// All imports, by id.
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

    /// Where the facts about a thing were imported from, in the order of their stamps; with the import, where its entry is
    /// still there. A record is found by its position.
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

/// A thing put together from its attributes, or a note on what is missing.
fn object_of(kind: ObjectKind, own: StableRef, attributes: &Attributes) -> std::result::Result<Object, Note> {
    let mut members = Members::new();
    let mut inner = |member: &str, key: &str, value: &Value| {
        let slot = members.entry(member.to_owned()).or_insert_with(|| Value::Map(Members::new()));
        if let Value::Map(map) = slot {
            map.insert(key.to_owned(), value.clone());
        }
    };
    let mut plain = Vec::new();
    let mut sets = Vec::new();
    for (name, value) in attributes.values() {
        let strip = |prefix: &str| name.strip_prefix(prefix);
        if let Some(key) = strip(PARAM_PREFIX) {
            inner("params", key, value);
        } else if let Some(key) = strip(TAG_PREFIX) {
            inner("tags", key, value);
        } else if let Some(key) = strip(METADATA_PREFIX) {
            inner("metadata", key, value);
        } else if strip(EXTENSION_PREFIX).is_some() {
            sets.push(value.clone());
        } else {
            plain.push((strip(NEWER_PREFIX).unwrap_or(name).to_owned(), value.clone()));
        }
    }
    members.extend(plain);
    if members.get("status").and_then(Value::as_str) == Some(RunStatus::Open.as_str()) {
        // An end that a later import took back.
        members.remove("ended_at");
    }
    members.insert("extensions".into(), Value::List(sets));
    members.insert(kind.ref_member().to_owned(), Value::from(own.as_str()));
    Object::from_value(kind, Value::Map(members)).map_err(|e| {
        let (severity, code, what) = match e.code {
            ErrorCode::MissingField => (Severity::Warning, "object_incomplete", "too little is known of"),
            _ => (Severity::Error, "object_contradictory", "the facts contradict each other about"),
        };
        Note::new(severity, code, format!("{what} {own} to make an object of it: {e}")).with("subject", own)
    })
}
