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

use crate::contract::json::read;
use crate::contract::json::write::canonical;
use crate::contract::rules::minor_of;
use crate::contract::{RunStatus, Timestamp, Value};
use crate::engine::entry::Stamp;
use crate::engine::projection::{Version, current};
use crate::projections::metadata::{IMPORTED_MARK, METADATA_PREFIX, NOTE_PREFIX, PARAM_PREFIX, TAG_PREFIX};
use crate::store::writers::Lifecycle;
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

/// The attributes of one object: the name of each attribute, with all its recorded versions. Each name occurs once.
#[derive(Debug, Default)]
pub(super) struct AttributeVersions(Vec<(String, Vec<Version>)>);

/// Returns `true` for a version that an import recorded.
fn is_imported(version: &Version) -> bool {
    version.value.first() == Some(&IMPORTED_MARK)
}

/// Returns `true` for an attribute that is a time.
fn is_time(name: &str) -> bool {
    matches!(name, "created_at" | "started_at" | "ended_at")
}

/// Returns the value of a version; `None` if the version is malformed.
fn value_of(version: &Version) -> Option<Value> {
    std::str::from_utf8(&version.value).ok().and_then(|text| read::parse(text).ok())
}

impl AttributeVersions {
    /// Adds the versions of one attribute. The caller adds each attribute once.
    pub(super) fn add(&mut self, name: &str, versions: Vec<Version>) {
        self.0.push((name.to_owned(), versions));
    }

    /// Returns the stamps of the entries that imports replace. A line of an import describes a whole object, so all
    /// attributes of a replaced entry are ignored, including attributes that the line does not contain.
    fn replaced_by_imports(&self) -> HashSet<Stamp> {
        let all = self.0.iter().flat_map(|(_, versions)| versions);
        let imported = all.filter(|version| is_imported(version));
        imported.flat_map(|version| version.replaces.iter().copied()).collect()
    }

    /// Returns the stamp of the newest captured status if this status is terminal. The object ended at this stamp.
    pub(super) fn newest_end(&self) -> Option<Stamp> {
        let newest = self.newest_status()?;
        let open = format!("\"{}\"", RunStatus::Open);
        (newest.value != open.as_bytes()).then_some(newest.stamp)
    }

    /// Returns the newest captured version of the status.
    fn newest_status(&self) -> Option<&Version> {
        let (_, statuses) = self.0.iter().find(|(name, _)| name == "status")?;
        let statuses = statuses.iter().filter(|version| !is_imported(version));
        statuses.max_by_key(|version| version.stamp)
    }

    /// Replaces the captured versions of the status and of the end by the values in `lifecycle`, which was derived from
    /// the writers of the run.
    pub(super) fn set_lifecycle(&mut self, lifecycle: &Lifecycle) {
        let Some((status, stamp)) = lifecycle.status else { return };
        let texts = [
            ("status", Some(status.to_string())),
            ("ended_at", lifecycle.ended_at.map(|at| at.to_string())),
            ("end_message", lifecycle.end_message.clone()),
            ("end_reason", lifecycle.end_reason.clone()),
        ];
        for (name, text) in texts {
            let at = self.0.iter().position(|(other, _)| other == name);
            let mut versions = at.map_or_else(Vec::new, |at| self.0.swap_remove(at).1);
            versions.retain(is_imported);
            if let Some(Ok(value)) = text.map(|text| canonical(&Value::Text(text))) {
                versions.push(Version { stamp, replaces: Vec::new(), value: value.into_bytes() });
            }
            if !versions.is_empty() {
                self.add(name, versions);
            }
        }
    }

    /// Returns the effective value of each attribute; `None` if a version is malformed.
    pub(super) fn resolve(mut self) -> Option<Attributes> {
        // Conflicts are listed by name.
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        let replaced = self.replaced_by_imports();
        let ended_by = self.newest_status().map(|status| status.stamp);
        let mut attributes = Attributes::default();
        for (name, mut versions) in self.0 {
            versions.retain(|version| !replaced.contains(&version.stamp));
            if matches!(name.as_str(), "end_message" | "end_reason") {
                // The message and the reason must come from the same entry as the effective status.
                versions.retain(|version| is_imported(version) || Some(version.stamp) == ended_by);
            }
            if !versions.is_empty() {
                attributes.add(name, versions)?;
            }
        }
        if attributes.status() == RunStatus::Open {
            // An object whose effective status is open has no end, even if an earlier entry ended it.
            for name in ["ended_at", "end_message", "end_reason"] {
                attributes.values.remove(name);
            }
        }
        Some(attributes)
    }

