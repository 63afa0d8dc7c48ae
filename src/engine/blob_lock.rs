//! The lock on a store of bodies. A program that stores a body holds the lock shared until the entry that refers to the
//! body is durable. A program that removes unused bodies holds the lock alone, and reads the log after it has acquired the
//! lock. A removal can therefore not remove a body whose entry is about to be appended.
//!
//! The lock is a lock of the operating system on an empty file beside the directory of the bodies. The operating system
//! releases the lock when the process ends. The file is never removed.

use crate::engine::blob::BlobStore;
use crate::engine::error::{Error, Result};
use crate::engine::storage::{File, OpenMode, exists};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The greatest time for which the storing of a body waits for the end of a removal.
const STORE_WAIT: Duration = Duration::from_secs(10);
/// The maximum time that a removal waits for programs that store bodies.
const REMOVAL_WAIT: Duration = Duration::from_secs(2);
/// The pause between two attempts to acquire the lock.
const PAUSE: Duration = Duration::from_millis(10);

/// The shared lock on a store of bodies. While the value exists, no program removes bodies. The lock is released when the
/// value is dropped or the process ends.
#[derive(Debug)]
#[must_use = "the lock is released when the value is dropped"]
pub struct BlobUse {
    /// `None` if the file system has no locks.
    _file: Option<Arc<dyn File>>,
}

/// The exclusive lock on a store of bodies. While the value exists, no program stores a body. The lock is released when the
/// value is dropped or the process ends.
#[derive(Debug)]
#[must_use = "the lock is released when the value is dropped"]
pub struct BlobRemoval {
    _file: Arc<dyn File>,
}

