//! The runs of a trend.

use crate::interpretation::error::Result;
use crate::interpretation::metric::Selection;
use crate::interpretation::query::RunListQuery;
use crate::interpretation::query::run_list::project_of;
use crate::interpretation::query::selected::selected_runs;
use crate::store::{Note, RunRow, Severity, StoreView};
use std::sync::Arc;

/// The settings of trends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrendPolicy {
    /// The greatest number of runs in a trend. If the query selects more runs, the runs that started last are
    /// used.
    pub window_runs: usize,
    /// The rule that selects the value of a run among the points of the metric. By default, the latest value is
    /// selected.
    pub metric_aggregation: Selection,
}

impl Default for TrendPolicy {
    fn default() -> TrendPolicy {
        TrendPolicy { window_runs: 20, metric_aggregation: Selection::Latest }
    }
}

/// Returns the runs of a trend and the name of their project. The runs are in the order of the query. If the
/// query selects more runs than the policy permits, returns the runs that started last, and adds a note to
/// `notes`.
pub(super) fn window(
    view: &StoreView<'_>,
    query: &RunListQuery,
    policy: &TrendPolicy,
    notes: &mut Vec<Note>,
) -> Result<(Vec<Arc<RunRow>>, Option<String>)> {
    let (mut runs, _) = selected_runs(view, query)?;
    if runs.len() > policy.window_runs {
        let (shown, selected) = (policy.window_runs, runs.len());
        let message = format!(
            "the trend contains the {shown} runs that started last of the {selected} runs that the query selects; \
             the setting interpretation.trend.default_window_runs sets the greatest number"
        );
        let note = Note::new(Severity::Info, "trend_window", message);
        notes.push(note.with("runs", shown).with("selected", selected));
        let key = |run: &RunRow| (run.started_at, run.project_ref.clone(), run.run_ref.clone());
        let mut by_start: Vec<_> = runs.iter().map(|run| key(run)).collect();
        by_start.sort_unstable();
        let oldest = by_start.into_iter().nth(selected - shown);
        runs.retain(|run| oldest.as_ref().is_some_and(|oldest| key(run) >= *oldest));
    }
    let project = project_of(&runs, query.project.as_ref());
    Ok((runs, project))
}
