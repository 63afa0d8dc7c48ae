//! The encoding of a frame: one atomic commit of entries, or a mark. docs/FORMAT.md specifies the bytes ("Frame").
//!
//! Invariants:
//! 1. A frame is atomic: none of its entries is decoded unless the checksums of the header and of the payload are
//!    valid.
//! 2. Every frame can be decoded without other frames.
//! 3. Decoding needs bounded memory for any bytes. A frame has at most [`FRAME_ENTRIES_MAX`] entries, and the module
//!    `rows` limits the total length of their decoded payloads.

use crate::engine::bytes::{Reader, is_zero};
use crate::engine::checksum::salted_crc32;
use crate::engine::codec::{CODEC_COLUMNS, CODEC_ERASED, CODEC_ROWS};
use crate::engine::entries::Entries;
use crate::engine::entry::{Entry, Seq, StreamChecksums, StreamId};
use crate::engine::log::format::columns::{ColumnWriter, Columns, UnverifiedColumns};
use crate::engine::log::format::limits::{
    FRAME_ALIGN, FRAME_ENTRIES_MAX, FRAME_HEADER_LEN, FRAME_PAYLOAD_BYTES_MAX,
};
use crate::engine::log::format::pending::PendingEntries;
use crate::engine::log::format::rows::{Rows, put_rows};
use crate::engine::log::format::trace::{Covered, HEADER_SALT_ROTATION, SaltTrace};

/// The first four bytes of every frame.
pub const FRAME_MAGIC: [u8; 4] = *b"CxF1";
/// Flags of a frame that holds entries.
pub const FLAG_ENTRIES: u16 = 0;
/// Flags of a close mark: the writer closed the stream here.
pub const FLAG_CLOSE: u16 = 1;
/// Flags of a seal: the segment ends here and does not change any more.
pub const FLAG_SEAL: u16 = 2;

/// Offset of the checksum in a header: the header's last field, which covers all others.
const CHECKSUM_AT: usize = FRAME_HEADER_LEN - 4;
/// Number of reserved bytes of a header, which are zero.
const RESERVED_LEN: usize = 8;

/// The header of a frame. [`FrameHeader::decode`] returns only headers with a valid checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Length in bytes of the payload after the header, without padding.
    pub payload_len: u32,
    /// Number of entries; 0 for a mark.
    pub entries: u32,
    /// The id of the codec of the payload.
    pub codec: u16,
    /// One of [`FLAG_ENTRIES`], [`FLAG_CLOSE`], [`FLAG_SEAL`].
    pub flags: u16,
    /// The sequence number of the first entry; for a mark, the sequence number of the next entry.
    pub first: Seq,
    /// The time of the first entry; for a mark, the time of the last entry before it.
    pub time: u64,
    payload_checksum: u32,
}

impl FrameHeader {
    /// Decodes and checks a header. `salt` is the [`frame_salt`] of the frame. Returns `None` if the bytes are not a
    /// valid header of a frame with this salt.
    pub fn decode(bytes: &[u8], salt: u64) -> Option<FrameHeader> {
        let (header, checksum) = FrameHeader::parse(bytes)?;
        let covered = bytes.get(..CHECKSUM_AT)?;
        (checksum == salted_crc32(header_salt(salt), &[covered])).then_some(header)
    }

    /// Decodes a header without comparing its checksum, which is returned beside it. Returns `None` if a field has a value
    /// that no frame has.
    pub(in crate::engine) fn parse(bytes: &[u8]) -> Option<(FrameHeader, u32)> {
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
        let reserved = reader.take(RESERVED_LEN)?;
        let checksum = reader.u32()?;
        let shape = header.payload_len as usize <= FRAME_PAYLOAD_BYTES_MAX
            && header.entries as usize <= FRAME_ENTRIES_MAX
            && (header.entries == 0) == (header.flags != FLAG_ENTRIES)
            && header.flags <= FLAG_SEAL
            && header.first.0 > 0
            && header.first.0.checked_add(u64::from(header.entries)).is_some()
            && is_zero(reserved);
        shape.then_some((header, checksum))
    }

