//! The payload of the erasure of a run.

use crate::contract::Fact;
use crate::contract::fact::{ErasedEntries, ErasureStep, RewrittenSegment, RunErasure};
use crate::projections::payload::convert::{Result, parse, time};
use serde::{Deserialize, Serialize};

/// The erasure of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct ErasureV1 {
    run_ref: String,
    requested_at: i64,
    reason: Option<String>,
    step: StepV1,
}

#[derive(Debug, Serialize, Deserialize)]
enum StepV1 {
    Requested(Vec<EntriesV1>),
    Rewritten(Vec<SegmentV1>),
}

/// Stream, first, last, number of entries.
type EntriesV1 = ([u8; 16], u64, u64, u64);
/// Stream, base, number of entries, old digest, new digest.
type SegmentV1 = ([u8; 16], u64, u64, [u8; 32], [u8; 32]);

impl ErasureV1 {
    pub(in crate::projections) fn of(erasure: &RunErasure) -> ErasureV1 {
        let step = match erasure.step() {
            ErasureStep::Requested(erased) => {
                StepV1::Requested(erased.iter().map(|e| (e.stream, e.first, e.last, e.entries)).collect())
            }
            ErasureStep::Rewritten(segments) => {
                let row = |s: &RewrittenSegment| (s.stream, s.base, s.entries, s.old_digest, s.new_digest);
                StepV1::Rewritten(segments.iter().map(row).collect())
            }
        };
        ErasureV1 {
            run_ref: erasure.run_ref().to_string(),
            requested_at: erasure.requested_at().micros(),
            reason: erasure.reason().map(str::to_owned),
            step,
        }
    }

    pub(in crate::projections) fn into_fact(self) -> Result<Fact> {
        let step = match self.step {
            StepV1::Requested(erased) => {
                let row = |(stream, first, last, entries)| ErasedEntries { stream, first, last, entries };
                ErasureStep::Requested(erased.into_iter().map(row).collect())
            }
            StepV1::Rewritten(segments) => {
                let row = |(stream, base, entries, old_digest, new_digest)| RewrittenSegment {
                    stream,
                    base,
                    entries,
                    old_digest,
                    new_digest,
                };
                ErasureStep::Rewritten(segments.into_iter().map(row).collect())
            }
        };
        let run_ref = parse(&self.run_ref)?;
        Ok(Fact::Erasure(RunErasure::new(run_ref, time(self.requested_at)?, self.reason, step)?))
    }
}
