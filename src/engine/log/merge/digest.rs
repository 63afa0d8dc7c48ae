//! The digest of an entry, independent of the stream that holds it.

use crate::engine::checksum::Digest;
use crate::engine::entry::Entry;

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
