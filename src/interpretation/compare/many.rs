//! Comparison of several runs.

use crate::contract::{MetricValue, RunRef};
use crate::interpretation::baseline::{BaselineDifference, DifferenceNotes, difference_of};
use crate::interpretation::compare::two::ComparePolicy;
use crate::interpretation::error::{Error, Result};
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink, add_new, unique};
use crate::interpretation::metric;
use crate::interpretation::metric_table::{Metrics, metrics_of};
use crate::interpretation::query::snapshot::{Outline, outline_of_run};
use crate::store::{Attempts, Note, RunRow, Store, StoreView};
use std::collections::BTreeSet;

/// The comparison of several runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MultiRunComparison {
    /// The runs, in the order in which they were given. A run that was given twice is listed once.
    pub runs: Vec<RunRow>,
    /// The metrics, ordered by stage and key. Metrics outside any stage come first.
    pub metric_table: Vec<MetricRow>,
    /// The numbers of artifacts, ordered by kind.
    pub artifact_kind_counts: Vec<ArtifactKindCounts>,
    /// Notes of the comparison.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Links to the runs and their parts.
    pub evidence_links: Vec<EvidenceLink>,
    /// The baseline run; `None` if the comparison has no baseline.
    pub baseline: Option<RunRef>,
    /// A summary in one line.
    pub summary: String,
    /// Notes on missing data, and on assumed directions of metrics.
    pub notes: Vec<Note>,
}

/// The values of one metric in several runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetricRow {
    /// The metric: a key, possibly with tags.
    pub metric_key: String,
    /// The name of the stage; `None` outside any stage.
    pub stage_name: Option<String>,
    /// The value in each run, in the order of the runs; `None` if a run does not have the metric.
    pub values: Vec<Option<MetricValue>>,
    /// The difference between each value and the value of the baseline run, in the order of the runs. A
    /// difference is `None` if the run or the baseline run does not have the metric. The list is empty if the
    /// comparison has no baseline.
    pub differences: Vec<Option<BaselineDifference>>,
    /// The run with the best value, or the first of several such runs.
    pub best_run: Option<RunRef>,
    /// `true` if a higher value of the metric is better.
    pub is_higher_better: bool,
}

/// The number of artifacts of one kind in several runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactKindCounts {
    /// The kind.
    pub artifact_kind: String,
    /// The number of artifacts in each run, in the order of the runs.
    pub counts: Vec<usize>,
}

/// Compares several runs. Each run is given by its ref, its id, its name, or a prefix of its id or name.
/// Error: fewer than two different runs are given.
pub fn compare_many(store: &Store, runs: &[String], policy: &ComparePolicy) -> Result<MultiRunComparison> {
    store.read(|view| compare(view, &Asked { runs, baseline: None }, policy))
}

/// Compares several runs with a baseline run. If `runs` does not contain the baseline run, the baseline run
/// becomes the first run of the comparison. Error: `runs` and the baseline run are fewer than two different
/// runs.
pub fn compare_with_baseline(
    store: &Store,
    runs: &[String],
    baseline: &str,
    policy: &ComparePolicy,
) -> Result<MultiRunComparison> {
    store.read(|view| compare(view, &Asked { runs, baseline: Some(baseline) }, policy))
}

/// The runs of a comparison, as the caller named them.
struct Asked<'a> {
    runs: &'a [String],
    baseline: Option<&'a str>,
}

/// Looks up runs. A run that is named twice is returned once.
pub(super) fn distinct_runs(view: &StoreView<'_>, asked: &[String]) -> Result<Vec<RunRow>> {
    let mut runs: Vec<RunRow> = Vec::new();
    for asked in asked {
        let run = view.find_run(asked)?;
        if !runs.iter().any(|known| known.run_ref == run.run_ref) {
            runs.push(run);
        }
    }
    Ok(runs)
}

/// Reads the runs of a comparison. A run that is given several times is returned once. The second result is
/// the position of the baseline run; `None` if the comparison has no baseline.
fn outlines_of(view: &StoreView<'_>, asked: &Asked<'_>) -> Result<(Vec<Outline>, Option<usize>)> {
    let mut runs = distinct_runs(view, asked.runs)?;
    let mut at = None;
    if let Some(baseline) = asked.baseline {
        let found = view.find_run(baseline)?;
        let known = runs.iter().position(|known| known.run_ref == found.run_ref);
        if known.is_none() {
            runs.insert(0, found);
        }
        at = known.or(Some(0));
    }
    if runs.len() < 2 {
        let runs = asked.baseline.into_iter().chain(asked.runs.iter().map(String::as_str));
        return Err(Error::ComparesTooFewRuns { runs: runs.map(str::to_owned).collect() });
    }
    let outlines = runs.into_iter().map(|run| outline_of_run(view, run, Attempts::Newest));
    Ok((outlines.collect::<Result<_>>()?, at))
}

