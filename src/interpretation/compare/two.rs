//! Comparison of two runs.
//!
//! Stages with the same name are compared with each other. Metrics outside any stage are compared with
//! metrics outside any stage. In the difference of a metric, `delta` is the right value minus the left value.
//! `change_ratio` is the right value divided by the left value.

use crate::contract::{EnvironmentSnapshot, ProvenanceRecord, StageRef, Value};
use crate::interpretation::compare::artifacts::{ArtifactChange, artifact_changes};
use crate::interpretation::compare::metrics::{MetricDelta, deltas};
use crate::interpretation::direction::Directions;
use crate::interpretation::error::Result;
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink, add_new, unique};
use crate::interpretation::metric::Selection;
use crate::interpretation::metric_table::{metrics_of, stage_names};
use crate::interpretation::provenance::environment::{EnvironmentDiff, diff_of};
use crate::interpretation::query::snapshot::{Outline, outline};
use crate::interpretation::query::value_order::compare_values;
use crate::store::{Attempts, Note, RunRow, Severity, StageRow, Store, StoreView};
use std::collections::{BTreeMap, BTreeSet};

/// The settings of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComparePolicy {
    /// The choice of one value from the points of a metric in a run. The default is the latest value.
    pub metric_selection: Selection,
    /// `true` to include metrics whose values are equal.
    pub include_unchanged_metrics: bool,
    /// The severity of the note on a stage that only one of the runs has.
    pub missing_stage_severity: Severity,
    /// The directions in which metrics improve.
    pub directions: Directions,
}

impl Default for ComparePolicy {
    fn default() -> ComparePolicy {
        ComparePolicy {
            metric_selection: Selection::Latest,
            include_unchanged_metrics: false,
            missing_stage_severity: Severity::Warning,
            directions: Directions::default(),
        }
    }
}

/// The comparison of two runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunComparison {
    /// The left run.
    pub left: RunRow,
    /// The right run.
    pub right: RunRow,
    /// A summary in one line.
    pub summary: String,
    /// Parameters that differ, ordered by name. A nested parameter is named by its path, such as `optimizer.lr`.
    pub params: Vec<ParamDelta>,
    /// Metadata that differs, ordered by path.
    pub metadata: Vec<ParamDelta>,
    /// Tags that differ, ordered by name.
    pub tags: Vec<ParamDelta>,
    /// Metrics outside any stage, ordered by key.
    pub metric_deltas: Vec<MetricDelta>,
    /// All stages of both runs, ordered by name.
    pub stage_comparisons: Vec<StageComparison>,
    /// Artifacts that differ, ordered by kind.
    pub artifact_changes: Vec<ArtifactChange>,
    /// The comparison of the provenance; `None` if neither run has provenance.
    pub provenance_comparison: Option<ProvenanceComparison>,
    /// The differences of the environments; `None` if a run has no environment snapshot.
    pub environment: Option<EnvironmentDiff>,
    /// `true` if the code revisions differ; `None` if a code revision is unknown.
    pub code_revision_changed: Option<bool>,
    /// `true` if the data sets differ; `None` if a data set is unknown.
    pub dataset_changed: Option<bool>,
    /// `true` if the environments differ; `None` if a run has no environment snapshot.
    pub environment_changed: Option<bool>,
    /// Notes of the comparison.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Links to both runs and their parts.
    pub evidence_links: Vec<EvidenceLink>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// A parameter, a tag or a member of the metadata that differs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ParamDelta {
    /// The name or path.
    pub key: String,
    /// The value in the left run; `None` if the left run does not have the parameter, tag or member.
    pub left: Option<Value>,
    /// The value in the right run; `None` if the right run does not have the parameter, tag or member.
    pub right: Option<Value>,
}

/// A stage of one or both runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StageComparison {
    /// The name.
    pub stage_name: String,
    /// The ref and status of the stage in the left run; `None` if that run does not have the stage.
    pub left: Option<(StageRef, &'static str)>,
    /// The ref and status of the stage in the right run; `None` if that run does not have the stage.
    pub right: Option<(StageRef, &'static str)>,
    /// Metrics of the stage that differ, ordered by key.
    pub metric_deltas: Vec<MetricDelta>,
    /// A note if only one of the runs has the stage.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Links to the stage in both runs.
    pub evidence_links: Vec<EvidenceLink>,
}

/// The comparison of the provenance of two runs. A member that is known for only one of the runs counts as
/// different. Exception: if the environment of a run is unknown, the environments count as equal.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProvenanceComparison {
    /// `true` if the code revisions of the runs differ. If neither run has a revision, the contexts in which the
    /// provenance was asserted are compared.
    pub code_revision_changed: bool,
    /// `true` if the policies of the provenance differ.
    pub config_hash_changed: bool,
    /// `true` if the environments differ.
    pub environment_changed: bool,
    /// `true` if the data sets of the runs differ. If neither run has a data set, the bundles with the evidence of the
    /// provenance are compared.
    pub dataset_refs_changed: bool,
    /// The provenance of the left run.
    pub left: Option<(ProvenanceRecord, String)>,
    /// The provenance of the right run.
    pub right: Option<(ProvenanceRecord, String)>,
}

