//! The value of a metric over runs.

use crate::contract::RunRef;
use crate::interpretation::asked_metric::AskedMetric;
use crate::interpretation::baseline::{BaselineDifference, DifferenceNotes};
use crate::interpretation::error::Result;
use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::metric::Measurement;
use crate::interpretation::query::RunListQuery;
use crate::interpretation::trend::population::{TrendPolicy, window};
use crate::store::{Note, Severity, Store, StoreView};
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
    /// The baseline run of the query; `None` without a baseline.
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
    /// The difference between this value and the value of the baseline run. `None` without a baseline, and if
    /// the baseline run does not have the metric.
    pub difference: Option<BaselineDifference>,
}

/// Returns the value of a metric in each run that `query` and `policy` select. With a stage, only the points
/// of the stage are used. Without a stage, the points of all stages and the points outside any stage are
/// used.
pub fn metric_trend(
    store: &Store,
    metric_key: &str,
    stage: Option<&str>,
    query: &RunListQuery,
    policy: &TrendPolicy,
) -> Result<MetricTrend> {
    let asked = AskedMetric::new(metric_key, stage).with_selection(policy.metric_aggregation);
    store.read(|view| trend_in(view, &asked, query, policy))
}

fn trend_in(
    view: &StoreView<'_>,
    asked: &AskedMetric<'_>,
    query: &RunListQuery,
    policy: &TrendPolicy,
) -> Result<MetricTrend> {
    let mut notes = view.notes();
    let (runs, project_name) = window(view, query, policy, &mut notes)?;
    let mut trend = MetricTrend {
        metric_key: asked.key.to_owned(),
        project_name,
        points: Vec::new(),
        baseline: None,
        completeness_notes: Vec::new(),
        notes,
    };
    for run in runs {
        match asked.measure(view, &run, &mut trend.notes)? {
            Some(measured) => trend.points.push(TrendPoint {
                run_ref: run.run_ref.clone(),
                run_name: run.name.clone(),
                measured,
                stage_name: asked.stage.map(str::to_owned),
                difference: None,
            }),
            None => trend.completeness_notes.push(asked.completeness("missing_metric_for_run", &run)),
        }
    }
    let units: BTreeSet<&str> = trend.points.iter().map(|point| point.measured.unit_text()).collect();
    if units.len() > 1 {
        let units = Vec::from_iter(units).join(", ");
        let message = format!("the runs measured {} in different units: {units}", asked.key);
        let note = Note::new(Severity::Warning, "metric_units_differ", message);
        trend.notes.push(note.with("metric", asked.key));
    }
    if let Some(baseline) = &query.baseline {
        subtract(view, asked, baseline, &mut trend)?;
    }
    Ok(trend)
}

/// Sets the difference between each point of a trend and the value of the baseline run. Adds notes on values
/// that cannot be compared directly.
fn subtract(
    view: &StoreView<'_>,
    asked: &AskedMetric<'_>,
    baseline: &str,
    trend: &mut MetricTrend,
) -> Result<()> {
    let baseline = view.find_run(baseline)?;
    let mut notes = Vec::new();
    match asked.measure(view, &baseline, &mut notes)? {
        Some(from) => {
            let mut differing = DifferenceNotes::default();
            for point in &mut trend.points {
                let key = (asked.stage.map(str::to_owned), asked.key.to_owned());
                let found = BaselineDifference::of(key, point.measured.clone(), from.clone());
                differing.add(point.run_ref.as_str(), &found);
                point.difference = Some(found);
            }
            notes.extend(differing.into_notes(&baseline));
        }
        None => {
            let (metric, own) = (asked.key, &baseline.run_ref);
            let message = format!("the baseline run {own} does not have the metric {metric}");
            let note = Note::new(Severity::Warning, "baseline_metric_missing", message);
            notes.push(note.with("metric", metric).with("baseline", own));
        }
    }
    // If the baseline run is also a run of the trend, the trend already contains the notes on this run.
    notes.retain(|note| !trend.notes.contains(note));
    trend.notes.extend(notes);
    trend.baseline = Some(baseline.run_ref);
    Ok(())
}
