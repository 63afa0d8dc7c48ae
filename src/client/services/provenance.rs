//! The service that answers questions about the origin and the reproducibility of runs.

use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::contract::{ProvenanceRecord, RunRef};
use crate::interpretation::provenance::{audit, environment};
use crate::interpretation::{EnvironmentDiff, ReproducibilityAudit};

/// The service that answers questions about the origin and the reproducibility of runs. The service has no policy.
#[derive(Debug, Clone)]
#[must_use]
pub struct ProvenanceService<'a> {
    contexta: &'a Contexta,
}

impl Contexta {
    /// Returns the service that answers questions about the origin and the reproducibility of runs.
    pub fn provenance(&self) -> ProvenanceService<'_> {
        ProvenanceService { contexta: self }
    }
}

impl ProvenanceService<'_> {
    /// Returns the newest of the provenance records about the lineage edges of a run, and the ref of the run.
    pub fn run_provenance(&self, run: impl AsRef<str>) -> Result<Option<(ProvenanceRecord, RunRef)>> {
        self.contexta.ask(|store| audit::provenance(store, run.as_ref()))
    }

    /// Checks the reproducibility of a run.
    pub fn audit_reproducibility(&self, run: impl AsRef<str>) -> Result<ReproducibilityAudit> {
        self.contexta.ask(|store| audit::audit_reproducibility(store, run.as_ref()))
    }

    /// Compares the newest environments of two runs.
    pub fn compare_environments(
        &self,
        left: impl AsRef<str>,
        right: impl AsRef<str>,
    ) -> Result<EnvironmentDiff> {
        self.contexta.ask(|store| environment::compare_environments(store, left.as_ref(), right.as_ref()))
    }
}
