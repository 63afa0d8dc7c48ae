//! The directories of a salvage: the damaged directory, the new workspace, and the staging directory beside the new
//! workspace.

use crate::engine::storage::{DirItem, File, ItemKind, OpenMode, Storage, exists};
use crate::recovery::error::{Error, Result};
use crate::recovery::tree::{io_error, remove_tree};
use crate::recovery::workspace_dirs::real_path;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the lock file in the staging directory.
const LOCK_NAME: &str = "salvage.lock";
/// The names in a staging directory.
const NAMES: [&str; 4] = ["workspace", "pieces", "quarantine", "archives"];

/// Returns the staging directory for the new workspace `into`.
fn staging_of(into: &Path) -> PathBuf {
    let mut name = into.file_name().unwrap_or_default().to_os_string();
    name.push(".salvage");
    into.with_file_name(name)
}

/// Returns the directory in which the new workspace `into` is built, before the directory is renamed to `into`.
pub(crate) fn staged_workspace(into: &Path) -> PathBuf {
    staging_of(into).join("workspace")
}

/// A locked staging directory.
#[derive(Debug)]
pub(super) struct Place {
    storage: Arc<dyn Storage>,
    into: PathBuf,
    staging: PathBuf,
    lock: Arc<dyn File>,
}

impl Place {
    /// Checks the directories, locks the staging directory, and removes the files of an interrupted salvage. Errors:
    /// `into` exists and is not an empty directory, one of the directories contains the other, another salvage into
    /// `into` runs, the staging directory contains the damaged directory or is in it, is a link, or has other content.
    pub(super) fn prepare(storage: &Arc<dyn Storage>, from: &Path, into: &Path) -> Result<Place> {
        check_target(storage.as_ref(), from, into)?;
        let staging = staging_of(into);
        let path = staging.join(LOCK_NAME);
        let wrap = |e| io_error("open", &path, e);
        check_staging(storage.as_ref(), from, &staging)?;
        storage.create_dir_all(&staging).map_err(|e| io_error("create", &staging, e))?;
        let lock = storage.open(&path, OpenMode::Create).map_err(wrap)?;
        if matches!(lock.try_lock(), Ok(false)) {
            return Err(Error::BackupBusy { path });
        }
        // After a crash, only the lock file shows that the directory can be removed.
        storage.sync_dir(&staging).map_err(|e| io_error("sync", &staging, e))?;
        let place = Place { storage: Arc::clone(storage), into: into.to_path_buf(), staging, lock };
        place.clear()?;
        Ok(place)
    }

    /// Returns the directory for logs that are merged into the new log.
    pub(super) fn pieces(&self) -> PathBuf {
        self.staging.join("pieces")
    }

    /// Returns the directory for the content of archives.
    pub(super) fn archives(&self) -> PathBuf {
        self.staging.join("archives")
    }

    /// Returns the directory for segments that are replaced in the new log.
    pub(super) fn quarantine(&self) -> PathBuf {
        self.staging.join("quarantine")
    }

    fn clear(&self) -> Result<()> {
        NAMES.iter().try_for_each(|name| remove_tree(self.storage.as_ref(), &self.staging.join(name)))
    }

    /// Removes the staging directory.
    pub(super) fn discard(self) -> Result<()> {
        self.clear()?;
        // After a crash, the directory must not have files without the lock file.
        self.storage.sync_dir(&self.staging).map_err(|e| io_error("sync", &self.staging, e))?;
        let path = self.staging.join(LOCK_NAME);
        self.storage.remove_file(&path).map_err(|e| io_error("remove", &path, e))?;
        drop(self.lock);
        self.storage.remove_dir(&self.staging).map_err(|e| io_error("remove", &self.staging, e))
    }

    /// Renames the finished workspace to its final name. Removes an empty directory with this name first.
    pub(super) fn publish(&self) -> Result<()> {
        let (storage, into) = (self.storage.as_ref(), self.into.as_path());
        if exists(storage, into).map_err(|e| io_error("read the metadata of", into, e))? {
            storage.remove_dir(into).map_err(|e| io_error("remove", into, e))?;
        }
        let workspace = staged_workspace(into);
        storage.rename(&workspace, into).map_err(|e| io_error("rename", &workspace, e))?;
        let parent = into.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        storage.sync_dir(parent).map_err(|e| io_error("sync", parent, e))
    }
}

fn check_target(storage: &dyn Storage, from: &Path, into: &Path) -> Result<()> {
    if into.file_name().is_none() {
        return Err(misplaced(into, "the path has no name"));
    }
    let (inner, outer) = (real_path(storage, into), real_path(storage, from));
    if inner.starts_with(&outer) || outer.starts_with(&inner) {
        return Err(misplaced(
            into,
            "the new workspace and the damaged directory must not contain each other",
        ));
    }
    let wrap = |e| io_error("read the metadata of", into, e);
    let is_link = storage.read_link(into).is_ok();
    let is_free = !is_link
        && (!exists(storage, into).map_err(wrap)?
            || storage.info(into).map_err(wrap)?.is_dir && is_empty(storage, into)?);
    if is_free { Ok(()) } else { Err(misplaced(into, "it exists and is not an empty directory")) }
}

/// Checks that the staging directory can be removed without loss. Errors: it and the damaged directory contain each other,
/// it is a link, or it has content of which no salvage is the owner.
fn check_staging(storage: &dyn Storage, from: &Path, staging: &Path) -> Result<()> {
    let (inner, outer) = (real_path(storage, staging), real_path(storage, from));
    if inner.starts_with(&outer) || outer.starts_with(&inner) {
        return Err(misplaced(
            staging,
            "the directory is needed for temporary files, and overlaps the damaged directory",
        ));
    }
    if storage.read_link(staging).is_ok() {
        return Err(misplaced(staging, "the directory is needed for temporary files, and is a link"));
    }
    if has_other_files(storage, staging)? {
        return Err(misplaced(
            staging,
            "the directory is needed for temporary files, and contains other files",
        ));
    }
    Ok(())
}

/// Returns `true` if a directory contains files that no salvage has created. Every salvage creates the lock
/// file first and removes it last.
fn has_other_files(storage: &dyn Storage, staging: &Path) -> Result<bool> {
    if !exists(storage, staging).map_err(|e| io_error("read the metadata of", staging, e))? {
        return Ok(false);
    }
    let items = storage.items(staging).map_err(|e| io_error("list", staging, e))?;
    let is_lock = |item: &DirItem| item.name == LOCK_NAME && matches!(item.kind, ItemKind::File { .. });
    let is_own = |item: &DirItem| {
        let is_named = item.name.to_str().is_some_and(|name| NAMES.contains(&name));
        is_lock(item) || (is_named && item.kind == ItemKind::Dir)
    };
    let is_of_salvage = items.iter().any(is_lock) && items.iter().all(is_own);
    Ok(!items.is_empty() && !is_of_salvage)
}

fn is_empty(storage: &dyn Storage, dir: &Path) -> Result<bool> {
    Ok(storage.items(dir).map_err(|e| io_error("list", dir, e))?.is_empty())
}

fn misplaced(path: &Path, reason: &str) -> Error {
    Error::SalvageTarget { path: path.to_path_buf(), reason: reason.to_owned() }
}
