//! The catch-up: the cursors of the streams that changed are compared with the log, and the new entries of these
//! streams are applied.
//!
//! Entries are read and applied in steps of bounded size; the rows and cursors of a step change in one transaction.

use crate::engine::clock::AHEAD_MAX;
use crate::engine::entry::{Event, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::directory::{list_streams, log_bytes};
use crate::engine::progress::Progress;
use crate::engine::projection::confirm::StreamState;
use crate::engine::projection::cursor::{Cursor, FRESH, Listing};
use crate::engine::projection::definition::Projection;
use crate::engine::projection::log_access::LogAccess;
use crate::engine::projection::note::{Note, RebuildReason};
use crate::engine::projection::opened::Opened;
use crate::engine::projection::own_tables;
use crate::engine::projection::site::Site;
use crate::engine::projection::step::Step;
use crate::engine::projection::stream_commits::StreamCommits;
use redb::ReadableDatabase;

/// The duration of a catch-up, in nanoseconds, above which its result is published even if it applied few entries.
const PUBLISH_AFTER: u64 = 250_000_000;

/// The result of a catch-up.
pub(super) enum Outcome {
    /// The new entries of all readable streams were applied. The notes name missing entries and unreadable streams,
    /// among other remarks.
    Done(Vec<Note>),
    /// The log contradicts a cursor: applied entries are no longer in the log, or the gaps before the cursor have
    /// changed. The tables must be rebuilt.
    Contradicted(RebuildReason),
}

/// Applies the entries that follow the cursors of an open database.
pub(super) fn catch_up<E: Event>(
    site: &Site,
    projections: &[Box<dyn Projection<E>>],
    opened: &mut Opened,
    progress: Progress<'_>,
) -> Result<Outcome> {
    CatchUpRun::new(site, projections, opened, progress).run()
}

/// A running catch-up.
struct CatchUpRun<'a, E: Event> {
    site: &'a Site,
    projections: &'a [Box<dyn Projection<E>>],
    opened: &'a mut Opened,
    progress: Progress<'a>,
    log: LogAccess<'a>,
    /// The time at which the catch-up began.
    started: u64,
    /// The number of bytes in the log, for the progress of a rebuild; 0 in other catch-ups.
    bytes_total: u64,
    bytes_read: u64,
    /// The number of entries applied by this catch-up.
    applied: u64,
    step: Step,
    notes: Vec<Note>,
    /// The latest time of an entry. Streams whose clock is far ahead are ignored.
    latest: u64,
    /// `true` if entries that were read during another boot were read again.
    has_reread: bool,
}

