//! Differences of the environments of two runs.

use crate::contract::{EnvironmentRef, EnvironmentSnapshot, RunRef};
use crate::interpretation::error::Result;
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink};
use crate::store::{Note, Store};
use std::collections::{BTreeMap, BTreeSet};

/// The differences of the environments of two runs. A missing environment counts as empty.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EnvironmentDiff {
    /// The left run; `None` if two environments were compared without their runs.
    pub left_run: Option<RunRef>,
    /// The right run; `None` if two environments were compared without their runs.
    pub right_run: Option<RunRef>,
    /// The left environment.
    pub left_environment: Option<EnvironmentRef>,
    /// The right environment.
    pub right_environment: Option<EnvironmentRef>,
    /// `true` if the versions of Python differ.
    pub python_version_changed: bool,
    /// `true` if the platforms differ.
    pub platform_changed: bool,
    /// The packages that differ.
    pub packages: Changes,
    /// The environment variables that differ.
    pub variables: Changes,
    /// The devices that differ, such as GPUs. A device is identified by its position, such as `device 0`. The
    /// value of a device consists of name, memory and driver.
    pub devices: Changes,
    /// The other members that differ: runtime, host, limits, branch and uncommitted changes of the code.
    pub machine: Changes,
    /// Notes on a missing environment.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Links to the runs and the environments.
    pub evidence_links: Vec<EvidenceLink>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Values that differ, each list ordered by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// Values that only the right side has.
    pub added: Vec<ValueChange>,
    /// Values that only the left side has.
    pub removed: Vec<ValueChange>,
    /// Values that differ.
    pub changed: Vec<ValueChange>,
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueChange {
    /// The name of the package, variable or member.
    pub key: String,
    /// The value on the left side.
    pub left_value: Option<String>,
    /// The value on the right side.
    pub right_value: Option<String>,
}

impl Changes {
    fn of(left: &BTreeMap<String, String>, right: &BTreeMap<String, String>) -> Changes {
        let mut changes = Changes::default();
        let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
        for key in keys {
            let (left_value, right_value) = (left.get(key).cloned(), right.get(key).cloned());
            let list = match (&left_value, &right_value) {
                (None, _) => &mut changes.added,
                (_, None) => &mut changes.removed,
                (left, right) if left != right => &mut changes.changed,
                _ => continue,
            };
            list.push(ValueChange { key: key.clone(), left_value, right_value });
        }
        changes
    }

    /// Returns `true` if no value differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl EnvironmentDiff {
    /// Returns `true` if the environments differ in any member.
    #[must_use]
    pub fn is_different(&self) -> bool {
        let all = [&self.packages, &self.variables, &self.devices, &self.machine];
        self.python_version_changed || self.platform_changed || all.iter().any(|changes| !changes.is_empty())
    }
}

/// Compares the newest environments of two runs.
pub fn compare_environments(store: &Store, left: &str, right: &str) -> Result<EnvironmentDiff> {
    store.read(|view| {
        let (left, right) = (view.find_run(left)?, view.find_run(right)?);
        let newest = |run: &RunRef| view.environments(run).map(|mut all| all.pop().map(|row| row.snapshot));
        let environments = [newest(&left.run_ref)?, newest(&right.run_ref)?];
        let [l, r] = &environments;
        let mut diff = diff_of(l.as_ref(), r.as_ref());
        for (side, run, environment) in [("left", &left, l), ("right", &right, r)] {
            if environment.is_none() {
                let note = CompletenessNote::warning(format!("{side}_environment_snapshot_missing"));
                diff.completeness_notes.push(note.with("run_id", run.run_ref.as_str()));
            }
        }
        let runs = [&left, &right].map(|run| EvidenceLink::new("run", &run.run_ref, &run.name));
        diff.evidence_links = runs.into_iter().chain(environments.iter().flatten().map(link)).collect();
        (diff.left_run, diff.right_run) = (Some(left.run_ref), Some(right.run_ref));
        diff.notes = view.notes();
        Ok(diff)
    })
}

/// Returns a link to an environment.
pub(super) fn link(environment: &EnvironmentSnapshot) -> EvidenceLink {
    EvidenceLink::new("environment", &environment.environment_snapshot_ref, &environment.platform)
}

/// Compares two environments. A missing environment counts as empty.
pub(in crate::interpretation) fn diff_of(
    left: Option<&EnvironmentSnapshot>,
    right: Option<&EnvironmentSnapshot>,
) -> EnvironmentDiff {
    let own = |side: Option<&EnvironmentSnapshot>| side.map(|e| e.environment_snapshot_ref.clone());
    let map = |side: Option<&EnvironmentSnapshot>,
               of: fn(&EnvironmentSnapshot) -> BTreeMap<String, String>| {
        side.map(of).unwrap_or_default()
    };
    let changes = |of: fn(&EnvironmentSnapshot) -> BTreeMap<String, String>| {
        Changes::of(&map(left, of), &map(right, of))
    };
    EnvironmentDiff {
        left_run: None,
        right_run: None,
        left_environment: own(left),
        right_environment: own(right),
        python_version_changed: left.map(|e| e.python_interpreter()) != right.map(|e| e.python_interpreter()),
        platform_changed: left.map(|e| &e.platform) != right.map(|e| &e.platform),
        packages: changes(|e| e.packages.clone()),
        variables: changes(|e| e.environment_variables.clone()),
        devices: changes(devices),
        machine: changes(machine),
        completeness_notes: Vec::new(),
        evidence_links: Vec::new(),
        notes: Vec::new(),
    }
}

/// Returns the devices of an environment. The key of a device is its position, such as `device 0`. The value
/// consists of name, memory and driver.
fn devices(environment: &EnvironmentSnapshot) -> BTreeMap<String, String> {
    let device = |(n, device): (usize, &crate::contract::Device)| {
        let memory = device.memory_bytes.map(|bytes| format!(", {bytes} bytes"));
        let driver = device.driver.as_ref().map(|driver| format!(", driver {driver}"));
        let text = [Some(device.name.clone()), memory, driver].into_iter().flatten().collect::<String>();
        (format!("device {n}"), text)
    };
    environment.devices.iter().enumerate().map(device).collect()
}

/// Returns the members of an environment that describe runtime, machine and code.
fn machine(environment: &EnvironmentSnapshot) -> BTreeMap<String, String> {
    let mut members = BTreeMap::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    add(
        "runtime",
        environment.runtime.as_ref().map(|runtime| format!("{} {}", runtime.name, runtime.version)),
    );
    if let Some(host) = &environment.host {
        add("host", host.name.clone());
        add("os", host.os.clone());
        add("kernel", host.kernel.clone());
        add("cpu", host.cpu.clone());
        let numbers = [
            ("cpu_count", host.cpu_count),
            ("memory_bytes", host.memory_bytes),
            ("cpu_limit_millis", host.cpu_limit_millis),
            ("memory_limit_bytes", host.memory_limit_bytes),
        ];
        numbers.into_iter().for_each(|(name, number)| add(name, number.map(|number| number.to_string())));
    }
    if let Some(code) = &environment.code {
        add("branch", code.branch.clone());
        add("remote", code.remote.clone());
        add("uncommitted_change", code.dirty.map(|dirty| dirty.to_string()));
    }
    members
}
