//! Replays: the delivery of waiting facts to sinks, and the copying of spilled facts into the log.

use crate::capture::dispatch::attempt::deliver;
use crate::capture::dispatch::dispatcher::Dispatcher;
use crate::capture::dispatch::options::FailureMode;
use crate::capture::dispatch::sink_state::{SinkState, is_delivered};
use crate::capture::error::{Error, Result};
use crate::capture::sink::{SinkError, SinkRequest};
use crate::contract::json::write::canonical;
use crate::contract::{Timestamp, Value};
use crate::store::{LineFile, Position, Seq, SinkCursor, SpillReplay, Stamp, StreamId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The name of the file with dead letters, in the outbox.
const DEAD_LETTERS: &str = "dead_letter.jsonl";

/// Options of a replay to sinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayOptions {
    /// The greatest number of facts that a replay offers to each sink. By default a replay offers all waiting facts.
    pub limit: u64,
    /// The number of failures after which a fact becomes a dead letter: the fact is written to the file
    /// `dead_letter.jsonl` in the outbox, and the sink continues with the next fact. With `None`, the default, no fact
    /// becomes a dead letter.
    pub dead_letter_after: Option<u32>,
}

impl Default for ReplayOptions {
    fn default() -> ReplayOptions {
        ReplayOptions { limit: u64::MAX, dead_letter_after: None }
    }
}

impl ReplayOptions {
    /// Sets the greatest number of facts that a replay offers to each sink.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> ReplayOptions {
        self.limit = limit;
        self
    }

    /// Sets the number of failures after which a fact becomes a dead letter.
    #[must_use]
    pub fn dead_letter_after(mut self, failures: u32) -> ReplayOptions {
        self.dead_letter_after = Some(failures);
        self
    }
}

/// The result of a replay to one sink.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SinkReplay {
    /// The name of the sink.
    pub sink: String,
    /// The number of facts that the sink accepted.
    pub delivered: u64,
    /// The number of facts that became dead letters.
    pub dead_letters: u64,
    /// The number of facts that still wait.
    pub waiting: u64,
    /// The streams whose cursors another process has locked. Their facts were not offered to the sink, and are not
    /// counted in `waiting`.
    pub busy: Vec<StreamId>,
    /// The error that stopped the replay. The fact that caused the error and the later facts of the sink keep waiting.
    pub error: Option<SinkError>,
}

impl Dispatcher {
    /// Syncs the facts that this process has written to the outbox to the disk.
    pub(in crate::capture) fn sync_outbox(&self) -> Result<()> {
        Ok(self.spill.sync()?)
    }

    /// Copies the facts in the outbox into the log.
    pub(in crate::capture) fn replay_outbox(&self) -> Result<SpillReplay> {
        let sinks = self.lock();
        let replayed =
            self.spill.replay(self.shared.journal.log_dir(), self.shared.options.quarantine.clone())?;
        for stream in self.spill.streams()? {
            for sink in sinks.iter().filter(|sink| !sink.cursors.contains_key(&stream)) {
                // `open` creates the cursor if it could not be created when the facts were spilled.
                SinkCursor::open(self.shared.journal.storage(), &sink.dir, stream, Seq::FIRST)
                    .map_err(|e| Error::Store(e.into()))?;
            }
        }
        Ok(replayed)
    }

    /// Offers to each sink the facts that wait for it.
    pub(in crate::capture) fn replay_sinks(&self, options: ReplayOptions) -> Result<Vec<SinkReplay>> {
        let mut sinks = self.lock();
        self.shared.journal.flush()?;
        sinks.iter_mut().map(|sink| self.replay_sink(sink, options)).collect()
    }

