//! Temporary directories: in the staging directory of a workspace, or beside a file that is created.
//!
//! Invariants:
//! 1. A temporary directory has a random name. A directory that exists is never used.
//! 2. The process that uses a temporary directory holds its lock until the directory is removed.
//! 3. A process removes the directory of another process only while it holds the lock of the directory.

use crate::engine::checksum::hex;
use crate::engine::storage::{File, ItemKind, OpenMode, Storage};
use crate::recovery::error::{Error, Result};
use crate::recovery::tree::{io_error, remove_empty_dirs, remove_tree};
use crate::recovery::workspace_dirs::WorkspaceDirs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The prefix of the names of temporary directories in the staging directory of a workspace.
const PREFIX: &str = "temporary-";
/// The prefix of the names of temporary directories beside other files.
const BESIDE_PREFIX: &str = "contexta-temporary-";
/// The number of random bytes in a name.
const RANDOM_BYTES: usize = 8;
/// The name of the lock file in a temporary directory.
const LOCK_NAME: &str = "temporary.lock";
/// The maximum number of attempts to create a directory. An attempt fails if another process removes the new directory
/// before the directory is locked.
const ATTEMPTS_MAX: usize = 8;

/// A temporary directory. It is removed when the value is dropped. If the process is killed, the next process that
/// creates a temporary directory in the same place removes the directory.
#[derive(Debug)]
pub(in crate::recovery) struct TemporaryDir {
    storage: Arc<dyn Storage>,
    root: PathBuf,
    /// The directory above which no empty directory is removed; `None` if no directory above is removed.
    above: Option<PathBuf>,
    /// The lock is held until the directory is removed.
    _lock: Arc<dyn File>,
}

impl TemporaryDir {
    /// Creates a temporary directory in the staging directory of a workspace.
    pub(in crate::recovery) fn create(
        storage: &Arc<dyn Storage>,
        dirs: &WorkspaceDirs,
    ) -> Result<TemporaryDir> {
        let above = dirs.root.parent().unwrap_or(&dirs.root).to_path_buf();
        TemporaryDir::begin(storage, &dirs.restore_staging, PREFIX, Some(above))
    }

    /// Creates a temporary directory beside the file `path`. The file need not exist.
    pub(in crate::recovery) fn beside(storage: &Arc<dyn Storage>, path: &Path) -> Result<TemporaryDir> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        TemporaryDir::begin(storage, dir, BESIDE_PREFIX, None)
    }

    fn begin(
        storage: &Arc<dyn Storage>,
        dir: &Path,
        prefix: &str,
        above: Option<PathBuf>,
    ) -> Result<TemporaryDir> {
        remove_abandoned(storage.as_ref(), dir, prefix);
        for _ in 0..ATTEMPTS_MAX {
            let mut random = [0; RANDOM_BYTES];
            storage.entropy(&mut random).map_err(|e| io_error("read random bytes for", dir, e))?;
            let root = dir.join(format!("{prefix}{}", hex(&random)));
            if let Some(lock) = create_locked(storage.as_ref(), &root)? {
                return Ok(TemporaryDir { storage: Arc::clone(storage), root, above, _lock: lock });
            }
        }
        Err(Error::BackupBusy { path: dir.to_path_buf() })
    }

    /// Returns the path of the directory.
    pub(in crate::recovery) fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        // If the removal fails, a later process removes the directory.
        let _ = remove_locked(self.storage.as_ref(), &self.root);
        if let (Some(dir), Some(above)) = (self.root.parent(), &self.above) {
            remove_empty_dirs(self.storage.as_ref(), dir, above);
        }
    }
}

/// Creates and locks a directory. Returns `None` if something has this name, or if another process took the new directory
/// for an abandoned one before it was locked.
fn create_locked(storage: &dyn Storage, root: &Path) -> Result<Option<Arc<dyn File>>> {
    let path = root.join(LOCK_NAME);
    match storage.info(root) {
        Err(e) if e.kind() == ErrorKind::NotFound && storage.read_link(root).is_err() => {}
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(io_error("read the metadata of", root, e)),
        Ok(_) | Err(_) => return Ok(None),
    }
    storage.create_dir_all(root).map_err(|e| io_error("create", root, e))?;
    let lock = match storage.open(&path, OpenMode::CreateNew) {
        Ok(lock) => lock,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) => return Ok(None),
        Err(e) => {
            // The directory is empty. An error is ignored: a later process removes the directory.
            let _ = storage.remove_dir(root);
            return Err(io_error("create", &path, e));
        }
    };
    match lock.try_lock() {
        Ok(false) => return Ok(None),
        Ok(true) => match storage.info(&path) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io_error("read the metadata of", &path, e)),
        },
        // Without locks, no process removes the directories of others.
        Err(_) => {}
    }
    // After a crash, only the lock file shows that the directory can be removed.
    match storage.sync_dir(root) {
        Ok(()) => Ok(Some(lock)),
        Err(e) => {
            let _ = remove_locked(storage, root);
            Err(io_error("sync", root, e))
        }
    }
}

/// Removes the temporary directories of processes that have ended. Ignores errors, because a remaining directory
/// only takes disk space. If the file system has no locks, keeps all directories that are not empty.
fn remove_abandoned(storage: &dyn Storage, dir: &Path, prefix: &str) {
    for item in storage.items(dir).unwrap_or_default() {
        let is_own = item.name.to_str().is_some_and(|name| is_temporary(name, prefix));
        if !is_own || item.kind != ItemKind::Dir {
            continue;
        }
        let root = dir.join(&item.name);
        match storage.open(&root.join(LOCK_NAME), OpenMode::ReadWrite) {
            // The lock is held until the directory is removed.
            Ok(lock) if matches!(lock.try_lock(), Ok(true)) => drop(remove_locked(storage, &root)),
            // The process has ended before it created the lock file. A directory with content is not removed.
            Err(e) if e.kind() == ErrorKind::NotFound => drop(storage.remove_dir(&root)),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Returns `true` if a name consists of the prefix and random hexadecimal digits.
fn is_temporary(name: &str, prefix: &str) -> bool {
    let digits = name.strip_prefix(prefix);
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.is_some_and(|digits| digits.len() == 2 * RANDOM_BYTES && is_hex(digits))
}

/// Removes a directory that this process has locked. The lock file is removed last. If the removal is interrupted, a
/// later process can therefore lock the directory and remove the remaining files.
fn remove_locked(storage: &dyn Storage, root: &Path) -> Result<()> {
    let lock = root.join(LOCK_NAME);
    for item in storage.items(root).map_err(|e| io_error("list", root, e))? {
        let path = root.join(&item.name);
        if path == lock {
            continue;
        }
        match item.kind {
            ItemKind::Dir => remove_tree(storage, &path)?,
            _ => storage.remove_file(&path).map_err(|e| io_error("remove", &path, e))?,
        }
    }
    storage.sync_dir(root).map_err(|e| io_error("sync", root, e))?;
    storage.remove_file(&lock).map_err(|e| io_error("remove", &lock, e))?;
    storage.remove_dir(root).map_err(|e| io_error("remove", root, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_generated_names_are_temporary() {
        assert!(is_temporary("temporary-0123456789abcdef", PREFIX));
        for name in ["temporary-", "temporary-0123456789abcde", "temporary-0123456789abcdeg", "x"] {
            assert!(!is_temporary(name, PREFIX), "{name}");
        }
    }
}
