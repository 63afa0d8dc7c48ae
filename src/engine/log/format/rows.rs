//! The encoding of the entries of a frame as rows. docs/FORMAT.md specifies the bytes ("Rows").
//!
//! A payload is stored completely, or as a difference from an earlier payload of the same frame. For any bytes, the
//! decoded payloads of a frame take at most [`EXPANDED_BYTES_MAX`] bytes.

use crate::engine::bytes::{Reader, put_varint};
use crate::engine::checksum::unsalted_crc32;
use crate::engine::codec::PAYLOAD_BYTES_MAX;
use crate::engine::entries::{Entries, EntryRef};
use crate::engine::entry::{
    CANONICAL_HEAD_LEN, Entry, Kind, PayloadVersion, Seq, Stamp, StreamChecksums, StreamId, canonical_head,
};
use crate::engine::log::format::limits::EXPANDED_BYTES_MAX;
use crate::engine::log::format::pending::PendingEntries;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The minimum length of a row in bytes.
const ROW_BYTES_MIN: usize = 10;

/// The encoded rows of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    /// The payload of the frame without padding, or a prefix of it.
    pub(super) payload: &'a [u8],
    /// The length of the whole payload in bytes.
    pub(super) payload_len: usize,
    /// The number of rows.
    pub(super) count: usize,
    /// The stream of the entries.
    pub(super) stream: StreamId,
    /// The sequence number of the first entry.
    pub(super) first: Seq,
    /// The time of the first entry.
    pub(super) time: u64,
}

impl Rows<'_> {
    /// Decodes all rows. Returns `None` if the payload does not consist of valid rows.
    pub(super) fn decode(&self, checksums: &StreamChecksums) -> Option<Entries> {
        // The payload of a single row is stored completely, because no payload precedes it. The row is therefore not
        // shorter than its decoded payload.
        let capacity = if self.count == 1 { self.payload.len() } else { self.expanded_len()? };
        let mut rows = RowReader::new(self, capacity)?;
        for _ in 0..self.count {
            rows.next_entry().filter(|entry| checksums.is_valid(entry))?;
        }
        (rows.reader.remaining() == 0).then_some(rows.entries)
    }

    /// Decodes the rows before the first invalid row. Returns their entries, and the number of payload bytes that were
    /// decoded. A row is invalid if it is malformed or its checksum differs. `checksums` is `None` if the stream is not
    /// known. Checksums are then not compared, and no entry is returned unless all rows can be decoded.
    pub(super) fn decode_leniently(&self, checksums: Option<&StreamChecksums>) -> (Vec<Entry>, u64) {
        let Some(mut rows) = RowReader::new(self, 0) else { return (Vec::new(), 0) };
        let is_valid = |entry: &EntryRef<'_>| checksums.is_none_or(|c| c.is_valid(entry));
        let mut valid = 0;
        while valid < self.count && rows.next_entry().filter(is_valid).is_some() {
            valid += 1;
        }
        let is_complete = valid == self.count && rows.reader.remaining() == 0;
        let decoded = rows.entries.payload_bytes() as u64;
        rows.entries.truncate(if checksums.is_some() || is_complete { valid } else { 0 });
        (rows.entries.into_iter().collect(), decoded)
    }

    /// Returns the total length of the decoded payloads of the rows. Returns `None` if a length exceeds its maximum, or
    /// if the length of all rows differs from that of the payload of the frame. The caller reserves memory for the
    /// payloads only after this check, so damaged or hostile bytes cannot cause a large reservation.
    fn expanded_len(&self) -> Option<usize> {
        let mut rows = Reader::new(self.payload);
        let mut expanded = 0usize;
        for _ in 0..self.count {
            expanded = expanded.checked_add(Row::read(&mut rows)?.payload_len()?)?;
            if expanded > EXPANDED_BYTES_MAX {
                return None;
            }
        }
        (rows.remaining() == 0).then_some(expanded)
    }
}

/// Appends the rows of the entries `rows` to `out`, and the canonical bytes of these entries to `canonical`. `first` is
/// the sequence number of the first entry. Returns the checksum of the last entry; 0 if there is no entry.
pub(super) fn put_rows(
    out: &mut Vec<u8>,
    canonical: &mut Vec<u8>,
    rows: &PendingEntries,
    stream: StreamId,
    first: Seq,
) -> u32 {
    let mut last = 0;
    let mut latest = Latest { kinds: Vec::new() };
    let mut time = rows.times().0;
    let is_single = rows.len() == 1;
    canonical.reserve(rows.payload_bytes() + rows.len() * CANONICAL_HEAD_LEN);
    for (row, n) in rows.iter().zip(0u64..) {
        let stamp = Stamp { time: row.time, stream, seq: first.plus(n) };
        let payload = row.payload;
        let before = if is_single { &[][..] } else { latest.replace(row.kind, payload) };
        let prefix = shared_prefix(before, payload);
        let rest = payload.get(prefix..).unwrap_or_default();
        let suffix = shared_suffix(before.get(prefix..).unwrap_or_default(), rest);
        let middle = rest.get(..rest.len() - suffix).unwrap_or_default();
        // The checksum equals `entry_checksum`. One update of the hasher with one slice is faster than two updates.
        let from = canonical.len();
        canonical.extend_from_slice(&canonical_head(&stamp, row.kind, row.version, payload.len()));
        canonical.extend_from_slice(payload);
        let checksum = unsalted_crc32(canonical.get(from..).unwrap_or_default());
        let numbers = [
            u64::from(row.kind.0),
            u64::from(row.version.0),
            prefix as u64,
            suffix as u64,
            middle.len() as u64,
        ];
        put_row_head(out, checksum, row.time.saturating_sub(time), numbers);
        out.extend_from_slice(middle);
        (time, last) = (row.time, checksum);
    }
    last
}

