//! The lock that makes transactions run one after another. A mutex excludes other threads that use the same engine. A
//! file lock of the operating system excludes other engines and other processes on the machine. The operating system
//! releases the file lock when the process ends.
//!
//! Invariants:
//! 1. The lock file stays open between transactions. Only the process that opened the file locks it again, because a
//!    forked child shares the lock of its parent. If the path of the lock leads to another file, that file is opened
//!    and locked instead.
//! 2. Only the process that acquired the lock releases it. A forked child closes its descriptor of the file, which does
//!    not release the lock of the parent.

use crate::engine::error::{Error, Result};
use crate::engine::storage::{File, OpenMode, Place, Storage};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::ThreadId;
use std::time::Duration;

/// The first pause between two attempts to acquire the lock. Each pause is twice as long as the pause before, up to
/// [`PAUSE_MAX`]. The last pause ends when the time to wait is over.
const PAUSE_MIN: Duration = Duration::from_micros(50);
/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_millis(5);

/// The transaction lock of one engine. A mutex excludes other threads that use the same engine.
#[derive(Debug, Default)]
pub struct TransactionLock {
    turn: Mutex<Option<LockFile>>,
    /// The thread that runs a transaction, if any.
    holder: Mutex<Option<ThreadId>>,
}

/// The open lock file.
#[derive(Debug)]
struct LockFile {
    file: Arc<dyn File>,
    /// The id of the process that opened the file.
    process: u32,
    /// The identity of the file; `None` if it is not known. A file of unknown identity is opened for one transaction
    /// only.
    place: Option<Place>,
}

/// The held lock. It is released when the value is dropped.
#[derive(Debug)]
#[must_use = "the lock is released when the value is dropped"]
pub struct HeldLock<'a> {
    lock: &'a TransactionLock,
    storage: &'a dyn Storage,
    // The mutex is unlocked after the file lock was released, because fields are dropped after `drop` has returned.
    turn: MutexGuard<'a, Option<LockFile>>,
}

impl TransactionLock {
    /// Acquires the lock, waiting at most about `wait`. The lock file at `path` is created if it does not exist, and
    /// never removed. Errors: the thread already holds the lock, another transaction holds the lock for too long, or
    /// the lock file cannot be opened or locked.
    pub fn acquire<'a>(
        &'a self,
        storage: &'a dyn Storage,
        path: &Path,
        wait: Duration,
    ) -> Result<HeldLock<'a>> {
        let this_thread = std::thread::current().id();
        if *unpoisoned(&self.holder) == Some(this_thread) {
            let reason = "a transaction cannot begin within a transaction of the same engine".to_owned();
            return Err(Error::Misused { reason });
        }
        let mut pauses = Pauses { next: PAUSE_MIN, waited: Duration::ZERO, wait };
        let mut turn = loop {
            match self.turn.try_lock() {
                Ok(turn) => break turn,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => pauses.take(storage, path)?,
            }
        };
        let kept = turn.take().filter(|kept| kept.process == storage.process_id());
        let lock_file = match kept {
            Some(kept) => {
                pauses.lock(storage, path, kept.file.as_ref())?;
                if place_at(storage, path) == kept.place { kept } else { pauses.open(storage, path)? }
            }
            None => pauses.open(storage, path)?,
        };
        *turn = Some(lock_file);
        *unpoisoned(&self.holder) = Some(this_thread);
        Ok(HeldLock { lock: self, storage, turn })
    }
}

impl Drop for HeldLock<'_> {
    fn drop(&mut self) {
        *unpoisoned(&self.lock.holder) = None;
        let process = self.storage.process_id();
        // If the file is not kept, closing it releases its lock.
        *self.turn = self
            .turn
            .take()
            .filter(|held| held.place.is_some() && held.process == process && held.file.unlock().is_ok());
    }
}

/// Returns the identity of the file at `path`; `None` if there is no such file or its identity is not known.
fn place_at(storage: &dyn Storage, path: &Path) -> Option<Place> {
    storage.info(path).ok()?.place
}

/// The pauses between attempts to acquire the lock.
struct Pauses {
    next: Duration,
    waited: Duration,
    wait: Duration,
}

impl Pauses {
    /// Opens the lock file and acquires its lock. Creates the file if it does not exist.
    fn open(&mut self, storage: &dyn Storage, path: &Path) -> Result<LockFile> {
        let open = || storage.open(path, OpenMode::Create).map_err(|e| Error::io("open", path, e));
        if place_at(storage, path).is_none() {
            if let Some(dir) = path.parent() {
                storage.create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
            }
            // The file is opened again below: its identity must be read before it is opened.
            drop(open()?);
        }
        loop {
            let place = place_at(storage, path);
            let file = open()?;
            self.lock(storage, path, file.as_ref())?;
            match storage.info(path) {
                // The path led to the same file before it was opened and after it was locked, so the opened file is
                // this file.
                Ok(info) if info.place == place => {
                    return Ok(LockFile { file, process: storage.process_id(), place });
                }
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("read the metadata of", path, e)),
            }
            // The file at the path was replaced, perhaps while this transaction waited for the lock. The lock of the
            // old file excludes no other transaction.
            drop(file);
            self.take(storage, path)?;
        }
    }

    /// Acquires the lock of an open lock file.
    fn lock(&mut self, storage: &dyn Storage, path: &Path, file: &dyn File) -> Result<()> {
        loop {
            match file.try_lock() {
                Ok(true) => return Ok(()),
                Ok(false) => self.take(storage, path)?,
                Err(source) => return Err(Error::not_locked(path, source)),
            }
        }
    }

    /// Sleeps until the next attempt, or returns the error for a wait that was too long.
    fn take(&mut self, storage: &dyn Storage, path: &Path) -> Result<()> {
        if self.waited >= self.wait {
            return Err(Error::TransactionBusy { path: path.to_path_buf(), waited: self.waited });
        }
        let pause = self.next.min(self.wait - self.waited);
        storage.sleep(pause);
        self.waited = self.waited.saturating_add(pause);
        self.next = (self.next * 2).min(PAUSE_MAX);
        Ok(())
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
