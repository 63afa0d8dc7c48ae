//! Lists of runs: filtered, sorted, and divided into pages.

use crate::contract::{MetricValue, ProjectRef, RunRef, Timestamp, Value};
use crate::interpretation::error::{Error, Result};
use crate::interpretation::metric::{self, Measurement, MetricName, Selection};
use crate::interpretation::query::condition::MetricCondition;
use crate::interpretation::query::filter::Filter;
use crate::interpretation::query::run_facts::RunFacts;
use crate::interpretation::query::snapshot::run_notes;
use crate::interpretation::query::time_range::TimeRange;
use crate::store::{self, Attempts, Note, RunRow, SeriesRow, Store, StoreView};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::str::FromStr;

/// A column by which a list of runs is sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunColumn {
    /// The start.
    #[default]
    StartedAt,
    /// The end.
    EndedAt,
    /// The name.
    Name,
    /// The status.
    Status,
    /// The time from start to end.
    Duration,
    /// The last value of a metric.
    Metric(String),
    /// A parameter.
    Param(String),
}

impl FromStr for RunColumn {
    type Err = Error;

    /// Parses `started_at`, `ended_at`, `name`, `status`, `duration`, `metrics.KEY` or `params.NAME`.
    fn from_str(text: &str) -> Result<RunColumn> {
        Ok(match text {
            "started_at" => RunColumn::StartedAt,
            "ended_at" => RunColumn::EndedAt,
            "name" => RunColumn::Name,
            "status" => RunColumn::Status,
            "duration" => RunColumn::Duration,
            other => match other.split_once('.') {
                Some(("metrics" | "metric", key)) if !key.is_empty() => RunColumn::Metric(key.to_owned()),
                Some(("params" | "param", key)) if !key.is_empty() => RunColumn::Param(key.to_owned()),
                _ => {
                    let reason = format!(
                        "{text:?} is not one of started_at, ended_at, name, status, duration, metrics.KEY, params.NAME"
                    );
                    return Err(Error::InvalidRunListQuery { reason });
                }
            },
        })
    }
}

/// The treatment of archived runs in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Archived {
    /// Archived runs are left out.
    #[default]
    Exclude,
    /// Archived runs are listed like other runs.
    Include,
    /// Only archived runs are listed.
    Only,
}

impl Archived {
    fn selects(self, run: &RunRow) -> bool {
        match self {
            Archived::Exclude => !run.is_archived,
            Archived::Include => true,
            Archived::Only => run.is_archived,
        }
    }
}

/// A query for runs. The default lists all runs that are not archived, newest first.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunListQuery {
    /// The name or ref of a project; `None` for all projects.
    pub project: Option<String>,
    /// The status, as answers show it: `open`, `completed`, `failed`, `cancelled` or `interrupted`.
    pub status: Option<String>,
    /// The tags that a run must have, each with its value.
    pub tags: BTreeMap<String, String>,
    /// The range of times within which a run must have started.
    pub time_range: TimeRange,
    /// Conditions on metrics. A run must fulfil all of the conditions.
    pub metric_conditions: Vec<MetricCondition>,
    /// A condition in the filter language.
    pub filter: Option<Filter>,
    /// The treatment of archived runs; by default they are left out.
    pub archived: Archived,
    /// `true` to select only starred runs.
    pub only_starred: bool,
    /// The column by which the runs are sorted; `None` for the order of project, start and ref. Runs with equal
    /// values are in the order of project, start and ref. If the column is the start or the end, a run without it
    /// counts as the least. In any other column, runs without a value come last.
    pub sort_by: Option<RunColumn>,
    /// `true` for descending order, such as from the newest to the oldest start.
    pub descending: bool,
    /// The number of runs to skip.
    pub offset: usize,
    /// The greatest number of runs to return; `None` for all. 0 is an error.
    pub limit: Option<usize>,
}

impl Default for RunListQuery {
    fn default() -> RunListQuery {
        RunListQuery {
            project: None,
            status: None,
            tags: BTreeMap::new(),
            time_range: TimeRange::default(),
            metric_conditions: Vec::new(),
            filter: None,
            archived: Archived::Exclude,
            only_starred: false,
            sort_by: Some(RunColumn::StartedAt),
            descending: true,
            offset: 0,
            limit: None,
        }
    }
}

impl RunListQuery {
    /// Creates a query for all runs that are not archived, project by project, and oldest first in each project.
    #[must_use]
    pub fn oldest_first() -> RunListQuery {
        RunListQuery { sort_by: None, descending: false, ..RunListQuery::default() }
    }

