//! The history of an object. The history consists of the log entries that recorded values of the object. The
//! versions tables keep every recorded value with the stamp of its entry, so the history is read from these
//! tables.

use crate::contract::fact::ImportOrigin;
use crate::contract::words::word_enum;
use crate::contract::{Canonical, Fact, StableRef, Value};
use crate::engine::checksum::hex;
use crate::engine::entry::{Position, Stamp};
use crate::engine::projection::{KeyVersions, TableSpec, Version, current};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::kind::kind_name;
use crate::projections::tables::{ARTIFACTS, FACTS, OBJECTS, RELATIONS, WRITERS};
use crate::store::error::Result;
use crate::store::view::StoreView;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

word_enum! {
    /// The relation of a recorded value to the effective value of the same attribute.
    ValueState {
        /// Another recorded value is effective, and the two values are not in conflict.
        Superseded = "superseded",
        /// The value is the effective value of the attribute. Of several entries that recorded this value, only the
        /// newest captured entry is effective, or the newest imported entry if there is no captured one.
        Effective = "effective",
        /// The value differs from the effective value, and no entry replaced the value.
        Conflicting = "conflicting",
    }
}

/// A value that an entry recorded.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HistoryValue {
    /// The name of the attribute, such as `status`, `param/lr`, `tag/env` or `writer/0123456789abcdef/label`.
    /// For an artifact, an environment, a relation, a provenance record or an alias, this is the name of a
    /// member.
    pub name: String,
    /// The value. The value null marks a removed tag.
    pub value: Value,
    /// The state of the value.
    pub state: ValueState,
}

/// An entry of the log about an object.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// The stamp of the entry: its time, its stream and its sequence number.
    pub stamp: Stamp,
    /// The kind of the fact, such as `run`, `ended`, `param` or `annotation`; `None` if the entry cannot be read.
    pub kind: Option<&'static str>,
    /// `true` if an import recorded the fact.
    pub is_imported: bool,
    /// The import and the line that contain an imported fact. `None` if the fact was captured, or if the
    /// entry cannot be read.
    pub origin: Option<ImportOrigin>,
    /// The values. The list is ordered by name.
    pub values: Vec<HistoryValue>,
}

impl HistoryEntry {
    fn new(stamp: Stamp, is_imported: bool) -> HistoryEntry {
        HistoryEntry { stamp, kind: None, is_imported, origin: None, values: Vec::new() }
    }

    /// Returns the id of the import that recorded the fact. The id consists of hexadecimal digits.
    #[must_use]
    pub fn import(&self) -> Option<String> {
        self.origin.map(|origin| hex(&origin.import))
    }

    /// Returns the state of the entry. The entry is conflicting if one of its values is conflicting.
    /// Otherwise the entry is effective if one of its values is effective. Otherwise the entry is superseded.
    #[must_use]
    pub fn state(&self) -> ValueState {
        self.values.iter().map(|value| value.state).max().unwrap_or(ValueState::Superseded)
    }
}

/// The entries about an object. The key of an entry is its stamp.
#[derive(Debug, Default)]
struct Entries(BTreeMap<Stamp, HistoryEntry>);

impl Entries {
    fn add(&mut self, (stamp, is_imported): (Stamp, bool), value: HistoryValue) {
        self.0.entry(stamp).or_insert_with(|| HistoryEntry::new(stamp, is_imported)).values.push(value);
    }
}

