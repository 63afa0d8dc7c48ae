//! Detection of unusual metric values, compared with earlier runs.
//!
//! The z-score of a value is its distance from the mean of the baseline in standard deviations. The robust z-score uses
//! the median and the median absolute deviation (MAD), scaled by 0.6745 so that both scores agree for normally
//! distributed values (Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993).

use crate::contract::{MetricValue, RunRef};
use crate::interpretation::aggregation::population;
use crate::interpretation::asked_metric::AskedMetric;
use crate::interpretation::error::Result;
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink};
use crate::interpretation::metric::{Selection, name_of_whole};
use crate::interpretation::number::{Sum, deviation, quantile};
use crate::interpretation::query::run_list::page_of;
use crate::interpretation::query::selected::newest_of;
use crate::interpretation::query::{RunColumn, RunListQuery};
use crate::store::{Attempts, Note, RunRow, SeriesRow, Severity, Stamp, Store, StoreView};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The ratio of the MAD to the standard deviation in a normal distribution.
const MAD_FACTOR: f64 = 0.6745;

/// The settings of the detection of anomalies.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AnomalyPolicy {
    /// The threshold for the z-score. A value is an anomaly if the magnitude of its z-score is at least this
    /// number.
    pub z_score_threshold: f64,
    /// The number of runs that a baseline should have at least. A result whose baseline has fewer runs has a
    /// note.
    pub min_baseline_runs: usize,
    /// The metrics that are searched for anomalies. If the list is empty, all metrics of a run are searched.
    pub monitored_metrics: Vec<String>,
    /// The choice of one value from the points of a metric in a run. The default is the latest value.
    pub metric_aggregation: Selection,
}

impl Default for AnomalyPolicy {
    fn default() -> AnomalyPolicy {
        AnomalyPolicy {
            z_score_threshold: 2.5,
            min_baseline_runs: 3,
            monitored_metrics: Vec::new(),
            metric_aggregation: Selection::Latest,
        }
    }
}

impl AnomalyPolicy {
    fn asked<'a>(&self, metric_key: &'a str, stage: Option<&'a str>) -> AskedMetric<'a> {
        AskedMetric::new(metric_key, stage).with_selection(self.metric_aggregation)
    }
}

/// The baseline of a metric: statistics of the values of the metric in several runs. The value of another run
/// is compared with these statistics. Without runs, all numbers are 0.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricBaseline {
    /// The metric.
    pub metric_key: String,
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the population.
    pub std: f64,
    /// The value at the quantile 0.05.
    pub p5: f64,
    /// The value at the quantile 0.95.
    pub p95: f64,
    /// The number of runs.
    pub computed_from_n_runs: usize,
    /// The median; `None` if it is not known.
    pub median: Option<f64>,
    /// The median absolute deviation: the median of the distances between the values and their median. `None`
    /// if it is not known.
    pub mad: Option<f64>,
}

/// The comparison of a value with a baseline.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AnomalyResult {
    /// The metric.
    pub metric_key: String,
    /// The run.
    pub run_ref: RunRef,
    /// The value.
    pub actual_value: MetricValue,
    /// The range of expected values, from `mean - threshold * std` to `mean + threshold * std`.
    pub expected_range: [f64; 2],
    /// The z-score. If all values of the baseline are equal and the value differs from them, the z-score is infinite
    /// and has the sign of the difference. If the value is NaN, the z-score is NaN.
    pub z_score: f64,
    /// The robust z-score; `None` if the baseline has no median.
    pub robust_z_score: Option<f64>,
    /// The severity of the result:
    ///
    /// - `info`: the value is not an anomaly.
    /// - `warning`: the magnitude of the z-score is at least the threshold.
    /// - `error`: the magnitude of the z-score is at least 1.5 times the threshold, or the value is not
    ///   finite.
    pub severity: Severity,
    /// A link to the run.
    pub evidence_links: Vec<EvidenceLink>,
    /// A note if the baseline has few runs.
    pub completeness_notes: Vec<CompletenessNote>,
}

impl AnomalyResult {
    /// Returns `true` if the value is an anomaly.
    #[must_use]
    pub fn is_anomaly(&self) -> bool {
        self.severity != Severity::Info
    }
}

