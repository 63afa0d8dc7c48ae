//! The service that shows how values change from run to run.

use crate::client::error::Result;
use crate::client::services::declare::service;
use crate::interpretation::trend::{artifact_size_trend, metric_trend, stage_duration_trend};
use crate::interpretation::{ArtifactSizeTrend, DurationTrend, MetricTrend, RunListQuery, TrendPolicy};

service! {
    /// The service that shows how values change from run to run. The values are metrics, durations of stages,
    /// and sizes of artifacts.
    TrendService, TrendPolicy;
    /// Returns the service that shows how values change from run to run.
    trend = trend
}

impl TrendService<'_> {
    /// Returns the value of a metric in each run that a query selects.
    pub fn metric_trend(
        &self,
        metric_key: &str,
        stage: Option<&str>,
        query: impl Into<RunListQuery>,
    ) -> Result<MetricTrend> {
        let query = query.into();
        self.contexta.ask(|store| metric_trend(store, metric_key, stage, &query, &self.policy))
    }

    /// Returns the duration of a stage in each run that a query selects.
    pub fn stage_duration_trend(&self, stage: &str, query: impl Into<RunListQuery>) -> Result<DurationTrend> {
        let query = query.into();
        self.contexta.ask(|store| stage_duration_trend(store, stage, &query, &self.policy))
    }

    /// Returns the sizes of the artifacts of one kind in each run that a query selects.
    pub fn artifact_size_trend(
        &self,
        kind: &str,
        query: impl Into<RunListQuery>,
    ) -> Result<ArtifactSizeTrend> {
        let query = query.into();
        self.contexta.ask(|store| artifact_size_trend(store, kind, &query, &self.policy))
    }
}