impl<'a, E: Event> CatchUpRun<'a, E> {
    fn new(
        site: &'a Site,
        projections: &'a [Box<dyn Projection<E>>],
        opened: &'a mut Opened,
        progress: Progress<'a>,
    ) -> CatchUpRun<'a, E> {
        let storage = &site.storage;
        // The boot id is read once for all streams, because on Linux it is the content of a file.
        let boot = storage.boot_id().unwrap_or_default();
        CatchUpRun {
            site,
            projections,
            opened,
            progress,
            log: LogAccess { storage, log: &site.log, domain: site.domain, boot },
            started: storage.now(),
            bytes_total: 0,
            bytes_read: 0,
            applied: 0,
            step: Step::default(),
            notes: Vec::new(),
            latest: 0,
            has_reread: false,
        }
    }

    fn run(mut self) -> Result<Outcome> {
        let transaction = self.opened.database.begin_read().map_err(|e| self.site.unusable(e))?;
        let mut cursors = own_tables::cursors(&transaction).map_err(|e| self.site.unusable(e))?;
        drop(transaction);
        let storage = self.site.storage.as_ref();
        let streams = list_streams(storage, &self.site.log)?;
        if let Some((gone, cursor)) = cursors.iter().find(|(s, _)| streams.binary_search(s).is_err()) {
            return Ok(Outcome::Contradicted(self.log.contradiction(*gone, cursor.last)));
        }
        if self.opened.rebuilt.is_some() {
            self.bytes_total = log_bytes(storage, &self.site.log, &streams);
        }
        for stream in streams {
            let cursor = cursors.remove(&stream).unwrap_or_else(Cursor::start);
            if let Some(reason) = self.catch_up_stream(stream, cursor)? {
                return Ok(Outcome::Contradicted(reason));
            }
        }
        if !self.step.is_empty() {
            self.apply_step()?;
        }
        self.finish()
    }

    /// Catches up with one stream. Returns the reason for a rebuild if the log contradicts the cursor.
    fn catch_up_stream(&mut self, stream: StreamId, cursor: Cursor) -> Result<Option<RebuildReason>> {
        if self.is_unchanged_for_long(stream, &cursor) {
            self.add_stream_notes(stream, &cursor);
            return Ok(None);
        }
        self.has_reread |= cursor.is_of_another_boot(self.log.boot);
        let before = cursor.clone();
        let confirmed = Listing::of(self.site.storage.as_ref(), &self.site.log, stream)
            .and_then(|listing| Ok((self.log.confirm(stream, cursor, &listing)?, listing)));
        match confirmed {
            Ok((StreamState::Unchanged, _)) => self.add_stream_notes(stream, &before),
            Ok((StreamState::Contradicted, _)) => {
                return Ok(Some(self.log.contradiction(stream, before.last)));
            }
            Ok((StreamState::Changed(cursor), listing)) => return self.read_stream(&listing, *cursor),
            Err(Error::Io { source, .. }) => {
                self.notes.extend(before.gaps.into_iter().map(Note::Gap));
                self.notes.push(Note::StreamUnreadable { stream, reason: source.to_string() });
            }
            Err(e) => return Err(e),
        }
        Ok(None)
    }

    /// Returns true if a stream is certainly unchanged since the cursor was stored. Returns true only for a stream of
    /// one segment that has not changed for [`FRESH`] nanoseconds. Reads metadata only, and does not list the directory
    /// of the stream.
    fn is_unchanged_for_long(&self, stream: StreamId, cursor: &Cursor) -> bool {
        let since = self.started.saturating_sub(FRESH);
        let (storage, segment) = (self.site.storage.as_ref(), cursor.resume.segment);
        cursor.is_complete
            && !cursor.is_of_another_boot(self.log.boot)
            && cursor.files.is_single_and_unchanged(storage, &self.site.log, stream, segment, since)
    }

    /// Reads the commits that follow `cursor`, and applies every full step. Returns the reason for a rebuild if a
    /// commit contains an entry that the cursor counts as applied.
    fn read_stream(&mut self, listing: &Listing, cursor: Cursor) -> Result<Option<RebuildReason>> {
        let stream = listing.stream();
        let until = self.opened.until.as_ref().map(|until| until.get(&stream).copied().unwrap_or(Seq(0)));
        let mut commits = StreamCommits::new(self.log, listing, cursor, until);
        let mut unreadable = None;
        while let Some(commit) = commits.next() {
            match commit {
                Ok(commit) => {
                    self.bytes_read += commit.end - commit.offset;
                    self.step.add(stream, commit);
                }
                Err(Error::Io { source, .. }) => unreadable = Some(source.to_string()),
                Err(e) => return Err(e),
            }
            if self.step.is_full() {
                self.step.set_cursor(stream, commits.cursor().clone());
                self.apply_step()?;
                self.progress.report(self.bytes_read, self.bytes_total.max(self.bytes_read));
            }
        }
        if commits.is_contradicted() {
            return Ok(Some(RebuildReason::History(stream)));
        }
        let (cursor, notes) = commits.into_parts();
        self.notes.extend(notes);
        self.notes.extend(unreadable.map(|reason| Note::StreamUnreadable { stream, reason }));
        self.notes.extend(cursor.gaps.iter().copied().map(Note::Gap));
        self.observe(stream, cursor.time);
        self.step.set_cursor(stream, cursor);
        Ok(None)
    }

    /// Adds the notes about a stream that was not read.
    fn add_stream_notes(&mut self, stream: StreamId, cursor: &Cursor) {
        self.observe(stream, cursor.time);
        self.notes.extend(cursor.gaps.iter().copied().map(Note::Gap));
    }

    /// Updates the latest time with the time of a stream's last entry. If this time is far ahead of the clock of this
    /// machine, adds a note instead.
    fn observe(&mut self, stream: StreamId, time: u64) {
        if time <= self.started.saturating_add(AHEAD_MAX) {
            self.latest = self.latest.max(time);
        } else {
            self.notes.push(Note::ClockAhead { stream, time });
        }
    }

    fn apply_step(&mut self) -> Result<()> {
        let step = std::mem::take(&mut self.step);
        self.applied += step.len();
        step.apply(&self.opened.database, self.site, self.projections)
    }

    fn finish(self) -> Result<Outcome> {
        let CatchUpRun { site, opened, mut notes, applied, .. } = self;
        let bytes = self.bytes_total.max(self.bytes_read);
        self.progress.report(bytes, bytes);
        opened.applied += applied;
        opened.latest = self.latest;
        if let Some(reason) = opened.rebuilt.take()
            && (opened.applied > 0 || !matches!(reason, RebuildReason::Absent))
        {
            notes.insert(0, Note::Rebuilt { reason, entries: opened.applied });
        }
        let transaction = opened.database.begin_read().map_err(|e| site.unusable(e))?;
        notes.extend(own_tables::notes(&transaction).map_err(|e| site.unusable(e))?);
        if site.storage.now().saturating_sub(self.started) > PUBLISH_AFTER {
            // If entries were applied or read again, the tables count as unpublished. They are then published, so that
            // other processes need not repeat the work.
            opened.published = opened.published.filter(|_| applied == 0 && !self.has_reread);
        }
        Ok(Outcome::Done(notes))
    }
}
