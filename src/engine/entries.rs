//! The entries of one commit, with their payloads in one buffer.

use crate::engine::entry::{Entry, Kind, PayloadVersion, Stamp, StreamChecksums};
use std::fmt;
use std::ops::Range;

/// The entries of one commit. The payloads are stored one after the other in one buffer, so a commit needs two
/// allocations, however many entries it has.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Entries {
    headers: Vec<EntryHeader>,
    payloads: Vec<u8>,
}

/// The fixed length of a copy. A copy of fixed length is faster than a copy of variable length, and most shared parts
/// of payloads are not longer than this length. The copied bytes after the shared part are removed again.
const CHUNK: usize = 16;

/// An entry whose payload is borrowed, for example from an [`Entries`].
pub type EntryRef<'a> = Entry<&'a [u8]>;

/// An entry without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EntryHeader {
    stamp: Stamp,
    kind: Kind,
    version: PayloadVersion,
    checksum: u32,
    /// The offset at which the payload begins.
    start: usize,
}

impl Entries {
    /// Creates an empty list with memory for this number of entries and payload bytes.
    pub(in crate::engine) fn with_capacity(entries: usize, bytes: usize) -> Entries {
        let payloads = Vec::with_capacity(if bytes > 0 { bytes + CHUNK } else { 0 });
        Entries { headers: Vec::with_capacity(entries), payloads }
    }

    /// Reserves memory for this total number of entries and payload bytes.
    pub(in crate::engine) fn grow_to(&mut self, entries: usize, bytes: usize) {
        self.headers.reserve(entries.saturating_sub(self.headers.len()));
        self.payloads.reserve(bytes.saturating_sub(self.payloads.len()));
    }

