//! The replacement of a whole log by a restored log, through renamings of directories.
//!
//! Three directories take part, side by side:
//!
//! | Directory | Content |
//! |---|---|
//! | `log` | the log |
//! | `log.restored` | a complete restored log, before the replacement |
//! | `log.replaced` | the former log, after the replacement |
//!
//! `log` is renamed to `log.replaced`, then `log.restored` is renamed to `log`. `log.replaced` does not exist when
//! `log.restored` is created. The replacement is therefore incomplete if `log.restored` exists, and `log` is missing or
//! `log.replaced` exists. The next process that opens or appends to the log finishes the replacement ([`finish_swap`]).
//!
//! A process may create `log` between the two renamings, and may begin a stream there. The streams of this directory
//! are moved into the restored log.

use crate::engine::storage::{Storage, exists};
use std::io;
use std::path::{Path, PathBuf};

/// The ending of the name of a restored log before the replacement.
const RESTORED: &str = ".restored";
/// The ending of the name of a replaced log.
const REPLACED: &str = ".replaced";
/// The greatest number of attempts to finish a replacement while other processes change the directories.
const TRIES_MAX: usize = 16;

/// Returns the path of a restored log before the replacement.
pub(crate) fn restored_log(log: &Path) -> PathBuf {
    with_ending(log, RESTORED)
}

/// Returns the path of a replaced log.
pub(crate) fn replaced_log(log: &Path) -> PathBuf {
    with_ending(log, REPLACED)
}

/// Returns the path of a directory beside the log. The name is the name of the log and the ending.
pub(crate) fn with_ending(log: &Path, ending: &str) -> PathBuf {
    let mut name = log.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    log.with_file_name(name)
}

/// Returns true if a replacement was interrupted after its first renaming, or is running.
pub(crate) fn is_swap_interrupted(storage: &dyn Storage, log: &Path) -> io::Result<bool> {
    Ok(exists(storage, &restored_log(log))?
        && (!exists(storage, log)? || exists(storage, &replaced_log(log))?))
}

/// Finishes a replacement that was interrupted after its first renaming. Returns true if this call has put the restored
/// log in its place.
pub(crate) fn finish_swap(storage: &dyn Storage, log: &Path) -> io::Result<bool> {
    let restored = restored_log(log);
    for _ in 0..TRIES_MAX {
        if !is_swap_interrupted(storage, log)? {
            return Ok(false);
        }
        let moved = move_streams(storage, log, &restored).and_then(|()| storage.rename(&restored, log));
        match moved {
            Ok(()) => {
                sync_parent(storage, log)?;
                return Ok(true);
            }
            // Another process has changed the directories.
            Err(e) if is_changed(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "other processes change the log at the same time"))
}

fn is_changed(e: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotFound};
    matches!(e.kind(), AlreadyExists | DirectoryNotEmpty | NotFound)
}

/// Moves the streams that a process began between the two renamings into the restored log, and removes the directory
/// that the process created. Does nothing if the directory does not exist.
fn move_streams(storage: &dyn Storage, log: &Path, restored: &Path) -> io::Result<()> {
    let items = match storage.items(log) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        items => items?,
    };
    for item in &items {
        storage.rename(&log.join(&item.name), &restored.join(&item.name))?;
    }
    if !items.is_empty() {
        storage.sync_dir(restored)?;
        storage.sync_dir(log)?;
    }
    storage.remove_dir(log)
}

/// Syncs the directory that contains `path`.
pub(crate) fn sync_parent(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| storage.sync_dir(parent))
}
