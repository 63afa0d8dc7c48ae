//! The replay to one sink.

use crate::capture::dispatch::attempt::deliver;
use crate::capture::dispatch::options::FailureMode;
use crate::capture::dispatch::replay_options::ReplayOptions;
use crate::capture::dispatch::replay_result::{ReplayEntry, SinkReplay};
use crate::capture::dispatch::sink_state::{Shared, SinkState, is_delivered};
use crate::capture::error::{Error, Result};
use crate::capture::result::DeliveryStatus;
use crate::capture::sink::{SinkError, SinkReceipt, SinkRequest};
use crate::store::{
    self, Captured, DeadLetter, LetterState, Position, Seq, SinkCursor, Stamp, StreamId, chain,
};
use std::collections::BTreeSet;

/// The number of deliveries after which a replay saves the position of a sink.
const DELIVERIES_PER_SAVE: u64 = 1000;

/// The state of one replay.
pub(super) struct Replay<'a> {
    pub(super) shared: &'a Shared,
    pub(super) options: &'a ReplayOptions,
    /// The number of deliveries that may still be attempted.
    pub(super) remaining: u64,
}

impl Replay<'_> {
    /// Offers to a sink the facts that wait for it: first the queued letters, then the facts of each stream in order.
    pub(super) fn replay_sink(&mut self, sink: &mut SinkState) -> Result<SinkReplay> {
        let mut report = SinkReplay { sink: sink.name.clone(), ..SinkReplay::default() };
        let letters = match self.shared.letter_file().read() {
            Ok(read) => read.letters.into_iter().filter(|letter| letter.sink == sink.name).collect(),
            Err(_) => Vec::new(),
        };
        let storage = self.shared.journal.storage();
        let listed = SinkCursor::list(storage.as_ref(), &sink.dir).map_err(|e| Error::Store(e.into()))?;
        let own: BTreeSet<StreamId> = sink.cursors.keys().copied().collect();
        let streams: BTreeSet<StreamId> = listed.into_iter().chain(own.iter().copied()).collect();
        let mut first_waiting = None;
        for letter in letters.iter().filter(|letter| letter.state == LetterState::Queued) {
            self.replay_letter(sink, letter.clone(), &mut report);
        }
        for stream in streams {
            // If the cursor or the facts of a stream cannot be read, the facts of the other streams are still
            // delivered.
            match self.replay_locked(sink, stream, &letters, &mut report) {
                Ok(waiting) => first_waiting = first_waiting.or(waiting.filter(|_| own.contains(&stream))),
                Err(error) => {
                    first_waiting = first_waiting.or(sink.waiting);
                    report.warnings.push(format!(
                        "facts of the stream {stream} were not delivered to the sink {}: {}",
                        sink.name,
                        chain(&error)
                    ));
                }
            }
        }
        // With `FailureMode::Raise`, no fact waits for a replay: the next capture offers the facts again.
        let is_outbox = self.shared.options.failure_mode == FailureMode::Outbox;
        sink.waiting = first_waiting.filter(|_| is_outbox);
        Ok(report)
    }

    /// Offers the facts of one stream to a sink, while the process holds the lock of the cursor. Returns the position of
    /// the first fact that still waits.
    fn replay_locked(
        &mut self,
        sink: &mut SinkState,
        stream: StreamId,
        letters: &[DeadLetter],
        report: &mut SinkReplay,
    ) -> Result<Option<Position>> {
        let is_held = sink.cursors.contains_key(&stream);
        if !is_held {
            let opened = SinkCursor::open(self.shared.journal.storage(), &sink.dir, stream, Seq::FIRST);
            match opened.map_err(|e| Error::Store(e.into()))? {
                Some(cursor) => drop(sink.cursors.insert(stream, cursor)),
                None => {
                    report.busy.push(stream);
                    return Ok(None);
                }
            }
        }
        let before = report.acknowledged;
        let replayed = self.replay_stream(sink, stream, letters, report);
        let saved = sink.cursors.get_mut(&stream).map_or(Ok(()), SinkCursor::save);
        if !is_held {
            // Removal releases the cursor, so that another process can continue with the stream.
            sink.cursors.remove(&stream);
        }
        if let Err(error) = saved {
            // The next replay delivers the facts again.
            report.waiting += report.acknowledged - before;
            report.acknowledged = before;
            return Err(Error::Store(error.into()));
        }
        replayed
    }

    /// Offers the facts of one stream to a sink. Returns the position of the first fact that still waits.
    fn replay_stream(
        &mut self,
        sink: &mut SinkState,
        stream: StreamId,
        letters: &[DeadLetter],
        report: &mut SinkReplay,
    ) -> Result<Option<Position>> {
        let Some(next) = sink.cursors.get(&stream).map(SinkCursor::next) else { return Ok(None) };
        // The first fact that still waits. The cursor stays before this fact.
        let mut first_waiting = None;
        let mut is_stopped = false;
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
            if is_stopped || report.error.is_some() || self.remaining == 0 {
                is_stopped = true;
                first_waiting.get_or_insert(stamp.position());
                report.waiting += 1;
                continue;
            }
            let request = SinkRequest::new(&captured.fact, stamp);
            match self.attempt(sink, &request) {
                Ok(receipt) => {
                    report.delivered += 1;
                    let attempts = sink.cursors.get(&stream).map_or(0, SinkCursor::failures);
                    let attempts = if first_waiting.is_none() { attempts } else { 0 };
                    report.add(accepted(sink, &request, receipt, attempts));
                    if !self.options.acknowledge_successes {
                        first_waiting.get_or_insert(stamp.position());
                        report.waiting += 1;
                        continue;
                    }
                    sink.pass(stamp);
                    report.acknowledged += 1;
                    // After a crash, a fact can have a letter although the cursor is still before the fact.
                    let is_own = |letter: &&DeadLetter| letter.replay_ref == stamp.position();
                    if let Some(letter) = letters.iter().find(is_own) {
                        self.set_state(letter.clone(), LetterState::Delivered, report);
                    }
                    if report.delivered.is_multiple_of(DELIVERIES_PER_SAVE)
                        && let Some(cursor) = sink.cursors.get_mut(&stream)
                    {
                        cursor.save().map_err(|e| Error::Store(e.into()))?;
                    }
                }
                Err(error) => {
                    let mut failures = 1;
                    let is_counted = first_waiting.is_none();
                    if is_counted {
                        sink.fail_at(stamp);
                        failures = sink.cursors.get(&stream).map_or(0, SinkCursor::failures);
                    }
                    let is_dead = is_counted && self.is_last(failures);
                    let written = || self.shared.write_dead_letter(&sink.name, &request, failures, &error);
                    let is_dead = is_dead && self.is_written(written(), report);
                    report.add(refused(sink, &request, &error, failures, is_dead));
                    if is_dead {
                        sink.pass(stamp);
                        report.dead_letters += 1;
                        continue;
                    }
                    report.error = Some(error);
                    is_stopped = true;
                    first_waiting.get_or_insert(stamp.position());
                    report.waiting += 1;
                }
            }
        }
        Ok(first_waiting)
    }

    /// Offers the fact of a queued letter to a sink.
    fn replay_letter(&mut self, sink: &SinkState, mut letter: DeadLetter, report: &mut SinkReplay) {
        if self.remaining == 0 {
            report.waiting += 1;
            return;
        }
        let found = self.shared.fact(letter.replay_ref);
        let Ok(Some((stamp, captured))) = found else {
            let why = match found {
                Err(error) => chain(&error),
                Ok(_) => "neither the log nor the outbox contains the fact".to_owned(),
            };
            report.warnings.push(format!("entry {} was not delivered: {why}", letter.replay_ref));
            report.waiting += 1;
            return;
        };
        let request = SinkRequest::new(&captured.fact, stamp);
        match self.attempt(sink, &request) {
            Ok(receipt) => {
                report.delivered += 1;
                report.add(accepted(sink, &request, receipt, letter.attempts));
                let is_done = self.options.acknowledge_successes
                    && self.set_state(letter, LetterState::Delivered, report);
                report.acknowledged += u64::from(is_done);
                report.waiting += u64::from(!is_done);
            }
            Err(error) => {
                letter.attempts = letter.attempts.saturating_add(1);
                letter.last_error = error.full_message();
                error.code().clone_into(&mut letter.error_code);
                let (attempts, is_dead) = (letter.attempts, self.is_last(letter.attempts));
                let state = if is_dead { LetterState::Dead } else { LetterState::Queued };
                let is_dead = self.set_state(letter, state, report) && is_dead;
                report.add(refused(sink, &request, &error, attempts, is_dead));
                report.dead_letters += u64::from(is_dead);
                report.waiting += u64::from(!is_dead);
            }
        }
    }

    /// Offers a fact to a sink. A failed delivery is retried as often as the options allow.
    fn attempt(
        &mut self,
        sink: &SinkState,
        request: &SinkRequest<'_>,
    ) -> std::result::Result<SinkReceipt, SinkError> {
        self.remaining = self.remaining.saturating_sub(1);
        let storage = self.shared.journal.storage();
        let sleep = |time| storage.sleep(time);
        deliver(sink.sink.as_ref(), request, &self.shared.options, sleep).map_err(|failed| failed.error)
    }

    /// Returns `true` if a fact with this number of failures becomes a dead letter.
    fn is_last(&self, failures: u32) -> bool {
        self.options.dead_letter_after_failures.is_some_and(|after| failures >= after)
    }

    /// Writes the new state of a letter. Returns `false`, and adds a warning, if the file cannot be written.
    fn set_state(&self, mut letter: DeadLetter, state: LetterState, report: &mut SinkReplay) -> bool {
        letter.state = state;
        self.is_written(self.shared.letter_file().set_state(&letter), report)
    }

    fn is_written(&self, written: store::Result<()>, report: &mut SinkReplay) -> bool {
        let refused = |error: store::Error| report.warnings.push(chain(&error));
        written.map_err(refused).is_ok()
    }
}

