//! The writers of a run, and the status of the run that is derived from them.

use crate::contract::fact::{Ended, Joined, Process, ProcessId, Writer};
use crate::contract::{Fact, RunRef, RunStatus, Timestamp};
use crate::engine::entry::{Position, Seq, Stamp, StreamId};
use crate::engine::projection::{KeyVersions, Version, current};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::tables::{PROCESS_STREAMS, STREAM_PROCESSES, WRITERS};
use crate::projections::writers::{END, streams_of};
use crate::store::error::Result;
use crate::store::view::StoreView;
use std::collections::BTreeMap;

/// The status that answers show instead of `open` for an interrupted writer, stage or run.
pub(super) const INTERRUPTED: &str = "interrupted";

/// The greatest number of entries that are read to find the first commit of a process.
const COMMIT_ENTRIES_MAX: u64 = 256;

/// A writer of a run: a process that captures the run, or has captured it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterRow {
    /// The number of the attempt of the run. The first attempt is 1, and each resume begins a new attempt.
    pub attempt: usize,
    /// The operation with which the writer joined the run.
    pub joined: Joined,
    /// The name of the writer, such as `rank-3`; `None` if none was given.
    pub label: Option<String>,
    /// The name of the host; `None` if it is not in the log.
    pub host: Option<String>,
    /// The process id of the operating system; `None` if it is not in the log.
    pub process_number: Option<u32>,
    /// The time at which the writer began to capture the run.
    pub started_at: Timestamp,
    /// The status; `open` until the writer has ended the run.
    pub status: RunStatus,
    /// The time of the end.
    pub ended_at: Option<Timestamp>,
    /// The message of the end, such as the text of an error.
    pub end_message: Option<String>,
    /// The reason of the end, such as `scope_dropped`.
    pub end_reason: Option<String>,
    /// The time of the last entry in the streams of the process if the writer is open and the process has died;
    /// otherwise `None`.
    pub interrupted_at: Option<Timestamp>,
    /// The stamp of the entry that recorded the writer.
    pub(super) stamp: Stamp,
    /// The stamp of the entry that recorded the end.
    pub(super) end_stamp: Option<Stamp>,
    process: ProcessId,
    /// The streams that the process wrote to.
    streams: Vec<StreamId>,
}

impl WriterRow {
    /// Returns the status that answers show: `interrupted` if the writer is open and its process has died, otherwise
    /// the status.
    pub fn shown_status(&self) -> &'static str {
        if self.interrupted_at.is_some() { INTERRUPTED } else { self.status.as_str() }
    }

    /// Returns the resume with which the writer joined the run. Returns `None` if the writer did not resume the run,
    /// or if its resume superseded no points.
    fn superseding(&self) -> Option<Superseding> {
        let Joined::Resumed { from_step: Some(from_step) } = self.joined else { return None };
        Some(Superseding { stamp: self.stamp, from_step })
    }

    /// Returns the label of the process that recorded the entry with this stamp. Returns `None` if the process has no
    /// label, or has several writers with different labels. `writers` are the writers of a run, in the order in which
    /// they joined the run.
    pub(super) fn label_at(writers: &[WriterRow], stamp: Stamp) -> Option<&str> {
        // Several processes can write to a stream, one after another. The fact about a writer precedes its records, so
        // the last writer before the entry recorded it.
        let wrote = |row: &&WriterRow| row.stamp < stamp && row.streams.contains(&stamp.stream);
        let last = writers.iter().rev().find(wrote)?;
        let is_other = |row: &WriterRow| row.process == last.process && row.label != last.label;
        if writers.iter().any(is_other) { None } else { last.label.as_deref() }
    }
}

/// The status of a run and the data of its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lifecycle {
    /// The status, and the stamp of the newest entry about the writers. `None` if the status in the attributes of the
    /// run applies.
    pub(super) status: Option<(RunStatus, Stamp)>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) end_message: Option<String>,
    pub(super) end_reason: Option<String>,
    pub(super) interrupted_at: Option<Timestamp>,
    pub(super) attempts: usize,
}

/// A resume that superseded points of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Superseding {
    stamp: Stamp,
    from_step: i64,
}

impl Superseding {
    /// Returns `true` if the resume superseded the point with this stamp and step.
    pub(super) fn covers(&self, stamp: Stamp, step: Option<i64>) -> bool {
        stamp < self.stamp && step.is_some_and(|step| step >= self.from_step)
    }
}

/// The writers of one run. The list has the order in which the writers joined the run. The rows contain
/// neither the host, nor the process id of the operating system, nor the streams, nor the time of the
/// interruption.
#[derive(Debug, Default)]
pub(super) struct RunWriters(Vec<WriterRow>);

