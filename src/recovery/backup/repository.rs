//! A repository of backups on disk.
//!
//! ```text
//! backups/<name>.jsonl     the manifest of a backup
//! objects/ab/cdef...       an object; its name is the BLAKE3 digest of its content
//! staging/                 temporary files of objects
//! repository.lock          an empty file, which a process locks while it writes to the repository
//! ```

use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::entry::StreamId;
use crate::engine::error::Error as EngineError;
use crate::engine::fault::chain;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use crate::engine::storage::{File, OpenMode, Storage, exists, read_full_at};
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::manifest::Manifest;
use crate::recovery::backup::manifest_lines::{from_text, to_text};
use crate::recovery::error::{Error, Result};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(in crate::recovery) use crate::recovery::tree::io_error;

/// The suffix of the file name of a manifest.
const MANIFEST_ENDING: &str = ".jsonl";
/// The greatest length of a manifest in bytes. Each body adds a line of about 130 bytes.
pub(super) const MANIFEST_BYTES_MAX: u64 = 1 << 30;
/// The prefix of the names of temporary files for manifests.
const MANIFEST_STEM: &str = "manifest";

/// A repository. The repository is a directory that contains the backups of one or more workspaces.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(in crate::recovery) storage: Arc<dyn Storage>,
    root: PathBuf,
}

/// The lock of a repository. The lock is released when the value is dropped or the process ends.
#[derive(Debug)]
#[must_use = "the lock is released when the value is dropped"]
pub(super) struct RepositoryLock {
    _file: Arc<dyn File>,
}

/// A manifest that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableBackup {
    /// The path of the manifest.
    pub path: PathBuf,
    /// The fault, as message text.
    pub reason: String,
}

impl Repository {
    /// Creates access to the repository in a directory. The directory need not exist.
    pub(crate) fn new(storage: &Arc<dyn Storage>, root: &Path) -> Repository {
        Repository { storage: Arc::clone(storage), root: root.to_path_buf() }
    }

    /// Returns the directory of the repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the store of the objects.
    pub(crate) fn objects(&self) -> BlobStore {
        BlobStore::new(Arc::clone(&self.storage), self.object_dir(), self.staging())
    }

    fn object_dir(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// Returns the directory for temporary files of objects.
    pub(super) fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    /// Returns the path of the manifest of a backup.
    pub(in crate::recovery) fn manifest_path(&self, backup: &BackupRef) -> PathBuf {
        self.manifest_dir().join(format!("{backup}{MANIFEST_ENDING}"))
    }

    fn manifest_dir(&self) -> PathBuf {
        self.root.join("backups")
    }

    /// Acquires the lock of the repository. Creates the directory if necessary. If the file system has no
    /// locks, the caller must ensure that only one process at a time writes to the repository.
    pub(super) fn lock(&self) -> Result<RepositoryLock> {
        let path = self.root.join("repository.lock");
        self.storage.create_dir_all(&self.root).map_err(|e| io_error("create", &self.root, e))?;
        let file = self.storage.open(&path, OpenMode::Create).map_err(|e| io_error("open", &path, e))?;
        if matches!(file.try_lock(), Ok(false)) {
            return Err(Error::BackupBusy { path });
        }
        Ok(RepositoryLock { _file: file })
    }

    /// Acquires the lock of a repository that contains backups. Errors: the directory contains no backup.
    pub(super) fn lock_existing(&self) -> Result<RepositoryLock> {
        if self.names()?.is_empty() {
            return Err(Error::NoBackups { root: self.root.clone() });
        }
        self.lock()
    }

    /// Returns `true` if the repository has a manifest with this name. The manifest need not be readable.
    pub(in crate::recovery) fn contains(&self, backup: &BackupRef) -> Result<bool> {
        let path = self.manifest_path(backup);
        exists(self.storage.as_ref(), &path).map_err(|e| io_error("read the metadata of", &path, e))
    }

    /// Returns the names of all backups. If the repository does not exist, returns no names.
    pub(in crate::recovery) fn names(&self) -> Result<Vec<BackupRef>> {
        let dir = self.manifest_dir();
        let entries = match self.storage.list(&dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(|e| io_error("list", &dir, e))?,
        };
        let name = |name: &str| BackupRef::parse(name.strip_suffix(MANIFEST_ENDING)?);
        Ok(entries.iter().filter_map(|entry| name(&entry.name)).collect())
    }

    /// Reads a manifest. Errors: the backup does not exist, or its manifest cannot be used.
    pub(in crate::recovery) fn read(&self, backup: &BackupRef) -> Result<Manifest> {
        let path = self.manifest_path(backup);
        let invalid = |reason: String| Error::ManifestInvalid { path: path.clone(), reason };
        let file = match self.storage.open(&path, OpenMode::Read) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(Error::BackupNotFound { backup: backup.to_string(), root: self.root.clone() });
            }
            opened => opened.map_err(|e| io_error("read", &path, e))?,
        };
        let len = file.len().map_err(|e| io_error("read", &path, e))?;
        if len > MANIFEST_BYTES_MAX {
            return Err(invalid(format!("the file has more than {MANIFEST_BYTES_MAX} bytes")));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let got = read_full_at(file.as_ref(), 0, &mut bytes).map_err(|e| io_error("read", &path, e))?;
        bytes.truncate(got);
        let text = String::from_utf8(bytes).map_err(|_| invalid("the file is not UTF-8".into()))?;
        let manifest = from_text(&text).map_err(invalid)?;
        if manifest.backup_ref != *backup {
            return Err(invalid(format!("the file describes the backup {}", manifest.backup_ref)));
        }
        Ok(manifest)
    }

