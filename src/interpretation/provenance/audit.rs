//! The reproducibility of a run: checks that the data needed to repeat the run was recorded.

use crate::contract::{EnvironmentRef, ProvenanceRecord, RunRef, Severity};
use crate::interpretation::error::Result;
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink};
use crate::interpretation::provenance::code::{Patch, code_of};
use crate::interpretation::provenance::environment::link;
use crate::interpretation::query::snapshot::outline;
use crate::store::{Attempts, Note, Store};

/// The result of a check of the reproducibility of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReproducibilityAudit {
    /// The run.
    pub run_ref: RunRef,
    /// The provenance of the run.
    pub provenance: Option<ProvenanceRecord>,
    /// The newest environment of the run.
    pub environment: Option<EnvironmentRef>,
    /// The version of Python.
    pub python_version: Option<String>,
    /// The platform.
    pub platform: Option<String>,
    /// The number of packages in the environment.
    pub package_count: usize,
    /// The number of environment variables in the environment.
    pub environment_variable_count: usize,
    /// `complete` if the run has provenance and an environment, `partial` if it has one of them, otherwise `missing`.
    pub status: &'static str,
    /// The checks of the data that is needed to repeat the run: code revision, uncommitted changes,
    /// environment, packages, parameters, data set and command. A check has the value `true` if the data was
    /// recorded.
    pub checks: Vec<(&'static str, bool)>,
    /// Notes of the check.
    pub completeness_notes: Vec<CompletenessNote>,
    /// Links to the run, its provenance and its environment.
    pub evidence_links: Vec<EvidenceLink>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

impl ReproducibilityAudit {
    /// Returns the share of the checks that the run passes, from 0 to 1.
    #[must_use]
    pub fn score(&self) -> f64 {
        let passed = self.checks.iter().filter(|(_, passed)| *passed).count();
        if self.checks.is_empty() { 0.0 } else { passed as f64 / self.checks.len() as f64 }
    }
}

/// Returns the newest provenance record about a lineage edge of a run, together with the ref of the run.
pub fn provenance(store: &Store, run: &str) -> Result<Option<(ProvenanceRecord, RunRef)>> {
    store.read(|view| {
        let outline = outline(view, run, Attempts::Newest)?;
        Ok(outline.provenance.map(|record| (record, outline.run.run_ref)))
    })
}

/// Checks the reproducibility of a run.
pub fn audit_reproducibility(store: &Store, run: &str) -> Result<ReproducibilityAudit> {
    store.read(|view| {
        let outline = outline(view, run, Attempts::Newest)?;
        let run = outline.run;
        let own = run.run_ref.as_str();
        let code = code_of(view, &run, &outline.artifacts)?;
        let environment = code.environments.last();
        let mut completeness_notes = Vec::new();
        if outline.provenance.is_none() {
            completeness_notes.push(CompletenessNote::warning("provenance_missing").with("run_id", own));
        }
        match environment {
            None => {
                let note = CompletenessNote::warning("environment_snapshot_missing");
                completeness_notes.push(note.with("run_id", own));
            }
            Some(environment) if environment.packages.is_empty() => {
                let note = CompletenessNote::new(Severity::Info, "environment_packages_empty");
                let own_ref = environment.environment_snapshot_ref.as_str();
                completeness_notes.push(note.with("environment_ref", own_ref).with("run_id", own));
            }
            Some(_) => {}
        }
        if let Some(record) =
            outline.provenance.as_ref().filter(|record| record.evidence_bundle_ref.is_none())
        {
            let note = CompletenessNote::new(Severity::Info, "provenance_evidence_bundle_missing");
            let note = note.with("provenance_ref", record.provenance_ref.as_str());
            completeness_notes.push(note.with("run_id", own));
        }
        let mut evidence_links = vec![EvidenceLink::new("run", &run.run_ref, &run.name)];
        evidence_links.extend(outline.provenance.iter().map(|record| {
            EvidenceLink::new("provenance", &record.provenance_ref, record.assertion_mode.as_str())
        }));
        evidence_links.extend(environment.map(link));
        let status = match (&outline.provenance, environment) {
            (Some(_), Some(_)) => "complete",
            (None, None) => "missing",
            _ => "partial",
        };
        // The newest environment may describe the program and contain no state of the code. `code_of`
        // therefore reads all environments of the run.
        let has_change = !matches!(code.patch, Patch::Missing(_));
        let checks = vec![
            ("code_revision", run.code_revision.is_some()),
            ("code_changes", has_change),
            ("environment", environment.is_some()),
            ("packages", environment.is_some_and(|environment| !environment.packages.is_empty())),
            ("params", !run.params.is_empty()),
            ("dataset", run.dataset_ref.is_some()),
            ("command", run.command.is_some()),
        ];
        Ok(ReproducibilityAudit {
            provenance: outline.provenance,
            environment: environment.map(|e| e.environment_snapshot_ref.clone()),
            python_version: environment.and_then(|e| e.python_interpreter()).map(str::to_owned),
            platform: environment.map(|e| e.platform.clone()),
            package_count: environment.map_or(0, |e| e.packages.len()),
            environment_variable_count: environment.map_or(0, |e| e.environment_variables.len()),
            status,
            checks,
            completeness_notes,
            evidence_links,
            notes: [view.notes(), outline.notes].concat(),
            run_ref: run.run_ref,
        })
    })
}
