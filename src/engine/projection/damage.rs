//! Damage that is found while a view is read.

use crate::engine::error::Error;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The first damage that was found while the views of one database were read, if any. The projector rebuilds damaged
/// tables even if the closure that read a view returns an error of another type.
#[derive(Debug)]
pub(super) struct Damage {
    path: PathBuf,
    reason: OnceLock<String>,
}

impl Damage {
    /// Creates the state of a database without known damage. `path` is the directory of the generations.
    pub(super) fn none(path: PathBuf) -> Damage {
        Damage { path, reason: OnceLock::new() }
    }

    /// Records damage, and returns the error for it.
    pub(super) fn record(&self, reason: impl Display) -> Error {
        let reason = reason.to_string();
        let error = Error::unusable(&self.path, &reason);
        // Only the first damage is reported.
        let _ = self.reason.set(reason);
        error
    }

    /// Returns the first damage that was recorded; `None` if no damage was recorded.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }
}
