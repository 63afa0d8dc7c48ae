//! How far the projections have come in each stream, kept in the same transaction as the rows.
//!
//! A cursor is a claim about the log, and is confirmed before it is relied on: the frame it ended with must still
//! be there with the same entry at its end, and files before it must look as they did. What the log does not
//! confirm (shorter, other entries, a gap behind it that is new or healed) leads to a rebuild.

use crate::engine::bytes::{Reader, put_varint};
use crate::engine::checksum::Digest;
use crate::engine::entry::{Gap, GapCause, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::names;
use crate::engine::log::stream::{ResumePoint, list_segments};
use crate::engine::storage::{FileInfo, Storage};
use std::path::Path;

/// How far the projections have come in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The last entry applied and its checksum; `Seq(0)` before the first.
    pub last: (Seq, u32),
    /// Where the frame with that entry begins, and the frame's first number.
    pub frame: ResumePoint,
    /// Where to read on.
    pub resume: ResumePoint,
    /// How the files looked.
    pub files: Files,
    /// What is missing behind it.
    pub gaps: Vec<Gap>,
}

/// How a stream's files look without reading them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Over name, length and time of change of the segments before the one with the resume point.
    pub earlier: Digest,
    /// Length and time of change of the segment with the resume point.
    pub current: (u64, u64),
    /// How many segments come after that one.
    pub later: u64,
}

impl Files {
    /// Looks at the files of a stream.
    pub fn look(storage: &dyn Storage, log: &Path, stream: StreamId, at: Seq) -> Result<Files> {
        let mut hasher = blake3::Hasher::new();
        let mut files = Files { earlier: Digest([0; 32]), current: (0, 0), later: 0 };
        for base in list_segments(storage, log, stream)? {
            let path = names::segment_path(log, stream, base);
            if base > at {
                files.later += 1;
                continue;
            }
            let FileInfo { len, modified, .. } =
                storage.info(&path).map_err(|e| Error::io("look at", &path, e))?;
            if base == at {
                files.current = (len, modified);
            } else {
                for number in [base.0, len, modified] {
                    hasher.update(&number.to_le_bytes());
                }
            }
        }
        files.earlier = Digest(*hasher.finalize().as_bytes());
        Ok(files)
    }
}

fn put_point(out: &mut Vec<u8>, point: &ResumePoint) {
    for number in [point.segment.0, point.offset, point.next.0] {
        put_varint(out, number);
    }
}

fn read_point(reader: &mut Reader<'_>) -> Option<ResumePoint> {
    Some(ResumePoint {
        segment: Seq(reader.varint()?),
        offset: reader.varint()?,
        next: Seq(reader.varint()?),
    })
}

impl Cursor {
    /// Before anything was applied.
    pub fn start() -> Cursor {
        let files = Files { earlier: Digest([0; 32]), current: (0, 0), later: 0 };
        Cursor {
            last: (Seq(0), 0),
            frame: ResumePoint::START,
            resume: ResumePoint::START,
            files,
            gaps: Vec::new(),
        }
    }

    /// The row.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.last.0.0);
        out.extend_from_slice(&self.last.1.to_le_bytes());
        put_point(&mut out, &self.frame);
        put_point(&mut out, &self.resume);
        out.extend_from_slice(&self.files.earlier.0);
        for number in [self.files.current.0, self.files.current.1, self.files.later, self.gaps.len() as u64] {
            put_varint(&mut out, number);
        }
        for gap in &self.gaps {
            put_varint(&mut out, gap.first.0);
            put_varint(&mut out, gap.last.map_or(0, |l| l.0));
            out.push(match gap.cause {
                GapCause::Damaged => 0,
                GapCause::SegmentMissing => 1,
                GapCause::SegmentUnreadable => 2,
                GapCause::Io => 3,
            });
        }
        out
    }

    /// Reads a row.
    pub fn decode(stream: StreamId, row: &[u8]) -> Option<Cursor> {
        let mut reader = Reader::new(row);
        let last = (Seq(reader.varint()?), reader.u32()?);
        let (frame, resume) = (read_point(&mut reader)?, read_point(&mut reader)?);
        let earlier = Digest(reader.array()?);
        let files = Files { earlier, current: (reader.varint()?, reader.varint()?), later: reader.varint()? };
        let mut gaps = Vec::new();
        for _ in 0..reader.varint()? {
            let (first, last) = (Seq(reader.varint()?), reader.varint()?);
            let cause = match reader.u8()? {
                0 => GapCause::Damaged,
                1 => GapCause::SegmentMissing,
                2 => GapCause::SegmentUnreadable,
                3 => GapCause::Io,
                _ => return None,
            };
            gaps.push(Gap { stream, first, last: (last > 0).then_some(Seq(last)), cause });
        }
        (reader.remaining() == 0).then_some(Cursor { last, frame, resume, files, gaps })
    }
}