/// The results of a search for anomalies in one run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AnomalyReport {
    /// The run.
    pub run_ref: RunRef,
    /// The results. Each metric that has a baseline has one result. If the query or the policy names metrics,
    /// the results are in the order of these names. Otherwise the results are in the order in which the
    /// metrics were first recorded.
    pub anomalies: Vec<AnomalyResult>,
    /// Notes on missing data, and on metrics without a baseline.
    pub notes: Vec<Note>,
}

/// Computes the baseline of a metric over the runs that a query selects.
pub fn compute_baseline(
    store: &Store,
    metric_key: &str,
    stage: Option<&str>,
    query: &RunListQuery,
    policy: &AnomalyPolicy,
) -> Result<MetricBaseline> {
    store.read(|view| {
        let (runs, _) = page_of(view, query)?;
        let found = population(view, &runs, &policy.asked(metric_key, stage))?;
        Ok(baseline_of(metric_key, found.values))
    })
}

fn baseline_of(metric_key: &str, mut values: Vec<f64>) -> MetricBaseline {
    values.sort_by(f64::total_cmp);
    let mean = Sum::of_floats(values.iter().copied()).mean().unwrap_or(0.0);
    let median = quantile(&values, 0.5);
    let mut distances: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    distances.sort_by(f64::total_cmp);
    MetricBaseline {
        metric_key: metric_key.to_owned(),
        mean,
        std: deviation(&values, mean),
        p5: quantile(&values, 0.05),
        p95: quantile(&values, 0.95),
        computed_from_n_runs: values.len(),
        median: Some(median),
        mad: Some(quantile(&distances, 0.5)),
    }
}

/// Compares the value of a run with a baseline; `None` if the run does not have the metric.
pub fn detect_anomaly(
    store: &Store,
    run: &str,
    baseline: &MetricBaseline,
    stage: Option<&str>,
    policy: &AnomalyPolicy,
) -> Result<Option<AnomalyResult>> {
    store.read(|view| {
        let run = view.find_run(run)?;
        let value = policy.asked(&baseline.metric_key, stage).value(view, &run, &mut Vec::new())?;
        Ok(value.map(|value| judge(&run, value, baseline, policy)))
    })
}

/// Returns the z-score of a value. If the value equals `center`, the z-score is 0, even if `spread` is 0.
fn score(value: f64, center: f64, spread: f64) -> f64 {
    let distance = value - center;
    if distance == 0.0 { 0.0 } else { distance / spread }
}

fn judge(
    run: &RunRow,
    value: MetricValue,
    baseline: &MetricBaseline,
    policy: &AnomalyPolicy,
) -> AnomalyResult {
    let actual = value.as_f64();
    let threshold = policy.z_score_threshold;
    // A division by a spread of 0 gives an infinity with the sign of the distance.
    let z_score = score(actual, baseline.mean, baseline.std);
    let robust = baseline.median.zip(baseline.mad);
    let severity = match z_score.abs() {
        _ if !actual.is_finite() => Severity::Error,
        z if z < threshold => Severity::Info,
        z if z < 1.5 * threshold => Severity::Warning,
        _ => Severity::Error,
    };
    let mut completeness_notes = Vec::new();
    if baseline.computed_from_n_runs < policy.min_baseline_runs {
        let note = CompletenessNote::warning(format!("baseline_population_small:{}", baseline.metric_key));
        completeness_notes.push(note.with("computed_from_n_runs", baseline.computed_from_n_runs));
    }
    let margin = threshold * baseline.std;
    AnomalyResult {
        metric_key: baseline.metric_key.clone(),
        run_ref: run.run_ref.clone(),
        actual_value: value,
        expected_range: [baseline.mean - margin, baseline.mean + margin],
        z_score,
        robust_z_score: robust.map(|(median, mad)| score(actual, median, mad / MAD_FACTOR)),
        severity,
        evidence_links: vec![EvidenceLink::new("run", &run.run_ref, &run.name)],
        completeness_notes,
    }
}

/// The parameters of a search for anomalies in one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AnomalyQuery {
    /// The metrics to search. If the list is empty, the metrics in the policy are searched. If the policy
    /// names no metrics either, all metrics of the run are searched.
    pub metric_keys: Vec<String>,
    /// The stage whose values are compared; `None` for all stages.
    pub stage: Option<String>,
    /// The query that selects the runs of the baseline. By default, the query selects the runs of the same
    /// project that are not archived. The searched run and runs that started later are never part of the
    /// baseline. If the query has a limit, [`RunListQuery::limit_to_newest`] selects the runs that started last before
    /// the searched run.
    pub baseline: Option<RunListQuery>,
}

