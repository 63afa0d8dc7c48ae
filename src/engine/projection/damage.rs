//! Damage that reading a view has found.

use crate::engine::error::Error;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The first damage that reading a view has found. The projector rebuilds the tables because of it, whatever type of error
/// the caller makes of it.
#[derive(Debug)]
pub(super) struct Damage {
    path: PathBuf,
    reason: OnceLock<String>,
}

impl Damage {
    /// Creates the record of a view of the generations in `path`, without damage.
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

    /// Returns the first damage that was recorded.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }
}
