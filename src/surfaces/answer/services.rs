//! The JSON form of diagnoses, trends, statistics, anomalies, alerts and provenance.

use crate::contract::{ProvenanceRecord, RunRef, Value};
use crate::interpretation::aggregation::QUANTILES;
use crate::interpretation::provenance::environment::Changes;
use crate::interpretation::{
    AlertReport, AlertResult, AnomalyReport, AnomalyResult, ArtifactSizePoint, ArtifactSizeTrend,
    DiagnosticsIssue, DiagnosticsResult, DurationTrend, EnvironmentDiff, MetricAggregate, MetricBaseline,
    MetricTrend, ReproducibilityAudit, RunStatusDistribution, RunSummaryTable, StageAggregate,
    StageDurationPoint, TrendPoint, ValueChange,
};
use crate::surfaces::answer::parts::{list, with};
use crate::surfaces::answer::rows;
use crate::surfaces::answer::to_json::{ToJson, object};

impl ToJson for DiagnosticsIssue {
    fn json(&self) -> Value {
        object!(self; severity, code, summary, details, subject_ref, evidence_links)
    }
}

pub(super) fn diagnosis(d: &DiagnosticsResult) -> Value {
    object!(d; run_id: d.run.run_ref, issues, findings, completeness_notes, evidence_links, notes)
}

impl ToJson for TrendPoint {
    fn json(&self) -> Value {
        let m = &self.measured;
        object!(self;
            run_id: self.run_ref, run_name, value: m.value, captured_at: m.observed_at, stage_name, step: m.step,
            unit: m.unit, difference
        )
    }
}

pub(super) fn metric_trend(t: &MetricTrend) -> Value {
    object!(t; metric_key, project_name, baseline_run_id: t.baseline, points, completeness_notes, notes)
}

impl ToJson for StageDurationPoint {
    fn json(&self) -> Value {
        object!(self; run_id: self.run_ref, run_name, stage_name, duration_seconds, started_at)
    }
}

pub(super) fn duration_trend(t: &DurationTrend) -> Value {
    object!(t; stage_name, project_name, points, completeness_notes, notes)
}

impl ToJson for ArtifactSizePoint {
    fn json(&self) -> Value {
        object!(self; run_id: self.run_ref, run_name, artifact_kind, size_bytes, artifact_ref, created_at)
    }
}

pub(super) fn artifact_size_trend(t: &ArtifactSizeTrend) -> Value {
    object!(t; artifact_kind, project_name, points, completeness_notes, notes)
}

pub(super) fn aggregate(a: &MetricAggregate) -> Value {
    let quantiles = QUANTILES.iter().zip(&a.quantiles).map(|((name, _), value)| (*name, value.json()));
    let own = object!(a; metric_key, project_name, count, mean, std, min, max, completeness_notes, notes);
    with(own, quantiles.collect())
}

impl ToJson for StageAggregate {
    fn json(&self) -> Value {
        object!(self; stage_name, metric_key, count, mean, min, max)
    }
}

pub(super) fn summary_table(t: &RunSummaryTable) -> Value {
    let none: Vec<String> = Vec::new();
    object!(t; project_name, total_runs, by_stage, completeness_notes: none, notes)
}

pub(super) fn status_distribution(d: &RunStatusDistribution) -> Value {
    let by_status = list(&d.by_status, |(status, count)| {
        Value::map([("status", status.json()), ("count", count.json())])
    });
    let none: Vec<String> = Vec::new();
    object!(d; project_name, total, by_status: by_status, pass_rate: d.pass_rate(), completeness_notes: none, notes)
}

pub(super) fn baseline(b: &MetricBaseline) -> Value {
    object!(b; metric_key, mean, std, p5, p95, computed_from_n_runs, median, mad)
}

impl ToJson for AnomalyResult {
    fn json(&self) -> Value {
        object!(self;
            metric_key, run_id: self.run_ref, actual_value, expected_range, z_score, robust_z_score, severity,
            is_anomaly: self.is_anomaly(), evidence_links, completeness_notes
        )
    }
}

pub(super) fn anomaly(a: &AnomalyResult) -> Value {
    a.json()
}

pub(super) fn anomalies(a: &AnomalyReport) -> Value {
    object!(a; run_id: a.run_ref, anomalies, notes)
}

impl ToJson for AlertResult {
    fn json(&self) -> Value {
        let rule = &self.rule;
        object!(self;
            rule_name: rule.rule_name(), metric_key: rule.metric_key, run_id: self.run_ref, actual_value,
            threshold: rule.threshold, operator: rule.operator.as_str(), triggered, severity,
            stage_name: rule.stage_name, evidence_links, completeness_notes
        )
    }
}

pub(super) fn alerts(a: &AlertReport) -> Value {
    object!(a; run_ids: a.runs, results, completeness_notes, notes)
}

pub(super) fn audit(a: &ReproducibilityAudit) -> Value {
    let checks =
        Value::Map(a.checks.iter().map(|(name, passed)| ((*name).to_owned(), passed.json())).collect());
    object!(a;
        run_id: a.run_ref, provenance: a.provenance.as_ref().map(|record| rows::provenance(record, &a.run_ref)),
        environment_ref: a.environment, python_version, platform, package_count, environment_variable_count,
        reproducibility_status: a.status, score: a.score(), checks: checks, completeness_notes, evidence_links, notes
    )
}

pub(super) fn provenance((record, run): &(ProvenanceRecord, RunRef)) -> Value {
    rows::provenance(record, run)
}

impl ToJson for ValueChange {
    fn json(&self) -> Value {
        object!(self; key, left_value, right_value)
    }
}

impl ToJson for Changes {
    fn json(&self) -> Value {
        object!(self; added, removed, changed)
    }
}

impl ToJson for EnvironmentDiff {
    fn json(&self) -> Value {
        object!(self;
            left_run_id: self.left_run, right_run_id: self.right_run, left_environment_ref: self.left_environment,
            right_environment_ref: self.right_environment, python_version_changed, platform_changed,
            added_packages: self.packages.added, removed_packages: self.packages.removed,
            changed_packages: self.packages.changed, added_variables: self.variables.added,
            removed_variables: self.variables.removed, changed_variables: self.variables.changed, devices, machine,
            completeness_notes, evidence_links, notes
        )
    }
}

pub(super) fn environment_diff(d: &EnvironmentDiff) -> Value {
    d.json()
}
