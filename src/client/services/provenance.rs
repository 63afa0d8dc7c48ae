//! The service that answers questions about the origin and the reproducibility of runs.

use crate::client::contexta::Contexta;
use crate::client::error::{Result, engine_io};
use crate::contract::{ProvenanceRecord, RunRef};
use crate::interpretation::provenance::{audit, code_diff, environment, reproduce};
use crate::interpretation::{
    CodeDiff, EnvironmentDiff, ReproduceOptions, ReproducibilityAudit, Reproduction,
};
use std::path::Path;

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
    /// Returns the newest provenance record of a run, and the ref of the run. A provenance record describes a
    /// lineage edge of the run.
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

    /// Compares the code of two runs, and returns the differences in the unified format. The revision, the
    /// branch and the uncommitted change are compared.
    pub fn diff_code(&self, left: impl AsRef<str>, right: impl AsRef<str>) -> Result<CodeDiff> {
        self.contexta.ask(|store| code_diff::diff_code(store, left.as_ref(), right.as_ref()))
    }

    /// Returns the commands that reproduce a run in a clone of its git repository. The commands restore the
    /// revision with the uncommitted change, the packages and the used artifacts, and then execute the
    /// command line of the run. `directory` is the directory that the commands create for the code. By
    /// default, its name is `reproduce-` followed by the id of the run. The result names the parts of the run
    /// that the commands do not reproduce.
    pub fn reproduce_run(&self, run: impl AsRef<str>, directory: Option<&str>) -> Result<Reproduction> {
        // The paths of bodies must not depend on the directory in which the commands run.
        let here = Path::new(".");
        let base = std::path::absolute(here).map_err(|e| engine_io("inspect", here, e))?;
        let options = ReproduceOptions { directory: directory.map(str::to_owned), base };
        self.contexta.ask(|store| reproduce::reproduce(store, run.as_ref(), &options))
    }
}
