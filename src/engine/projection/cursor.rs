//! Cursors: the progress of the projections in each stream. A cursor is moved in memory after the rows of its entries
//! were stored. Each generation contains the cursors.
//!
//! A cursor is used only after it was compared with the log: the frame that the cursor ended with must still be in the
//! log with the same last entry, and either the metadata of earlier files or the gaps before the frame must be
//! unchanged. If the comparison fails (a shorter stream, other entries, a new or filled gap), the tables are rebuilt.
//!
//! The metadata of files distinguishes an append from other changes. It does not show a change that is followed by an
//! append. Damage to applied entries in the segment that a writer appends to is therefore found only by a full scan or
//! a rebuild. A power cut may remove unsynced entries that are already applied, and leave the metadata unchanged.
//! Entries that were read during another boot are therefore read once more.

use crate::engine::bytes::{Reader, put_varint};
use crate::engine::checksum::Digest;
use crate::engine::entry::{Gap, GapCause, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::directory::{ResumePoint, WriterEnd, list_with_writer_end};
use crate::engine::log::{OpenSegment, names};
use crate::engine::storage::{FileInfo, Storage};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The age in nanoseconds from which on the change time of a file is trusted. File systems record times coarsely: a
/// file that was changed more recently may change again, and keep the same change time. If this change is an append
/// into preallocated space, the length of the file also remains the same.
pub(super) const FRESH: u64 = 2_000_000_000;

/// A position in the log: the sequence number of the last entry in each stream.
pub type LogPosition = BTreeMap<StreamId, Seq>;

/// The progress of the projections in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The sequence number of the last applied entry, and the checksum of this entry; `Seq(0)` before the first entry.
    pub last: (Seq, u32),
    /// The time of the last entry applied, in nanoseconds since the epoch.
    pub time: u64,
    /// The beginning of the frame that contains the last applied entry.
    pub frame: ResumePoint,
    /// The point at which the next catch-up begins to read the stream.
    pub resume: ResumePoint,
    /// The metadata of the stream's files. The metadata was read before the content of the files, so that a change
    /// during the read is detected later.
    pub files: Files,
    /// The gaps in the stream before the cursor.
    pub gaps: Vec<Gap>,
    /// `true` if the stream need not be read again as long as the metadata of its files is unchanged. This requires
    /// that the stream was read to a complete end, and that every later append changes the metadata. `false` for
    /// example after an error, or if the stream ends with an unfinished frame.
    pub is_complete: bool,
    /// `true` if no writer can append to the stream again without a change of the names in its directory. As long as
    /// the directory is unchanged, the metadata of the segments is then not read.
    pub is_final: bool,
    /// The id of the boot during which entries were last read; zeros on platforms without boot ids. `None` if no reboot
    /// can lose an applied entry, for example because a close mark follows the entries.
    pub boot: Option<[u8; 16]>,
}

/// The metadata of a stream's files, as a cursor stores it. The segment with the resume point ([`Cursor::resume`]) is
/// recorded by itself. The segments before it are combined in a digest, and the segments after it are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The change time of the stream's directory, which changes when a name in the directory changes; the modification
    /// time on platforms without change times, and 0 if both are unknown. Programs that copy directories restore the
    /// modification time, but cannot set the change time.
    pub names: u64,
    /// The digest over the metadata of all segments before the segment with the resume point. The metadata of a segment
    /// consists of the first sequence number, the length, and both change times ([`CurrentFile`]).
    pub earlier: Digest,
    /// The metadata of the segment with the resume point; `None` if the segment did not exist.
    pub current: Option<CurrentFile>,
    /// The number of segments after the segment with the resume point.
    pub later: u64,
}

/// The metadata of the segment with the resume point ([`Cursor::resume`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentFile {
    /// The length in bytes.
    pub len: u64,
    /// The time of the last change of the content, in nanoseconds since the epoch; 0 if unknown.
    pub modified: u64,
    /// The time of the last change of content or attributes; 0 if unknown. Programs can set `modified`, but not this
    /// time.
    pub changed: u64,
    /// The inode. An append does not change the inode; a replacement of the file does. 0 on platforms without inodes.
    pub inode: u64,
}

/// The metadata of a stream's segments at one moment. The metadata is read before the segments. A later comparison
/// therefore detects a change that happens while the segments are read.
#[derive(Debug)]
pub struct Listing {
    stream: StreamId,
    at: u64,
    names: u64,
    /// The evidence about the end of the writer. It was collected before the metadata of the segments was read.
    pub(super) writer_end: WriterEnd,
    /// [`Files::earlier`] if the segments before the first one in `segments` were not examined; otherwise `None`.
    earlier: Option<Digest>,
    segments: Vec<(Seq, FileInfo)>,
}

