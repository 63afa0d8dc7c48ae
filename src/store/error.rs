//! Errors of the store.

use crate::contract::ContractError;
use crate::engine;

/// An error of a read or write of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A fact exceeds the size limit of an entry of the log.
    #[error("the {what} takes {bytes} bytes; an entry of the log holds at most {limit} bytes")]
    FactTooLarge {
        /// The kind of the fact.
        what: &'static str,
        /// The length of the encoded fact in bytes.
        bytes: usize,
        /// The greatest length of an encoded fact in bytes.
        limit: usize,
    },
    /// A value breaks a rule of the contract.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// No run has this ref, id or name, and no id or name begins with the text.
    #[error("there is no run {asked:?}")]
    RunNotFound {
        /// The text that was looked up.
        asked: String,
        /// Runs with similar names.
        near: Vec<String>,
    },
    /// Several runs have this id or name, or an id or name that begins with the text.
    #[error("{asked:?} is ambiguous: {}", candidates.join(", "))]
    RunAmbiguous {
        /// The text that was looked up.
        asked: String,
        /// The refs of the runs that match.
        candidates: Vec<String>,
    },
    /// No project has this ref or name.
    #[error("there is no project {asked:?}")]
    ProjectNotFound {
        /// The text that was looked up.
        asked: String,
    },
}

impl Error {
    /// Returns the stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Engine(e) => e.code(),
            Error::FactTooLarge { .. } => "entry_too_large",
            Error::Contract(e) => e.code.as_str(),
            Error::RunNotFound { .. } => "query_run_not_found",
            Error::RunAmbiguous { .. } => "query_run_ambiguous",
            Error::ProjectNotFound { .. } => "query_project_not_found",
        }
    }

    /// Returns `true` if the file system caused the error, such as a full or read-only disk.
    #[must_use]
    pub fn is_storage(&self) -> bool {
        matches!(self, Error::Engine(e) if e.kind() == engine::ErrorKind::Storage)
    }

    /// Returns advice for the user.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Engine(e) => e.hint().map(str::to_owned),
            Error::FactTooLarge { .. } => Some("store large content as an artifact and refer to it".into()),
            Error::Contract(e) => e.hint().map(str::to_owned),
            Error::RunNotFound { near, .. } if near.is_empty() => {
                Some("`contexta runs` lists all runs".into())
            }
            Error::RunNotFound { near, .. } => Some(format!("did you mean {}?", near.join(" or "))),
            Error::RunAmbiguous { .. } => Some("give the full ref".into()),
            Error::ProjectNotFound { .. } => Some("`contexta runs` shows the project of every run".into()),
        }
    }
}

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, Error>;
