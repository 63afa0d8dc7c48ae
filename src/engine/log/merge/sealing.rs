//! The seal of a segment that is written anew.

use crate::engine::checksum::Digest;
use crate::engine::entry::Seq;
use crate::engine::log::format::mark::{INDEX_STEP, SEAL_INDEX_MAX, Seal};

/// The counts and the digest of a segment that is being written and will be sealed.
#[derive(Debug)]
pub(in crate::engine::log) struct Sealing {
    /// The sequence number of the next entry after the segment, from the seal of the old file.
    pub(in crate::engine::log) next: Seq,
    hasher: blake3::Hasher,
    seal: Seal,
}

impl Sealing {
    pub(in crate::engine::log) fn new(next: Seq) -> Sealing {
        let (digest, index) = (Digest([0; 32]), Vec::new());
        let seal = Seal { entries: 0, frames: 0, bytes: 0, times: (0, 0), digest, index };
        Sealing { next, hasher: blake3::Hasher::new(), seal }
    }

    /// Adds bytes that were written to the end of the segment.
    pub(in crate::engine::log) fn push_bytes(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.seal.bytes += bytes.len() as u64;
    }

    /// Adds a frame at `offset` with `entries` entries from `first` on.
    pub(in crate::engine::log) fn push_frame(
        &mut self,
        first: Seq,
        offset: u64,
        entries: u64,
        times: (u64, u64),
    ) {
        let seal = &mut self.seal;
        let from = if seal.frames == 0 { times.0 } else { seal.times.0 };
        seal.times = (from, times.1);
        seal.entries += entries;
        seal.frames += 1;
        let is_far = seal.index.last().is_none_or(|(_, at)| offset - at >= INDEX_STEP);
        if is_far && seal.index.len() < SEAL_INDEX_MAX {
            seal.index.push((first, offset));
        }
    }

    /// Returns the seal for the bytes that were added.
    pub(in crate::engine::log) fn seal(self) -> Seal {
        Seal { digest: Digest(*self.hasher.finalize().as_bytes()), ..self.seal }
    }
}
