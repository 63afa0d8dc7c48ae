//! Diagnosis of a run: problems that its records, stages, batches and deployments show.

use crate::contract::{RunStatus, Severity, Value};
use crate::interpretation::error::Result;
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink, unique};
use crate::interpretation::query::line::record_line;
use crate::interpretation::query::snapshot::{Outline, outline};
use crate::store::{Attempts, Note, RecordRow, RunRow, Store, StoreView};
use std::collections::BTreeMap;

/// The settings of a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiagnosticsPolicy {
    /// `true` to report completed stages without metrics.
    pub require_metrics_for_completed_stages: bool,
    /// `true` to report degraded records.
    pub detect_degraded_records: bool,
    /// The names of the stages that a run is expected to have.
    pub expected_terminal_stage_names: Vec<String>,
}

impl Default for DiagnosticsPolicy {
    fn default() -> DiagnosticsPolicy {
        DiagnosticsPolicy {
            require_metrics_for_completed_stages: true,
            detect_degraded_records: true,
            expected_terminal_stage_names: ["evaluate", "package"].map(str::to_owned).to_vec(),
        }
    }
}

/// The result of a diagnosis.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DiagnosticsResult {
    /// The run.
    pub run: RunRow,
    /// The problems. Problems of records come first, followed by problems of stages, of batches, of
    /// deployments, and of the run.
    pub issues: Vec<DiagnosticsIssue>,
    /// Further problems of the run: an interruption, missing bodies of artifacts, values that are not finite, and
    /// conflicting facts.
    pub findings: Vec<DiagnosticsIssue>,
    /// Notes on parts that the run does not have.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Links to the run, its parts, and the subjects of the problems.
    pub evidence_links: Vec<EvidenceLink>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

impl DiagnosticsResult {
    /// Returns the greatest severity of the problems; `None` if there is no problem.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.issues.iter().chain(&self.findings).map(|issue| issue.severity).max()
    }
}

/// A problem.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DiagnosticsIssue {
    /// The severity.
    pub severity: Severity,
    /// A stable code, such as `failed_batch`.
    pub code: &'static str,
    /// The problem in one line.
    pub summary: String,
    /// Details of the problem. The key is the name of a detail.
    pub details: BTreeMap<String, Value>,
    /// The ref of the object that has the problem.
    pub subject_ref: String,
    /// A link to the object that has the problem.
    pub evidence_links: Vec<EvidenceLink>,
}

