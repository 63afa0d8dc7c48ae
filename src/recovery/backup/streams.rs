//! Copies of the streams of a log in a repository. Writers can append to the streams during the copy.
//!
//! A stream is copied up to the end of its last complete frame. Writers only append after this end, so the
//! copied bytes do not change. If a merge or a repair replaces the file of a segment during the copy, the
//! stream is copied again.

use crate::engine::chain::Head;
use crate::engine::entry::{GapCause, Seq, StreamId};
use crate::engine::error::Error as EngineError;
use crate::engine::log::directory::{ResumePoint, is_held, list_segments};
use crate::engine::log::names::{segment_path, stream_dir};
use crate::engine::log::{Item, ScanMode, StreamReader, Tail};
use crate::engine::storage::{FileInfo, Storage};
use crate::recovery::backup::content::{Content, FileState};
use crate::recovery::backup::copy::{Copier, CopyError};
use crate::recovery::backup::manifest::{Manifest, SegmentCopy, StreamCopy};
use crate::store::{Note, Severity};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The maximum number of attempts to copy a stream. An attempt fails if a file of the stream is replaced
/// during the copy.
const ATTEMPTS_MAX: usize = 8;

/// The state of the copy of a log.
pub(super) struct LogCopy<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    pub(super) log: &'a Path,
    /// The streams in the manifest of the latest backup.
    previous: HashMap<StreamId, &'a StreamCopy>,
    pub(super) notes: Vec<Note>,
}

/// The segment files of a stream: the first sequence number and the metadata of each file.
type Listed = Vec<(Seq, FileInfo)>;

/// The result of an attempt to copy a stream.
enum Attempt {
    /// The stream was copied; `None` if it has no segment.
    Copied(Option<Box<StreamCopy>>),
    /// A file of the stream was replaced during the copy.
    Changed,
}

/// The result of a scan of a stream.
struct Scanned {
    last: Seq,
    last_time: u64,
    head: Option<Head>,
    damage: u64,
    /// The end of the copied part of the stream: the last segment and an offset in its file.
    end: (Seq, u64),
    /// A segment whose creation was not finished. Such a segment contains no entry.
    unfinished: Option<Seq>,
}

impl<'a> LogCopy<'a> {
    pub(super) fn new(storage: &'a Arc<dyn Storage>, log: &'a Path, previous: Option<&'a Manifest>) -> Self {
        let streams = previous.map(|manifest| manifest.streams.as_slice()).unwrap_or_default();
        let previous = streams.iter().map(|stream| (stream.stream, stream)).collect();
        LogCopy { storage, log, previous, notes: Vec::new() }
    }

