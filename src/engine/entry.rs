//! What the log holds: entries, each with an identity that is not a byte position.
//!
//! An entry *is* its (stream, sequence). Copies of a log, merges and re-encodings keep it; offsets are hints.

use crate::engine::checksum::{hex, parse_hex, salted_crc32};
use crate::engine::codec::CodecError;
use std::fmt;

/// One writer's chain of segments: 16 bytes, 32 lower-case hexadecimal digits as text.
/// The first six bytes are the milliseconds since the epoch at which it was created, so that names sort by age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub [u8; 16]);

impl StreamId {
    /// Returns a new id, a UUID of version 7, from the time in nanoseconds and ten random bytes. Six bits of the latter
    /// give way to version and variant.
    pub fn new(now: u64, random: [u8; 10]) -> StreamId {
        let id = uuid::Builder::from_unix_timestamp_millis(now / 1_000_000, &random);
        StreamId(id.into_uuid().into_bytes())
    }

    /// Parses the text form.
    pub fn parse(text: &str) -> Option<StreamId> {
        parse_hex(text).map(StreamId)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// An entry's number in its stream: 1, 2, 3 ... without holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The number of a stream's first entry.
    pub const FIRST: Seq = Seq(1);

    /// The number after this one.
    pub fn next(self) -> Seq {
        self.plus(1)
    }

    /// The number `n` further on.
    pub fn plus(self, n: u64) -> Seq {
        Seq(self.0.saturating_add(n))
    }

    /// The number before this one; 0 before the first.
    pub fn previous(self) -> Seq {
        Seq(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The stream it was appended to.
    pub stream: StreamId,
    /// Its number there.
    pub seq: Seq,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.stream, self.seq)
    }
}

/// The place of an entry among all entries of all streams: by time, then by identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Hybrid logical time: nanoseconds since the epoch, strictly increasing within a stream.
    pub time: u64,
    /// The stream.
    pub stream: StreamId,
    /// The number in the stream.
    pub seq: Seq,
}

/// The length of a stamp's bytes.
pub const STAMP_LEN: usize = 32;

impl Stamp {
    /// The identity alone.
    pub fn position(&self) -> Position {
        Position { stream: self.stream, seq: self.seq }
    }

    /// Bytes that sort as stamps do.
    pub fn to_bytes(&self) -> [u8; STAMP_LEN] {
        // In words of eight bytes, as this is done for every point read and written.
        let stream = u128::from_be_bytes(self.stream.0);
        let words = [self.time, (stream >> 64) as u64, stream as u64, self.seq.0].map(u64::to_be_bytes);
        let mut out = [0u8; STAMP_LEN];
        out.copy_from_slice(words.as_flattened());
        out
    }

    /// Reads what [`Stamp::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8; STAMP_LEN]) -> Stamp {
        let mut reader = crate::engine::bytes::Reader::new(bytes);
        // The three fields fill the 32 bytes exactly, so no read can fail.
        let time = reader.array().map_or(0, u64::from_be_bytes);
        let stream = StreamId(reader.array().unwrap_or_default());
        let seq = Seq(reader.array().map_or(0, u64::from_be_bytes));
        Stamp { time, stream, seq }
    }
}

/// Which sort of event a payload holds. Numbers are the embedder's; one is never used again for another sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u16);

/// Which shape the payload of a kind has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadVersion(pub u16);

/// What an embedder puts into the log: its own closed set of events.
pub trait Event: Sized + Send + Sync + 'static {
    /// The sort of this event.
    fn kind(&self) -> Kind;
    /// The version of the payload that [`Event::encode`] writes.
    fn payload_version(&self) -> PayloadVersion;
    /// Appends the payload. [`crate::engine::codec::encode`] does the work for serde types.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;
    /// Every kind that [`Event::decode`] knows, with the highest version of its payload. When this grows, tables made by
    /// a build that knew less are made again.
    const KINDS: &'static [(Kind, PayloadVersion)];
    /// Reads a payload of any version ever written, lifting old ones. `Ok(None)`: a kind this build does not
    /// know; it is kept, counted and reported, never dropped.
    fn decode(kind: Kind, version: PayloadVersion, payload: &[u8]) -> Result<Option<Self>, CodecError>;
}

