//! Comparison of two runs, and ranking of several.
//!
//! A series is represented by its last point. Stages with the same name are compared with each other, and so are the
//! series outside any stage. `delta` is the right value minus the left value, and `change_ratio` is the right value
//! divided by the left value.

use crate::contract::json::write::float;
use crate::contract::nfc::nfc;
use crate::contract::{ArtifactRef, RunRef, RunStatus, StageRef, Value};
use crate::interpretation::error::{Error, Result};
use crate::interpretation::query::{RunSnapshot, snapshot};
use crate::store::{ArtifactRow, Attempts, EnvironmentRow, Note, RunRow, SeriesRow, Severity, Store};
use std::cmp::Ordering;
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

impl Goal {
    /// Compares two values for a ranking: the better value is less. With either goal, infinite values come after all
    /// finite values, and NaN comes last, because these values do not show that a run is good.
    fn order(self, a: f64, b: f64) -> Ordering {
        let class = |value: f64| (value.is_nan(), value.is_infinite());
        // 0.0 and -0.0 are equal.
        let by_value = match a.partial_cmp(&b) {
            Some(order) if self == Goal::Maximize => order.reverse(),
            Some(order) => order,
            None => Ordering::Equal,
        };
        class(a).cmp(&class(b)).then(by_value)
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
    /// The runs that have the metric, the best first. Runs whose last value is infinite come after the runs with finite
    /// values. Runs whose last value is NaN come last. Runs with equal values are in the order of their starts.
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

/// Compares the last values of the metrics of two runs. Returns one entry for each metric with different last values,
/// and for each metric that exists on one side only.
///
/// Each side is a run and a stage. The stage `Some(None)` selects the metrics outside any stage. The stage `None` means
/// that the run does not have the stage, so the side has no metrics.
fn metric_deltas(
    (left, left_stage): (&RunSnapshot, Option<Option<&StageRef>>),
    (right, right_stage): (&RunSnapshot, Option<Option<&StageRef>>),
) -> Vec<MetricDelta> {
    let values_of = |side: &RunSnapshot, stage: Option<Option<&StageRef>>| -> BTreeMap<String, f64> {
        let in_stage = side.metrics.iter().filter(|row| Some(row.stage_ref.as_ref()) == stage);
        in_stage.map(|r| (r.metric_key.clone(), r.last.value.as_f64())).collect()
    };
    let (left, right) = (values_of(left, left_stage), values_of(right, right_stage));
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let delta = |key: &String| {
        let (l, r) = (left.get(key).copied(), right.get(key).copied());
        let both = l.zip(r);
        (both.is_none_or(|(l, r)| l != r && !(l.is_nan() && r.is_nan()))).then(|| MetricDelta {
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

/// Returns the stages of a run by name. If several stages have the same name, the first one is listed under this name,
/// and each other one under the last component of its ref.
fn stages_by_name(side: &RunSnapshot) -> BTreeMap<String, (StageRef, RunStatus)> {
    let mut by_name = BTreeMap::new();
    for stage in &side.stages {
        let mut name = nfc(&stage.name).into_owned();
        if by_name.contains_key(&name) {
            name = stage.stage_ref.last_component().to_owned();
        }
        by_name.insert(name, (stage.stage_ref.clone(), stage.status));
    }
    by_name
}

fn stage_comparisons(left: &RunSnapshot, right: &RunSnapshot) -> Vec<StageComparison> {
    let (lefts, rights) = (stages_by_name(left), stages_by_name(right));
    let names: BTreeSet<&String> = lefts.keys().chain(rights.keys()).collect();
    let compare = |name: &String| StageComparison {
        stage_name: name.clone(),
        left: lefts.get(name).cloned(),
        right: rights.get(name).cloned(),
        metric_deltas: metric_deltas(
            (left, lefts.get(name).map(|(stage, _)| Some(stage))),
            (right, rights.get(name).map(|(stage, _)| Some(stage))),
        ),
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
        let (left, right) =
            (snapshot(view, left, Attempts::Newest)?, snapshot(view, right, Attempts::Newest)?);
        let stages = stage_comparisons(&left, &right);
        let outside = metric_deltas((&left, Some(None)), (&right, Some(None)));
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
        let rows: Vec<(RunRow, Vec<SeriesRow>)> = if runs.is_empty() {
            let project = project.as_deref().map(|asked| view.find_project(asked)).transpose()?;
            view.runs_with_series(project.as_ref())?
        } else {
            let with_series = |run: RunRow| Ok((view.series_of(&run.run_ref)?, run));
            let found = runs.iter().map(|run| view.find_run(run).and_then(with_series));
            let found = found.collect::<crate::store::Result<Vec<_>>>()?;
            found.into_iter().map(|(series, run)| (run, series)).collect()
        };
        let mut known: BTreeSet<String> = BTreeSet::new();
        let (mut ranking, mut without) = (Vec::new(), Vec::new());
        for (run, series) in rows {
            known.extend(series.iter().map(|s| s.metric_key.clone()));
            match series.iter().find(|s| s.metric_key == metric_key && s.is_of_stage(stage_name)) {
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
        goal.order(a.value, b.value)
            .then_with(|| (a.run.started_at, &a.run.run_ref).cmp(&(b.run.started_at, &b.run.run_ref)))
    });
    let doubtful = best.ranking.iter().filter(|ranked| !ranked.value.is_finite());
    let notes = doubtful.map(|ranked| {
        let (run, value) = (&ranked.run.run_ref, float(ranked.value));
        let message = format!("the last value of {metric_key} in {run} is {value}; the run is ranked last");
        let note = Note::new(Severity::Warning, "metric_not_finite", message);
        note.with("run", run).with("metric", metric_key)
    });
    best.notes.extend(notes.collect::<Vec<_>>());
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_that_are_not_finite_rank_last_in_both_directions(
            mut values in prop::collection::vec(
                prop_oneof![
                    any::<f64>(),
                    prop::sample::select(vec![f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0]),
                ],
                0..20,
            )
        ) {
            let finite = values.iter().filter(|value| value.is_finite()).count();
            let infinite = values.iter().filter(|value| value.is_infinite()).count();
            for goal in [Goal::Maximize, Goal::Minimize] {
                values.sort_by(|a, b| goal.order(*a, *b));
                let (head, rest) = values.split_at(finite);
                prop_assert!(head.iter().all(|value| value.is_finite()));
                let is_sorted = head.windows(2).all(|pair| match goal {
                    Goal::Maximize => pair[0] >= pair[1],
                    Goal::Minimize => pair[0] <= pair[1],
                });
                prop_assert!(is_sorted, "{head:?}");
                prop_assert!(rest[..infinite].iter().all(|value| value.is_infinite()));
                prop_assert!(rest[infinite..].iter().all(|value| value.is_nan()));
            }
        }
    }
}
