//! Removal of directory trees.

use crate::engine::error::Error as EngineError;
use crate::engine::storage::{ItemKind, Storage};
use crate::recovery::error::{Error, Result};
use std::io;
use std::path::Path;

/// Removes a directory and everything in it. Links are removed, not followed; this includes `dir`. A directory that
/// does not exist is ignored.
pub(in crate::recovery) fn remove_tree(storage: &dyn Storage, dir: &Path) -> Result<()> {
    if storage.read_link(dir).is_ok() {
        return storage.remove_file(dir).map_err(|e| io_error("remove", dir, e));
    }
    let items = match storage.items(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        items => items.map_err(|e| io_error("list", dir, e))?,
    };
    for item in items {
        let path = dir.join(&item.name);
        if item.kind == ItemKind::Dir {
            remove_tree(storage, &path)?;
        } else {
            storage.remove_file(&path).map_err(|e| io_error("remove", &path, e))?;
        }
    }
    storage.remove_dir(dir).map_err(|e| io_error("remove", dir, e))
}

/// Removes a directory and its empty parents below `above`. Stops at the first directory that cannot be
/// removed.
pub(in crate::recovery) fn remove_empty_dirs(storage: &dyn Storage, dir: &Path, above: &Path) {
    for dir in dir.ancestors().take_while(|dir| dir.starts_with(above) && *dir != above) {
        // The directory is not empty or cannot be removed. An empty directory that remains has no effect.
        if storage.remove_dir(dir).is_err() {
            break;
        }
    }
}

/// Converts an I/O error into an error that names the operation and the path.
pub(in crate::recovery) fn io_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Engine(EngineError::io(action, path, source))
}
