//! Files that become bodies: copied, or with a second name in the store so that no byte is copied.
//!
//! Invariants:
//! 1. The file stays where it is until the caller removes it with [`BlobStore::release`]. The caller appends the entry
//!    that refers to the body before. A crash at any moment leaves the file, or the body with its entry. A crash before
//!    the removal can leave file and body as two names of one file; the next [`BlobStore::ingest_file`] with this
//!    content replaces the body with a file of its own.
//! 2. The content is read once. The digest is computed from the bytes that are stored.
//! 3. A file that changes while it is read is not stored.

use crate::engine::blob::{BlobInfo, BlobStore, CHUNK};
use crate::engine::checksum::Digest;
use crate::engine::error::{Error, Result};
use crate::engine::storage::{File, FileInfo, OpenMode, Storage, read_full_at, write_all_at};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The method by which a file becomes a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Intake {
    /// The content is copied. If the file system can, file and body share blocks until one of them changes.
    #[default]
    Copy,
    /// The body is a second name of the file, if the file is a regular file with one name on the file system of the
    /// store. Otherwise the content is copied. The caller removes the file afterwards with [`BlobStore::release`], or
    /// calls [`BlobStore::separate`] if the file stays, because a change of the file would change the body.
    Link,
}

/// The result of [`BlobStore::ingest_file`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// The digest and size of the body.
    pub info: BlobInfo,
    /// True if the body may be a second name of the file.
    pub is_linked: bool,
    /// The state of the file when it was stored.
    found: FileInfo,
}

impl BlobStore {
    /// Stores the content of the file at `source` durably, in constant memory. `observe` receives all bytes in order,
    /// for a second digest. Errors: [`Error::SourceChanged`]; the file is not a regular file, or cannot be read; the
    /// store cannot be written.
    pub fn ingest_file(
        &self,
        source: &Path,
        intake: Intake,
        observe: &mut dyn FnMut(&[u8]),
    ) -> Result<Taken> {
        self.through_temporary(|temporary| {
            let examine = || self.storage.info(source).map_err(|e| Error::io("read", source, e));
            let before = examine()?;
            // An error means that the file is copied, as on a file system without links.
            let is_linked = intake == Intake::Link && self.storage.link_file(source, temporary).is_ok();
            let staged = if is_linked || self.storage.clone_file(source, temporary).is_ok() {
                self.hash_staged(temporary, observe)
            } else {
                self.copy_staged(source, temporary, observe)
            };
            let (file, info) = staged?;
            if is_changed(&before, &examine()?) {
                return Err(Error::SourceChanged { path: source.into() });
            }
            self.keep(temporary, file.as_ref(), info)?;
            Ok(Taken { info, is_linked, found: before })
        })
    }

    fn hash_staged(&self, temporary: &Path, observe: &mut dyn FnMut(&[u8])) -> Result<Staged> {
        let file = self.storage.open(temporary, OpenMode::Read);
        let file = file.map_err(|e| Error::io("read", temporary, e))?;
        let info = read_through(temporary, file.as_ref(), &mut |_, part| {
            observe(part);
            Ok(())
        })?;
        Ok((file, info))
    }

    fn copy_staged(&self, source: &Path, temporary: &Path, observe: &mut dyn FnMut(&[u8])) -> Result<Staged> {
        let content = self.storage.open(source, OpenMode::Read).map_err(|e| Error::io("read", source, e))?;
        let copy = self.storage.open(temporary, OpenMode::CreateNew);
        let copy = copy.map_err(|e| Error::io("create", temporary, e))?;
        let info = read_through(source, content.as_ref(), &mut |at, part| {
            observe(part);
            write_all_at(copy.as_ref(), at, part).map_err(|e| Error::io("write", temporary, e))
        })?;
        Ok((copy, info))
    }

    /// Removes a file that was stored as a body. If the file cannot be removed, and the body is a second name of the
    /// file, the body becomes a file of its own. Errors: [`Error::SourceChanged`] if the file has changed since it was
    /// stored, for example because a program has written a newer file of that name; the file cannot be removed. A
    /// change between this check and the removal is not noticed.
    pub fn release(&self, source: &Path, taken: &Taken) -> Result<()> {
        if self.storage.info(source).is_ok_and(|now| is_changed(&taken.found, &now)) {
            if taken.is_linked {
                self.separate(&taken.info.digest)?;
            }
            return Err(Error::SourceChanged { path: source.into() });
        }
        match self.storage.remove_file(source) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                if taken.is_linked {
                    self.separate(&taken.info.digest)?;
                }
                Err(Error::io("remove", source, e))
            }
            _ => {
                // After an error the file can reappear after a power cut. The body and its entry are durable.
                let _ = self.storage.sync_dir(source.parent().unwrap_or(Path::new("/")));
                Ok(())
            }
        }
    }

    /// Replaces the file of a body with a copy, so that the body has no other name. Error: the body is damaged; then it
    /// stays as it is.
    pub fn separate(&self, digest: &Digest) -> Result<()> {
        let path = self.path(digest);
        self.through_temporary(|temporary| {
            let (file, info) = self.copy_staged(&path, temporary, &mut |_| {})?;
            if info.digest != *digest {
                return Err(Error::SourceChanged { path: path.clone() });
            }
            self.publish(temporary, file.as_ref(), &path)
        })
    }

    /// Returns the directory for temporary files. A file that a program writes there can be stored with
    /// [`Intake::Link`] without a copy.
    pub fn staging(&self) -> &Path {
        &self.staging
    }

    /// Returns the directory of the bodies.
    pub fn objects(&self) -> &Path {
        &self.objects
    }

    /// Returns the storage.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Returns true if `path` is a file in the directory for temporary files of this store, after all links in the path
    /// are followed.
    pub fn is_staged(&self, path: &Path) -> bool {
        self.is_below(path, &self.staging)
    }

    /// Returns true if `path` is the file of a body of this store, after all links in the path are followed.
    pub fn is_object(&self, path: &Path) -> bool {
        self.is_below(path, &self.objects)
    }

    fn is_below(&self, path: &Path, dir: &Path) -> bool {
        let resolved = (self.storage.resolve(path), self.storage.resolve(dir));
        matches!(resolved, (Ok(path), Ok(dir)) if path.starts_with(&dir))
    }
}

/// A temporary file, and the digest and size of its content.
type Staged = (Arc<dyn File>, BlobInfo);

/// Passes the content of a file and the offset of each part to `part`. Returns the digest and size of the content.
fn read_through(
    path: &Path,
    file: &dyn File,
    part: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<BlobInfo> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0u8; CHUNK];
    let mut size = 0u64;
    loop {
        let got = read_full_at(file, size, &mut buffer).map_err(|e| Error::io("read", path, e))?;
        let read = buffer.get(..got).unwrap_or_default();
        if read.is_empty() {
            return Ok(BlobInfo { digest: Digest(*hasher.finalize().as_bytes()), size });
        }
        hasher.update(read);
        part(size, read)?;
        size += got as u64;
    }
}

/// Returns true if a file has changed. The change time is not compared, because a new name of the file changes it.
fn is_changed(before: &FileInfo, after: &FileInfo) -> bool {
    (before.len, before.modified, before.place) != (after.len, after.modified, after.place)
}