    /// Returns the latest readable manifest of a workspace; `None` if there is none. The workspace is identified by its
    /// path and its streams, because several hosts can use the same path. The names of backups end with the time, so the
    /// latest manifests are read first.
    pub(in crate::recovery) fn latest(
        &self,
        workspace_root: &str,
        streams: &[StreamId],
    ) -> Result<Option<Manifest>> {
        let is_same = |manifest: &Manifest| {
            manifest.workspace_root == workspace_root
                && (streams.is_empty()
                    || manifest.streams.is_empty()
                    || manifest.streams.iter().any(|copy| streams.contains(&copy.stream)))
        };
        let mut names = self.names()?;
        names.sort_by(|a, b| b.time().cmp(a.time()));
        for name in names {
            match self.read(&name) {
                Ok(manifest) if is_same(&manifest) => return Ok(Some(manifest)),
                // If a manifest is unreadable, an older manifest is used, and the backup reads more files.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Reads the manifests one after another, in the order of the names. A manifest that cannot be used is an `Err`.
    /// Errors: the directory cannot be listed.
    pub(in crate::recovery) fn manifests(
        &self,
    ) -> Result<impl Iterator<Item = std::result::Result<Manifest, UnreadableBackup>> + '_> {
        Ok(self.names()?.into_iter().map(|backup| {
            let path = self.manifest_path(&backup);
            self.read(&backup).map_err(|e| UnreadableBackup { path, reason: chain(&e) })
        }))
    }

    /// Makes the names of objects in these directories durable, and the names of the directories. A process that was
    /// killed may have created an object or a directory without syncing the directory above.
    pub(super) fn sync_names(&self, _lock: &RepositoryLock, shards: &BTreeSet<PathBuf>) -> Result<()> {
        let storage = self.storage.as_ref();
        let sync = |dir: &Path| storage.sync_dir(dir).map_err(|e| io_error("sync", dir, e));
        shards.iter().try_for_each(|shard| sync(shard))?;
        let objects = self.object_dir();
        if exists(storage, &objects).map_err(|e| io_error("read the metadata of", &objects, e))? {
            sync(&objects)?;
        }
        // The process that published the first backup has synced the directory.
        if self.names()?.is_empty() {
            sync(&self.root)?;
            let parent = self.root.parent().unwrap_or(&self.root);
            sync(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
        }
        Ok(())
    }

    /// Writes a manifest durably. From this moment on, the backup exists. Returns the length of the manifest
    /// in bytes.
    pub(super) fn publish(&self, _lock: &RepositoryLock, manifest: &Manifest) -> Result<u64> {
        let path = self.manifest_path(&manifest.backup_ref);
        let wrap = |e| io_error("write", &path, e);
        let text = to_text(manifest)
            .map_err(|e| Error::ManifestInvalid { path: path.clone(), reason: e.to_string() })?;
        if text.len() as u64 > MANIFEST_BYTES_MAX {
            let reason = format!("the backup needs a manifest of more than {MANIFEST_BYTES_MAX} bytes");
            return Err(Error::ManifestInvalid { path, reason });
        }
        let mut file = FileReplacement::create(&self.storage, &path, MANIFEST_STEM).map_err(wrap)?;
        file.write_all(text.as_bytes()).map_err(wrap)?;
        file.publish().map_err(wrap)?;
        Ok(text.len() as u64)
    }

    /// Removes manifests durably.
    pub(super) fn remove(&self, _lock: &RepositoryLock, backups: &[BackupRef]) -> Result<()> {
        let dir = self.manifest_dir();
        for backup in backups {
            let path = self.manifest_path(backup);
            self.storage.remove_file(&path).map_err(|e| io_error("remove", &path, e))?;
        }
        if backups.is_empty() {
            return Ok(());
        }
        self.storage.sync_dir(&dir).map_err(|e| io_error("sync", &dir, e))
    }

    /// Removes the temporary files of processes that ended while they wrote to the repository.
    pub(super) fn remove_leftovers(&self, _lock: &RepositoryLock) {
        remove_stale(self.storage.as_ref(), &self.manifest_dir(), MANIFEST_STEM);
        remove_stale(self.storage.as_ref(), &self.staging(), "body");
    }

    /// Reads an object, and compares the content with the digest and the length. The object is held in
    /// memory, so it must not be longer than a part of a file.
    pub(in crate::recovery) fn object(&self, digest: &Digest, len: u64) -> Result<Vec<u8>> {
        let damaged = |reason: &str| Error::BackupObjectDamaged { digest: *digest, reason: reason.into() };
        let objects = self.objects();
        let file = match objects.open(digest) {
            Err(EngineError::BodyMissing { .. }) => return Err(damaged("it is missing")),
            opened => opened?,
        };
        let path = objects.path(digest);
        if file.len().map_err(|e| io_error("read", &path, e))? != len {
            return Err(damaged("its length differs from the manifest"));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let got = read_full_at(file.as_ref(), 0, &mut bytes).map_err(|e| io_error("read", &path, e))?;
        if got as u64 != len || Digest::of(&bytes) != *digest {
            return Err(damaged("its content does not match its digest"));
        }
        Ok(bytes)
    }
}
