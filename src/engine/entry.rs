//! Entries of the log, and their identities.
//!
//! The identity of an entry is its stream and its sequence number. Copies, merges and re-encodings of a log preserve
//! the identity, except that a merge may move entries of a fork to another stream. Byte offsets may change.

use crate::engine::checksum::{CrcPrefix, hex, parse_hex, salted_crc32};
use crate::engine::codec::CodecError;
use crate::engine::text_form::ParseError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The id of a stream. The text form is 32 lower-case hexadecimal digits.
///
/// The first six bytes are the time of creation in milliseconds since the epoch, so that ids sort by age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub [u8; 16]);

impl StreamId {
    /// Creates an id from the time in nanoseconds since the epoch and ten random bytes. The id is a UUID of version 7:
    /// six of the random bits are replaced by the version and the variant.
    pub fn new(now: u64, random: [u8; 10]) -> StreamId {
        let id = uuid::Builder::from_unix_timestamp_millis(now / 1_000_000, &random);
        StreamId(id.into_uuid().into_bytes())
    }
}

impl FromStr for StreamId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<StreamId, ParseError> {
        let bytes = parse_hex(text);
        let expected = "a stream id of 32 lower-case hexadecimal digits";
        bytes.map(StreamId).ok_or_else(|| ParseError::new(text, expected))
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

/// A sequence number: the number of an entry in its stream. A writer assigns 1, 2, 3, ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The first sequence number of a stream that does not branch off from another stream.
    pub const FIRST: Seq = Seq(1);

    /// Returns the next number.
    pub fn next(self) -> Seq {
        self.plus(1)
    }

    /// Returns the sum of this number and `n`.
    pub fn plus(self, n: u64) -> Seq {
        Seq(self.0.saturating_add(n))
    }

    /// Returns the previous number; 0 for the numbers 1 and 0.
    pub fn previous(self) -> Seq {
        Seq(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seq {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Seq, ParseError> {
        // The standard library accepts a plus sign as well.
        let has_digits_only = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| has_digits_only);
        number.map(Seq).ok_or_else(|| ParseError::new(text, "a sequence number of decimal digits"))
    }
}

/// The identity of an entry. Its text form is `stream:sequence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The stream that the entry belongs to.
    pub stream: StreamId,
    /// The sequence number of the entry.
    pub seq: Seq,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.stream, self.seq)
    }
}

impl FromStr for Position {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Position, ParseError> {
        let parse = || {
            let (stream, seq) = text.split_once(':')?;
            Some(Position { stream: stream.parse().ok()?, seq: seq.parse().ok()? })
        };
        parse().ok_or_else(|| ParseError::new(text, "a position of the form stream:sequence"))
    }
}

/// The sort key of an entry among the entries of all streams: time, then stream, then sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Hybrid logical time: nanoseconds since the epoch, strictly increasing within a stream.
    pub time: u64,
    /// The stream that the entry belongs to.
    pub stream: StreamId,
    /// The sequence number of the entry.
    pub seq: Seq,
}

/// The text form is `time:stream:sequence`, with the time in nanoseconds.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.time, self.position())
    }
}

impl FromStr for Stamp {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Stamp, ParseError> {
        let parse = || {
            let (time, position) = text.split_once(':')?;
            let Position { stream, seq } = position.parse().ok()?;
            // A time is written as a sequence number is: as decimal digits alone.
            let Seq(time) = time.parse().ok()?;
            Some(Stamp { time, stream, seq })
        };
        parse().ok_or_else(|| ParseError::new(text, "a stamp of the form time:stream:sequence"))
    }
}

/// Serialises the text form.
impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Stamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The length of an encoded stamp in bytes.
pub(in crate::engine) const STAMP_LEN: usize = 32;