impl StoreView<'_> {
    /// Returns entries about an object, and the number of all entries about the object. The entries are
    /// ordered by stamp, and `page` selects the positions that are returned. The object is a project, a run,
    /// a deployment, a stage, a batch, a sample, an operation, an environment, an artifact, a relation, a
    /// provenance record or an alias. The history of a run contains the entries about its writers and their
    /// ends, but no records. If a run has writers, the status of the run is derived from the writers.
    pub fn history(&self, subject: &StableRef, page: Range<usize>) -> Result<(Vec<HistoryEntry>, usize)> {
        let mut entries = Entries::default();
        self.add_attributes(subject, &mut entries)?;
        for table in [OBJECTS, RELATIONS, ARTIFACTS] {
            let versions = self.view.versions_of(table, subject.as_str().as_bytes())?;
            self.add_whole(table, versions, "", &mut entries)?;
        }
        for row in self.view.versions(WRITERS, &keys::of_ref(subject))? {
            let KeyVersions { key, versions, .. } = row?;
            let rest = keys::after_ref(&key, subject).and_then(|rest| std::str::from_utf8(rest).ok());
            let rest = rest.ok_or_else(|| self.malformed_row(WRITERS.name))?;
            let prefix = format!("writer/{}/", rest.replace('\0', "/"));
            self.add_whole(WRITERS, versions, &prefix, &mut entries)?;
        }
        let total = entries.0.len();
        let selected = entries.0.into_values().skip(page.start).take(page.len());
        let mut selected: Vec<HistoryEntry> = selected.collect();
        self.add_kinds(&mut selected)?;
        Ok((selected, total))
    }

    /// Adds the entries about an object that has one row for each attribute.
    fn add_attributes(&self, subject: &StableRef, entries: &mut Entries) -> Result<()> {
        let malformed = || self.malformed_row(FACTS.name);
        let versions = self.attribute_versions(subject)?;
        let (effective, is_by_writers) = self.resolve_with_writers(subject, versions.clone())?;
        let states = versions.states(&effective, is_by_writers);
        for recorded in states.ok_or_else(malformed)? {
            let state = match (recorded.is_effective, recorded.is_conflicting) {
                (true, _) => ValueState::Effective,
                (false, true) => ValueState::Conflicting,
                (false, false) => ValueState::Superseded,
            };
            let value = HistoryValue { name: recorded.name, value: recorded.value, state };
            entries.add((recorded.stamp, recorded.is_imported), value);
        }
        Ok(())
    }

    /// Adds the entries of one row whose versions are complete facts. The name of each member is prefixed
    /// with `prefix`.
    fn add_whole(
        &self,
        table: TableSpec,
        versions: Vec<Version>,
        prefix: &str,
        entries: &mut Entries,
    ) -> Result<()> {
        let kept: BTreeSet<Stamp> = current(versions.clone()).iter().flat_map(|c| c.stamps()).collect();
        let decoded = |Version { stamp, value, .. }: Version| {
            Captured::from_row(&value).map(|fact| (stamp, fact)).ok_or_else(|| self.malformed_row(table.name))
        };
        let facts = versions.into_iter().map(decoded).collect::<Result<Vec<(Stamp, Captured)>>>()?;
        let is_kept = |stamp: &Stamp| kept.contains(stamp);
        let chosen = facts.iter().filter(|(stamp, _)| is_kept(stamp));
        let chosen = chosen.max_by_key(|(stamp, fact)| (fact.origin.is_none(), *stamp));
        for (stamp, captured) in &facts {
            let state = match chosen {
                Some((effective, _)) if effective == stamp => ValueState::Effective,
                Some((_, other)) if is_kept(stamp) && differ(&captured.fact, &other.fact) => {
                    ValueState::Conflicting
                }
                _ => ValueState::Superseded,
            };
            for (name, value) in members(&captured.fact) {
                let name = format!("{prefix}{name}");
                entries.add((*stamp, captured.origin.is_some()), HistoryValue { name, value, state });
            }
        }
        Ok(())
    }

    /// Sets the kinds and the origins of entries, and sorts their values by name. Reads the entries from the
    /// log.
    fn add_kinds(&self, entries: &mut [HistoryEntry]) -> Result<()> {
        let positions: Vec<Position> = entries.iter().map(|entry| entry.stamp.position()).collect();
        for (entry, fact) in entries.iter_mut().zip(self.facts_at(&positions)?) {
            entry.values.sort_by(|a, b| a.name.cmp(&b.name));
            if let Some((found, captured)) = fact {
                entry.kind = kind_name(found.kind);
                entry.origin = captured.origin;
            }
        }
        Ok(())
    }
}

/// Returns `true` if two facts about the same object have different content. The digests of bodies are not
/// compared, because an imported manifest can be without this digest.
fn differ(a: &Fact, b: &Fact) -> bool {
    match (a, b) {
        (Fact::Artifact(a, _), Fact::Artifact(b, _)) => a != b,
        (a, b) => a != b,
    }
}

/// Returns the members of a complete fact, without the ref of the object.
fn members(fact: &Fact) -> Vec<(String, Value)> {
    let (value, own) = match fact {
        Fact::Object(object) => (object.to_value(), object.kind().ref_member()),
        Fact::Artifact(manifest, body) => {
            let mut value = manifest.to_value();
            if let (Value::Map(members), Some(body)) = (&mut value, body) {
                members.insert("body".to_owned(), Value::Text(hex(body)));
            }
            (value, "artifact_ref")
        }
        Fact::Writer(writer) => (writer.to_value(), "run_ref"),
        Fact::Ended(ended) => {
            let text = |text: Option<&str>| text.map_or(Value::Null, Value::text);
            let value = Value::map([
                ("status", ended.status().into()),
                ("ended_at", Value::text(ended.ended_at())),
                ("message", text(ended.message())),
                ("reason", text(ended.reason())),
            ]);
            (value, "")
        }
        _ => return Vec::new(),
    };
    match value {
        Value::Map(members) => {
            members.into_iter().filter(|(name, value)| name != own && *value != Value::Null).collect()
        }
        _ => Vec::new(),
    }
}
