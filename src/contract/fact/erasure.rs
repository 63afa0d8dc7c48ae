//! The erasure of a run.

use crate::contract::error::contract_error::Result;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Value;
use crate::contract::refs::typed::RunRef;
use crate::contract::rules::text::optional_text;
use crate::contract::time::Timestamp;

/// A fact about the erasure of a run. The fact states that the erasure was requested, or that segments were
/// rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunErasure {
    run_ref: RunRef,
    requested_at: Timestamp,
    reason: Option<String>,
    step: ErasureStep,
}

/// The step of an erasure that a fact records.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErasureStep {
    /// The erasure was requested. All entries of the run with lower stamps are erased. The listed entries are
    /// erased too. No query returns erased entries.
    Requested(Vec<ErasedEntries>),
    /// Segments were rewritten without the erased entries.
    Rewritten(Vec<RewrittenSegment>),
}

/// The entries of a run in one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasedEntries {
    /// The id of the stream.
    pub stream: [u8; 16],
    /// The sequence number of the first entry of the run.
    pub first: u64,
    /// The sequence number of the last entry of the run. Entries of other runs can be between the first and the last.
    pub last: u64,
    /// The number of entries of the run.
    pub entries: u64,
}

/// A segment that was rewritten without erased entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewrittenSegment {
    /// The id of the stream.
    pub stream: [u8; 16],
    /// The sequence number of the first entry of the segment.
    pub base: u64,
    /// The number of entries that were removed.
    pub entries: u64,
    /// The BLAKE3 digest of the old segment file.
    pub old_digest: [u8; 32],
    /// The BLAKE3 digest of the new segment file.
    pub new_digest: [u8; 32],
}

impl RunErasure {
    /// Creates the fact. Errors: the reason is blank.
    pub fn new(
        run_ref: RunRef,
        requested_at: Timestamp,
        reason: Option<String>,
        step: ErasureStep,
    ) -> Result<RunErasure> {
        let (mut issues, mut reason) = (Issues::default(), reason);
        optional_text(&mut issues, "reason", &mut reason);
        issues.into_result().map(|()| RunErasure { run_ref, requested_at, reason, step })
    }

    /// Returns the erased run.
    pub fn run_ref(&self) -> &RunRef {
        &self.run_ref
    }

    /// Returns the time at which the erasure was requested.
    pub fn requested_at(&self) -> Timestamp {
        self.requested_at
    }

    /// Returns the reason that the user gave.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Returns the step of the erasure.
    pub fn step(&self) -> &ErasureStep {
        &self.step
    }

    /// Returns the fact as JSON.
    pub fn to_value(&self) -> Value {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (mut streams, mut segments) = (Vec::new(), Vec::new());
        match &self.step {
            ErasureStep::Requested(erased) => streams.extend(erased.iter().map(|erased| {
                Value::map([
                    ("stream", Value::Text(hex(&erased.stream))),
                    ("first", erased.first.into()),
                    ("last", erased.last.into()),
                    ("entries", erased.entries.into()),
                ])
            })),
            ErasureStep::Rewritten(rewritten) => segments.extend(rewritten.iter().map(|segment| {
                Value::map([
                    ("stream", Value::Text(hex(&segment.stream))),
                    ("base", segment.base.into()),
                    ("entries", segment.entries.into()),
                    ("old_digest", Value::Text(hex(&segment.old_digest))),
                    ("new_digest", Value::Text(hex(&segment.new_digest))),
                ])
            })),
        }
        let step = match self.step {
            ErasureStep::Requested(_) => "requested",
            ErasureStep::Rewritten(_) => "rewritten",
        };
        Value::map([
            ("run_ref", Value::from(self.run_ref.as_str())),
            ("step", Value::from(step)),
            ("requested_at", Value::text(self.requested_at)),
            ("reason", self.reason.as_ref().map_or(Value::Null, Value::text)),
            ("streams", Value::List(streams)),
            ("segments", Value::List(segments)),
        ])
    }
}