impl DiagnosticsIssue {
    fn new(
        severity: Severity,
        code: &'static str,
        summary: String,
        subject: EvidenceLink,
    ) -> DiagnosticsIssue {
        let subject_ref = subject.subject.clone();
        let evidence_links = vec![subject];
        DiagnosticsIssue { severity, code, summary, details: BTreeMap::new(), subject_ref, evidence_links }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> DiagnosticsIssue {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// Diagnoses a run.
pub fn diagnose_run(store: &Store, run: &str, policy: &DiagnosticsPolicy) -> Result<DiagnosticsResult> {
    store.read(|view| diagnose(view, run, policy))
}

pub(in crate::interpretation) fn diagnose(
    view: &StoreView<'_>,
    run: &str,
    policy: &DiagnosticsPolicy,
) -> Result<DiagnosticsResult> {
    let outline = outline(view, run, Attempts::Newest)?;
    let stamps = view.marked_stamps(&outline.run.run_ref)?;
    let (records, record_notes) = view.records_with_stamps(&stamps, &[])?;
    let mut issues = Vec::new();
    if policy.detect_degraded_records {
        issues.extend(records.iter().filter_map(degraded));
    }
    issues.extend(stages(&outline, policy));
    issues.extend(batches(&outline));
    issues.extend(deployments(&outline));
    let run_link = EvidenceLink::new("run", &outline.run.run_ref, &outline.run.name);
    for name in &policy.expected_terminal_stage_names {
        if !outline.stages.iter().any(|stage| stage.name == *name) {
            let summary = format!("expected terminal stage {name} is missing");
            let issue =
                DiagnosticsIssue::new(Severity::Info, "missing_expected_stage", summary, run_link.clone());
            let issue = issue.with("expected_stage_name", name.as_str());
            issues.push(issue.with("run_id", outline.run.run_ref.as_str()));
        }
    }
    let findings = findings(&outline, &run_link);
    let links = outline.evidence_links.iter().cloned();
    let of_issues = issues.iter().chain(&findings).flat_map(|issue| issue.evidence_links.iter().cloned());
    let note =
        |code: &String| CompletenessNote::warning(code.clone()).with("run_id", outline.run.run_ref.as_str());
    Ok(DiagnosticsResult {
        completeness_notes: outline.completeness_notes.iter().map(note).collect(),
        evidence_links: unique(links.chain(of_issues)),
        issues,
        findings,
        notes: [view.notes(), outline.notes.clone(), record_notes].concat(),
        run: outline.run,
    })
}

/// Returns the problem of a record that is marked as degraded.
fn degraded(row: &RecordRow) -> Option<DiagnosticsIssue> {
    let envelope = row.record.envelope();
    let marker = envelope.observation.degradation_marker;
    if marker == crate::contract::Degradation::None {
        return None;
    }
    let key = record_line(&row.record).key;
    let link = EvidenceLink::new("record", &envelope.record_ref, &key);
    let summary = format!("degraded record detected for {key}");
    let severity = match &row.record {
        crate::contract::AnyRecord::Degraded(record)
            if record.payload.severity == crate::contract::DegradedSeverity::Error =>
        {
            Severity::Error
        }
        _ => Severity::Warning,
    };
    let stage = envelope.observation.stage_execution_ref.as_ref();
    let issue = DiagnosticsIssue::new(severity, "degraded_record", summary, link)
        .with("record_type", row.record.record_type().as_str())
        .with("degradation_marker", marker.as_str());
    Some(issue.with("stage_id", stage.map(|stage| stage.to_string())))
}

fn stages(outline: &Outline, policy: &DiagnosticsPolicy) -> Vec<DiagnosticsIssue> {
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

fn batches(outline: &Outline) -> Vec<DiagnosticsIssue> {
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

fn deployments(outline: &Outline) -> Vec<DiagnosticsIssue> {
    let failed = outline.deployments.iter().filter(|deployment| deployment.status == RunStatus::Failed);
    let issue = |deployment: &crate::contract::DeploymentExecution| {
        let (own, name) = (&deployment.deployment_execution_ref, &deployment.deployment_name);
        let link = EvidenceLink::new("deployment", own, name);
        let summary = format!("deployment {name} failed");
        DiagnosticsIssue::new(Severity::Error, "failed_deployment", summary, link)
            .with("deployment_id", own.as_str())
            .with("run_id", outline.run.run_ref.as_str())
    };
    failed.map(issue).collect()
}

/// Returns the problems that the lifecycle, the metrics and the artifacts of a run show.
fn findings(outline: &Outline, run_link: &EvidenceLink) -> Vec<DiagnosticsIssue> {
    let mut found = Vec::new();
    let mut add = |severity, code: &'static str, summary: String, link: &EvidenceLink| {
        found.push(DiagnosticsIssue::new(severity, code, summary, link.clone()));
    };
    let run = &outline.run;
    if let Some(at) = run.interrupted_at {
        let summary = format!("the processes of the run died; its last sign of life was at {at}");
        add(Severity::Error, "run_interrupted", summary, run_link);
    }
    if run.status == RunStatus::Failed {
        let reason = run.end_message.as_deref().or(run.end_reason.as_deref());
        let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        add(Severity::Error, "run_failed", format!("the run failed{reason}"), run_link);
    }
    for attribute in &run.conflicts {
        let summary = format!("different values of {attribute} were recorded for the run");
        add(Severity::Warning, "fact_conflict", summary, run_link);
    }
    for row in outline.metrics.iter().filter(|row| row.non_finite > 0) {
        let name = row.label();
        let summary = format!("{} of {} values of {name} are NaN or infinite", row.non_finite, row.count);
        add(Severity::Error, "metric_not_finite", summary, run_link);
    }
    for artifact in &outline.artifacts {
        let manifest = &artifact.manifest;
        let link = EvidenceLink::new("artifact", &manifest.artifact_ref, &manifest.artifact_kind);
        if artifact.body.is_some() && !artifact.body_present {
            let summary = format!("the body of {} is missing", manifest.artifact_ref);
            add(Severity::Error, "artifact_body_missing", summary, &link);
        }
        if artifact.conflict {
            let summary = format!("different manifests were recorded for {}", manifest.artifact_ref);
            add(Severity::Warning, "fact_conflict", summary, &link);
        }
    }
    found
}
