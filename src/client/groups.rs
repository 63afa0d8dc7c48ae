//! The method of [`Contexta`] that groups runs.

use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::interpretation::group;
use crate::interpretation::{GroupQuery, RunGroups};

impl Contexta {
    /// Returns statistics of a metric over groups of runs, such as the seeds of one configuration. The runs of a group
    /// have equal values in the columns of the query. Each run contributes its last value. If the query asks for
    /// curves, the answer also has statistics of each group at each step.
    pub fn group_by(&self, metric_key: &str, query: &GroupQuery) -> Result<RunGroups> {
        self.ask(|store| group::group_runs(store, metric_key, query))
    }
}