    /// Returns the trace of the salt of a frame, from the bytes of its header and its payload without padding.
    pub(in crate::engine) fn salt_trace(&self, checksum: u32, header: &[u8], payload: &[u8]) -> SaltTrace {
        let covered = header.get(..CHECKSUM_AT).unwrap_or_default();
        SaltTrace::of(
            Covered { checksum, bytes: covered },
            Covered { checksum: self.payload_checksum, bytes: payload },
        )
    }

    /// Returns the encoded rows of the frame. `payload` is the payload without padding, or a prefix of it.
    fn rows<'a>(&self, payload: &'a [u8], stream: StreamId) -> Rows<'a> {
        Rows {
            payload,
            payload_len: self.payload_len as usize,
            count: self.entries as usize,
            stream,
            first: self.first,
            time: self.time,
        }
    }

    /// Returns the encoded columns of the frame. `payload` is the payload without padding.
    fn columns<'a>(&self, payload: &'a [u8]) -> Columns<'a> {
        Columns { payload, count: self.entries as usize, first: self.first, time: self.time }
    }

    /// Returns true if the frame replaces erased entries.
    pub fn is_erased(&self) -> bool {
        self.codec == CODEC_ERASED && self.flags == FLAG_ENTRIES && self.payload_len == 0
    }

    /// Returns the sequence number of the last entry; for a mark, of the last entry before the mark.
    pub fn last(&self) -> Seq {
        self.next().previous()
    }

    /// Returns the sequence number of the next entry after this frame.
    pub fn next(&self) -> Seq {
        self.first.plus(u64::from(self.entries))
    }

    /// Returns the length of the frame in bytes: header, payload and padding.
    pub fn frame_len(&self) -> u64 {
        (FRAME_HEADER_LEN as u64 + u64::from(self.payload_len)).next_multiple_of(FRAME_ALIGN)
    }

    /// Returns true if the payload has a valid checksum and the padding is zero. `payload` contains the bytes after the
    /// header, padding included. `salt` is the [`frame_salt`] of the frame.
    pub fn matches(&self, payload: &[u8], salt: u64) -> bool {
        let Some((payload, padding)) = payload.split_at_checked(self.payload_len as usize) else {
            return false;
        };
        self.payload_checksum == salted_crc32(salt, &[payload]) && is_zero(padding)
    }
}

/// Returns the salt of the frame that begins at `offset` of a segment. The salts of two offsets differ, so a frame is
/// valid only at its own offset.
///
/// A CRC-32 detects every difference within 32 adjacent bits, and the salts of two offsets below 4 GiB differ only in
/// the lower 32 bits. The checksums of a frame are therefore never valid at another offset below 4 GiB.
pub fn frame_salt(segment_salt: u64, offset: u64) -> u64 {
    segment_salt ^ offset
}

/// Returns the salt of the header checksum, computed from the salt of the payload checksum. The header contains the
/// payload checksum, so both salts influence the header checksum. If the salts were equal, their influences could
/// cancel each other out: a header could then be valid at the offset of another frame.
fn header_salt(salt: u64) -> u64 {
    salt.rotate_left(HEADER_SALT_ROTATION)
}

/// Completes the frame that begins at `start` of `out`: computes the checksums, writes the header into the free space
/// before the payload, and appends the padding.
fn finish_frame(out: &mut Vec<u8>, start: usize, header: FrameHeader, salt: u64) {
    let (room, payload) =
        out.get_mut(start..).and_then(|f| f.split_first_chunk_mut::<FRAME_HEADER_LEN>()).unzip();
    let payload_checksum = salted_crc32(salt, &[payload.as_deref().unwrap_or_default()]);
    let mut bytes = [0; FRAME_HEADER_LEN];
    let (covered, checksum) = bytes.split_at_mut(CHECKSUM_AT);
    // Encoded as five integers, because this runs for every commit. The reserved bytes behind them are zero.
    let fields = [
        u64::from(u32::from_le_bytes(FRAME_MAGIC)) | u64::from(header.payload_len) << 32,
        u64::from(header.entries) | u64::from(header.codec) << 32 | u64::from(header.flags) << 48,
        header.first.0,
        header.time,
        u64::from(payload_checksum),
    ]
    .map(u64::to_le_bytes);
    let (written, _) = covered.split_at_mut(fields.as_flattened().len());
    written.copy_from_slice(fields.as_flattened());
    checksum.copy_from_slice(&salted_crc32(header_salt(salt), &[covered]).to_le_bytes());
    if let Some(room) = room {
        *room = bytes;
    }
    // The length of every frame is a multiple of eight, so that the next frame in the file is aligned.
    let len = out.len() - start;
    out.resize(start + len.next_multiple_of(FRAME_ALIGN as usize), 0);
}

