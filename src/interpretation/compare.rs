//! Two runs side by side, and the best of several.
//!
//! A series is represented by its last point. Stages are aligned by name; what was measured outside any stage is
//! compared too. `delta` is right minus left, `change_ratio` right over left.

use crate::contract::{ArtifactRef, RunRef, RunStatus, StageRef, Value};
use crate::interpretation::error::{Error, Result};
use crate::interpretation::query::{RunSnapshot, snapshot};
use crate::store::{ArtifactRow, EnvironmentRow, Note, RunRow, SeriesRow, Severity, Store};
use std::collections::{BTreeMap, BTreeSet};

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct RunComparison {
    /// The one.
    pub left: RunRow,
    /// The other.
    pub right: RunRow,
    /// In words.
    pub summary: String,
    /// Parameters that differ, by name.
    pub params: Vec<ParamDelta>,
    /// What was measured outside any stage and differs, by key.
    pub metric_deltas: Vec<MetricDelta>,
    /// All stages of either, by name.
    pub stages: Vec<StageComparison>,
    /// Kinds of artifacts that differ.
    pub artifact_changes: Vec<ArtifactChange>,
    /// Whether the code revisions differ; `None`: not known of both.
    pub code_revision_changed: Option<bool>,
    /// Whether the data sets differ; `None`: not known of both.
    pub dataset_changed: Option<bool>,
    /// Whether the environments differ; `None`: not known of both.
    pub environment_changed: Option<bool>,
    /// What the answer lacks.
    pub notes: Vec<Note>,
}

/// A parameter that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamDelta {
    /// Its name.
    pub key: String,
    /// On the left.
    pub left: Option<Value>,
    /// On the right.
    pub right: Option<Value>,
}

/// A metric on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricDelta {
    /// What was measured.
    pub metric_key: String,
    /// Its last value on the left.
    pub left_value: Option<f64>,
    /// Its last value on the right.
    pub right_value: Option<f64>,
    /// Right minus left.
    pub delta: Option<f64>,
    /// Right over left; `None` when left is zero.
    pub change_ratio: Option<f64>,
}

/// A stage on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct StageComparison {
    /// Its name.
    pub stage_name: String,
    /// Ref and status on the left.
    pub left: Option<(StageRef, RunStatus)>,
    /// Ref and status on the right.
    pub right: Option<(StageRef, RunStatus)>,
    /// Metrics that differ, by key.
    pub metric_deltas: Vec<MetricDelta>,
}

/// A kind of artifact that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtifactChange {
    /// The kind.
    pub artifact_kind: String,
    /// `added`, `removed`, `changed`, or `ambiguous` when there are several on a side.
    pub change: &'static str,
    /// The first on the left.
    pub left_ref: Option<ArtifactRef>,
    /// The first on the right.
    pub right_ref: Option<ArtifactRef>,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Goal {
    /// More is better, as with an accuracy.
    Maximize,
    /// Less is better, as with a loss.
    Minimize,
}

/// Several runs, the best first.
#[derive(Debug, Clone, PartialEq)]
pub struct BestRun {
    /// The metric they are ranked by.
    pub metric_key: String,
    /// Its stage; `None` outside any.
    pub stage_name: Option<String>,
    /// Which way is better.
    pub goal: Goal,
    /// All that have the metric, the best first; of equals the earlier run.
    pub ranking: Vec<RankedRun>,
    /// The runs that do not have it.
    pub without: Vec<RunRef>,
    /// What the answer lacks.
    pub notes: Vec<Note>,
}

