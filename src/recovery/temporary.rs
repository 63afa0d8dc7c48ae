//! Temporary directories in the staging directory of a workspace.

use crate::engine::checksum::hex;
use crate::engine::storage::{File, ItemKind, OpenMode, Storage};
use crate::recovery::error::{Error, Result};
use crate::recovery::tree::{io_error, remove_empty_dirs, remove_tree};
use crate::recovery::workspace_dirs::WorkspaceDirs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The prefix of the names of temporary directories.
const PREFIX: &str = "temporary-";
/// The name of the lock file in a temporary directory.
const LOCK_NAME: &str = "temporary.lock";

/// A temporary directory. It is removed when the value is dropped. If the process is killed, the next process that
/// creates a temporary directory in the same workspace removes the directory.
#[derive(Debug)]
pub(in crate::recovery) struct TemporaryDir {
    storage: Arc<dyn Storage>,
    root: PathBuf,
    /// The directory above which no empty directory is removed.
    above: PathBuf,
    _lock: Arc<dyn File>,
}

impl TemporaryDir {
    /// Creates a temporary directory in the staging directory of a workspace.
    pub(in crate::recovery) fn create(
        storage: &Arc<dyn Storage>,
        dirs: &WorkspaceDirs,
    ) -> Result<TemporaryDir> {
        let dir = dirs.restore_staging.as_path();
        remove_abandoned(storage.as_ref(), dir);
        let mut random = [0; 8];
        storage.entropy(&mut random).map_err(|e| io_error("read random bytes for", dir, e))?;
        let root = dir.join(format!("{PREFIX}{}", hex(&random)));
        let path = root.join(LOCK_NAME);
        storage.create_dir_all(&root).map_err(|e| io_error("create", &root, e))?;
        let lock = storage.open(&path, OpenMode::Create).map_err(|e| io_error("open", &path, e))?;
        // Another process can take the new directory for an abandoned one before it is locked.
        if matches!(lock.try_lock(), Ok(false)) {
            return Err(Error::BackupBusy { path });
        }
        let above = dirs.root.parent().unwrap_or(&dirs.root).to_path_buf();
        Ok(TemporaryDir { storage: Arc::clone(storage), root, above, _lock: lock })
    }

    /// Returns the path of the directory.
    pub(in crate::recovery) fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        // If the removal fails, a later process removes the directory.
        let _ = remove_tree(self.storage.as_ref(), &self.root);
        if let Some(dir) = self.root.parent() {
            remove_empty_dirs(self.storage.as_ref(), dir, &self.above);
        }
    }
}

/// Removes the temporary directories of processes that have ended. An error is ignored: a remaining directory only needs
/// space. If the file system has no locks, all directories are kept.
fn remove_abandoned(storage: &dyn Storage, dir: &Path) {
    for item in storage.items(dir).unwrap_or_default() {
        let is_own = item.name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !is_own || item.kind != ItemKind::Dir {
            continue;
        }
        let root = dir.join(&item.name);
        let lock = storage.open(&root.join(LOCK_NAME), OpenMode::ReadWrite);
        if lock.is_ok_and(|lock| matches!(lock.try_lock(), Ok(true))) {
            let _ = remove_tree(storage, &root);
        }
    }
}
