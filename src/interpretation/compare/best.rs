//! The best run by a metric.

use crate::contract::RunRef;
use crate::interpretation::asked_metric::AskedMetric;
use crate::interpretation::compare::many::distinct_runs;
use crate::interpretation::error::{Error, Result};
use crate::interpretation::metric::{self, Measurement, Selection};
use crate::store::{Note, RunRow, Severity, Store, StoreView};
use std::sync::Arc;

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

/// Options of a ranking of runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BestRunOptions {
    /// The runs to rank, each given by its ref, its id, its name, or a prefix of its id or name. If the list
    /// is empty, all runs of `project` that are not archived are ranked.
    pub runs: Vec<String>,
    /// The ref or name of the project whose runs are ranked if `runs` is empty. If `None`, [`select_best_run`] ranks
    /// the runs of all projects, and `Contexta::select_best_run` ranks the runs of the session's project.
    pub project: Option<String>,
    /// The name of the stage whose values are ranked. If `None`, the values of all stages and the values
    /// outside any stage are used.
    pub stage_name: Option<String>,
    /// The direction in which the values improve.
    pub goal: Goal,
    /// The choice of one value from the points of a metric in a run. The default is the latest value.
    pub selection: Selection,
}

/// Runs ranked by a metric.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BestRun {
    /// The metric.
    pub metric_key: String,
    /// The stage of the metric; `None` for every stage.
    pub stage_name: Option<String>,
    /// The direction in which the values improve.
    pub goal: Goal,
    /// The runs that have the metric, the best first. Runs whose value is infinite come after the runs with finite
    /// values. Runs whose value is NaN come last. Runs with equal values are in the order in which the runs
    /// were given. If no runs were given, runs with equal values are ordered by start.
    pub ranking: Vec<RankedRun>,
    /// The runs that do not have the metric in the requested stage.
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
    /// The value of the metric.
    pub measured: Measurement,
}

impl BestRun {
    /// Returns the best run; `None` if no run has the metric.
    #[must_use]
    pub fn best(&self) -> Option<&RankedRun> {
        self.ranking.first()
    }
}

/// Ranks runs by a metric, the best first. Error: only one run is given.
pub fn select_best_run(store: &Store, metric_key: &str, options: &BestRunOptions) -> Result<BestRun> {
    store.read(|view| rank(view, metric_key, options))
}

/// Returns the runs to rank. Archived runs are left out, unless `options` names them. If archived runs are
/// left out, adds a note with their number to `notes`.
fn candidates(
    view: &StoreView<'_>,
    options: &BestRunOptions,
    notes: &mut Vec<Note>,
) -> Result<Vec<Arc<RunRow>>> {
    if options.runs.is_empty() {
        let project = options.project.as_deref().map(|asked| view.find_project(asked)).transpose()?;
        let all = view.runs(project.as_ref())?;
        let (archived, mut runs): (Vec<Arc<RunRow>>, Vec<Arc<RunRow>>) =
            all.into_iter().partition(|run| run.is_archived);
        if !archived.is_empty() {
            let message = format!("archived runs that are not ranked: {}", archived.len());
            let note = Note::new(Severity::Info, "archived_runs_left_out", message);
            notes.push(note.with("runs", archived.len()));
        }
        runs.sort_by(|a, b| (a.started_at, &a.run_ref).cmp(&(b.started_at, &b.run_ref)));
        return Ok(runs);
    }
    let runs = distinct_runs(view, &options.runs)?;
    if runs.len() < 2 {
        return Err(Error::ComparesTooFewRuns { runs: options.runs.clone() });
    }
    Ok(runs.into_iter().map(Arc::new).collect())
}

fn rank(view: &StoreView<'_>, metric_key: &str, options: &BestRunOptions) -> Result<BestRun> {
    let asked = AskedMetric::new(metric_key, options.stage_name.as_deref());
    let asked = asked.with_selection(options.selection);
    let (mut ranking, mut without, mut notes) = (Vec::new(), Vec::new(), view.notes());
    for run in candidates(view, options, &mut notes)? {
        match asked.measure(view, &run, &mut notes)? {
            Some(measured) => ranking.push(RankedRun { run: Arc::unwrap_or_clone(run), measured }),
            None => without.push(run.run_ref.clone()),
        }
    }
    let is_higher_better = options.goal == Goal::Maximize;
    ranking.sort_by(|a, b| metric::rank(&a.measured.value, &b.measured.value, is_higher_better));
    notes.extend(ranking_notes(metric_key, &ranking));
    Ok(BestRun {
        metric_key: metric_key.to_owned(),
        stage_name: options.stage_name.clone(),
        goal: options.goal,
        ranking,
        without,
        notes,
    })
}

/// Returns notes on runs that are ranked last because their value is not finite, and on runs that share the best value.
fn ranking_notes(metric_key: &str, ranking: &[RankedRun]) -> Vec<Note> {
    let doubtful = ranking.iter().filter(|ranked| !ranked.measured.value.is_finite());
    let mut notes: Vec<Note> = doubtful
        .map(|ranked| {
            let (run, value) = (&ranked.run.run_ref, &ranked.measured.value);
            let message = format!("the value of {metric_key} in {run} is {value}; the run is ranked last");
            let note = Note::new(Severity::Warning, "metric_not_finite", message);
            note.with("run", run).with("metric", metric_key)
        })
        .collect();
    let best = ranking.first().map(|best| &best.measured.value);
    let is_best = |ranked: &&RankedRun| best.is_some_and(|best| ranked.measured.value.compare(best).is_eq());
    let shared: Vec<&str> = ranking.iter().filter(is_best).map(|r| r.run.run_ref.as_str()).collect();
    if shared.len() > 1 {
        let message = format!("several runs have the best value of {metric_key}: {}", shared.join(", "));
        notes.push(Note::new(Severity::Info, "best_run_tied", message).with("metric", metric_key));
    }
    notes
}