    /// Copies a stream. Returns `None`, and adds a note, if the stream has no segment.
    pub(super) fn stream(
        &mut self,
        copier: &mut Copier<'_>,
        stream: StreamId,
    ) -> Result<Option<StreamCopy>, CopyError> {
        for _ in 0..ATTEMPTS_MAX {
            let notes = self.notes.len();
            match self.attempt(copier, stream) {
                Ok(Attempt::Copied(copy)) => return Ok(copy.map(|copy| *copy)),
                Ok(Attempt::Changed) => {}
                // A file was removed after the files were listed.
                Err(CopyError::Source(EngineError::Io { source, .. }))
                    if source.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
            self.notes.truncate(notes);
        }
        let dir = stream_dir(self.log, stream);
        Err(CopyError::Source(EngineError::SourceChanged { path: dir }))
    }

    fn attempt(&mut self, copier: &mut Copier<'_>, stream: StreamId) -> Result<Attempt, CopyError> {
        let listed = self.list(stream)?;
        let copy = self.copy(copier, stream, &listed)?;
        let is_unchanged = self.is_unchanged(stream, &listed)?;
        Ok(if is_unchanged { Attempt::Copied(copy.map(Box::new)) } else { Attempt::Changed })
    }

    /// Returns a note on each stream of the previous backup that the log does not contain any more. A restore can remove
    /// streams.
    pub(super) fn removed(&self, listed: &[StreamId]) -> Vec<Note> {
        let mut removed: Vec<StreamId> =
            self.previous.keys().filter(|stream| !listed.contains(stream)).copied().collect();
        removed.sort_unstable();
        removed.into_iter().map(stream_removed).collect()
    }

    fn list(&self, stream: StreamId) -> Result<Listed, CopyError> {
        let bases = list_segments(self.storage.as_ref(), self.log, stream).map_err(CopyError::Source)?;
        let mut listed = Vec::with_capacity(bases.len());
        for base in bases {
            let path = segment_path(self.log, stream, base);
            let info = self.storage.info(&path).map_err(|e| source_error(&path, e))?;
            listed.push((base, info));
        }
        Ok(listed)
    }

    /// Returns `true` if all listed files of the stream still exist and none of them was replaced. Files may
    /// have grown, and new files may exist.
    fn is_unchanged(&self, stream: StreamId, listed: &Listed) -> Result<bool, CopyError> {
        let now = self.list(stream)?;
        let is_same = |((base, info), (now, after)): (&(Seq, FileInfo), &(Seq, FileInfo))| {
            base == now && info.place == after.place
        };
        Ok(now.len() >= listed.len() && listed.iter().zip(&now).all(is_same))
    }

    fn copy(
        &mut self,
        copier: &mut Copier<'_>,
        stream: StreamId,
        listed: &Listed,
    ) -> Result<Option<StreamCopy>, CopyError> {
        let now = self.storage.now();
        let previous = self.previous.get(&stream).copied();
        let mut segments = Vec::with_capacity(listed.len());
        for (base, info) in listed {
            match self.unchanged(copier, previous, segments.len(), (*base, info), now)? {
                Some(segment) => segments.push(segment),
                None => break,
            }
        }
        if let Some(previous) = previous
            && segments.len() == listed.len()
            && segments.len() == previous.segments.len()
        {
            self.notes.extend((previous.damage > 0).then(|| damaged(stream)));
            return Ok(Some(previous.clone()));
        }
        if previous.is_some_and(|previous| previous.damage > 0 || listed.len() < previous.segments.len()) {
            // The damage may be in any segment, and may have been repaired after the previous backup. If segments were removed, the end of
            // the stream is read again.
            segments.clear();
        }
        let Some((first, _)) = listed.get(segments.len()) else {
            self.notes.push(no_segments(stream, previous));
            return Ok(None);
        };
        let scanned = self.scan(stream, listed, *first, segments.is_empty())?;
        for (base, info) in listed.iter().skip(segments.len()) {
            if scanned.unfinished == Some(*base) {
                continue;
            }
            let len = if scanned.end.0 == *base { scanned.end.1 } else { info.len };
            let content = copier.copy(&segment_path(self.log, stream, *base), len)?;
            segments.push(SegmentCopy { base: *base, content, state: FileState::of(info, now) });
        }
        let Scanned { last, last_time, head, damage, .. } = scanned;
        if let Some(previous) = previous.filter(|previous| last < previous.last) {
            self.notes.push(entries_lost(stream, previous.last, last));
        }
        Ok(Some(StreamCopy { stream, last, last_time, head, damage, segments }))
    }

    /// Returns the copy of a segment from the previous manifest. Returns `None` if the file may have changed,
    /// or if the repository does not contain all objects of the copy.
    fn unchanged(
        &self,
        copier: &mut Copier<'_>,
        previous: Option<&StreamCopy>,
        n: usize,
        (base, info): (Seq, &FileInfo),
        now: u64,
    ) -> Result<Option<SegmentCopy>, CopyError> {
        let Some(copied) = previous.and_then(|previous| previous.segments.get(n)) else { return Ok(None) };
        let is_same =
            copied.base == base && copied.state.is_some() && copied.state == FileState::of(info, now);
        Ok((is_same && copier.contains(&copied.content)?).then(|| copied.clone()))
    }

    /// Reads the stream, beginning with the segment `first`. Computes the head and the end of the last
    /// complete frame.
    fn scan(
        &mut self,
        stream: StreamId,
        listed: &Listed,
        first: Seq,
        from_start: bool,
    ) -> Result<Scanned, CopyError> {
        let start = ResumePoint { segment: first, offset: 0, next: first };
        let start = if from_start { ResumePoint::START } else { start };
        let is_live_before = is_held(self.storage.as_ref(), self.log, stream);
        let bases = listed.iter().map(|(base, _)| *base).collect();
        let reader =
            StreamReader::open_listed(self.storage, self.log, ScanMode::Full, start, (stream, bases));
        let mut reader = reader.map_err(CopyError::Source)?;
        let mut damage = 0u64;
        while let Some(item) = reader.next_item().map_err(CopyError::Source)? {
            damage += match item {
                Item::Commit(_) => 0,
                Item::Gap(gap) if gap.cause == GapCause::Erased => 0,
                _ => 1,
            };
        }
        let resume = reader.resume_point();
        // The offset is 0 if the last segment has no readable header. In this case, the whole file is copied.
        let unfinished_at = match reader.tail() {
            Tail::Unfinished { offset } if offset > 0 => Some(offset),
            _ => None,
        };
        let last = reader.next_seq().previous();
        let head = reader.chain().map(|chain| Head { stream, seq: last, digest: chain.link() });
        if unfinished_at.is_some() {
            // The scan reports the unfinished end as one finding and one gap. The copy does not contain this
            // end, so they are not counted.
            damage = damage.saturating_sub(2);
            if !is_live_before && !is_held(self.storage.as_ref(), self.log, stream) {
                self.notes.push(end_left_out(stream, last));
            }
        }
        if damage > 0 {
            self.notes.push(damaged(stream));
        }
        let last_time = reader.last_time();
        let unfinished = reader.unfinished_creation();
        Ok(Scanned {
            last,
            last_time,
            head,
            damage,
            end: (resume.segment, unfinished_at.unwrap_or(resume.offset)),
            unfinished,
        })
    }
}

fn source_error(path: &Path, e: io::Error) -> CopyError {
    CopyError::Source(EngineError::io("read the metadata of", path, e))
}

/// Returns the note on a stream without segments. Such a stream lost entries if the previous backup contains entries of
/// it. A writer creates the directory of a stream before the first segment.
fn no_segments(stream: StreamId, previous: Option<&StreamCopy>) -> Note {
    match previous {
        Some(previous) if previous.last > Seq(0) => {
            let last = previous.last;
            let message = format!(
                "stream {stream} has no segments and is not part of the backup; the previous backup contains its \
                 entries up to {last}"
            );
            Note::new(Severity::Error, "backup_stream_missing", message)
        }
        _ => {
            let message = format!("stream {stream} has no segments and is not part of the backup");
            Note::new(Severity::Info, "backup_stream_empty", message)
        }
    }
}

fn stream_removed(stream: StreamId) -> Note {
    let message =
        format!("stream {stream} is part of the previous backup; the log does not contain the stream");
    Note::new(Severity::Warning, "backup_stream_removed", message)
}

fn entries_lost(stream: StreamId, before: Seq, last: Seq) -> Note {
    let message = format!(
        "stream {stream} ends with entry {last}; in the previous backup the stream ends with entry {before}"
    );
    Note::new(Severity::Warning, "backup_stream_shorter", message)
}

fn end_left_out(stream: StreamId, last: Seq) -> Note {
    let message = format!(
        "stream {stream} ends with bytes that are not a complete frame; the bytes after entry {last} are not part of \
         the backup"
    );
    Note::new(Severity::Warning, "backup_stream_end_left_out", message)
}

fn damaged(stream: StreamId) -> Note {
    let message = format!("stream {stream} is damaged or incomplete; the backup contains the damaged stream");
    Note::new(Severity::Warning, "backup_stream_damaged", message)
}

/// Returns the length of a copied stream in bytes.
pub(in crate::recovery) fn stream_len(stream: &StreamCopy) -> u64 {
    stream.segments.iter().map(|segment| &segment.content).map(|content: &Content| content.len).sum()
}
