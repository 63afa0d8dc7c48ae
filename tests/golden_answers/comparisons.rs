//! Models of comparisons of runs, in the form of the reference.

use crate::golden_answers::answers::{Exception, Model, python};
use crate::golden_answers::metrics::{Selection, Table};
use crate::golden_answers::object::{link, note};
use crate::golden_answers::parts::{Artifact, Part};
use crate::golden_answers::runs::Run;
use contexta::contract::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Words in the names of metrics whose lower values are better.
const LOWER_IS_BETTER: [&str; 6] = ["loss", "perplexity", "latency", "error", "time", "mae"];

/// The settings of a comparison.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) by: Selection,
    pub(super) includes_unchanged: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { by: Selection::Latest, includes_unchanged: false }
    }
}

/// The values of the left and the right run. `None` if the run does not have the value.
type Sides<T> = [Option<T>; 2];

/// The comparison of two runs.
pub(super) struct Pair<'a> {
    pub(super) model: Model<'a>,
    pub(super) left: &'a Run,
    pub(super) right: &'a Run,
    pub(super) policy: Policy,
}

/// A metric that differs.
struct Delta {
    /// The name of the stage, or `run` for a metric outside stages.
    stage: String,
    metric: String,
    left: Option<f64>,
    right: Option<f64>,
}

impl Delta {
    fn difference(&self) -> Option<f64> {
        Some(self.right? - self.left?)
    }

    fn ratio(&self) -> Option<f64> {
        self.left.filter(|left| *left != 0.0).and_then(|left| Some(self.right? / left))
    }

    fn note(&self) -> Option<String> {
        let is_sparse = self.left.is_none() || self.right.is_none();
        is_sparse.then(|| format!("sparse_metric_capture:{}:{}", self.stage, self.metric))
    }

    fn to_value(&self) -> Value {
        let number = |number: Option<f64>| number.map_or(Value::Null, Value::from);
        let details = Value::map([("left_value", number(self.left)), ("right_value", number(self.right))]);
        Value::map([
            ("metric_key", Value::text(&self.metric)),
            ("left_value", number(self.left)),
            ("right_value", number(self.right)),
            ("delta", number(self.difference())),
            ("change_ratio", number(self.ratio())),
            ("stage_name", Value::text(&self.stage)),
            ("evidence_links", Value::list(Vec::<Value>::new())),
            (
                "completeness_notes",
                Value::list(self.note().map(|summary| note("warning", &summary, details))),
            ),
        ])
    }
}

/// A change of artifacts: type, detail, and the artifacts of both sides.
struct Change<'a> {
    change: &'static str,
    detail: Option<String>,
    lefts: Vec<&'a Artifact>,
    rights: Vec<&'a Artifact>,
}

impl Change<'_> {
    fn kind(&self) -> &str {
        &self.lefts.first().or(self.rights.first()).unwrap().kind
    }

    fn to_value(&self) -> Value {
        let own = |side: &[&Artifact]| side.first().map_or(Value::Null, |first| Value::text(&first.artifact));
        let link = |artifact: &&Artifact| link("artifact", &artifact.artifact, &artifact.kind);
        let linked = self.lefts.iter().chain(&self.rights).filter(|_| self.change != "ambiguous");
        Value::map([
            ("artifact_kind", Value::text(self.kind())),
            ("left_ref", own(&self.lefts)),
            ("right_ref", own(&self.rights)),
            ("change", Value::text(self.change)),
            ("evidence_links", Value::list(linked.map(link))),
            ("change_detail", self.detail.clone().into()),
        ])
    }
}

/// Compares one artifact of each run.
fn pair<'a>(left: &'a Artifact, right: &'a Artifact) -> Option<Change<'a>> {
    let detail = match (left.body != right.body, left.location != right.location) {
        (false, false) => return None,
        (true, true) => "both_changed",
        (true, false) => "hash_changed",
        (false, true) => "location_changed",
    };
    let detail = Some(detail.to_owned());
    Some(Change { change: "changed", detail, lefts: vec![left], rights: vec![right] })
}

impl<'a> Pair<'a> {
    fn mends(&self, gap: &str) -> bool {
        self.model.rules.mends(gap)
    }

