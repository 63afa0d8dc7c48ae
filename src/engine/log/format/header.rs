//! The header of a segment, which is written twice. docs/FORMAT.md specifies the bytes ("Segment").
//!
//! The two copies of the header are in different 4 KiB blocks: one damaged block does not make the segment unreadable.
//! The salt, a random number, is part of the checksums of every frame. The header of the next segment repeats the salt,
//! so the frames can be read even if both copies of the header are damaged.

use crate::engine::bytes::{Reader, is_zero};
use crate::engine::chain::Chain;
use crate::engine::checksum::{Digest, salted_crc32};
use crate::engine::domain::Domain;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::Error;
use crate::engine::storage::Place;

/// The first eight bytes of both copies of the header.
pub const SEGMENT_MAGIC: [u8; 8] = *b"CTXASEG\0";
/// The format version that this build writes.
pub const FORMAT_VERSION: u16 = 0;
/// The lowest format version that a reader must support to read the segments of this build.
pub const READER_VERSION: u16 = 0;
/// Length of one copy of the header in bytes.
pub const SEGMENT_HEADER_LEN: usize = 256;
/// Offset of the second copy of the header.
pub const SECOND_HEADER_AT: u64 = 4096;
/// Offset of the first frame.
pub const FRAMES_AT: u64 = SECOND_HEADER_AT + SEGMENT_HEADER_LEN as u64;

/// Length of an encoded origin in bytes: parent, first and content digest.
const ORIGIN_LEN: usize = 16 + 8 + 32;
/// Offset of the domain in a header, after the origin.
const DOMAIN_AT: usize = 208;

const HEADER_SALT: u64 = u64::from_le_bytes(SEGMENT_MAGIC);

/// The directory in which a stream was created, and the boot of the machine at that time. A writer continues a stream
/// only in the same directory and during the same boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home {
    /// The boot during which the stream was created.
    pub boot: [u8; 16],
    /// The directory of the stream.
    pub place: Place,
}

/// The point at which a derived stream branches off from another stream. See FORMAT.md, "Forks".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The stream from which the derived stream branches off.
    pub parent: StreamId,
    /// The sequence number of the first entry of the derived stream; earlier entries are in the parent.
    pub first: Seq,
    /// The [`crate::engine::log::merge::content_digest`] of the first entry of the derived stream.
    pub content: Digest,
}

/// The header of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The stream of the segment.
    pub stream: StreamId,
    /// The directory and the boot in which a writer may continue the stream; `None` if no writer may continue the
    /// stream.
    pub home: Option<Home>,
    /// The sequence number of the first entry of the segment.
    pub base: Seq,
    /// The link of the chain at the end of the previous segment; zeros in the first segment of a stream. In any other
    /// segment, zeros mean that the link is unknown.
    pub chain: Digest,
    /// The salt of the checksums of the frames.
    pub salt: u64,
    /// The salt of the previous segment; 0 in the first segment of a stream, or if a merge did not know the salt.
    pub previous_salt: u64,
    /// Creation time in nanoseconds since the Unix epoch.
    pub time: u64,
    /// The origin of the stream; `None` for a stream that does not branch off. Such a stream begins with sequence
    /// number 1.
    pub origin: Option<Origin>,
    /// The domain of the entries.
    pub domain: Domain,
}

/// The reason why a header was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFault {
    /// The checksum or a field is invalid, or the file is too short.
    Damaged,
    /// The header is valid and requires a newer reader.
    Newer {
        /// The format version of the segment.
        version: u16,
    },
}

impl SegmentHeader {
    /// Returns the sequence number of the first entry of the stream.
    pub fn stream_first(&self) -> Seq {
        self.origin.map_or(Seq::FIRST, |origin| origin.first)
    }

    /// Returns the link of the chain at the end of the previous segment; zeros for the first segment of a stream.
    /// Returns `None` if the link is unknown, because a merge wrote the segment while earlier entries were missing.
    pub fn known_chain(&self) -> Option<Digest> {
        (self.chain != Chain::ORIGIN || self.base == self.stream_first()).then_some(self.chain)
    }

