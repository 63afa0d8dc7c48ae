//! A frame from arbitrary bytes: the decoder returns the same entries as an independent decoder, or none. The bytes are
//! tried unchanged, and again with all checksums corrected, so that the code after the checksums is reached.

use contexta::engine::bytes::Reader;
use contexta::engine::checksum::salted_crc32;
use contexta::engine::codec::PAYLOAD_BYTES_MAX;
use contexta::engine::entry::{
    Entry, Kind, PayloadVersion, Seq, Stamp, StreamId, canonical_head, entry_checksum,
};
use contexta::engine::log::frame::{FRAME_MAGIC, FrameHeader, decode_entries, put_entries};
use contexta::engine::log::limits::{EXPANDED_BYTES_MAX, FRAME_HEADER_LEN};
use contexta::engine::log::pending::{self, PendingEntries};
use std::collections::HashMap;

/// The salt of the segment of all frames here.
pub(crate) const SALT: u64 = 0x5eed_0123_4567_89ab;
/// The stream of all frames here.
pub(crate) const STREAM: StreamId = StreamId([3; 16]);

pub(crate) fn run(data: &[u8]) {
    check(data);
    let mut bytes = data.to_vec();
    if mend(&mut bytes, STREAM, SALT) {
        check(&bytes);
    }
}

fn check(bytes: &[u8]) {
    let Some(header) = FrameHeader::decode(bytes, SALT) else { return };
    assert!(header.frame_len() >= (FRAME_HEADER_LEN as u64) && header.frame_len().is_multiple_of(8));
    assert!(header.next() > header.last() || header.entries == 0);
    let payload = bytes.get(FRAME_HEADER_LEN..).unwrap_or_default();
    if header.matches(payload, SALT) {
        // The padding may have any length in this model, but must consist of zeros.
        assert!(payload.get(header.payload_len as usize..).is_some_and(|p| p.iter().all(|b| *b == 0)));
    }
    let read = decode_entries(&header, payload, STREAM);
    let read: Option<Vec<Entry>> = read.map(|entries| entries.into_iter().collect());
    let expected = model(&header, payload);
    assert_eq!(read, expected, "the decoder and the model of FORMAT.md differ");
    let Some(entries) = read else { return };
    assert_eq!(entries.len(), header.entries as usize);
    let sum: usize = entries.iter().map(|e| e.payload.len()).sum();
    assert!(sum <= EXPANDED_BYTES_MAX && entries.iter().all(|e| e.payload.len() <= PAYLOAD_BYTES_MAX));
    if entries.is_empty() || sum > 1 << 20 {
        return;
    }
    // The entries are written again with other sequence numbers and times, and read back.
    let mut rows = PendingEntries::new();
    for (e, time) in entries.iter().zip(1000..) {
        rows.push(pending::PendingEntry { kind: e.kind, version: e.version, time, payload: &e.payload });
    }
    let mut again = Vec::new();
    put_entries(&mut again, &mut Vec::new(), &rows, STREAM, Seq(5), SALT);
    let header = FrameHeader::decode(&again, SALT).expect("written bytes are a frame");
    let payload = again.get(FRAME_HEADER_LEN..).unwrap_or_default();
    assert!(header.matches(payload, SALT) && header.frame_len() == again.len() as u64);
    let back = decode_entries(&header, payload, STREAM).expect("written bytes decode");
    assert_eq!(back.len(), rows.len());
    for (e, row) in back.iter().zip(rows.iter()) {
        assert_eq!(
            (e.kind, e.version, e.stamp.time, e.payload),
            (row.kind, row.version, row.time, row.payload)
        );
    }
}

/// Returns the entries of a frame according to FORMAT.md, "Rows". Shares only the code for varints with the decoder.
fn model(header: &FrameHeader, payload: &[u8]) -> Option<Vec<Entry>> {
    let payload = payload.get(..header.payload_len as usize)?;
    if header.codec != 1 {
        return None;
    }
    let mut rest = Reader::new(payload);
    let (mut entries, mut before) = (Vec::new(), HashMap::<u16, Vec<u8>>::new());
    let (mut time, mut expanded) = (header.time, 0u64);
    for n in 0..u64::from(header.entries) {
        let row = Row::read(&mut rest)?;
        time = time.checked_add(row.step)?;
        let last = before.get(&row.kind).map_or(&[][..], Vec::as_slice);
        let len = row.prefix.checked_add(row.suffix)?.checked_add(row.middle.len() as u64)?;
        expanded = expanded.checked_add(len)?;
        if len > PAYLOAD_BYTES_MAX as u64 || expanded > EXPANDED_BYTES_MAX as u64 {
            return None;
        }
        let whole = row.payload(last)?;
        let stamp = Stamp { time, stream: STREAM, seq: Seq(header.first.0 + n) };
        let (kind, version) = (Kind(row.kind), PayloadVersion(row.version));
        let checksum = entry_checksum(&canonical_head(&stamp, kind, version, whole.len()), &whole);
        if checksum != row.checksum {
            return None;
        }
        before.insert(row.kind, whole.clone());
        entries.push(Entry { stamp, kind, version, payload: whole, checksum });
    }
    (rest.remaining() == 0).then_some(entries)
}