impl BlobStore {
    /// Acquires the shared lock. The caller acquires the lock before it stores a body or decides that a stored body
    /// suffices, and holds the lock until the entry that refers to the body is durable. Waits about ten seconds for the
    /// end of a removal. If the file system has no locks, returns a value without a lock, and [`BlobStore::lock_removal`]
    /// fails. Errors: [`Error::BodiesBusy`] if a removal holds the lock for too long, or the lock file cannot be opened or
    /// locked for another reason.
    pub fn lock_use(&self) -> Result<BlobUse> {
        // A user who may not write the lock file can acquire the shared lock.
        let path = self.lock_path();
        let file = match self.storage.open(&path, OpenMode::Read) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => self.create_lock()?,
            opened => opened.map_err(|e| Error::io("open", &path, e))?,
        };
        match self.wait(STORE_WAIT, || file.try_lock_shared()) {
            Some(Ok(())) => Ok(BlobUse { _file: Some(file) }),
            Some(Err(e)) if e.kind() == io::ErrorKind::Unsupported => Ok(BlobUse { _file: None }),
            Some(Err(e)) => Err(Error::io("lock", &path, e)),
            None => Err(Error::BodiesBusy { path, holder: "removes unused bodies" }),
        }
    }

    /// Acquires the exclusive lock. Waits about two seconds for programs that store bodies. Errors: [`Error::BodiesBusy`]
    /// if a program that stores a body holds the lock for too long, [`Error::LocksUnsupported`] if the file system has no
    /// locks, or the lock file cannot be opened or locked for another reason.
    pub fn lock_removal(&self) -> Result<BlobRemoval> {
        let (path, file) = (self.lock_path(), self.create_lock()?);
        match self.wait(REMOVAL_WAIT, || file.try_lock()) {
            Some(Ok(())) => Ok(BlobRemoval { _file: file }),
            Some(Err(e)) => Err(Error::not_locked(&path, e)),
            None => Err(Error::BodiesBusy { path, holder: "stores a body" }),
        }
    }

    /// Returns the path of the lock file.
    fn lock_path(&self) -> PathBuf {
        self.objects.with_extension("lock")
    }

    /// Opens the lock file. Creates the file if it does not exist.
    fn create_lock(&self) -> Result<Arc<dyn File>> {
        let path = self.lock_path();
        if let Some(dir) = path.parent().filter(|dir| !exists(self.storage.as_ref(), dir).unwrap_or(false)) {
            self.storage.create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
        }
        self.storage.open(&path, OpenMode::Create).map_err(|e| Error::io("open", &path, e))
    }

    /// Tries to acquire a lock with `lock`, for at most the time `wait`. Returns `None` if another process still holds
    /// the lock at the end of this time, and the error if `lock` fails.
    fn wait(&self, wait: Duration, lock: impl Fn() -> io::Result<bool>) -> Option<io::Result<()>> {
        let mut waited = Duration::ZERO;
        loop {
            match lock() {
                Ok(true) => return Some(Ok(())),
                Err(e) => return Some(Err(e)),
                Ok(false) if waited >= wait => return None,
                Ok(false) => self.storage.sleep(PAUSE),
            }
            waited += PAUSE;
        }
    }
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use super::*;
    use crate::engine::storage::sim::{Fault, Moment, SimDisk};

    fn store(disk: &SimDisk, process: u32) -> BlobStore {
        BlobStore::new(disk.process(process), "/w/objects".into(), "/w/staging".into())
    }

    #[test]
    fn shared_locks_exclude_only_the_exclusive_lock() {
        let disk = SimDisk::new(1);
        let stores = [1, 2, 3].map(|process| store(&disk, process));
        let (one, two) = (stores[0].lock_use().unwrap(), stores[1].lock_use().unwrap());
        drop(one);
        assert_eq!(stores[2].lock_removal().unwrap_err().code(), "bodies_in_use");
        drop(two);
        let removal = stores[2].lock_removal().unwrap();
        assert_eq!(stores[0].lock_use().unwrap_err().code(), "bodies_in_use");
        assert_eq!(stores[1].lock_removal().unwrap_err().code(), "bodies_in_use");
        drop(removal);
        let _use = stores[0].lock_use().unwrap();
    }

    #[test]
    fn killed_process_holds_no_lock() {
        let disk = SimDisk::new(1);
        let process = disk.spawn(1);
        let held = BlobStore::new(process.clone(), "/w/objects".into(), "/w/staging".into());
        let _held = held.lock_use().unwrap();
        process.plan(Moment::Operation(process.operations()), Fault::Kill);
        held.lock_use().unwrap_err();
        drop(store(&disk, 2).lock_removal().unwrap());
    }

    /// The file system has locks, and one operation fails.
    #[test]
    fn failed_lock_is_not_taken_for_a_file_system_without_locks() {
        let disk = SimDisk::new(1);
        drop(store(&disk, 1).lock_removal().unwrap());
        let mut failed = 0;
        for at in 0.. {
            let process = disk.spawn(2);
            process.plan(Moment::Operation(at), Fault::Error(io::ErrorKind::Other));
            let failing = BlobStore::new(process.clone(), "/w/objects".into(), "/w/staging".into());
            match failing.lock_use() {
                Ok(_held) => assert_eq!(store(&disk, 3).lock_removal().unwrap_err().code(), "bodies_in_use"),
                Err(e) => assert!(matches!(e, Error::Io { .. }), "{at}: {e:?}"),
            }
            failed += u64::from(process.has_passed_plans());
            if let Err(e) = failing.lock_removal() {
                assert!(matches!(e, Error::Io { .. }), "{at}: {e:?}");
            }
            if !process.has_passed_plans() {
                break;
            }
        }
        assert!(failed > 1, "{failed}");
    }

    #[test]
    fn without_locks_bodies_are_stored_and_not_removed() {
        let disk = SimDisk::new(1);
        disk.set_locks(false);
        let _use = store(&disk, 1).lock_use().unwrap();
        assert_eq!(store(&disk, 2).lock_removal().unwrap_err().code(), "locks_unsupported");
    }
}
