//! The header of a segment, which is written twice. Bytes: FORMAT.md, "Segment".
//!
//! The two copies of the header lie in different 4 KiB blocks: one lost bit or block does not cost a segment.
//! The salt goes into every frame's checksums, and is repeated in the next segment's header.

use crate::engine::bytes::{Reader, is_zero};
use crate::engine::chain::Chain;
use crate::engine::checksum::{Digest, salted_crc32};
use crate::engine::entry::{Seq, StreamId};
use crate::engine::storage::Place;

/// The first eight bytes of both headers.
pub const SEGMENT_MAGIC: [u8; 8] = *b"CTXASEG\0";
/// The format this build writes.
pub const FORMAT_VERSION: u16 = 0;
/// The oldest format whose readers can read what this build writes.
pub const READER_VERSION: u16 = 0;
/// Length of one header.
pub const SEGMENT_HEADER_LEN: usize = 256;
/// Where the second copy of the header begins.
pub const SECOND_HEADER_AT: u64 = 4096;
/// Where the first frame begins.
pub const FRAMES_AT: u64 = SECOND_HEADER_AT + SEGMENT_HEADER_LEN as u64;

const HEADER_SALT: u64 = u64::from_le_bytes(SEGMENT_MAGIC);

/// Which folder, on which boot of which machine, a stream was created in. Only there is it continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home {
    /// The boot during which it was created.
    pub boot: [u8; 16],
    /// The stream's directory.
    pub place: Place,
}

/// Where a stream that a merge made of a fork branches off. FORMAT.md, "Forks".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The stream it was a part of.
    pub parent: StreamId,
    /// The number of its first entry; those before are the parent's.
    pub first: Seq,
    /// What that entry says, whatever stream it is in: [`crate::engine::log::merge::fork::content_digest`].
    pub content: Digest,
}

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Its stream.
    pub stream: StreamId,
    /// Where the stream may be continued; `None`: nowhere.
    pub home: Option<Home>,
    /// The number of its first entry.
    pub base: Seq,
    /// The link before its first entry; zeros before a later one than the stream's first: not known.
    pub chain: Digest,
    /// Goes into the checksums of its frames.
    pub salt: u64,
    /// The salt of the segment before; 0 for the first.
    pub previous_salt: u64,
    /// When it was created: nanoseconds since the epoch.
    pub time: u64,
    /// Where its stream branches off; `None`: nowhere, it begins with 1.
    pub origin: Option<Origin>,
}

/// Why a header was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFault {
    /// Its checksum or shape does not hold, or the file is too short.
    Damaged,
    /// It is whole and says that a newer reader is needed.
    Newer {
        /// The format version it was written in.
        version: u16,
    },
}

impl SegmentHeader {
    /// The number of the first entry of its stream.
    pub fn stream_first(&self) -> Seq {
        self.origin.map_or(Seq::FIRST, |origin| origin.first)
    }

    /// The link before its first entry, if it is known: a merge cannot tell it behind a gap.
    pub fn known_chain(&self) -> Option<Digest> {
        (self.chain != Chain::ORIGIN || self.base == self.stream_first()).then_some(self.chain)
    }

