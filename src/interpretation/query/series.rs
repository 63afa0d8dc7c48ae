//! The points of one metric of a run.

use crate::contract::{MetricValue, RunRef, StageRef, Timestamp};
use crate::interpretation::curve::sampling::{CurvePoint, POINTS_MIN, select};
use crate::interpretation::curve::smoothing::{Average, Smoothing};
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
    /// The greatest number of points to return; `None` for all points. The number must be at least 18.
    ///
    /// If there are more points, the steps are divided into ranges of equal width. Each range is represented
    /// by its first, its last, its smallest and its greatest point. In addition, the first and the last point
    /// of the range whose values are not finite are selected. The width is a power of two, and the first step
    /// of each range is a multiple of the width. If two queries use the same width, a step is therefore in
    /// the same range in both results.
    pub points_max: Option<usize>,
    /// The smoothing; `None` for no smoothing. The smoothed values are computed from all points, before
    /// points are left out.
    pub smoothing: Option<Smoothing>,
}

impl StepSeriesQuery {
    fn check(&self) -> Result<()> {
        match self.points_max {
            Some(points) if points < POINTS_MIN => Err(Error::InvalidStepSeriesQuery {
                reason: format!(
                    "the limit for the number of points is {points}; it must be at least {POINTS_MIN}"
                ),
            }),
            _ => Ok(()),
        }
    }
}

/// A point of a [`StepSeries`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepPoint {
    /// The step of the point. If no step was recorded, this is the position of the point among all points
    /// that the query selects, including points that are left out. The first position is 0.
    pub step: i64,
    /// The value.
    pub value: MetricValue,
    /// The smoothed value: the debiased average of this point and the points before it. `None` without
    /// smoothing, for a value that is not finite, and for a superseded point. Values that are not finite and
    /// superseded points do not change the average of other points.
    pub smoothed: Option<f64>,
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
    /// The points. The points of a single series are ordered by step. Points with the same step are ordered
    /// by time of observation. If the query selects several series, all points are ordered by time of
    /// observation.
    pub points: Vec<StepPoint>,
    /// The number of points that the query selects, including points that are left out.
    pub points_total: usize,
    /// The number of steps in each range if points are left out; `None` if all points are returned.
    pub step_width: Option<u64>,
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
    query.check()?;
    store.read(|view| step_series_in(view, run, metric_key, query))
}

/// The points that a query returns, and the number of points that the query selects.
struct Points {
    points: Vec<StepPoint>,
    total: usize,
    step_width: Option<u64>,
}

/// Smooths points, and selects the points to return. If points are left out, adds a note to `notes`. The note
/// contains the number of points that are not finite.
fn points_of_answer(
    found: &[SeriesPoint],
    name: &str,
    query: &StepSeriesQuery,
    notes: &mut Vec<Note>,
) -> Points {
    let mut average = query.smoothing.map(Average::new);
    let step_point = |(position, point): (usize, &SeriesPoint)| StepPoint {
        step: point.step.unwrap_or(position as i64),
        value: point.value.clone(),
        smoothed: average
            .as_mut()
            .filter(|_| !point.is_superseded)
            .and_then(|average| average.add(point.value.as_f64())),
        observed_at: point.observed_at,
        is_superseded: point.is_superseded,
    };
    let all: Vec<StepPoint> = found.iter().enumerate().map(step_point).collect();
    let total = all.len();
    let points_max = query.points_max.unwrap_or(usize::MAX);
    if total <= points_max {
        return Points { points: all, total, step_width: None };
    }
    let curve = all.iter().zip(found);
    let curve: Vec<CurvePoint<'_>> = curve
        .map(|(shown, point)| CurvePoint {
            step: shown.step,
            is_position: point.step.is_none(),
            value: &shown.value,
        })
        .collect();
    let selected = select(&curve, points_max);
    let non_finite = |points: &[StepPoint]| points.iter().filter(|point| !point.value.is_finite()).count();
    let non_finite_total = non_finite(&all);
    let mut indices = selected.indices.into_iter().peekable();
    let kept = all.into_iter().enumerate().filter(|(at, _)| indices.next_if_eq(at).is_some());
    let points: Vec<StepPoint> = kept.map(|(_, point)| point).collect();
    if let Some(width) = selected.ranges.map(|ranges| ranges.width()) {
        let message = format!(
            "{} of {total} points of {name} are shown: the ends and extremes of ranges of {width} steps; {} of {} \
             points that are not finite are shown",
            points.len(),
            non_finite(&points),
            non_finite_total
        );
        let note = Note::new(Severity::Info, "step_series_sampled", message).with("metric", name);
        notes.push(note.with("step_width", width).with("points", total).with("non_finite", non_finite_total));
    }
    Points { points, total, step_width: selected.ranges.map(|ranges| ranges.width()) }
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
        // A stage whose start is not in the log has no row. The series of such a stage are found by the id of
        // the stage.
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
    let Points { points, total, step_width } = points_of_answer(&points, metric_key, query, &mut notes);
    Ok(StepSeries {
        metric_key: metric_key.to_owned(),
        stage_ref,
        points,
        points_total: total,
        step_width,
        has_steps,
        unit: metric::unit(&answering),
        series: answering.iter().map(|row| row.label()).collect(),
        completeness_notes,
        notes,
        run_ref: run.run_ref,
    })
}
