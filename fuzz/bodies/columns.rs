//! The columns of a frame from arbitrary bytes. The first two bytes are the number of entries. The decoder
//! returns no entries, or entries within the limits. If the returned entries are encoded as columns again,
//! the new columns decode to the same entries.

use contexta::engine::codec::PAYLOAD_BYTES_MAX;
use contexta::engine::entry::{Entry, Seq, StreamId};
use contexta::engine::log::frame::{FrameHeader, columns_frame, decode_columns, decode_entries};
use contexta::engine::log::limits::{EXPANDED_BYTES_MAX, FRAME_HEADER_LEN};
use contexta::engine::log::pending::{PendingEntries, PendingEntry};

const STREAM: StreamId = StreamId([3; 16]);
const SALT: u64 = 0x5eed_0123_4567_89ab;

pub(crate) fn run(data: &[u8]) {
    let Some((count, payload)) = data.split_first_chunk() else { return };
    let count = usize::from(u16::from_le_bytes(*count));
    let Some(read) = decode_columns(count, payload) else { return };
    assert_eq!(read.len(), count);
    let sum: usize = read.iter().map(|entry| entry.payload.len()).sum();
    assert!(sum <= EXPANDED_BYTES_MAX && read.iter().all(|entry| entry.payload.len() <= PAYLOAD_BYTES_MAX));
    if read.is_empty() || sum > 1 << 20 {
        return;
    }
    let mut rows = PendingEntries::new();
    for entry in &read {
        let Entry { kind, version, payload, stamp, .. } = entry;
        rows.push(PendingEntry { kind, version, time: stamp.time, payload });
    }
    let frame = columns_frame(&rows, STREAM, Seq(5), SALT).expect("memory for the compressor");
    let header = FrameHeader::decode(&frame, SALT).expect("written bytes are a frame");
    let payload = frame.get(FRAME_HEADER_LEN..).unwrap_or_default();
    assert!(header.matches(payload, SALT));
    let back = decode_entries(&header, payload, STREAM).expect("written bytes decode");
    assert_eq!(back.len(), read.len());
    for (one, other) in back.iter().zip(&read) {
        assert_eq!(
            (one.kind, one.version, one.stamp.time, one.payload),
            (other.kind, other.version, other.stamp.time, other.payload)
        );
    }
}
