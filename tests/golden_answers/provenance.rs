//! Models of the provenance and the environments of runs, in the form of the reference.

use crate::golden_answers::answers::{Model, links};
use crate::golden_answers::object::{link, note, text};
use crate::golden_answers::parts::Part;
use crate::golden_answers::runs::Run;
use contexta::contract::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the texts of a member of an environment.
fn texts(environment: Option<&Part>, member: &str) -> BTreeMap<String, Value> {
    match environment.and_then(|environment| environment.object.get(member)) {
        Some(Value::Map(members)) => members.clone(),
        _ => BTreeMap::new(),
    }
}

impl Model<'_> {
    fn environment(&self, run: &Run) -> Option<&Part> {
        self.parts.environment(&run.run, self.rules)
    }

    /// Returns the newest provenance of a run.
    pub(super) fn provenance(&self, run: &Run) -> Value {
        self.lineage.provenance_of_run(&run.run, self.rules)
    }

    /// Returns the answer to the question about the reproducibility of a run.
    pub(super) fn audit(&self, run: &Run) -> Value {
        let (provenance, environment) = (self.provenance(run), self.environment(run));
        let own = ("run_id", Value::text(&run.run));
        let (mut notes, mut evidence) = (Vec::new(), links(run).as_list().unwrap().to_vec());
        let text = |name: &str| text(&provenance, name).unwrap_or_default();
        let has_provenance = provenance != Value::Null;
        if has_provenance {
            evidence.push(link("provenance", &text("provenance_ref"), &text("assertion_mode")));
        } else {
            notes.push(note("warning", "provenance_missing", Value::map([own.clone()])));
        }
        let packages = texts(environment, "packages");
        match environment {
            None => notes.push(note("warning", "environment_snapshot_missing", Value::map([own.clone()]))),
            Some(found) => {
                evidence.push(link("environment", &found.own, &found.name));
                if packages.is_empty() {
                    let details = Value::map([("environment_ref", Value::text(&found.own)), own.clone()]);
                    notes.push(note("info", "environment_packages_empty", details));
                }
            }
        }
        if has_provenance && provenance.get("evidence_bundle_ref") == Some(&Value::Null) {
            let details = Value::map([("provenance_ref", Value::text(text("provenance_ref"))), own.clone()]);
            notes.push(note("info", "provenance_evidence_bundle_missing", details));
        }
        let member =
            |name: &str| environment.and_then(|e| e.object.get(name)).cloned().unwrap_or(Value::Null);
        let status = match (has_provenance, environment.is_some()) {
            (true, true) => "complete",
            (false, false) => "missing",
            _ => "partial",
        };
        Value::map([
            own,
            ("provenance", provenance.clone()),
            ("environment_ref", environment.map(|environment| environment.own.clone()).into()),
            ("python_version", member("python_version")),
            ("platform", member("platform")),
            ("package_count", packages.len().into()),
            ("environment_variable_count", texts(environment, "environment_variables").len().into()),
            ("reproducibility_status", Value::text(status)),
            ("completeness_notes", Value::list(notes)),
            ("evidence_links", Value::list(evidence)),
        ])
    }

    /// Returns the differences between the environments of two runs, as the answer to a question.
    pub(super) fn environment_diff(&self, left: &Run, right: &Run) -> Value {
        let sides = [left, right].map(|run| self.environment(run));
        let member = |side: Option<&Part>, name: &str| side.and_then(|side| side.object.get(name).cloned());
        let changes = |name: &str, presence: [bool; 2]| {
            let [left, right] = sides.map(|side| texts(side, name));
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            let is_listed = |key: &&&String| {
                let (l, r) = (left.get(**key), right.get(**key));
                l != r && [l.is_some(), r.is_some()] == presence
            };
            let change = |key: &String| {
                Value::map([
                    ("key", Value::text(key)),
                    ("left_value", left.get(key).cloned().into()),
                    ("right_value", right.get(key).cloned().into()),
                ])
            };
            Value::list(keys.iter().filter(is_listed).map(|key| change(key)))
        };
        let (added, removed, changed) = ([false, true], [true, false], [true, true]);
        let mut notes = Vec::new();
        let mut evidence = [left, right].map(|run| link("run", &run.run, &run.name)).to_vec();
        for (side, run, environment) in [("left", left, sides[0]), ("right", right, sides[1])] {
            match environment {
                Some(found) => evidence.push(link("environment", &found.own, &found.name)),
                None => {
                    let code = format!("{side}_environment_snapshot_missing");
                    notes.push(note("warning", &code, Value::map([("run_id", Value::text(&run.run))])));
                }
            }
        }
        let differs = |name: &str| Value::from(member(sides[0], name) != member(sides[1], name));
        let own = |side: Option<&Part>| Value::from(side.map(|environment| environment.own.clone()));
        Value::map([
            ("left_run_id", Value::text(&left.run)),
            ("right_run_id", Value::text(&right.run)),
            ("left_environment_ref", own(sides[0])),
            ("right_environment_ref", own(sides[1])),
            ("python_version_changed", differs("python_version")),
            ("platform_changed", differs("platform")),
            ("added_packages", changes("packages", added)),
            ("removed_packages", changes("packages", removed)),
            ("changed_packages", changes("packages", changed)),
            ("added_variables", changes("environment_variables", added)),
            ("removed_variables", changes("environment_variables", removed)),
            ("changed_variables", changes("environment_variables", changed)),
            ("completeness_notes", Value::list(notes)),
            ("evidence_links", Value::list(evidence)),
        ])
    }
}
