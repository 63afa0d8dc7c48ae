//! Limits of a frame, for the encoder, the decoder and the entries that wait for a place in one.

use crate::engine::codec::PAYLOAD_BYTES_MAX;

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

const _: () = assert!((FRAME_HEADER_LEN as u64).is_multiple_of(FRAME_ALIGN));
const _: () =
    assert!(PAYLOAD_BYTES_MAX <= EXPANDED_BYTES_MAX && EXPANDED_BYTES_MAX <= FRAME_PAYLOAD_BYTES_MAX);
