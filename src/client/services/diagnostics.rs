//! The service that diagnoses runs.

use crate::client::error::Result;
use crate::client::services::declare::service;
use crate::interpretation::diagnostics;
use crate::interpretation::{DiagnosticsPolicy, DiagnosticsResult};

service! {
    /// The service that diagnoses runs.
    DiagnosticsService, DiagnosticsPolicy;
    /// Returns the service that diagnoses runs.
    diagnostics = diagnostics
}

impl DiagnosticsService<'_> {
    /// Diagnoses a run.
    pub fn diagnose_run(&self, run: impl AsRef<str>) -> Result<DiagnosticsResult> {
        self.contexta.ask(|store| diagnostics::diagnose_run(store, run.as_ref(), &self.policy))
    }
}
