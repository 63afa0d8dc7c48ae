//! Bodies by digest: `objects/ab/cdef...`, named by the BLAKE3 of their content.
//!
//! Write order: temporary file, sync, rename, sync of the directory. A body under its name is whole. The
//! entry that refers to it is appended afterwards, so that a reference in the log always has its body; a crash
//! between the two leaves an orphan, which is only space. SHA-256 is computed in the same pass for those who
//! exchange digests with other tools.

use crate::engine::checksum::{Digest, hex};
use crate::engine::error::{Error, Result};
use crate::engine::storage::{
    File, FileReader, OpenMode, Storage, publish, read_full_at, temporary_path, write_all_at,
};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHUNK: usize = 1 << 20;

/// What is known of a stored body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// BLAKE3 of the content; names the body.
    pub digest: Digest,
    /// SHA-256 of the content, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
}

/// A store of bodies.
#[derive(Debug, Clone)]
pub struct BlobStore {
    storage: Arc<dyn Storage>,
    objects: PathBuf,
    staging: PathBuf,
}

impl BlobStore {
    /// The store under `objects`, with temporary files under `staging` (on the same file system).
    pub fn new(storage: Arc<dyn Storage>, objects: PathBuf, staging: PathBuf) -> BlobStore {
        BlobStore { storage, objects, staging }
    }

    /// Where the body with this digest lies.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        let (shard, rest) = name.split_at_checked(2).unwrap_or(("", &name));
        self.objects.join(shard).join(rest)
    }

    /// Stores what `content` gives, durably, in constant memory. A body that is already there is kept.
    pub fn ingest(&self, content: &mut dyn Read) -> Result<BlobInfo> {
        let fail = |action| move |path: &Path, e: io::Error| Error::io(action, path, e);
        self.storage.create_dir_all(&self.staging).map_err(|e| fail("create")(&self.staging, e))?;
        let temporary = temporary_path(self.storage.as_ref(), &self.staging, "body")
            .map_err(|e| fail("name a file in")(&self.staging, e))?;
        let result = self.ingest_through(&temporary, content);
        if result.is_err() {
            // Best effort: a leftover in staging is only space.
            let _ = self.storage.remove_file(&temporary);
        }
        result
    }

    /// Stores the content of a file. The file is left as it is.
    pub fn ingest_file(&self, path: &Path) -> Result<BlobInfo> {
        let file = self.storage.open(path, OpenMode::Read).map_err(|e| Error::io("read", path, e))?;
        self.ingest(&mut FileReader::new(file))
    }

    /// Copies a body from another store, durably. `false`: what lies there under its name is something else, and was not
    /// stored. One that is here already with its length is kept, unread.
    pub fn copy_from(&self, other: &BlobStore, digest: &Digest) -> Result<bool> {
        if self.size_of(digest)?.is_some_and(|size| other.size_of(digest).ok() == Some(Some(size))) {
            return Ok(true);
        }
        // Twice read, as what is stored has the name that its content gives it, right or wrong.
        if !other.verify(digest)? {
            return Ok(false);
        }
        Ok(self.ingest_file(&other.path(digest))?.digest == *digest)
    }

    /// The digests of all bodies, shard by shard. A store that is not there has none.
    pub fn list(&self) -> Result<Vec<Digest>> {
        let names = |dir: &Path| match self.storage.list(dir) {
            Ok(names) => Ok(names),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(Error::io("list", dir, e)),
        };
        let mut digests = Vec::new();
        for shard in names(&self.objects)?.iter().filter(|name| name.is_dir) {
            for body in names(&self.objects.join(&shard.name))?.iter().filter(|name| name.is_file) {
                digests.extend(Digest::parse(&format!("{}{}", shard.name, body.name)));
            }
        }
        Ok(digests)
    }

    fn ingest_through(&self, temporary: &Path, content: &mut dyn Read) -> Result<BlobInfo> {
        let wrap = |action: &'static str, path: &Path| {
            let path = path.to_path_buf();
            move |e: io::Error| Error::io(action, &path, e)
        };
        let file = self.storage.open(temporary, OpenMode::CreateNew).map_err(wrap("create", temporary))?;
        let (mut blake, mut sha) = (blake3::Hasher::new(), Sha256::new());
        let mut size = 0u64;
        let mut buffer = vec![0u8; CHUNK];
        loop {
            let got = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Error::io("read the content for", temporary, e)),
            };
            let part = buffer.get(..got).unwrap_or_default();
            blake.update(part);
            sha.update(part);
            write_all_at(file.as_ref(), size, part).map_err(wrap("write", temporary))?;
            size += got as u64;
        }
        let digest = Digest(*blake.finalize().as_bytes());
        let info = BlobInfo { digest, sha256: hex(&sha.finalize()), size };
        let path = self.path(&digest);
        if self.size_of(&digest)? == Some(size) && self.verify(&digest)? {
            // Whoever stored it may not have come to its last sync yet.
            if let Some(shard) = path.parent() {
                self.storage.sync_dir(shard).map_err(wrap("sync", shard))?;
                self.storage.sync_dir(&self.objects).map_err(wrap("sync", &self.objects))?;
            }
            self.storage.remove_file(temporary).map_err(wrap("remove", temporary))?;
            return Ok(info);
        }
        file.sync().map_err(wrap("sync", temporary))?;
        if let Some(shard) = path.parent() {
            self.storage.create_dir_all(shard).map_err(wrap("create", shard))?;
        }
        publish(self.storage.as_ref(), temporary, &path).map_err(wrap("publish", &path))?;
        Ok(info)
    }

    /// The size of a body, or `None` if it is not there.
    pub fn size_of(&self, digest: &Digest) -> Result<Option<u64>> {
        let path = self.path(digest);
        match self.storage.info(&path) {
            Ok(info) => Ok(Some(info.len)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("look at", &path, e)),
        }
    }

    /// Opens a body for reading.
    pub fn open(&self, digest: &Digest) -> Result<Arc<dyn File>> {
        let path = self.path(digest);
        self.storage.open(&path, OpenMode::Read).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::BodyMissing { digest: digest.to_string() },
            _ => Error::io("open", &path, e),
        })
    }

    /// Whether the content of a body still has its digest. Reads all of it.
    pub fn verify(&self, digest: &Digest) -> Result<bool> {
        let file = self.open(digest)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0u8; CHUNK];
        let mut at = 0u64;
        loop {
            let got = read_full_at(file.as_ref(), at, &mut buffer)
                .map_err(|e| Error::io("read", &self.path(digest), e))?;
            if got == 0 {
                return Ok(hasher.finalize().as_bytes() == &digest.0);
            }
            hasher.update(buffer.get(..got).unwrap_or_default());
            at += got as u64;
        }
    }
}
