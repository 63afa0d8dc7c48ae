//! Comparison of two runs, and ranking of several.
//!
//! A series is represented by its last point. Stages with the same name are compared with each other, and so are the
//! series outside any stage. `delta` is the right value minus the left value, and `change_ratio` is the right value
//! divided by the left value.

use crate::contract::{ArtifactRef, RunRef, RunStatus, StageRef, Value};
use crate::interpretation::error::{Error, Result};
use crate::interpretation::query::{RunSnapshot, snapshot};
use crate::store::{ArtifactRow, EnvironmentRow, Note, RunRow, SeriesRow, Severity, Store};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Parameters that differ, ordered by name.
    pub params: Vec<ParamDelta>,
    /// Metrics that belong to no stage and differ, ordered by key.
    pub metric_deltas: Vec<MetricDelta>,
    /// All stages of both runs, ordered by name.
    pub stages: Vec<StageComparison>,
    /// Kinds of artifacts whose artifacts differ or cannot be compared, ordered by kind.
    pub artifact_changes: Vec<ArtifactChange>,
    /// `true` if the code revisions differ; `None` if a code revision is unknown.
    pub code_revision_changed: Option<bool>,
    /// `true` if the data sets differ; `None` if a data set is unknown.
    pub dataset_changed: Option<bool>,
    /// `true` if the last environment snapshots of the runs differ in platform, Python version, runtime, packages or
    /// environment variables; `None` if a run has no snapshot.
    pub environment_changed: Option<bool>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// A parameter that differs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ParamDelta {
    /// The name.
    pub key: String,
    /// The value in the left run; `None` if that run does not have the parameter.
    pub left: Option<Value>,
    /// The value in the right run; `None` if that run does not have the parameter.
    pub right: Option<Value>,
}

/// A metric that differs between the two runs, or that only one of them has.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetricDelta {
    /// The key of the metric.
    pub metric_key: String,
    /// The last value in the left run; `None` if that run does not have the metric.
    pub left_value: Option<f64>,
    /// The last value in the right run; `None` if that run does not have the metric.
    pub right_value: Option<f64>,
    /// The right value minus the left value; `None` if a value is missing or the result is not finite.
    pub delta: Option<f64>,
    /// The right value divided by the left value; `None` if a value is missing, the left value is 0, or the result is
    /// not finite.
    pub change_ratio: Option<f64>,
}

/// A stage of one or both runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StageComparison {
    /// The name.
    pub stage_name: String,
    /// The ref and status of the stage in the left run; `None` if that run does not have the stage.
    pub left: Option<(StageRef, RunStatus)>,
    /// The ref and status of the stage in the right run; `None` if that run does not have the stage.
    pub right: Option<(StageRef, RunStatus)>,
    /// Metrics of the stage that differ, ordered by key.
    pub metric_deltas: Vec<MetricDelta>,
}

/// A kind of artifact whose artifacts differ between the two runs, or cannot be compared.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArtifactChange {
    /// The kind.
    pub artifact_kind: String,
    /// `added` if only the right run has artifacts of the kind, `removed` if only the left run has such artifacts.
    /// `changed` if each run has exactly one artifact of the kind, and the hashes in their manifests differ or are
    /// missing. Otherwise `ambiguous`.
    pub change: &'static str,
    /// The first artifact of this kind in the left run; `None` if the left run has none.
    pub left_ref: Option<ArtifactRef>,
    /// The first artifact of this kind in the right run; `None` if the right run has none.
    pub right_ref: Option<ArtifactRef>,
}

/// The direction in which the values of a metric improve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Goal {
    /// A greater value is better, such as an accuracy.
    #[default]
    Maximize,
    /// A smaller value is better, such as a loss.
    Minimize,
}

impl Goal {
    /// Returns the stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Goal::Maximize => "maximize",
            Goal::Minimize => "minimize",
        }
    }
}

