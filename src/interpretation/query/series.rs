//! The points of one metric of a run.

use crate::contract::{MetricValue, RunRef, StageRef, Timestamp};
use crate::interpretation::error::{Error, Result};
use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::metric::{self, MetricName};
use crate::interpretation::query::listing::find_stage;
use crate::store::{Attempts, Note, SeriesPoint, SeriesRow, Severity, Store, StoreView};

/// The parameters of a query for the points of a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepSeriesQuery {
    /// The name, the id or the ref of a stage. `None` selects the points of all stages and the points outside any
    /// stage.
    pub stage: Option<String>,
    /// The attempts of the run whose points are returned.
    pub attempts: Attempts,
}

/// A point of a [`StepSeries`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepPoint {
    /// The step of the point. A point without a step has its position in the answer as its step, from 0.
    pub step: i64,
    /// The value.
    pub value: MetricValue,
    /// The time of observation.
    pub observed_at: Timestamp,
    /// `true` if a later attempt of the run resumed at the step of the point or at an earlier step.
    pub is_superseded: bool,
}

/// The points of one metric of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepSeries {
    /// The run.
    pub run_ref: RunRef,
    /// The metric, as the caller named it.
    pub metric_key: String,
    /// The stage; `None` for all stages, and for an unknown stage.
    pub stage_ref: Option<StageRef>,
    /// The points. The points of a single series are ordered by step, and points with the same step by time of
    /// observation. If several series answer the query, all points are ordered by time of observation.
    pub points: Vec<StepPoint>,
    /// `true` if a step was recorded for at least one point. If `false`, all steps are positions.
    pub has_steps: bool,
    /// The unit; `None` if no point has a unit, or if there are several units.
    pub unit: Option<String>,
    /// The series whose points are returned, such as `train/loss`.
    pub series: Vec<String>,
    /// Notes of the query.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Returns the points of one metric of a run. A metric without points gives an empty series with a note.
pub fn step_series(
    store: &Store,
    run: &str,
    metric_key: &str,
    query: &StepSeriesQuery,
) -> Result<StepSeries> {
    store.read(|view| step_series_in(view, run, metric_key, query))
}

fn step_series_in(
    view: &StoreView<'_>,
    run: &str,
    metric_key: &str,
    query: &StepSeriesQuery,
) -> Result<StepSeries> {
    let run = view.find_run(run)?;
    let name = MetricName::parse(metric_key);
    let mut rows = metric::rows_of(view, &run.run_ref, &name, query.attempts)?;
    let stage_ref = match query.stage.as_deref().map(|asked| find_stage(view, &run, asked)).transpose() {
        // A stage whose start is not in the log has no row. Its series are found by the id of the stage.
        Err(Error::PartNotFound { .. }) => None,
        found => found?,
    };
    if let Some(asked) = query.stage.as_deref() {
        let is_own = |row: &SeriesRow| row.key.stage_ref.as_deref().is_some_and(|own| own.as_str() == asked);
        rows.retain(|row| is_own(row) || row.is_of_stage(Some(asked)));
    }
    let answering = metric::answering(&rows, &name, None);
    let points = metric::points_of(view, &answering, query.attempts)?;
    let has_steps = points.iter().any(|point| point.step.is_some());
    let step_point = |(position, point): (usize, &SeriesPoint)| StepPoint {
        step: point.step.unwrap_or(position as i64),
        value: point.value.clone(),
        observed_at: point.observed_at,
        is_superseded: point.is_superseded,
    };
    let mut notes = view.notes();
    notes.extend(metric::mixture_notes(metric_key, run.run_ref.as_str(), &answering));
    if answering.len() > 1 {
        let names = Vec::from_iter(answering.iter().map(|row| row.label())).join(", ");
        let message = format!("the points of several series are shown together: {names}");
        notes.push(Note::new(Severity::Warning, "step_series_joined", message).with("metric", metric_key));
    }
    let mut completeness_notes = Vec::new();
    if points.is_empty() {
        let empty = CompletenessNote::new(Severity::Info, format!("step_series_empty:{metric_key}"));
        let empty = empty
            .with("run_id", run.run_ref.as_str())
            .with("stage_id", stage_ref.as_ref().map(ToString::to_string));
        completeness_notes.push(empty);
        let known = view.series_of(&run.run_ref)?;
        if !known.is_empty() {
            let names = Vec::from_iter(known.iter().map(SeriesRow::label)).join(", ");
            let message = format!("{} has no metric {metric_key:?} here; it has: {names}", run.run_ref);
            notes.push(Note::new(Severity::Info, "metric_unknown", message).with("metric", metric_key));
        }
    }
    Ok(StepSeries {
        metric_key: metric_key.to_owned(),
        stage_ref,
        points: points.iter().enumerate().map(step_point).collect(),
        has_steps,
        unit: metric::unit(&answering),
        series: answering.iter().map(|row| row.label()).collect(),
        completeness_notes,
        notes,
        run_ref: run.run_ref,
    })
}