/// Compares the metrics of a run with the metrics of earlier runs. If the baseline of a metric has fewer than
/// two values, the metric has no result.
pub fn detect_anomalies_in_run(
    store: &Store,
    run: &str,
    query: &AnomalyQuery,
    policy: &AnomalyPolicy,
) -> Result<AnomalyReport> {
    store.read(|view| {
        let run = view.find_run(run)?;
        let stage = query.stage.as_deref();
        let baseline_runs = baseline_runs(view, &run, query)?;
        let mut report =
            AnomalyReport { run_ref: run.run_ref.clone(), anomalies: Vec::new(), notes: view.notes() };
        for metric_key in metrics_of(view, &run, query, policy)? {
            let asked = policy.asked(&metric_key, stage);
            let Some(actual) = asked.value(view, &run, &mut report.notes)? else { continue };
            let found = population(view, &baseline_runs, &asked)?;
            report.notes.extend(found.notes);
            if found.values.len() < 2 {
                let message = format!(
                    "{metric_key} has too few earlier values to be compared with: {}",
                    found.values.len()
                );
                let note = Note::new(Severity::Info, "baseline_missing", message);
                report.notes.push(note.with("metric", &metric_key));
                continue;
            }
            let baseline = baseline_of(&metric_key, found.values);
            report.anomalies.push(judge(&run, actual, &baseline, policy));
        }
        Ok(report)
    })
}

/// Returns the runs that form the baseline for `run`.
fn baseline_runs(view: &StoreView<'_>, run: &RunRow, query: &AnomalyQuery) -> Result<Vec<Arc<RunRow>>> {
    let mut asked = query.baseline.clone().unwrap_or_else(RunListQuery::oldest_first);
    asked.project.get_or_insert_with(|| run.project_ref.to_string());
    // The offset and the limit must count only earlier runs, so they are applied after the other runs were
    // removed.
    let (offset, limit) = (std::mem::take(&mut asked.offset), asked.limit.take());
    let (mut runs, _) = page_of(view, &asked)?;
    runs.retain(|other| other.run_ref != run.run_ref && other.started_at <= run.started_at);
    let limit = limit.unwrap_or(usize::MAX);
    // The runs belong to one project, so the order without a column is the order by start.
    let is_by_start = matches!(asked.sort_by, None | Some(RunColumn::StartedAt));
    if asked.limit_to_newest && is_by_start && !asked.descending {
        return Ok(newest_of(runs, offset, limit));
    }
    Ok(runs.into_iter().skip(offset).take(limit).collect())
}

/// Returns the names of the metrics that are searched for anomalies in a run.
fn metrics_of(
    view: &StoreView<'_>,
    run: &RunRow,
    query: &AnomalyQuery,
    policy: &AnomalyPolicy,
) -> Result<Vec<String>> {
    if !query.metric_keys.is_empty() {
        return Ok(query.metric_keys.clone());
    }
    let mut rows = view.series_of(&run.run_ref)?;
    rows.retain(|row| query.stage.is_none() || row.is_of_stage(query.stage.as_deref()));
    if !policy.monitored_metrics.is_empty() {
        let is_found = |key: &&String| rows.iter().any(|row| row.key.metric_key == **key);
        return Ok(policy.monitored_metrics.iter().filter(is_found).cloned().collect());
    }
    // Each series is listed under its name without a slice.
    let mut first: BTreeMap<String, Stamp> = BTreeMap::new();
    for row in &rows {
        let stamp = first_stamp(view, row)?;
        let known = first.entry(name_of_whole(&row.key)).or_insert(stamp);
        *known = stamp.min(*known);
    }
    let mut names: Vec<(String, Stamp)> = first.into_iter().collect();
    names.sort_by_key(|(_, stamp)| *stamp);
    Ok(names.into_iter().map(|(name, _)| name).collect())
}

/// Returns the stamp of the point of a series that was appended first. Reads the points only if there are several.
fn first_stamp(view: &StoreView<'_>, row: &SeriesRow) -> Result<Stamp> {
    let own = row.first.stamp;
    if row.count == 1 {
        return Ok(own);
    }
    // The first point in the order of training may have been appended later than others.
    let points = view.points(&row.key, Attempts::Newest)?;
    Ok(points.iter().map(|point| point.stamp).fold(own, Stamp::min))
}
