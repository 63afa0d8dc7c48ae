//! Lists of runs: filtered, sorted, and divided into pages.

use crate::contract::nfc::nfc;
use crate::contract::{MetricValue, ProjectRef, RunRef};
use crate::interpretation::baseline::{BaselineDifference, DifferenceNotes, differences, values_of};
use crate::interpretation::error::Result;
use crate::interpretation::metric::{self, MetricName, Selection};
use crate::interpretation::query::condition::MetricCondition;
use crate::interpretation::query::page_token::PageToken;
use crate::interpretation::query::place::{ColumnValue, Place, token_behind};
use crate::interpretation::query::run_facts::RunFacts;
use crate::interpretation::query::run_query::{RunColumn, RunListQuery};
use crate::interpretation::query::snapshot::run_notes;
use crate::store::{self, Attempts, Note, RunRow, SeriesRow, Store, StoreView, parallel};
use std::sync::Arc;

/// The minimum number of runs whose metrics one core reads.
const PIECE_RUNS: usize = 64;

/// A run in a list, with summaries of its metrics.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunSummary {
    /// The run.
    pub run: RunRow,
    /// The summaries of the metric series, ordered by stage and key.
    pub metrics: Vec<SeriesRow>,
    /// The differences between the values of the run and the values of the baseline run.
    /// [`RunListQuery::baseline_selection`] chooses the values. Only metrics that both runs have are compared.
    /// The differences are ordered by stage and metric. The list is empty without a baseline.
    pub differences: Vec<BaselineDifference>,
}

/// A list of runs, or a page of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunList {
    /// The runs.
    pub runs: Vec<RunSummary>,
    /// The number of runs that the query selects, including the runs on other pages.
    pub total: usize,
    /// The offset of the next page; `None` if this is the last page, or if the query has a page token.
    pub next_offset: Option<usize>,
    /// The token of the next page; `None` if this is the last page.
    pub next_page: Option<PageToken>,
    /// The baseline run of the query; `None` without a baseline.
    pub baseline: Option<RunRef>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Lists the runs that a query selects.
pub fn list_runs(store: &Store, query: &RunListQuery) -> Result<RunList> {
    query.check()?;
    store.read(|view| {
        let page = if query.limit.is_none() {
            // All runs are listed, so one read of all series costs less than a separate read for each run.
            page_of_rows(view, query, |project| view.runs_with_series(project))?
        } else {
            let mut page = page_without_series(view, query)?;
            for (run, series) in &mut page.rows {
                *series = view.series_of(&run.run_ref)?;
            }
            page
        };
        let next = query.offset.saturating_add(page.rows.len());
        let has_offset = page.next.is_some() && query.after.is_none();
        let mut notes = view.notes();
        notes.extend(page.rows.iter().flat_map(|(run, _)| run_notes(run)));
        let summary =
            |(run, metrics)| RunSummary { run: Arc::unwrap_or_clone(run), metrics, differences: Vec::new() };
        let mut list = RunList {
            runs: page.rows.into_iter().map(summary).collect(),
            total: page.total,
            next_offset: has_offset.then_some(next),
            next_page: page.next,
            baseline: None,
            notes,
        };
        if let Some(asked) = &query.baseline {
            subtract(view, asked, query.baseline_selection.unwrap_or_default(), &mut list)?;
        }
        Ok(list)
    })
}

/// Sets the differences between the metrics of each run in a list and the metrics of the baseline run.
/// `selection` chooses the values. If values cannot be compared directly, adds notes about them to the list.
fn subtract(view: &StoreView<'_>, asked: &str, selection: Selection, list: &mut RunList) -> Result<()> {
    let baseline = view.find_run(asked)?;
    let series = view.series_of(&baseline.run_ref)?;
    let from = values_of(view, &baseline.run_ref, &series, selection)?;
    let mut differing = DifferenceNotes::default();
    for summary in &mut list.runs {
        let own = values_of(view, &summary.run.run_ref, &summary.metrics, selection)?;
        summary.differences = differences(&own, &from);
        let run = summary.run.run_ref.as_str();
        summary.differences.iter().for_each(|found| differing.add(run, found));
    }
    list.notes.extend(differing.into_notes(&baseline));
    list.baseline = Some(baseline.run_ref);
    Ok(())
}

/// Runs with the summaries of their metric series. The summaries of a run are empty if they were not read.
type Rows = Vec<Row>;
type Row = (Arc<RunRow>, Vec<SeriesRow>);

/// The runs of a page.
#[derive(Default)]
struct Page {
    rows: Rows,
    /// The number of runs on all pages.
    total: usize,
    /// The token of the next page; `None` if this is the last page.
    next: Option<PageToken>,
}

/// Returns the runs of the page that a query selects, without their metrics, and the number of runs of all pages. An
/// unknown project has no runs.
pub(in crate::interpretation) fn page_of(
    view: &StoreView<'_>,
    query: &RunListQuery,
) -> Result<(Vec<Arc<RunRow>>, usize)> {
    let page = page_without_series(view, query)?;
    Ok((page.rows.into_iter().map(|(run, _)| run).collect(), page.total))
}

fn page_without_series(view: &StoreView<'_>, query: &RunListQuery) -> Result<Page> {
    let rows = |project: Option<&ProjectRef>| {
        Ok(view.runs(project)?.into_iter().map(|run| (run, Vec::new())).collect())
    };
    page_of_rows(view, query, rows)
}

