//! Copies of files in the repository: each file is divided into objects.

use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::error::Error as EngineError;
use crate::engine::progress::Progress;
use crate::engine::storage::{File, OpenMode, Storage, read_full_at};
use crate::recovery::backup::content::{Content, PART_LEN};
use crate::recovery::backup::repository::Repository;
use crate::recovery::error::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The error of a copy.
#[derive(Debug)]
pub(super) enum CopyError {
    /// A file of the workspace cannot be read. Other files can still be copied.
    Source(EngineError),
    /// The repository cannot be written.
    Repository(Error),
}

impl From<Error> for CopyError {
    fn from(e: Error) -> CopyError {
        CopyError::Repository(e)
    }
}

impl From<EngineError> for CopyError {
    fn from(e: EngineError) -> CopyError {
        CopyError::Repository(e.into())
    }
}

/// A writer of objects. The writer counts the written objects and reports progress.
#[derive(Debug)]
pub(super) struct Copier<'a> {
    pub(super) objects: BlobStore,
    storage: Arc<dyn Storage>,
    progress: Progress<'a>,
    total: u64,
    done: u64,
    /// The number of objects that were written, and the sum of their lengths in bytes.
    pub(super) written: (u64, u64),
    /// The number of objects that the repository contained already.
    pub(super) reused: u64,
    /// The directories of these objects.
    pub(super) reused_in: BTreeSet<PathBuf>,
}

impl<'a> Copier<'a> {
    pub(super) fn new(repository: &Repository, total: u64, progress: Progress<'a>) -> Copier<'a> {
        Copier {
            objects: repository.objects(),
            storage: Arc::clone(&repository.storage),
            progress,
            total,
            done: 0,
            written: (0, 0),
            reused: 0,
            reused_in: BTreeSet::new(),
        }
    }

    /// Adds `bytes` to the bytes of the workspace that the repository contains, and reports progress.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        self.progress.report(self.done.min(self.total), self.total);
    }

    /// Returns `true` if the repository contains all parts of a content with the right lengths. Does not read
    /// the parts.
    pub(super) fn contains(&mut self, content: &Content) -> Result<bool> {
        for part in content.parts() {
            if self.objects.size_of(&part.digest)? != Some(part.len) {
                return Ok(false);
            }
        }
        for digest in &content.objects {
            self.count_reused(digest);
        }
        self.advance(content.len);
        Ok(true)
    }

    /// Copies the first `len` bytes of a file. If the file is shorter, copies the whole file.
    pub(super) fn copy(&mut self, path: &Path, len: u64) -> std::result::Result<Content, CopyError> {
        let file = self.storage.open(path, OpenMode::Read);
        let file = file.map_err(|e| CopyError::Source(EngineError::io("read", path, e)))?;
        let mut content = Content::default();
        while content.len < len {
            let bytes = read_part(file.as_ref(), content.len, len)
                .map_err(|e| CopyError::Source(EngineError::io("read", path, e)))?;
            if bytes.is_empty() {
                break;
            }
            content.objects.push(self.store(&bytes)?);
            content.len += bytes.len() as u64;
            self.advance(bytes.len() as u64);
            if (bytes.len() as u64) < PART_LEN {
                break;
            }
        }
        Ok(content)
    }

    /// Stores an object, unless the repository already contains an object with this digest and length.
    fn store(&mut self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        if self.objects.size_of(&digest)? == Some(bytes.len() as u64) {
            self.count_reused(&digest);
            return Ok(digest);
        }
        let mut content = bytes;
        self.objects.ingest(&mut content)?;
        self.count_written(bytes.len() as u64);
        Ok(digest)
    }

    /// Counts an object that the repository contained already.
    pub(super) fn count_reused(&mut self, digest: &Digest) {
        self.reused += 1;
        self.reused_in.extend(self.objects.path(digest).parent().map(Path::to_path_buf));
    }

    /// Counts an object that was written.
    pub(super) fn count_written(&mut self, bytes: u64) {
        self.written.0 += 1;
        self.written.1 += bytes;
    }
}

/// Reads the part of a file that begins at `offset`. The part does not extend beyond `end`.
fn read_part(file: &dyn File, offset: u64, end: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end.saturating_sub(offset).min(PART_LEN)).unwrap_or_default()];
    let got = read_full_at(file, offset, &mut bytes)?;
    bytes.truncate(got);
    Ok(bytes)
}
