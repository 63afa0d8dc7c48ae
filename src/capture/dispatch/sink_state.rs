//! One sink of a session, with its cursors.

use crate::capture::dispatch::attempt::{Failed, deliver, guarded};
use crate::capture::dispatch::options::{DispatchOptions, FailureMode};
use crate::capture::error::{Error, Result};
use crate::capture::result::{Delivery, DeliveryStatus, PayloadFamily};
use crate::capture::sink::{Sink, SinkError, SinkRequest};
use crate::contract::refs::slug;
use crate::contract::{Fact, Value};
use crate::store::journal::short_digest;
use crate::store::{Captured, Journal, Position, SinkCursor, Stamp, StreamFacts, StreamId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The greatest length of the readable part of a directory name.
const STEM_LEN_MAX: usize = 40;

/// The values that all sinks of a session share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) journal: Arc<Journal>,
    pub(super) options: DispatchOptions,
    /// The log of the outbox.
    pub(super) outbox_log: PathBuf,
}

impl Shared {
    /// Returns the facts of a stream from a position on. A stream of the outbox is read from the outbox, because its
    /// copy in the log may lack the newest facts.
    pub(super) fn facts(&self, from: Position) -> Result<StreamFacts> {
        let logs: [&Path; 2] = [&self.outbox_log, self.journal.log_dir()];
        Ok(StreamFacts::open(self.journal.storage(), &logs, from.stream, from.seq)?)
    }
}

/// The name and the families of a sink, and the name of the directory with its cursors.
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) families: Vec<PayloadFamily>,
    pub(super) dir: String,
}

impl Identity {
    /// Reads the name and the families of a sink. Errors: the name is blank, or the sink panics.
    pub(super) fn of(sink: &Arc<dyn Sink>) -> Result<Identity> {
        let read = guarded(|| Ok((sink.name().to_owned(), sink.families().to_vec())));
        let refused = |name: &str, what: String| Error::Sink { name: name.to_owned(), what };
        let (name, families) = read.map_err(|e| refused("", e.full_message()))?;
        if name.trim().is_empty() {
            return Err(refused(&name, "has a blank name".to_owned()));
        }
        let dir = dir_name_of(&name);
        Ok(Identity { name, families, dir })
    }
}

/// Returns the name of the directory that contains the cursors of the sink `sink`.
pub(super) fn dir_name_of(sink: &str) -> String {
    let stem = slug(sink, STEM_LEN_MAX).unwrap_or_else(|| "sink".to_owned());
    if stem == sink { stem } else { format!("{stem}-{}", short_digest(sink)) }
}

/// One sink of a session.
pub(super) struct SinkState {
    pub(super) name: String,
    families: Vec<PayloadFamily>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) dir: PathBuf,
    pub(super) cursors: BTreeMap<StreamId, SinkCursor>,
    /// The position of the first fact that waits for a replay; `None` if no fact waits.
    pub(super) waiting: Option<Position>,
    /// The position and the error of the fact whose delivery failed. Later facts of the stream are not delivered until
    /// this fact has been delivered. `None` if no delivery failed.
    blocked: Option<(Position, Failed)>,
}

/// The result of offering a fact to a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    Delivered,
    Degraded,
    Skipped,
    /// The sink did not accept the fact, or the fact must wait because the delivery of an earlier fact failed.
    Failed,
    /// The sink was not called, because an earlier fact waits for a replay.
    Waiting,
}

impl SinkState {
    /// Creates the state of a sink. Returns an error if the name of the sink is blank, or if a method of the sink
    /// panics.
    pub(super) fn new(sink: &Arc<dyn Sink>, cursors: &Path) -> Result<SinkState> {
        let Identity { name, families, dir } = Identity::of(sink)?;
        Ok(SinkState {
            name,
            families,
            sink: Arc::clone(sink),
            dir: cursors.join(dir),
            cursors: BTreeMap::new(),
            waiting: None,
            blocked: None,
        })
    }