/// Runs ranked by a metric.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BestRun {
    /// The metric.
    pub metric_key: String,
    /// The stage of the metric; `None` outside any stage.
    pub stage_name: Option<String>,
    /// The direction in which the values improve.
    pub goal: Goal,
    /// The runs that have the metric, the best first. Runs with equal values are in the order of their starts.
    pub ranking: Vec<RankedRun>,
    /// The runs that do not have this metric in this stage.
    pub without: Vec<RunRef>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// A run and the value by which it is ranked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RankedRun {
    /// The run.
    pub run: RunRow,
    /// The last value of the metric.
    pub value: f64,
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Returns the metrics of the stage with the name `stage` whose last values differ between the runs, and the metrics
/// that only one run has. For `None`, compares the metrics that belong to no stage.
fn metric_deltas(left: &[SeriesRow], right: &[SeriesRow], stage: Option<&str>) -> Vec<MetricDelta> {
    let values_of = |rows: &[SeriesRow]| -> BTreeMap<String, f64> {
        let in_stage = |row: &&SeriesRow| row.stage_ref.as_ref().map(|s| s.last_component()) == stage;
        rows.iter().filter(in_stage).map(|r| (r.metric_key.clone(), r.last.value.as_f64())).collect()
    };
    let (left, right) = (values_of(left), values_of(right));
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
    let values_of = |side: &RunSnapshot| -> BTreeMap<String, (StageRef, RunStatus)> {
        side.stages.iter().map(|s| (s.name.clone(), (s.stage_ref.clone(), s.status))).collect()
    };
    let (lefts, rights) = (values_of(left), values_of(right));
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
        let values_of = |rows: &[ArtifactRow]| -> Vec<ArtifactRow> {
            rows.iter().filter(|r| r.manifest.artifact_kind == artifact_kind).cloned().collect()
        };
        let (lefts, rights) = (values_of(left), values_of(right));
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

/// Compares two runs. Each is given by its ref, its id, its name, or a prefix of its id or name.
pub fn compare_runs(store: &Store, left: &str, right: &str) -> Result<RunComparison> {
    store.read(|view| {
        let (left, right) = (snapshot(view, left)?, snapshot(view, right)?);
        let stages = stage_comparisons(&left, &right);
        let outside = metric_deltas(&left.metrics, &right.metrics, None);
        let params = param_deltas(&left.run, &right.run);
        let artifact_changes = artifact_changes(&left.artifacts, &right.artifacts);
        let deltas = outside.len() + stages.iter().map(|s| s.metric_deltas.len()).sum::<usize>();
        let summary = format!(
            "Compared {} and {}. Stages: {}. Differences: parameters {}, metrics {}, kinds of artifacts {}.",
            left.run.run_ref.last_component(),
            right.run.run_ref.last_component(),
            stages.len(),
            params.len(),
            deltas,
            artifact_changes.len()
        );
        let mut notes = view.notes();
        for stage in stages.iter().filter(|s| s.left.is_some() != s.right.is_some()) {
            let side = if stage.left.is_some() { "left" } else { "right" };
            let message = format!("only the {side} run has a stage {:?}", stage.stage_name);
            notes.push(
                Note::new(Severity::Warning, "missing_stage", message).with("stage", &stage.stage_name),
            );
        }
        // The notes of a snapshot include the notes of the view. Each note is added once.
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

/// Options of a ranking of runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BestRunOptions {
    /// The runs to rank, each given by its ref, its id, its name, or a prefix of its id or name. If empty, all runs of
    /// `project` are ranked.
    pub runs: Vec<String>,
    /// The ref or name of the project whose runs are ranked if `runs` is empty. If `None`, [`select_best_run`] ranks
    /// the runs of all projects, and `Contexta::select_best_run` ranks the runs of the session's project.
    pub project: Option<String>,
    /// The name of the metric's stage; `None` for a metric outside any stage.
    pub stage_name: Option<String>,
    /// The direction in which the values improve.
    pub goal: Goal,
}

/// Ranks runs by the last value of a metric, the best first. Runs with equal values are in the order of their starts.
/// Errors: no run has the metric.
pub fn select_best_run(store: &Store, metric_key: &str, options: &BestRunOptions) -> Result<BestRun> {
    let BestRunOptions { runs, project, stage_name, goal } = options;
    let (stage_name, goal) = (stage_name.as_deref(), *goal);
    let (mut best, known) = store.read(|view| {
        let rows = if runs.is_empty() {
            let project = project.as_deref().map(|asked| view.find_project(asked)).transpose()?;
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
            run: "any of the runs".to_owned(),
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
