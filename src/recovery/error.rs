//! What stops a check or a recovery. Damage that is found is a result, not an error.

use crate::engine;
use crate::store;

/// A check or recovery could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No stream has this id.
    #[error("no stream {asked:?} is in the log")]
    StreamNotFound {
        /// What was asked for.
        asked: String,
    },
}

impl Error {
    /// A stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Engine(e) => e.code(),
            Error::Store(e) => e.code(),
            Error::StreamNotFound { .. } => "log_stream_not_found",
        }
    }

    /// What the user can do about it.
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
