//! Attributes of one object, resolved from the versions that facts recorded.
//!
//! Several facts can record versions of one attribute. A version that another version replaces is ignored. Among the
//! remaining versions, captured versions take precedence over imported versions; then the version with the highest
//! stamp is effective. Exceptions: a terminal status takes precedence over an open status; the earliest start or
//! creation, the latest end, and the newest schema version are effective.

use crate::contract::json::read;
use crate::contract::rules::minor_of;
use crate::contract::{RunStatus, Timestamp, Value};
use crate::engine::entry::Stamp;
use crate::engine::projection::{Version, current};
use crate::projections::metadata::{IMPORTED_MARK, TAG_PREFIX};
use std::collections::{BTreeMap, HashSet};

/// All recorded versions of the attributes of one object, with the names of the attributes.
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
    /// Adds the versions of one attribute. Each attribute is added once.
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

    /// Returns the effective value of each attribute; `None` if a version is malformed.
    pub(super) fn resolve(self) -> Option<Attributes> {
        let replaced = self.replaced_by_imports();
        let mut attributes = Attributes::default();
        for (name, mut versions) in self.0 {
            versions.retain(|version| !replaced.contains(&version.stamp));
            if !versions.is_empty() {
                attributes.add(name, versions)?;
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
        self.values.insert(name, value);
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
        if name == "status" || name == "ended_at" {
            // An open status is ignored beside a terminal status, because the end was recorded later.
            let open = Value::text(RunStatus::Open);
            if distinct.iter().any(|value| *value != open) {
                distinct.retain(|value| *value != open);
            }
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
        let named =
            |(name, value): (&String, &Value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone()));
        self.values.iter().filter_map(named).collect()
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