    /// Restricts the query to a project, given by its name or ref.
    #[must_use]
    pub fn in_project(mut self, project: impl Into<String>) -> RunListQuery {
        self.project = Some(project.into());
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        self.time_range.checked()?;
        let blank = |text: &Option<String>| text.as_deref().is_some_and(|text| text.trim().is_empty());
        let reason = if self.limit == Some(0) {
            "the limit is 0; the least limit is 1"
        } else if blank(&self.project) || blank(&self.status) {
            "the project or the status is blank"
        } else {
            return Ok(());
        };
        Err(Error::InvalidRunListQuery { reason: reason.to_owned() })
    }
}

/// Creates a query for the runs of a project, newest first.
impl From<&str> for RunListQuery {
    fn from(project: &str) -> RunListQuery {
        RunListQuery::from(Some(project))
    }
}

/// Creates a query for the runs of a project, newest first. `None` creates a query for the runs of all projects.
impl From<Option<&str>> for RunListQuery {
    fn from(project: Option<&str>) -> RunListQuery {
        RunListQuery { project: project.map(str::to_owned), ..RunListQuery::default() }
    }
}

/// A run in a list, with summaries of its metrics.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunSummary {
    /// The run.
    pub run: RunRow,
    /// The summaries of the metric series, ordered by stage and key.
    pub metrics: Vec<SeriesRow>,
}

/// A list of runs, or a page of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunList {
    /// The runs.
    pub runs: Vec<RunSummary>,
    /// The number of runs that the query selects, including the runs on other pages.
    pub total: usize,
    /// The offset of the next page; `None` if this is the last page.
    pub next_offset: Option<usize>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Lists the runs that a query selects.
pub fn list_runs(store: &Store, query: &RunListQuery) -> Result<RunList> {
    query.check()?;
    store.read(|view| {
        let (page, total) = if query.limit.is_none() {
            // All runs are listed, so reading each table once costs less than reading it for each run.
            page_of_rows(view, query, |project| view.runs_with_series(project))?
        } else {
            let (runs, total) = page_of(view, query)?;
            let with_series = |run: RunRow| Ok::<_, Error>((view.series_of(&run.run_ref)?, run));
            let page = runs.into_iter().map(|run| with_series(run).map(|(series, run)| (run, series)));
            (page.collect::<Result<_>>()?, total)
        };
        let next = query.offset.saturating_add(page.len());
        let mut notes = view.notes();
        notes.extend(page.iter().flat_map(|(run, _)| run_notes(run)));
        Ok(RunList {
            runs: page.into_iter().map(|(run, metrics)| RunSummary { run, metrics }).collect(),
            total,
            next_offset: (next < total).then_some(next),
            notes,
        })
    })
}

/// Runs, each with the summaries of its metric series. The summaries are empty if they were not read.
type Rows = Vec<(RunRow, Vec<SeriesRow>)>;

/// Returns the runs of the page that a query selects, without their metrics, and the number of runs of all pages. An
/// unknown project has no runs.
pub(in crate::interpretation) fn page_of(
    view: &StoreView<'_>,
    query: &RunListQuery,
) -> Result<(Vec<RunRow>, usize)> {
    let rows = |project: Option<&ProjectRef>| {
        Ok(view.runs(project)?.into_iter().map(|run| (run, Vec::new())).collect())
    };
    let (page, total) = page_of_rows(view, query, rows)?;
    Ok((page.into_iter().map(|(run, _)| run).collect(), total))
}

fn page_of_rows(
    view: &StoreView<'_>,
    query: &RunListQuery,
    all: impl FnOnce(Option<&ProjectRef>) -> store::Result<Rows>,
) -> Result<(Rows, usize)> {
    query.check()?;
    let project = match &query.project {
        Some(asked) => match view.find_project(asked) {
            Ok(project) => Some(project),
            Err(store::Error::ProjectNotFound { .. }) => return Ok((Vec::new(), 0)),
            Err(other) => return Err(other.into()),
        },
        None => None,
    };
    let mut rows = all(project.as_ref())?;
    rows.retain(|(run, _)| {
        query.status.as_ref().is_none_or(|status| run.shown_status() == status)
            && query.tags.iter().all(|(name, value)| run.tags.get(name) == Some(value))
            && query.time_range.contains(run.started_at)
            && query.archived.selects(run)
            && (run.is_starred || !query.only_starred)
    });
    for condition in &query.metric_conditions {
        let mut fulfilling = Vec::new();
        for row in rows {
            if fulfils(view, &row.0.run_ref, condition)? {
                fulfilling.push(row);
            }
        }
        rows = fulfilling;
    }
    if let Some(filter) = &query.filter {
        let mut fulfilling = Vec::new();
        for row in rows {
            if filter.holds(&RunFacts { view, run: &row.0 })? {
                fulfilling.push(row);
            }
        }
        rows = fulfilling;
    }
    match &query.sort_by {
        Some(column) => sort(view, &mut rows, column, query.descending)?,
        None if query.descending => rows.reverse(),
        None => {}
    }
    let total = rows.len();
    let page = rows.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).collect();
    Ok((page, total))
}