/// A run and what it is ranked by.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedRun {
    /// The run.
    pub run: RunRow,
    /// The last value of the metric.
    pub value: f64,
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The metrics of one stage (or of none) on both sides, those that differ.
fn metric_deltas(left: &[SeriesRow], right: &[SeriesRow], stage: Option<&str>) -> Vec<MetricDelta> {
    let of = |rows: &[SeriesRow]| -> BTreeMap<String, f64> {
        let in_stage = |row: &&SeriesRow| row.stage_ref.as_ref().map(|s| s.last_component()) == stage;
        rows.iter().filter(in_stage).map(|r| (r.metric_key.clone(), r.last.value.as_f64())).collect()
    };
    let (left, right) = (of(left), of(right));
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let delta = |key: &String| {
        let (l, r) = (left.get(key).copied(), right.get(key).copied());
        let both = l.zip(r);
        (both.is_none_or(|(l, r)| l != r)).then(|| MetricDelta {
            metric_key: key.clone(),
            left_value: l,
            right_value: r,
            delta: both.and_then(|(l, r)| finite(r - l)),
            change_ratio: both.filter(|(l, _)| *l != 0.0).and_then(|(l, r)| finite(r / l)),
        })
    };
    keys.into_iter().filter_map(delta).collect()
}

fn param_deltas(left: &RunRow, right: &RunRow) -> Vec<ParamDelta> {
    let keys: BTreeSet<&String> = left.params.keys().chain(right.params.keys()).collect();
    let delta = |key: &String| {
        let (l, r) = (left.params.get(key), right.params.get(key));
        (l != r).then(|| ParamDelta { key: key.clone(), left: l.cloned(), right: r.cloned() })
    };
    keys.into_iter().filter_map(delta).collect()
}

fn stage_comparisons(left: &RunSnapshot, right: &RunSnapshot) -> Vec<StageComparison> {
    let of = |side: &RunSnapshot| -> BTreeMap<String, (StageRef, RunStatus)> {
        side.stages.iter().map(|s| (s.name.clone(), (s.stage_ref.clone(), s.status))).collect()
    };
    let (lefts, rights) = (of(left), of(right));
    let names: BTreeSet<&String> = lefts.keys().chain(rights.keys()).collect();
    let compare = |name: &String| StageComparison {
        stage_name: name.clone(),
        left: lefts.get(name).cloned(),
        right: rights.get(name).cloned(),
        metric_deltas: metric_deltas(&left.metrics, &right.metrics, Some(name)),
    };
    names.into_iter().map(compare).collect()
}

fn artifact_changes(left: &[ArtifactRow], right: &[ArtifactRow]) -> Vec<ArtifactChange> {
    let kind = |row: &ArtifactRow| row.manifest.artifact_kind.clone();
    let kinds: BTreeSet<String> = left.iter().chain(right).map(kind).collect();
    let mut changes = Vec::new();
    for artifact_kind in kinds {
        let of = |rows: &[ArtifactRow]| -> Vec<ArtifactRow> {
            rows.iter().filter(|r| r.manifest.artifact_kind == artifact_kind).cloned().collect()
        };
        let (lefts, rights) = (of(left), of(right));
        let change = match (lefts.as_slice(), rights.as_slice()) {
            ([], _) => "added",
            (_, []) => "removed",
            ([l], [r])
                if l.manifest.hash_value.is_some() && l.manifest.hash_value == r.manifest.hash_value =>
            {
                continue;
            }
            ([_], [_]) => "changed",
            _ => "ambiguous",
        };
        let first = |rows: &[ArtifactRow]| rows.first().map(|r| r.manifest.artifact_ref.clone());
        changes.push(ArtifactChange {
            artifact_kind,
            change,
            left_ref: first(&lefts),
            right_ref: first(&rights),
        });
    }
    changes
}

fn environment_changed(left: &[EnvironmentRow], right: &[EnvironmentRow]) -> Option<bool> {
    let (l, r) = (&left.last()?.snapshot, &right.last()?.snapshot);
    let same = (&l.platform, &l.python_version, &l.runtime, &l.packages, &l.environment_variables)
        == (&r.platform, &r.python_version, &r.runtime, &r.packages, &r.environment_variables);
    Some(!same)
}

fn changed<T: PartialEq>(left: &Option<T>, right: &Option<T>) -> Option<bool> {
    Some(left.as_ref()? != right.as_ref()?)
}

