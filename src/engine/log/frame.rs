//! One frame: one atomic commit of entries, or a mark. Bytes: FORMAT.md, "Frame" and "Rows".
//!
//! Invariants:
//! 1. A frame is whole or it is nothing: no entry of it is handed out unless both checksums hold.
//! 2. No frame needs another frame to be read. What repeats is shared inside the frame only.
//! 3. Decoding takes memory bounded by [`EXPANDED_BYTES_MAX`], whatever the bytes say.

use crate::engine::bytes::{Reader, is_zero, pad_to_8, put_varint};
use crate::engine::checksum::salted_crc32;
use crate::engine::codec::{CODEC_ROWS, PAYLOAD_BYTES_MAX};
use crate::engine::entry::{
    Entry, Kind, PayloadVersion, Seq, Stamp, StreamId, canonical_head, entry_checksum,
};
use std::collections::HashMap;

/// The first four bytes of every frame.
pub const FRAME_MAGIC: [u8; 4] = *b"CxF1";
/// Length of a frame's header.
pub const FRAME_HEADER_LEN: usize = 48;
/// Frames begin at multiples of this.
pub const FRAME_ALIGN: u64 = 8;
/// Greatest payload of one frame.
pub const FRAME_PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// Greatest sum of the payloads of the entries of one frame, once expanded.
pub const EXPANDED_BYTES_MAX: usize = 16 << 20;
/// Greatest number of entries in one frame.
pub const FRAME_ENTRIES_MAX: usize = 1 << 16;

/// The frame holds entries.
pub const FLAG_ENTRIES: u16 = 0;
/// The frame is a close mark: a writer ended cleanly here.
pub const FLAG_CLOSE: u16 = 1;
/// The frame is a seal: the segment ends here and will not change.
pub const FLAG_SEAL: u16 = 2;

const ROW_BYTES_MIN: usize = 10;

const _: () = assert!((FRAME_HEADER_LEN as u64).is_multiple_of(FRAME_ALIGN));
const _: () =
    assert!(PAYLOAD_BYTES_MAX <= EXPANDED_BYTES_MAX && EXPANDED_BYTES_MAX <= FRAME_PAYLOAD_BYTES_MAX);

/// An entry not yet in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The sort of event.
    pub kind: Kind,
    /// The payload's version.
    pub version: PayloadVersion,
    /// The encoded event.
    pub payload: Vec<u8>,
}

/// The fixed head of a frame, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of payload behind the header, without padding.
    pub payload_len: u32,
    /// Number of entries; 0 for a mark.
    pub entries: u32,
    /// How the payload is encoded.
    pub codec: u16,
    /// One of [`FLAG_ENTRIES`], [`FLAG_CLOSE`], [`FLAG_SEAL`].
    pub flags: u16,
    /// The number of the first entry; for a mark, of the entry that would come next.
    pub first: Seq,
    /// The time of the first entry; for a mark, of the last entry before it.
    pub time: u64,
    payload_checksum: u32,
}

impl FrameHeader {
    /// Reads and checks a header. `None`: these bytes are not the header of a frame of this segment.
    pub fn decode(bytes: &[u8], salt: u64) -> Option<FrameHeader> {
        let bytes = bytes.get(..FRAME_HEADER_LEN)?;
        let mut reader = Reader::new(bytes);
        if reader.array::<4>()? != FRAME_MAGIC {
            return None;
        }
        let header = FrameHeader {
            payload_len: reader.u32()?,
            entries: reader.u32()?,
            codec: reader.u16()?,
            flags: reader.u16()?,
            first: Seq(reader.u64()?),
            time: reader.u64()?,
            payload_checksum: reader.u32()?,
        };
        let reserved = reader.take(8)?;
        let checksum = reader.u32()?;
        let covered = bytes.get(..FRAME_HEADER_LEN - 4)?;
        let shape = header.payload_len as usize <= FRAME_PAYLOAD_BYTES_MAX
            && header.entries as usize <= FRAME_ENTRIES_MAX
            && (header.entries == 0) == (header.flags != FLAG_ENTRIES)
            && header.flags <= FLAG_SEAL
            && header.first.0 > 0
            && header.first.0.checked_add(u64::from(header.entries)).is_some()
            && is_zero(reserved);
        (checksum == salted_crc32(header_salt(salt), &[covered]) && shape).then_some(header)
    }

