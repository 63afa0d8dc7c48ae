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
use crate::engine::log::directory::{ResumePoint, list_segments};
use crate::engine::log::names;
use crate::engine::storage::{FileInfo, Storage};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

/// Files that changed this recently, in nanoseconds, may have changed again without looking different: clocks of file
/// systems are coarse, and an append into room taken ahead does not change the length.
pub(super) const FRESH: u64 = 2_000_000_000;

/// A position in the log: the number of the last entry of each stream.
pub type LogPosition = BTreeMap<StreamId, Seq>;

/// How far the projections have come in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The last entry applied and its checksum; `Seq(0)` before the first.
    pub last: (Seq, u32),
    /// The time of that entry.
    pub time: u64,
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
    /// Time of change of the stream's directory: of its names, not of what is in the files. 0 where unknown.
    pub names: u64,
    /// Over name, length and both times of change of the segments before the one with the resume point.
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
    /// The time its content was modified.
    pub modified: u64,
    /// The time its content or attributes changed; unlike the time before, no program can set it. 0 where unknown.
    pub changed: u64,
    /// Its inode; 0 where there are none. A longer file in its place is not the same file with an append.
    pub inode: u64,
}

/// A stream's segments as they looked at one moment. Taken before they are read, so that whatever changes
/// meanwhile looks different afterwards.
#[derive(Debug)]
pub struct Listing {
    stream: StreamId,
    at: u64,
    names: u64,
    segments: Vec<(Seq, FileInfo)>,
}

impl Listing {
    /// Looks at the files of a stream.
    pub fn of(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Listing> {
        let look = |base| {
            let path = names::segment_path(log, stream, base);
            storage.info(&path).map(|info| (base, info)).map_err(|e| Error::io("look at", &path, e))
        };
        let at = storage.now();
        // What changed this recently may change again within the same tick of the clock.
        let names = Some(names_changed(storage, log, stream)).filter(|t| t.saturating_add(FRESH) < at);
        let names = names.unwrap_or(0);
        let segments = list_segments(storage, log, stream)?.into_iter().map(look).collect::<Result<_>>()?;
        Ok(Listing { stream, at, names, segments })
    }

    /// The stream whose files these are.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// Whether an append after this look, behind `end` in the file, is sure to make it look different: it gets longer,
    /// or another time of change.
    pub fn shows_appends(&self, files: &Files, end: u64) -> bool {
        files
            .current
            .is_none_or(|file| file.len <= end || file.newest_change().saturating_add(FRESH) < self.at)
    }

    /// The files as seen from the segment that begins with `at`.
    pub fn seen_from(&self, at: Seq) -> Files {
        let mut hasher = blake3::Hasher::new();
        let mut files = Files { names: self.names, ..Files::none() };
        for (base, info) in &self.segments {
            match base.cmp(&at) {
                Ordering::Greater => files.later += 1,
                Ordering::Equal => files.current = Some(CurrentFile::of(info)),
                Ordering::Less => {
                    for number in [base.0, info.len, info.modified, info.changed] {
                        hasher.update(&number.to_le_bytes());
                    }
                }
            }
        }
        files.earlier = Digest(*hasher.finalize().as_bytes());
        files
    }
}

/// When the names in a stream's directory changed last; 0 where nobody can tell.
fn names_changed(storage: &dyn Storage, log: &Path, stream: StreamId) -> u64 {
    storage.info(&names::stream_dir(log, stream)).map_or(0, |info| info.modified)
}

impl Files {
    fn none() -> Files {
        Files { names: 0, earlier: none_earlier(), current: None, later: 0 }
    }

    /// Whether the segments look as they did then.
    pub fn is_same(&self, then: &Files) -> bool {
        (self.earlier, self.current, self.later) == (then.earlier, then.current, then.later)
    }

    /// Whether a stream of one segment looks exactly as it did, by two looks and without listing it; for streams that
    /// nobody writes to any more. `since`: what changed after it does not count as known.
    pub fn is_same_at_a_glance(
        &self,
        storage: &dyn Storage,
        log: &Path,
        stream: StreamId,
        at: Seq,
        since: u64,
    ) -> bool {
        let Some(file) = &self.current else { return false };
        let alone = self.later == 0 && self.earlier == none_earlier();
        if !alone || self.names == 0 || self.names.max(file.newest_change()) > since {
            return false;
        }
        let now = storage.info(&names::segment_path(log, stream, at)).map(|info| CurrentFile::of(&info));
        now.is_ok_and(|now| now == *file) && names_changed(storage, log, stream) == self.names
    }
}

/// The digest of no segments.
fn none_earlier() -> Digest {
    Digest::of(b"")
}

impl CurrentFile {
    fn of(info: &FileInfo) -> CurrentFile {
        let inode = info.place.map_or(0, |place| place.inode);
        CurrentFile { len: info.len, modified: info.modified, changed: info.changed, inode }
    }

    /// The later of the two times of change.
    pub fn newest_change(&self) -> u64 {
        self.modified.max(self.changed)
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
            time: 0,
            frame: ResumePoint::START,
            resume: ResumePoint::START,
            files: Files::none(),
            gaps: Vec::new(),
            settled: false,
            boot: None,
        }
    }

    /// Returns whether entries were read from the log during another boot than the `current` one, so that a reboot may
    /// have lost them.
    pub fn is_of_another_boot(&self, current: [u8; 16]) -> bool {
        self.boot.is_some_and(|boot| boot != current)
    }

    /// The row.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.last.0.0);
        out.extend_from_slice(&self.last.1.to_le_bytes());
        put_varint(&mut out, self.time);
        put_point(&mut out, &self.frame);
        put_point(&mut out, &self.resume);
        out.extend_from_slice(&self.files.earlier.0);
        out.extend([u8::from(self.settled), u8::from(self.files.current.is_some())]);
        if let Some(file) = &self.files.current {
            for number in [file.len, file.modified, file.changed, file.inode] {
                put_varint(&mut out, number);
            }
        }
        for number in [self.files.names, self.files.later, self.gaps.len() as u64] {
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
        let time = reader.varint()?;
        let (frame, resume) = (read_point(&mut reader)?, read_point(&mut reader)?);
        let earlier = Digest(reader.array()?);
        let (settled, there) = (reader.u8()? == 1, reader.u8()? == 1);
        let mut file = || {
            Some(CurrentFile {
                len: reader.varint()?,
                modified: reader.varint()?,
                changed: reader.varint()?,
                inode: reader.varint()?,
            })
        };
        let current = if there { Some(file()?) } else { None };
        let files = Files { names: reader.varint()?, earlier, current, later: reader.varint()? };
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
        (reader.remaining() == 0).then_some(Cursor { last, time, frame, resume, files, gaps, settled, boot })
    }
}
