//! The value of a metric over runs.

use crate::contract::{MetricValue, RunRef, Value};
use crate::interpretation::baseline::{BaselineDifference, DifferenceNotes};
use crate::interpretation::error::Result;
use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::metric::{self, Measurement, MetricName};
use crate::interpretation::query::RunListQuery;
use crate::interpretation::trend::population::{TrendPolicy, window};
use crate::store::{self, Attempts, Note, RunRow, SeriesRow, Severity, Store, StoreView};
use std::collections::BTreeSet;

/// The value of a metric over runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetricTrend {
    /// The metric.
    pub metric_key: String,
    /// The project of the runs.
    pub project_name: Option<String>,
    /// A point for each run that has the metric, in the order of the query.
    pub points: Vec<TrendPoint>,
    /// The baseline run of the query.
    pub baseline: Option<RunRef>,
    /// Notes on runs without the metric.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// The value of a metric in one run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TrendPoint {
    /// The run.
    pub run_ref: RunRef,
    /// The name of the run.
    pub run_name: String,
    /// The value, and the time of observation of the last point.
    pub measured: Measurement,
    /// The stage, as the caller named it.
    pub stage_name: Option<String>,
    /// The difference from the value of the baseline run; `None` without a baseline, and if the baseline run does not
    /// have the metric.
    pub difference: Option<BaselineDifference>,
}

/// Returns the value of a metric in each run of a population. With a stage, only the points of the stage are used.
/// Without a stage, the points of all stages and the points outside any stage are used.
pub fn metric_trend(
    store: &Store,
    metric_key: &str,
    stage: Option<&str>,
    query: &RunListQuery,
    policy: &TrendPolicy,
) -> Result<MetricTrend> {
    store.read(|view| trend_in(view, metric_key, stage, query, policy))
}

pub(in crate::interpretation) fn trend_in(
    view: &StoreView<'_>,
    metric_key: &str,
    stage: Option<&str>,
    query: &RunListQuery,
    policy: &TrendPolicy,
) -> Result<MetricTrend> {
    let mut notes = view.notes();
    let (runs, project_name) = window(view, query, policy, &mut notes)?;
    let mut trend = MetricTrend {
        metric_key: metric_key.to_owned(),
        project_name,
        points: Vec::new(),
        baseline: None,
        completeness_notes: Vec::new(),
        notes,
    };
    let name = MetricName::parse(metric_key);
    for run in runs {
        match value_of(view, &run, &name, stage, policy, &mut trend.notes)? {
            Some(measured) => trend.points.push(TrendPoint {
                run_ref: run.run_ref,
                run_name: run.name,
                measured,
                stage_name: stage.map(str::to_owned),
                difference: None,
            }),
            None => {
                let note = CompletenessNote::warning(format!("missing_metric_for_run:{metric_key}"));
                trend.completeness_notes.push(about(note, &run, stage));
            }
        }
    }
    let unit = |point: &TrendPoint| point.measured.unit.clone().unwrap_or_else(|| "no unit".to_owned());
    let units: BTreeSet<String> = trend.points.iter().map(unit).collect();
    if units.len() > 1 {
        let units = Vec::from_iter(units).join(", ");
        let message = format!("the runs measured {metric_key} in different units: {units}");
        let note = Note::new(Severity::Warning, "metric_units_differ", message);
        trend.notes.push(note.with("metric", metric_key));
    }
    if let Some(asked) = &query.baseline {
        subtract(view, asked, &mut trend, (&name, stage), policy)?;
    }
    Ok(trend)
}

/// Sets the differences of the points from the value of the baseline run.
fn subtract(
    view: &StoreView<'_>,
    asked: &str,
    trend: &mut MetricTrend,
    (name, stage): (&MetricName, Option<&str>),
    policy: &TrendPolicy,
) -> Result<()> {
    let baseline = view.find_run(asked)?;
    let mut notes = Vec::new();
    match value_of(view, &baseline, name, stage, policy, &mut notes)? {
        Some(from) => {
            let mut differing = DifferenceNotes::default();
            for point in &mut trend.points {
                let key = (stage.map(str::to_owned), trend.metric_key.clone());
                let found = BaselineDifference::of(key, point.measured.clone(), from.clone());
                differing.add(point.run_ref.as_str(), &found);
                point.difference = Some(found);
            }
            notes.extend(differing.into_notes(&baseline));
        }
        None => {
            let (metric, own) = (&trend.metric_key, &baseline.run_ref);
            let message = format!("the baseline run {own} does not have the metric {metric}");
            let note = Note::new(Severity::Warning, "baseline_metric_missing", message);
            notes.push(note.with("metric", metric).with("baseline", own));
        }
    }
    // The baseline run may also be a run of the trend. Its notes are then already in the answer.
    notes.retain(|note| !trend.notes.contains(note));
    trend.notes.extend(notes);
    trend.baseline = Some(baseline.run_ref);
    Ok(())
}

/// Returns the value that represents a metric of a run. Adds notes if the value represents several series that are
/// not comparable.
pub(in crate::interpretation) fn value_of(
    view: &StoreView<'_>,
    run: &RunRow,
    name: &MetricName,
    stage: Option<&str>,
    policy: &TrendPolicy,
    notes: &mut Vec<Note>,
) -> Result<Option<Measurement>> {
    with_series(view, run, (name, stage), notes, |rows| {
        metric::measure(view, rows, policy.metric_aggregation, Attempts::Newest)
    })
}

/// Returns the value that represents a metric of a run, without its step, like [`value_of`]. Reads points only to
/// compute a mean.
pub(in crate::interpretation) fn number_of(
    view: &StoreView<'_>,
    run: &RunRow,
    name: &MetricName,
    stage: Option<&str>,
    policy: &TrendPolicy,
    notes: &mut Vec<Note>,
) -> Result<Option<MetricValue>> {
    with_series(view, run, (name, stage), notes, |rows| {
        metric::value(view, rows, policy.metric_aggregation, Attempts::Newest)
    })
}

/// Calls `read` with the series to which a metric of a run refers. Adds notes on series that are not comparable.
fn with_series<T>(
    view: &StoreView<'_>,
    run: &RunRow,
    (name, stage): (&MetricName, Option<&str>),
    notes: &mut Vec<Note>,
    read: impl FnOnce(&[&SeriesRow]) -> store::Result<T>,
) -> Result<T> {
    let rows = metric::rows_of(view, &run.run_ref, name, Attempts::Newest)?;
    let answering = metric::answering(&rows, name, stage);
    notes.extend(metric::mixture_notes(&name.text, run.run_ref.as_str(), &answering));
    Ok(read(&answering)?)
}

/// Adds the run and the stage to a note.
pub(in crate::interpretation) fn about(
    note: CompletenessNote,
    run: &RunRow,
    stage: Option<&str>,
) -> CompletenessNote {
    note.with("run_id", run.run_ref.as_str()).with("stage_name", stage.map_or(Value::Null, Value::text))
}
