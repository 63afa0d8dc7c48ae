//! The problems of the records, stages, batches and deployments of a run.

use crate::contract::{AnyRecord, Degradation, DegradedSeverity, DeploymentExecution, RunStatus, Severity};
use crate::interpretation::diagnostics::issue::DiagnosticsIssue;
use crate::interpretation::diagnostics::policy::DiagnosticsPolicy;
use crate::interpretation::evidence::EvidenceLink;
use crate::interpretation::query::line::record_line;
use crate::interpretation::query::snapshot::Outline;
use crate::store::RecordRow;

/// Returns the problem of a record that is marked as degraded.
pub(super) fn degraded(row: &RecordRow) -> Option<DiagnosticsIssue> {
    let envelope = row.record.envelope();
    let marker = envelope.observation.degradation_marker;
    if marker == Degradation::None {
        return None;
    }
    let key = record_line(&row.record).key;
    let link = EvidenceLink::new("record", &envelope.record_ref, &key);
    let summary = format!("degraded record detected for {key}");
    let severity = match &row.record {
        AnyRecord::Degraded(record) if record.payload.severity == DegradedSeverity::Error => Severity::Error,
        _ => Severity::Warning,
    };
    let stage = envelope.observation.stage_execution_ref.as_ref();
    let issue = DiagnosticsIssue::new(severity, "degraded_record", summary, link)
        .with("record_type", row.record.record_type().as_str())
        .with("degradation_marker", marker.as_str());
    Some(issue.with("stage_id", stage.map(|stage| stage.to_string())))
}

/// Returns the problems of the stages.
pub(super) fn stages(outline: &Outline, policy: &DiagnosticsPolicy) -> Vec<DiagnosticsIssue> {
    let mut issues = Vec::new();
    for stage in &outline.stages {
        let link = EvidenceLink::new("stage", &stage.stage_ref, &stage.name);
        let run = outline.run.run_ref.as_str();
        let is_measured =
            outline.metrics.iter().any(|row| row.key.stage_ref.as_ref() == Some(&stage.stage_ref));
        if stage.status != RunStatus::Completed {
            let summary = format!("stage {} is not completed", stage.name);
            let issue = DiagnosticsIssue::new(Severity::Warning, "incomplete_stage", summary, link);
            issues.push(issue.with("status", stage.shown_status()).with("run_id", run));
        } else if policy.require_metrics_for_completed_stages && !is_measured {
            let summary = format!("completed stage {} has no metric records", stage.name);
            let issue = DiagnosticsIssue::new(Severity::Info, "missing_stage_metrics", summary, link);
            issues.push(issue.with("stage_name", stage.name.as_str()).with("run_id", run));
        }
    }
    issues
}

/// Returns the problems of the batches.
pub(super) fn batches(outline: &Outline) -> Vec<DiagnosticsIssue> {
    let mut issues = Vec::new();
    for batch in &outline.batches {
        let link = EvidenceLink::new("batch", &batch.batch_execution_ref, &batch.batch_name);
        let (name, own) = (&batch.batch_name, batch.batch_execution_ref.as_str());
        let run = outline.run.run_ref.as_str();
        match batch.status {
            RunStatus::Completed => {}
            RunStatus::Failed => {
                let summary = format!("batch {name} failed");
                let issue = DiagnosticsIssue::new(Severity::Error, "failed_batch", summary, link);
                let issue = issue.with("batch_id", own).with("stage_id", batch.stage_execution_ref.as_str());
                issues.push(issue.with("run_id", run));
            }
            // A batch may be open while its run is open and not interrupted.
            RunStatus::Open
                if outline.run.status == RunStatus::Open && outline.run.interrupted_at.is_none() => {}
            status => {
                let summary = format!("batch {name} ended with status {status}");
                let issue = DiagnosticsIssue::new(Severity::Warning, "incomplete_batch", summary, link);
                issues.push(issue.with("batch_id", own).with("status", status.as_str()).with("run_id", run));
            }
        }
    }
    issues
}

/// Returns the problems of the deployments.
pub(super) fn deployments(outline: &Outline) -> Vec<DiagnosticsIssue> {
    let failed = outline.deployments.iter().filter(|deployment| deployment.status == RunStatus::Failed);
    let issue = |deployment: &DeploymentExecution| {
        let (own, name) = (&deployment.deployment_execution_ref, &deployment.deployment_name);
        let link = EvidenceLink::new("deployment", own, name);
        let summary = format!("deployment {name} failed");
        DiagnosticsIssue::new(Severity::Error, "failed_deployment", summary, link)
            .with("deployment_id", own.as_str())
            .with("run_id", outline.run.run_ref.as_str())
    };
    failed.map(issue).collect()
}
