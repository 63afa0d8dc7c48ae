//! Attributes of one object, resolved from the versions that facts recorded.
//!
//! Several facts can record versions of one attribute. A version that another version replaces is ignored. Captured
//! versions take precedence over imported versions. Among versions of the same kind, the version with the highest stamp
//! is effective.
//!
//! Exceptions:
//! - If all versions of a status are imported, an open status is ignored if there is a terminal status.
//! - Of several start or creation times, the earliest time is effective. Of several end times, the latest is effective.
//! - Of several schema versions, the newest schema version is effective.
//!
//! Captured values of parameters, tags, metadata, names, descriptions, and of the message and reason of an end replace
//! each other without a conflict. [`Attributes::conflicts`] names the attributes with a conflict.

use crate::contract::fact::Mark;
use crate::contract::json::read;
use crate::contract::json::write::canonical;
use crate::contract::rules::minor_of;
use crate::contract::{RunStatus, Timestamp, Value};
use crate::engine::entry::Stamp;
use crate::engine::projection::{Version, current};
use crate::projections::metadata::{
    IMPORTED_MARK, METADATA_PREFIX, NOTE_PREFIX, PARAM_PREFIX, TAG_PREFIX, is_mark,
};
use crate::store::lifecycle::Lifecycle;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// All recorded versions of the attributes of one object. One buffer contains all names, and a second buffer
/// contains all values. A query of many objects therefore does not allocate memory for each version.
#[derive(Debug, Clone, Default)]
pub(super) struct AttributeVersions {
    versions: Vec<AttributeVersion>,
    names: String,
    values: Vec<u8>,
}

/// A version of one attribute. `name` and `value` are ranges in the buffers of [`AttributeVersions`].
#[derive(Debug, Clone)]
struct AttributeVersion {
    name: Range<usize>,
    value: Range<usize>,
    stamp: Stamp,
    replaces: Vec<Stamp>,
}

/// Returns the name at the range `at` of the buffer of names.
fn name_at<'n>(names: &'n str, at: &Range<usize>) -> &'n str {
    names.get(at.clone()).unwrap_or_default()
}

/// Returns the value at the range `at` of the buffer of values.
fn value_at<'v>(values: &'v [u8], at: &Range<usize>) -> &'v [u8] {
    values.get(at.clone()).unwrap_or_default()
}

/// Returns `true` for a value that an import recorded.
fn is_imported(value: &[u8]) -> bool {
    value.first() == Some(&IMPORTED_MARK)
}

/// Returns `true` for an attribute that is a time.
fn is_time(name: &str) -> bool {
    matches!(name, "created_at" | "started_at" | "ended_at")
}

/// Parses a recorded value; `None` if it is malformed.
fn parse_value(value: &[u8]) -> Option<Value> {
    std::str::from_utf8(value).ok().and_then(|text| read::parse(text).ok())
}

impl AttributeVersions {
    /// Adds a version of an attribute.
    pub(super) fn add<V: AsRef<[u8]>>(&mut self, name: &str, version: Version<V>) {
        /// The capacities that are reserved with the first version: versions, bytes of names, and bytes of
        /// values.
        const TYPICAL: (usize, usize, usize) = (8, 96, 192);
        if self.versions.is_empty() {
            self.versions.reserve(TYPICAL.0);
            self.names.reserve(TYPICAL.1);
            self.values.reserve(TYPICAL.2);
        }
        let (name_start, value_start) = (self.names.len(), self.values.len());
        self.names.push_str(name);
        self.values.extend_from_slice(version.value.as_ref());
        self.versions.push(AttributeVersion {
            name: name_start..self.names.len(),
            value: value_start..self.values.len(),
            stamp: version.stamp,
            replaces: version.replaces,
        });
    }

    /// Returns the total length in bytes of the names and values.
    pub(super) fn bytes(&self) -> usize {
        self.names.len() + self.values.len()
    }

    fn name_of(&self, version: &AttributeVersion) -> &str {
        name_at(&self.names, &version.name)
    }

