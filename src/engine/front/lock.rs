//! The lock that makes transactions run one after another. A mutex excludes other threads that use the same engine. A
//! file lock of the operating system excludes other engines and other processes on the machine. The operating system
//! releases the file lock when the process ends.

use crate::engine::error::{Error, Result};
use crate::engine::storage::{File, OpenMode, Storage};
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

/// The state of the lock within one engine. Its mutex excludes other threads that use the same engine.
#[derive(Debug, Default)]
pub(super) struct TransactionLock {
    turn: Mutex<()>,
    /// The thread that runs a transaction, if any.
    holder: Mutex<Option<ThreadId>>,
}

/// The held lock. It is released when the value is dropped.
#[derive(Debug)]
#[must_use = "the lock is released when the value is dropped"]
pub(super) struct HeldLock<'a> {
    lock: &'a TransactionLock,
    // The file lock is released before the mutex, because fields are dropped in the order of their declaration.
    _file: Arc<dyn File>,
    _turn: MutexGuard<'a, ()>,
}

impl TransactionLock {
    /// Acquires the lock, waiting at most about `wait`. The lock file at `path` is created if it does not exist, and
    /// never removed. Errors: the thread already holds the lock, another transaction holds the lock for too long, or
    /// the lock file cannot be opened or locked.
    pub(super) fn acquire(&self, storage: &dyn Storage, path: &Path, wait: Duration) -> Result<HeldLock<'_>> {
        let this_thread = std::thread::current().id();
        if *unpoisoned(&self.holder) == Some(this_thread) {
            let reason = "a transaction cannot begin within a transaction of the same engine".to_owned();
            return Err(Error::Misused { reason });
        }
        let mut pauses = Pauses { next: PAUSE_MIN, waited: Duration::ZERO, wait };
        let turn = loop {
            match self.turn.try_lock() {
                Ok(turn) => break turn,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => pauses.take(storage, path)?,
            }
        };
        if let Some(dir) = path.parent() {
            storage.create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
        }
        // The file is opened for each transaction, so that a child that is forked between transactions does not share
        // the lock.
        let file = storage.open(path, OpenMode::Create).map_err(|e| Error::io("open", path, e))?;
        loop {
            match file.try_lock() {
                Ok(true) => break,
                Ok(false) => pauses.take(storage, path)?,
                Err(source) if source.kind() == io::ErrorKind::Unsupported => {
                    return Err(Error::LocksUnsupported { path: path.to_path_buf(), source });
                }
                Err(source) => return Err(Error::io("lock", path, source)),
            }
        }
        *unpoisoned(&self.holder) = Some(this_thread);
        Ok(HeldLock { lock: self, _file: file, _turn: turn })
    }
}

impl Drop for HeldLock<'_> {
    fn drop(&mut self) {
        *unpoisoned(&self.lock.holder) = None;
    }
}

/// The pauses between attempts to acquire the lock.
struct Pauses {
    next: Duration,
    waited: Duration,
    wait: Duration,
}

impl Pauses {
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
