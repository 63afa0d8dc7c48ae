//! Pending entries: encoded entries that are not yet part of a frame.

use crate::engine::codec::{CodecError, PAYLOAD_BYTES_MAX};
use crate::engine::entry::{Event, Kind, PayloadVersion};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::limits::{EXPANDED_BYTES_MAX, FRAME_ENTRIES_MAX, FRAME_HEADER_LEN};

/// Maximum number of bytes that an entry takes in a frame in addition to its payload: a checksum and six numbers.
const ENTRY_OVERHEAD_MAX: usize = 64;

/// Capacity in bytes that is reserved for each payload before the events are encoded. Small payloads then fit without
/// growing the buffer.
const PAYLOAD_BYTES_SMALL: usize = 64;

/// Encoded entries without a stream and a sequence number. Their payloads share one buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingEntries {
    payloads: Vec<u8>,
    headers: Vec<EntryHeader>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EntryHeader {
    kind: Kind,
    version: PayloadVersion,
    time: u64,
    /// End of the payload in the shared buffer.
    end: usize,
}

/// One encoded entry without a stream and a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingEntry<'a> {
    /// The kind of the event.
    pub kind: Kind,
    /// The version of the payload.
    pub version: PayloadVersion,
    /// The time of the entry's stamp in nanoseconds since the epoch; 0 until the writer assigns a time.
    pub time: u64,
    /// The encoded event.
    pub payload: &'a [u8],
}

impl PendingEntry<'_> {
    fn check(&self) -> Result<()> {
        let bytes = self.payload.len();
        if bytes > PAYLOAD_BYTES_MAX { Err(too_large(self.kind, bytes)) } else { Ok(()) }
    }
}

fn too_large(kind: Kind, bytes: usize) -> Error {
    Error::EntryTooLarge { kind, bytes, limit: PAYLOAD_BYTES_MAX }
}

impl PendingEntries {
    /// Creates an empty list.
    pub fn new() -> PendingEntries {
        PendingEntries::default()
    }

    /// Encodes events. Returns an error if [`Event::encode`] does, for example because a payload is too large.
    pub fn of<E: Event>(events: &[E]) -> Result<PendingEntries> {
        let payloads = Vec::with_capacity(events.len().saturating_mul(PAYLOAD_BYTES_SMALL));
        let mut pending = PendingEntries { payloads, headers: Vec::with_capacity(events.len()) };
        for event in events {
            event.encode(&mut pending.payloads).map_err(|source| match source {
                CodecError::TooLarge { len } => too_large(event.kind(), len),
                source => Error::Codec { kind: "unwritable", position: None, source },
            })?;
            pending.end_entry(event.kind(), event.payload_version(), 0);
        }
        Ok(pending)
    }