/// Appends the checksum and the six numbers of a row.
///
/// The checksum is stored before the bytes that it covers. If it followed them, the payload checksum of the frame would
/// not depend on these bytes, because the CRC over a message and its own CRC is a constant.
#[inline]
fn put_row_head(out: &mut Vec<u8>, checksum: u32, step: u64, numbers: [u64; 5]) {
    let [a, b, c, d] = checksum.to_le_bytes();
    let [kind, version, prefix, suffix, len] = numbers.map(|number| number as u8);
    // In most rows the time step has at most two bytes, and each other number has one byte.
    let is_short = (numbers.iter().fold(0, |bits, number| bits | number)) < 0x80;
    match step {
        0..0x80 if is_short => {
            out.extend_from_slice(&[a, b, c, d, step as u8, kind, version, prefix, suffix, len]);
        }
        0x80..0x4000 if is_short => {
            let (low, high) = (step as u8 | 0x80, (step >> 7) as u8);
            out.extend_from_slice(&[a, b, c, d, low, high, kind, version, prefix, suffix, len]);
        }
        _ => {
            out.extend_from_slice(&[a, b, c, d]);
            put_varint(out, step);
            numbers.iter().for_each(|number| put_varint(out, *number));
        }
    }
}

/// The last payload of each kind in a frame, for at most [`Latest::KINDS_MAX`] recently used kinds. The next payload of
/// such a kind is stored as a difference from this payload. A payload of another kind is stored completely.
struct Latest<'a> {
    kinds: Vec<(Kind, &'a [u8])>,
}

impl<'a> Latest<'a> {
    const KINDS_MAX: usize = 32;

    /// Sets the last payload of a kind. Returns the payload that it replaces; an empty slice if there is none.
    #[inline]
    fn replace(&mut self, kind: Kind, payload: &'a [u8]) -> &'a [u8] {
        match self.kinds.first_mut() {
            Some((first, before)) if *first == kind => std::mem::replace(before, payload),
            _ => self.replace_other(kind, payload),
        }
    }

    fn replace_other(&mut self, kind: Kind, payload: &'a [u8]) -> &'a [u8] {
        let Some(at) = self.kinds.iter().position(|(k, _)| *k == kind) else {
            self.kinds.truncate(Latest::KINDS_MAX - 1);
            self.kinds.insert(0, (kind, payload));
            return &[];
        };
        self.kinds.swap(0, at);
        match self.kinds.first_mut() {
            Some(slot) => std::mem::replace(&mut slot.1, payload),
            None => &[],
        }
    }
}

/// Returns the number of bytes with which both slices begin.
#[inline]
fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut shared = 0;
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        let different = u128::from_le_bytes(*x) ^ u128::from_le_bytes(*y);
        if different != 0 {
            return shared + different.trailing_zeros() as usize / 8;
        }
        shared += 16;
    }
    // The shorter slice has less than one chunk more.
    let (a, b) = match a_chunks.len().cmp(&b_chunks.len()) {
        Ordering::Less => (a_rest, b.get(shared..).unwrap_or_default()),
        Ordering::Equal => (a_rest, b_rest),
        Ordering::Greater => (a.get(shared..).unwrap_or_default(), b_rest),
    };
    shared + a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// Returns the number of bytes with which both slices end.
#[inline]
fn shared_suffix(a: &[u8], b: &[u8]) -> usize {
    // Most slices differ in their last eight bytes.
    if let (Some(x), Some(y)) = (a.last_chunk(), b.last_chunk()) {
        let different = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if different != 0 {
            return different.leading_zeros() as usize / 8;
        }
    }
    shared_long_suffix(a, b)
}

fn shared_long_suffix(a: &[u8], b: &[u8]) -> usize {
    let mut shared = 0;
    for (x, y) in a.as_rchunks::<8>().1.iter().rev().zip(b.as_rchunks::<8>().1.iter().rev()) {
        let different = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if different != 0 {
            return shared + different.leading_zeros() as usize / 8;
        }
        shared += 8;
    }
    let rest = |bytes: &[u8]| bytes.len() - shared;
    let (a, b) = (a.get(..rest(a)).unwrap_or_default(), b.get(..rest(b)).unwrap_or_default());
    shared + a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count()
}

/// A reader of the rows of a frame.
struct RowReader<'a> {
    reader: Reader<'a>,
    stream: StreamId,
    first: Seq,
    time: u64,
    entries: Entries,
    /// The index of the last entry of each kind. The index of the previous row is in `row_before`, so its kind may be
    /// missing here or have an older index.
    latest: BTreeMap<u16, usize>,
    /// The kind and index of the previous row. Most frames have entries of one kind only, which need no lookup in
    /// `latest`.
    row_before: Option<(u16, usize)>,
}