impl Stamp {
    /// Returns the greatest stamp with this time since the epoch (1970-01-01 00:00 UTC). An entry has a stamp up to
    /// this stamp if and only if its time is not later. [`View::as_of`](crate::engine::projection::View::as_of) with
    /// this stamp therefore reads as of this time. A time after the year 2554 is replaced by the greatest time that a
    /// stamp can have.
    pub fn last_at(since_epoch: Duration) -> Stamp {
        let time = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
        Stamp { time, stream: StreamId([u8::MAX; 16]), seq: Seq(u64::MAX) }
    }

    /// Returns the time since the epoch, 1970-01-01 00:00 UTC.
    pub fn since_epoch(&self) -> Duration {
        Duration::from_nanos(self.time)
    }

    /// Returns the identity of the entry.
    pub fn position(&self) -> Position {
        Position { stream: self.stream, seq: self.seq }
    }

    /// Encodes the stamp. Comparing the bytes of two stamps gives the same result as comparing the stamps.
    pub fn to_bytes(&self) -> [u8; STAMP_LEN] {
        // Encoded as four integers, because this runs for every point that is read or written.
        let stream = u128::from_be_bytes(self.stream.0);
        let words = [self.time, (stream >> 64) as u64, stream as u64, self.seq.0].map(u64::to_be_bytes);
        let mut out = [0u8; STAMP_LEN];
        out.copy_from_slice(words.as_flattened());
        out
    }

    /// Decodes a stamp that [`Stamp::to_bytes`] encoded.
    pub fn from_bytes(bytes: &[u8; STAMP_LEN]) -> Stamp {
        let mut reader = crate::engine::bytes::Reader::new(bytes);
        // The three fields fill the 32 bytes exactly, so no read can fail.
        let time = reader.array().map_or(0, u64::from_be_bytes);
        let stream = StreamId(reader.array().unwrap_or_default());
        let seq = Seq(reader.array().map_or(0, u64::from_be_bytes));
        Stamp { time, stream, seq }
    }
}

/// The kind of an event. The embedder assigns the numbers, and never uses a number for a second kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u16);

/// The version of a kind's payload format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadVersion(pub u16);

/// The event type of an embedder: all kinds of events that the embedder appends to the log.
pub trait Event: Sized + Send + Sync + 'static {
    /// Returns the kind of this event.
    fn kind(&self) -> Kind;
    /// Returns the version of the payload that [`Event::encode`] writes. By default, this is the version of the kind in
    /// [`Event::KINDS`]; 1 for a kind that is not listed.
    fn payload_version(&self) -> PayloadVersion {
        let kind = self.kind();
        let listed = Self::KINDS.iter().find(|(listed, _)| *listed == kind);
        listed.map_or(PayloadVersion(1), |(_, version)| *version)
    }
    /// Appends the payload to `out`. For serde types, call [`crate::engine::codec::encode`].
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;
    /// All kinds that [`Event::decode`] supports, each with the highest version of its payloads. If the tables were
    /// made by a build with other kinds or versions, they are rebuilt.
    const KINDS: &'static [(Kind, PayloadVersion)];
    /// Decodes a payload of any version that was ever written, and converts it to the current form. Returns `Ok(None)`
    /// if this build does not know the kind. The engine keeps such an entry in the log, and counts and reports it.
    fn decode(kind: Kind, version: PayloadVersion, payload: &[u8]) -> Result<Option<Self>, CodecError>;
    /// Returns the key by which [`Engine::append_once`](crate::engine::Engine::append_once) recognises a repeated
    /// append of this event, such as the id of a request. Other appends do not check the key. Returns `None` for an
    /// event that may occur repeatedly. The key is part of the payload: the decoded event has the same key.
    fn idempotency_key(&self) -> Option<Vec<u8>> {
        None
    }
    /// The version of the rule by which [`Event::idempotency_key`] makes keys. Change the version whenever the rule
    /// gives another key to an event that a log may already contain. The tables are then rebuilt.
    const IDEMPOTENCY_VERSION: u32 = 0;
    /// Returns the subjects of this event. An event is erased if one of its subjects is erased
    /// ([`Event::erasure`]). The embedding program chooses the bytes of a subject, such as the id of a
    /// customer. By default, an event has no subject and cannot be erased. If a new version of the program
    /// returns other subjects, increase the version of a projection, so that the tables are rebuilt.
    fn subjects(&self) -> Vec<Cow<'_, [u8]>> {
        Vec::new()
    }
    /// Returns the erasure that this event states. Returns `None` if the event states no erasure. This method
    /// is called only for events of the kinds in [`Event::ERASURE_KINDS`].
    ///
    /// Erased events are not applied to the tables. If they were applied before, the tables are rebuilt without them.
    /// The tables depend only on the events in the log and not on the order in which the events arrive. Erased events
    /// that a merge adds later are therefore not applied either.
    fn erasure(&self) -> Option<Erasure<'_>> {
        None
    }
    /// The kinds of events for which [`Event::erasure`] can return an erasure. By default, there are none.
    const ERASURE_KINDS: &'static [Kind] = &[];
}

