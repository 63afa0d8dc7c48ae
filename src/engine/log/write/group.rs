//! Group commit: threads whose commits wait for the same sync share its result.

use crate::engine::error::{Error, Result};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The group of commits that one sync covers, with the result of the sync.
#[derive(Debug, Clone, Default)]
pub(super) struct SyncGroup {
    result: Arc<OnceLock<std::result::Result<(), SyncFailure>>>,
}

/// The error of a failed sync. Each waiting append returns a copy.
#[derive(Debug, Clone)]
pub(super) struct SyncFailure {
    path: PathBuf,
    kind: io::ErrorKind,
    code: Option<i32>,
    text: String,
}

impl SyncFailure {
    /// Creates the failure of a sync of the file at `path`.
    pub(super) fn new(path: &Path, e: &io::Error) -> SyncFailure {
        SyncFailure { path: path.into(), kind: e.kind(), code: e.raw_os_error(), text: e.to_string() }
    }

    /// Returns the failure as an error of the engine.
    pub(super) fn to_error(&self) -> Error {
        let source = match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.kind, self.text.clone()),
        };
        Error::io("sync segment", &self.path, source)
    }
}

impl SyncGroup {
    /// Sets the result of the sync for all commits of the group. Later calls have no effect.
    pub(super) fn complete(&self, result: std::result::Result<(), SyncFailure>) {
        let _ = self.result.set(result);
    }

    /// Returns the result of the sync; `None` while it is pending.
    pub(super) fn result(&self) -> Option<Result<()>> {
        let result = self.result.get()?;
        Some(result.as_ref().copied().map_err(SyncFailure::to_error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_keeps_the_error_code_of_the_system() {
        let failure = SyncFailure::new(Path::new("/a"), &io::Error::from_raw_os_error(28));
        let Error::Io { source, .. } = failure.to_error() else { panic!("{failure:?}") };
        assert_eq!(source.raw_os_error(), Some(28));
    }

    #[test]
    fn first_result_of_a_group_is_final() {
        let group = SyncGroup::default();
        assert!(group.result().is_none());
        group.clone().complete(Ok(()));
        let failure = SyncFailure::new(Path::new("/a"), &io::Error::other("failed"));
        group.complete(Err(failure));
        assert!(matches!(group.result(), Some(Ok(()))));
    }
}