    /// Returns the stages of both runs, by the name of the stage.
    fn stages(&self) -> BTreeMap<&'a str, Sides<&'a Part>> {
        let mut stages: BTreeMap<&str, Sides<&Part>> = BTreeMap::new();
        for (side, run) in [self.left, self.right].into_iter().enumerate() {
            for stage in self.model.parts.stages(&run.run, self.model.rules) {
                stages.entry(&stage.name).or_default()[side] = Some(stage);
            }
        }
        stages
    }

    /// Returns the metrics of a stage that differ. `None` stands for the metrics outside any stage.
    fn deltas(&self, stage: Option<&str>) -> Vec<Delta> {
        let values = |run: &Run| -> BTreeMap<String, (f64, Option<String>)> {
            let table: Table = self.model.metrics.table(&run.run, self.policy.by, self.model.rules);
            let has_stage = stage.is_none_or(|stage| self.model.parts.stage(&run.run, stage).is_some());
            // The reference compares a missing stage with the metrics outside stages (G5).
            let of = match (has_stage, self.mends("G5")) {
                (true, _) => stage,
                (false, false) => None,
                (false, true) => return BTreeMap::new(),
            };
            let in_stage = table.into_iter().filter(|((own, _), _)| own.as_deref() == of);
            in_stage.map(|((_, metric), value)| (metric, value)).collect()
        };
        let (left, right) = (values(self.left), values(self.right));
        let metrics: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
        let is_listed = |metric: &&String| {
            let (left, right) = (left.get(*metric), right.get(*metric));
            let is_unchanged = match (left, right) {
                (Some(left), Some(right)) => left.0 == right.0 && (left.1 == right.1 || !self.mends("G14")),
                _ => false,
            };
            self.policy.includes_unchanged || !is_unchanged
        };
        let value = |side: &BTreeMap<String, (f64, Option<String>)>, metric: &str| {
            side.get(metric).map(|(value, _)| *value)
        };
        let delta = |metric: &String| Delta {
            stage: stage.unwrap_or("run").to_owned(),
            metric: metric.clone(),
            left: value(&left, metric),
            right: value(&right, metric),
        };
        metrics.into_iter().filter(is_listed).map(delta).collect()
    }

    /// Returns the metrics outside stages that differ. The reference never compares them (G5).
    fn outside(&self) -> Vec<Delta> {
        if self.mends("G5") { self.deltas(None) } else { Vec::new() }
    }

    /// Returns all metrics that differ. Metrics outside stages come first, and metrics of stages follow.
    fn all_deltas(&self) -> Vec<Delta> {
        let of_stages = self.stages().into_keys().flat_map(|stage| self.deltas(Some(stage)));
        self.outside().into_iter().chain(of_stages).collect()
    }

