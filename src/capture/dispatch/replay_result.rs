//! The results of a replay.

use crate::capture::result::{DeliveryStatus, PayloadFamily, ResultStatus};
use crate::capture::sink::SinkError;
use crate::contract::{Members, Value};
use crate::store::{Position, StreamId};

/// The greatest number of successful deliveries that the result of a replay lists for each sink. Failures are always
/// listed.
const SUCCESSES_MAX: usize = 10_000;

/// A delivery of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayEntry {
    /// The position of the fact in the log or the outbox.
    pub replay_ref: Position,
    /// The family of the payload.
    pub family: PayloadFamily,
    /// The name of the sink.
    pub target: String,
    /// The status. `Skipped` means that the replay had no sink with this name, or that another process delivers to the
    /// sink.
    pub status: DeliveryStatus,
    /// The text that the sink returned, or the text of the error.
    pub detail: String,
    /// The number of failed deliveries of the fact so far.
    pub attempts: u32,
}

impl ReplayEntry {
    /// Returns the entry as JSON.
    pub fn to_value(&self) -> Value {
        Value::map([
            ("replay_ref", Value::text(self.replay_ref)),
            ("family", self.family.as_str().into()),
            ("target", self.target.as_str().into()),
            ("status", self.status.as_str().into()),
            ("detail", self.detail.as_str().into()),
            ("attempts", self.attempts.into()),
        ])
    }
}

/// The result of a replay to one sink.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SinkReplay {
    /// The name of the sink.
    pub sink: String,
    /// The deliveries in the order of their attempts. The list contains at most 10,000 successful deliveries.
    pub entries: Vec<ReplayEntry>,
    /// The number of successful deliveries that are not in `entries`.
    pub entries_omitted: u64,
    /// The number of facts that the sink accepted.
    pub delivered: u64,
    /// The number of accepted facts that no longer wait.
    pub acknowledged: u64,
    /// The number of facts that became dead letters.
    pub dead_letters: u64,
    /// The number of facts that still wait.
    pub waiting: u64,
    /// The streams whose cursors another process has locked. Their facts were not offered to the sink, and are not
    /// counted in `waiting`.
    pub busy: Vec<StreamId>,
    /// The error that stopped the replay. The fact that caused the error and the later facts of the sink keep waiting.
    pub error: Option<SinkError>,
    /// Messages for users about failed parts of the replay.
    pub warnings: Vec<String>,
}

impl SinkReplay {
    /// Adds an entry. If the list is full, a successful delivery is counted, but not added to the list.
    pub(super) fn add(&mut self, entry: ReplayEntry) {
        let is_success = matches!(entry.status, DeliveryStatus::Success | DeliveryStatus::Degraded);
        if is_success && self.delivered > SUCCESSES_MAX as u64 {
            self.entries_omitted += 1;
        } else {
            self.entries.push(entry);
        }
    }
}

/// The facts whose sink did not take part in a replay.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    /// One entry for each stream and for each queued letter.
    pub(super) entries: Vec<ReplayEntry>,
    /// The number of waiting facts for these sinks.
    pub(super) facts: u64,
}

/// The result of a replay of the outbox.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReplayBatchResult {
    /// `Failure` if every attempted delivery failed. `Degraded` if a delivery failed or was skipped, or if there are
    /// warnings. `Success` otherwise, even if facts still wait because of the limit.
    pub status: ResultStatus,
    /// The deliveries. The list contains at most 10,000 successful deliveries for each sink. A note states
    /// the number of omitted successful deliveries.
    pub entries: Vec<ReplayEntry>,
    /// The number of accepted facts that no longer wait.
    pub acknowledged_count: u64,
    /// The number of facts that still wait. If the options name a target, only facts for this target are
    /// counted. Facts for sinks that did not take part are counted too. Their number can include facts of
    /// families that the sink does not accept.
    pub pending_count: u64,
    /// The number of facts that became dead letters.
    pub dead_lettered_count: u64,
    /// The number of facts that this replay has copied from the outbox into the log.
    pub log_added_count: u64,
    /// Messages for users about failed parts of the replay.
    pub warnings: Vec<String>,
    /// Notes, such as `outbox_empty` and `dead_lettered:3`.
    pub notes: Vec<String>,
    /// For each sink, the numbers of facts: `delivered`, `acknowledged`, `dead_lettered` and `pending`.
    pub details: Members,
}

impl ReplayBatchResult {
    /// Combines the results of all sinks.
    pub(super) fn of(
        sinks: Vec<SinkReplay>,
        skipped: Skipped,
        log_added_count: u64,
        warnings: Vec<String>,
    ) -> ReplayBatchResult {
        let mut result = ReplayBatchResult {
            status: ResultStatus::Success,
            entries: Vec::new(),
            acknowledged_count: 0,
            pending_count: skipped.facts,
            dead_lettered_count: 0,
            log_added_count,
            warnings,
            notes: Vec::new(),
            details: Members::new(),
        };
        let (mut delivered, mut omitted) = (0, 0);
        for sink in sinks {
            result.acknowledged_count += sink.acknowledged;
            result.pending_count += sink.waiting;
            result.dead_lettered_count += sink.dead_letters;
            (delivered, omitted) = (delivered + sink.delivered, omitted + sink.entries_omitted);
            let numbers = Value::map([
                ("delivered", sink.delivered.into()),
                ("acknowledged", sink.acknowledged.into()),
                ("dead_lettered", sink.dead_letters.into()),
                ("pending", sink.waiting.into()),
            ]);
            result.details.insert(sink.sink, numbers);
            result.entries.extend(sink.entries);
            result.warnings.extend(sink.warnings);
        }
        result.entries.extend(skipped.entries);
        if result.entries.is_empty() && result.pending_count == 0 && log_added_count == 0 {
            result.notes.push("outbox_empty".to_owned());
        }
        let counted = [("dead_lettered", result.dead_lettered_count), ("entries_omitted", omitted)];
        let notes = counted.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name}:{n}"));
        result.notes.extend(notes);
        let has = |status| result.entries.iter().any(|entry| entry.status == status);
        let is_failed = has(DeliveryStatus::Failure);
        result.status = if is_failed && delivered == 0 {
            ResultStatus::Failure
        } else if is_failed || has(DeliveryStatus::Skipped) || !result.warnings.is_empty() {
            ResultStatus::Degraded
        } else {
            ResultStatus::Success
        };
        result
    }

    /// Returns the result as JSON.
    pub fn to_value(&self) -> Value {
        let texts = |texts: &[String]| Value::list(texts.iter().map(String::as_str));
        Value::map([
            ("status", self.status.as_str().into()),
            ("entries", Value::List(self.entries.iter().map(ReplayEntry::to_value).collect())),
            ("acknowledged_count", self.acknowledged_count.into()),
            ("pending_count", self.pending_count.into()),
            ("dead_lettered_count", self.dead_lettered_count.into()),
            ("log_added_count", self.log_added_count.into()),
            ("warnings", texts(&self.warnings)),
            ("notes", texts(&self.notes)),
            ("details", Value::Map(self.details.clone())),
        ])
    }
}