fn compare(view: &StoreView<'_>, asked: &Asked<'_>, policy: &ComparePolicy) -> Result<MultiRunComparison> {
    let (outlines, baseline) = outlines_of(view, asked)?;
    let metrics_of = |of: &Outline| metrics_of(view, &of.metrics, &of.stages, policy.metric_selection);
    let metrics = outlines.iter().map(metrics_of);
    let metrics: Vec<Metrics> = metrics.collect::<Result<_>>()?;
    let keys: BTreeSet<&(Option<String>, String)> = metrics.iter().flat_map(Metrics::keys).collect();
    let row = |(stage_name, metric_key): &(Option<String>, String)| {
        let key = (stage_name.clone(), metric_key.clone());
        let values: Vec<_> = metrics.iter().map(|of| of.get(&key).map(|m| m.value.clone())).collect();
        let is_higher_better = policy.directions.is_higher_better(metric_key);
        let present =
            values.iter().zip(&outlines).filter_map(|(value, outline)| Some((value.as_ref()?, outline)));
        // `min_by` returns the first of several equal values, so the first of these runs is the best run.
        let best = present.min_by(|(a, _), (b, _)| metric::rank(a, b, is_higher_better));
        let best_run = best.map(|(_, outline)| outline.run.run_ref.clone());
        let differences = match baseline.and_then(|at| metrics.get(at)) {
            Some(baseline) => metrics.iter().map(|of| difference_of(&key, of, baseline)).collect(),
            None => Vec::new(),
        };
        MetricRow {
            metric_key: metric_key.clone(),
            stage_name: stage_name.clone(),
            values,
            differences,
            best_run,
            is_higher_better,
        }
    };
    let metric_table: Vec<MetricRow> = keys.into_iter().map(row).collect();
    let artifact_kind_counts = kind_counts(&outlines);
    let mut completeness_notes: Vec<CompletenessNote> = Vec::new();
    for outline in &outlines {
        let note = |code: &String| {
            CompletenessNote::warning(code.clone()).with("run_id", outline.run.run_ref.as_str())
        };
        add_new(&mut completeness_notes, outline.completeness_notes.iter().map(note));
    }
    let links = outlines.iter().flat_map(|outline| outline.evidence_links.iter().cloned());
    let mut notes = view.notes();
    notes.extend(outlines.iter().flat_map(|outline| outline.notes.iter().cloned()));
    let baseline = baseline.and_then(|at| outlines.get(at)).map(|outline| &outline.run);
    if let Some(baseline) = baseline {
        notes.extend(difference_notes(&metric_table, &outlines, baseline));
    }
    let baseline = baseline.map(|run| run.run_ref.clone());
    for note in metric_table.iter().filter_map(|row| policy.directions.assumption(&row.metric_key)) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    Ok(MultiRunComparison {
        summary: format!(
            "Compared {} runs: {} metric rows and {} artifact kind summaries.",
            outlines.len(),
            metric_table.len(),
            artifact_kind_counts.len()
        ),
        metric_table,
        artifact_kind_counts,
        completeness_notes,
        evidence_links: unique(links),
        baseline,
        notes,
        runs: outlines.into_iter().map(|outline| outline.run).collect(),
    })
}

/// Returns the numbers of artifacts in each run, ordered by kind.
fn kind_counts(outlines: &[Outline]) -> Vec<ArtifactKindCounts> {
    let kinds = outlines.iter().flat_map(|outline| &outline.artifacts);
    let kinds: BTreeSet<&String> = kinds.map(|artifact| &artifact.manifest.artifact_kind).collect();
    let counts = |kind: &String| {
        let of_kind = |outline: &Outline| {
            outline.artifacts.iter().filter(|artifact| artifact.manifest.artifact_kind == *kind).count()
        };
        ArtifactKindCounts { artifact_kind: kind.clone(), counts: outlines.iter().map(of_kind).collect() }
    };
    kinds.into_iter().map(counts).collect()
}

/// Returns notes on differences from the baseline that are not directly comparable.
fn difference_notes(
    rows: &[MetricRow],
    outlines: &[Outline],
    baseline: &RunRow,
) -> impl Iterator<Item = Note> {
    let mut differing = DifferenceNotes::default();
    for row in rows {
        for (difference, outline) in row.differences.iter().zip(outlines) {
            difference.iter().for_each(|found| differing.add(outline.run.run_ref.as_str(), found));
        }
    }
    differing.into_notes(baseline)
}