impl Listing {
    /// Reads the metadata of a stream's files.
    pub fn of(storage: &dyn Storage, log: &Path, stream: StreamId) -> Result<Listing> {
        let info = |base| {
            let path = names::segment_path(log, stream, base);
            storage
                .info(&path)
                .map(|info| (base, info))
                .map_err(|e| Error::io("read the metadata of", &path, e))
        };
        let at = storage.now();
        // After a recent change, another change may follow with the same time.
        let names = Some(names_changed(storage, log, stream)).filter(|t| t.saturating_add(FRESH) < at);
        let names = names.unwrap_or(0);
        let (segments, writer_end) = list_with_writer_end(storage, log, stream)?;
        let segments = segments.into_iter().map(info).collect::<Result<_>>()?;
        Ok(Listing { stream, at, names, writer_end, earlier: None, segments })
    }

    /// Reads the metadata of the segment that this process appends to, and takes the metadata of the stream's other
    /// files from `then`. `then` is the metadata in the cursor, which is in this segment. Returns `None` if the segment
    /// is another file than in the cursor, if the file was removed or replaced, if the file is shorter than
    /// [`OpenSegment::end`], or if `then` contains later segments.
    ///
    /// `is_log_same` is true if the directory of the log is the one of the previous catch-up, and no name in it has
    /// changed since then. Only then, the metadata of the open file is read instead of that of the path. This takes less
    /// time, but does not show that a directory above the file was renamed.
    pub(super) fn of_open_segment(
        storage: &dyn Storage,
        log: &Path,
        open: &OpenSegment,
        then: &Files,
        is_log_same: bool,
    ) -> Option<Listing> {
        let of_path = || storage.info(&names::segment_path(log, open.stream, open.base)).ok();
        let info = match open.file.info() {
            // A file without a name was removed or replaced. A file with several names may have lost its path.
            Ok(info) if is_log_same && info.names == 1 => info,
            Ok(info) => of_path().filter(|at_path| at_path.place == info.place)?,
            Err(e) if e.kind() == io::ErrorKind::Unsupported => of_path()?,
            Err(_) => return None,
        };
        let is_same = then.current.is_some_and(|file| file.inode == CurrentFile::of(&info).inode);
        (is_same && then.later == 0 && info.len >= open.end).then(|| Listing {
            stream: open.stream,
            at: open.at,
            names: then.names,
            writer_end: WriterEnd::Unproven,
            earlier: Some(then.earlier),
            segments: vec![(open.base, info)],
        })
    }

    /// Returns the first sequence number of each segment.
    pub(super) fn segments(&self) -> impl Iterator<Item = Seq> {
        self.segments.iter().map(|(base, _)| *base)
    }

    /// Returns the stream.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// Returns true if a later append to the segment `files.current` certainly changes the metadata of this segment:
    /// the length or a change time. `end` is the offset at which such an append begins.
    pub fn shows_appends(&self, files: &Files, end: u64) -> bool {
        files
            .current
            .is_none_or(|file| file.len <= end || file.newest_change().saturating_add(FRESH) < self.at)
    }

    /// Returns the metadata in the form that a cursor stores. `at` is the first sequence number of the segment with the
    /// resume point.
    pub fn seen_from(&self, at: Seq) -> Files {
        let mut hasher = blake3::Hasher::new();
        let (mut current, mut later) = (None, 0);
        for (base, info) in &self.segments {
            match base.cmp(&at) {
                Ordering::Greater => later += 1,
                Ordering::Equal => current = Some(CurrentFile::of(info)),
                Ordering::Less => {
                    for number in [base.0, info.len, info.modified, info.changed] {
                        hasher.update(&number.to_le_bytes());
                    }
                }
            }
        }
        let earlier = self.earlier.unwrap_or_else(|| Digest(*hasher.finalize().as_bytes()));
        Files { names: self.names, earlier, current, later }
    }
}

/// Returns the time of the last change of the names in a stream's directory ([`Files::names`]); 0 if unknown.
fn names_changed(storage: &dyn Storage, log: &Path, stream: StreamId) -> u64 {
    let time = |info: FileInfo| if info.changed > 0 { info.changed } else { info.modified };
    storage.info(&names::stream_dir(log, stream)).map_or(0, time)
}

impl Files {
    fn none() -> Files {
        Files { names: 0, earlier: none_earlier(), current: None, later: 0 }
    }

    /// Returns true if the segments have the same metadata as in `then`, which was read earlier. The change time of the
    /// directory is not compared.
    pub fn is_same(&self, then: &Files) -> bool {
        (self.earlier, self.current, self.later) == (then.earlier, then.current, then.later)
    }

    /// Returns true if the names in the stream's directory have not changed since this metadata was read, and the last
    /// change was at or before the time `since`. Reads the metadata of the directory, and does not list it.
    fn has_same_names(&self, storage: &dyn Storage, log: &Path, stream: StreamId, since: u64) -> bool {
        self.names != 0 && self.names <= since && names_changed(storage, log, stream) == self.names
    }

