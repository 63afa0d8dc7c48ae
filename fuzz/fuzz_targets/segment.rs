//! Headers and marks from any bytes; what is accepted is written back as it was.
#![no_main]

use contexta::engine::log::segment::{Mark, SEGMENT_HEADER_LEN, SegmentHeader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = SegmentHeader::decode_one(bytes) {
        let written = header.encode();
        assert_eq!(SegmentHeader::decode_one(&written[..SEGMENT_HEADER_LEN]), Ok(header));
    }
    for sealed in [false, true] {
        if let Some(mark) = Mark::decode(bytes, sealed) {
            assert_eq!(mark.encode(), bytes);
        }
    }
});
