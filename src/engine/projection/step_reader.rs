//! The reader of a catch-up: the new entries of all streams, in steps of bounded size.

use crate::engine::clock::AHEAD_MAX;
use crate::engine::entry::{Gap, GapCause, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::directory::log_bytes;
use crate::engine::log::{OpenSegment, WrittenFrames};
use crate::engine::parallel;
use crate::engine::projection::confirm::StreamState;
use crate::engine::projection::cursor::{Cursor, FRESH, Listing, LogPosition};
use crate::engine::projection::log_access::LogAccess;
use crate::engine::projection::note::{Note, RebuildReason};
use crate::engine::projection::opened::Opened;
use crate::engine::projection::own_tables::FramePlace;
use crate::engine::projection::site::Site;
use crate::engine::projection::step::Step;
use crate::engine::projection::stream_commits::StreamCommits;
use crate::engine::projection::stream_list::StreamList;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec::IntoIter;

/// The minimum number of streams that one core examines.
pub(super) const PIECE_STREAMS: usize = 128;

/// Reads the entries that follow the cursors of a database.
pub(super) struct StepReader<'a> {
    site: &'a Site,
    log: LogAccess<'a>,
    /// The cursors of all streams at the beginning of the catch-up. The map is released after the last stream was
    /// read. The owner of the map can then change it without copying it.
    cursors: Arc<BTreeMap<StreamId, Cursor>>,
    /// The segment that this process appends to, if it is known.
    open_segment: Option<OpenSegment>,
    /// The streams that were not examined yet, each with true if it is certainly unchanged.
    streams: IntoIter<(StreamId, bool)>,
    /// The commits of the stream that is being read, and the cursor with which reading began.
    commits: Option<(StreamCommits<'a>, Cursor)>,
    /// The position at which the catch-up ends; `None` for the end of the log.
    until: Option<LogPosition>,
    /// The number of bytes in the log, for the progress of a rebuild; 0 in other catch-ups.
    bytes_expected: u64,
    /// The last frame for which a row was added to the frame index since the database was opened.
    pub(super) last_frame: Option<FramePlace>,
    /// The bytes that were read.
    pub(super) bytes_read: u64,
    /// The time at which the catch-up began.
    pub(super) started: u64,
    /// The notes about the streams that were examined.
    pub(super) notes: Vec<Note>,
    /// The latest time of an entry. Streams whose clock is far ahead are ignored.
    pub(super) latest: u64,
    /// `true` if a stream was read because of a reboot, or because the metadata of its files has changed. If the
    /// catch-up takes long, the tables are then published, so that other processes need not read the stream again.
    pub(super) has_reread: bool,
    /// The reason for a rebuild, if the log contradicts a cursor: applied entries are no longer in the log, or the gaps
    /// before the cursor have changed. `None` if the log contradicts no cursor.
    pub(super) contradiction: Option<RebuildReason>,
}

impl<'a> StepReader<'a> {
    /// Creates a reader. Finds the streams of the log, and stores their list in `opened`. `open_segment` is the segment
    /// that this process appends to, if it is known.
    pub(super) fn new(
        site: &'a Site,
        opened: &mut Opened,
        open_segment: Option<OpenSegment>,
    ) -> Result<StepReader<'a>> {
        let storage = &site.storage;
        // The boot id is read once for all streams, because on Linux it is the content of a file.
        let boot = storage.boot_id().unwrap_or_default();
        let started = storage.now();
        let cursors = Arc::clone(&opened.cursors);
        let list = StreamList::current(storage.as_ref(), &site.log, opened.streams.as_ref())?;
        let before = opened.streams.replace(Arc::clone(&list)).filter(|_| opened.has_view());
        let is_log_same = before.is_some_and(|before| Arc::ptr_eq(&before, &list));
        let log = LogAccess { storage, log: &site.log, domain: site.domain, boot, is_log_same };
        let streams = list.streams();
        let gone = cursors.iter().find(|(stream, _)| streams.binary_search(stream).is_err());
        let contradiction = gone.map(|(stream, cursor)| log.contradiction(*stream, cursor.last));
        let is_rebuilt = opened.rebuilt.is_some() && contradiction.is_none();
        let bytes_expected = if is_rebuilt { log_bytes(storage.as_ref(), &site.log, streams) } else { 0 };
        Ok(StepReader {
            site,
            log,
            streams: are_unchanged(log, started, &cursors, streams).into_iter(),
            cursors,
            open_segment,
            commits: None,
            until: opened.until.clone(),
            bytes_expected,
            last_frame: opened.last_frame,
            bytes_read: 0,
            started,
            notes: Vec::new(),
            latest: 0,
            has_reread: false,
            contradiction,
        })
    }

    /// Returns the total for the report of progress: the number of bytes in the log during a rebuild, but at least the
    /// number of bytes that were read so far.
    pub(super) fn bytes_total(&self) -> u64 {
        self.bytes_expected.max(self.bytes_read)
    }

    /// Reads the next step. Returns `None` after the last step, and if the log contradicts a cursor.
    pub(super) fn next_step(&mut self) -> Result<Option<Step>> {
        let mut step = Step::default();
        while self.contradiction.is_none() && !step.is_full() {
            match self.commits.take() {
                Some((commits, begin)) => self.read_stream(commits, begin, &mut step)?,
                None => match self.streams.next() {
                    Some((stream, is_unchanged)) => self.open_stream(stream, is_unchanged, &mut step)?,
                    None => break,
                },
            }
        }
        if self.commits.is_none() && self.streams.len() == 0 {
            self.cursors = Arc::default();
        }
        Ok(Some(step).filter(|step| self.contradiction.is_none() && !step.is_empty()))
    }

    /// Compares the cursor of a stream with the log, and opens the stream if it may have new entries. Sets
    /// `contradiction` if the log contradicts the cursor. Adds a note if the stream cannot be read. If the new entries are
    /// recorded frames of this process, adds them to the step, and does not open the stream.
    fn open_stream(&mut self, stream: StreamId, is_unchanged: bool, step: &mut Step) -> Result<()> {
        let cursors = Arc::clone(&self.cursors);
        let known = cursors.get(&stream);
        if let (true, Some(cursor)) = (is_unchanged, known) {
            self.add_stream_notes(stream, cursor);
            return Ok(());
        }
        let open = self.open_segment.take_if(|open| open.stream == stream);
        if let (Some(cursor), Some(mut open)) = (known, open) {
            let written = open.written.take().filter(|_| self.until.is_none());
            if let Some(written) = written
                && let Some(end) = self.log.confirm_written(cursor, &open, &written)
            {
                self.add_written(stream, written, (cursor, end), step);
                return Ok(());
            }
            if let Some((listing, confirmed, reader)) = self.log.confirm_open(cursor, &open) {
                let until = self.until_in(stream);
                let commits = StreamCommits::new(self.log, listing, *confirmed, Some(reader), until);
                self.commits = Some((commits, cursor.clone()));
                return Ok(());
            }
        }
        let cursor = known.cloned().unwrap_or_else(Cursor::start);
        self.has_reread |= cursor.is_of_another_boot(self.log.boot);
        let before = cursor.clone();
        let confirmed = Listing::of(self.site.storage.as_ref(), &self.site.log, stream)
            .and_then(|listing| Ok((self.log.confirm(stream, cursor, &listing)?, listing)));
        match confirmed {
            Ok((StreamState::Unchanged, _)) => self.add_stream_notes(stream, &before),
            Ok((StreamState::Contradicted(reason), _)) => self.contradiction = Some(reason),
            Ok((StreamState::Changed(cursor, reader), listing)) => {
                self.has_reread |= !listing.seen_from(before.resume.segment).is_same(&before.files);
                let until = self.until_in(stream);
                let commits = StreamCommits::new(self.log, listing, *cursor, reader, until);
                self.commits = Some((commits, before));
            }
            Err(Error::Io { source, .. }) => {
                self.add_gaps(stream, &before.gaps);
                self.notes.push(Note::StreamUnreadable { stream, reason: source.to_string() });
            }
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Adds recorded frames of this process to the step. `before` is the cursor before the frames, and `after` the cursor
    /// after them.
    fn add_written(
        &mut self,
        stream: StreamId,
        written: WrittenFrames,
        (before, after): (&Cursor, Cursor),
        step: &mut Step,
    ) {
        for commit in written.commits {
            step.add(stream, commit, &mut self.last_frame);
        }
        self.add_stream_notes(stream, &after);
        if after != *before {
            step.set_cursor(stream, after);
        }
    }

    /// Returns the sequence number of the last entry to read from a stream; `None` if the stream is read to its end.
    fn until_in(&self, stream: StreamId) -> Option<Seq> {
        self.until.as_ref().map(|until| until.get(&stream).copied().unwrap_or(Seq(0)))
    }

    /// Adds commits of a stream to the step, until the step is full or the stream ends.
    fn read_stream(&mut self, mut commits: StreamCommits<'a>, begin: Cursor, step: &mut Step) -> Result<()> {
        let stream = commits.stream();
        let mut unreadable = None;
        while let Some(commit) = commits.next() {
            match commit {
                Ok(commit) => {
                    self.bytes_read += commit.end - commit.offset;
                    step.add(stream, commit, &mut self.last_frame);
                }
                Err(Error::Io { source, .. }) => unreadable = Some(source.to_string()),
                Err(e) => return Err(e),
            }
            if step.is_full() && unreadable.is_none() {
                step.set_cursor(stream, commits.cursor().clone());
                self.commits = Some((commits, begin));
                return Ok(());
            }
        }
        if commits.is_contradicted() {
            self.contradiction = Some(RebuildReason::History(stream));
            return Ok(());
        }
        let (cursor, notes) = commits.into_parts();
        self.notes.extend(notes);
        self.notes.extend(unreadable.map(|reason| Note::StreamUnreadable { stream, reason }));
        self.add_stream_notes(stream, &cursor);
        // An unchanged cursor needs no transaction.
        if cursor != begin {
            step.set_cursor(stream, cursor);
        }
        Ok(())
    }

    /// Adds a note for each gap in a stream. One note covers all erased entries of the stream.
    fn add_gaps(&mut self, stream: StreamId, gaps: &[Gap]) {
        let mut count = 0;
        for gap in gaps {
            match gap.cause {
                GapCause::Erased => count += gap.last.map_or(0, |last| last.0 - gap.first.previous().0),
                _ => self.notes.push(Note::Gap(*gap)),
            }
        }
        if count > 0 {
            self.notes.push(Note::EntriesErased { stream, count });
        }
    }

    /// Adds the notes that the cursor of a stream contains. Updates the latest time with the time of the stream's last
    /// entry. If this time is far ahead of the clock of this machine, adds a note instead.
    fn add_stream_notes(&mut self, stream: StreamId, cursor: &Cursor) {
        self.add_gaps(stream, &cursor.gaps);
        if cursor.time <= self.started.saturating_add(AHEAD_MAX) {
            self.latest = self.latest.max(cursor.time);
        } else {
            self.notes.push(Note::ClockAhead { stream, time: cursor.time });
        }
    }
}

/// Returns each stream with true if it is certainly unchanged since its cursor was stored. Many streams are examined on
/// all cores.
fn are_unchanged(
    log: LogAccess<'_>,
    started: u64,
    cursors: &BTreeMap<StreamId, Cursor>,
    streams: &[StreamId],
) -> Vec<(StreamId, bool)> {
    let (storage, since) = (log.storage.as_ref(), started.saturating_sub(FRESH));
    let is_unchanged = |stream: &StreamId| {
        let is_unchanged = |cursor: &Cursor| {
            !cursor.is_of_another_boot(log.boot)
                && cursor.is_unchanged_since(storage, log.log, *stream, since)
        };
        (*stream, cursors.get(stream).is_some_and(is_unchanged))
    };
    let pieces = parallel::map_pieces(streams, PIECE_STREAMS, |streams| {
        streams.iter().map(is_unchanged).collect::<Vec<_>>()
    });
    pieces.concat()
}
