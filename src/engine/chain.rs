//! The chain: a running digest over a stream's entries, one link an entry.
//!
//! Link n is BLAKE3(link n-1, canonical bytes of entry n), link 0 is all zeros. It covers entries, not
//! frames or segments: re-encoding a log keeps it, and any segment can be checked from the link in its
//! header on, without the segments before it. A *head* is the link after the last entry one knows of; kept
//! elsewhere, it tells later whether the stream still begins with the same entries.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};

/// The digest after an entry and all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    link: Digest,
}

impl Chain {
    /// Before the first entry.
    pub const START: Chain = Chain { link: Digest([0; 32]) };

    /// The chain as it stands at a link read from a header or mark.
    pub fn at(link: Digest) -> Chain {
        Chain { link }
    }

    /// Adds the next entry.
    pub fn push(&mut self, head: &[u8; 40], payload: &[u8]) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.link.0).update(head).update(payload);
        self.link = Digest(*hasher.finalize().as_bytes());
    }

    /// The digest after the last entry added.
    pub fn link(&self) -> Digest {
        self.link
    }
}

/// How far a stream goes, and the digest of everything up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The stream.
    pub stream: StreamId,
    /// Its last entry; 0 for none.
    pub seq: Seq,
    /// The chain after that entry.
    pub digest: Digest,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.stream, self.seq, self.digest)
    }
}