/// An entry as it stands in the log, its payload not yet decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Time and identity.
    pub stamp: Stamp,
    /// The sort of event.
    pub kind: Kind,
    /// The payload's version.
    pub version: PayloadVersion,
    /// The encoded event.
    pub payload: Vec<u8>,
    /// [`entry_checksum`] over all of the above.
    pub checksum: u32,
}

/// The fixed part of an entry's canonical bytes; the payload follows it. FORMAT.md, "Entry".
pub fn canonical_head(stamp: &Stamp, kind: Kind, version: PayloadVersion, payload_len: usize) -> [u8; 40] {
    // In words of eight bytes, as this is done for every entry written and read.
    let stream = u128::from_le_bytes(stamp.stream.0);
    let sort = u64::from(kind.0) | u64::from(version.0) << 16 | (payload_len as u64) << 32;
    let words = [stream as u64, (stream >> 64) as u64, stamp.seq.0, stamp.time, sort].map(u64::to_le_bytes);
    let mut head = [0u8; 40];
    head.copy_from_slice(words.as_flattened());
    head
}

/// The checksum of an entry: CRC-32 over its canonical bytes (identity, time, kind, version, payload).
pub fn entry_checksum(head: &[u8; 40], payload: &[u8]) -> u32 {
    salted_crc32(0, &[head, payload])
}

/// Why entries are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapCause {
    /// Bytes that hold no valid frame stand where they should be.
    Damaged,
    /// The segment that held them is not there.
    SegmentMissing,
    /// The segment that held them cannot be read at all (both headers lost, foreign, of a newer format).
    SegmentUnreadable,
}

impl GapCause {
    /// A stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            GapCause::Damaged => "damaged",
            GapCause::SegmentMissing => "segment_missing",
            GapCause::SegmentUnreadable => "segment_unreadable",
        }
    }
}

/// Entries known to be missing: a value in the flow of entries, so that no consumer can overlook it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gap {
    /// The stream.
    pub stream: StreamId,
    /// The first missing number.
    pub first: Seq,
    /// The last missing number; `None`: an unknown number of entries, possibly none, from `first` on.
    pub last: Option<Seq>,
    /// Why.
    pub cause: GapCause,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) if last == self.first => write!(f, "stream {} sequence {}", self.stream, last),
            Some(last) => write!(f, "stream {} sequences {} to {}", self.stream, self.first, last),
            None => write!(f, "stream {} an unknown number after {}", self.stream, self.first.previous()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_sort_as_their_bytes_and_read_back() {
        let at = |time, stream, seq| Stamp { time, stream: StreamId([stream; 16]), seq: Seq(seq) };
        let stamps = [at(1, 9, 9), at(2, 1, 300), at(2, 2, 1), at(2, 2, 2), at(256, 0, 1)];
        for pair in stamps.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].to_bytes() < pair[1].to_bytes());
        }
        for stamp in stamps {
            assert_eq!(Stamp::from_bytes(&stamp.to_bytes()), stamp);
        }
    }

    #[test]
    fn stream_ids_sort_by_the_time_of_their_creation() {
        let old = StreamId::new(1_000_000_000_000_000_000, [255; 10]);
        let new = StreamId::new(1_000_000_000_002_000_000, [0; 10]);
        assert!(old < new);
        assert_eq!(old.to_string(), "00e8d4a510007fffbfffffffffffffff");
        assert_eq!(new.to_string(), "00e8d4a510027000800000000000000000"[..32].to_owned());
        assert_eq!(StreamId::parse(&old.to_string()), Some(old));
        assert_eq!(StreamId::parse("xyz"), None);
    }
}