    /// Returns true if the segment with the resume point is the only segment, and its metadata is unchanged. Returns
    /// false if the segment was changed after the time `since`. `at` is the first sequence number of the segment. Does
    /// not list the directory: the names in it must be unchanged.
    fn is_single_and_unchanged(
        &self,
        storage: &dyn Storage,
        log: &Path,
        stream: StreamId,
        at: Seq,
        since: u64,
    ) -> bool {
        let Some(file) = &self.current else { return false };
        let is_single = self.later == 0 && self.earlier == none_earlier();
        let path = || names::segment_path(log, stream, at);
        is_single
            && file.newest_change() <= since
            && storage.info(&path()).is_ok_and(|now| CurrentFile::of(&now) == *file)
    }
}

/// Returns the value of [`Files::earlier`] if no segment precedes the segment with the resume point.
fn none_earlier() -> Digest {
    Digest::of(b"")
}

impl CurrentFile {
    fn of(info: &FileInfo) -> CurrentFile {
        let inode = info.place.map_or(0, |place| place.inode);
        CurrentFile { len: info.len, modified: info.modified, changed: info.changed, inode }
    }

    /// Returns the later time of [`CurrentFile::modified`] and [`CurrentFile::changed`].
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
    /// Returns the cursor before the first entry.
    pub fn start() -> Cursor {
        Cursor {
            last: (Seq(0), 0),
            time: 0,
            frame: ResumePoint::START,
            resume: ResumePoint::START,
            files: Files::none(),
            gaps: Vec::new(),
            is_complete: false,
            is_final: false,
            boot: None,
        }
    }

    /// Returns true if the stream is certainly unchanged since the cursor was stored. Returns true only if the names in
    /// the directory were unchanged since the time `since`, and the stream is final or has one segment, which was
    /// unchanged since this time too. Reads metadata only, and does not list the directory of the stream.
    pub(super) fn is_unchanged_since(
        &self,
        storage: &dyn Storage,
        log: &Path,
        stream: StreamId,
        since: u64,
    ) -> bool {
        let (files, at) = (&self.files, self.resume.segment);
        self.is_complete
            && files.has_same_names(storage, log, stream, since)
            && (self.is_final || files.is_single_and_unchanged(storage, log, stream, at, since))
    }

    /// Returns true if entries were read from the log during another boot than `current`. A reboot may have lost such
    /// entries.
    pub fn is_of_another_boot(&self, current: [u8; 16]) -> bool {
        self.boot.is_some_and(|boot| boot != current)
    }

    /// Encodes the cursor as a row.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.last.0.0);
        out.extend_from_slice(&self.last.1.to_le_bytes());
        put_varint(&mut out, self.time);
        put_point(&mut out, &self.frame);
        put_point(&mut out, &self.resume);
        out.extend_from_slice(&self.files.earlier.0);
        let state = u8::from(self.is_complete) | u8::from(self.is_final) << 1;
        out.extend([state, u8::from(self.files.current.is_some())]);
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
                GapCause::Erased => 4,
            });
        }
        out.push(u8::from(self.boot.is_some()));
        out.extend_from_slice(&self.boot.unwrap_or_default());
        out
    }

    /// Decodes the cursor of `stream` from a row; `None` if the row is malformed.
    pub fn decode(stream: StreamId, row: &[u8]) -> Option<Cursor> {
        let mut reader = Reader::new(row);
        let last = (Seq(reader.varint()?), reader.u32()?);
        let time = reader.varint()?;
        let (frame, resume) = (read_point(&mut reader)?, read_point(&mut reader)?);
        let earlier = Digest(reader.array()?);
        let (state, has_current) = (reader.u8()?, reader.u8()? == 1);
        let (is_complete, is_final) = (state & 1 == 1, state & 2 == 2);
        let mut file = || {
            Some(CurrentFile {
                len: reader.varint()?,
                modified: reader.varint()?,
                changed: reader.varint()?,
                inode: reader.varint()?,
            })
        };
        let current = if has_current { Some(file()?) } else { None };
        let files = Files { names: reader.varint()?, earlier, current, later: reader.varint()? };
        let mut gaps = Vec::new();
        for _ in 0..reader.varint()? {
            let (first, last) = (Seq(reader.varint()?), reader.varint()?);
            let cause = match reader.u8()? {
                0 => GapCause::Damaged,
                1 => GapCause::SegmentMissing,
                2 => GapCause::SegmentUnreadable,
                4 => GapCause::Erased,
                _ => return None,
            };
            gaps.push(Gap { stream, first, last: (last > 0).then_some(Seq(last)), cause });
        }
        let (has_boot, boot) = (reader.u8()? == 1, reader.array()?);
        let boot = has_boot.then_some(boot);
        (reader.remaining() == 0).then_some(Cursor {
            last,
            time,
            frame,
            resume,
            files,
            gaps,
            is_complete,
            is_final,
            boot,
        })
    }
}