/// Compares two runs, each named by ref, id or name.
pub fn compare_runs(store: &Store, left: &str, right: &str) -> Result<RunComparison> {
    store.read(|view| {
        let (left, right) = (snapshot(view, left)?, snapshot(view, right)?);
        let stages = stage_comparisons(&left, &right);
        let outside = metric_deltas(&left.metrics, &right.metrics, None);
        let params = param_deltas(&left.run, &right.run);
        let artifact_changes = artifact_changes(&left.artifacts, &right.artifacts);
        let deltas = outside.len() + stages.iter().map(|s| s.metric_deltas.len()).sum::<usize>();
        let summary = format!(
            "Compared {} and {}: {} parameters differ, {} stages, {} metrics differ, {} kinds of artifacts differ.",
            left.run.run_ref.last_component(),
            right.run.run_ref.last_component(),
            params.len(),
            stages.len(),
            deltas,
            artifact_changes.len()
        );
        let mut notes = view.notes();
        for stage in stages.iter().filter(|s| s.left.is_some() != s.right.is_some()) {
            let side = if stage.left.is_some() { "left" } else { "right" };
            let message = format!("stage {} is only on the {side}", stage.stage_name);
            notes.push(Note::new(Severity::Warning, "missing_stage", message).with("stage", &stage.stage_name));
        }
        // What each snapshot lacks beyond what the view as a whole lacks.
        for (side, snapshot) in [("left", &left), ("right", &right)] {
            for note in snapshot.notes.iter().filter(|n| !notes.contains(n)).cloned().collect::<Vec<_>>() {
                notes.push(note.with("side", side));
            }
        }
        Ok(RunComparison {
            summary,
            params,
            metric_deltas: outside,
            stages,
            artifact_changes,
            code_revision_changed: changed(&left.run.code_revision, &right.run.code_revision),
            dataset_changed: changed(&left.run.dataset_ref, &right.run.dataset_ref),
            environment_changed: environment_changed(&left.environments, &right.environments),
            left: left.run,
            right: right.run,
            notes,
        })
    })
}

/// Ranks runs by the last value of a metric: those named, or all of the project if none is.
pub fn select_best_run(
    store: &Store,
    project: Option<&str>,
    runs: &[&str],
    metric_key: &str,
    stage_name: Option<&str>,
    goal: Goal,
) -> Result<BestRun> {
    let (mut best, known) = store.read(|view| {
        let rows = if runs.is_empty() {
            let project = project.map(|asked| view.find_project(asked)).transpose()?;
            view.runs(project.as_ref())?
        } else {
            runs.iter().map(|run| view.find_run(run)).collect::<crate::store::Result<Vec<RunRow>>>()?
        };
        let mut known: BTreeSet<String> = BTreeSet::new();
        let (mut ranking, mut without) = (Vec::new(), Vec::new());
        for run in rows {
            let series = view.series_of(&run.run_ref)?;
            known.extend(series.iter().map(|s| s.metric_key.clone()));
            let of_stage = |s: &&SeriesRow| s.stage_ref.as_ref().map(|r| r.last_component()) == stage_name;
            match series.iter().filter(|s| s.metric_key == metric_key).find(of_stage) {
                Some(row) => ranking.push(RankedRun { value: row.last.value.as_f64(), run }),
                None => without.push(run.run_ref),
            }
        }
        let best = BestRun {
            metric_key: metric_key.to_owned(),
            stage_name: stage_name.map(str::to_owned),
            goal,
            ranking,
            without,
            notes: view.notes(),
        };
        Ok::<_, Error>((best, known))
    })?;
    if best.ranking.is_empty() {
        return Err(Error::MetricNotFound {
            run: "none of the runs".to_owned(),
            metric_key: metric_key.to_owned(),
            stage: stage_name.map(str::to_owned),
            known: known.into_iter().collect(),
        });
    }
    best.ranking.sort_by(|a, b| {
        let order = a.value.total_cmp(&b.value);
        let order = match goal {
            Goal::Maximize => order.reverse(),
            Goal::Minimize => order,
        };
        order.then_with(|| (a.run.started_at, &a.run.run_ref).cmp(&(b.run.started_at, &b.run.run_ref)))
    });
    Ok(best)
}
