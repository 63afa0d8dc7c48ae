//! Writing of the files, links and directories of a tree into a new directory.
//!
//! Invariants:
//! 1. Every file is created below the target directory, and no existing file is changed. The paths were checked when
//!    the tree was read, and creating a file that exists is an error ([`OpenMode::CreateNew`]).
//! 2. Links are created after all files and directories, so no file or directory is created through a link. A link
//!    whose target is outside the target directory is not created.

use crate::engine;
use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::storage::{OpenMode, exists, read_full_at, write_all_at};
use crate::store::artifacts::ArtifactRow;
use crate::store::error::{Error, Result};
use crate::store::location;
use crate::store::tree::entry::{TreeContent, TreeEntry};
use crate::store::view::StoreView;
use std::io;
use std::path::{Path, PathBuf};

/// The size in bytes of the buffer for copying.
const CHUNK: usize = 1 << 20;

/// The result of an extraction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extracted {
    /// The number of files that were written.
    pub files: u64,
    /// The total length of these files in bytes.
    pub bytes: u64,
    /// The paths of the links that were not created, because their targets are outside the tree or the system does not
    /// support links.
    pub links_left_out: Vec<String>,
}

impl StoreView<'_> {
    /// Writes the files of a directory that is stored as an artifact into the new directory `target`. Creates missing
    /// parent directories of `target`. Writes nothing else outside `target`, and replaces no file. Errors: those of
    /// [`StoreView::artifact_tree`]; `target` exists or cannot be written; a body is missing or damaged. After an
    /// error, some of the files may be in `target`.
    pub fn extract_tree(&self, artifact: &ArtifactRow, target: &Path) -> Result<Extracted> {
        let entries = self.artifact_tree(artifact)?;
        extract(self.blobs, &entries, target)
    }
}

fn extract(blobs: &BlobStore, entries: &[TreeEntry], target: &Path) -> Result<Extracted> {
    let storage = blobs.storage();
    let fail = |action, path: &Path, e| Error::from(engine::Error::io(action, path, e));
    let is_taken = storage.read_link(target).is_ok()
        || exists(storage.as_ref(), target).map_err(|e| fail("look at", target, e))?;
    if is_taken {
        return Err(fail("create", target, io::ErrorKind::AlreadyExists.into()));
    }
    let create = |dir: &Path| storage.create_dir_all(dir).map_err(|e| fail("create", dir, e));
    create(target)?;
    let mut done = Extracted::default();
    let mut links = Vec::new();
    for entry in entries {
        let own = path_of(&entry.path)
            .ok_or_else(|| fail("create", target, io::ErrorKind::InvalidFilename.into()))?;
        let path = target.join(own);
        create(path.parent().unwrap_or(target))?;
        match &entry.content {
            TreeContent::File { digest, is_executable, .. } => {
                done.bytes += copy(blobs, digest, &path)?;
                done.files += 1;
                if *is_executable {
                    storage.make_executable(&path).map_err(|e| fail("write", &path, e))?;
                }
            }
            TreeContent::EmptyDir => create(&path)?,
            TreeContent::Link { target } => links.push((entry, target, path)),
        }
    }
    for (entry, target, path) in links {
        let target = Some(target).filter(|target| entry.is_inside(target)).and_then(|target| path_of(target));
        match target.map(|target| storage.create_link(&target, &path)) {
            Some(Ok(())) => {}
            Some(Err(e)) if e.kind() != io::ErrorKind::Unsupported => return Err(fail("create", &path, e)),
            _ => done.links_left_out.push(entry.path_lossy()),
        }
    }
    Ok(done)
}

fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    location::path_of(bytes.to_vec())
}

/// Copies a body to a new file. Returns the length of the body.
fn copy(blobs: &BlobStore, digest: &Digest, path: &Path) -> Result<u64> {
    let fail = |action, path: &Path, e| Error::from(engine::Error::io(action, path, e));
    let body = blobs.open(digest)?;
    let file = blobs.storage().open(path, OpenMode::CreateNew).map_err(|e| fail("create", path, e))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0u8; CHUNK];
    let mut at = 0u64;
    loop {
        let got = read_full_at(body.as_ref(), at, &mut buffer);
        let got = got.map_err(|e| fail("read", &blobs.path(digest), e))?;
        let part = buffer.get(..got).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        hasher.update(part);
        write_all_at(file.as_ref(), at, part).map_err(|e| fail("write", path, e))?;
        at += got as u64;
    }
    if hasher.finalize().as_bytes() != &digest.0 {
        return Err(Error::BodyDamaged { digest: *digest });
    }
    Ok(at)
}
