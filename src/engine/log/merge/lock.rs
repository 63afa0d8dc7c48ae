//! The lock of a merge, and the locks on the streams that the merge changes.

use crate::engine::entry::StreamId;
use crate::engine::error::{Error, Result};
use crate::engine::log::format::names;
use crate::engine::log::merge::options::MergeOptions;
use crate::engine::log::merge::quarantine::remove_leftovers;
use crate::engine::log::merge::sides::Sides;
use crate::engine::storage::{File, OpenMode, Storage};
use std::io;
use std::sync::Arc;

/// The lock file of a merge, in the quarantine directory.
const LOCK_NAME: &str = "merge.lock";

/// The lock of a merge. It is released when the value is dropped or the process ends.
#[derive(Debug)]
#[must_use = "the lock is released when the value is dropped"]
pub struct MergeLock {
    _file: Arc<dyn File>,
}

impl MergeLock {
    /// Checks the domain of both logs, acquires the lock for merges with this quarantine directory, and removes the
    /// temporary files of an interrupted merge.
    ///
    /// If the file system has no locks, the caller must run one merge at a time. Errors: [`Error::ForeignDomain`] if
    /// one of the logs has a stream of another domain; nothing is written in this case. [`Error::MergeBusy`] if another
    /// merge holds the lock. [`Error::Io`] if one of the logs cannot be listed, or if the quarantine directory cannot
    /// be written.
    pub fn acquire(storage: &dyn Storage, options: &MergeOptions) -> Result<MergeLock> {
        options.check_domains(storage)?;
        let quarantine = options.quarantine.as_path();
        storage.create_dir_all(quarantine).map_err(|e| Error::io("create", quarantine, e))?;
        let path = quarantine.join(LOCK_NAME);
        let file = storage.open(&path, OpenMode::Create).map_err(|e| Error::io("open", &path, e))?;
        if matches!(file.try_lock(), Ok(false)) {
            return Err(Error::MergeBusy { path });
        }
        remove_leftovers(storage, quarantine)?;
        Ok(MergeLock { _file: file })
    }
}

/// The result of trying to lock a stream of the target. A held lock excludes writers.
pub(in crate::engine::log) enum Hold {
    /// No writer holds the stream: it has no lock file, or the merge holds the lock.
    Free { _locks: Vec<Arc<dyn File>> },
    /// A writer holds the stream, or the file system has no locks.
    Busy,
}

impl Hold {
    /// Tries to lock a stream.
    pub(in crate::engine::log) fn of(sides: &Sides<'_>, stream: StreamId) -> Result<Hold> {
        let mut locks = Vec::new();
        // A writer that prevents other processes from continuing its stream renames the lock file to the second name.
        for name in [names::LOCK_NAME, names::ABANDONED_LOCK_NAME] {
            let path = names::stream_dir(sides.into, stream).join(name);
            match sides.storage.open(&path, OpenMode::ReadWrite) {
                Ok(file) if matches!(file.try_lock(), Ok(true)) => locks.push(file),
                Ok(_) => return Ok(Hold::Busy),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("open", &path, e)),
            }
        }
        Ok(Hold::Free { _locks: locks })
    }

    pub(in crate::engine::log) fn is_busy(&self) -> bool {
        matches!(self, Hold::Busy)
    }
}