    /// Returns an error if the segment belongs to another domain than `domain`, or to a newer version of `domain`. A
    /// program of `domain` must not read such a segment.
    pub fn check_domain(&self, domain: Domain) -> Result<(), Error> {
        if domain.reads(self.domain) {
            return Ok(());
        }
        Err(Error::ForeignDomain { expected: domain, found: self.domain, stream: self.stream })
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
            None => (0, Home { boot: [0; 16], place: Place { device: 0, inode: 0, created: 0 } }),
        };
        out.extend_from_slice(&has_home.to_le_bytes());
        out.extend_from_slice(&home.boot);
        out.extend_from_slice(&home.place.device.to_le_bytes());
        out.extend_from_slice(&home.place.inode.to_le_bytes());
        out.extend_from_slice(&home.place.created.to_le_bytes());
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
        out.resize(DOMAIN_AT, 0);
        out.extend_from_slice(&self.domain.version().to_le_bytes());
        out.extend_from_slice(self.domain.name_bytes());
        out.resize(SEGMENT_HEADER_LEN - 4, 0);
        let checksum = salted_crc32(HEADER_SALT, &[&out]);
        out.extend_from_slice(&checksum.to_le_bytes());
        let mut bytes = [0; SEGMENT_HEADER_LEN];
        for (to, from) in bytes.iter_mut().zip(out) {
            *to = from;
        }
        bytes
    }

    /// Encodes the first [`FRAMES_AT`] bytes of a segment: both copies of the header and the zeros between them.
    pub fn encode(&self) -> Vec<u8> {
        let one = self.encode_one();
        let mut out = one.to_vec();
        out.resize(SECOND_HEADER_AT as usize, 0);
        out.extend_from_slice(&one);
        out
    }

    /// Decodes one copy of a header.
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
            place: Place { device: reader.u64()?, inode: reader.u64()?, created: reader.u64()? },
        };
        let header = SegmentHeader {
            stream,
            home: (has_home == 1).then_some(home),
            base: Seq(reader.u64()?),
            chain: Digest(reader.array()?),
            salt: reader.u64()?,
            previous_salt: reader.u64()?,
            time: reader.u64()?,
            origin: match reader.u64()? {
                0 => is_zero(reader.take(ORIGIN_LEN)?).then_some(None)?,
                1 => Some(Origin {
                    parent: StreamId(reader.array()?),
                    first: Seq(reader.u64()?),
                    content: Digest(reader.array()?),
                }),
                _ => return None,
            },
            domain: Domain::from_bytes(reader.u32()?, &reader.array()?)?,
        };
        let ok = has_home <= 1
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
            home: Some(Home { boot: [9; 16], place: Place { device: 1, inode: 2, created: 3 } }),
            base: Seq(42),
            chain: Digest([5; 32]),
            salt: 0x1234,
            previous_salt: 0x5678,
            time: 99,
            origin: None,
            domain: Domain::new("jobs", 3).unwrap(),
        }
    }

    #[test]
    fn both_copies_are_decoded_and_every_flipped_bit_is_detected() {
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
    fn origin_is_decoded_and_rejected_if_it_lies_after_its_segment() {
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
    fn header_of_newer_format_is_rejected_with_its_version() {
        let mut one = header().encode_one().to_vec();
        one[8..12].copy_from_slice(&[3, 0, 2, 0]);
        let checksum = salted_crc32(HEADER_SALT, &[&one[..SEGMENT_HEADER_LEN - 4]]);
        one[SEGMENT_HEADER_LEN - 4..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(SegmentHeader::decode_one(&one), Err(HeaderFault::Newer { version: 3 }));
    }

    #[test]
    fn a_header_with_an_illegal_domain_name_is_damaged() {
        let mended = |at: usize, byte: u8| {
            let mut one = header().encode_one().to_vec();
            one[at] = byte;
            let checksum = salted_crc32(HEADER_SALT, &[&one[..SEGMENT_HEADER_LEN - 4]]);
            one[SEGMENT_HEADER_LEN - 4..].copy_from_slice(&checksum.to_le_bytes());
            SegmentHeader::decode_one(&one)
        };
        let name_at = DOMAIN_AT + 4;
        assert_eq!(mended(DOMAIN_AT, 9).unwrap().domain, Domain::new("jobs", 9).unwrap());
        assert_eq!(mended(name_at, b'm').unwrap().domain, Domain::new("mobs", 3).unwrap());
        for (at, byte) in [(name_at, 0), (name_at, b'J'), (name_at + 5, b'x'), (name_at + 32, 1)] {
            assert_eq!(mended(at, byte), Err(HeaderFault::Damaged), "byte {at}");
        }
    }
}
