//! The file with the known streams and bodies. The file is replaced atomically. A damaged file is never used: it is
//! reported, and the next update renames it.

use crate::engine::error::Error as EngineError;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use crate::engine::storage::{OpenMode, Storage, read_full_at};
use crate::engine::{HeldLock, TransactionLock};
use crate::recovery::backup::io_error;
use crate::recovery::error::{Error, Result};
use crate::recovery::known::seen::Known;
use crate::recovery::known::text::{from_text, to_text};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The name of the file.
const NAME: &str = "known.txt";
/// The name of the lock file, which a process locks while it updates the file.
const LOCK_NAME: &str = "known.lock";
/// The name that an update gives to a damaged file.
const DAMAGED_NAME: &str = "known.damaged.txt";
/// The stem of the names of temporary files.
const STEM: &str = "known";
/// The greatest length of the file in bytes. Each stream has a line of about 120 bytes.
const BYTES_MAX: u64 = 256 << 20;
/// The longest time to wait for the lock.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KnownState {
    /// The file does not exist.
    Absent,
    /// The file cannot be used. Contains the fault as message text.
    Damaged(String),
    /// The streams and bodies that earlier reads have seen.
    Known(Known),
}

impl KnownState {
    /// Returns the known streams and bodies. The result is empty if the file does not exist or cannot be
    /// used.
    pub(crate) fn into_known(self) -> Known {
        match self {
            KnownState::Known(known) => known,
            KnownState::Absent | KnownState::Damaged(_) => Known::default(),
        }
    }
}

/// The file with the known streams and bodies of a workspace.
#[derive(Debug, Clone)]
pub(crate) struct KnownFile {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
}

impl KnownFile {
    /// Creates access to the file of the workspace in the directory `root`. The file need not exist.
    pub(crate) fn of(storage: &Arc<dyn Storage>, root: &Path) -> KnownFile {
        KnownFile { storage: Arc::clone(storage), dir: root.join("recovery") }
    }

    /// Reads the file. Errors: the file exists and cannot be read.
    pub(crate) fn load(&self) -> Result<KnownState> {
        let path = self.dir.join(NAME);
        let wrap = |e| io_error("read", &path, e);
        let file = match self.storage.open(&path, OpenMode::Read) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(KnownState::Absent),
            opened => opened.map_err(wrap)?,
        };
        let len = file.len().map_err(wrap)?;
        if len > BYTES_MAX {
            return Ok(KnownState::Damaged(format!("the file has more than {BYTES_MAX} bytes")));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let got = read_full_at(file.as_ref(), 0, &mut bytes).map_err(wrap)?;
        bytes.truncate(got);
        let text = String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned());
        Ok(text.and_then(|text| from_text(&text)).map_or_else(KnownState::Damaged, KnownState::Known))
    }

    /// Returns the epoch of the file. A process reads the epoch before it begins to read the workspace, and passes it to
    /// [`KnownFile::add`]. Errors: the file exists and cannot be read.
    pub(crate) fn epoch(&self) -> Result<u64> {
        Ok(self.load()?.into_known().epoch())
    }

    /// Adds streams and bodies that a read has found, if the file still has the epoch `epoch`. Returns `false` and adds
    /// nothing if entries or bodies were removed on purpose since the read began, because the read may have found what
    /// was removed. Errors: those of [`KnownFile::update`].
    pub(crate) fn add(&self, epoch: u64, add: impl FnOnce(&mut Known)) -> Result<bool> {
        let mut is_added = false;
        self.update(|known| {
            is_added = known.epoch() == epoch;
            if is_added {
                add(known);
            }
        })?;
        Ok(is_added)
    }

    /// Forgets streams, entries or bodies that are removed on purpose, and begins a new epoch. Call this function after
    /// the removal. If the file must not contain removed data even after a crash, also call this function before the
    /// removal. Errors: those of [`KnownFile::update`].
    pub(crate) fn forget(&self, forget: impl FnOnce(&mut Known)) -> Result<()> {
        // A counter would begin again after the file was deleted, and a late addition could have an equal number.
        let mut random = [0; 8];
        self.storage.entropy(&mut random).map_err(|e| io_error("read random bytes for", &self.dir, e))?;
        self.update(|known| {
            forget(known);
            known.begin_epoch(u64::from_le_bytes(random));
        })
    }

    /// Changes the known streams and bodies, and replaces the file durably if they differ. No other function
    /// writes the file. Every operation that removes streams, entries or bodies on purpose calls
    /// [`KnownFile::forget`] with [`Known::forget_stream`], [`Known::limit_to`] or [`Known::forget_body`]. Errors: the
    /// file cannot be read or written, or another process updates the file for a long time.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Known)) -> Result<()> {
        let storage = self.storage.as_ref();
        storage.create_dir_all(&self.dir).map_err(|e| io_error("create", &self.dir, e))?;
        let lock = TransactionLock::default();
        let _held = self.lock(&lock)?;
        remove_stale(storage, &self.dir, STEM);
        let path = self.dir.join(NAME);
        let before = self.load()?;
        let mut known = before.clone().into_known();
        change(&mut known);
        match before {
            KnownState::Known(before) if before == known => return Ok(()),
            KnownState::Absent if known == Known::default() => return Ok(()),
            KnownState::Damaged(_) => {
                let renamed = storage.rename(&path, &self.dir.join(DAMAGED_NAME));
                renamed.map_err(|e| io_error("rename", &path, e))?;
            }
            KnownState::Known(_) | KnownState::Absent => {}
        }
        let wrap = |e| io_error("write", &path, e);
        let mut file = FileReplacement::in_dir(&self.storage, &self.dir, NAME, STEM).map_err(wrap)?;
        file.write_all(to_text(&known).as_bytes()).map_err(wrap)?;
        file.publish().map_err(wrap)
    }

    /// Acquires the lock of the file. On a file system without locks, returns `None`.
    fn lock<'a>(&'a self, lock: &'a TransactionLock) -> Result<Option<HeldLock<'a>>> {
        let path = self.dir.join(LOCK_NAME);
        match lock.acquire(self.storage.as_ref(), &path, WAIT_MAX) {
            Ok(held) => Ok(Some(held)),
            Err(EngineError::LocksUnsupported { .. }) => Ok(None),
            Err(EngineError::TransactionBusy { path, .. }) => Err(Error::KnownBusy { path }),
            Err(e) => Err(e.into()),
        }
    }
}