    /// Returns the name of the directory with the cursors.
    pub(super) fn dir_name(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Calls `work` with this state. During the call, another sink with the same name replaces the sink of
    /// the state.
    pub(super) fn with_sink<T>(
        &mut self,
        other: &Arc<dyn Sink>,
        work: impl FnOnce(&mut SinkState) -> Result<T>,
    ) -> Result<T> {
        let own = Identity::of(other)?;
        let sink = std::mem::replace(&mut self.sink, Arc::clone(other));
        let families = std::mem::replace(&mut self.families, own.families);
        let result = work(self);
        (self.sink, self.families) = (sink, families);
        result
    }

    /// Returns `true` if the sink accepts payloads of this family.
    pub(super) fn supports(&self, family: PayloadFamily) -> bool {
        self.families.contains(&family)
    }

    /// Prepares for facts from the position `at` on. Opens the cursor. Delivers earlier facts of the stream that the
    /// sink has not received, for example because a process died. Returns warnings.
    pub(super) fn prepare(&mut self, at: Position, shared: &Shared) -> Vec<String> {
        let mut warnings = Vec::new();
        self.blocked = None;
        self.attach(at, shared, &mut warnings);
        let Some(cursor) = self.cursors.get(&at.stream) else { return warnings };
        if self.waiting.is_some() || cursor.next() >= at.seq {
            return warnings;
        }
        let is_outbox = shared.options.failure_mode == FailureMode::Outbox;
        if is_outbox && cursor.failures() > 0 {
            self.waiting = Some(Position { stream: at.stream, seq: cursor.next() });
        } else if let Err(error) = self.catch_up(at, shared, &mut warnings) {
            warnings.push(format!("sink {}: earlier facts cannot be read: {error}", self.name));
        }
        warnings
    }

    /// Opens the cursor of a stream, unless it is open. If the file cannot be used, the position of the cursor is not
    /// saved.
    fn attach(&mut self, at: Position, shared: &Shared, warnings: &mut Vec<String>) {
        let known = self.cursors.get(&at.stream);
        if known.is_some_and(SinkCursor::is_attached) {
            return;
        }
        let next = known.map_or(at.seq, SinkCursor::next);
        let first = Position { stream: at.stream, seq: next };
        let unsaved = |why: &str| format!("sink {}: the position cannot be saved: {why}", self.name);
        let opened = SinkCursor::open(shared.journal.storage(), &self.dir, at.stream, next);
        let cursor = match opened {
            Ok(Some(mut cursor)) => {
                if let Some(detached) = known {
                    // Another process may have stopped before the first fact that this process delivered.
                    cursor.replace(detached);
                }
                cursor
            }
            Ok(None) => {
                warnings.push(unsaved("another process holds the lock of the cursor"));
                SinkCursor::detached(first)
            }
            Err(error) => {
                warnings.push(unsaved(&error.to_string()));
                SinkCursor::detached(first)
            }
        };
        if known.is_none() || cursor.is_attached() {
            self.cursors.insert(at.stream, cursor);
        }
    }

    /// Delivers the facts of the stream from the cursor up to `until`, exclusive.
    fn catch_up(&mut self, until: Position, shared: &Shared, warnings: &mut Vec<String>) -> Result<()> {
        let Some(next) = self.cursors.get(&until.stream).map(SinkCursor::next) else { return Ok(()) };
        shared.journal.flush()?;
        let is_outbox = shared.options.failure_mode == FailureMode::Outbox;
        for item in shared.facts(Position { seq: next, ..until })? {
            let (stamp, captured) = item?;
            if stamp.seq >= until.seq {
                break;
            }
            let Some(captured) = captured.filter(is_delivered) else { continue };
            let request = SinkRequest::new(&captured.fact, stamp);
            let Err(failed) = self.try_deliver(&request, shared) else {
                self.pass(stamp);
                continue;
            };
            if is_outbox {
                self.fail_at(stamp);
                return Ok(());
            }
            if failed.error.is_retryable() {
                self.blocked = Some((stamp.position(), failed));
                return Ok(());
            }
            warnings.push(format!(
                "sink {}: entry {} was not delivered: {}",
                self.name,
                stamp.position(),
                failed.error.full_message()
            ));
        }
        if let Some(cursor) = self.cursors.get_mut(&until.stream) {
            cursor.pass(until.seq.previous());
        }
        Ok(())
    }

    /// Delivers a payload, unless the sink does not support its family.
    fn try_deliver(&self, request: &SinkRequest<'_>, shared: &Shared) -> std::result::Result<(), Failed> {
        if !self.supports(request.family()) {
            return Ok(());
        }
        let storage = shared.journal.storage();
        deliver(self.sink.as_ref(), request, &shared.options, |time| storage.sleep(time)).map(drop)
    }

    /// Moves the cursor to the position after an entry.
    pub(super) fn pass(&mut self, stamp: Stamp) {
        if let Some(cursor) = self.cursors.get_mut(&stamp.stream) {
            cursor.pass(stamp.seq);
        }
    }

    /// Leaves the cursor at an entry that could not be delivered. The entry and later facts wait for a replay.
    pub(super) fn fail_at(&mut self, stamp: Stamp) {
        self.waiting.get_or_insert(stamp.position());
        if let Some(cursor) = self.cursors.get_mut(&stamp.stream) {
            // The sink needs no earlier entry any more.
            cursor.pass(stamp.seq.previous());
            cursor.fail();
        }
    }

    /// Offers a fact to the sink. Returns the delivery for the result of the capture.
    pub(super) fn offer(&mut self, request: &SinkRequest<'_>, shared: &Shared) -> (Delivery, Offered) {
        let family = request.family();
        let stamp = request.stamp();
        let delivery = |status| Delivery::new(self.name.as_str(), family, status);
        if !self.supports(family) {
            let skipped = delivery(DeliveryStatus::Skipped);
            let detail = format!("the sink does not take payloads of the family {family}");
            if self.waiting.is_none() && self.blocked.is_none() {
                self.pass(stamp);
            }
            return (skipped.detail(detail), Offered::Skipped);
        }
        if let Some(first) = self.waiting {
            let error =
                SinkError::retryable("sink_waiting", format!("waits for a replay, behind entry {first}"));
            let failed = Failed { error, attempts: 0 };
            return (failure(delivery(DeliveryStatus::Failure), &failed), Offered::Waiting);
        }
        if let Some((first, failed)) = &self.blocked {
            let delivery = failure(delivery(DeliveryStatus::Failure), failed);
            let detail = format!("entry {first} must be delivered first: {}", delivery.detail);
            return (delivery.detail(detail), Offered::Failed);
        }
        let storage = shared.journal.storage();
        match deliver(self.sink.as_ref(), request, &shared.options, |time| storage.sleep(time)) {
            Ok(receipt) => {
                let (status, offered) = match receipt.is_degraded() {
                    true => (DeliveryStatus::Degraded, Offered::Degraded),
                    false => (DeliveryStatus::Success, Offered::Delivered),
                };
                let delivered = delivery(status);
                self.pass(stamp);
                let (detail, metadata) = receipt.into_parts();
                (delivered.detail(detail).metadata(metadata), offered)
            }
            Err(failed) => {
                let delivered = failure(delivery(DeliveryStatus::Failure), &failed);
                match shared.options.failure_mode {
                    FailureMode::Outbox => self.fail_at(stamp),
                    FailureMode::Raise => self.pass(stamp),
                }
                (delivered, Offered::Failed)
            }
        }
    }

    /// Saves all cursors. Returns a warning if a cursor could not be saved.
    pub(super) fn save(&mut self) -> Option<String> {
        let saved = self.cursors.values_mut().map(SinkCursor::save).filter_map(std::result::Result::err);
        let error = saved.last()?;
        Some(format!("sink {}: the position cannot be saved: {error}", self.name))
    }
}

/// Returns `true` for a fact that sinks receive. Sinks receive neither imported facts nor the facts of processes, which
/// only readers of the log need.
pub(super) fn is_delivered(captured: &Captured) -> bool {
    captured.origin.is_none() && !matches!(captured.fact, Fact::Process(_))
}

fn failure(delivery: Delivery, failed: &Failed) -> Delivery {
    let metadata = [
        ("error_code".to_owned(), Value::from(failed.error.code())),
        ("retryable".to_owned(), failed.error.is_retryable().into()),
        ("attempts".to_owned(), failed.attempts.into()),
    ];
    delivery.detail(failed.error.full_message()).metadata(metadata.into())
}
