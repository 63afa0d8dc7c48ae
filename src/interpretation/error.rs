//! What can go wrong while asking.

use crate::contract::ContractError;
use crate::store;

/// A question could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed, or does not have what was asked for.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No series of this metric.
    #[error("{run} has no metric {metric_key:?}{}", stage.as_ref().map(|s| format!(" in stage {s:?}")).unwrap_or_default())]
    MetricNotFound {
        /// The run that was asked, or what stands for several.
        run: String,
        /// The metric.
        metric_key: String,
        /// The stage, if one was named.
        stage: Option<String>,
        /// The metrics there are.
        known: Vec<String>,
    },
    /// Nothing has this ref.
    #[error("nothing is known of {subject}")]
    SubjectNotFound {
        /// The ref.
        subject: String,
    },
}

impl Error {
    /// A stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Store(e) => e.code(),
            Error::MetricNotFound { .. } => "query_metric_not_found",
            Error::SubjectNotFound { .. } => "lineage_subject_not_found",
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Store(e) => e.hint(),
            Error::MetricNotFound { known, .. } if known.is_empty() => None,
            Error::MetricNotFound { known, .. } => Some(format!("its metrics are {}", known.join(", "))),
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

/// The result of a question.
pub type Result<T> = std::result::Result<T, Error>;