    /// Returns the changes of artifacts. The reference does not compare several artifacts of one kind (G17).
    fn changes(&self) -> Vec<Change<'a>> {
        let [lefts, rights] = [self.left, self.right].map(|run| self.model.parts.artifacts_of(&run.run));
        let kinds: BTreeSet<&str> =
            lefts.iter().chain(&rights).map(|artifact| artifact.kind.as_str()).collect();
        let mut changes = Vec::new();
        for kind in kinds {
            let of = |side: &[&'a Artifact]| -> Vec<&'a Artifact> {
                side.iter().filter(|artifact| artifact.kind == kind).copied().collect()
            };
            let (lefts, rights) = (of(&lefts), of(&rights));
            let bodies = |side: &[&'a Artifact]| -> Vec<&'a Vec<u8>> {
                let mut bodies: Vec<_> = side.iter().map(|artifact| &artifact.body).collect();
                bodies.sort();
                bodies
            };
            match (lefts.len(), rights.len()) {
                (_, 0) => changes.push(Change { change: "removed", detail: None, lefts, rights }),
                (0, _) => changes.push(Change { change: "added", detail: None, lefts, rights }),
                (1, 1) => changes.extend(pair(lefts[0], rights[0])),
                (left, right) if !self.mends("G17") => {
                    let detail = Some(format!("left={left}, right={right}"));
                    changes.push(Change { change: "ambiguous", detail, lefts, rights });
                }
                _ if bodies(&lefts) == bodies(&rights) => {
                    changes.push(Change { change: "same", detail: None, lefts, rights });
                }
                _ => changes.extend(by_name(&lefts, &rights)),
            }
        }
        changes
    }

    fn summary(&self) -> String {
        format!(
            "Compared {} and {}: {} stage rows, {} metric deltas, {} artifact changes.",
            self.left.name,
            self.right.name,
            self.stages().len(),
            self.all_deltas().len(),
            self.changes().len()
        )
    }

    /// Returns `true` if the newest environments of both runs differ. The reference compares members that are always
    /// empty (G7).
    fn has_other_environment(&self) -> bool {
        let environment = |run: &Run| self.model.parts.environment(&run.run, self.model.rules);
        let both = environment(self.left).zip(environment(self.right));
        let members = ["python_version", "platform", "packages", "environment_variables"];
        self.mends("G7")
            && both.is_some_and(|(left, right)| {
                members.iter().any(|name| left.object.get(name) != right.object.get(name))
            })
    }

    /// Replaces the parts of a JSON answer that the model computes.
    pub(super) fn edit(&self, answer: &mut Value) {
        let Value::Map(members) = answer else { return };
        members.insert("summary".to_owned(), Value::text(self.summary()));
        members
            .insert("artifact_changes".to_owned(), Value::list(self.changes().iter().map(Change::to_value)));
        if let Some(Value::List(stages)) = members.get_mut("stage_comparisons") {
            for stage in stages {
                let name = stage.get("stage_name").and_then(Value::as_str).unwrap().to_owned();
                let Value::Map(stage) = stage else { continue };
                let deltas = self.deltas(Some(&name));
                stage.insert("metric_deltas".to_owned(), Value::list(deltas.iter().map(Delta::to_value)));
            }
        }
        if let Some(Value::Map(provenance)) = members.get_mut("provenance_comparison") {
            provenance.insert("environment_changed".to_owned(), self.has_other_environment().into());
            let [left, right] = [self.left, self.right].map(|run| self.model.provenance(run));
            for (flag, member) in [
                ("code_revision_changed", "formation_context_ref"),
                ("config_hash_changed", "policy_ref"),
                ("dataset_refs_changed", "evidence_bundle_ref"),
            ] {
                let of = |view: &Value| view.get(member).cloned().unwrap_or(Value::Null);
                provenance.insert(flag.to_owned(), (of(&left) != of(&right)).into());
            }
            provenance.insert("left_provenance".to_owned(), left);
            provenance.insert("right_provenance".to_owned(), right);
        }
        answer.name_non_finite();
    }

    /// Returns the answer as text.
    pub(super) fn text(&self) -> String {
        let status =
            |stage: &Option<&Part>| stage.map_or_else(|| "-".to_owned(), |stage| stage.text("status"));
        let line = |(name, [left, right]): (&str, Sides<&Part>)| {
            let deltas = self.deltas(Some(name)).len();
            format!("[{name}] left={} right={} deltas={deltas}\n", status(&left), status(&right))
        };
        let stages: String = self.stages().into_iter().map(line).collect();
        format!("Compare: {} vs {}\n{}\n{stages}", self.left.run, self.right.run, self.summary())
    }

    /// Returns the answer as CSV.
    pub(super) fn csv(&self) -> String {
        let number = |number: Option<f64>| number.map_or_else(String::new, python);
        let stages = self.stages();
        let row = |delta: &Delta| {
            let stage = stages.get(delta.stage.as_str());
            let status = |side: usize| {
                stage.and_then(|stage| stage[side]).map_or_else(String::new, |s| s.text("status"))
            };
            let is_missing = stage.is_some_and(|stage| stage.iter().any(Option::is_none));
            let missing = is_missing.then(|| format!("missing_stage:{}", delta.stage));
            let notes: Vec<String> = delta.note().into_iter().chain(missing).collect();
            let name = if stage.is_some() { delta.stage.as_str() } else { "" };
            let numbers = [delta.left, delta.right, delta.difference(), delta.ratio()].map(number).join(",");
            let notes = notes.join("; ");
            format!("{name},\"{}\",{numbers},{},{},\"{notes}\"\n", delta.metric, status(0), status(1))
        };
        let rows: String = self.all_deltas().iter().map(row).collect();
        format!(
            "stage_name,metric_key,left_value,right_value,delta,change_ratio,left_status,right_status,notes\n{rows}"
        )
    }

    /// Returns the titles and the texts of the report sections that the model computes.
    pub(super) fn sections(&self) -> Vec<(&'static str, String)> {
        let number = |number: Option<f64>| number.map_or_else(|| "None".to_owned(), python);
        let delta = |delta: &Delta| {
            let (left, right, difference) =
                (number(delta.left), number(delta.right), number(delta.difference()));
            format!("{}/{}: left={left}, right={right}, delta={difference}", delta.stage, delta.metric)
        };
        let own =
            |side: &[&Artifact]| side.first().map_or("None", |first| first.artifact.as_str()).to_owned();
        let change = |change: &Change<'_>| {
            format!(
                "{}: {} ({} -> {})",
                change.kind(),
                change.change,
                own(&change.lefts),
                own(&change.rights)
            )
        };
        let deltas = self.all_deltas().iter().map(delta).collect();
        let changes = self.changes().iter().map(change).collect();
        vec![
            ("Summary", self.summary()),
            ("Metric Deltas", lines(deltas, "No metric deltas.")),
            ("Artifact Changes", lines(changes, "No artifact changes.")),
            (
                "Provenance",
                format!(
                    "environment_changed: {}",
                    if self.has_other_environment() { "True" } else { "False" }
                ),
            ),
        ]
    }
}

