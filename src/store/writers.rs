//! Methods of `StoreView` that read the writers of runs.

use crate::contract::fact::{Process, ProcessId};
use crate::contract::{Fact, RunRef, RunStatus, Timestamp};
use crate::engine::entry::{Position, Seq, Stamp, StreamId};
use crate::engine::projection::{KeyVersions, Version, current};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::tables::{PROCESS_STREAMS, STREAM_PROCESSES, WRITERS};
use crate::projections::writers::{END, streams_of};
use crate::store::error::Result;
use crate::store::lifecycle::{Lifecycle, RunWriters, Superseding, WriterRow, lifecycle_of};
use crate::store::view::StoreView;
use std::collections::BTreeMap;

/// The greatest number of entries that are read to find the first commit of a process.
const COMMIT_ENTRIES_MAX: u64 = 256;

impl StoreView<'_> {
    /// Returns the writers of the runs whose refs begin with `prefix`. The keys of the map are the refs of the runs as
    /// text.
    pub(super) fn run_writers(&self, prefix: &[u8]) -> Result<BTreeMap<String, RunWriters>> {
        let mut found: Vec<(String, RunWriters)> = Vec::new();
        // The key of the last writer that was read. The row with the end of a writer follows the row of the writer.
        let mut writer_key = Vec::new();
        for row in self.view.versions(WRITERS, prefix)? {
            let KeyVersions { key, versions, .. } = row?;
            let malformed = || self.malformed_row(WRITERS.name);
            let [run, rest] = keys::split::<2>(&key).ok_or_else(malformed)?;
            let Some(newest) = current(versions) else { continue };
            let Version { value, stamp, .. } = newest.version;
            let fact = Captured::from_row(&value).ok_or_else(malformed)?.fact;
            // The rows of a run are adjacent.
            if found.last().is_none_or(|(last, _)| last != run) {
                if let Some((_, writers)) = found.last_mut() {
                    writers.order();
                }
                found.push((run.to_owned(), RunWriters::default()));
            }
            let Some((_, writers)) = found.last_mut() else { continue };
            match (rest.split_once('\0'), fact) {
                (None, Fact::Writer(writer)) => {
                    writers.add(&writer, stamp);
                    writer_key = key;
                }
                (Some((_, END)), Fact::Ended(ended)) => {
                    let of_writer = key.strip_suffix(END.as_bytes()).and_then(|key| key.strip_suffix(&[0]));
                    // Otherwise, the fact is the end of a writer that is not in the log.
                    if of_writer == Some(&writer_key) {
                        writers.end_last(ended, stamp);
                    }
                }
                _ => return Err(malformed()),
            }
        }
        if let Some((_, writers)) = found.last_mut() {
            writers.order();
        }
        Ok(found.into_iter().collect())
    }

    /// Returns the writers of one run, like [`StoreView::run_writers`].
    pub(super) fn writers_of(&self, run: &RunRef) -> Result<RunWriters> {
        Ok(self.run_writers(&keys::of_ref(run))?.remove(run.as_str()).unwrap_or_default())
    }

    /// Returns the writers of a run, in the order in which they joined the run. An imported run has no writers.
    pub fn writers(&self, run: &RunRef) -> Result<Vec<WriterRow>> {
        let complete = |mut row: WriterRow| {
            let streams = self.streams(row.process, row.stamp.stream)?;
            let known = streams.iter().rev().find_map(|(_, process)| process.as_ref());
            row.streams = streams.iter().map(|(stream, _)| *stream).collect();
            row.host = known.map(|process| process.host().to_owned());
            row.process_number = known.map(Process::number);
            row.interrupted_at = self.interruption(&row, &streams)?;
            Ok(row)
        };
        self.writers_of(run)?.0.into_iter().map(complete).collect()
    }

    /// Derives the lifecycle of a run from its writers, like the function [`lifecycle_of`].
    pub(super) fn lifecycle_of(&self, writers: RunWriters, whole: Option<Stamp>) -> Result<Lifecycle> {
        let RunWriters(mut rows) = writers;
        // Only the interruption of an open writer influences the lifecycle.
        for row in rows.iter_mut().filter(|row| row.status == RunStatus::Open) {
            let streams = self.streams(row.process, row.stamp.stream)?;
            row.interrupted_at = self.interruption(row, &streams)?;
        }
        Ok(lifecycle_of(&rows, whole))
    }

    /// Returns [`WriterRow::interrupted_at`] of the writer `row`. `streams` are the streams of its process.
    fn interruption(
        &self,
        row: &WriterRow,
        streams: &[(StreamId, Option<Process>)],
    ) -> Result<Option<Timestamp>> {
        let is_alive = |(stream, owner): &(StreamId, Option<Process>)| {
            owner.as_ref().is_none_or(|owner| owner.id() == row.process) && self.may_have_writer(*stream)
        };
        if row.status != RunStatus::Open || streams.iter().any(is_alive) {
            return Ok(None);
        }
        let mut last = row.stamp.time;
        for (stream, owner) in streams {
            last = last.max(self.last_time_by(row.process, *stream, owner.as_ref())?);
        }
        if self.as_of.is_some_and(|as_of| as_of.time < last) {
            // The process appended entries after the time of the view, so the writer was alive at that time.
            return Ok(None);
        }
        Ok(Some(Timestamp::from_nanos(last)))
    }

    /// Returns the time of the last entry that a process wrote to a stream. Returns 0 if this time is not
    /// known. `owner` is the process that wrote to the stream last.
    fn last_time_by(&self, process: ProcessId, stream: StreamId, owner: Option<&Process>) -> Result<u64> {
        if owner.is_none_or(|owner| owner.id() == process) {
            return Ok(self.whole.last_time_of(stream).unwrap_or(0));
        }
        match self.continuation(process, stream)? {
            Some(introduced) => self.time_before_continuation(introduced),
            None => Ok(0),
        }
    }

    /// Returns the stamp of the fact about the process that continued a stream after `process`. All entries of
    /// `process` in the stream precede this fact. Returns `None` if no other process continued the stream, or if the
    /// log has no fact about one of the two processes.
    pub(super) fn continuation(&self, process: ProcessId, stream: StreamId) -> Result<Option<Stamp>> {
        let mut is_behind_process = false;
        for version in self.whole.versions_of(STREAM_PROCESSES, &stream.0)? {
            let id = process_of(&version).map(|process| process.id());
            if id == Some(process) {
                is_behind_process = true;
            } else if is_behind_process {
                return Ok(Some(version.stamp));
            }
        }
        Ok(None)
    }

    /// Returns the time of the last entry before another process continued a stream. Returns 0 if this time
    /// is not known. `introduced` is the stamp of the fact about the other process. A process appends this
    /// fact after its first commit. The times of successive entries of a commit differ by one nanosecond.
    fn time_before_continuation(&self, introduced: Stamp) -> Result<u64> {
        let first = introduced.seq.0.saturating_sub(COMMIT_ENTRIES_MAX).max(1);
        let position = |seq| Position { stream: introduced.stream, seq: Seq(seq) };
        let positions: Vec<Position> = (first..introduced.seq.0).rev().map(position).collect();
        let entries = self.whole.entries(&positions)?;
        let times: Vec<u64> = entries.into_iter().flatten().map(|entry| entry.stamp.time).collect();
        let is_start_of_commit = |pair: &[u64]| matches!(pair, [later, earlier] if earlier + 1 < *later);
        let before = times.windows(2).find(|pair| is_start_of_commit(pair));
        Ok(before.or(Some(&times)).and_then(|times| times.last()).copied().unwrap_or(0))
    }

    /// Returns `true` if a process holds the lock of a stream, or if the lock cannot be tested and the last entry of the
    /// stream is not older than the timeout for writers.
    fn may_have_writer(&self, stream: StreamId) -> bool {
        self.view.has_writer(stream).unwrap_or_else(|| {
            let last = self.view.last_time_of(stream).unwrap_or(0);
            u128::from(self.view.now().saturating_sub(last)) <= self.writer_timeout.as_nanos()
        })
    }

    /// Returns the streams to which `process` has written. With each stream, returns the process that was the last to
    /// write to it, or `None` if this process is not in the log. `first` is the stream with the fact about the writer:
    /// the result contains this stream even if the log has no fact about the process.
    fn streams(&self, process: ProcessId, first: StreamId) -> Result<Vec<(StreamId, Option<Process>)>> {
        let mut streams = vec![first];
        for row in self.whole.keys(PROCESS_STREAMS, &streams_of(process))? {
            let row = row?;
            let stream = row.key().last_chunk::<16>().map(|id| StreamId(*id));
            streams.extend(stream.filter(|stream| *stream != first));
        }
        let owner = |stream: StreamId| {
            // The present owner is also used for a read as of a moment, because the lock of the stream is
            // tested now.
            let newest = self.whole.newest_version(STREAM_PROCESSES, &stream.0)?;
            Ok((stream, newest.as_ref().and_then(process_of)))
        };
        streams.into_iter().map(owner).collect()
    }

    /// Returns the resumes that superseded points of a run.
    pub(super) fn supersedings(&self, run: &RunRef) -> Result<Vec<Superseding>> {
        let is_current = |extent: &_| self.as_of.is_none() && self.view.has_extent(extent);
        match self.catalog.supersedings(run, is_current) {
            Some(known) => Ok(known),
            None => Ok(self.writers_of(run)?.supersedings()),
        }
    }
}

/// Returns the process that a row of [`STREAM_PROCESSES`] contains.
fn process_of(version: &Version) -> Option<Process> {
    match Captured::from_row(&version.value)?.fact {
        Fact::Process(process) => Some(process),
        _ => None,
    }
}
