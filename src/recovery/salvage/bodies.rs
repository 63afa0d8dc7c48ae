//! The bodies of artifacts. Bodies are found in directories of bodies, in repositories of backups, and in any other file
//! whose content has a digest that an artifact refers to.

use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::error::Error;
use crate::engine::fault::chain;
use crate::engine::storage::{File, FileReader, OpenMode, Storage, read_full_at};
use crate::recovery::error::Result;
use crate::recovery::salvage::remains::unreadable;
use crate::store::{Note, Store};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHUNK: usize = 1 << 20;
/// The search skips files with a hole of at least this length in bytes, because hashing the zeros of a large
/// hole takes a long time.
const HOLE_MIN: u64 = 1 << 30;

/// A search for bodies.
pub(super) struct BodySearch<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    /// The bodies of the new workspace.
    pub(super) into: &'a BlobStore,
    pub(super) notes: &'a mut Vec<Note>,
    /// The files with large holes that a note names.
    pub(super) sparse: BTreeSet<PathBuf>,
}

impl BodySearch<'_> {
    /// Copies all intact bodies of a directory.
    pub(super) fn copy_all(&mut self, objects: &Path) -> Result<()> {
        let from = self.store(objects);
        let (digests, errors) = match from.list() {
            Ok(listed) => listed,
            Err(e) => (Vec::new(), vec![e]),
        };
        self.notes.extend(errors.iter().map(|e| unreadable(&chain(e))));
        for digest in digests {
            self.copy(&from, &digest)?;
        }
        Ok(())
    }

    /// Copies a body if it is intact and has no large hole. Returns `true` if the new workspace contains the body.
    pub(super) fn copy(&mut self, from: &BlobStore, digest: &Digest) -> Result<bool> {
        let path = from.path(digest);
        let is_sparse = from
            .open(digest)
            .and_then(|file| has_large_hole(file.as_ref()).map_err(|e| Error::io("read", &path, e)));
        let copied = match is_sparse {
            Ok(true) => {
                if self.sparse.insert(path.clone()) {
                    let reason = format!("{} has a hole of at least {HOLE_MIN} bytes", path.display());
                    self.notes.push(unreadable(&reason));
                }
                return Ok(false);
            }
            Ok(false) => self.into.copy_from(from, digest),
            Err(e) => Err(e),
        };
        match copied {
            Ok(is_copied) => Ok(is_copied),
            Err(Error::BodyMissing { .. }) => Ok(false),
            Err(e) if from.concerns(&e) => {
                self.notes.push(unreadable(&chain(&e)));
                Ok(false)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Returns access to a directory with bodies below the damaged directory. The directory is only read.
    pub(super) fn store(&self, objects: &Path) -> BlobStore {
        BlobStore::new(Arc::clone(self.storage), objects.to_path_buf(), objects.to_path_buf())
    }

    /// Copies every file whose content has one of the digests `missing`.
    pub(super) fn find(&mut self, files: &[PathBuf], missing: &BTreeSet<Digest>) -> Result<()> {
        for path in files.iter().filter(|_| !missing.is_empty()) {
            let Ok(file) = self.storage.open(path, OpenMode::Read) else { continue };
            // A note already names each file that cannot be read.
            let Ok(Some(digest)) = digest_of(file.as_ref()) else { continue };
            if missing.contains(&digest) {
                self.into.ingest(&mut FileReader::new(file))?;
            }
        }
        Ok(())
    }
}

/// Returns `true` if a file has a large hole.
fn has_large_hole(file: &dyn File) -> std::io::Result<bool> {
    let (len, mut at) = (file.len()?, 0);
    while at < len {
        let data = file.next_data(at)?.unwrap_or(len);
        if data.saturating_sub(at) >= HOLE_MIN {
            return Ok(true);
        }
        at = data.max(at).saturating_add(CHUNK as u64);
    }
    Ok(false)
}

/// Returns the digest of a file; `None` if the file has a large hole.
fn digest_of(file: &dyn File) -> std::io::Result<Option<Digest>> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; CHUNK];
    let (len, mut at) = (file.len()?, 0);
    loop {
        let data = file.next_data(at)?.unwrap_or(len);
        if data.saturating_sub(at) >= HOLE_MIN {
            return Ok(None);
        }
        let got = read_full_at(file, at, &mut buffer)?;
        if got == 0 {
            return Ok(Some(Digest(*hasher.finalize().as_bytes())));
        }
        hasher.update(buffer.get(..got).unwrap_or_default());
        at += got as u64;
    }
}

/// Returns the bodies that artifacts refer to and that are missing or damaged in the new workspace. The files of
/// directories are included if the list of files is present.
pub(super) fn missing_bodies(store: &Store, into: &BlobStore) -> Result<BTreeSet<Digest>> {
    let needed = store.read(|view| {
        let mut needed: BTreeSet<Digest> = view.bodies()?.into_iter().collect();
        for tree in view.trees()? {
            // Without the list of files, the body of the list itself is missing.
            needed.extend(view.tree_files(&tree).into_iter().flatten().map(|(digest, _)| digest));
        }
        Ok::<_, crate::store::Error>(needed)
    })?;
    let mut missing = BTreeSet::new();
    for digest in needed {
        // Bodies are verified when they are copied.
        if into.size_of(&digest)?.is_none() {
            missing.insert(digest);
        }
    }
    Ok(missing)
}