impl<'a> RowReader<'a> {
    /// Creates a reader with memory for `capacity` bytes of decoded payloads. Returns `None` if the payload of the frame
    /// is too short for its number of entries.
    fn new(rows: &Rows<'a>, capacity: usize) -> Option<RowReader<'a>> {
        if rows.count.checked_mul(ROW_BYTES_MIN)? > rows.payload_len {
            return None;
        }
        // An incomplete payload has fewer rows than the header states.
        let count = if capacity > 0 { rows.count.min(rows.payload.len() / ROW_BYTES_MIN) } else { 0 };
        Some(RowReader {
            reader: Reader::new(rows.payload),
            stream: rows.stream,
            first: rows.first,
            time: rows.time,
            entries: Entries::with_capacity(count, capacity),
            latest: BTreeMap::new(),
            row_before: None,
        })
    }

    /// Decodes the next row without comparing the checksum of the entry. Returns `None` if the row is malformed, or if
    /// a length exceeds its maximum.
    fn next_entry(&mut self) -> Option<EntryRef<'_>> {
        let n = self.entries.len();
        let row = Row::read(&mut self.reader)?;
        self.time = self.time.checked_add(row.time)?;
        let before = match self.row_before.replace((row.kind, n)) {
            Some((other, at)) if other != row.kind => {
                self.latest.insert(other, at);
                self.latest.get(&row.kind).copied()
            }
            same => same.map(|(_, at)| at),
        };
        if self.entries.payload_bytes().checked_add(row.payload_len()?)? > EXPANDED_BYTES_MAX {
            return None;
        }
        let entry = Entry {
            stamp: Stamp { time: self.time, stream: self.stream, seq: self.first.plus(n as u64) },
            kind: Kind(row.kind),
            version: PayloadVersion(row.version),
            payload: row.middle,
            checksum: row.checksum,
        };
        self.entries.push(entry, before, (row.prefix, row.suffix))
    }
}

/// An encoded entry in the payload of a frame. FORMAT.md specifies the bytes ("Rows").
struct Row<'a> {
    checksum: u32,
    /// The difference from the time of the previous entry, in nanoseconds; 0 for the first entry of a frame.
    time: u64,
    kind: u16,
    version: u16,
    prefix: usize,
    suffix: usize,
    middle: &'a [u8],
}

impl<'a> Row<'a> {
    #[inline(always)]
    fn read(reader: &mut Reader<'a>) -> Option<Row<'a>> {
        // This is the fast path: in most rows, every integer has one byte.
        if let Some((head, rest)) = reader.rest().split_first_chunk::<ROW_BYTES_MIN>()
            && let [a, b, c, d, time, kind, version, prefix, suffix, len] = *head
            && (time | kind | version | prefix | suffix | len) < 0x80
        {
            let (middle, rest) = rest.split_at_checked(usize::from(len))?;
            *reader = Reader::new(rest);
            return Some(Row {
                checksum: u32::from_le_bytes([a, b, c, d]),
                time: u64::from(time),
                kind: u16::from(kind),
                version: u16::from(version),
                prefix: usize::from(prefix),
                suffix: usize::from(suffix),
                middle,
            });
        }
        Some(Row {
            checksum: reader.u32()?,
            time: reader.varint()?,
            kind: u16::try_from(reader.varint()?).ok()?,
            version: u16::try_from(reader.varint()?).ok()?,
            prefix: reader.length()?,
            suffix: reader.length()?,
            middle: reader.length_prefixed()?,
        })
    }

    /// Returns the length of the decoded payload; `None` if it exceeds the maximum.
    fn payload_len(&self) -> Option<usize> {
        let len = self.prefix.checked_add(self.suffix)?.checked_add(self.middle.len())?;
        (len <= PAYLOAD_BYTES_MAX).then_some(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_shared_with_the_payload_before_is_measured_to_the_byte() {
        for len in 0..100 {
            let shared = vec![b's'; len];
            let (a, b) = ([b"ab", &shared[..]].concat(), [b"xyz", &shared[..]].concat());
            assert_eq!(shared_suffix(&a, &b), len);
            let (a, b) = ([&shared[..], b"ab"].concat(), [&shared[..], b"xyz"].concat());
            assert_eq!(shared_prefix(&a, &b), len);
        }
    }
}
