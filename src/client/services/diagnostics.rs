//! The service that diagnoses runs.

use crate::client::error::Result;
use crate::client::services::declare::service;
use crate::interpretation::diagnostics;
use crate::interpretation::{DiagnosticsPolicy, DiagnosticsResult};
use crate::store::{Note, Severity};

service! {
    /// The service that diagnoses runs.
    DiagnosticsService, DiagnosticsPolicy;
    /// Returns the service that diagnoses runs.
    diagnostics = diagnostics
}

impl DiagnosticsService<'_> {
    /// Diagnoses a run. The findings include deliveries to sinks if the deliveries wait for a replay at the
    /// time of the call.
    pub fn diagnose_run(&self, run: impl AsRef<str>) -> Result<DiagnosticsResult> {
        let contexta = self.contexta;
        // The error becomes a note, because the other problems of the run do not depend on the deliveries.
        let (waiting, unreadable) = match contexta.session.waiting_deliveries() {
            Ok(waiting) => (waiting, None),
            Err(e) => {
                let message = format!("the deliveries that wait for a replay cannot be listed: {e}");
                (Vec::new(), Some(Note::new(Severity::Warning, "deliveries_unreadable", message)))
            }
        };
        let mut diagnosis =
            contexta.ask(|store| diagnostics::diagnose_run(store, run.as_ref(), &self.policy, &waiting))?;
        diagnosis.notes.extend(unreadable);
        Ok(diagnosis)
    }
}
