//! Errors of imports and exports. Refused lines and missing bodies are results, not errors.

use crate::contract::ContractError;
use crate::engine;
use crate::engine::codec::CodecError;
use crate::store;
use std::path::PathBuf;

/// An error of an import or export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed: the workspace could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A line was refused in a strict import. The lines before it were imported.
    #[error("line {line} was refused [{code}]: {message}")]
    Refused {
        /// The number of the line, from 1.
        line: u64,
        /// The code of the reason.
        code: &'static str,
        /// The message of the reason.
        message: String,
        /// The file in which the line was saved.
        saved: Option<PathBuf>,
    },
    /// An export found damaged tables. The tables were rebuilt, but lines that were written before cannot be removed
    /// from the output. The export is therefore incomplete and must be repeated.
    #[error("the tables were damaged and have been rebuilt; the export is incomplete")]
    Interrupted,
    /// The output of an export could not be written.
    #[error("cannot write the export")]
    Output(#[source] std::io::Error),
}

impl Error {
    /// Returns the stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Store(e) => e.code(),
            Error::Refused { .. } => "import_refused",
            Error::Interrupted => "export_interrupted",
            Error::Output(_) => "output_failed",
        }
    }

    /// Returns advice for the user.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Store(e) => e.hint(),
            Error::Refused { saved: Some(path), .. } => Some(format!(
                "correct the line, which is saved in {}, or import without --strict to skip it and import the others",
                path.display()
            )),
            Error::Refused { saved: None, .. } => {
                Some("import without --strict to save this line for correction and import the others".into())
            }
            Error::Interrupted => Some("export again".into()),
            Error::Output(_) => None,
        }
    }
}

impl From<engine::Error> for Error {
    fn from(e: engine::Error) -> Error {
        Error::Store(e.into())
    }
}

impl From<ContractError> for Error {
    fn from(e: ContractError) -> Error {
        Error::Store(e.into())
    }
}

impl From<CodecError> for Error {
    fn from(source: CodecError) -> Error {
        Error::Store(engine::Error::Codec { kind: "unwritable", position: None, source }.into())
    }
}

/// The result of an import or export.
pub type Result<T> = std::result::Result<T, Error>;
