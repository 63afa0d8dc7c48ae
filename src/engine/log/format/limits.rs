//! The limits of a frame. The encoder, the decoder and the pending entries share them.

use crate::engine::codec::PAYLOAD_BYTES_MAX;

/// Length of the header of a frame in bytes.
pub const FRAME_HEADER_LEN: usize = 48;
/// Alignment of frames in bytes: the offset of every frame is a multiple of this number.
pub const FRAME_ALIGN: u64 = 8;
/// Maximum length of the payload of a frame in bytes.
pub const FRAME_PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// Maximum total length of the decoded payloads in a frame, in bytes.
pub const EXPANDED_BYTES_MAX: usize = 16 << 20;
/// Maximum number of entries in a frame.
pub const FRAME_ENTRIES_MAX: usize = 1 << 16;

const _: () = assert!((FRAME_HEADER_LEN as u64).is_multiple_of(FRAME_ALIGN));
const _: () =
    assert!(PAYLOAD_BYTES_MAX <= EXPANDED_BYTES_MAX && EXPANDED_BYTES_MAX <= FRAME_PAYLOAD_BYTES_MAX);
