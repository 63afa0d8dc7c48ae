//! The dispatcher: appends facts to the log, and offers them to the sinks.

use crate::capture::context::Context;
use crate::capture::dispatch::commit::{Appended, AppendedPoints, Commit, Points};
use crate::capture::dispatch::counts::{Counts, DispatchCounts};
use crate::capture::dispatch::in_sink::InSink;
use crate::capture::dispatch::marker;
use crate::capture::dispatch::options::{DispatchOptions, FailureMode};
use crate::capture::dispatch::sink_state::{Offered, Shared, SinkState};
use crate::capture::error::{Error, Result};
use crate::capture::result::{
    ALL_SINKS_FAILED, BatchCaptureResult, CaptureResult, CapturedAs, DeliveryStatus, PayloadFamily,
    ResultFailure, SOME_SINKS_FAILED,
};
use crate::capture::sink::{Sink, SinkRequest, family_of};
use crate::contract::{Fact, Timestamp, Value};
use crate::store::{self, Captured, Durability, Head, Journal, Receipt, Spill, chain};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Appends the facts of a session, and offers them to the sinks.
pub(in crate::capture) struct Dispatcher {
    pub(super) shared: Shared,
    pub(super) sinks: Mutex<Vec<SinkState>>,
    pub(super) spill: Spill,
    producer: String,
    counts: Counts,
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// The outcome of an append: the log contains the facts, the outbox contains the facts, or the facts are lost.
struct Taken {
    receipt: Option<Receipt>,
    head: Option<Head>,
    /// The error of the log, if the log could not append the facts.
    refused: Option<store::Error>,
    warnings: Vec<String>,
}

type Sinks<'a> = Option<MutexGuard<'a, Vec<SinkState>>>;

impl Dispatcher {
    /// Creates the dispatcher of a session. Errors: the name of a sink is blank or occurs twice, or a sink panics.
    pub(in crate::capture) fn new(
        journal: Arc<Journal>,
        options: DispatchOptions,
        producer: &str,
    ) -> Result<Dispatcher> {
        let mut sinks: Vec<SinkState> = Vec::new();
        for sink in &options.sinks {
            let state = SinkState::new(sink, &options.cursors)?;
            if sinks.iter().any(|other| other.dir == state.dir) {
                return Err(Error::Sink {
                    name: state.name,
                    what: "has the name of another sink".to_owned(),
                });
            }
            sinks.push(state);
        }
        let spill = Spill::new(Arc::clone(journal.storage()), &options.outbox);
        let outbox_log = spill.dir().to_path_buf();
        Ok(Dispatcher {
            shared: Shared { journal, options, outbox_log },
            sinks: Mutex::new(sinks),
            spill,
            producer: producer.to_owned(),
            counts: Counts::default(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Vec<SinkState>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the sinks, in the order in which they are called.
    pub(in crate::capture) fn sinks(&self) -> &[Arc<dyn Sink>] {
        &self.shared.options.sinks
    }

    /// Returns the counts.
    pub(in crate::capture) fn counts(&self) -> DispatchCounts {
        self.counts.read()
    }

    /// Saves and releases the cursors, so that another process can continue to deliver the facts of the streams.
    pub(in crate::capture) fn release(&self) {
        if !self.sinks().is_empty() {
            self.lock().iter_mut().for_each(|sink| {
                sink.save();
                sink.cursors.clear();
            });
        }
    }

    /// Returns `true` if the failure mode is [`FailureMode::Outbox`].
    pub(in crate::capture) fn is_outbox(&self) -> bool {
        self.shared.options.failure_mode == FailureMode::Outbox
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.shared.journal.storage().now())
    }

    /// Appends facts in one commit, and offers the facts to the sinks. Error: the facts are invalid. With
    /// [`FailureMode::Raise`], a failed append and a failed delivery are errors too.
    pub(in crate::capture) fn append(&self, commit: Commit<'_>) -> Result<Appended> {
        self.append_with_receipt(commit, &mut None)
    }

    /// Appends facts like [`append`](Dispatcher::append). Sets `receipt` when the log or the outbox has stored the
    /// facts. `receipt` remains set if a sink fails afterwards.
    pub(in crate::capture) fn append_with_receipt(
        &self,
        commit: Commit<'_>,
        receipt: &mut Option<Receipt>,
    ) -> Result<Appended> {
        let Commit { facts, mut replaces, durability, is_end, needs_log, context } = commit;
        let mut captured: Vec<Captured> = facts.into_iter().map(Captured::from).collect();
        if let Some(first) = captured.first_mut() {
            first.replaces = std::mem::take(&mut replaces);
        }
        let mut sinks = (!self.sinks().is_empty() && !InSink::is_entered()).then(|| self.lock());
        let may_spill = self.is_outbox() && !needs_log;
        let taken = self.take(&captured, durability, is_end, may_spill, &mut sinks)?;
        *receipt = taken.receipt;
        if taken.refused.is_none() && sinks.is_none() {
            self.report_refused(context, &mut sinks);
            return Ok(Appended { receipt: taken.receipt, head: taken.head, results: None });
        }
        let works = taken.refused.is_none();
        let appended = self.deliver(&captured, taken, context, &mut sinks);
        if works {
            self.report_refused(context, &mut sinks);
        }
        appended
    }

    /// Returns `true` if [`Dispatcher::append_points`] can append points: no sink needs their facts.
    pub(in crate::capture) fn takes_points(&self) -> bool {
        self.sinks().is_empty()
    }

    /// Appends points of a series in one commit. The result is the same as the result of
    /// [`Dispatcher::append`] for the facts of the points in a session without sinks. `facts` creates these
    /// facts. `facts` is called only if the log cannot append the points, because the facts are then written
    /// to the outbox.
    pub(in crate::capture) fn append_points(
        &self,
        points: Points<'_>,
        facts: impl FnOnce() -> Result<Vec<Fact>>,
    ) -> Result<AppendedPoints> {
        let Points { points, now, durability, context } = points;
        match self.shared.journal.append_points(points, now, durability) {
            Ok(receipt) => {
                if self.counts.has_unreported() {
                    self.report_refused(context, &mut None);
                }
                Ok(AppendedPoints::InLog(receipt))
            }
            Err(error) if self.is_outbox() && error.is_storage() => {
                let captured: Vec<Captured> = facts()?.into_iter().map(Captured::from).collect();
                let taken = self.take_refused(&captured, durability, false, &mut None, error, Vec::new())?;
                let appended = self.deliver(&captured, taken, context, &mut None)?;
                Ok(AppendedPoints::Refused(appended.results.unwrap_or_default()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Appends facts to the log. If the log cannot append the facts and `may_spill` is true, appends them to the
    /// outbox.
    ///
    /// Returns an error in the following cases:
    /// - The facts are invalid.
    /// - The log cannot append the facts, and `may_spill` is false.
    /// - The facts end scopes, no stream is open, and neither the log nor the outbox can store the facts.
    fn take(
        &self,
        captured: &[Captured],
        durability: Durability,
        is_end: bool,
        may_spill: bool,
        sinks: &mut Sinks<'_>,
    ) -> Result<Taken> {
        let mut warnings = Vec::new();
        let journal = &self.shared.journal;
        let mut to_log = || {
            if let Some(sinks) = sinks.as_mut() {
                let at = journal.prepare()?;
                warnings.extend(sinks.iter_mut().flat_map(|sink| sink.prepare(at, &self.shared)));
            }
            journal.append_all(captured, durability, is_end)
        };
        let refused = match to_log() {
            Ok((receipt, head)) => {
                return Ok(Taken { receipt: Some(receipt), head, refused: None, warnings });
            }
            Err(error) if may_spill && error.is_storage() => error,
            Err(error) => return Err(error.into()),
        };
        self.take_refused(captured, durability, is_end, sinks, refused, warnings)
    }

    /// Appends facts to the outbox after the log could not append the facts. `refused` is the error of the log.
    /// Returns an error if the facts end scopes, no stream is open, and the outbox cannot store the facts
    /// either.
    fn take_refused(
        &self,
        captured: &[Captured],
        durability: Durability,
        is_end: bool,
        sinks: &mut Sinks<'_>,
        refused: store::Error,
        mut warnings: Vec<String>,
    ) -> Result<Taken> {
        let journal = &self.shared.journal;
        let count = captured.len() as u64;
        let mut to_outbox = || {
            if let Some(sinks) = sinks.as_mut() {
                let at = self.spill.prepare()?;
                warnings.extend(sinks.iter_mut().flat_map(|sink| sink.prepare(at, &self.shared)));
            }
            self.spill.append(captured, durability, is_end)
        };
        let (receipt, head) = match to_outbox() {
            Ok((receipt, head)) => {
                self.counts.add_spilled(count);
                (Some(receipt), head)
            }
            Err(_) => {
                self.counts.add_lost(count);
                (None, journal.head().filter(|_| is_end))
            }
        };
        if is_end && head.is_none() {
            return Err(refused.into());
        }
        Ok(Taken { receipt, head, refused: Some(refused), warnings })
    }

    /// Offers facts to the sinks, and creates their results.
    fn deliver(
        &self,
        captured: &[Captured],
        taken: Taken,
        context: &Arc<Context>,
        sinks: &mut Sinks<'_>,
    ) -> Result<Appended> {
        let Taken { receipt, head, refused, warnings } = taken;
        let mut results = Vec::with_capacity(captured.len());
        // The names of the sinks that failed, and the position of the first entry that was not delivered to a sink.
        let mut failed: Vec<String> = Vec::new();
        let mut first_failed = None;
        let mut has_delivered = false;
        for (n, captured) in captured.iter().enumerate() {
            let stamp = receipt.map(|receipt| receipt.stamp(n as u64));
            let mut result = CaptureResult::captured(
                family_of(&captured.fact),
                CapturedAs {
                    context: Some(Arc::clone(context)),
                    record_type: captured.fact.family(),
                    position: stamp.map(|stamp| stamp.position()),
                    durability: receipt.map(|receipt| receipt.durability),
                },
            );
            let Some(stamp) = stamp else {
                let lost = SinkRequest::new(&captured.fact, LOST);
                result = result.payload_of(Some(lost.payload().clone()));
                if let Some(error) = &refused {
                    result.fail(failure_of(error), false);
                }
                results.push(result);
                continue;
            };
            let request = SinkRequest::new(&captured.fact, stamp);
            result = result.payload_of(Some(request.payload().clone()));
            if refused.is_some() {
                result.wait_for_replay();
            }
            let mut deliveries = Vec::new();
            for sink in sinks.iter_mut().flat_map(|sinks| sinks.iter_mut()) {
                let (delivery, offered) = sink.offer(&request, &self.shared);
                match offered {
                    Offered::Delivered => {
                        self.counts.add_delivered();
                        has_delivered = true;
                    }
                    Offered::Degraded => {
                        self.counts.add_delivered();
                        has_delivered = true;
                        result.add_reason(format!("sink_degraded:{}", sink.name));
                    }
                    Offered::Skipped => {}
                    Offered::Failed => {
                        self.counts.add_failed();
                        first_failed.get_or_insert(stamp.position());
                        if !failed.contains(&sink.name) {
                            failed.push(sink.name.clone());
                        }
                    }
                    Offered::Waiting => self.counts.add_failed(),
                }
                deliveries.push(delivery);
            }
            let is_failed = |status| deliveries.iter().any(|delivery| delivery.status == status);
            if is_failed(DeliveryStatus::Failure) && self.is_outbox() {
                result.wait_for_replay();
            }
            if !deliveries.is_empty() && deliveries.iter().all(|d| d.status == DeliveryStatus::Skipped) {
                result.add_warning(format!("no sink takes payloads of the family {}", result.family()));
            }
            result.add_deliveries(deliveries);
            results.push(result);
        }
        if let (Some(first), true, true) = (first_failed, has_delivered, self.shared.options.degraded_markers)
            && context.run.is_some()
        {
            let marker = marker::delivery_failed(context, &self.producer, self.now(), &failed, first);
            let payload = marker.and_then(|marker| self.append_marker(marker, sinks));
            if let (Ok(payload), Some(result)) = (payload, results.first_mut()) {
                result.set_degradation_payload(payload);
            }
        }
        let unsaved = sinks.iter_mut().flat_map(|sinks| sinks.iter_mut()).filter_map(SinkState::save);
        let warnings: Vec<String> = warnings.into_iter().chain(unsaved).collect();
        for result in &mut results {
            warnings.iter().for_each(|warning| result.add_warning(warning.as_str()));
        }
        if !self.is_outbox() && !failed.is_empty() {
            results.iter_mut().for_each(fail_undelivered);
            let family = results.first().map_or(PayloadFamily::Record, CaptureResult::family);
            return Err(Error::Delivery(Box::new(BatchCaptureResult::aggregate(family, results))));
        }
        Ok(Appended { receipt, head, results: Some(results) })
    }

    /// Appends a degraded marker to the log, and offers it to the sinks. Returns the marker as JSON.
    fn append_marker(&self, marker: Fact, sinks: &mut Sinks<'_>) -> Result<Value> {
        let captured = [Captured::from(marker)];
        if let Some(sinks) = sinks {
            let at = self.shared.journal.prepare()?;
            sinks.iter_mut().for_each(|sink| drop(sink.prepare(at, &self.shared)));
        }
        let (receipt, _) = self.shared.journal.append_all(&captured, Durability::Flush, false)?;
        let [captured] = &captured;
        let request = SinkRequest::new(&captured.fact, receipt.stamp(0));
        for sink in sinks.iter_mut().flat_map(|sinks| sinks.iter_mut()) {
            // A failed delivery of the marker is not reported. With `FailureMode::Raise`, the sink never receives the
            // marker.
            sink.offer(&request, &self.shared);
        }
        Ok(request.payload().clone())
    }

    /// Captures a degraded marker for the facts that the log could not append earlier. The method is called
    /// after the log has appended facts again. If the marker cannot be captured, the next append tries again.
    fn report_refused(&self, context: &Arc<Context>, sinks: &mut Sinks<'_>) {
        if !self.counts.has_unreported() || !self.shared.options.degraded_markers || context.run.is_none() {
            return;
        }
        let unreported = self.counts.take_unreported();
        if unreported == (0, 0) {
            return;
        }
        let marker = marker::log_failed(context, &self.producer, self.now(), unreported);
        if marker.and_then(|marker| self.append_marker(marker, sinks)).is_err() {
            self.counts.return_unreported(unreported);
        }
        sinks.iter_mut().flat_map(|sinks| sinks.iter_mut()).for_each(|sink| drop(sink.save()));
    }
}

/// The stamp from which the payload of a lost fact is created. A lost fact has no stamp of its own.
const LOST: store::Stamp = store::Stamp { time: 0, stream: store::StreamId([0; 16]), seq: store::Seq(0) };

fn failure_of(error: &store::Error) -> ResultFailure {
    let mut failure = ResultFailure::new(error.code(), chain(error));
    failure.retryable = error.is_storage();
    failure.error_type = Some("StoreError".to_owned());
    failure
}

/// Marks the result of a capture as failed if at least one delivery to a sink failed.
fn fail_undelivered(result: &mut CaptureResult) {
    let status = |status| result.deliveries().iter().filter(move |delivery| delivery.status == status);
    let failed: Vec<_> = status(DeliveryStatus::Failure).collect();
    let Some(first) = failed.first() else { return };
    let eligible = result.deliveries().len() - status(DeliveryStatus::Skipped).count();
    let code = if failed.len() == eligible { ALL_SINKS_FAILED } else { SOME_SINKS_FAILED };
    let names: Vec<&str> = failed.iter().map(|delivery| delivery.sink_name.as_str()).collect();
    let message = format!(
        "captured, but not delivered to {} of {eligible} sinks ({}): {}",
        failed.len(),
        names.join(", "),
        first.detail
    );
    let mut failure = ResultFailure::new(code, message);
    failure.error_type = Some("DispatchError".to_owned());
    failure.details.insert("family".to_owned(), result.family().as_str().into());
    result.fail(failure, true);
}
