//! Resynchronisation: the search for the next complete frame after damage.
//!
//! The search checks magic, header checksum and payload checksum at every 8-byte boundary. Frames of another log that
//! is stored *inside* a payload are rejected, because their salt differs. A hostile file may contain many headers that
//! announce large payloads; the number of checksummed bytes is therefore bounded, and when the bound is reached, the
//! rest of the segment counts as damaged.

use crate::engine::bytes::is_zero;
use crate::engine::log::format::frame::{FRAME_MAGIC, FrameHeader, frame_salt};
use crate::engine::log::format::limits::{FRAME_ALIGN, FRAME_HEADER_LEN, FRAME_PAYLOAD_BYTES_MAX};
use crate::engine::log::read::source::{Source, ZEROS_READ_MAX};
use std::io;

/// Maximum number of bytes for which one search computes checksums of possible frames.
const CANDIDATE_BYTES_MAX: u64 = 4 * FRAME_PAYLOAD_BYTES_MAX as u64;

/// Returns the offset of the next complete frame at or after `from`; `None` if no frame is found.
pub(super) fn next_frame(source: &mut Source, from: u64, salt: u64) -> io::Result<Option<u64>> {
    let mut at = from.next_multiple_of(FRAME_ALIGN);
    let mut budget = CANDIDATE_BYTES_MAX;
    let mut zeros = 0;
    loop {
        let bytes = source.buffered(at, FRAME_HEADER_LEN)?;
        if bytes.len() < FRAME_HEADER_LEN {
            return Ok(None);
        }
        let step = FRAME_ALIGN as usize;
        let found = bytes.chunks(step).position(|c| c.starts_with(&FRAME_MAGIC)).map(|n| n * step);
        let Some(found) = found else {
            let len = (bytes.len() / step * step) as u64;
            let only_zeros = is_zero(bytes);
            at += len;
            zeros += if only_zeros { len } else { 0 };
            if only_zeros && zeros >= ZEROS_READ_MAX {
                let Some(data) = source.next_data(at)? else { return Ok(None) };
                at = data - data % FRAME_ALIGN;
            }
            continue;
        };
        at += found as u64;
        if let Some(header) = FrameHeader::decode(source.bytes(at, FRAME_HEADER_LEN)?, frame_salt(salt, at)) {
            // Only bytes that exist are counted: a small file is searched to its end, whatever lengths its headers
            // contain.
            let readable = source.file_len().saturating_sub(at);
            let Some(left) = budget.checked_sub(header.frame_len().min(readable)) else { return Ok(None) };
            budget = left;
            if is_whole(source, at, &header, salt)? {
                return Ok(Some(at));
            }
        }
        at += FRAME_ALIGN;
    }
}

/// Returns the last frame header with a valid checksum at or after `from`, and its offset. The payload after the header
/// may be incomplete or damaged.
pub(in crate::engine::log) fn last_header(
    source: &mut Source,
    from: u64,
    salt: u64,
) -> io::Result<Option<(u64, FrameHeader)>> {
    let mut at = from.next_multiple_of(FRAME_ALIGN);
    let mut last = None;
    loop {
        let bytes = source.buffered(at, FRAME_HEADER_LEN)?;
        if bytes.len() < FRAME_HEADER_LEN {
            return Ok(last);
        }
        let starts = (0..=bytes.len() - FRAME_HEADER_LEN).step_by(FRAME_ALIGN as usize);
        let read = starts.clone().count() as u64 * FRAME_ALIGN;
        let headers = starts.filter_map(|start| {
            let header = bytes.get(start..).filter(|rest| rest.starts_with(&FRAME_MAGIC))?;
            let offset = at + start as u64;
            FrameHeader::decode(header, frame_salt(salt, offset)).map(|header| (offset, header))
        });
        last = headers.last().or(last);
        let is_empty = is_zero(bytes);
        at += read;
        if is_empty {
            match source.first_nonzero(at)? {
                Some(next) => at = next - next % FRAME_ALIGN,
                None => return Ok(last),
            }
        }
    }
}

/// Returns true if the frame at `at`, which has this header, is complete: the file contains all its bytes, the payload
/// checksum is valid, and the padding is zero.
pub(super) fn is_whole(source: &mut Source, at: u64, header: &FrameHeader, salt: u64) -> io::Result<bool> {
    let len = header.frame_len() as usize - FRAME_HEADER_LEN;
    let payload = source.bytes(at + FRAME_HEADER_LEN as u64, len)?;
    Ok(payload.len() == len && header.matches(payload, frame_salt(salt, at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::Seq;
    use crate::engine::log::format::frame::{FLAG_CLOSE, put_mark};
    use crate::engine::log::read::source::of_file;
    use crate::engine::log::read::source::{WINDOW, ZEROS_READ_MAX};
    use crate::engine::storage::sparse::{Sparse, block};

    const LEN: u64 = 1 << 40;
    const SALT: u64 = 7;

    fn frame_at(offset: u64) -> Vec<u8> {
        let mut frame = Vec::new();
        put_mark(&mut frame, FLAG_CLOSE, Seq(9), 1, &[3; 32], frame_salt(SALT, offset));
        frame
    }

    #[test]
    fn next_frame_is_found_behind_a_hole_and_missed_without_reading_the_rest() {
        let far = (1 << 39) + 808;
        let file = Sparse::new(LEN, vec![(0, vec![5; 100_000]), block(far, &frame_at(far))]);
        let mut source = of_file(&file);
        assert_eq!(next_frame(&mut source, 8, SALT).unwrap(), Some(far));
        assert_eq!(next_frame(&mut source, far + 8, SALT).unwrap(), None);
        assert!(file.read() < 8 << 20, "{}", file.read());
    }

    #[test]
    fn next_frame_is_found_at_every_place_around_the_limits_of_a_window() {
        for window in [WINDOW as u64, ZEROS_READ_MAX, ZEROS_READ_MAX + WINDOW as u64] {
            for offset in (window - 160..window + 16).step_by(8) {
                for filling in [0, 9] {
                    let frame = frame_at(offset);
                    let mut bytes = vec![filling; offset as usize];
                    bytes.extend_from_slice(&frame);
                    let file = Sparse::new(bytes.len() as u64, vec![(0, bytes)]);
                    assert_eq!(next_frame(&mut of_file(&file), 0, SALT).unwrap(), Some(offset), "{filling}");
                }
            }
        }
    }

    #[test]
    fn file_full_of_frame_magics_is_read_about_once() {
        let mut bytes = Vec::new();
        while bytes.len() < 2 << 20 {
            bytes.extend_from_slice(&FRAME_MAGIC);
            bytes.resize(bytes.len().next_multiple_of(FRAME_ALIGN as usize), 1);
        }
        let file = Sparse::new(bytes.len() as u64, vec![(0, bytes)]);
        assert_eq!(next_frame(&mut of_file(&file), 0, SALT).unwrap(), None);
        assert!(file.read() < 4 << 20, "{}", file.read());
    }
}
