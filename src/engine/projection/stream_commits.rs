//! The new commits of one stream.

use crate::engine::entries::EntryRef;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::Result;
use crate::engine::log::directory::{WriterEnd, is_held};
use crate::engine::log::{Commit, FindingKind, Item, StreamReader, Tail};
use crate::engine::projection::cursor::{Cursor, Listing};
use crate::engine::projection::log_access::{CommitPlace, LogAccess};
use crate::engine::projection::note::Note;

/// An iterator over the commits of a stream after the cursor, in order. With each commit, the iterator moves the cursor
/// behind this commit. The iterator ends after the first error.
pub(super) struct StreamCommits<'a> {
    log: LogAccess<'a>,
    listing: Listing,
    /// The sequence number of the last entry to read; `None` for the end of the stream.
    until: Option<Seq>,
    cursor: Cursor,
    notes: Vec<Note>,
    /// The reader of the stream; `None` before the first commit, and after the end or an error.
    reader: Option<Box<StreamReader>>,
    has_open_gap: bool,
    is_contradicted: bool,
    has_ended: bool,
}

impl<'a> StreamCommits<'a> {
    /// Creates an iterator over the commits after `cursor`. `listing` is the metadata of the files, read before their
    /// content. `reader` is a reader that has read up to the cursor, if there is one.
    pub(super) fn new(
        log: LogAccess<'a>,
        listing: Listing,
        mut cursor: Cursor,
        reader: Option<Box<StreamReader>>,
        until: Option<Seq>,
    ) -> StreamCommits<'a> {
        // `is_complete` and `is_final` are set only when the end is reached, so a stream with an error is read again.
        (cursor.is_complete, cursor.is_final) = (false, false);
        StreamCommits {
            log,
            listing,
            until,
            cursor,
            notes: Vec::new(),
            reader,
            has_open_gap: false,
            is_contradicted: false,
            has_ended: false,
        }
    }

    /// Returns the stream.
    pub(super) fn stream(&self) -> StreamId {
        self.listing.stream()
    }

    /// Returns the cursor after the last commit.
    pub(super) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Returns true if a commit after the cursor contains an entry that the cursor counts as applied. The tables must
    /// then be rebuilt.
    pub(super) fn is_contradicted(&self) -> bool {
        self.is_contradicted
    }

    /// Returns the cursor after the last commit, and the notes about the stream. Gaps that the cursor contains are not
    /// in the notes.
    pub(super) fn into_parts(self) -> (Cursor, Vec<Note>) {
        (self.cursor, self.notes)
    }

    fn read(&mut self) -> Result<Option<Commit>> {
        let stream = self.listing.stream();
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => Box::new(self.log.reader_of(&self.listing, self.cursor.resume)?),
        };
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Commit(mut commit) => {
                    if let Some(until) = self.until {
                        let wanted = |entry: &EntryRef<'_>| entry.stamp.seq <= until;
                        if !commit.entries.last().is_none_or(|last| wanted(&last)) {
                            commit.entries.truncate(commit.entries.iter().take_while(wanted).count());
                        }
                    }
                    let Some(place) = CommitPlace::of(&commit) else { break };
                    if place.frame.next <= self.cursor.last.0
                        && !remove_applied(&mut commit, self.cursor.last)
                    {
                        self.is_contradicted = true;
                        return Ok(None);
                    }
                    self.cursor.move_to(&place, self.log.boot);
                    self.reader = Some(reader);
                    return Ok(Some(commit));
                }
                Item::Gap(gap) if gap.last.is_some() => self.cursor.gaps.push(gap),
                Item::Gap(gap) => {
                    self.has_open_gap = true;
                    self.notes.push(Note::Gap(gap));
                }
                Item::Finding(finding) => {
                    if let FindingKind::Newer { version } = finding.kind {
                        self.notes.push(Note::Newer { stream, version });
                    }
                }
            }
        }
        self.end(&reader);
        Ok(None)
    }

    /// Completes the cursor at the end of the stream: sets the resume point, the metadata of the files, and
    /// [`Cursor::is_complete`]. Adds a note if the end is unfinished and no writer has the stream open.
    fn end(&mut self, reader: &StreamReader) {
        let (stream, cursor) = (self.listing.stream(), &mut self.cursor);
        let end = reader.resume_point();
        if end.offset > 0 {
            cursor.resume = end;
        }
        cursor.files = self.listing.seen_from(cursor.resume.segment);
        let is_unfinished = matches!(reader.tail(), Tail::Unfinished { .. });
        let is_in_creation = reader.unfinished_creation().is_some();
        if is_unfinished
            && !self.has_open_gap
            && !is_in_creation
            && !is_held(self.log.storage.as_ref(), self.log.log, stream)
        {
            self.notes.push(Note::Unfinished { stream, after: cursor.resume.next.previous() });
        }
        // An incomplete end is read again every time, until the writer completes or removes it, or later bytes show
        // which entries are missing.
        let shows_appends = self.listing.shows_appends(&cursor.files, cursor.resume.offset);
        let is_closed = reader.tail() == Tail::Closed && !reader.is_sealed();
        let is_ended = match self.listing.writer_end {
            WriterEnd::Released => true,
            WriterEnd::NoLock => is_closed,
            WriterEnd::Unproven => false,
        };
        let is_whole = !is_unfinished && !self.has_open_gap;
        cursor.is_final = is_whole && is_ended;
        cursor.is_complete = is_whole && (shows_appends || is_ended);
        if is_closed {
            // A close mark is written only after all entries before the mark are durable, so a reboot cannot lose these
            // entries. A seal may be written before its entries are durable.
            cursor.boot = None;
        }
    }
}

impl Iterator for StreamCommits<'_> {
    type Item = Result<Commit>;

    fn next(&mut self) -> Option<Result<Commit>> {
        if self.has_ended {
            return None;
        }
        let commit = self.read().transpose();
        self.has_ended = !matches!(commit, Some(Ok(_)));
        commit
    }
}

/// Removes the entries of a commit up to the entry `last`. `last` contains the sequence number and the
/// checksum of the entry. Returns `false` if the commit does not contain this entry, or if no entry follows
/// it.
fn remove_applied(commit: &mut Commit, last: (Seq, u32)) -> bool {
    let at = commit.entries.iter().position(|entry| (entry.stamp.seq, entry.checksum) == last);
    let applied = at.map(|at| at + 1).filter(|applied| *applied < commit.entries.len());
    applied.map(|applied| commit.entries.remove_first(applied)).is_some()
}