    fn replay_sink(&self, sink: &mut SinkState, options: ReplayOptions) -> Result<SinkReplay> {
        let mut report = SinkReplay { sink: sink.name.clone(), ..SinkReplay::default() };
        let storage = self.shared.journal.storage();
        let listed = SinkCursor::list(storage.as_ref(), &sink.dir).map_err(|e| Error::Store(e.into()))?;
        let own: BTreeSet<StreamId> = sink.cursors.keys().copied().collect();
        let streams: BTreeSet<StreamId> = listed.into_iter().chain(own.iter().copied()).collect();
        let mut first_waiting = None;
        for stream in streams {
            if !own.contains(&stream) {
                let opened = SinkCursor::open(storage, &sink.dir, stream, Seq::FIRST);
                match opened.map_err(|e| Error::Store(e.into()))? {
                    Some(cursor) => drop(sink.cursors.insert(stream, cursor)),
                    None => {
                        report.busy.push(stream);
                        continue;
                    }
                }
            }
            let replayed = self.replay_stream(sink, stream, options, &mut report);
            let saved = sink.cursors.get_mut(&stream).map_or(Ok(()), SinkCursor::save);
            if !own.contains(&stream) {
                // Removal releases the cursor, so that another process can continue with the stream.
                sink.cursors.remove(&stream);
            }
            let waiting = replayed?;
            // If the new position is not saved, the next replay delivers the facts again.
            saved.map_err(|e| Error::Store(e.into()))?;
            first_waiting = first_waiting.or(waiting.filter(|_| own.contains(&stream)));
        }
        // With `FailureMode::Raise`, no fact waits for a replay: the next capture offers the facts again.
        let is_outbox = self.shared.options.failure_mode == FailureMode::Outbox;
        sink.waiting = first_waiting.filter(|_| is_outbox);
        Ok(report)
    }

    /// Offers the facts of one stream to a sink. Returns the position of the first fact that still waits.
    fn replay_stream(
        &self,
        sink: &mut SinkState,
        stream: StreamId,
        options: ReplayOptions,
        report: &mut SinkReplay,
    ) -> Result<Option<Position>> {
        let Some(next) = sink.cursors.get(&stream).map(SinkCursor::next) else { return Ok(None) };
        let mut first_waiting = None;
        for item in self.shared.facts(Position { stream, seq: next })? {
            let (stamp, captured) = item?;
            let captured = captured.filter(is_delivered);
            let Some(captured) =
                captured.filter(|c| sink.supports(SinkRequest::new(&c.fact, stamp).family()))
            else {
                if first_waiting.is_none() {
                    sink.pass(stamp);
                }
                continue;
            };
            if first_waiting.is_some()
                || report.error.is_some()
                || report.delivered + report.dead_letters >= options.limit
            {
                first_waiting.get_or_insert(stamp.position());
                report.waiting += 1;
                continue;
            }
            let request = SinkRequest::new(&captured.fact, stamp);
            let storage = self.shared.journal.storage();
            let sleep = |time| storage.sleep(time);
            match deliver(sink.sink.as_ref(), &request, &self.shared.options, sleep) {
                Ok(_) => {
                    sink.pass(stamp);
                    report.delivered += 1;
                }
                Err(failed) => {
                    sink.fail_at(stamp);
                    let failures = sink.cursors.get(&stream).map_or(0, SinkCursor::failures);
                    if options.dead_letter_after.is_some_and(|after| failures >= after)
                        && self.write_dead_letter(sink, &request, failures, &failed.error).is_ok()
                    {
                        sink.pass(stamp);
                        report.dead_letters += 1;
                        continue;
                    }
                    report.error = Some(failed.error);
                    first_waiting = Some(stamp.position());
                    report.waiting += 1;
                }
            }
        }
        Ok(first_waiting)
    }

    /// Writes a fact as a line to the file of dead letters. The line is on disk when the method returns.
    fn write_dead_letter(
        &self,
        sink: &SinkState,
        request: &SinkRequest<'_>,
        failures: u32,
        error: &SinkError,
    ) -> std::io::Result<()> {
        let storage = self.shared.journal.storage();
        let now = Timestamp::from_nanos(storage.now());
        let stamp: Stamp = request.stamp();
        let letter = Value::map([
            ("replay_ref", Value::text(stamp.position())),
            ("captured_at", Value::text(request.captured_at())),
            ("failed_at", Value::text(now)),
            ("sink_name", sink.name.as_str().into()),
            ("family", request.family().as_str().into()),
            ("payload_type", request.payload_type().into()),
            ("payload_ref", request.payload_ref().into()),
            ("last_error", error.full_message().into()),
            ("error_code", error.code().into()),
            ("attempts", failures.into()),
            ("payload", request.payload().clone()),
        ]);
        let line = canonical(&letter).map_err(std::io::Error::other)?;
        let file = LineFile::of(Arc::clone(storage), self.shared.options.outbox.join(DEAD_LETTERS));
        file.synced(true).append(&line)
    }
}
