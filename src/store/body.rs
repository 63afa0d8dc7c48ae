//! Bodies of artifacts, stored under their BLAKE3 digest. The SHA-256 digest is computed in the same pass over the
//! content. Manifests contain the SHA-256 digest for the exchange with other tools.

use crate::engine;
use crate::engine::blob::BlobStore;
use crate::engine::checksum::{Digest, hex};
use crate::engine::intake::{Intake, Taken};
use crate::engine::storage::{FileReader, OpenMode, Storage};
use sha2::{Digest as _, Sha256};
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The digests and size of a stored body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredBody {
    /// The BLAKE3 digest of the content, which names the body in the object store.
    pub digest: Digest,
    /// The SHA-256 digest of the content, as 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The length in bytes.
    pub size: u64,
}

/// Stores the bytes of `content` durably and in constant memory, with [`BlobStore::ingest`].
pub(crate) fn store_body(blobs: &BlobStore, content: &mut dyn Read) -> engine::Result<StoredBody> {
    let mut hashed = Sha256Reader { content, hasher: Sha256::new() };
    let info = blobs.ingest(&mut hashed)?;
    Ok(StoredBody { digest: info.digest, sha256: hex(&hashed.hasher.finalize()), size: info.size })
}

/// Stores a file durably and in constant memory, with [`BlobStore::ingest_file`]. If the file changes while it is read,
/// the function tries once more.
pub(crate) fn store_file(
    blobs: &BlobStore,
    path: &Path,
    intake: Intake,
) -> engine::Result<(StoredBody, Taken)> {
    let once = || {
        let mut hasher = Sha256::new();
        let taken = blobs.ingest_file(path, intake, &mut |part| hasher.update(part))?;
        let sha256 = hex(&hasher.finalize());
        Ok((StoredBody { digest: taken.info.digest, sha256, size: taken.info.size }, taken))
    };
    match once() {
        Err(engine::Error::SourceChanged { .. }) => once(),
        result => result,
    }
}

/// The number of bytes of a file that are read at once.
const READ_BYTES: usize = 1 << 20;

/// Returns the SHA-256 digest of a file as hexadecimal digits, and the length of the file in bytes.
pub(crate) fn hash_file(storage: &dyn Storage, path: &Path) -> engine::Result<(String, u64)> {
    let fail = |e| engine::Error::io("read", path, e);
    let file = FileReader::new(storage.open(path, OpenMode::Read).map_err(fail)?);
    let mut file = BufReader::with_capacity(READ_BYTES, file);
    let mut hashed = Sha256Reader { content: &mut file, hasher: Sha256::new() };
    let size = io::copy(&mut hashed, &mut io::sink()).map_err(fail)?;
    Ok((hex(&hashed.hasher.finalize()), size))
}

/// A reader that computes the SHA-256 digest of all bytes that it returns.
struct Sha256Reader<'a> {
    content: &'a mut dyn Read,
    hasher: Sha256,
}

impl Read for Sha256Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(out)?;
        self.hasher.update(out.get(..read).unwrap_or_default());
        Ok(read)
    }
}