    /// The number of the last entry; for a mark, of the last entry before it.
    pub fn last(&self) -> Seq {
        self.next().previous()
    }

    /// The number of the entry after this frame.
    pub fn next(&self) -> Seq {
        self.first.plus(u64::from(self.entries))
    }

    /// Length of the whole frame: header, payload, padding.
    pub fn frame_len(&self) -> u64 {
        (FRAME_HEADER_LEN as u64 + u64::from(self.payload_len)).next_multiple_of(FRAME_ALIGN)
    }

    /// Whether `payload` (the bytes behind the header, padding included) is the one this header was written for.
    pub fn matches(&self, payload: &[u8], salt: u64) -> bool {
        let Some((payload, padding)) = payload.split_at_checked(self.payload_len as usize) else {
            return false;
        };
        self.payload_checksum == salted_crc32(salt, &[payload]) && is_zero(padding)
    }
}

/// The salt of a header's checksum. The header holds the payload's checksum; with one and the same salt in both, the
/// salt could cancel out of the header's.
fn header_salt(salt: u64) -> u64 {
    salt.rotate_left(17)
}

fn put_frame(out: &mut Vec<u8>, header: FrameHeader, payload: &[u8], salt: u64) {
    let start = out.len();
    out.extend_from_slice(&FRAME_MAGIC);
    out.extend_from_slice(&header.payload_len.to_le_bytes());
    out.extend_from_slice(&header.entries.to_le_bytes());
    out.extend_from_slice(&header.codec.to_le_bytes());
    out.extend_from_slice(&header.flags.to_le_bytes());
    out.extend_from_slice(&header.first.0.to_le_bytes());
    out.extend_from_slice(&header.time.to_le_bytes());
    out.extend_from_slice(&salted_crc32(salt, &[payload]).to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    let checksum = salted_crc32(header_salt(salt), &[out.get(start..).unwrap_or_default()]);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(payload);
    pad_to_8(out);
}

/// Appends a mark (close or seal) to `out`.
pub fn put_mark(out: &mut Vec<u8>, flags: u16, next: Seq, time: u64, payload: &[u8], salt: u64) {
    let header = FrameHeader {
        payload_len: payload.len() as u32,
        entries: 0,
        codec: 0,
        flags,
        first: next,
        time,
        payload_checksum: 0,
    };
    put_frame(out, header, payload, salt);
}

fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

fn shared_suffix(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count()
}

/// Appends one frame with `drafts` to `out`. Their stamps are `first` and on, at `time` and on.
/// Calls `each` with every entry's canonical head and payload, in order (the chain hangs on it).
///
/// The caller has checked that the drafts fit: at most [`FRAME_ENTRIES_MAX`] of them, at least one, none
/// over [`PAYLOAD_BYTES_MAX`], together at most [`EXPANDED_BYTES_MAX`].
pub fn put_entries(
    out: &mut Vec<u8>,
    drafts: &[Draft],
    first: Stamp,
    salt: u64,
    mut each: impl FnMut(&[u8; 40], &[u8]),
) {
    let mut rows = Vec::with_capacity(drafts.iter().map(|d| d.payload.len() + 24).sum());
    let mut latest: HashMap<u16, &[u8]> = HashMap::new();
    for (n, draft) in drafts.iter().enumerate() {
        let n = n as u64;
        let stamp = Stamp { time: first.time + n, stream: first.stream, seq: first.seq.plus(n) };
        let head = canonical_head(&stamp, draft.kind, draft.version, draft.payload.len());
        let payload = draft.payload.as_slice();
        let before = if drafts.len() > 1 {
            latest.insert(draft.kind.0, payload).unwrap_or_default()
        } else {
            Default::default()
        };
        let prefix = shared_prefix(before, payload);
        let rest = payload.get(prefix..).unwrap_or_default();
        let suffix = shared_suffix(before.get(prefix..).unwrap_or_default(), rest);
        let middle = rest.get(..rest.len() - suffix).unwrap_or_default();
        // In front of what it covers: a CRC behind its own message makes the CRC over both a constant.
        rows.extend_from_slice(&entry_checksum(&head, payload).to_le_bytes());
        put_varint(&mut rows, n.min(1));
        put_varint(&mut rows, u64::from(draft.kind.0));
        put_varint(&mut rows, u64::from(draft.version.0));
        put_varint(&mut rows, prefix as u64);
        put_varint(&mut rows, suffix as u64);
        put_varint(&mut rows, middle.len() as u64);
        rows.extend_from_slice(middle);
        each(&head, payload);
    }
    let header = FrameHeader {
        payload_len: rows.len() as u32,
        entries: drafts.len() as u32,
        codec: CODEC_ROWS,
        flags: FLAG_ENTRIES,
        first: first.seq,
        time: first.time,
        payload_checksum: 0,
    };
    put_frame(out, header, &rows, salt);
}

/// Reads the entries of a frame whose checksums hold. `None`: the frame is intact, but what it holds is not
/// rows of entries as this format has them (a hostile or newer writer).
pub fn decode_entries(header: &FrameHeader, payload: &[u8], stream: StreamId) -> Option<Vec<Entry>> {
    if header.codec != CODEC_ROWS {
        return None;
    }
    let mut reader = Reader::new(payload.get(..header.payload_len as usize)?);
    let count = header.entries as usize;
    if count.checked_mul(ROW_BYTES_MIN)? > reader.remaining() {
        return None;
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(count);
    let mut latest: HashMap<u16, usize> = HashMap::new();
    let mut expanded = 0usize;
    let mut time = header.time;
    for n in 0..count {
        let checksum = reader.u32()?;
        time = time.checked_add(reader.varint()?)?;
        let kind = u16::try_from(reader.varint()?).ok()?;
        let version = u16::try_from(reader.varint()?).ok()?;
        let (prefix, suffix, middle) = (reader.length()?, reader.length()?, reader.length_prefixed()?);
        let before = match latest.insert(kind, n) {
            Some(at) => entries.get(at)?.payload.as_slice(),
            None => &[],
        };
        let len = prefix.checked_add(suffix)?.checked_add(middle.len())?;
        expanded = expanded.checked_add(len)?;
        if len > PAYLOAD_BYTES_MAX || expanded > EXPANDED_BYTES_MAX {
            return None;
        }
        let head = before.get(..prefix)?;
        let tail = before.get(before.len().checked_sub(suffix)?..)?;
        let payload = [head, middle, tail].concat();
        let stamp = Stamp { time, stream, seq: header.first.plus(n as u64) };
        let (kind, version) = (Kind(kind), PayloadVersion(version));
        if checksum != entry_checksum(&canonical_head(&stamp, kind, version, payload.len()), &payload) {
            return None;
        }
        entries.push(Entry { stamp, kind, version, payload, checksum });
    }
    (reader.remaining() == 0).then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: StreamId = StreamId([3; 16]);

    fn draft(kind: u16, payload: &[u8]) -> Draft {
        Draft { kind: Kind(kind), version: PayloadVersion(1), payload: payload.to_vec() }
    }

    fn frame(drafts: &[Draft], salt: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put_entries(&mut out, drafts, Stamp { time: 1000, stream: STREAM, seq: Seq(5) }, salt, |_, _| {});
        out
    }

    #[test]
    fn what_repeats_in_a_frame_is_written_once() {
        let long = [b'r'; 200];
        let drafts: Vec<Draft> =
            (0..100u8).map(|n| draft(1, &[&long[..], &[n], &long[..]].concat())).collect();
        let bytes = frame(&drafts, 7);
        assert!(bytes.len() < 400 + 100 * 16, "{}", bytes.len());
        let header = FrameHeader::decode(&bytes, 7).unwrap();
        let entries = decode_entries(&header, &bytes[FRAME_HEADER_LEN..], STREAM).unwrap();
        let payloads: Vec<_> = entries.iter().map(|e| e.payload.clone()).collect();
        assert_eq!(payloads, drafts.iter().map(|d| d.payload.clone()).collect::<Vec<_>>());
        assert_eq!(entries[99].stamp, Stamp { time: 1099, stream: STREAM, seq: Seq(104) });
        assert_eq!((header.last(), header.next()), (Seq(104), Seq(105)));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = frame(&[draft(1, b"loss 0.25"), draft(2, b"accuracy")], 7);
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let accepted =
                FrameHeader::decode(&bad, 7).is_some_and(|h| h.matches(&bad[FRAME_HEADER_LEN..], 7));
            assert!(!accepted, "bit {bit}");
        }
    }

    #[test]
    fn another_salt_is_another_segment() {
        let bytes = frame(&[draft(1, b"x")], 7);
        assert!(FrameHeader::decode(&bytes, 8).is_none());
    }

    #[test]
    fn checksums_depend_on_what_they_cover_and_on_the_salt() {
        let payload_checksum =
            |text: &[u8]| FrameHeader::decode(&frame(&[draft(1, text)], 7), 7).unwrap().payload_checksum;
        let sums: std::collections::BTreeSet<u32> =
            [&b"hello"[..], b"HELLO", b"xxxxx"].iter().map(|t| payload_checksum(t)).collect();
        assert_eq!(sums.len(), 3);
        let mark_checksum = |salt| {
            let mut out = Vec::new();
            put_mark(&mut out, FLAG_CLOSE, Seq(2), 9, &[1; 32], salt);
            out[FRAME_HEADER_LEN - 4..FRAME_HEADER_LEN].to_vec()
        };
        assert_ne!(mark_checksum(1), mark_checksum(2));
    }

    #[test]
    fn a_small_frame_that_claims_to_expand_is_refused() {
        // Rows that each repeat the 4 MiB before them: a few bytes a row, gigabytes expanded.
        let mut rows = Vec::new();
        let large = vec![1u8; PAYLOAD_BYTES_MAX];
        let mut stamp = Stamp { time: 1, stream: STREAM, seq: Seq(1) };
        for n in 0..5000u64 {
            let head = canonical_head(&stamp, Kind(1), PayloadVersion(1), large.len());
            let checksum = if n < 4 { entry_checksum(&head, &large) } else { 0 };
            rows.extend_from_slice(&checksum.to_le_bytes());
            put_varint(&mut rows, n.min(1));
            put_varint(&mut rows, 1);
            put_varint(&mut rows, 1);
            put_varint(&mut rows, if n == 0 { 0 } else { large.len() as u64 });
            put_varint(&mut rows, 0);
            put_varint(&mut rows, if n == 0 { large.len() as u64 } else { 0 });
            rows.extend_from_slice(if n == 0 { &large } else { &[] });
            stamp = Stamp { time: stamp.time + 1, seq: stamp.seq.next(), ..stamp };
        }
        let header = FrameHeader {
            payload_len: rows.len() as u32,
            entries: 5000,
            codec: CODEC_ROWS,
            flags: FLAG_ENTRIES,
            first: Seq(1),
            time: 1,
            payload_checksum: 0,
        };
        assert_eq!(decode_entries(&header, &rows, STREAM), None);
    }
}
