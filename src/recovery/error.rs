//! The errors of checks and recovery. Damage that a check finds is not an error: the report of the check describes the
//! damage.

use crate::engine;
use crate::store;

/// The error of a check or recovery operation that could not be completed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No stream, or more than one stream, has an id that begins with the requested text.
    #[error("the log has no stream, or several streams, whose id begins with {asked:?}")]
    StreamNotFound {
        /// The requested text: an id, or the beginning of an id.
        asked: String,
    },
}

impl Error {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Engine(e) => e.code(),
            Error::Store(e) => e.code(),
            Error::StreamNotFound { .. } => "log_stream_not_found",
        }
    }

    /// Returns advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Engine(e) => e.hint().map(str::to_owned),
            Error::Store(e) => e.hint(),
            Error::StreamNotFound { .. } => Some("`contexta log ls` lists all streams".into()),
        }
    }
}

/// The result of a check or recovery.
pub type Result<T> = std::result::Result<T, Error>;
