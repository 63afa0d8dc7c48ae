//! Storing of files as bodies: as a copy, or as a second name of the file (a hard link) without a copy.
//!
//! Invariants:
//! 1. The file stays where it is until the caller removes it with [`BlobStore::release`]. Before the removal, the
//!    caller appends the entry that refers to the body. After a crash at any moment, the file exists, or the body and
//!    its entry exist. After a crash before the removal, file and body can be two names of one file. The next
//!    [`BlobStore::ingest_file`] of this content replaces such a body with a file of its own.
//! 2. The digest is the digest of the stored bytes: the content is read once, to compute the digest and to write the
//!    copy, if any.
//! 3. A file that changes while it is read is not stored.

use crate::engine::blob::{BlobInfo, BlobStore, CHUNK};
use crate::engine::checksum::Digest;
use crate::engine::error::{Error, Result};
use crate::engine::storage::{File, FileInfo, OpenMode, Storage, read_full_at, write_all_at};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The method that stores a file as a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Intake {
    /// The content is copied. If the file system supports clones, file and body share blocks until one of them changes.
    #[default]
    Copy,
    /// The body is a second name of the file. If the file is not a regular file with one name on the file system of the
    /// store, the content is copied instead. Afterwards the caller removes the file with [`BlobStore::release`]. If the
    /// file stays, the caller calls [`BlobStore::separate`], because a change of the file would change the body.
    Link,
}

/// The result of [`BlobStore::ingest_file`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// The digest and size of the body.
    pub info: BlobInfo,
    /// True if the file was stored as a second name. The body may then still be a second name of the file.
    pub is_linked: bool,
    /// The metadata of the file when it was stored.
    found: FileInfo,
}

impl BlobStore {
    /// Stores the content of the file at `source` durably, in constant memory. Calls `observe` with all bytes in order,
    /// so that the caller can compute a second digest. Errors: [`Error::SourceChanged`] if the file changes in the
    /// meantime (nothing is stored); the file is not a regular file, or cannot be read; the store cannot be written.
    pub fn ingest_file(
        &self,
        source: &Path,
        intake: Intake,
        observe: &mut dyn FnMut(&[u8]),
    ) -> Result<Taken> {
        self.through_temporary(|temporary| {
            let examine = || self.storage.info(source).map_err(|e| Error::io("read", source, e));
            let before = examine()?;
            // If the link cannot be created, for example on a file system without links, the file is copied.
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

    /// Removes a file that was stored as a body. If the file is not removed and the body is a second name of the file,
    /// replaces the body with a copy. Errors: [`Error::SourceChanged`] if the file has changed since it was stored, for
    /// example because a program has written a new file under its name; the file cannot be removed. A change after this
    /// check and before the removal is not detected.
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
                // An error is ignored. The file may then exist again after a power cut, but the body and its entry are
                // durable.
                let _ = self.storage.sync_dir(source.parent().unwrap_or(Path::new("/")));
                Ok(())
            }
        }
    }

    /// Replaces the file of a body with a copy, so that the body has no second name. Errors: the body is damaged (it is
    /// not replaced), or cannot be read or written.
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

    /// Returns the directory for temporary files. It is on the file system of the store, so a file that a program
    /// writes there can be stored with [`Intake::Link`] without a copy.
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

    /// Returns true if `path`, with all links resolved, is in the directory for temporary files of this store.
    pub fn is_staged(&self, path: &Path) -> bool {
        self.is_below(path, &self.staging)
    }

    /// Returns true if `path`, with all links resolved, is in the directory of the bodies of this store.
    pub fn is_object(&self, path: &Path) -> bool {
        self.is_below(path, &self.objects)
    }

    fn is_below(&self, path: &Path, dir: &Path) -> bool {
        let resolved = (self.storage.resolve(path), self.storage.resolve(dir));
        matches!(resolved, (Ok(path), Ok(dir)) if path.starts_with(&dir))
    }
}

/// A temporary file with the digest and size of its content.
type Staged = (Arc<dyn File>, BlobInfo);

/// Reads a file, and calls `part` with the offset and the bytes of each part. Returns the digest and size of the
/// content.
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

/// Returns true if the length, the modification time or the identity of a file has changed. The change time is not
/// compared, because the creation of a hard link changes it.
fn is_changed(before: &FileInfo, after: &FileInfo) -> bool {
    (before.len, before.modified, before.place) != (after.len, after.modified, after.place)
}
