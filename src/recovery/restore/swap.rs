//! The replacement of the log of a workspace by a staged log. `engine::log::replacement` names the directories that take
//! part, and describes how other processes finish an interrupted replacement.
//!
//! The log is the only part of a workspace that is replaced as a whole: bodies are named by their content and only
//! added, and tables are derived from the log.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::directory::{is_held, list_segments, list_streams};
use crate::engine::log::names::segment_path;
use crate::engine::log::replacement::{finish_swap, replaced_log, restored_log, sync_parent};
use crate::engine::storage::{Storage, exists};
use crate::recovery::backup::io_error;
use crate::recovery::error::{Error, Result};
use crate::recovery::workspace_dirs::WorkspaceDirs;
use std::io;
use std::path::Path;

/// The suffix of the file names of saved tables.
const TABLES_ENDING: &str = ".gen";

/// Returns an error if the log is a symbolic link.
pub(super) fn check_log(storage: &dyn Storage, dirs: &WorkspaceDirs) -> Result<()> {
    match storage.read_link(&dirs.log) {
        Ok(_) => Err(Error::LogIsLink { log: dirs.log.clone() }),
        Err(_) => Ok(()),
    }
}

/// Replaces the log by the staged log. The staged log must be complete and durable. Afterwards the former log is
/// `log.replaced`, if there was one. Errors: a process uses the log, or another directory than the staged log is in its
/// place. No log is removed in either case.
pub(super) fn swap(storage: &dyn Storage, staged: &Path, dirs: &WorkspaceDirs) -> Result<()> {
    let log = dirs.log.as_path();
    let place = place_of(storage, staged)?;
    if let Some(parent) = log.parent() {
        storage.create_dir_all(parent).map_err(|e| io_error("create", parent, e))?;
    }
    // A log that does not exist yet is not renamed later, because other processes could have put the staged log there.
    if is_present(storage, log)? {
        exchange(storage, staged, dirs)?;
    } else {
        place_first(storage, staged, dirs)?;
    }
    if is_present(storage, &restored_log(log))? || place_of(storage, log)? != place {
        return Err(not_replaced(log, "another process has put another directory in its place"));
    }
    // A process may have saved tables of the former log after their first removal. A check would report such tables as
    // damage. Every process derives them again, so a failure of this removal loses nothing.
    let _ = remove_tables(storage, &dirs.projections);
    Ok(())
}

/// Puts the staged log in the place of a log that does not exist.
fn place_first(storage: &dyn Storage, staged: &Path, dirs: &WorkspaceDirs) -> Result<()> {
    let log = dirs.log.as_path();
    remove_tables(storage, &dirs.projections)?;
    match storage.rename(staged, log) {
        Err(_) if is_present(storage, log)? => {
            Err(not_replaced(log, "a process has created the log during the restore"))
        }
        moved => moved.and_then(|()| sync_parent(storage, log)).map_err(|e| io_error("move", staged, e)),
    }
}

/// Puts the staged log in the place of the log.
fn exchange(storage: &dyn Storage, staged: &Path, dirs: &WorkspaceDirs) -> Result<()> {
    let log = dirs.log.as_path();
    let (restored, replaced) = (restored_log(log), replaced_log(log));
    let moved = storage.rename(staged, &restored).and_then(|()| sync_parent(storage, &restored));
    moved.map_err(|e| io_error("move", staged, e))?;
    check_unused(storage, dirs)?;
    remove_tables(storage, &dirs.projections)?;
    if !is_present(storage, &restored)? {
        return Err(not_replaced(log, "another process has moved the restored log"));
    }
    let moved = storage.rename(log, &replaced).and_then(|()| sync_parent(storage, log));
    moved.map_err(|e| io_error("rename", log, e))?;
    // Another process may have finished the replacement. The caller compares the log with the staged log.
    finish_swap(storage, log).map(|_| ()).map_err(|e| io_error("rename", &restored, e))
}

fn not_replaced(log: &Path, reason: &str) -> Error {
    Error::ReplacementFailed { log: log.to_path_buf(), reason: reason.to_owned() }
}

/// Returns true if there is a file or directory at `path`.
pub(super) fn is_present(storage: &dyn Storage, path: &Path) -> Result<bool> {
    exists(storage, path).map_err(|e| io_error("read the metadata of", path, e))
}

/// Returns the device and the inode of a directory; `None` on platforms without such numbers.
fn place_of(storage: &dyn Storage, dir: &Path) -> Result<Option<(u64, u64)>> {
    let info = storage.info(dir).map_err(|e| io_error("read the metadata of", dir, e))?;
    Ok(info.place.map(|place| (place.device, place.inode)))
}

/// Removes the saved tables. The next process that opens the workspace derives the tables from the log again.
fn remove_tables(storage: &dyn Storage, projections: &Path) -> Result<()> {
    let entries = match storage.list(projections) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|e| io_error("list", projections, e))?,
    };
    for entry in entries.iter().filter(|entry| entry.is_file && entry.name.ends_with(TABLES_ENDING)) {
        let path = projections.join(&entry.name);
        match storage.remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", &path, e)),
            _ => {}
        }
    }
    storage.sync_dir(projections).map_err(|e| io_error("sync", projections, e))
}

/// Returns an error if a process writes to a stream of the log.
pub(super) fn check_unused(storage: &dyn Storage, dirs: &WorkspaceDirs) -> Result<()> {
    let writers = writers(storage, &dirs.log)?;
    if writers > 0 {
        return Err(Error::WorkspaceInUse { root: dirs.root.clone(), writers });
    }
    Ok(())
}

/// Returns the number of streams with a writer.
pub(super) fn writers(storage: &dyn Storage, log: &Path) -> Result<usize> {
    let streams = list_streams(storage, log)?;
    Ok(streams.into_iter().filter(|stream| is_held(storage, log, *stream)).count())
}

/// The state of all segments of a log. If two states are equal, no entry was appended between them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogState(Vec<(StreamId, Seq, [u64; 4])>);

impl LogState {
    /// Reads the state of a log.
    pub(super) fn of(storage: &dyn Storage, log: &Path) -> Result<LogState> {
        let mut state = Vec::new();
        for stream in list_streams(storage, log)? {
            for base in list_segments(storage, log, stream)? {
                let path = segment_path(log, stream, base);
                let info = storage.info(&path).map_err(|e| io_error("read the metadata of", &path, e))?;
                let inode = info.place.map_or(0, |place| place.inode);
                state.push((stream, base, [info.len, info.modified, info.changed, inode]));
            }
        }
        Ok(LogState(state))
    }

    /// Returns true if the log has no segment.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
