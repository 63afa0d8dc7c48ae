//! One sync for many commits: threads whose commits wait for the same sync share its result.

use crate::engine::error::{Error, Result};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The commits that the next sync covers, and what became of it.
#[derive(Debug, Clone, Default)]
pub(super) struct SyncGroup {
    result: Arc<OnceLock<std::result::Result<(), SyncFailure>>>,
}

/// A failed sync, as each of those hears of it who waited for it.
#[derive(Debug, Clone)]
pub(super) struct SyncFailure {
    path: PathBuf,
    kind: io::ErrorKind,
    code: Option<i32>,
    text: String,
}

impl SyncFailure {
    pub(super) fn new(path: &Path, e: &io::Error) -> SyncFailure {
        SyncFailure { path: path.into(), kind: e.kind(), code: e.raw_os_error(), text: e.to_string() }
    }

    pub(super) fn to_error(&self) -> Error {
        let source = match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.kind, self.text.clone()),
        };
        Error::io("sync segment", &self.path, source)
    }
}

impl SyncGroup {
    /// Tells all who wait. Only the first telling counts.
    pub(super) fn settle(&self, result: std::result::Result<(), SyncFailure>) {
        let _ = self.result.set(result);
    }

    /// What became of it, once that is known.
    pub(super) fn result(&self) -> Option<Result<()>> {
        let result = self.result.get()?;
        Some(result.as_ref().copied().map_err(SyncFailure::to_error))
    }
}