struct Row<'a> {
    checksum: u32,
    step: u64,
    kind: u16,
    version: u16,
    prefix: u64,
    suffix: u64,
    middle: &'a [u8],
}

impl<'a> Row<'a> {
    fn read(rest: &mut Reader<'a>) -> Option<Row<'a>> {
        Some(Row {
            checksum: rest.u32()?,
            step: rest.varint()?,
            kind: u16::try_from(rest.varint()?).ok()?,
            version: u16::try_from(rest.varint()?).ok()?,
            prefix: rest.varint()?,
            suffix: rest.varint()?,
            middle: rest.length_prefixed()?,
        })
    }

    fn payload(&self, last: &[u8]) -> Option<Vec<u8>> {
        let (prefix, suffix) = (usize::try_from(self.prefix).ok()?, usize::try_from(self.suffix).ok()?);
        if prefix > last.len() || suffix > last.len() {
            return None;
        }
        let mut whole = last.get(..prefix)?.to_vec();
        whole.extend_from_slice(self.middle);
        whole.extend_from_slice(last.get(last.len() - suffix..)?);
        Some(whole)
    }
}

/// Makes bytes at the position of a frame pass all its checksums. Sets the magic, the reserved bytes and the payload
/// length (the number of bytes); everything else is unchanged.
pub(crate) fn mend(bytes: &mut [u8], stream: StreamId, salt: u64) -> bool {
    let Some((head, payload)) = bytes.split_first_chunk_mut::<FRAME_HEADER_LEN>() else { return false };
    head[..4].copy_from_slice(&FRAME_MAGIC);
    head[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[36..44].fill(0);
    mend_checksums(head, payload, stream, salt)
}

/// Corrects the checksums only: of the rows as far as they can be decoded, of the payload, and of the header.
pub(crate) fn mend_checksums(
    head: &mut [u8; FRAME_HEADER_LEN],
    payload: &mut [u8],
    stream: StreamId,
    salt: u64,
) -> bool {
    let field = |from: usize| u64::from_le_bytes(std::array::from_fn(|n| head[from + n]));
    let (seq, time) = (field(16), field(24));
    let sums = row_checksums(payload, stream, seq, time);
    for (at, sum) in sums {
        if let Some(place) = payload.get_mut(at..at + 4) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
    }
    head[32..36].copy_from_slice(&salted_crc32(salt, &[payload]).to_le_bytes());
    let sum = salted_crc32(salt.rotate_left(17), &[&head[..44]]);
    head[44..48].copy_from_slice(&sum.to_le_bytes());
    true
}

/// Returns the positions and correct values of the row checksums. Stops at the first invalid row, and before hostile
/// rows become expensive.
fn row_checksums(payload: &[u8], stream: StreamId, seq: u64, mut time: u64) -> Vec<(usize, u32)> {
    let mut rest = Reader::new(payload);
    let (mut sums, mut before) = (Vec::new(), HashMap::<u16, Vec<u8>>::new());
    let mut expanded = 0;
    while rest.remaining() > 0 && expanded < 1 << 20 {
        let at = payload.len() - rest.remaining();
        let Some(row) = Row::read(&mut rest) else { break };
        let last = before.get(&row.kind).map_or(&[][..], Vec::as_slice);
        let Some(whole) = row.payload(last) else { break };
        let (Some(now), Some(seq)) = (time.checked_add(row.step), seq.checked_add(sums.len() as u64)) else {
            break;
        };
        time = now;
        expanded += whole.len();
        let stamp = Stamp { time, stream, seq: Seq(seq) };
        let head = canonical_head(&stamp, Kind(row.kind), PayloadVersion(row.version), whole.len());
        sums.push((at, entry_checksum(&head, &whole)));
        before.insert(row.kind, whole);
    }
    sums
}