    /// Adds an entry that is stored as a difference from entry number `before` of this list. The payload of the new
    /// entry has three parts: the first `prefix` bytes of the payload of `before`, the payload of `entry`, and the last
    /// `suffix` bytes of the payload of `before`. Returns the new entry; `None` if the payload of `before` is too
    /// short.
    pub(in crate::engine) fn push(
        &mut self,
        entry: EntryRef<'_>,
        before: Option<usize>,
        (prefix, suffix): (usize, usize),
    ) -> Option<EntryRef<'_>> {
        let before = before.map_or(0..0, |n| self.payload_range(n));
        if prefix.max(suffix) > before.len() {
            return None;
        }
        let start = self.payloads.len();
        self.repeat(before.start, prefix);
        self.payloads.extend_from_slice(entry.payload);
        self.repeat(before.end - suffix, suffix);
        let Entry { stamp, kind, version, checksum, .. } = entry;
        self.headers.push(EntryHeader { stamp, kind, version, checksum, start });
        Some(Entry { payload: self.payloads.get(start..)?, ..entry })
    }

    /// Adds an entry. Its payload begins at offset `start` of the payload buffer, directly after the payload
    /// of the previous entry. The caller fills in the payload later: see [`Entries::resize_payloads`].
    pub(in crate::engine) fn push_at(&mut self, entry: EntryRef<'_>, start: usize) {
        let Entry { stamp, kind, version, checksum, .. } = entry;
        self.headers.push(EntryHeader { stamp, kind, version, checksum, start });
    }

    /// Sets the total length of all payloads. New bytes are zeros.
    pub(in crate::engine) fn resize_payloads(&mut self, len: usize) {
        self.payloads.resize(len, 0);
    }

    /// Returns the buffer of all payloads.
    pub(in crate::engine) fn payloads_mut(&mut self) -> &mut [u8] {
        &mut self.payloads
    }

    /// Sets the stream of all entries, and computes the checksum of each entry.
    pub(in crate::engine) fn set_stream(&mut self, checksums: &StreamChecksums) {
        self.headers.iter_mut().for_each(|header| header.stamp.stream = checksums.stream());
        for n in 0..self.headers.len() {
            let checksum = self.get(n).map_or(0, |entry| checksums.checksum(&entry));
            if let Some(header) = self.headers.get_mut(n) {
                header.checksum = checksum;
            }
        }
    }

    /// Appends a copy of `len` payload bytes that begin at offset `at`.
    fn repeat(&mut self, at: usize, len: usize) {
        let chunk = self.payloads.get(at..).and_then(<[u8]>::first_chunk::<CHUNK>).copied();
        match chunk {
            Some(chunk) if len <= CHUNK => {
                let end = self.payloads.len() + len;
                self.payloads.extend_from_slice(&chunk);
                self.payloads.truncate(end);
            }
            _ => self.payloads.extend_from_within(at..at + len),
        }
    }

    /// Appends copies of the entries of `other`, which may belong to another commit.
    pub(in crate::engine) fn append(&mut self, other: &Entries) {
        let offset = self.payloads.len();
        self.payloads.extend_from_slice(&other.payloads);
        self.headers.extend(
            other.headers.iter().map(|header| EntryHeader { start: offset + header.start, ..*header }),
        );
    }

    fn payload_range(&self, n: usize) -> Range<usize> {
        let start = |n: usize| self.headers.get(n).map_or(self.payloads.len(), |header| header.start);
        start(n)..start(n + 1)
    }

    /// Removes all entries after the first `len` entries.
    pub fn truncate(&mut self, len: usize) {
        let end = self.payload_range(len).start;
        self.headers.truncate(len);
        self.payloads.truncate(end);
    }

    /// Removes the first `count` entries.
    pub(in crate::engine) fn remove_first(&mut self, count: usize) {
        let removed = self.payload_range(count.min(self.headers.len())).start;
        self.headers.drain(..count.min(self.headers.len()));
        self.payloads.drain(..removed);
        self.headers.iter_mut().for_each(|header| header.start -= removed);
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.headers.len()
    }

    /// Returns true if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// Returns the total length of the payloads in bytes.
    pub fn payload_bytes(&self) -> usize {
        self.payloads.len()
    }

    /// Returns entry `n`, counted from 0.
    pub fn get(&self, n: usize) -> Option<EntryRef<'_>> {
        let EntryHeader { stamp, kind, version, checksum, .. } = *self.headers.get(n)?;
        let payload = self.payloads.get(self.payload_range(n)).unwrap_or_default();
        Some(Entry { stamp, kind, version, payload, checksum })
    }

    /// Returns the first entry.
    pub fn first(&self) -> Option<EntryRef<'_>> {
        self.get(0)
    }

    /// Returns the last entry.
    pub fn last(&self) -> Option<EntryRef<'_>> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Returns an iterator over the entries.
    pub fn iter(&self) -> Iter<'_> {
        Iter { entries: self, range: 0..self.len() }
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// An iterator over the entries of an [`Entries`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Iter<'a> {
    entries: &'a Entries,
    range: Range<usize>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        self.entries.get(self.range.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = EntryRef<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Returns entries that own copies of their payloads.
impl IntoIterator for Entries {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> std::vec::IntoIter<Entry> {
        self.iter().map(EntryRef::to_owned).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::{Seq, StreamId};

    fn entry(seq: u64, payload: &[u8]) -> EntryRef<'_> {
        let stamp = Stamp { time: seq, stream: StreamId([1; 16]), seq: Seq(seq) };
        Entry { stamp, kind: Kind(seq as u16), version: PayloadVersion(1), payload, checksum: 7 }
    }

    #[test]
    fn shared_parts_of_every_length_are_copied() {
        let first: Vec<u8> = (1..=60).collect();
        let mut entries = Entries::with_capacity(0, 0);
        entries.push(entry(1, &first), None, (0, 0)).unwrap();
        for (seq, len) in (2..).zip(0..=first.len()) {
            let expected = [&first[..len], b"-", &first[first.len() - len..]].concat();
            assert_eq!(
                entries.push(entry(seq, b"-"), Some(0), (len, len)),
                Some(entry(seq, &expected)),
                "{len}"
            );
            assert_eq!(entries.last(), Some(entry(seq, &expected)));
        }
        // Short payloads at the end of the buffer.
        let mut entries = Entries::with_capacity(2, 4);
        entries.push(entry(1, b"ab"), None, (0, 0)).unwrap();
        assert_eq!(entries.push(entry(2, b""), Some(0), (1, 1)), Some(entry(2, b"ab")));
    }

    #[test]
    fn payloads_are_combined_from_an_earlier_payload_and_own_bytes() {
        let mut entries = Entries::with_capacity(0, 0);
        assert_eq!(entries.last(), None);
        assert_eq!(entries.push(entry(1, b"abcdef"), None, (0, 0)), Some(entry(1, b"abcdef")));
        assert_eq!(entries.push(entry(2, b""), Some(0), (1, 0)), Some(entry(2, b"a")));
        assert_eq!(entries.push(entry(3, b"-"), Some(0), (6, 6)), Some(entry(3, b"abcdef-abcdef")));
        assert_eq!(entries.push(entry(4, b"-"), Some(1), (1, 1)), Some(entry(4, b"a-a")));
        for (before, shared) in
            [(None, (0, 1)), (None, (1, 0)), (Some(1), (2, 0)), (Some(1), (0, 2)), (Some(9), (1, 0))]
        {
            assert_eq!(entries.push(entry(5, b"-"), before, shared), None);
        }
        assert_eq!((entries.len(), entries.payload_bytes()), (4, 23));
        let owned: Vec<Entry> = entries.clone().into_iter().collect();
        assert!(entries.iter().eq(owned.iter().map(Entry::borrowed)));
        let mut twice = entries.clone();
        twice.append(&entries);
        assert!(twice.iter().eq(entries.iter().chain(&entries)));
        // The payload of an entry ends where the payload of the next entry begins.
        let mut rest = entries.clone();
        rest.remove_first(2);
        let mut joined = entries.clone();
        joined.append(&rest);
        assert!(joined.iter().eq(entries.iter().chain(entries.iter().skip(2))));
        entries.truncate(9);
        assert_eq!(entries.len(), 4);
        entries.truncate(2);
        assert_eq!((entries.last(), entries.payload_bytes()), (Some(entry(2, b"a")), 7));
        entries.truncate(0);
        assert!(entries.is_empty());
    }
}
