//! Statistics of metrics and statuses over a population of runs.

use crate::contract::Value;
use crate::interpretation::asked_metric::AskedMetric;
use crate::interpretation::error::Result;
use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::number::{Sum, deviation, quantile};
use crate::interpretation::query::RunListQuery;
use crate::interpretation::query::run_list::project_of;
use crate::interpretation::query::selected::selected_runs;
use crate::interpretation::trend::TrendPolicy;
use crate::store::{Attempts, Note, RunRow, Store, StoreView};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The stage name of metrics outside any stage.
const NO_STAGE: &str = "_unassigned";

/// Statistics of a metric over runs. Each run contributes one value. If there are no values, all numbers are 0.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetricAggregate {
    /// The metric.
    pub metric_key: String,
    /// The project of the runs.
    pub project_name: Option<String>,
    /// The number of finite values. Values that are NaN or infinite are not counted. A note names the run of
    /// such a value.
    pub count: usize,
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the population.
    pub std: f64,
    /// The smallest value.
    pub min: f64,
    /// The values at the quantiles in [`QUANTILES`]. Each of these values is interpolated linearly between
    /// the two nearest values of the runs.
    pub quantiles: [f64; 6],
    /// The greatest value.
    pub max: f64,
    /// Notes on runs without the metric, and on an empty population.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// The name and the fraction of each quantile in [`MetricAggregate::quantiles`].
pub const QUANTILES: [(&str, f64); 6] =
    [("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)];

/// Statistics of all metrics by stage.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunSummaryTable {
    /// The project of the runs.
    pub project_name: Option<String>,
    /// The number of runs.
    pub total_runs: usize,
    /// The statistics, ordered by stage and metric.
    pub by_stage: Vec<StageAggregate>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Statistics of all points of a metric in a stage.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StageAggregate {
    /// The name of the stage; `_unassigned` for metrics outside any stage.
    pub stage_name: String,
    /// The metric.
    pub metric_key: String,
    /// The number of points.
    pub count: u64,
    /// The mean of all points.
    pub mean: f64,
    /// The smallest value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

/// The number of runs with each status.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunStatusDistribution {
    /// The project of the runs.
    pub project_name: Option<String>,
    /// The number of runs.
    pub total: usize,
    /// The statuses that occur, ordered by name, with the number of runs.
    pub by_status: Vec<(String, usize)>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

impl RunStatusDistribution {
    /// Returns the share of completed runs, from 0 to 1. Returns 0 if there are no runs.
    #[must_use]
    pub fn pass_rate(&self) -> f64 {
        let completed =
            self.by_status.iter().find(|(status, _)| status == "completed").map_or(0, |(_, n)| *n);
        if self.total == 0 { 0.0 } else { completed as f64 / self.total as f64 }
    }
}

/// The values of a metric in several runs.
#[derive(Default)]
pub(super) struct Population<'r> {
    /// The finite values, in the order of the runs.
    pub(super) values: Vec<f64>,
    /// The runs without the metric.
    pub(super) without: Vec<&'r RunRow>,
    /// Notes on values that are not finite, and on values that represent several series.
    pub(super) notes: Vec<Note>,
}

/// Reads the value of a metric for each run in `runs`.
pub(super) fn population<'r>(
    view: &StoreView<'_>,
    runs: &'r [Arc<RunRow>],
    asked: &AskedMetric<'_>,
) -> Result<Population<'r>> {
    let mut population = Population::default();
    for run in runs {
        match asked.value(view, run, &mut population.notes)? {
            Some(value) if value.is_finite() => population.values.push(value.as_f64()),
            Some(value) => population.notes.push(asked.not_finite(run, &value)),
            None => population.without.push(run),
        }
    }
    Ok(population)
}

/// Returns statistics of a metric over the runs that `query` selects. Each run contributes one value.
pub fn aggregate_metric(
    store: &Store,
    metric_key: &str,
    stage: Option<&str>,
    query: &RunListQuery,
    policy: &TrendPolicy,
) -> Result<MetricAggregate> {
    let asked = AskedMetric::new(metric_key, stage).with_selection(policy.metric_aggregation);
    store.read(|view| {
        let (runs, _) = selected_runs(view, query)?;
        let project_name = project_of(&runs, query.project.as_ref());
        let found = population(view, &runs, &asked)?;
        let missing = |run: &&RunRow| asked.completeness("missing_metric_for_aggregate", run);
        let mut completeness_notes: Vec<CompletenessNote> = found.without.iter().map(missing).collect();
        let mut values = found.values;
        if values.is_empty() {
            let note = CompletenessNote::warning(format!("aggregate_population_empty:{metric_key}"));
            let note = note.with("project_name", project_name.clone());
            completeness_notes.push(note.with("stage_name", stage.map_or(Value::Null, Value::text)));
        }
        values.sort_by(f64::total_cmp);
        let mean = Sum::of_floats(values.iter().copied()).mean().unwrap_or(0.0);
        Ok(MetricAggregate {
            metric_key: metric_key.to_owned(),
            project_name,
            count: values.len(),
            mean,
            std: deviation(&values, mean),
            min: values.first().copied().unwrap_or(0.0),
            quantiles: QUANTILES.map(|(_, q)| quantile(&values, q)),
            max: values.last().copied().unwrap_or(0.0),
            completeness_notes,
            notes: [view.notes(), found.notes].concat(),
        })
    })
}

/// Returns statistics of the metric points of the runs that `query` selects. The points are grouped by stage
/// and metric. All points are used, except points that a later attempt of the run superseded.
pub fn aggregate_by_stage(store: &Store, query: &RunListQuery) -> Result<RunSummaryTable> {
    store.read(|view| {
        let (runs, total_runs) = selected_runs(view, query)?;
        let mut groups: BTreeMap<(String, String), (Sum, f64, f64)> = BTreeMap::new();
        for run in &runs {
            for row in view.summaries(&run.run_ref, Attempts::Newest)? {
                let stage = row.stage_name.clone().unwrap_or_else(|| NO_STAGE.to_owned());
                let (sum, min, max) = groups
                    .entry((stage, row.key.metric()))
                    .or_insert_with(|| (Sum::default(), f64::INFINITY, f64::NEG_INFINITY));
                for point in view.points(&row.key, Attempts::Newest)? {
                    sum.add(&point.value);
                    // NaN is ignored by `min` and `max`.
                    let value = point.value.as_f64();
                    (*min, *max) = (min.min(value), max.max(value));
                }
            }
        }
        let aggregate = |((stage_name, metric_key), (sum, min, max)): ((String, String), (Sum, f64, f64))| {
            let mean = sum.mean().unwrap_or(0.0);
            StageAggregate { stage_name, metric_key, count: sum.count(), mean, min, max }
        };
        Ok(RunSummaryTable {
            project_name: project_of(&runs, query.project.as_ref()),
            total_runs: total_runs.min(runs.len()),
            by_stage: groups.into_iter().map(aggregate).collect(),
            notes: view.notes(),
        })
    })
}

/// Returns the number of runs with each status.
pub fn run_status_distribution(store: &Store, query: &RunListQuery) -> Result<RunStatusDistribution> {
    store.read(|view| {
        let (runs, _) = selected_runs(view, query)?;
        let mut by_status: BTreeMap<String, usize> = BTreeMap::new();
        for run in &runs {
            *by_status.entry(run.shown_status().to_owned()).or_default() += 1;
        }
        Ok(RunStatusDistribution {
            project_name: project_of(&runs, query.project.as_ref()),
            total: runs.len(),
            by_status: by_status.into_iter().collect(),
            notes: view.notes(),
        })
    })
}
