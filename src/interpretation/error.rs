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
    /// There is no series of this metric in the run or stage.
    #[error("there is no metric {metric_key:?} in {run}{}", stage.as_ref().map(|s| format!(", stage {s:?}")).unwrap_or_default())]
    MetricNotFound {
        /// The ref of the run; for a ranking, the text `any of the runs`.
        run: String,
        /// The metric.
        metric_key: String,
        /// The requested stage, if any.
        stage: Option<String>,
        /// The existing metrics, for the hint. An error of `step_series` lists a metric of a stage as `stage/key`; an
        /// error of a ranking lists only the keys.
        known: Vec<String>,
    },
    /// No object has this ref.
    #[error("the workspace has no {subject}")]
    SubjectNotFound {
        /// The ref.
        subject: String,
    },
}

impl Error {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Store(e) => e.code(),
            Error::MetricNotFound { .. } => "query_metric_not_found",
            Error::SubjectNotFound { .. } => "lineage_subject_not_found",
        }
    }

    /// Returns advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Store(e) => e.hint(),
            Error::MetricNotFound { known, .. } if known.is_empty() => None,
            Error::MetricNotFound { known, .. } => Some(format!("existing metrics: {}", known.join(", "))),
            Error::SubjectNotFound { .. } => {
                Some("`contexta run show` lists the refs of a run's artifacts".into())
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