/// Appends a mark to `out`. `flags` is [`FLAG_CLOSE`] or [`FLAG_SEAL`], `next` is the sequence number of the next
/// entry, and `time` is the time of the last entry before the mark.
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
    let start = out.len();
    out.resize(start + FRAME_HEADER_LEN, 0);
    out.extend_from_slice(payload);
    finish_frame(out, start, header, salt);
}

/// Appends one frame with the entries `rows` to `out`. Appends the canonical bytes of these entries (FORMAT.md,
/// "Entry") to `canonical`, so that the caller can add them to the chain. The sequence numbers of the entries begin
/// with `first`. The times of the entries must not decrease. Returns the checksum of the last entry; 0 if there is no
/// entry.
///
/// The caller has checked that the entries fit into one frame ([`PendingEntries::fit_with`]).
pub fn put_entries(
    out: &mut Vec<u8>,
    canonical: &mut Vec<u8>,
    rows: &PendingEntries,
    stream: StreamId,
    first: Seq,
    salt: u64,
) -> u32 {
    let start = out.len();
    out.resize(start + FRAME_HEADER_LEN, 0);
    let checksum = put_rows(out, canonical, rows, stream, first);
    finish_entries(out, start, rows, (CODEC_ROWS, first, salt));
    checksum
}

/// Appends one frame with the entries `rows` as columns to `out`. The conditions are those of [`put_entries`].
pub(in crate::engine::log) fn put_columns(
    out: &mut Vec<u8>,
    writer: &mut ColumnWriter,
    rows: &PendingEntries,
    stream: StreamId,
    first: Seq,
    salt: u64,
) {
    let start = out.len();
    out.resize(start + FRAME_HEADER_LEN, 0);
    writer.put(out, rows, stream, first);
    finish_entries(out, start, rows, (CODEC_COLUMNS, first, salt));
}

/// Returns a frame with the entries `rows` as columns. The conditions are those of [`put_entries`]. Error: memory for the
/// compressor could not be allocated.
#[cfg(feature = "testing")]
pub fn columns_frame(
    rows: &PendingEntries,
    stream: StreamId,
    first: Seq,
    salt: u64,
) -> std::io::Result<Vec<u8>> {
    let mut frame = Vec::new();
    put_columns(&mut frame, &mut ColumnWriter::new()?, rows, stream, first, salt);
    Ok(frame)
}

/// Decodes columns without comparing the checksum over the entries. Hostile values in a test thereby reach
/// the code before the comparison.
#[cfg(feature = "testing")]
pub fn decode_columns(count: usize, payload: &[u8]) -> Option<Entries> {
    let columns = Columns { payload, count: count.min(FRAME_ENTRIES_MAX), first: Seq(1), time: 1 };
    columns.decode_unverified().0.map(|unverified| unverified.entries().clone())
}

/// Completes a frame with entries, as [`finish_frame`] does.
fn finish_entries(
    out: &mut Vec<u8>,
    start: usize,
    rows: &PendingEntries,
    (codec, first, salt): (u16, Seq, u64),
) {
    let header = FrameHeader {
        payload_len: (out.len() - start - FRAME_HEADER_LEN) as u32,
        entries: rows.len() as u32,
        codec,
        flags: FLAG_ENTRIES,
        first,
        time: rows.times().0,
        payload_checksum: 0,
    };
    finish_frame(out, start, header, salt);
}

