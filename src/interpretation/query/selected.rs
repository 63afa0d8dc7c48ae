//! The selection of the runs for trends, statistics and groups.

use crate::interpretation::error::Result;
use crate::interpretation::query::run_list::page_of;
use crate::interpretation::query::run_query::{RunColumn, RunListQuery};
use crate::store::{RunRow, StoreView};
use std::sync::Arc;

/// Returns the runs that a query selects for a trend, for statistics or for groups. The second result is the
/// number of runs that the query selects without its limit. With [`RunListQuery::limit_to_newest`], the limit
/// selects the runs that started last. The selected runs are then ordered by ascending start. If several runs
/// started at the same time, the order of project and ref determines which of them are the last runs.
pub(in crate::interpretation) fn selected_runs(
    view: &StoreView<'_>,
    query: &RunListQuery,
) -> Result<(Vec<Arc<RunRow>>, usize)> {
    let is_by_start = query.sort_by == Some(RunColumn::StartedAt);
    let Some(limit) = query.limit.filter(|_| query.limit_to_newest && !query.descending && is_by_start)
    else {
        return page_of(view, query);
    };
    query.check()?;
    let (runs, total) = page_of(view, &RunListQuery { offset: 0, limit: None, ..query.clone() })?;
    Ok((newest_of(runs, query.offset, limit), total))
}

/// Returns at most `limit` of the last runs, without the last `offset` runs. The order of the runs does not change.
pub(in crate::interpretation) fn newest_of<T>(mut runs: Vec<T>, offset: usize, limit: usize) -> Vec<T> {
    runs.truncate(runs.len().saturating_sub(offset));
    runs.split_off(runs.len().saturating_sub(limit))
}
