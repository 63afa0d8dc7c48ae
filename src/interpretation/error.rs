//! The errors of queries.

use crate::contract::ContractError;
use crate::store;

/// The error of a query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed, or does not have the requested object.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A query for runs is invalid.
    #[error("the query for runs is invalid: {reason}")]
    InvalidRunListQuery {
        /// The reason why the query is invalid.
        reason: String,
    },
    /// A query for the points of a metric is invalid.
    #[error("the query for the points of a metric is invalid: {reason}")]
    InvalidStepSeriesQuery {
        /// The reason why the query is invalid.
        reason: String,
    },
    /// A query for groups of runs is invalid.
    #[error("the query for groups of runs is invalid: {reason}")]
    InvalidGroupQuery {
        /// The reason why the query is invalid.
        reason: String,
    },
    /// A text is not a page token.
    #[error("the page token is invalid: {reason}")]
    InvalidPageToken {
        /// The reason why the token is invalid.
        reason: &'static str,
    },
    /// A page token belongs to another query.
    #[error("the page token belongs to a query with other conditions or with another order")]
    PageTokenOfOtherQuery,
    /// A time range is invalid.
    #[error("the time range is invalid: {reason}")]
    InvalidTimeRange {
        /// The reason why the time range is invalid.
        reason: String,
    },
    /// A condition on a metric is invalid.
    #[error("the condition on a metric is invalid: {reason}")]
    InvalidMetricCondition {
        /// The reason why the condition is invalid.
        reason: String,
    },
    /// A filter for runs is invalid.
    #[error("the filter is invalid at column {column}: {reason}")]
    InvalidFilter {
        /// The filter.
        text: String,
        /// The column at which the invalid text begins in the filter. Columns are counted in characters. The
        /// first character has column 1.
        column: usize,
        /// The reason why the filter is invalid.
        reason: String,
    },
    /// A run has no stage or batch of this name.
    #[error("{run} has no {what} {asked:?}")]
    PartNotFound {
        /// `stage` or `batch`.
        what: &'static str,
        /// The ref of the run.
        run: String,
        /// The name that was looked up.
        asked: String,
    },
    /// The log contains no fact about the object.
    #[error("no fact in the log is about {asked:?}")]
    ObjectNotFound {
        /// The ref that was looked up.
        asked: String,
    },
    /// The run of an artifact is not in the workspace.
    #[error("the run {run} of {artifact} is not in the workspace")]
    ArtifactOriginIncomplete {
        /// The artifact.
        artifact: String,
        /// The run.
        run: String,
    },
    /// A comparison of fewer than two different runs was requested.
    #[error("a comparison of several runs needs at least two different runs; given: {}", runs.join(", "))]
    ComparesTooFewRuns {
        /// The runs, as the caller named them.
        runs: Vec<String>,
    },
    /// The depth of a walk over the lineage graph is invalid.
    #[error("the depth of the lineage is invalid: {reason}")]
    InvalidDepth {
        /// The reason why the depth is invalid.
        reason: String,
    },
    /// An alert rule is invalid.
    #[error("the alert rule is invalid: {reason}")]
    InvalidAlertRule {
        /// The code: `alert_invalid_operator`, `alert_invalid_severity` or `alert_invalid_rule`.
        code: &'static str,
        /// The reason why the rule is invalid.
        reason: String,
    },
    /// A text does not name a direction of a walk over the lineage graph.
    #[error("{asked:?} is not a direction of lineage")]
    InvalidDirection {
        /// The text.
        asked: String,
    },
}

impl Error {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Store(e) => e.code(),
            Error::InvalidRunListQuery { .. } => "query_invalid_run_list_query",
            Error::InvalidStepSeriesQuery { .. } => "query_invalid_step_series_query",
            Error::InvalidGroupQuery { .. } => "query_invalid_group_query",
            Error::InvalidPageToken { .. } => "query_invalid_page_token",
            Error::PageTokenOfOtherQuery => "query_page_token_of_other_query",
            Error::InvalidTimeRange { .. } => "query_invalid_time_range",
            Error::InvalidMetricCondition { .. } => "query_invalid_metric_condition",
            Error::InvalidFilter { .. } => "query_invalid_filter",
            Error::PartNotFound { .. } => "query_part_not_found",
            Error::ObjectNotFound { .. } => "query_object_not_found",
            Error::ArtifactOriginIncomplete { .. } => "query_artifact_origin_incomplete",
            Error::ComparesTooFewRuns { .. } => "compare_requires_multiple_runs",
            Error::InvalidDepth { .. } => "lineage_invalid_max_depth",
            Error::InvalidAlertRule { code, .. } => code,
            Error::InvalidDirection { .. } => "lineage_invalid_direction",
        }
    }

    /// Returns advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Store(e) => e.hint(),
            Error::InvalidRunListQuery { .. }
            | Error::InvalidStepSeriesQuery { .. }
            | Error::InvalidGroupQuery { .. }
            | Error::InvalidTimeRange { .. }
            | Error::InvalidMetricCondition { .. }
            | Error::ComparesTooFewRuns { .. }
            | Error::InvalidDepth { .. }
            | Error::InvalidAlertRule { .. } => None,
            Error::InvalidPageToken { .. } | Error::PageTokenOfOtherQuery => {
                Some("repeat the query without a page token, and use the token in its result".into())
            }
            Error::InvalidFilter { text, column, .. } => {
                let rest: String = text.chars().skip(column.saturating_sub(1)).collect();
                let at = if rest.is_empty() { "the end".to_owned() } else { format!("{rest:?}") };
                Some(format!("the fault is at {at}; docs/QUERY.md describes filters"))
            }
            Error::PartNotFound { .. } => Some("`contexta run show` lists the stages of a run".into()),
            Error::ObjectNotFound { .. } => Some(
                "give the ref of a run or of one of its parts, such as stage:project.run.train; a record has no history"
                    .into(),
            ),
            Error::ArtifactOriginIncomplete { .. } => {
                Some("import or merge the workspace that contains the run".into())
            }
            Error::InvalidDirection { .. } => {
                Some("the directions are upstream, downstream, inbound, outbound and both".into())
            }
        }
    }
}

impl From<ContractError> for Error {
    fn from(e: ContractError) -> Error {
        Error::Store(e.into())
    }
}

/// The result of a query.
pub type Result<T> = std::result::Result<T, Error>;