/// Appends a frame to `out` that replaces `count` erased entries. `count` is at most [`FRAME_ENTRIES_MAX`].
/// `first` and `time` are the sequence number and the time of the first erased entry.
pub(in crate::engine::log) fn put_erased(out: &mut Vec<u8>, first: Seq, count: u32, time: u64, salt: u64) {
    let header = FrameHeader {
        payload_len: 0,
        entries: count,
        codec: CODEC_ERASED,
        flags: FLAG_ENTRIES,
        first,
        time,
        payload_checksum: 0,
    };
    let start = out.len();
    out.resize(start + FRAME_HEADER_LEN, 0);
    finish_frame(out, start, header, salt);
}

/// Decodes the entries of a frame. The caller has checked both checksums. Returns `None` if the payload does not
/// consist of valid rows or columns of this format, for example because the writer was newer or the file is hostile.
pub fn decode_entries(header: &FrameHeader, payload: &[u8], stream: StreamId) -> Option<Entries> {
    decode_checked(header, payload, &StreamChecksums::of(stream))
}

/// Decodes the entries of a frame like [`decode_entries`]. `checksums` belongs to the stream of the frame; a reader of
/// many frames creates it once.
pub(in crate::engine::log) fn decode_checked(
    header: &FrameHeader,
    payload: &[u8],
    checksums: &StreamChecksums,
) -> Option<Entries> {
    let payload = payload.get(..header.payload_len as usize)?;
    match header.codec {
        CODEC_ROWS => header.rows(payload, checksums.stream()).decode(checksums),
        CODEC_COLUMNS => header.columns(payload).decode(checksums),
        _ => None,
    }
}

/// Decodes rows of a frame whose checksums are not valid or cannot be compared, up to the first invalid one. `payload`
/// may be incomplete. A frame with columns has no rows: see [`decode_unverified`].
///
/// The checksum of each entry is compared if the stream is known. If it is not, all rows must be valid. Also returns the
/// number of payload bytes that were decoded, which may be much greater than the number of bytes in the frame.
pub(in crate::engine) fn decode_rows(
    header: &FrameHeader,
    payload: &[u8],
    stream: Option<StreamId>,
) -> (Vec<Entry>, u64) {
    let whole = payload.get(..header.payload_len as usize);
    if header.codec != CODEC_ROWS {
        return (Vec::new(), 0);
    }
    let rows = header.rows(whole.unwrap_or(payload), stream.unwrap_or(StreamId([0; 16])));
    rows.decode_leniently(stream.map(StreamChecksums::of).as_ref())
}

