//! The diagnosis of a run: the search for problems in its records, its parts and the log.

use crate::contract::Severity;
use crate::interpretation::diagnostics::delivery::undelivered;
use crate::interpretation::diagnostics::findings::Search;
use crate::interpretation::diagnostics::issue::DiagnosticsIssue;
use crate::interpretation::diagnostics::issues::{batches, degraded, deployments, stages};
use crate::interpretation::diagnostics::policy::DiagnosticsPolicy;
use crate::interpretation::error::Result;
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink, unique};
use crate::interpretation::query::snapshot::outline;
use crate::store::{Attempts, Note, RunRow, Store, StoreView, WaitingDelivery};

/// The result of a diagnosis.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DiagnosticsResult {
    /// The run.
    pub run: RunRow,
    /// The problems. Problems of records come first, followed by problems of stages, of batches, of
    /// deployments, and of the run.
    pub issues: Vec<DiagnosticsIssue>,
    /// Further problems of the run: an interruption, conflicting facts, values that are not finite, diverging metrics,
    /// missing bodies of artifacts, missing entries of the log, and failed deliveries to sinks.
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

/// Diagnoses a run. `waiting` contains the deliveries that failed and that wait for a replay.
pub fn diagnose_run(
    store: &Store,
    run: &str,
    policy: &DiagnosticsPolicy,
    waiting: &[WaitingDelivery],
) -> Result<DiagnosticsResult> {
    store.read(|view| {
        let mut diagnosis = diagnose(view, run, policy)?;
        let found = undelivered(view, &diagnosis.run, waiting)?;
        diagnosis.findings.extend(found);
        Ok(diagnosis)
    })
}

/// Diagnoses a run. Equal logs give equal diagnoses, because only the log is read.
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
    let findings = Search { view, outline: &outline, records: &records, policy }.findings()?;
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
