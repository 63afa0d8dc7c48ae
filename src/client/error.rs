//! The errors of the client.

use crate::capture;
use crate::config::ConfigError;
use crate::contract;
use crate::engine;
use crate::interchange;
use crate::interpretation;
use crate::recovery;
use crate::store;
use std::io;
use std::path::{Path, PathBuf};

/// The error of an operation on a workspace. [`Error::code`] is stable; the sources have the details.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no workspace at the path.
    #[error("there is no workspace at {path}")]
    WorkspaceNotFound {
        /// The path.
        path: PathBuf,
    },
    /// The path exists, but is not a workspace.
    #[error("{path} is not a workspace")]
    NotAWorkspace {
        /// The path.
        path: PathBuf,
    },
    /// Another import into the same workspace is running.
    #[error("another import is running: {path} is locked")]
    ImportBusy {
        /// The path of the lock file.
        path: PathBuf,
    },
    /// The operation would modify a part of the workspace that is read-only.
    #[error("{what} cannot be modified, because the settings or options forbid it")]
    ReadOnly {
        /// The part of the workspace.
        what: &'static str,
    },
    /// A file or a process of the demonstration failed.
    #[error("the demonstration in {} failed", directory.display())]
    Demo {
        /// The directory of the demonstration.
        directory: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A capture failed.
    #[error(transparent)]
    Capture(#[from] capture::Error),
    /// A query failed.
    #[error(transparent)]
    Query(#[from] interpretation::Error),
    /// A check or recovery failed.
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
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::WorkspaceNotFound { .. } => "workspace_not_found",
            Error::NotAWorkspace { .. } => "workspace_invalid",
            Error::ImportBusy { .. } => "import_busy",
            Error::ReadOnly { .. } => "workspace_read_only",
            Error::Demo { .. } => "demo_failed",
            Error::Config(e) => e.code(),
            Error::Capture(e) => e.code(),
            Error::Query(e) => e.code(),
            Error::Recovery(e) => e.code(),
            Error::Interchange(e) => e.code(),
            Error::Engine(e) => e.code(),
        }
    }

    /// Returns advice for the user.
    pub fn hint(&self) -> Option<String> {
        if let Some(hint) = product_hint(self.code()) {
            return Some(hint.to_owned());
        }
        match self {
            Error::WorkspaceNotFound { .. } => Some(
                "create it with `contexta init`, or name an existing workspace with `--workspace PATH`"
                    .into(),
            ),
            Error::NotAWorkspace { .. } => Some(
                "a workspace contains a directory `log`; to create a workspace, give an empty or missing directory"
                    .into(),
            ),
            Error::ImportBusy { .. } => Some("import again when the other import has ended".into()),
            Error::ReadOnly { .. } => {
                let settings = "`records.read_only`, `artifacts.read_only` and `metadata.read_only`";
                Some(format!("leave out the overlay `readonly`, or set {settings} to false"))
            }
            Error::Demo { .. } => {
                Some("name a directory that does not exist, on a disk with free space, with `--dir DIR`".into())
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

/// Returns the hint for an error of the engine that a command or a feature of the product can resolve. The hints of the
/// engine name neither commands nor features of the product.
fn product_hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "entry_unreadable" => "run `contexta verify` to list the damaged entries",
        "projection_unusable" => "run `contexta rebuild` to rebuild the projections from the log",
        "artifact_body_missing" => "run `contexta verify` to list all missing bodies",
        "entry_too_large" => "store large content as an artifact, and refer to the artifact",
        "storage_read_only" => "reading needs no write access; to capture, make the workspace writable",
        _ => return None,
    })
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

/// Converts an I/O error into an error that names the operation and the path.
pub(super) fn engine_io(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Engine(engine::Error::Io { action, path: path.to_path_buf(), source })
}