/// Decodes the entries of a frame with columns without comparing the checksum over the entries. Returns `None` for another
/// frame, or if the payload is incomplete or malformed. The second result is the number of bytes that were decoded.
pub(in crate::engine) fn decode_unverified(
    header: &FrameHeader,
    payload: &[u8],
) -> (Option<UnverifiedColumns>, u64) {
    match payload.get(..header.payload_len as usize) {
        Some(payload) if header.codec == CODEC_COLUMNS => header.columns(payload).decode_unverified(),
        _ => (None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bytes::put_varint;
    use crate::engine::codec::PAYLOAD_BYTES_MAX;
    use crate::engine::entry::{Kind, PayloadVersion, Stamp, canonical_head, entry_checksum};
    use crate::engine::log::format::pending::PendingEntry;

    const STREAM: StreamId = StreamId([3; 16]);

    fn frame(entries: &[(u16, &[u8])], salt: u64) -> Vec<u8> {
        let mut rows = PendingEntries::new();
        for ((kind, payload), time) in entries.iter().zip(1000..) {
            rows.push(PendingEntry { kind: Kind(*kind), version: PayloadVersion(1), time, payload });
        }
        let mut out = Vec::new();
        put_entries(&mut out, &mut Vec::new(), &rows, STREAM, Seq(5), salt);
        out
    }

    #[test]
    fn what_repeats_in_a_frame_is_written_once() {
        let long = [b'r'; 200];
        let written: Vec<Vec<u8>> = (0..100u8).map(|n| [&long[..], &[n], &long[..]].concat()).collect();
        let bytes = frame(&written.iter().map(|p| (1, p.as_slice())).collect::<Vec<_>>(), 7);
        assert!(bytes.len() < 400 + 100 * 16, "{}", bytes.len());
        let header = FrameHeader::decode(&bytes, 7).unwrap();
        let entries = decode_entries(&header, &bytes[FRAME_HEADER_LEN..], STREAM).unwrap();
        let payloads: Vec<_> = entries.iter().map(|e| e.payload.to_vec()).collect();
        assert_eq!(payloads, written);
        assert_eq!(entries.get(99).unwrap().stamp, Stamp { time: 1099, stream: STREAM, seq: Seq(104) });
        assert_eq!((header.last(), header.next()), (Seq(104), Seq(105)));
    }

    #[test]
    fn frame_behind_others_in_a_buffer_is_the_same() {
        let mut rows = PendingEntries::new();
        rows.push(PendingEntry { kind: Kind(1), version: PayloadVersion(1), time: 1000, payload: b"x" });
        let mut out = vec![0; 16];
        put_entries(&mut out, &mut Vec::new(), &rows, STREAM, Seq(5), 7);
        assert_eq!(out[16..], frame(&[(1, b"x")], 7));
    }

    #[test]
    fn header_that_no_frame_can_have_is_rejected() {
        let valid = FrameHeader {
            payload_len: 0,
            entries: 1,
            codec: CODEC_ROWS,
            flags: FLAG_ENTRIES,
            first: Seq(1),
            time: 1,
            payload_checksum: 0,
        };
        let is_valid = |header| {
            let mut out = vec![0; FRAME_HEADER_LEN];
            finish_frame(&mut out, 0, header, 7);
            FrameHeader::decode(&out, 7).is_some()
        };
        let (payload_len, entries) = (FRAME_PAYLOAD_BYTES_MAX as u32, FRAME_ENTRIES_MAX as u32);
        for header in [
            valid,
            FrameHeader { payload_len, ..valid },
            FrameHeader { entries, ..valid },
            FrameHeader { entries: 0, flags: FLAG_SEAL, ..valid },
            FrameHeader { first: Seq(u64::MAX - 1), ..valid },
        ] {
            assert!(is_valid(header), "{header:?}");
        }
        for header in [
            FrameHeader { payload_len: payload_len + 1, ..valid },
            FrameHeader { entries: entries + 1, ..valid },
            FrameHeader { entries: 0, ..valid },
            FrameHeader { flags: FLAG_CLOSE, ..valid },
            FrameHeader { entries: 0, flags: FLAG_SEAL + 1, ..valid },
            FrameHeader { first: Seq(0), ..valid },
            FrameHeader { first: Seq(u64::MAX), ..valid },
        ] {
            assert!(!is_valid(header), "{header:?}");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = frame(&[(1, b"loss 0.25"), (2, b"accuracy")], 7);
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let accepted =
                FrameHeader::decode(&bad, 7).is_some_and(|h| h.matches(&bad[FRAME_HEADER_LEN..], 7));
            assert!(!accepted, "bit {bit}");
        }
    }

    #[test]
    fn more_kinds_than_are_remembered_only_share_less() {
        let written: Vec<(u16, Vec<u8>)> = (0..400u16).map(|n| (n * 7 % 90, vec![n as u8; 20])).collect();
        let bytes = frame(&written.iter().map(|(k, p)| (*k, p.as_slice())).collect::<Vec<_>>(), 7);
        let header = FrameHeader::decode(&bytes, 7).unwrap();
        let entries = decode_entries(&header, &bytes[FRAME_HEADER_LEN..], STREAM).unwrap();
        let read: Vec<(u16, Vec<u8>)> = entries.into_iter().map(|e| (e.kind.0, e.payload)).collect();
        assert_eq!(read, written);
    }

    #[test]
    fn frame_of_another_segment_is_rejected() {
        let bytes = frame(&[(1, b"x")], 7);
        assert!(FrameHeader::decode(&bytes, 8).is_none());
    }

    #[test]
    fn checksums_depend_on_content_and_salt() {
        let payload_checksum =
            |text: &[u8]| FrameHeader::decode(&frame(&[(1, text)], 7), 7).unwrap().payload_checksum;
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
    fn small_frame_that_expands_beyond_the_limit_is_rejected() {
        // Each row repeats the 4 MiB payload of the previous row. The frame is small, but would expand to gigabytes.
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