/// A statement that the events of a subject are erased.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erasure<'a> {
    /// The subject. An event of the subject is erased if its stamp is lower than the stamp of the erasure.
    /// Later events of the subject are not erased.
    pub subject: Cow<'a, [u8]>,
    /// Positions of further erased events. In the stream of each position, the events of the subject up to this
    /// position are erased, whatever their stamps are. The positions are needed if the clock of a writer was ahead.
    pub through: Vec<Position>,
}

impl<'a> Erasure<'a> {
    /// Creates the erasure of the events of `subject` with lower stamps.
    pub fn of(subject: impl Into<Cow<'a, [u8]>>) -> Erasure<'a> {
        Erasure { subject: subject.into(), through: Vec::new() }
    }

    /// Adds positions: the events of the subject up to each position are erased too.
    #[must_use]
    pub fn through(mut self, positions: impl IntoIterator<Item = Position>) -> Erasure<'a> {
        self.through.extend(positions);
        self
    }
}

/// An entry as it is stored in the log, with its payload encoded. `P` holds the bytes of the payload: a `Vec<u8>`, or
/// `&[u8]` for a borrowed payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<P = Vec<u8>> {
    /// Time and identity.
    pub stamp: Stamp,
    /// The kind of event.
    pub kind: Kind,
    /// The version of the payload.
    pub version: PayloadVersion,
    /// The encoded event.
    pub payload: P,
    /// The [`entry_checksum`] of the other fields.
    pub checksum: u32,
}

impl Entry {
    /// Returns the entry with a borrowed payload.
    pub fn borrowed(&self) -> Entry<&[u8]> {
        let Entry { stamp, kind, version, payload, checksum } = self;
        Entry { stamp: *stamp, kind: *kind, version: *version, payload, checksum: *checksum }
    }
}

impl Entry<&[u8]> {
    /// Returns the entry with a copy of the payload.
    pub fn to_owned(self) -> Entry {
        let Entry { stamp, kind, version, payload, checksum } = self;
        Entry { stamp, kind, version, payload: payload.to_vec(), checksum }
    }

    /// Returns the first 40 canonical bytes of the entry: all canonical bytes except the payload.
    pub(in crate::engine) fn canonical_head(&self) -> [u8; 40] {
        canonical_head(&self.stamp, self.kind, self.version, self.payload.len())
    }
}

/// The number of canonical bytes of an entry before its payload.
pub(in crate::engine) const CANONICAL_HEAD_LEN: usize = 40;

/// Returns the first 40 canonical bytes of an entry with these properties. The payload follows these bytes (FORMAT.md,
/// "Entry").
pub fn canonical_head(stamp: &Stamp, kind: Kind, version: PayloadVersion, payload_len: usize) -> [u8; 40] {
    // Encoded as five integers, because this runs for every entry that is written or read.
    let stream = u128::from_le_bytes(stamp.stream.0);
    let kind_version_len = u64::from(kind.0) | u64::from(version.0) << 16 | (payload_len as u64) << 32;
    let words = [stream as u64, (stream >> 64) as u64, stamp.seq.0, stamp.time, kind_version_len]
        .map(u64::to_le_bytes);
    let mut head = [0u8; 40];
    head.copy_from_slice(words.as_flattened());
    head
}