    fn encode_one(&self) -> [u8; SEGMENT_HEADER_LEN] {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_LEN);
        out.extend_from_slice(&SEGMENT_MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&READER_VERSION.to_le_bytes());
        out.extend_from_slice(&(SEGMENT_HEADER_LEN as u32).to_le_bytes());
        out.extend_from_slice(&self.stream.0);
        let (has_home, home) = match self.home {
            Some(home) => (1u64, home),
            None => (0, Home { boot: [0; 16], place: Place { device: 0, inode: 0, born: 0 } }),
        };
        out.extend_from_slice(&has_home.to_le_bytes());
        out.extend_from_slice(&home.boot);
        out.extend_from_slice(&home.place.device.to_le_bytes());
        out.extend_from_slice(&home.place.inode.to_le_bytes());
        out.extend_from_slice(&home.place.born.to_le_bytes());
        out.extend_from_slice(&self.base.0.to_le_bytes());
        out.extend_from_slice(&self.chain.0);
        out.extend_from_slice(&self.salt.to_le_bytes());
        out.extend_from_slice(&self.previous_salt.to_le_bytes());
        out.extend_from_slice(&self.time.to_le_bytes());
        if let Some(origin) = &self.origin {
            out.extend_from_slice(&1u64.to_le_bytes());
            out.extend_from_slice(&origin.parent.0);
            out.extend_from_slice(&origin.first.0.to_le_bytes());
            out.extend_from_slice(&origin.content.0);
        }
        out.resize(SEGMENT_HEADER_LEN - 4, 0);
        let checksum = salted_crc32(HEADER_SALT, &[&out]);
        out.extend_from_slice(&checksum.to_le_bytes());
        let mut bytes = [0; SEGMENT_HEADER_LEN];
        for (to, from) in bytes.iter_mut().zip(out) {
            *to = from;
        }
        bytes
    }

    /// The first [`FRAMES_AT`] bytes of a segment: both headers and the zeros between them.
    pub fn encode(&self) -> Vec<u8> {
        let one = self.encode_one();
        let mut out = one.to_vec();
        out.resize(SECOND_HEADER_AT as usize, 0);
        out.extend_from_slice(&one);
        out
    }

    /// Reads one copy of a header.
    pub fn decode_one(bytes: &[u8]) -> Result<SegmentHeader, HeaderFault> {
        SegmentHeader::decode_checked(bytes).unwrap_or(Err(HeaderFault::Damaged))
    }

    fn decode_checked(bytes: &[u8]) -> Option<Result<SegmentHeader, HeaderFault>> {
        let bytes = bytes.get(..SEGMENT_HEADER_LEN)?;
        let (covered, checksum) = bytes.split_last_chunk::<4>()?;
        if salted_crc32(HEADER_SALT, &[covered]) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut reader = Reader::new(covered);
        if reader.array::<8>()? != SEGMENT_MAGIC {
            return None;
        }
        let (version, reader_version, len) = (reader.u16()?, reader.u16()?, reader.u32()?);
        if reader_version > FORMAT_VERSION {
            return Some(Err(HeaderFault::Newer { version }));
        }
        if len as usize != SEGMENT_HEADER_LEN {
            return None;
        }
        let stream = StreamId(reader.array()?);
        let has_home = reader.u64()?;
        let home = Home {
            boot: reader.array()?,
            place: Place { device: reader.u64()?, inode: reader.u64()?, born: reader.u64()? },
        };
        let mut header = SegmentHeader {
            stream,
            home: (has_home == 1).then_some(home),
            base: Seq(reader.u64()?),
            chain: Digest(reader.array()?),
            salt: reader.u64()?,
            previous_salt: reader.u64()?,
            time: reader.u64()?,
            origin: None,
        };
        let has_origin = reader.u64()?;
        if has_origin == 1 {
            let (parent, first) = (StreamId(reader.array()?), Seq(reader.u64()?));
            header.origin = Some(Origin { parent, first, content: Digest(reader.array()?) });
        }
        let ok = has_home <= 1
            && has_origin <= 1
            && header.base.0 > 0
            && (1..=header.base.0).contains(&header.stream_first().0)
            && is_zero(reader.take(reader.remaining())?);
        ok.then_some(Ok(header))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            stream: StreamId([7; 16]),
            home: Some(Home { boot: [9; 16], place: Place { device: 1, inode: 2, born: 3 } }),
            base: Seq(42),
            chain: Digest([5; 32]),
            salt: 0x1234,
            previous_salt: 0x5678,
            time: 99,
            origin: None,
        }
    }

    #[test]
    fn both_copies_read_back_and_every_flipped_bit_is_noticed() {
        let bytes = header().encode();
        assert_eq!(bytes.len() as u64, FRAMES_AT);
        for at in [0, SECOND_HEADER_AT as usize] {
            assert_eq!(SegmentHeader::decode_one(&bytes[at..]), Ok(header()));
            for bit in 0..SEGMENT_HEADER_LEN * 8 {
                let mut bad = bytes.clone();
                bad[at + bit / 8] ^= 1 << (bit % 8);
                assert_eq!(SegmentHeader::decode_one(&bad[at..]), Err(HeaderFault::Damaged), "bit {bit}");
            }
        }
    }

    #[test]
    fn an_origin_reads_back_and_lies_before_its_segment() {
        let origin = Origin { parent: StreamId([8; 16]), first: Seq(42), content: Digest([1; 32]) };
        let derived = SegmentHeader { origin: Some(origin), chain: Chain::ORIGIN, ..header() };
        assert_eq!(SegmentHeader::decode_one(&derived.encode()), Ok(derived.clone()));
        assert_eq!((derived.stream_first(), derived.known_chain()), (Seq(42), Some(Chain::ORIGIN)));
        assert_eq!(SegmentHeader { origin: None, ..derived.clone() }.known_chain(), None);
        let behind = Origin { first: Seq(43), ..origin };
        let bad = SegmentHeader { origin: Some(behind), ..derived };
        assert_eq!(SegmentHeader::decode_one(&bad.encode()), Err(HeaderFault::Damaged));
    }

    #[test]
    fn a_newer_format_is_said_to_be_newer() {
        let mut one = header().encode_one().to_vec();
        one[8..12].copy_from_slice(&[3, 0, 2, 0]);
        let checksum = salted_crc32(HEADER_SALT, &[&one[..SEGMENT_HEADER_LEN - 4]]);
        one[SEGMENT_HEADER_LEN - 4..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(SegmentHeader::decode_one(&one), Err(HeaderFault::Newer { version: 3 }));
    }
}