impl Shared {
    /// Returns the fact at a position; `None` if neither the outbox nor the log contains the fact.
    pub(super) fn fact(&self, at: Position) -> Result<Option<(Stamp, Captured)>> {
        let Some(first) = self.facts(at)?.next().transpose()? else { return Ok(None) };
        Ok(match first {
            (stamp, Some(captured)) if stamp.seq == at.seq => Some((stamp, captured)),
            _ => None,
        })
    }
}

fn accepted(sink: &SinkState, request: &SinkRequest<'_>, receipt: SinkReceipt, attempts: u32) -> ReplayEntry {
    let status = if receipt.is_degraded() { DeliveryStatus::Degraded } else { DeliveryStatus::Success };
    let (detail, _) = receipt.into_parts();
    let (replay_ref, family, target) = (request.position(), request.family(), sink.name.clone());
    ReplayEntry { replay_ref, family, target, status, detail, attempts }
}

fn refused(
    sink: &SinkState,
    request: &SinkRequest<'_>,
    error: &SinkError,
    attempts: u32,
    is_dead: bool,
) -> ReplayEntry {
    let end = if is_dead { "; the fact is now a dead letter" } else { "" };
    let detail = format!("{}{end}", error.full_message());
    let (replay_ref, family, target) = (request.position(), request.family(), sink.name.clone());
    ReplayEntry { replay_ref, family, target, status: DeliveryStatus::Failure, detail, attempts }
}