/// Computes the checksum of an entry: CRC-32 over its canonical bytes (identity, time, kind, version, payload).
pub fn entry_checksum(head: &[u8; 40], payload: &[u8]) -> u32 {
    salted_crc32(0, &[head, payload])
}

/// Verifies the checksums of the entries of one stream. The canonical bytes of all these entries begin with the id of
/// the stream, so the CRC-32 of this prefix is computed once.
#[derive(Debug, Clone)]
pub(in crate::engine) struct StreamChecksums {
    stream: StreamId,
    beginning: CrcPrefix,
}

impl StreamChecksums {
    /// Computes the CRC-32 of the common prefix for a stream.
    pub(in crate::engine) fn of(stream: StreamId) -> StreamChecksums {
        StreamChecksums { stream, beginning: CrcPrefix::of(0, &stream.0) }
    }

    /// Returns the stream.
    pub(in crate::engine) fn stream(&self) -> StreamId {
        self.stream
    }

    /// Returns true if the checksum of an entry of the stream equals the result of [`entry_checksum`].
    pub(in crate::engine) fn is_valid(&self, entry: &Entry<&[u8]>) -> bool {
        self.checksum(entry) == entry.checksum
    }

    /// Computes the [`entry_checksum`] of an entry of the stream.
    pub(in crate::engine) fn checksum(&self, entry: &Entry<&[u8]>) -> u32 {
        /// The number of canonical bytes between the id of the stream and the payload.
        const HEAD_LEN: usize = 24;
        /// The maximum length of a payload that is copied behind the other bytes. One update of the hasher with one
        /// slice is faster than two updates.
        const COPIED_MAX: usize = 104;
        let head = entry.canonical_head();
        let head = head.last_chunk::<HEAD_LEN>().copied().unwrap_or_default();
        let mut bytes = [0u8; HEAD_LEN + COPIED_MAX];
        let Some(bytes) = bytes.get_mut(..HEAD_LEN + entry.payload.len()) else {
            return self.beginning.followed_by(&[&head, entry.payload]);
        };
        let (first, payload) = bytes.split_at_mut(HEAD_LEN);
        first.copy_from_slice(&head);
        payload.copy_from_slice(entry.payload);
        self.beginning.followed_by(&[bytes])
    }
}

/// The cause of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GapCause {
    /// The segment can be read, but contains no valid frame with the entries.
    Damaged,
    /// The segment with the entries does not exist.
    SegmentMissing,
    /// The segment with the entries cannot be read: both headers are damaged, name another stream, or have a newer
    /// format.
    SegmentUnreadable,
    /// The entries were erased on request. No other entries are missing.
    Erased,
}

impl GapCause {
    /// Returns the stable lower-case name of the cause.
    pub fn name(self) -> &'static str {
        match self {
            GapCause::Damaged => "damaged",
            GapCause::SegmentMissing => "segment_missing",
            GapCause::SegmentUnreadable => "segment_unreadable",
            GapCause::Erased => "erased",
        }
    }
}

