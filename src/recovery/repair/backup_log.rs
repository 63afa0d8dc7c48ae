//! The log in a backup, presented as a directory. The files are read from the objects of the repository, so no copy of the
//! log is written. Every other path belongs to the real storage.

use crate::engine::error::Error as EngineError;
use crate::engine::log::names::{segment_name, stream_dir};
use crate::engine::storage::{
    DirEntry, DirItem, File, FileInfo, ItemKind, Mapping, OpenMode, Storage, Watch,
};
use crate::recovery::backup::{Content, Manifest, PART_LEN, Repository};
use crate::recovery::error::Error;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The byte that fills missing and damaged parts of a segment. Zeros would look like reserved space. A reader
/// reports these bytes as damage, and reads the frames before and after them.
const DAMAGED: u8 = 0xff;

/// A storage in which the log of a backup is a directory. The directory cannot be changed.
#[derive(Debug)]
pub(super) struct BackupLog {
    repository: Repository,
    root: PathBuf,
    dirs: BTreeMap<PathBuf, Vec<DirEntry>>,
    files: BTreeMap<PathBuf, Arc<Content>>,
}

impl BackupLog {
    /// Creates the storage. Returns the storage and the directory of the log.
    pub(super) fn open(repository: &Repository, manifest: &Manifest) -> (Arc<dyn Storage>, PathBuf) {
        // A manifest is a file, so no real path is below it.
        let root = repository.manifest_path(&manifest.backup_ref).join("log");
        let (mut dirs, mut files) = (BTreeMap::new(), BTreeMap::new());
        let mut streams = Vec::new();
        for stream in &manifest.streams {
            let dir = stream_dir(&root, stream.stream);
            let mut segments = Vec::new();
            for segment in &stream.segments {
                let name = segment_name(segment.base);
                files.insert(dir.join(&name), Arc::new(segment.content.clone()));
                segments.push(DirEntry { name, is_dir: false, is_file: true });
            }
            segments.sort_by(|a, b| a.name.cmp(&b.name));
            streams.push(DirEntry { name: stream.stream.to_string(), is_dir: true, is_file: false });
            dirs.insert(dir, segments);
        }
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        dirs.insert(root.clone(), streams);
        let storage = BackupLog { repository: repository.clone(), root: root.clone(), dirs, files };
        (Arc::new(storage), root)
    }

    fn is_own(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }

    /// Returns an error if the path is in the log of the backup.
    fn check(&self, path: &Path) -> io::Result<&dyn Storage> {
        if self.is_own(path) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "a backup is only read"));
        }
        Ok(self.repository.storage.as_ref())
    }

    fn inner(&self) -> &dyn Storage {
        self.repository.storage.as_ref()
    }
}

impl Storage for BackupLog {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        if !self.is_own(path) {
            return self.inner().open(path, mode);
        }
        match self.files.get(path) {
            Some(content) if mode == OpenMode::Read => Ok(Arc::new(BackupFile {
                repository: self.repository.clone(),
                content: Arc::clone(content),
                part: Mutex::new(None),
            })),
            Some(_) => Err(io::ErrorKind::PermissionDenied.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.check(path)?.create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.check(path)?.sync_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(to)?;
        self.check(from)?.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.check(path)?.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.check(path)?.remove_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        if !self.is_own(path) {
            return self.inner().list(path);
        }
        self.dirs.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn items(&self, path: &Path) -> io::Result<Vec<DirItem>> {
        if !self.is_own(path) {
            return self.inner().items(path);
        }
        let item = |entry: DirEntry| {
            let kind = if entry.is_dir { ItemKind::Dir } else { ItemKind::File { is_executable: false } };
            DirItem { name: entry.name.into(), kind }
        };
        Ok(self.list(path)?.into_iter().map(item).collect())
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        if self.is_own(path) { Ok(path.to_path_buf()) } else { self.inner().resolve(path) }
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        if self.is_own(path) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.inner().read_link(path)
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(from)?;
        self.check(to)?.copy_permissions(from, to)
    }

    fn watch(&self, poll_interval: Duration) -> Box<dyn Watch> {
        self.inner().watch(poll_interval)
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        if !self.is_own(path) {
            return self.inner().info(path);
        }
        let len = self.files.get(path).map(|content| content.len);
        if len.is_none() && !self.dirs.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (is_dir, is_file) = (len.is_none(), len.is_some());
        let len = len.unwrap_or(0);
        Ok(FileInfo { len, is_dir, is_file, modified: 0, changed: 0, place: None, names: 1 })
    }

    fn now(&self) -> u64 {
        self.inner().now()
    }

    fn sleep(&self, time: Duration) {
        self.inner().sleep(time);
    }

    fn entropy(&self, out: &mut [u8]) -> io::Result<()> {
        self.inner().entropy(out)
    }

    fn process_id(&self) -> u32 {
        self.inner().process_id()
    }

    fn boot_id(&self) -> Option<[u8; 16]> {
        self.inner().boot_id()
    }
}

/// A segment in a backup.
#[derive(Debug)]
struct BackupFile {
    repository: Repository,
    content: Arc<Content>,
    /// The number and the bytes of the part that was read last.
    part: Mutex<Option<(u64, Vec<u8>)>>,
}

impl BackupFile {
    /// Returns the bytes of a part. Errors: the part exists and cannot be read. A later read may succeed, so the part does
    /// not count as damaged.
    fn read_part(&self, number: u64) -> io::Result<Vec<u8>> {
        let Some(part) = usize::try_from(number).ok().and_then(|n| self.content.parts().nth(n)) else {
            return Ok(Vec::new());
        };
        match self.repository.object(&part.digest, part.len) {
            Err(Error::BackupObjectDamaged { .. }) => {
                Ok(vec![DAMAGED; usize::try_from(part.len).unwrap_or(0)])
            }
            Err(Error::Engine(EngineError::Io { source, .. })) => Err(source),
            read => read.map_err(io::Error::other),
        }
    }
}

impl File for BackupFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        if offset >= self.content.len {
            return Ok(0);
        }
        let number = offset / PART_LEN;
        let mut cached = self.part.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.as_ref().is_none_or(|(cached, _)| *cached != number) {
            *cached = Some((number, self.read_part(number)?));
        }
        let bytes = cached.as_ref().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
        let from = usize::try_from(offset % PART_LEN).unwrap_or(usize::MAX);
        let rest = bytes.get(from..).unwrap_or_default();
        let len = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }

    fn write_at(&self, _offset: u64, _data: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.content.len)
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn allocate(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn is_locked(&self) -> io::Result<bool> {
        Ok(false)
    }

    fn map(&self) -> Option<Arc<dyn Mapping>> {
        None
    }
}
