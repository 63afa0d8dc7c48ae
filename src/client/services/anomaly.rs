//! The service that detects values far from the values of earlier runs.

use crate::client::error::Result;
use crate::client::services::declare::service;
use crate::interpretation::anomaly;
use crate::interpretation::{
    AnomalyPolicy, AnomalyQuery, AnomalyReport, AnomalyResult, MetricBaseline, RunListQuery,
};

service! {
    /// The service that detects values far from the values of earlier runs.
    AnomalyService, AnomalyPolicy;
    /// Returns the service that detects values far from the values of earlier runs.
    anomaly = anomaly
}

impl AnomalyService<'_> {
    /// Computes the baseline of a metric over the runs that a query selects.
    pub fn compute_baseline(
        &self,
        metric_key: &str,
        stage: Option<&str>,
        query: impl Into<RunListQuery>,
    ) -> Result<MetricBaseline> {
        let query = query.into();
        self.contexta.ask(|store| anomaly::compute_baseline(store, metric_key, stage, &query, &self.policy))
    }

    /// Compares the value of a run with a baseline. Returns `None` if the run does not have the metric.
    pub fn detect_anomaly(
        &self,
        run: impl AsRef<str>,
        baseline: &MetricBaseline,
        stage: Option<&str>,
    ) -> Result<Option<AnomalyResult>> {
        self.contexta.ask(|store| anomaly::detect_anomaly(store, run.as_ref(), baseline, stage, &self.policy))
    }

    /// Compares the metrics of a run with the metrics of earlier runs.
    pub fn detect_anomalies_in_run(
        &self,
        run: impl AsRef<str>,
        query: &AnomalyQuery,
    ) -> Result<AnomalyReport> {
        self.contexta.ask(|store| anomaly::detect_anomalies_in_run(store, run.as_ref(), query, &self.policy))
    }
}
