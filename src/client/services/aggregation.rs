//! The service that computes statistics of several runs.

use crate::client::error::Result;
use crate::client::services::declare::service;
use crate::interpretation::aggregation;
use crate::interpretation::group;
use crate::interpretation::{
    GroupQuery, MetricAggregate, RunGroups, RunListQuery, RunStatusDistribution, RunSummaryTable, TrendPolicy,
};

service! {
    /// The service that computes statistics of several runs.
    AggregationService, TrendPolicy;
    /// Returns the service that computes statistics of several runs.
    aggregation = trend
}

impl AggregationService<'_> {
    /// Returns statistics of a metric for the runs that a query selects. Each run contributes one value.
    pub fn aggregate_metric(
        &self,
        metric_key: &str,
        stage: Option<&str>,
        query: impl Into<RunListQuery>,
    ) -> Result<MetricAggregate> {
        let query = query.into();
        self.contexta
            .ask(|store| aggregation::aggregate_metric(store, metric_key, stage, &query, &self.policy))
    }

    /// Returns statistics of metric points, grouped by stage and metric. A query selects the runs, and all
    /// metric points of these runs are used.
    pub fn aggregate_by_stage(&self, query: impl Into<RunListQuery>) -> Result<RunSummaryTable> {
        let query = query.into();
        self.contexta.ask(|store| aggregation::aggregate_by_stage(store, &query))
    }

    /// Returns the number of runs with each status.
    pub fn run_status_distribution(&self, query: impl Into<RunListQuery>) -> Result<RunStatusDistribution> {
        let query = query.into();
        self.contexta.ask(|store| aggregation::run_status_distribution(store, &query))
    }

    /// Returns statistics of a metric for groups of runs. The runs of a group have equal values in the
    /// columns of the query. For example, a group contains the runs of one configuration with different
    /// seeds. Each run contributes its last value. If the query requests curves, the result also contains the
    /// statistics of each group at each step.
    pub fn group_by(&self, metric_key: &str, query: &GroupQuery) -> Result<RunGroups> {
        self.contexta.ask(|store| group::group_runs(store, metric_key, query))
    }
}
