//! Bodies of artifacts, stored under their BLAKE3 digest. The SHA-256 digest is computed in the same pass over the
//! content. Manifests contain the SHA-256 digest for the exchange with other tools.

use crate::engine;
use crate::engine::blob::BlobStore;
use crate::engine::checksum::{Digest, hex};
use crate::engine::intake::{Intake, Taken};
use crate::engine::storage::replace::FileReplacement;
use crate::engine::storage::{File, FileReader, OpenMode, Storage, read_full_at};
use sha2::{Digest as _, Sha256};
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

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

/// Computes the digests and the size of a file in one pass. Reads at most `bytes_max` bytes. For a longer
/// file, the result describes only the first `bytes_max` bytes.
pub(crate) fn digest_file(file: &Arc<dyn File>, bytes_max: u64) -> io::Result<StoredBody> {
    let (mut blake3, mut sha256, mut size) = (blake3::Hasher::new(), Sha256::new(), 0u64);
    let mut reader = FileReader::new(Arc::clone(file)).take(bytes_max);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let got = match reader.read(&mut buffer) {
            Ok(got) => got,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let part = buffer.get(..got).unwrap_or_default();
        if part.is_empty() {
            let digest = Digest(*blake3.finalize().as_bytes());
            return Ok(StoredBody { digest, sha256: hex(&sha256.finalize()), size });
        }
        blake3.update(part);
        sha256.update(part);
        size += got as u64;
    }
}

/// The prefix of the temporary file names during a copy of a body.
pub(crate) const COPY_STEM: &str = "body";

/// Copies a body to the file `name` in `dir`. If the body is missing or does not match its digest, the
/// function returns `false` and does not change the file.
pub(crate) fn copy_body(blobs: &BlobStore, digest: &Digest, dir: &Path, name: &str) -> engine::Result<bool> {
    let (storage, target) = (blobs.storage(), dir.join(name));
    let source = match blobs.open(digest) {
        Ok(source) => source,
        Err(engine::Error::BodyMissing { .. }) => return Ok(false),
        Err(e) => return Err(e),
    };
    let fail = |action, path: &Path, e| engine::Error::io(action, path, e);
    storage.create_dir_all(dir).map_err(|e| fail("create", dir, e))?;
    let mut copy =
        FileReplacement::in_dir(storage, dir, name, COPY_STEM).map_err(|e| fail("create", &target, e))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0u8; READ_BYTES];
    let mut at = 0u64;
    loop {
        let got = read_full_at(source.as_ref(), at, &mut buffer)
            .map_err(|e| fail("read", &blobs.path(digest), e))?;
        let part = buffer.get(..got).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        hasher.update(part);
        copy.write_all(part).map_err(|e| fail("write", &target, e))?;
        at += got as u64;
    }
    let same = Digest(*hasher.finalize().as_bytes()) == *digest;
    if same {
        copy.publish().map_err(|e| fail("publish", &target, e))?;
    }
    Ok(same)
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
