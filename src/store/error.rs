//! What can go wrong in the store.

use crate::contract::ContractError;
use crate::engine;

/// A read or write of the store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A fact is larger than an entry of the log may be.
    #[error("the {what} takes {bytes} bytes; an entry of the log holds at most {limit} bytes")]
    FactTooLarge {
        /// The kind of fact.
        what: &'static str,
        /// Its length in the log.
        bytes: usize,
        /// Greatest length of an entry.
        limit: usize,
    },
    /// A value breaks a rule.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// No run has this ref, id or name.
    #[error("no run is called {asked:?}")]
    RunNotFound {
        /// What was asked for.
        asked: String,
        /// Runs with similar names.
        near: Vec<String>,
    },
    /// Several runs have this id or name.
    #[error("{asked:?} may mean {}", candidates.join(", "))]
    RunAmbiguous {
        /// What was asked for.
        asked: String,
        /// The refs of all of them.
        candidates: Vec<String>,
    },
    /// A line was refused, and the import was to be strict. What came before it was taken over.
    #[error("line {line} was refused [{code}]: {message}")]
    ImportRefused {
        /// The line, from 1.
        line: u64,
        /// Why: the code of the reason.
        code: &'static str,
        /// Why, in words.
        message: String,
        /// Where the line is kept.
        kept: Option<std::path::PathBuf>,
    },
    /// The tables turned out to be damaged in the middle of an export, and were made again.
    #[error("the tables were damaged and have been made again; the export is not whole")]
    ExportInterrupted,
    /// What is exported could not be written.
    #[error("cannot write the export")]
    Output(#[source] std::io::Error),
    /// No project has this ref or name.
    #[error("no project is called {asked:?}")]
    ProjectNotFound {
        /// What was asked for.
        asked: String,
    },
}

impl Error {
    /// A stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Engine(e) => e.code(),
            Error::FactTooLarge { .. } => "entry_too_large",
            Error::Contract(e) => e.code.as_str(),
            Error::RunNotFound { .. } => "query_run_not_found",
            Error::RunAmbiguous { .. } => "query_run_ambiguous",
            Error::ProjectNotFound { .. } => "query_project_not_found",
            Error::ImportRefused { .. } => "import_refused",
            Error::ExportInterrupted => "export_interrupted",
            Error::Output(_) => "output_failed",
        }
    }

    /// What the user can do about it.
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
            Error::ImportRefused { kept: Some(path), .. } => Some(format!(
                "the line is kept in {}; without --strict the rest is taken over",
                path.display()
            )),
            Error::ImportRefused { kept: None, .. } => {
                Some("without --strict the line is kept aside and the rest is taken over".into())
            }
            Error::ExportInterrupted => Some("export again".into()),
            Error::Output(_) => None,
            Error::ProjectNotFound { .. } => Some("`contexta runs` shows the project of every run".into()),
        }
    }
}

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, Error>;
