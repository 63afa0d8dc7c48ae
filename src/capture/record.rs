//! Capture of records in a scope.

use crate::capture::current::current_span;
use crate::capture::dispatch::{Appended, Commit};
use crate::capture::emission::Emission;
use crate::capture::error::{Error, Result};
use crate::capture::intake::{Changes, Intake};
use crate::capture::result::{BatchCaptureResult, CaptureResult, CapturedAs, PayloadFamily};
use crate::capture::scope::Scope;
use crate::capture::trace::{SpanId, TraceContext, TraceId};
use crate::contract::{Degradation, Fact, RecordType, StableRef, Timestamp};
use crate::store::journal::digest_bytes;
use std::sync::Arc;

/// Returns the family of the payloads of records of this type.
fn family_of(record_type: RecordType) -> PayloadFamily {
    if record_type == RecordType::Degraded { PayloadFamily::Degradation } else { PayloadFamily::Record }
}

impl Scope {
    /// Returns the trace of the scope, with the span of the scope as the parent of new spans. The trace is the one of
    /// the session if it has one. Otherwise its id is made from the ref of the run or deployment, so that all processes
    /// that capture the run have the same trace. The id of a scope's span is made from the ref of the scope.
    pub(super) fn trace(&self) -> TraceContext {
        let first = |of: &StableRef| digest_bytes(of.as_str());
        let trace_id = match &self.session.inner.options.trace_parent {
            Some(parent) => parent.trace_id,
            None => TraceId(first(&self.outermost().own).first_chunk().copied().unwrap_or_default()),
        };
        TraceContext {
            trace_id,
            span_id: SpanId(first(&self.own).first_chunk().copied().unwrap_or_default()),
        }
    }

    /// Returns the parent of new spans in this thread: the innermost open span guard, or the scope.
    pub(super) fn parent_of_spans(&self) -> TraceContext {
        current_span(self).unwrap_or_else(|| self.trace())
    }

    /// Returns the fact of a record, its degraded marker if members were left out, and what was changed.
    fn fact(&self, emission: Emission, now: Timestamp) -> Result<(Fact, Option<Fact>, Changes)> {
        let inner = &self.session.inner;
        let observation = |at| self.context.observation(at, &inner.options.producer);
        let subject = || Some(self.own.clone());
        let mut intake = Intake::new(&inner.redactor);
        let fact = match emission {
            Emission::Event(event) => {
                let mut payload = event.into_payload(subject());
                payload.origin_marker = inner.options.origin;
                Fact::Event(intake.record(observation(now)?, payload)?)
            }
            Emission::Metric(metric) => {
                Fact::Metric(intake.record(observation(now)?, metric.into_payload(subject()))?)
            }
            Emission::Span(span) => {
                let payload = span.into_payload(&self.parent_of_spans(), inner.span_id()?, now);
                // The reference observes a span at its start. A span that starts in the future is observed now.
                let observed_at = payload.started_at.min(now);
                Fact::Span(intake.record(observation(observed_at)?, payload)?)
            }
            Emission::Degraded(marker) => {
                let mut observation = observation(now)?;
                observation.degradation_marker = Degradation::CaptureGap;
                let mut payload = marker.into_payload(subject());
                payload.origin_marker = inner.options.origin;
                Fact::Degraded(intake.record(observation, payload)?)
            }
        };
        let changes = intake.changes();
        Ok((fact, intake.marker(self.own.clone(), &self.context, now, &inner.options.producer)?, changes))
    }

    /// Captures records in one commit: all of them or none. The degraded markers of members that were left out follow
    /// the records.
    pub(super) fn emit(&self, emissions: Vec<Emission>) -> Result<Vec<CaptureResult>> {
        self.check_open()?;
        let inner = &self.session.inner;
        self.context.run()?;
        let now = inner.now();
        let mut facts = Vec::with_capacity(emissions.len());
        let mut families = Vec::with_capacity(emissions.len());
        let mut markers = Vec::new();
        for emission in emissions {
            let family = emission.family();
            let (fact, marker, changes) = self.fact(emission, now)?;
            families.push((family, changes));
            facts.push(fact);
            markers.extend(marker);
        }
        if facts.is_empty() {
            return Ok(Vec::new());
        }
        facts.extend(markers);
        let commit = Commit::new(facts, inner.options.durability, &self.context);
        let Appended { receipt, results, .. } = inner.dispatcher.append(commit)?;
        if let Some(mut results) = results {
            results.truncate(families.len());
            for (result, (_, changes)) in results.iter_mut().zip(families) {
                changes.tell(result);
            }
            return Ok(results);
        }
        let result = |(n, (record_type, changes)): (usize, (RecordType, Changes))| {
            let captured = CapturedAs {
                context: Some(Arc::clone(&self.context)),
                record_type: Some(record_type),
                position: receipt.map(|receipt| receipt.stamp(n as u64).position()),
                durability: receipt.map(|receipt| receipt.durability),
            };
            let mut result = CaptureResult::captured(family_of(record_type), captured);
            changes.tell(&mut result);
            result
        };
        Ok(families.into_iter().enumerate().map(result).collect())
    }

    /// Captures records in one commit, and returns the result of the batch.
    pub(super) fn emit_batch(&self, emissions: Vec<Emission>) -> Result<BatchCaptureResult> {
        let results = self.emit(emissions)?;
        let family = results.first().map_or(PayloadFamily::Record, CaptureResult::family);
        Ok(BatchCaptureResult::aggregate(family, results))
    }

    pub(super) fn emit_one(&self, emission: Emission) -> Result<CaptureResult> {
        let unexpected = || Error::ScopeClosed { scope: self.own.clone(), status: self.status() };
        self.emit(vec![emission])?.pop().ok_or_else(unexpected)
    }
}