/// Compares artifacts with equal names.
fn by_name<'a>(lefts: &[&'a Artifact], rights: &[&'a Artifact]) -> Vec<Change<'a>> {
    fn named<'a>(side: &[&'a Artifact]) -> BTreeMap<&'a str, &'a Artifact> {
        side.iter().map(|artifact| (artifact.artifact.rsplit('.').next().unwrap(), *artifact)).collect()
    }
    let (lefts, rights) = (named(lefts), named(rights));
    let names: BTreeSet<&str> = lefts.keys().chain(rights.keys()).copied().collect();
    let one = |change, lefts, rights| Some(Change { change, detail: None, lefts, rights });
    let change = |name: &str| match (lefts.get(name), rights.get(name)) {
        (Some(left), Some(right)) => pair(left, right),
        (Some(left), None) => one("removed", vec![*left], Vec::new()),
        (None, right) => one("added", Vec::new(), right.copied().into_iter().collect()),
    };
    names.into_iter().filter_map(change).collect()
}

/// Joins lines to one text. Returns `otherwise` if there are no lines.
pub(super) fn lines(lines: Vec<String>, otherwise: &str) -> String {
    if lines.is_empty() { otherwise.to_owned() } else { lines.join("\n") }
}

/// The comparison of several runs.
pub(super) struct Many<'a> {
    pub(super) model: Model<'a>,
    pub(super) runs: Vec<&'a Run>,
    pub(super) by: Selection,
}

/// The values of a metric.
struct Row {
    stage: Option<String>,
    metric: String,
    values: Vec<Option<f64>>,
    best: Option<String>,
}

impl<'a> Many<'a> {
    /// Returns the rows of the table. The reference cannot order metrics in stages and outside stages (G4).
    fn rows(&self) -> Result<Vec<Row>, Exception> {
        let rules = self.model.rules;
        let tables: Vec<Table> =
            self.runs.iter().map(|run| self.model.metrics.table(&run.run, self.by, rules)).collect();
        let keys: BTreeSet<&(Option<String>, String)> = tables.iter().flat_map(BTreeMap::keys).collect();
        let kinds: BTreeSet<bool> = keys.iter().map(|(stage, _)| stage.is_none()).collect();
        if kinds.len() == 2 && !rules.mends("G4") {
            return Err(Exception("TypeError"));
        }
        let row = |key: &(Option<String>, String)| {
            let values: Vec<Option<f64>> =
                tables.iter().map(|table| table.get(key).map(|(value, _)| *value)).collect();
            let mut words = key.1.split('{').next().unwrap().split(|c: char| !c.is_alphanumeric());
            // In the reference, the greatest value of every metric is the best value (G18).
            let is_lower_better = rules.mends("G18") && words.any(|word| LOWER_IS_BETTER.contains(&word));
            let mut best: Option<(f64, &Run)> = None;
            for (value, run) in values.iter().zip(&self.runs) {
                let Some(value) = value else { continue };
                let is_better = |best: f64| if is_lower_better { *value < best } else { *value > best };
                if best.is_none_or(|(best, _)| is_better(best)) {
                    best = Some((*value, run));
                }
            }
            let best = best.map(|(_, run)| run.run.clone());
            Row { stage: key.0.clone(), metric: key.1.clone(), values, best }
        };
        Ok(keys.into_iter().map(row).collect())
    }