    /// Checks that the entries can be committed as one frame. Returns an error if there is no entry, if an entry is too
    /// large, or if the entries together are too many or too large.
    pub(in crate::engine::log) fn check(&self) -> Result<()> {
        if self.is_empty() {
            return Err(Error::CommitEmpty);
        }
        self.iter().try_for_each(|entry| entry.check())?;
        if !self.fit_with(&PendingEntries::new()) {
            return Err(Error::CommitTooLarge {
                entries: self.len(),
                entries_max: FRAME_ENTRIES_MAX,
                bytes: self.frame_len_max(),
                bytes_max: EXPANDED_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// Adds an encoded entry.
    pub fn push(&mut self, entry: PendingEntry<'_>) {
        self.payloads.extend_from_slice(entry.payload);
        self.end_entry(entry.kind, entry.version, entry.time);
    }

    /// Adds an entry whose payload `encode` appends to the buffer of the payloads.
    #[inline]
    pub(in crate::engine::log) fn push_with(
        &mut self,
        (kind, version): (Kind, PayloadVersion),
        time: u64,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        encode(&mut self.payloads);
        self.end_entry(kind, version, time);
    }

    fn end_entry(&mut self, kind: Kind, version: PayloadVersion, time: u64) {
        self.headers.push(EntryHeader { kind, version, time, end: self.payloads.len() });
    }

    /// Adds the entries of `others`. The first added entry gets the time `first`; each further entry gets a time one
    /// nanosecond greater than that of the entry before it.
    pub fn push_stamped(&mut self, others: &PendingEntries, first: u64) {
        for (entry, time) in others.iter().zip(first..) {
            self.push(PendingEntry { time, ..entry });
        }
    }

    /// Returns true if these entries and `others` together fit into one frame.
    pub fn fit_with(&self, others: &PendingEntries) -> bool {
        self.has_room_for(others.len(), others.payload_bytes())
    }

    /// Returns true if these entries and `count` more entries with `bytes` bytes of payload together fit into one frame.
    pub(in crate::engine::log) fn has_room_for(&self, count: usize, bytes: usize) -> bool {
        self.len() + count <= FRAME_ENTRIES_MAX
            && self.frame_len_max() + bytes + count * ENTRY_OVERHEAD_MAX <= EXPANDED_BYTES_MAX
    }

    /// Returns an upper bound of the length in bytes of a frame with these entries.
    pub fn frame_len_max(&self) -> usize {
        FRAME_HEADER_LEN + self.content_len_max()
    }

    fn content_len_max(&self) -> usize {
        self.payloads.len() + self.len() * ENTRY_OVERHEAD_MAX
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.headers.len()
    }

    /// Returns true if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// Returns the times of the first and of the last entry; zeros if there are none.
    pub fn times(&self) -> (u64, u64) {
        let time = |header: Option<&EntryHeader>| header.map_or(0, |header| header.time);
        (time(self.headers.first()), time(self.headers.last()))
    }

    /// Returns the sum of the lengths of the payloads in bytes.
    pub fn payload_bytes(&self) -> usize {
        self.payloads.len()
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Removes all but the first `len` entries.
    pub fn truncate(&mut self, len: usize) {
        self.headers.truncate(len);
        self.payloads.truncate(self.headers.last().map_or(0, |header| header.end));
    }

    /// Iterates over the entries in order.
    pub fn iter(&self) -> impl Iterator<Item = PendingEntry<'_>> {
        let mut start = 0;
        self.headers.iter().map(move |header| PendingEntry {
            kind: header.kind,
            version: header.version,
            time: header.time,
            payload: self
                .payloads
                .get(std::mem::replace(&mut start, header.end)..header.end)
                .unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(payload: &[u8]) -> PendingEntry<'_> {
        PendingEntry { kind: Kind(7), version: PayloadVersion(1), time: 0, payload }
    }

    fn entries(count: usize, len: usize) -> PendingEntries {
        let mut entries = PendingEntries::new();
        (0..count).for_each(|_| entries.push(entry(&vec![1; len])));
        entries
    }

    #[test]
    fn commit_without_entries_is_refused() {
        assert!(matches!(PendingEntries::new().check(), Err(Error::CommitEmpty)));
    }

    #[test]
    fn entry_over_the_limit_is_refused_with_kind_size_and_limit() {
        assert!(entries(1, PAYLOAD_BYTES_MAX).check().is_ok());
        let error = entries(1, PAYLOAD_BYTES_MAX + 1).check().unwrap_err();
        assert_eq!(error.code(), "entry_too_large");
        assert_eq!(
            error.to_string(),
            "an event of kind 7 takes 4194305 bytes; an entry holds at most 4194304 bytes"
        );
        // If each entry is within its limit, the error concerns the commit, not an entry.
        assert_eq!(entries(4, PAYLOAD_BYTES_MAX).check().unwrap_err().code(), "commit_too_large");
    }

    #[test]
    fn commit_of_as_many_entries_as_a_frame_holds_is_accepted_and_one_more_is_refused() {
        assert!(entries(FRAME_ENTRIES_MAX, 0).check().is_ok());
        assert_eq!(entries(FRAME_ENTRIES_MAX + 1, 0).check().unwrap_err().code(), "commit_too_large");
    }

    #[test]
    fn commit_of_as_many_bytes_as_a_frame_holds_is_accepted_and_one_more_is_refused() {
        let room = EXPANDED_BYTES_MAX - FRAME_HEADER_LEN - 5 * ENTRY_OVERHEAD_MAX - 4 * (3 << 20);
        let mut most = entries(4, 3 << 20);
        most.push(entry(&vec![1; room]));
        assert_eq!(most.frame_len_max(), EXPANDED_BYTES_MAX);
        assert!(most.check().is_ok());
        let mut more = entries(4, 3 << 20);
        more.push(entry(&vec![1; room + 1]));
        let error = more.check().unwrap_err();
        assert_eq!(error.code(), "commit_too_large");
        assert!(error.to_string().contains("5 entries and 16777217 bytes"), "{error}");
    }

    #[test]
    fn two_lists_fit_together_exactly_if_their_sum_fits() {
        let (one, two) = (entries(3, 4 << 20), EXPANDED_BYTES_MAX - FRAME_HEADER_LEN - 3 * (4 << 20));
        let two = two - 4 * ENTRY_OVERHEAD_MAX;
        assert!(one.fit_with(&entries(1, two)) && entries(1, two).fit_with(&one));
        assert!(!one.fit_with(&entries(1, two + 1)));
        assert!(entries(FRAME_ENTRIES_MAX - 1, 0).fit_with(&entries(1, 0)));
        assert!(!entries(FRAME_ENTRIES_MAX, 0).fit_with(&entries(1, 0)));
    }

    #[test]
    fn truncated_list_is_the_list_of_its_first_entries() {
        let mut all = PendingEntries::new();
        let mut first = PendingEntries::new();
        all.push(entry(b"one"));
        first.push(entry(b"one"));
        all.push(entry(b"two"));
        all.truncate(1);
        assert_eq!(all, first);
        all.push(entry(b"three"));
        let payloads: Vec<_> = all.iter().map(|e| e.payload).collect();
        assert_eq!(payloads, [&b"one"[..], b"three"]);
    }

    #[test]
    fn stamped_entries_are_one_nanosecond_apart() {
        let mut stamped = PendingEntries::new();
        stamped.push_stamped(&entries(3, 1), 10);
        assert_eq!(stamped.iter().map(|e| e.time).collect::<Vec<_>>(), [10, 11, 12]);
        assert_eq!(stamped.times(), (10, 12));
    }
}