/// Compares two runs. Each run is given by its ref, its id, its name, or a prefix of its id or name.
pub fn compare_runs(store: &Store, left: &str, right: &str, policy: &ComparePolicy) -> Result<RunComparison> {
    store.read(|view| compare(view, left, right, policy))
}

pub(in crate::interpretation) fn compare(
    view: &StoreView<'_>,
    left: &str,
    right: &str,
    policy: &ComparePolicy,
) -> Result<RunComparison> {
    let left = outline(view, left, Attempts::Newest)?;
    let right = outline(view, right, Attempts::Newest)?;
    let metrics_of = |of: &Outline| metrics_of(view, &of.metrics, &of.stages, policy.metric_selection);
    let (left_metrics, right_metrics) = (metrics_of(&left)?, metrics_of(&right)?);
    let metrics_in =
        |stage: Option<&str>| deltas(&left_metrics, &right_metrics, stage, policy.include_unchanged_metrics);
    let (lefts, rights) = (stages_by_name(&left), stages_by_name(&right));
    // If the start of a stage is not in the log, only the metrics of the stage are known.
    let measured = left_metrics.keys().chain(right_metrics.keys()).filter_map(|(stage, _)| stage.as_ref());
    let names: BTreeSet<&String> = lefts.keys().chain(rights.keys()).chain(measured).collect();
    let compare_stage = |name: &String| {
        stage_comparison(name, lefts.get(name), rights.get(name), metrics_in(Some(name)), policy)
    };
    let stage_comparisons: Vec<StageComparison> = names.into_iter().map(compare_stage).collect();
    let metric_deltas = metrics_in(None);
    let artifact_changes = artifact_changes(&left.artifacts, &right.artifacts);
    let deltas = metric_deltas.len() + stage_comparisons.iter().map(|s| s.metric_deltas.len()).sum::<usize>();
    let summary = format!(
        "Compared {} and {}: {} stage rows, {deltas} metric deltas, {} artifact changes.",
        left.run.name,
        right.run.name,
        stage_comparisons.len(),
        artifact_changes.len()
    );
    let environments = newest_environment(view, &left)?.zip(newest_environment(view, &right)?);
    let environment = environments.as_ref().map(|(l, r)| diff_of(Some(l), Some(r)));
    let environment_changed = environment.as_ref().map(EnvironmentDiff::is_different);
    let mut notes = view.notes();
    for (side, outline) in [("left", &left), ("right", &right)] {
        notes.extend(outline.notes.iter().map(|note| note.clone().with("side", side)));
    }
    let all_deltas = metric_deltas.iter().chain(stage_comparisons.iter().flat_map(|s| &s.metric_deltas));
    notes.extend(all_deltas.flat_map(|delta| delta.notes.iter().cloned()));
    Ok(RunComparison {
        summary,
        params: differences(flat(&left.run.params), &flat(&right.run.params)),
        metadata: differences(flat(&left.run.metadata), &flat(&right.run.metadata)),
        tags: differences(texts(&left.run.tags), &texts(&right.run.tags)),
        completeness_notes: completeness(&left, &right, &stage_comparisons),
        evidence_links: evidence(&left, &right, &stage_comparisons, &artifact_changes),
        provenance_comparison: provenance(&left, &right, environment_changed),
        metric_deltas,
        stage_comparisons,
        artifact_changes,
        environment,
        code_revision_changed: changed(&left.run.code_revision, &right.run.code_revision),
        dataset_changed: changed(&left.run.dataset_ref, &right.run.dataset_ref),
        environment_changed,
        notes,
        left: left.run,
        right: right.run,
    })
}

fn newest_environment(view: &StoreView<'_>, outline: &Outline) -> Result<Option<EnvironmentSnapshot>> {
    Ok(view.environments(&outline.run.run_ref)?.pop().map(|row| row.snapshot))
}

fn changed<T: PartialEq>(left: &Option<T>, right: &Option<T>) -> Option<bool> {
    Some(left.as_ref()? != right.as_ref()?)
}

fn stages_by_name(outline: &Outline) -> BTreeMap<String, &StageRow> {
    stage_names(&outline.stages).into_iter().zip(&outline.stages).collect()
}