    /// Returns the number of artifacts of each kind in each run.
    fn counts(&self) -> BTreeMap<&'a str, Vec<usize>> {
        let mut counts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, run) in self.runs.iter().enumerate() {
            for artifact in self.model.parts.artifacts_of(&run.run) {
                counts.entry(&artifact.kind).or_insert_with(|| vec![0; self.runs.len()])[at] += 1;
            }
        }
        counts
    }

    fn summary(&self, rows: &[Row]) -> String {
        let kinds = self.counts().len();
        format!(
            "Compared {} runs: {} metric rows and {kinds} artifact kind summaries.",
            self.runs.len(),
            rows.len()
        )
    }

    /// Returns the answer as JSON. `shown` contains the answer to the question about each run.
    pub(super) fn value(&self, shown: &[&Value]) -> Result<Value, Exception> {
        let rows = self.rows()?;
        let row = |row: &Row| {
            Value::map([
                ("metric_key", Value::text(&row.metric)),
                ("stage_name", row.stage.clone().into()),
                (
                    "values",
                    Value::list(row.values.iter().map(|value| value.map_or(Value::Null, Value::from))),
                ),
                ("best_run_id", row.best.clone().into()),
            ])
        };
        let count = |(kind, counts): (&str, Vec<usize>)| {
            Value::map([("artifact_kind", Value::text(kind)), ("counts", Value::list(counts))])
        };
        let (mut notes, mut links): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
        for (run, shown) in self.runs.iter().zip(shown) {
            for summary in shown.get("completeness_notes").and_then(Value::as_list).unwrap() {
                let details = Value::map([("run_id", Value::text(&run.run))]);
                if notes.iter().all(|known| known.get("summary") != Some(summary)) {
                    notes.push(note("warning", summary.as_str().unwrap(), details));
                }
            }
            for link in shown.get("evidence_links").and_then(Value::as_list).unwrap() {
                if !links.contains(link) {
                    links.push(link.clone());
                }
            }
        }
        Ok(Value::map([
            ("run_ids", Value::list(self.runs.iter().map(|run| run.run.as_str()))),
            ("run_names", Value::list(self.runs.iter().map(|run| run.name.as_str()))),
            ("metric_table", Value::list(rows.iter().map(row))),
            ("artifact_kind_counts", Value::list(self.counts().into_iter().map(count))),
            ("completeness_notes", Value::list(notes)),
            ("evidence_links", Value::list(links)),
            ("summary", Value::text(self.summary(&rows))),
        ]))
    }

    /// Returns the answer as text.
    pub(super) fn text(&self) -> Result<String, Exception> {
        let rows = self.rows()?;
        let ids: Vec<&str> = self.runs.iter().map(|run| run.run.as_str()).collect();
        let row = |row: &Row| {
            let values = row.values.iter().map(|value| value.map_or_else(String::new, python));
            let values = values.collect::<Vec<_>>().join(", ");
            let (stage, best) = (row.stage.as_deref().unwrap_or("run"), row.best.as_deref().unwrap_or("-"));
            format!("{stage} | {} | {values} | best={best}\n", row.metric)
        };
        let rows_text: String = rows.iter().map(row).collect();
        Ok(format!("Compare many: {}\n{}\n{rows_text}", ids.join(", "), self.summary(&rows)))
    }

    /// Returns the titles and the texts of the report sections that the model computes.
    pub(super) fn sections(&self) -> Result<Vec<(&'static str, String)>, Exception> {
        let rows = self.rows()?;
        let row = |row: &Row| {
            let values = row.values.iter().map(|value| value.map_or_else(|| "None".to_owned(), python));
            let values = values.collect::<Vec<_>>().join(", ");
            format!("{}/{}: ({values})", row.stage.as_deref().unwrap_or("run"), row.metric)
        };
        Ok(vec![
            ("Summary", self.summary(&rows)),
            ("Metric Table", lines(rows.iter().map(row).collect(), "No metric rows.")),
        ])
    }
}
