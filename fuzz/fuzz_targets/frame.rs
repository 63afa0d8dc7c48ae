//! A frame's header and rows from any bytes: entries or nothing, in bounded memory.
#![no_main]

use contexta::engine::entry::StreamId;
use contexta::engine::log::frame::{FRAME_HEADER_LEN, FrameHeader, decode_entries};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, Vec<u8>)| {
    let (salt, bytes) = input;
    if let Some(header) = FrameHeader::decode(&bytes, salt) {
        let payload = bytes.get(FRAME_HEADER_LEN..).unwrap_or_default();
        let _ = header.matches(payload, salt);
        if let Some(entries) = decode_entries(&header, payload, StreamId([0; 16])) {
            assert_eq!(entries.len(), header.entries as usize);
        }
    }
});