    fn value_of(&self, version: &AttributeVersion) -> &[u8] {
        value_at(&self.values, &version.value)
    }

    /// Returns the stamps of the entries that complete objects replace. A complete object is a line of an
    /// import, or an object that was put to supersede another object. If a complete object replaces an entry,
    /// all attributes of this entry are ignored, including attributes that the complete object does not
    /// contain. Only a complete object has the attribute `schema_version`.
    fn replaced_by_objects(&self) -> HashSet<Stamp> {
        let of_object = |version: &&AttributeVersion| {
            is_imported(self.value_of(version)) || self.name_of(version) == "schema_version"
        };
        self.versions.iter().filter(of_object).flat_map(|version| version.replaces.iter().copied()).collect()
    }

    /// Returns the stamp of the newest captured status if this status is terminal. The object ended at this stamp.
    pub(super) fn newest_end(&self) -> Option<Stamp> {
        let newest = self.newest_status()?;
        let open = RunStatus::Open.as_str().as_bytes();
        let text = self.value_of(newest).strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        (text != Some(open)).then_some(newest.stamp)
    }

    /// Returns the newest captured version of the status.
    fn newest_status(&self) -> Option<&AttributeVersion> {
        let statuses = self.versions.iter().filter(|version| self.name_of(version) == "status");
        let captured = statuses.filter(|version| !is_imported(self.value_of(version)));
        captured.max_by_key(|version| version.stamp)
    }

    /// Replaces the captured versions of the status and of the end by the values in `lifecycle`, which was derived from
    /// the writers of the run.
    pub(super) fn set_lifecycle(&mut self, lifecycle: &Lifecycle) {
        let Some((status, stamp)) = lifecycle.status else { return };
        let is_of_lifecycle =
            |name: &str| matches!(name, "status" | "ended_at" | "end_message" | "end_reason");
        let (names, values) = (&self.names, &self.values);
        self.versions.retain(|version| {
            !is_of_lifecycle(name_at(names, &version.name)) || is_imported(value_at(values, &version.value))
        });
        // A status and a time need no escapes in JSON.
        let mut add = |name: &str, value: String| {
            self.add(name, Version { stamp, replaces: Vec::new(), value });
        };
        add("status", format!("\"{}\"", status.as_str()));
        if let Some(at) = lifecycle.ended_at {
            add("ended_at", format!("\"{at}\""));
        }
        for (name, text) in [("end_message", &lifecycle.end_message), ("end_reason", &lifecycle.end_reason)] {
            if let Some(Ok(value)) = text.as_ref().map(|text| canonical(&Value::Text(text.clone()))) {
                add(name, value);
            }
        }
    }

    /// Returns the effective value of each attribute; `None` if a version is malformed.
    pub(super) fn resolve(self) -> Option<Attributes> {
        let replaced = self.replaced_by_objects();
        let ended_by = self.newest_status().map(|status| status.stamp);
        let mut attributes = Attributes::default();
        attributes.values.reserve(self.versions.len());
        self.for_each_attribute(|name, mut versions| {
            versions.retain(|version| !replaced.contains(&version.stamp));
            if matches!(name, "end_message" | "end_reason") {
                // The message and the reason must come from the same entry as the effective status.
                versions.retain(|version| is_imported(version.value) || Some(version.stamp) == ended_by);
            }
            if versions.is_empty() { Some(()) } else { attributes.add(name, versions) }
        })?;
        if attributes.status() == RunStatus::Open {
            // An object whose effective status is open has no end, even if an earlier entry ended it.
            let is_of_end = |name: &str| matches!(name, "ended_at" | "end_message" | "end_reason");
            attributes.values.retain(|(name, _)| !is_of_end(name));
        }
        Some(attributes)
    }