fn fulfils(view: &StoreView<'_>, run: &RunRef, condition: &MetricCondition) -> Result<bool> {
    let measured = last_of(view, run, &condition.metric_key, condition.stage_name.as_deref())?;
    Ok(measured.is_some_and(|measured| condition.operator.holds(&measured.value, &condition.threshold)))
}

/// Returns the last value of a metric of a run. Without a stage, this is the value outside any stage if there is one,
/// otherwise the latest value of all stages.
pub(in crate::interpretation) fn last_of(
    view: &StoreView<'_>,
    run: &RunRef,
    metric_key: &str,
    stage: Option<&str>,
) -> Result<Option<Measurement>> {
    let name = MetricName::parse(metric_key);
    let rows = metric::rows_of(view, run, &name, Attempts::Newest)?;
    let answering = match stage {
        Some(_) => metric::answering(&rows, &name, stage),
        None => metric::answering_for_run(&rows, &name),
    };
    Ok(metric::measure(view, &answering, Selection::Latest, Attempts::Newest)?)
}

/// Sorts runs, which are ordered by project, start and ref, by a column. Runs with equal values stay in their order.
fn sort(view: &StoreView<'_>, rows: &mut Rows, column: &RunColumn, descending: bool) -> Result<()> {
    let directed = |order: Ordering| if descending { order.reverse() } else { order };
    let by_time = |time: fn(&RunRow) -> Option<Timestamp>| {
        move |(a, _): &(RunRow, _), (b, _): &(RunRow, _)| directed(time(a).cmp(&time(b)))
    };
    match column {
        RunColumn::StartedAt => rows.sort_by(by_time(|run| run.started_at)),
        RunColumn::EndedAt => rows.sort_by(by_time(|run| run.ended_at)),
        RunColumn::Name => rows.sort_by(|(a, _), (b, _)| directed(a.name.cmp(&b.name))),
        RunColumn::Status => {
            rows.sort_by(|(a, _), (b, _)| directed(a.shown_status().cmp(b.shown_status())));
        }
        RunColumn::Duration => rows.sort_by(|(a, _), (b, _)| {
            present_first(a.duration_micros(), b.duration_micros(), |a, b| directed(a.cmp(b)))
        }),
        RunColumn::Param(name) => rows.sort_by(|(a, _), (b, _)| {
            present_first(a.params.get(name), b.params.get(name), |a, b| directed(order_of_params(a, b)))
        }),
        RunColumn::Metric(key) => {
            let mut keyed = Vec::new();
            for row in rows.drain(..) {
                keyed.push((last_of(view, &row.0.run_ref, key, None)?.map(|measured| measured.value), row));
            }
            keyed.sort_by(|(a, _), (b, _)| {
                present_first(a.as_ref(), b.as_ref(), |a, b| metric::rank(a, b, descending))
            });
            rows.extend(keyed.into_iter().map(|(_, row)| row));
        }
    }
    Ok(())
}

/// Compares two optional values; a missing value comes last.
fn present_first<T>(a: Option<T>, b: Option<T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare(&a, &b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// Orders values of a parameter: numbers by value, before texts, before other values.
fn order_of_params(a: &Value, b: &Value) -> Ordering {
    let class = |value: &Value| match value {
        Value::Int(_) | Value::Float(_) | Value::Big(_) => 0,
        Value::Text(_) => 1,
        _ => 2,
    };
    match (MetricValue::try_from(a.clone()), MetricValue::try_from(b.clone())) {
        (Ok(a), Ok(b)) => a.compare(&b),
        _ => class(a).cmp(&class(b)).then_with(|| a.to_string().cmp(&b.to_string())),
    }
}

/// Returns the project that the runs of an answer belong to: that of the first run, otherwise the requested project.
pub(in crate::interpretation) fn project_of(runs: &[RunRow], asked: Option<&String>) -> Option<String> {
    runs.first().map(|run| run.project_name.clone()).or_else(|| asked.cloned())
}