fn stage_comparison(
    name: &str,
    left: Option<&&StageRow>,
    right: Option<&&StageRow>,
    metric_deltas: Vec<MetricDelta>,
    policy: &ComparePolicy,
) -> StageComparison {
    let mut completeness_notes = Vec::new();
    if left.is_some() != right.is_some() {
        let note = CompletenessNote::new(policy.missing_stage_severity, format!("missing_stage:{name}"));
        let note = note.with("left_present", left.is_some()).with("right_present", right.is_some());
        completeness_notes.push(note);
    }
    let side = |stage: Option<&&StageRow>| stage.map(|s| (s.stage_ref.clone(), s.shown_status()));
    let links = left.into_iter().chain(right);
    StageComparison {
        stage_name: name.to_owned(),
        left: side(left),
        right: side(right),
        metric_deltas,
        completeness_notes,
        evidence_links: links.map(|s| EvidenceLink::new("stage", &s.stage_ref, &s.name)).collect(),
    }
}

/// Returns the values in nested objects. The key of a value is its path, such as `optimizer.lr`. An empty
/// object counts as a value.
fn flat(members: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    fn add(path: &str, value: &Value, out: &mut BTreeMap<String, Value>) {
        match value {
            Value::Map(inner) if !inner.is_empty() => {
                inner.iter().for_each(|(key, value)| add(&format!("{path}.{key}"), value, out));
            }
            other => {
                out.insert(path.to_owned(), other.clone());
            }
        }
    }
    let mut out = BTreeMap::new();
    members.iter().for_each(|(key, value)| add(key, value, &mut out));
    out
}

fn texts(tags: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    tags.iter().map(|(name, value)| (name.clone(), Value::text(value))).collect()
}

/// Returns the members that differ. Numbers are equal if their values are equal: 1 equals 1.0. A text never equals a
/// number.
fn differences(left: BTreeMap<String, Value>, right: &BTreeMap<String, Value>) -> Vec<ParamDelta> {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let delta = |key: &String| {
        let (l, r) = (left.get(key), right.get(key));
        let is_equal = match (l, r) {
            (Some(l), Some(r)) => compare_values(l, r).is_eq(),
            (l, r) => l.is_none() && r.is_none(),
        };
        (!is_equal).then(|| ParamDelta { key: key.clone(), left: l.cloned(), right: r.cloned() })
    };
    keys.into_iter().filter_map(delta).collect()
}

/// Returns the notes of both runs and of the stages, without repetitions.
fn completeness(left: &Outline, right: &Outline, stages: &[StageComparison]) -> Vec<CompletenessNote> {
    let of_side = |side: &'static str, outline: &Outline| -> Vec<CompletenessNote> {
        let note = |code: &String| {
            let note = CompletenessNote::warning(format!("{side}:{code}"));
            note.with("run_id", outline.run.run_ref.as_str())
        };
        outline.completeness_notes.iter().map(note).collect()
    };
    let stage_notes = stages.iter().flat_map(|stage| stage.completeness_notes.iter().cloned());
    let mut notes = Vec::new();
    add_new(&mut notes, of_side("left", left).into_iter().chain(of_side("right", right)).chain(stage_notes));
    notes
}

fn evidence(
    left: &Outline,
    right: &Outline,
    stages: &[StageComparison],
    artifacts: &[ArtifactChange],
) -> Vec<EvidenceLink> {
    let runs = left.evidence_links.iter().chain(&right.evidence_links);
    let stages = stages.iter().flat_map(|stage| &stage.evidence_links);
    let artifacts = artifacts.iter().flat_map(|change| &change.evidence_links);
    unique(runs.chain(stages).chain(artifacts).cloned())
}

fn provenance(
    left: &Outline,
    right: &Outline,
    environment_changed: Option<bool>,
) -> Option<ProvenanceComparison> {
    if left.provenance.is_none() && right.provenance.is_none() {
        return None;
    }
    let differs = |of: fn(&ProvenanceRecord) -> Option<String>| {
        left.provenance.as_ref().and_then(of) != right.provenance.as_ref().and_then(of)
    };
    let known = |left: &Option<String>, right: &Option<String>| {
        (left.is_some() || right.is_some()).then(|| left != right)
    };
    let code = known(&left.run.code_revision, &right.run.code_revision);
    let data = known(&left.run.dataset_ref, &right.run.dataset_ref);
    let side = |outline: &Outline| {
        outline.provenance.clone().map(|record| (record, outline.run.run_ref.to_string()))
    };
    Some(ProvenanceComparison {
        code_revision_changed: code
            .unwrap_or_else(|| differs(|p| p.formation_context_ref.as_ref().map(ToString::to_string))),
        config_hash_changed: differs(|p| p.policy_ref.clone()),
        environment_changed: environment_changed.unwrap_or(false),
        dataset_refs_changed: data
            .unwrap_or_else(|| differs(|p| p.evidence_bundle_ref.as_ref().map(ToString::to_string))),
        left: side(left),
        right: side(right),
    })
}
