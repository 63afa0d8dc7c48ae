//! Digests: of an entry, independent of the stream that holds it, and of a file.

use crate::engine::checksum::Digest;
use crate::engine::entry::Entry;
use crate::engine::storage::{File, read_full_at};
use std::io;

const CONTENT_TAG: &[u8] = b"contexta entry content 0\0";

/// Returns the digest over sequence number, time, kind, version and payload of an entry. The digest does not depend on
/// the stream of the entry.
pub fn content_digest(entry: &Entry<impl AsRef<[u8]>>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(CONTENT_TAG);
    for number in [entry.stamp.seq.0, entry.stamp.time] {
        hasher.update(&number.to_le_bytes());
    }
    for number in [entry.kind.0, entry.version.0] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(entry.payload.as_ref());
    Digest(*hasher.finalize().as_bytes())
}

/// Returns the BLAKE3 digest of the first `len` bytes of a file.
pub(in crate::engine::log) fn digest_of(file: &dyn File, len: u64) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0u8; 256 << 10];
    let mut at = 0;
    while at < len {
        let want = usize::try_from(len - at).unwrap_or(usize::MAX).min(buffer.len());
        let got = read_full_at(file, at, buffer.get_mut(..want).unwrap_or_default())?;
        if got == 0 {
            break;
        }
        hasher.update(buffer.get(..got).unwrap_or_default());
        at += got as u64;
    }
    Ok(Digest(*hasher.finalize().as_bytes()))
}
