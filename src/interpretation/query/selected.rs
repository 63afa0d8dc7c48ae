//! The runs that an analysis of several runs covers.

use crate::interpretation::error::Result;
use crate::interpretation::query::run_list::page_of;
use crate::interpretation::query::run_query::{RunColumn, RunListQuery};
use crate::store::{RunRow, StoreView};
use std::sync::Arc;

/// Returns the runs that a query selects for a trend, for statistics or for groups, and the number of runs without the
/// limit. With [`RunListQuery::limit_to_newest`], the limit selects the runs that started last. The oldest of them comes
/// first.
pub(in crate::interpretation) fn selected_runs(
    view: &StoreView<'_>,
    query: &RunListQuery,
) -> Result<(Vec<Arc<RunRow>>, usize)> {
    let is_by_start = query.sort_by == Some(RunColumn::StartedAt);
    if !query.limit_to_newest || query.limit.is_none() || query.descending || !is_by_start {
        return page_of(view, query);
    }
    let newest_first = RunListQuery { descending: true, ..query.clone() };
    let (mut runs, total) = page_of(view, &newest_first)?;
    runs.reverse();
    Ok((runs, total))
}
