//! The scan of one segment: complete frames, and the damaged bytes between them.

use crate::engine::bytes::is_zero;
use crate::engine::entry::Seq;
use crate::engine::log::format::frame::{FrameHeader, frame_salt};
use crate::engine::log::format::limits::FRAME_HEADER_LEN;
use crate::engine::log::read::item::Tail;
use crate::engine::log::read::resync::{is_whole, next_frame};
use crate::engine::log::read::source::Source;
use std::io;

/// Maximum number of rereads of damaged bytes. Rereading stops earlier if two reads in a row find the same damage.
const REREADS_MAX: usize = 8;

pub(super) enum Step {
    /// A complete frame; [`SegmentScan::payload`] returns its payload.
    Frame {
        offset: u64,
        header: FrameHeader,
    },
    Damage {
        offset: u64,
        end: u64,
        torn: bool,
    },
    End {
        tail: Tail,
    },
}

#[derive(Debug)]
pub(super) struct SegmentScan {
    pub(super) base: Seq,
    pub(super) salt: u64,
    pub(super) source: Source,
    pub(super) offset: u64,
    pub(super) after_mark: bool,
    /// True if an unfinished end is not reported as damage, because a writer may be appending to the segment.
    pub(super) follow: bool,
}

impl SegmentScan {
    fn next(&mut self) -> io::Result<Step> {
        let offset = self.offset;
        let head = self.source.bytes(offset, FRAME_HEADER_LEN)?;
        if head.is_empty() {
            return Ok(self.end());
        }
        if is_zero(head) {
            let Some(nonzero) = self.source.first_nonzero(offset)? else { return Ok(self.end()) };
            return self.damage(offset, nonzero, None);
        }
        let header = FrameHeader::decode(head, frame_salt(self.salt, offset));
        if let Some(header) = header
            && is_whole(&mut self.source, offset, &header, self.salt)?
        {
            self.offset = offset + header.frame_len();
            self.after_mark = header.entries == 0;
            return Ok(Step::Frame { offset, header });
        }
        self.damage(offset, offset, header)
    }

    /// Returns the next frame, the next damaged bytes, or the end. Damaged bytes may be a write in progress by another
    /// process, so they are read again until two reads agree, at most [`REREADS_MAX`] times.
    pub(super) fn next_confirmed(&mut self) -> io::Result<Step> {
        let (offset, after_mark) = (self.offset, self.after_mark);
        let mut step = self.next()?;
        for _ in 0..REREADS_MAX {
            let Step::Damage { end: before, .. } = step else { break };
            self.source.refresh()?;
            (self.offset, self.after_mark) = (offset, after_mark);
            step = self.next()?;
            if matches!(step, Step::Damage { end, .. } if end == before) {
                break;
            }
        }
        Ok(step)
    }

    /// Returns the payload of a complete frame, without padding.
    pub(super) fn payload(&mut self, offset: u64, header: &FrameHeader) -> io::Result<&[u8]> {
        self.source.bytes(offset + FRAME_HEADER_LEN as u64, header.payload_len as usize)
    }

    fn end(&self) -> Step {
        Step::End { tail: if self.after_mark { Tail::Closed } else { Tail::Open } }
    }

    /// Handles the bytes at `offset`, which are not a frame. Searches for the next frame from `search` on. If no frame
    /// follows, the bytes are damage, or an unfinished end if the scan follows a writer.
    fn damage(&mut self, offset: u64, search: u64, header: Option<FrameHeader>) -> io::Result<Step> {
        let search = search - search % 8;
        let from = if search == offset { offset + 8 } else { search };
        if let Some(found) = next_frame(&mut self.source, from, self.salt)? {
            self.offset = found;
            self.after_mark = false;
            return Ok(Step::Damage { offset, end: found, torn: false });
        }
        if self.follow {
            return Ok(Step::End { tail: Tail::Unfinished { offset } });
        }
        let end = self.source.file_len();
        let torn = self.looks_torn(offset, end, header)?;
        self.offset = end;
        Ok(Step::Damage { offset, end, torn })
    }

    /// Returns true if the bytes from `offset` on look as a crash leaves them: the beginning of one frame, followed by
    /// zeros or the end of the file. Damage may look the same; in both cases the entries of the frame are reported as
    /// missing.
    fn looks_torn(&mut self, offset: u64, end: u64, header: Option<FrameHeader>) -> io::Result<bool> {
        let frame_end = match header {
            Some(header) => offset + header.frame_len(),
            None => offset + FRAME_HEADER_LEN as u64,
        };
        if frame_end > end {
            return Ok(true);
        }
        let last = self.source.bytes(frame_end - 8, 8)?.to_vec();
        Ok(is_zero(&last) && self.source.first_nonzero(frame_end)?.is_none())
    }
}