    /// Calls `f` with the name and all versions of each attribute, in the order of the names, until `f` returns `None`.
    fn for_each_attribute(self, mut f: impl FnMut(&str, Vec<Version<&[u8]>>) -> Option<()>) -> Option<()> {
        let AttributeVersions { mut versions, names, values } = self;
        versions.sort_by(|a, b| name_at(&names, &a.name).cmp(name_at(&names, &b.name)));
        let mut versions = versions.into_iter().peekable();
        while let Some(first) = versions.next() {
            let name = name_at(&names, &first.name);
            let borrowed = |AttributeVersion { value, stamp, replaces, .. }| Version {
                stamp,
                replaces,
                value: value_at(&values, &value),
            };
            let mut of_attribute = Vec::with_capacity(1);
            of_attribute.push(borrowed(first));
            while let Some(next) = versions.next_if(|next| name_at(&names, &next.name) == name) {
                of_attribute.push(borrowed(next));
            }
            f(name, of_attribute)?;
        }
        Some(())
    }

    /// Returns all versions. Each version is compared with the effective value of its attribute in
    /// `effective`. Returns `None` if a version is malformed. `is_by_writers` is `true` if the object is a
    /// run whose writers determine its status and its end. In this case, the captured versions of the end
    /// have no effect.
    pub(super) fn states(self, effective: &Attributes, is_by_writers: bool) -> Option<Vec<RecordedValue>> {
        let replaced = self.replaced_by_objects();
        let mut states = Vec::with_capacity(self.versions.len());
        self.for_each_attribute(|name, versions| {
            let of_attribute: HashSet<Stamp> =
                versions.iter().flat_map(|v| v.replaces.iter().copied()).collect();
            let is_current = |stamp: &Stamp| !replaced.contains(stamp) && !of_attribute.contains(stamp);
            let wanted = effective.recorded(name);
            let newest = versions.iter().filter(|version| !is_imported(version.value)).map(|v| v.stamp).max();
            // The newest captured status is effective, unless the writers of the run determine the status.
            let may_be_effective = |version: &Version<&[u8]>| match name {
                _ if is_imported(version.value) => true,
                "status" => Some(version.stamp) == newest,
                "ended_at" | "end_message" | "end_reason" => !is_by_writers,
                _ => true,
            };
            let mut chosen: Option<((bool, Stamp), usize)> = None;
            for version in versions {
                let (value, is_imported) = (parse_value(version.value)?, is_imported(version.value));
                let (is_current, is_wanted) = (is_current(&version.stamp), wanted.as_ref() == Some(&value));
                let rank = (!is_imported, version.stamp);
                if is_current
                    && is_wanted
                    && may_be_effective(&version)
                    && chosen.is_none_or(|(best, _)| rank > best)
                {
                    chosen = Some((rank, states.len()));
                }
                states.push(RecordedValue {
                    name: name.to_owned(),
                    value,
                    stamp: version.stamp,
                    is_imported,
                    is_effective: false,
                    is_conflicting: is_current && !is_wanted && effective.conflicts.iter().any(|c| c == name),
                });
            }
            if let Some(state) = chosen.and_then(|(_, at)| states.get_mut(at)) {
                state.is_effective = true;
            }
            Some(())
        })?;
        Some(states)
    }

    /// Returns the stamps of the entries that recorded versions of the attributes, without the entries that were
    /// replaced.
    pub(super) fn stamps(self) -> Vec<Stamp> {
        let replaced = self.replaced_by_objects();
        let mut stamps = Vec::new();
        self.for_each_attribute(|_, versions| {
            let unreplaced = current(versions).into_iter().flat_map(|current| current.stamps());
            stamps.extend(unreplaced.filter(|stamp| !replaced.contains(stamp)));
            Some(())
        });
        stamps
    }
}

/// A recorded version of an attribute. The version was compared with the effective value of the attribute.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RecordedValue {
    pub(super) name: String,
    pub(super) value: Value,
    pub(super) stamp: Stamp,
    pub(super) is_imported: bool,
    /// `true` for the version that gives the attribute its effective value.
    pub(super) is_effective: bool,
    /// `true` if the attribute is in conflict, the value of this version is not the effective value, and no
    /// other version replaces this version.
    pub(super) is_conflicting: bool,
}