impl fmt::Display for GapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Entries that are known to be missing. A reader returns a gap in place of the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gap {
    /// The stream of the missing entries.
    pub stream: StreamId,
    /// The first missing sequence number.
    pub first: Seq,
    /// The last missing sequence number; `None` if the number is unknown. Then an unknown number of entries is missing
    /// from `first` on, possibly none.
    pub last: Option<Seq>,
    /// The reason why the entries are missing.
    pub cause: GapCause,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) if last == self.first => write!(f, "stream {}, sequence number {}", self.stream, last),
            Some(last) => write!(f, "stream {}, sequence numbers {} to {}", self.stream, self.first, last),
            None => {
                write!(
                    f,
                    "stream {}, an unknown number of entries after {}",
                    self.stream,
                    self.first.previous()
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::codec;

    #[test]
    fn checksum_with_the_common_part_of_a_stream_equals_the_entry_checksum() {
        let stream = StreamId([7; 16]);
        let checksums = StreamChecksums::of(stream);
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..=255 {
            let stamp = Stamp { time: 1 << 40 | len as u64, stream, seq: Seq(5) };
            let payload = &bytes[..len];
            let mut entry = Entry { stamp, kind: Kind(3), version: PayloadVersion(1), payload, checksum: 0 };
            entry.checksum = entry_checksum(&entry.canonical_head(), payload);
            assert!(checksums.is_valid(&entry), "{len}");
            let kind = Kind(4);
            assert!(!checksums.is_valid(&Entry { kind, ..entry }), "{len}");
            assert!(!checksums.is_valid(&Entry { payload: &bytes[1..=len], ..entry }) || len == 0, "{len}");
        }
    }

    #[test]
    fn stamps_sort_as_their_bytes_and_are_decoded_from_them() {
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
    fn last_stamp_at_a_time_is_behind_every_entry_of_this_time_and_before_later_entries() {
        let at = |nanos, stream, seq| Stamp { time: nanos, stream: StreamId([stream; 16]), seq: Seq(seq) };
        let last = Stamp::last_at(Duration::from_nanos(1_500));
        assert!(at(1_500, 0, 1) < last && at(1_500, 254, u64::MAX) < last);
        assert!(at(1_500, 255, u64::MAX) <= last && at(1_501, 0, 0) > last);
        assert_eq!(last.since_epoch(), Duration::from_nanos(1_500));
        assert_eq!(Stamp::last_at(Duration::MAX).time, u64::MAX);
    }

    #[test]
    fn stream_ids_sort_by_the_time_of_their_creation() {
        let old = StreamId::new(1_000_000_000_000_000_000, [255; 10]);
        let new = StreamId::new(1_000_000_000_002_000_000, [0; 10]);
        assert!(old < new);
        assert_eq!(old.to_string(), "00e8d4a510007fffbfffffffffffffff");
        assert_eq!(new.to_string(), "00e8d4a510027000800000000000000000"[..32].to_owned());
        assert_eq!(old.to_string().parse(), Ok(old));
    }

    #[test]
    fn ids_and_positions_are_parsed_from_their_text_form_only() {
        let position = Position { stream: StreamId([0xab; 16]), seq: Seq(7) };
        assert_eq!(position.to_string().parse(), Ok(position));
        assert_eq!(position.stream.to_string().parse(), Ok(position.stream));
        let text = position.to_string();
        let stamp = Stamp { time: 1_500_000_000, stream: position.stream, seq: position.seq };
        assert_eq!(stamp.to_string(), format!("1500000000:{position}"));
        assert_eq!(stamp.to_string().parse(), Ok(stamp));
        assert_eq!(stamp.since_epoch(), Duration::from_millis(1500));
        let (mut bytes, mut of_text) = (Vec::new(), Vec::new());
        codec::encode(&stamp, &mut bytes).unwrap();
        codec::encode(&stamp.to_string(), &mut of_text).unwrap();
        assert_eq!(bytes, of_text);
        assert_eq!(codec::decode::<Stamp>(&bytes), Ok(stamp));
        for bad in ["", "7", &position.to_string(), &format!("+7:{position}"), &format!(":{position}")] {
            assert!(bad.parse::<Stamp>().is_err(), "{bad}");
        }
        for bad in ["", "xyz", ":7", &text.to_uppercase(), &text.replace(":7", ":+7"), &format!("{text}:7")] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
            assert!(bad.parse::<StreamId>().is_err(), "{bad}");
        }
    }
}