impl RunWriters {
    /// Returns the resumes that superseded points of the run.
    pub(super) fn supersedings(&self) -> Vec<Superseding> {
        self.0.iter().filter_map(WriterRow::superseding).collect()
    }

    /// Adds a writer.
    fn add(&mut self, writer: &Writer, stamp: Stamp) {
        // Most runs have one writer.
        self.0.reserve_exact(usize::from(self.0.is_empty()));
        self.0.push(writer_row(writer, stamp));
    }

    /// Sets the end of the writer that was added last.
    fn end_last(&mut self, ended: Ended, stamp: Stamp) {
        let Some(row) = self.0.last_mut() else { return };
        row.status = ended.status();
        row.ended_at = Some(ended.ended_at());
        row.end_message = ended.message().map(str::to_owned);
        row.end_reason = ended.reason().map(str::to_owned);
        row.end_stamp = Some(stamp);
    }

    /// Sorts the writers by the order in which they joined the run, and sets the attempt number of each writer.
    fn order(&mut self) {
        self.0.sort_by_key(|row| row.stamp);
        let mut attempt = 1;
        for (n, row) in self.0.iter_mut().enumerate() {
            attempt += usize::from(n > 0 && matches!(row.joined, Joined::Resumed { .. }));
            row.attempt = attempt;
        }
    }
}

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
        let mut is_behind_process = false;
        for version in self.whole.versions_of(STREAM_PROCESSES, &stream.0)? {
            let id = process_of(&version).map(|process| process.id());
            if id == Some(process) {
                is_behind_process = true;
            } else if is_behind_process {
                return self.time_before_continuation(version.stamp);
            }
        }
        Ok(0)
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
        Ok(self.writers_of(run)?.supersedings())
    }
}

/// Returns the process that a row of [`STREAM_PROCESSES`] contains.
fn process_of(version: &Version) -> Option<Process> {
    match Captured::from_row(&version.value)?.fact {
        Fact::Process(process) => Some(process),
        _ => None,
    }
}

fn writer_row(writer: &Writer, stamp: Stamp) -> WriterRow {
    WriterRow {
        attempt: 1,
        joined: writer.joined(),
        label: writer.label().map(str::to_owned),
        host: None,
        process_number: None,
        started_at: writer.started_at(),
        status: RunStatus::Open,
        ended_at: None,
        end_message: None,
        end_reason: None,
        interrupted_at: None,
        stamp,
        end_stamp: None,
        process: writer.process(),
        streams: Vec::new(),
    }
}

/// Derives the status and the end of a run from its writers. `whole` is the stamp of the end of the run as a whole,
/// which no single writer recorded. The status in the result is `None` if the run has no writers, or if `whole` is
/// greater than the stamps of all facts about the writers. The status in the attributes of the run then applies.
///
/// Only the writers of the newest attempt count. The run is open while one of them is open. A writer without an end is
/// open unless it joined before the end of the run as a whole. If no writer is open, the run has failed if a writer has
/// failed, else it was cancelled if a writer was cancelled, else it is completed.
pub(super) fn lifecycle_of(writers: &[WriterRow], whole: Option<Stamp>) -> Lifecycle {
    let attempts = writers.last().map_or(0, |last| last.attempt);
    let newest_stamp =
        writers.iter().flat_map(|writer| [Some(writer.stamp), writer.end_stamp]).max().flatten();
    if writers.is_empty() || whole > newest_stamp {
        return Lifecycle { attempts, ..Lifecycle::default() };
    }
    let newest = || writers.iter().filter(|writer| writer.attempt == attempts);
    let is_open = |writer: &&WriterRow| {
        writer.status == RunStatus::Open && whole.is_none_or(|whole| whole < writer.stamp)
    };
    if newest().any(|writer| is_open(&writer)) {
        let open = || newest().filter(is_open);
        let is_interrupted = open().all(|writer| writer.interrupted_at.is_some());
        let interrupted_at = open().filter_map(|writer| writer.interrupted_at).max();
        return Lifecycle {
            status: newest_stamp.map(|stamp| (RunStatus::Open, stamp)),
            interrupted_at: interrupted_at.filter(|_| is_interrupted),
            attempts,
            ..Lifecycle::default()
        };
    }
    let worst =
        |status| newest().filter(|writer| writer.status == status).max_by_key(|writer| writer.end_stamp);
    let decisive =
        [RunStatus::Failed, RunStatus::Cancelled, RunStatus::Completed].into_iter().find_map(worst);
    Lifecycle {
        status: decisive.map(|writer| writer.status).zip(newest_stamp),
        ended_at: newest().filter_map(|writer| writer.ended_at).max(),
        end_message: decisive.and_then(|writer| writer.end_message.clone()),
        end_reason: decisive.and_then(|writer| writer.end_reason.clone()),
        interrupted_at: None,
        attempts,
    }
}