/// Returns `true` for attributes whose captured values replace each other without a conflict.
fn replaces_silently(name: &str) -> bool {
    let by_key = [PARAM_PREFIX, TAG_PREFIX, METADATA_PREFIX];
    by_key.iter().any(|prefix| name.starts_with(prefix))
        || matches!(name, "name" | "description" | "end_message" | "end_reason")
        || is_mark(name)
}

/// The effective value of an attribute.
#[derive(Debug, Clone, PartialEq)]
enum Effective {
    Value(Value),
    /// The value of an attribute that is a time ([`is_time`]).
    Time(Timestamp),
}

impl From<Effective> for Value {
    fn from(effective: Effective) -> Value {
        match effective {
            Effective::Value(value) => value,
            Effective::Time(time) => Value::text(time),
        }
    }
}

/// The effective attributes of one object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributes {
    /// The names and values, ordered by name.
    values: Vec<(String, Effective)>,
    /// The names of the attributes with a conflict: different values, between which only the stamp decides, or an
    /// imported value that differs from all captured values.
    pub conflicts: Vec<String>,
}

impl Attributes {
    /// Returns the names and effective values of the attributes, ordered by name.
    pub(super) fn into_values(self) -> impl Iterator<Item = (String, Value)> {
        self.values.into_iter().map(|(name, value)| (name, value.into()))
    }

    /// Returns the effective value of an attribute as it was recorded. The recorded value of a removed tag is
    /// null. Returns `None` if the attribute has no effective value.
    fn recorded(&self, name: &str) -> Option<Value> {
        let value = self.value(name).map(|value| value.clone().into());
        value.or_else(|| name.starts_with(TAG_PREFIX).then_some(Value::Null))
    }

    fn value(&self, name: &str) -> Option<&Effective> {
        let at = self.values.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        self.values.get(at).map(|(_, value)| value)
    }

    /// Chooses the effective value of one attribute among its recorded versions and adds it. Adds the name to the
    /// conflicts if the versions are in conflict. Returns `None` if a version is malformed. The caller adds the
    /// attributes in the order of their names.
    fn add(&mut self, name: &str, versions: Vec<Version<&[u8]>>) -> Option<()> {
        let value = match versions.as_slice() {
            // Most attributes have one version.
            [version] if is_time(name) => {
                Effective::Time(parse_value(version.value)?.as_str()?.parse::<Timestamp>().ok()?)
            }
            [version] => Effective::Value(parse_value(version.value)?),
            _ => self.choose(name, versions)?,
        };
        // The value null marks a tag that was removed.
        if !(value == Effective::Value(Value::Null) && name.starts_with(TAG_PREFIX)) {
            self.values.push((name.to_owned(), value));
        }
        Some(())
    }

    /// Returns the effective value of one attribute among its recorded versions, like [`Attributes::add`].
    fn choose(&mut self, name: &str, versions: Vec<Version<&[u8]>>) -> Option<Effective> {
        let chosen = current(versions)?;
        // Captured versions come before imported versions. Within each group, newer versions come before older
        // versions.
        let versions = [&chosen.version].into_iter().chain(chosen.rivals.iter().rev());
        let mut ranked: Vec<&[u8]> = versions.map(|version| version.value).collect();
        ranked.sort_by_key(|value| is_imported(value));
        // Thousands of processes may have recorded the same value, so equal values are parsed once.
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let mut distinct: Vec<Value> = Vec::new();
        let mut captured = 0;
        for value in ranked {
            if seen.insert(value.strip_prefix(&[IMPORTED_MARK]).unwrap_or(value)) {
                distinct.push(parse_value(value)?);
                captured += usize::from(!is_imported(value));
            }
        }
        // The rules below choose among captured values. A different imported value is only reported as a conflict.
        if captured > 0 && captured < distinct.len() && name != "schema_version" {
            self.conflicts.push(name.to_owned());
            distinct.truncate(captured);
        }
        if name == "status" {
            let open = Value::text(RunStatus::Open);
            if captured == 0 && distinct.iter().any(|value| *value != open) {
                // The stamps of imported versions do not show which status is newer.
                distinct.retain(|value| *value != open);
            } else if distinct.first() == Some(&open) {
                // The newest captured status is open, so the object was opened again after its end.
                distinct.truncate(1);
            } else {
                distinct.retain(|value| *value != open);
            }
        }
        if captured > 0 && replaces_silently(name) {
            distinct.truncate(1);
        }
        // Several processes may record one object: the earliest start and the latest end are effective.
        if is_time(name) {
            let times = distinct.iter().filter_map(|v| v.as_str()?.parse::<Timestamp>().ok());
            let time = if name == "ended_at" { times.max() } else { times.min() };
            return time.map(Effective::Time);
        }
        // Programs with different versions of the schema may record one object. The values are valid in the newest
        // minor version.
        if name == "schema_version" {
            let minor = |v: &Value| v.as_str().and_then(minor_of);
            distinct.sort_by_key(|v| std::cmp::Reverse(minor(v)));
            distinct.truncate(1);
        }
        if distinct.len() > 1 && self.conflicts.last().is_none_or(|last| last != name) {
            self.conflicts.push(name.to_owned());
        }
        distinct.into_iter().next().map(Effective::Value)
    }