    /// Returns the stamps of the entries that recorded versions of the attributes, without the entries that were
    /// replaced.
    pub(super) fn stamps(self) -> Vec<Stamp> {
        let replaced = self.replaced_by_imports();
        let unreplaced = self.0.into_iter().filter_map(|(_, versions)| current(versions));
        let stamps =
            unreplaced.flat_map(|c| c.rivals.into_iter().chain([c.version])).map(|version| version.stamp);
        stamps.filter(|stamp| !replaced.contains(stamp)).collect()
    }
}

/// Returns `true` for attributes whose captured values replace each other without a conflict.
fn replaces_silently(name: &str) -> bool {
    let by_key = [PARAM_PREFIX, TAG_PREFIX, METADATA_PREFIX];
    by_key.iter().any(|prefix| name.starts_with(prefix))
        || matches!(name, "name" | "description" | "end_message" | "end_reason")
}

/// The effective attributes of one object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributes {
    values: BTreeMap<String, Value>,
    /// The names of the attributes with a conflict: different values, between which only the stamp decides, or an
    /// imported value that differs from all captured values.
    pub conflicts: Vec<String>,
}

impl Attributes {
    /// Returns the effective value of each attribute, by name.
    pub(super) fn into_values(self) -> BTreeMap<String, Value> {
        self.values
    }

    /// Returns the effective value of an attribute; `None` if no version was recorded.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Chooses the effective value of one attribute among its recorded versions and adds it. Adds the name to the
    /// conflicts if the versions are in conflict. Returns `None` if a version is malformed.
    fn add(&mut self, name: String, versions: Vec<Version>) -> Option<()> {
        let value = match versions.as_slice() {
            // Most attributes have one version.
            [version] if is_time(&name) => {
                Value::text(value_of(version)?.as_str()?.parse::<Timestamp>().ok()?)
            }
            [version] => value_of(version)?,
            _ => self.choose(&name, versions)?,
        };
        // The value null marks a tag that was removed.
        if !(value == Value::Null && name.starts_with(TAG_PREFIX)) {
            self.values.insert(name, value);
        }
        Some(())
    }

    /// Returns the effective value of one attribute among its recorded versions, like [`Attributes::add`].
    fn choose(&mut self, name: &str, versions: Vec<Version>) -> Option<Value> {
        let chosen = current(versions)?;
        // Captured versions come before imported versions. Within each group, newer versions come before older
        // versions.
        let mut ranked: Vec<&Version> =
            [&chosen.version].into_iter().chain(chosen.rivals.iter().rev()).collect();
        ranked.sort_by_key(|version| is_imported(version));
        // Thousands of processes may have recorded the same value, so equal values are parsed once.
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let mut distinct: Vec<Value> = Vec::new();
        let mut captured = 0;
        for version in ranked {
            if seen.insert(version.value.strip_prefix(&[IMPORTED_MARK]).unwrap_or(&version.value)) {
                distinct.push(value_of(version)?);
                captured += usize::from(!is_imported(version));
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
            return Some(Value::text(time?));
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
        distinct.into_iter().next()
    }

    /// Returns the value of an attribute that is a text; `None` if the attribute is missing or is not a text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.values.get(name)?.as_str().map(str::to_owned)
    }

    /// Returns the value of an attribute that is a time; `None` if the attribute is missing or is not a time.
    pub(super) fn time(&self, name: &str) -> Option<Timestamp> {
        self.values.get(name)?.as_str()?.parse().ok()
    }

    /// Returns the attributes whose names begin with `prefix`. The keys of the map are the names without the prefix.
    pub(super) fn with_prefix(&self, prefix: &str) -> BTreeMap<String, Value> {
        // The names are sorted, so the names with the prefix are adjacent.
        let from = self.values.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let named =
            |(name, value): (&String, &Value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone()));
        from.map_while(named).collect()
    }

    /// Returns the notes that people added, oldest first.
    pub(super) fn notes(&self) -> Vec<(Timestamp, String)> {
        let note = |(_, note): (String, Value)| {
            let at = note.get("at")?.as_str()?.parse().ok()?;
            Some((at, note.get("text")?.as_str()?.to_owned()))
        };
        let mut notes: Vec<_> = self.with_prefix(NOTE_PREFIX).into_iter().filter_map(note).collect();
        notes.sort();
        notes
    }

    /// Returns the tags.
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
        self.with_prefix(TAG_PREFIX).into_iter().filter_map(text).collect()
    }

    /// Returns the status; `open` if no status was recorded.
    pub(super) fn status(&self) -> RunStatus {
        self.text("status").and_then(|s| s.parse().ok()).unwrap_or(RunStatus::Open)
    }
}
