//! Marks: the close mark of a writer that closed its stream, and the seal of a finished segment. docs/FORMAT.md
//! specifies the bytes ("Seal and close mark").

use crate::engine::bytes::Reader;
use crate::engine::checksum::Digest;
use crate::engine::entry::Seq;

/// A close mark or a seal. A seal also describes its segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The link of the chain after the last entry before the mark; zeros if the stream has no entry before the mark.
    /// Otherwise zeros mean that a merge wrote the mark and did not know the link.
    pub chain: Digest,
    /// The description of the segment; `None` in a close mark.
    pub seal: Option<Seal>,
}

/// The description of a finished segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Number of entries in the segment.
    pub entries: u64,
    /// Number of frames with entries in the segment.
    pub frames: u64,
    /// Offset of the frame of the seal: the number of bytes that `digest` covers.
    pub bytes: u64,
    /// Times of the first and of the last entry, in nanoseconds since the epoch.
    pub times: (u64, u64),
    /// BLAKE3 digest of all bytes before the frame of the seal.
    pub digest: Digest,
    /// The first sequence number and the offset of some frames, in ascending order. A reader can start at each of these
    /// frames.
    pub index: Vec<(Seq, u64)>,
}

/// Maximum number of frames in the index of a seal.
pub const SEAL_INDEX_MAX: usize = 1 << 16;
/// Minimum distance in bytes between two frames in the index of a seal.
pub(in crate::engine::log) const INDEX_STEP: u64 = 64 << 10;

impl Mark {
    /// Encodes the payload of the mark.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.chain.0.to_vec();
        if let Some(seal) = &self.seal {
            for number in [seal.entries, seal.frames, seal.bytes, seal.times.0, seal.times.1] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            out.extend_from_slice(&seal.digest.0);
            out.extend_from_slice(&(seal.index.len() as u64).to_le_bytes());
            for (seq, offset) in &seal.index {
                out.extend_from_slice(&seq.0.to_le_bytes());
                out.extend_from_slice(&offset.to_le_bytes());
            }
        }
        out
    }

    /// Decodes the payload of a mark; `sealed` is true for a seal. Returns `None` if the payload is invalid.
    pub fn decode(payload: &[u8], sealed: bool) -> Option<Mark> {
        let mut reader = Reader::new(payload);
        let chain = Digest(reader.array()?);
        let seal = if sealed { Some(Seal::decode(&mut reader)?) } else { None };
        (reader.remaining() == 0).then_some(Mark { chain, seal })
    }
}

impl Seal {
    fn decode(reader: &mut Reader<'_>) -> Option<Seal> {
        let (entries, frames, bytes) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let times = (reader.u64()?, reader.u64()?);
        let digest = Digest(reader.array()?);
        let count = usize::try_from(reader.u64()?).ok()?;
        if count > SEAL_INDEX_MAX || count.checked_mul(16)? != reader.remaining() {
            return None;
        }
        let mut index = Vec::with_capacity(count);
        for _ in 0..count {
            index.push((Seq(reader.u64()?), reader.u64()?));
        }
        index.is_sorted().then_some(Seal { entries, frames, bytes, times, digest, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seal_is_decoded_and_rejected_with_a_hostile_count() {
        let seal = Seal {
            entries: 1,
            frames: 2,
            bytes: 3,
            times: (4, 5),
            digest: Digest([6; 32]),
            index: vec![(Seq(1), 4352), (Seq(9), 9000)],
        };
        let mark = Mark { chain: Digest([1; 32]), seal: Some(seal) };
        assert_eq!(Mark::decode(&mark.encode(), true), Some(mark.clone()));
        assert_eq!(Mark::decode(&mark.encode(), false), None);
        let mut hostile = mark.encode();
        let at = 32 + 40 + 32;
        hostile[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Mark::decode(&hostile, true), None);
    }
}