    /// Removes the value of an attribute that is a text, and returns it. Returns `None` if the attribute is missing or
    /// is not a text.
    pub(super) fn take_text(&mut self, name: &str) -> Option<String> {
        let at = self.values.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        match self.values.get_mut(at)? {
            (_, Effective::Value(Value::Text(text))) => Some(std::mem::take(text)),
            _ => None,
        }
    }

    /// Returns the value of an attribute that is a time; `None` if the attribute is missing or is not a time.
    pub(super) fn time(&self, name: &str) -> Option<Timestamp> {
        match self.value(name)? {
            Effective::Time(time) => Some(*time),
            Effective::Value(value) => value.as_str()?.parse().ok(),
        }
    }

    /// Returns the value of an attribute as an integer. Returns `None` if the attribute is missing, or is not an
    /// integer of 64 bits.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Effective::Value(Value::Int(n)) => Some(*n),
            _ => None,
        }
    }

    /// Removes the attributes whose names begin with `prefix`, and returns them. The keys of the map are the names
    /// without the prefix.
    pub(super) fn take_with_prefix(&mut self, prefix: &str) -> BTreeMap<String, Value> {
        // The names are sorted, so the names with the prefix are adjacent.
        let from = self.values.partition_point(|(name, _)| name.as_str() < prefix);
        let count = self.values.iter().skip(from).take_while(|(name, _)| name.starts_with(prefix)).count();
        if count == 0 {
            return BTreeMap::new();
        }
        let taken = self.values.drain(from..from + count);
        taken
            .map(|(name, value)| (name.get(prefix.len()..).unwrap_or_default().to_owned(), value.into()))
            .collect()
    }

    /// Returns `true` if the object has the mark.
    pub(super) fn has_mark(&self, mark: Mark) -> bool {
        self.value(mark.as_str()) == Some(&Effective::Value(Value::Bool(true)))
    }

    /// Removes the notes that people added, and returns them, oldest first.
    pub(super) fn take_notes(&mut self) -> Vec<(Timestamp, String)> {
        let note = |(_, note): (String, Value)| {
            let at = note.get("at")?.as_str()?.parse().ok()?;
            Some((at, note.get("text")?.as_str()?.to_owned()))
        };
        let mut notes: Vec<_> = self.take_with_prefix(NOTE_PREFIX).into_iter().filter_map(note).collect();
        notes.sort();
        notes
    }

    /// Removes the tags, and returns them.
    pub(super) fn take_tags(&mut self) -> BTreeMap<String, String> {
        let text = |(name, value): (String, Value)| match value {
            Value::Text(text) => Some((name, text)),
            _ => None,
        };
        self.take_with_prefix(TAG_PREFIX).into_iter().filter_map(text).collect()
    }

    /// Returns the status; `open` if no status was recorded.
    pub(super) fn status(&self) -> RunStatus {
        let Some(Effective::Value(status)) = self.value("status") else { return RunStatus::Open };
        status.as_str().and_then(|s| s.parse().ok()).unwrap_or(RunStatus::Open)
    }
}
