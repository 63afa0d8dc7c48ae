//! How far the projections have come in each stream, kept in the same transaction as the rows.
//!
//! A cursor is a claim about the log, and is confirmed before it is relied on: the frame it ended with must still
//! be there with the same entry at its end, and files before it must look as they did. What the log does not
//! confirm (shorter, other entries, a gap behind it that is new or healed) leads to a rebuild.
//!
//! How files look tells an append from other changes, but not from both at once: damage to the segment that is being
//! appended to, behind the cursor, is found by a full scan or a rebuild only. And a power cut takes unsynced entries
//! that were applied already out of a file that looks as before; so what was read during another boot is read once
//! more, and has outlived the reboot then.

use crate::engine::bytes::{Reader, put_varint};
use crate::engine::checksum::Digest;
use crate::engine::entry::{Gap, GapCause, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::names;
use crate::engine::log::stream::{ResumePoint, list_segments};
use crate::engine::storage::{FileInfo, Storage};
use std::cmp::Ordering;
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
    /// How the files looked before they were read.
    pub files: Files,
    /// What is missing behind it.
    pub gaps: Vec<Gap>,
    /// Whether the files were read to a whole end. If not (an error, an unfinished end, an open gap), they are read
    /// on next time even if they look the same.
    pub settled: bool,
    /// The boot during which entries were last read, zeros where there are no boot ids; `None` when the log was
    /// confirmed during a later one.
    pub boot: Option<[u8; 16]>,
}

/// How a stream's files look without reading them, as seen from a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Over name, length and time of change of the segments before the one with the resume point.
    pub earlier: Digest,
    /// The segment with the resume point, if it was there.
    pub current: Option<CurrentFile>,
    /// How many segments come after that one.
    pub later: u64,
}

/// How the segment with the resume point looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentFile {
    /// Its length.
    pub len: u64,
    /// Its time of change.
    pub modified: u64,
    /// Its inode; 0 where there are none. A longer file in its place is not the same file with an append.
    pub inode: u64,
}

/// A stream's segments as they looked at one moment. Taken before they are read, so that whatever changes
/// meanwhile looks different afterwards.
#[derive(Debug)]
pub struct Listing {
    segments: Vec<(Seq, FileInfo)>,
}

impl Listing {
    /// Looks at the files of a stream.
    pub fn of(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Listing> {
        let look = |base| {
            let path = names::segment_path(log, stream, base);
            storage.info(&path).map(|info| (base, info)).map_err(|e| Error::io("look at", &path, e))
        };
        let segments = list_segments(storage, log, stream)?.into_iter().map(look).collect::<Result<_>>()?;
        Ok(Listing { segments })
    }

    /// The files as seen from the segment that begins with `at`.
    pub fn seen_from(&self, at: Seq) -> Files {
        let mut hasher = blake3::Hasher::new();
        let mut files = Files { earlier: Digest([0; 32]), current: None, later: 0 };
        for (base, FileInfo { len, modified, place, .. }) in &self.segments {
            match base.cmp(&at) {
                Ordering::Greater => files.later += 1,
                Ordering::Equal => {
                    let inode = place.map_or(0, |place| place.inode);
                    files.current = Some(CurrentFile { len: *len, modified: *modified, inode });
                }
                Ordering::Less => {
                    for number in [base.0, *len, *modified] {
                        hasher.update(&number.to_le_bytes());
                    }
                }
            }
        }
        files.earlier = Digest(*hasher.finalize().as_bytes());
        files
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
        Cursor {
            last: (Seq(0), 0),
            frame: ResumePoint::START,
            resume: ResumePoint::START,
            files: Files { earlier: Digest([0; 32]), current: None, later: 0 },
            gaps: Vec::new(),
            settled: false,
            boot: None,
        }
    }

    /// Whether the log may have lost, in a reboot, entries that were read from it.
    pub fn is_of_another_boot(&self, storage: &dyn Storage) -> bool {
        self.boot.is_some_and(|boot| boot != storage.boot_id().unwrap_or_default())
    }

    /// The row.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.last.0.0);
        out.extend_from_slice(&self.last.1.to_le_bytes());
        put_point(&mut out, &self.frame);
        put_point(&mut out, &self.resume);
        out.extend_from_slice(&self.files.earlier.0);
        out.extend([u8::from(self.settled), u8::from(self.files.current.is_some())]);
        if let Some(file) = &self.files.current {
            for number in [file.len, file.modified, file.inode] {
                put_varint(&mut out, number);
            }
        }
        for number in [self.files.later, self.gaps.len() as u64] {
            put_varint(&mut out, number);
        }
        for gap in &self.gaps {
            put_varint(&mut out, gap.first.0);
            put_varint(&mut out, gap.last.map_or(0, |l| l.0));
            out.push(match gap.cause {
                GapCause::Damaged => 0,
                GapCause::SegmentMissing => 1,
                GapCause::SegmentUnreadable => 2,
            });
        }
        out.push(u8::from(self.boot.is_some()));
        out.extend_from_slice(&self.boot.unwrap_or_default());
        out
    }

    /// Reads a row.
    pub fn decode(stream: StreamId, row: &[u8]) -> Option<Cursor> {
        let mut reader = Reader::new(row);
        let last = (Seq(reader.varint()?), reader.u32()?);
        let (frame, resume) = (read_point(&mut reader)?, read_point(&mut reader)?);
        let earlier = Digest(reader.array()?);
        let (settled, there) = (reader.u8()? == 1, reader.u8()? == 1);
        let mut file = || {
            Some(CurrentFile { len: reader.varint()?, modified: reader.varint()?, inode: reader.varint()? })
        };
        let current = if there { Some(file()?) } else { None };
        let files = Files { earlier, current, later: reader.varint()? };
        let mut gaps = Vec::new();
        for _ in 0..reader.varint()? {
            let (first, last) = (Seq(reader.varint()?), reader.varint()?);
            let cause = match reader.u8()? {
                0 => GapCause::Damaged,
                1 => GapCause::SegmentMissing,
                2 => GapCause::SegmentUnreadable,
                _ => return None,
            };
            gaps.push(Gap { stream, first, last: (last > 0).then_some(Seq(last)), cause });
        }
        let (read, boot) = (reader.u8()? == 1, reader.array()?);
        let boot = read.then_some(boot);
        (reader.remaining() == 0).then_some(Cursor { last, frame, resume, files, gaps, settled, boot })
    }
}
