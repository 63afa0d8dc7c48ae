//! All that can go wrong, for users of the client.

use crate::capture;
use crate::config::ConfigError;
use crate::contract;
use crate::engine;
use crate::interchange;
use crate::interpretation;
use crate::recovery;
use crate::store;
use std::path::PathBuf;

/// An operation failed. [`Error::code`] is stable; the chain of sources says the rest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing at the path.
    #[error("there is no workspace at {path}")]
    WorkspaceNotFound {
        /// The path.
        path: PathBuf,
    },
    /// There is something at the path, but it is no workspace.
    #[error("{path} is not a workspace")]
    NotAWorkspace {
        /// The path.
        path: PathBuf,
    },
    /// Another import into the same workspace is going on.
    #[error("another import is going on: {path} is held")]
    ImportBusy {
        /// The lock.
        path: PathBuf,
    },
    /// What was asked for would change what may not be changed.
    #[error("{what} may not be changed")]
    ReadOnly {
        /// What.
        what: &'static str,
    },
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A capture failed.
    #[error(transparent)]
    Capture(#[from] capture::Error),
    /// A question could not be answered.
    #[error(transparent)]
    Query(#[from] interpretation::Error),
    /// A check or recovery could not be carried out.
    #[error(transparent)]
    Recovery(#[from] recovery::Error),
    /// An import or export failed.
    #[error(transparent)]
    Interchange(#[from] interchange::Error),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

impl Error {
    /// A stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::WorkspaceNotFound { .. } => "workspace_not_found",
            Error::NotAWorkspace { .. } => "workspace_invalid",
            Error::ImportBusy { .. } => "import_busy",
            Error::ReadOnly { .. } => "workspace_read_only",
            Error::Config(e) => e.code(),
            Error::Capture(e) => e.code(),
            Error::Query(e) => e.code(),
            Error::Recovery(e) => e.code(),
            Error::Interchange(e) => e.code(),
            Error::Engine(e) => e.code(),
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::WorkspaceNotFound { .. } => {
                Some("`contexta init` makes one; `--workspace PATH` names another".into())
            }
            Error::NotAWorkspace { .. } => {
                Some("a workspace has a folder `log`; name another path, or an empty or new one".into())
            }
            Error::ImportBusy { .. } => Some("import again when it is done".into()),
            Error::ReadOnly { .. } => {
                Some("leave out the overlay `readonly`, or set `read_only` to false".into())
            }
            Error::Config(e) => e.hint(),
            Error::Capture(e) => e.hint(),
            Error::Query(e) => e.hint(),
            Error::Recovery(e) => e.hint(),
            Error::Interchange(e) => e.hint(),
            Error::Engine(e) => e.hint().map(str::to_owned),
        }
    }
}

impl From<store::Error> for Error {
    fn from(e: store::Error) -> Error {
        Error::Query(e.into())
    }
}

impl From<contract::ContractError> for Error {
    fn from(e: contract::ContractError) -> Error {
        Error::Query(e.into())
    }
}

/// The result of an operation of the client.
pub type Result<T> = std::result::Result<T, Error>;
