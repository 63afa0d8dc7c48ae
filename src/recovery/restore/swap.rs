//! The replacement of the log of a workspace by a restored log, through renamings of directories.
//!
//! The log is the only part of a workspace that is replaced as a whole: bodies are named by their content and only
//! added, and tables are derived from the log. Three directories take part, side by side:
//!
//! | Directory | Content |
//! |---|---|
//! | `log` | the log |
//! | `log.restored` | a complete restored log, before the replacement |
//! | `log.replaced` | the former log, after the replacement |
//!
//! `log` is renamed to `log.replaced`, then `log.restored` is renamed to `log`. If the process is killed in between,
//! there is no `log`, and the next process that opens the workspace finishes the replacement ([`finish_swap`]).

use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::directory::{is_held, list_segments, list_streams};
use crate::engine::log::names::segment_path;
use crate::engine::storage::{Storage, exists};
use crate::recovery::backup::io_error;
use crate::recovery::error::{Error, Result};
use crate::recovery::workspace_dirs::WorkspaceDirs;
use std::io;
use std::path::{Path, PathBuf};

/// The ending of the name of a restored log before the replacement.
const RESTORED: &str = ".restored";
/// The ending of the name of a replaced log.
const REPLACED: &str = ".replaced";
/// The ending of the file name of tables.
const TABLES_ENDING: &str = ".gen";

/// Returns the path of a restored log before the replacement.
pub(super) fn restored_log(log: &Path) -> PathBuf {
    with_ending(log, RESTORED)
}

/// Returns the path of a replaced log.
pub(super) fn replaced_log(log: &Path) -> PathBuf {
    with_ending(log, REPLACED)
}

pub(super) fn with_ending(log: &Path, ending: &str) -> PathBuf {
    let mut name = log.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    log.with_file_name(name)
}

/// Returns true if a replacement was interrupted between its two renamings: the log is missing, and there is a restored
/// log.
pub(crate) fn is_swap_interrupted(storage: &dyn Storage, log: &Path) -> io::Result<bool> {
    Ok(!exists(storage, log)? && exists(storage, &restored_log(log))?)
}

/// Finishes a replacement that was interrupted between its two renamings. Returns true if the log was missing and a
/// restored log has taken its place.
pub(crate) fn finish_swap(storage: &dyn Storage, log: &Path) -> io::Result<bool> {
    if !is_swap_interrupted(storage, log)? {
        return Ok(false);
    }
    match storage.rename(&restored_log(log), log) {
        // Another process has finished the replacement.
        Err(_) if exists(storage, log)? => return Ok(false),
        renamed => renamed?,
    }
    sync_parent(storage, log)?;
    Ok(true)
}

/// Replaces the log by the staged log. The staged log must be complete and durable.
pub(super) fn swap(storage: &dyn Storage, staged: &Path, dirs: &WorkspaceDirs) -> Result<()> {
    let log = dirs.log.as_path();
    let restored = restored_log(log);
    if let Some(parent) = log.parent() {
        storage.create_dir_all(parent).map_err(|e| io_error("create", parent, e))?;
    }
    let moved = storage.rename(staged, &restored).and_then(|()| sync_parent(storage, &restored));
    moved.map_err(|e| io_error("move", staged, e))?;
    check_unused(storage, dirs)?;
    remove_tables(storage, &dirs.projections)?;
    if exists(storage, log).map_err(|e| io_error("read the metadata of", log, e))? {
        let replaced = replaced_log(log);
        let moved = storage.rename(log, &replaced).and_then(|()| sync_parent(storage, log));
        moved.map_err(|e| io_error("rename", log, e))?;
    }
    finish_swap(storage, log).map_err(|e| io_error("rename", &restored, e))?;
    Ok(())
}

fn sync_parent(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| storage.sync_dir(parent))
}

/// Removes the saved tables. The next process that opens the workspace derives them from the log again.
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

/// The state of all segments of a log. If a later state is equal, no entry was appended since.
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
