//! The search for problems in the lifecycle, the metrics, the artifacts and the log of a run.

use crate::contract::{MetricValue, RunStatus, Severity, Value};
use crate::interpretation::diagnostics::delivery::failed;
use crate::interpretation::diagnostics::issue::DiagnosticsIssue;
use crate::interpretation::diagnostics::policy::DiagnosticsPolicy;
use crate::interpretation::error::Result;
use crate::interpretation::evidence::EvidenceLink;
use crate::interpretation::query::snapshot::Outline;
use crate::store::{Attempts, Note, RecordRow, SeriesRow, StoreView};
use std::cmp::Ordering;

/// The minimum number of points of a metric that can be reported as diverging.
const DIVERGING_POINTS_MIN: u64 = 3;
/// The difference between the first and the last value up to which a metric does not diverge, as a part of the greater
/// absolute value.
const DIVERGING_TOLERANCE: f64 = 0.01;

/// The search for problems of one run.
pub(super) struct Search<'a> {
    pub(super) view: &'a StoreView<'a>,
    pub(super) outline: &'a Outline,
    /// The degraded records of the run.
    pub(super) records: &'a [RecordRow],
    pub(super) policy: &'a DiagnosticsPolicy,
}

impl Search<'_> {
    /// Returns the problems that were found.
    pub(super) fn findings(&self) -> Result<Vec<DiagnosticsIssue>> {
        let run = &self.outline.run;
        let link = EvidenceLink::new("run", &run.run_ref, &run.name);
        let mut found = self.lifecycle(&link);
        for row in &self.outline.metrics {
            found.extend(self.not_finite(row, &link)?);
            found.extend(self.diverging(row, &link));
        }
        found.extend(self.artifacts());
        let gaps = self.view.gaps_of_run(&run.run_ref)?;
        found.extend(gaps.iter().map(|gap| missing_entries(gap, &link)));
        found.extend(failed(self.records, &link));
        Ok(found)
    }

    fn lifecycle(&self, link: &EvidenceLink) -> Vec<DiagnosticsIssue> {
        let mut found = Vec::new();
        let mut add = |severity, code, summary: String| {
            found.push(DiagnosticsIssue::new(severity, code, summary, link.clone()));
        };
        let run = &self.outline.run;
        if let Some(at) = run.interrupted_at {
            let summary = format!("the processes of the run have died; their last entry is from {at}");
            add(Severity::Error, "run_interrupted", summary);
        }
        if run.status == RunStatus::Failed {
            let reason = run.end_message.as_deref().or(run.end_reason.as_deref());
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            add(Severity::Error, "run_failed", format!("the run failed{reason}"));
        }
        for attribute in &run.conflicts {
            let summary = format!("different values of {attribute} were recorded for the run");
            add(Severity::Warning, "fact_conflict", summary);
        }
        found
    }

    /// Returns a problem if a series contains values that are not finite. The problem names the first such
    /// value.
    fn not_finite(&self, row: &SeriesRow, link: &EvidenceLink) -> Result<Option<DiagnosticsIssue>> {
        if row.non_finite == 0 {
            return Ok(None);
        }
        let points = self.view.points(&row.key, Attempts::Newest)?;
        let first = points.iter().find(|point| !point.value.is_finite());
        let name = row.label();
        let mut summary = format!("{} of {} values of {name} are NaN or infinite", row.non_finite, row.count);
        if let Some(step) = first.and_then(|first| first.step) {
            summary.push_str(&format!("; the first of them has step {step}"));
        }
        let issue = DiagnosticsIssue::new(Severity::Error, "metric_not_finite", summary, link.clone())
            .with("metric", name)
            .with("first_step", first.and_then(|first| first.step))
            .with("first_observed_at", first.map(|first| first.observed_at.to_string()));
        Ok(Some(issue))
    }

    /// Returns the problem of a series whose last value is worse than its first value by more than a tolerance. The direction of the metric must
    /// be declared, or its name must be that of a loss. Otherwise, a metric such as a learning rate would be a problem.
    fn diverging(&self, row: &SeriesRow, link: &EvidenceLink) -> Option<DiagnosticsIssue> {
        let metric = row.key.metric();
        let is_higher_better = self.policy.directions.declared_or_loss(&metric)?;
        let (first, last) = (&row.first, &row.last);
        let is_ordered = first.step.is_some() && first.step < last.step;
        let are_finite = first.value.is_finite() && last.value.is_finite();
        if row.count < DIVERGING_POINTS_MIN || !is_ordered || !are_finite {
            return None;
        }
        let worse = if is_higher_better { Ordering::Less } else { Ordering::Greater };
        if last.value.compare(&first.value) != worse || are_close(&first.value, &last.value) {
            return None;
        }
        let best: Option<&MetricValue> = if is_higher_better { row.max.as_ref() } else { row.min.as_ref() };
        let (name, better) = (row.label(), if is_higher_better { "higher" } else { "lower" });
        let summary = format!(
            "the last value of {name} ({}) is worse than the first value ({}), because {better} values are better",
            last.value, first.value
        );
        let issue = DiagnosticsIssue::new(Severity::Warning, "metric_diverging", summary, link.clone())
            .with("metric", name)
            .with("better", better)
            .with("first_value", first.value.clone())
            .with("first_step", first.step)
            .with("last_value", last.value.clone())
            .with("last_step", last.step);
        Some(issue.with("best_value", best.cloned().map(Value::from)))
    }

    fn artifacts(&self) -> Vec<DiagnosticsIssue> {
        let mut found = Vec::new();
        for artifact in &self.outline.artifacts {
            let manifest = &artifact.manifest;
            let link = EvidenceLink::new("artifact", &manifest.artifact_ref, &manifest.artifact_kind);
            let mut add = |severity, code, summary: String| {
                found.push(DiagnosticsIssue::new(severity, code, summary, link.clone()));
            };
            if artifact.body.is_some() && !artifact.body_present {
                let summary = format!("the body of {} is missing", manifest.artifact_ref);
                add(Severity::Error, "artifact_body_missing", summary);
            }
            if artifact.conflict {
                let summary = format!("different manifests were recorded for {}", manifest.artifact_ref);
                add(Severity::Warning, "fact_conflict", summary);
            }
        }
        found
    }
}

/// Returns `true` if two values differ at most by [`DIVERGING_TOLERANCE`].
fn are_close(a: &MetricValue, b: &MetricValue) -> bool {
    let (a, b) = (a.as_f64(), b.as_f64());
    let greater = a.abs().max(b.abs());
    greater.is_finite() && (a - b).abs() <= DIVERGING_TOLERANCE * greater
}

/// Returns the problem for a gap: entries are missing in a stream of the run.
fn missing_entries(gap: &Note, link: &EvidenceLink) -> DiagnosticsIssue {
    let summary = format!("entries that may belong to the run cannot be read: {}", gap.message);
    let mut issue = DiagnosticsIssue::new(gap.severity, "log_gap", summary, link.clone());
    issue = issue.with("note", gap.code);
    for (name, value) in &gap.details {
        issue = issue.with(name, Value::text(value));
    }
    issue
}
