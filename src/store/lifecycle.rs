//! The lifecycle of a run: the status and the end, derived from the writers of the run.

use crate::contract::fact::{Ended, Joined, ProcessId, Writer};
use crate::contract::{RunStatus, Timestamp};
use crate::engine::entry::{Stamp, StreamId};

/// The status that is shown instead of `open` for an interrupted writer, stage or run.
pub(super) const INTERRUPTED: &str = "interrupted";

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
    /// The time of the last entry in the streams of the process. `None` unless the writer is open and the
    /// process has died.
    pub interrupted_at: Option<Timestamp>,
    /// The stamp of the entry that recorded the writer.
    pub(super) stamp: Stamp,
    /// The stamp of the entry that recorded the end.
    pub(super) end_stamp: Option<Stamp>,
    pub(super) process: ProcessId,
    /// The streams that the process wrote to.
    pub(super) streams: Vec<StreamId>,
}

impl WriterRow {
    /// Returns the status to show. The result is `interrupted` if the writer is open and its process has
    /// died. Otherwise, the result is the recorded status.
    pub fn shown_status(&self) -> &'static str {
        if self.interrupted_at.is_some() { INTERRUPTED } else { self.status.as_str() }
    }

    /// Returns `true` if the writer is open and its process has not died.
    pub fn is_capturing(&self) -> bool {
        self.status == RunStatus::Open && self.interrupted_at.is_none()
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
        // Several processes can write to a stream, one after another. The fact about a writer precedes the
        // records of the writer. The last writer before the entry is therefore the writer that recorded the
        // entry.
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

impl Lifecycle {
    /// Returns `true` if the run is open and has writers. The row of the run then depends on the locks of the writers.
    pub(super) fn has_open_writers(&self) -> bool {
        self.status.is_some_and(|(status, _)| status == RunStatus::Open)
    }
}

/// A resume that superseded points of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Superseding {
    stamp: Stamp,
    from_step: i64,
}

impl Superseding {
    /// Creates the resume with this stamp and first step.
    pub(super) fn of(stamp: Stamp, from_step: i64) -> Superseding {
        Superseding { stamp, from_step }
    }

    /// Returns the stamp and the first step.
    pub(super) fn parts(&self) -> (Stamp, i64) {
        (self.stamp, self.from_step)
    }

    /// Returns `true` if the resume superseded the point with this stamp and step.
    pub(super) fn covers(&self, stamp: Stamp, step: Option<i64>) -> bool {
        stamp < self.stamp && step.is_some_and(|step| step >= self.from_step)
    }
}

/// The writers of one run. The list has the order in which the writers joined the run. The rows contain
/// neither the host, nor the process id of the operating system, nor the streams, nor the time of the
/// interruption.
#[derive(Debug, Default)]
pub(super) struct RunWriters(pub(super) Vec<WriterRow>);

impl RunWriters {
    /// Returns the resumes that superseded points of the run.
    pub(super) fn supersedings(&self) -> Vec<Superseding> {
        self.0.iter().filter_map(WriterRow::superseding).collect()
    }

    /// Adds a writer.
    pub(super) fn add(&mut self, writer: &Writer, stamp: Stamp) {
        // Most runs have one writer.
        self.0.reserve_exact(usize::from(self.0.is_empty()));
        self.0.push(writer_row(writer, stamp));
    }

    /// Sets the end of the writer that was added last.
    pub(super) fn end_last(&mut self, ended: Ended, stamp: Stamp) {
        let Some(row) = self.0.last_mut() else { return };
        row.status = ended.status();
        row.ended_at = Some(ended.ended_at());
        row.end_message = ended.message().map(str::to_owned);
        row.end_reason = ended.reason().map(str::to_owned);
        row.end_stamp = Some(stamp);
    }

    /// Sorts the writers by the order in which they joined the run, and sets the attempt number of each writer.
    pub(super) fn order(&mut self) {
        self.0.sort_by_key(|row| row.stamp);
        let mut attempt = 1;
        for (n, row) in self.0.iter_mut().enumerate() {
            attempt += usize::from(n > 0 && matches!(row.joined, Joined::Resumed { .. }));
            row.attempt = attempt;
        }
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

/// Derives the status and the end of a run from its writers. `whole` is the stamp of an end that was recorded
/// for the run and not for one of its writers. The status in the result is `None` if the run has no writers,
/// or if `whole` is greater than the stamps of all facts about the writers. The status in the attributes of
/// the run then applies.
///
/// Only the writers of the newest attempt count. The run is open while one of these writers is open. A writer
/// without an end is open, unless the writer joined the run before `whole`. If no writer is open, the run is
/// failed if a writer has failed. Otherwise, the run is cancelled if a writer was cancelled. Otherwise, the
/// run is completed.
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