fn page_of_rows(
    view: &StoreView<'_>,
    query: &RunListQuery,
    all: impl FnOnce(Option<&ProjectRef>) -> store::Result<Rows>,
) -> Result<Page> {
    query.check()?;
    let place = query.after.as_ref().map(|token| Place::of_token(token, query)).transpose()?;
    let project = match &query.project {
        Some(asked) => match view.find_project(asked) {
            Ok(project) => Some(project),
            Err(store::Error::ProjectNotFound { .. }) => return Ok(Page::default()),
            Err(other) => return Err(other.into()),
        },
        None => None,
    };
    let rows = fulfilling(view, query, all(project.as_ref())?)?;
    let total = rows.len();
    let keyed = sorted(view, rows, query)?;
    let first = match &place {
        Some(place) => keyed.partition_point(|(column, (run, _))| !place.is_before(query, column, run)),
        None => query.offset.min(total),
    };
    let end = first.saturating_add(query.limit.unwrap_or(usize::MAX)).min(total);
    let last = end.checked_sub(1).and_then(|last| keyed.get(last)).filter(|_| first < end && end < total);
    let next = last.map(|(column, (run, _))| token_behind(query, column, run));
    let rows = keyed.into_iter().skip(first).take(end - first).map(|(_, row)| row).collect();
    Ok(Page { rows, total, next })
}

/// Returns the runs that fulfil the conditions of a query.
fn fulfilling(view: &StoreView<'_>, query: &RunListQuery, mut rows: Rows) -> Result<Rows> {
    rows.retain(|(run, _)| {
        query.status.as_ref().is_none_or(|status| run.shown_status() == status)
            && query.tags.iter().all(|(name, value)| has_tag(run, name, value))
            && query.time_range.contains(run.started_at)
            && query.archived.selects(run)
            && (run.is_starred || !query.only_starred)
    });
    if query.metric_conditions.is_empty() && query.filter.is_none() {
        return Ok(rows);
    }
    let judge = |row: Row| {
        for condition in &query.metric_conditions {
            if !fulfils(view, &row.0.run_ref, condition)? {
                return Ok(None);
            }
        }
        let Some(filter) = &query.filter else { return Ok(Some(row)) };
        let holds = filter.holds(&RunFacts { view, run: &row.0 })?;
        Ok(holds.then_some(row))
    };
    parallel::map_owned(rows, PIECE_RUNS, judge).into_iter().filter_map(Result::transpose).collect()
}

/// Returns `true` if a run has a tag with this name and value. Texts are compared in the composed form (NFC).
fn has_tag(run: &RunRow, name: &str, value: &str) -> bool {
    run.tags.iter().any(|(own, of)| nfc(own) == nfc(name) && nfc(of) == nfc(value))
}

fn fulfils(view: &StoreView<'_>, run: &RunRef, condition: &MetricCondition) -> Result<bool> {
    let last = last_of(view, run, &condition.metric_key, condition.stage_name.as_deref())?;
    Ok(last.is_some_and(|last| condition.operator.holds(&last, &condition.threshold)))
}

/// Returns the last value of a metric of a run. Without a stage, this is the value outside any stage if there is one,
/// otherwise the latest value of all stages.
fn last_of(
    view: &StoreView<'_>,
    run: &RunRef,
    metric_key: &str,
    stage: Option<&str>,
) -> Result<Option<MetricValue>> {
    let name = MetricName::parse(metric_key);
    let rows = metric::rows_of(view, run, &name, Attempts::Newest)?;
    let answering = match stage {
        Some(_) => metric::answering(&rows, &name, stage),
        None => metric::answering_for_run(&rows, &name),
    };
    Ok(metric::value(view, &answering, Selection::Latest, Attempts::Newest)?)
}

/// Reads the value of a run in a column.
fn column_value(view: &StoreView<'_>, run: &RunRow, column: &RunColumn) -> Result<ColumnValue> {
    Ok(match column {
        RunColumn::StartedAt => ColumnValue::Time(run.started_at),
        RunColumn::EndedAt => ColumnValue::Time(run.ended_at),
        RunColumn::Name => ColumnValue::Text(run.name.clone()),
        RunColumn::Status => ColumnValue::Text(run.shown_status().to_owned()),
        RunColumn::Duration => ColumnValue::Micros(run.duration_micros()),
        RunColumn::Param(name) => ColumnValue::Param(run.params.get(name).cloned()),
        RunColumn::Metric(key) => ColumnValue::Metric(last_of(view, &run.run_ref, key, None)?),
    })
}

/// A run with its value in the sort column and the summaries of its series.
type Keyed = (ColumnValue, Row);

/// Sorts runs by the sort column of a query. `rows` must be in the order of project, start and ref. Runs with
/// equal values keep this order.
fn sorted(view: &StoreView<'_>, rows: Rows, query: &RunListQuery) -> Result<Vec<Keyed>> {
    let Some(column) = &query.sort_by else {
        let mut keyed: Vec<Keyed> = rows.into_iter().map(|row| (ColumnValue::None, row)).collect();
        if query.descending {
            keyed.reverse();
        }
        return Ok(keyed);
    };
    let key = |row: Row| Ok((column_value(view, &row.0, column)?, row));
    let keyed = parallel::map_owned(rows, PIECE_RUNS, key);
    let mut keyed = keyed.into_iter().collect::<Result<Vec<Keyed>>>()?;
    keyed.sort_by(|(a, _), (b, _)| a.compare(b, query.descending));
    Ok(keyed)
}

/// Returns the project that the runs of an answer belong to: that of the first run, otherwise the requested project.
pub(in crate::interpretation) fn project_of(runs: &[Arc<RunRow>], asked: Option<&String>) -> Option<String> {
    runs.first().map(|run| run.project_name.clone()).or_else(|| asked.cloned())
}
