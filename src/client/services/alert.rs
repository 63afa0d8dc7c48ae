//! The service that evaluates alert rules.

use crate::client::error::Result;
use crate::client::services::declare::service;
use crate::interpretation::alert;
use crate::interpretation::{AlertPolicy, AlertReport, AlertRule, RunListQuery};

service! {
    /// The service that evaluates alert rules.
    AlertService, AlertPolicy;
    /// Returns the service that evaluates alert rules.
    alert = alert
}

impl AlertService<'_> {
    /// Evaluates alert rules for one run.
    pub fn evaluate_alerts(&self, run: impl AsRef<str>, rules: &[AlertRule]) -> Result<AlertReport> {
        self.contexta.ask(|store| alert::evaluate_alerts(store, run.as_ref(), rules, &self.policy))
    }

    /// Evaluates alert rules for all runs that a query selects.
    pub fn evaluate_alerts_fleet(
        &self,
        rules: &[AlertRule],
        query: impl Into<RunListQuery>,
    ) -> Result<AlertReport> {
        let query = query.into();
        self.contexta.ask(|store| alert::evaluate_fleet(store, rules, &query, &self.policy))
    }
}
