//! The service that computes statistics over the runs of a population.

use crate::client::error::Result;
use crate::client::services::declare::service;
use crate::interpretation::aggregation;
use crate::interpretation::group;
use crate::interpretation::{
    GroupQuery, MetricAggregate, RunGroups, RunListQuery, RunStatusDistribution, RunSummaryTable, TrendPolicy,
};

service! {
    /// The service that computes statistics over the runs of a population.
    AggregationService, TrendPolicy;
    /// Returns the service that computes statistics over the runs of a population.
    aggregation = trend
}

impl AggregationService<'_> {
    /// Returns statistics of a metric over the runs that a query selects. Each run contributes one value.
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

    /// Returns statistics of metric points, grouped by stage and metric. All metric points of the runs that a query
    /// selects are used.
    pub fn aggregate_by_stage(&self, query: impl Into<RunListQuery>) -> Result<RunSummaryTable> {
        let query = query.into();
        self.contexta.ask(|store| aggregation::aggregate_by_stage(store, &query))
    }

    /// Returns the number of runs with each status.
    pub fn run_status_distribution(&self, query: impl Into<RunListQuery>) -> Result<RunStatusDistribution> {
        let query = query.into();
        self.contexta.ask(|store| aggregation::run_status_distribution(store, &query))
    }

    /// Returns statistics of a metric over groups of runs, such as the seeds of one configuration. The runs of a group
    /// have equal values in the columns of the query. Each run contributes its last value. If the query asks for
    /// curves, the answer also has statistics of each group at each step.
    pub fn group_by(&self, metric_key: &str, query: &GroupQuery) -> Result<RunGroups> {
        self.contexta.ask(|store| group::group_runs(store, metric_key, query))
    }
}
