//! The workspace from which runs are erased.

use crate::engine::log::merge::{MergeLock, MergeOptions};
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::recovery::backup::Repository;
use crate::recovery::error::Result;
use crate::recovery::workspace_dirs::WorkspaceDirs;
use crate::store::{Journal, Store};
use std::path::Path;
use std::sync::Arc;

/// The parts of a workspace that an erasure uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EraseSite<'a> {
    /// The storage.
    pub(crate) storage: &'a Arc<dyn Storage>,
    /// The directories of the workspace.
    pub(crate) dirs: &'a WorkspaceDirs,
    /// The tables and bodies.
    pub(crate) store: &'a Store,
    /// The journal to which the erasure is appended.
    pub(crate) journal: &'a Journal,
    /// The repository with the backups.
    pub(crate) repository: &'a Repository,
    /// The directory of the repository in the settings.
    pub(crate) configured_repository: &'a Path,
}

impl EraseSite<'_> {
    /// Acquires the lock of merges. While the lock is held, no merge and no repair changes the log. Errors: another
    /// process holds the lock.
    pub(in crate::recovery) fn lock(&self) -> Result<MergeLock> {
        let WorkspaceDirs { log, quarantine, .. } = self.dirs;
        Ok(MergeLock::acquire(self.storage.as_ref(), &MergeOptions::new(DOMAIN, log, log, quarantine))?)
    }
}
