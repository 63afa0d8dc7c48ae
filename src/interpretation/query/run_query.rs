//! Queries for lists of runs: conditions, order, and division into pages.

use crate::interpretation::error::{Error, Result};
use crate::interpretation::metric::Selection;
use crate::interpretation::query::condition::MetricCondition;
use crate::interpretation::query::filter::Filter;
use crate::interpretation::query::page_token::PageToken;
use crate::interpretation::query::time_range::TimeRange;
use crate::store::RunRow;
use std::collections::BTreeMap;
use std::fmt;
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

impl fmt::Display for RunColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunColumn::StartedAt => f.write_str("started_at"),
            RunColumn::EndedAt => f.write_str("ended_at"),
            RunColumn::Name => f.write_str("name"),
            RunColumn::Status => f.write_str("status"),
            RunColumn::Duration => f.write_str("duration"),
            RunColumn::Metric(key) => write!(f, "metrics.{key}"),
            RunColumn::Param(name) => write!(f, "params.{name}"),
        }
    }
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
    pub(super) fn selects(self, run: &RunRow) -> bool {
        match self {
            Archived::Exclude => !run.is_archived,
            Archived::Include => true,
            Archived::Only => run.is_archived,
        }
    }
}

/// A query for runs. The default query lists all runs that are not archived. The newest run comes first.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunListQuery {
    /// The name or ref of a project; `None` for all projects.
    pub project: Option<String>,
    /// The status: `open`, `completed`, `failed`, `cancelled` or `interrupted`.
    pub status: Option<String>,
    /// The tags that a run must have. The key is the name of a tag, and the value is the value of the tag.
    pub tags: BTreeMap<String, String>,
    /// The range of times that must contain the start of a run.
    pub time_range: TimeRange,
    /// Conditions on metrics. A run must fulfil all of the conditions.
    pub metric_conditions: Vec<MetricCondition>,
    /// A condition in the filter language.
    pub filter: Option<Filter>,
    /// The treatment of archived runs. By default, archived runs are left out.
    pub archived: Archived,
    /// `true` to select only starred runs.
    pub only_starred: bool,
    /// The column by which the runs are sorted; `None` for the order of project, start and ref. Runs with
    /// equal values are in the order of project, start and ref. If the column is the start or the end, a
    /// missing time is less than any other time. In all other columns, runs without a value come last, even
    /// in descending order.
    pub sort_by: Option<RunColumn>,
    /// `true` for descending order, such as from the newest to the oldest start.
    pub descending: bool,
    /// The number of runs to skip.
    pub offset: usize,
    /// The greatest number of runs to return; `None` for all. 0 is an error.
    pub limit: Option<usize>,
    /// `true` if the limit selects the runs that started last, although the runs are ordered by ascending start.
    /// Only trends, statistics, groups and the baselines of anomalies use this member. A list of runs contains the first
    /// runs of its order.
    pub limit_to_newest: bool,
    /// The token of the page to return; `None` for the first page. The result for the previous page contains
    /// this token. The query for the next page must have the same conditions and the same order. The limit
    /// may differ.
    ///
    /// Only runs after the last run of the previous page are returned, so new runs do not shift the pages. If
    /// the value of a run in the sort column changes between the requests for two pages, the run can be on
    /// both pages or on neither page.
    pub after: Option<PageToken>,
    /// The baseline run. The metrics of the selected runs are compared with the metrics of this run. The
    /// baseline run is given by its ref, its id, its name, or a prefix of its id or name. Only lists of runs
    /// and trends of metrics use the baseline. The baseline does not affect the selection of runs.
    pub baseline: Option<String>,
    /// The values that a list of runs compares with the values of the baseline run. `None` for the values that
    /// the setting `interpretation.comparison.metric_selection` selects.
    pub baseline_selection: Option<Selection>,
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
            limit_to_newest: false,
            after: None,
            baseline: None,
            baseline_selection: None,
        }
    }
}

impl RunListQuery {
    /// Creates a query for all runs that are not archived. The runs are ordered by project. In each project,
    /// the oldest run comes first.
    #[must_use]
    pub fn oldest_first() -> RunListQuery {
        RunListQuery { sort_by: None, descending: false, ..RunListQuery::default() }
    }

    /// Restricts the query to a project. `project` is the name or the ref of the project.
    #[must_use]
    pub fn in_project(mut self, project: impl Into<String>) -> RunListQuery {
        self.project = Some(project.into());
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        self.time_range.checked()?;
        let blank = |text: &Option<String>| text.as_deref().is_some_and(|text| text.trim().is_empty());
        let reason = if self.limit == Some(0) {
            "the limit is 0; it must be at least 1"
        } else if self.after.is_some() && self.offset > 0 {
            "an offset and a page token are given; use one of them"
        } else if blank(&self.project) || blank(&self.status) {
            "the project or the status is blank"
        } else {
            return Ok(());
        };
        Err(Error::InvalidRunListQuery { reason: reason.to_owned() })
    }
}

/// Creates a query for the runs of a project. The newest run comes first.
impl From<&str> for RunListQuery {
    fn from(project: &str) -> RunListQuery {
        RunListQuery::from(Some(project))
    }
}

/// Creates a query for the runs of a project. `None` creates a query for the runs of all projects. The newest
/// run comes first.
impl From<Option<&str>> for RunListQuery {
    fn from(project: Option<&str>) -> RunListQuery {
        RunListQuery { project: project.map(str::to_owned), ..RunListQuery::default() }
    }
}
