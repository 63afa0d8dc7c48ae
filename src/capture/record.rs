//! Capture of records in a scope.

use crate::capture::current::current_span;
use crate::capture::dispatch::{Appended, AppendedPoints, Commit, Points};
use crate::capture::emission::{Emission, MetricEmission};
use crate::capture::error::{Error, Result};
use crate::capture::intake::{Changes, Intake};
use crate::capture::prepared::Prepared;
use crate::capture::result::{BatchCaptureResult, CaptureResult, CapturedAs, PayloadFamily, ResultFailure};
use crate::capture::scope::Scope;
use crate::capture::trace::{SpanId, TraceContext, TraceId};
use crate::contract::{ContractError, Degradation, Fact, MetricValue, RecordType, StableRef, Timestamp};
use crate::store::journal::digest_bytes;
use crate::store::{EncodedPoint, EncodedSeries, PointValue, Receipt};
use std::sync::Arc;

/// Returns the payload family of a type of records.
fn family_of(record_type: RecordType) -> PayloadFamily {
    if record_type == RecordType::Degraded { PayloadFamily::Degradation } else { PayloadFamily::Record }
}

/// Returns the failed result of a record that breaks `rule`.
fn failed(record_type: RecordType, rule: &ContractError) -> CaptureResult {
    let failure = ResultFailure::new(rule.code.as_str(), rule.to_string());
    CaptureResult::failure_result(family_of(record_type), None, failure)
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

    /// Returns the fact of a record, a degraded marker if members were left out, and the changes of the preparation.
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
        let marker = intake.marker(self.own.clone(), &self.context, now, &inner.options.producer)?;
        Ok((fact, marker, intake.into_changes()))
    }

    /// Captures records in one commit: all of them or none. The degraded markers that name left-out members
    /// follow the records. If the session has [`CaptureOptions::mark_invalid_records`], a degraded marker
    /// replaces each record that breaks a rule. The result of such a record is a failure.
    ///
    /// [`CaptureOptions::mark_invalid_records`]: crate::capture::CaptureOptions::mark_invalid_records
    pub(super) fn emit(&self, emissions: Vec<Emission>) -> Result<Vec<CaptureResult>> {
        self.check_open()?;
        let inner = &self.session.inner;
        self.context.run()?;
        let now = inner.now();
        let mut facts = Vec::with_capacity(emissions.len());
        let mut intakes = Vec::with_capacity(emissions.len());
        let mut markers = Vec::new();
        for emission in emissions {
            let family = emission.family();
            match self.fact(emission, now) {
                Ok((fact, marker, changes)) => {
                    intakes.push((family, Ok(changes)));
                    facts.push(fact);
                    markers.extend(marker);
                }
                Err(error) => {
                    let (error, marker) = self.left_out(family, error, now)?;
                    intakes.push((family, Err(error)));
                    markers.push(marker);
                }
            }
        }
        if intakes.is_empty() {
            return Ok(Vec::new());
        }
        facts.extend(markers);
        let commit = Commit::new(facts, inner.options.durability, &self.context);
        let Appended { receipt, results, .. } = inner.dispatcher.append(commit)?;
        let mut results = results.map(Vec::into_iter);
        let mut place = 0;
        let result = |(record_type, intake): (RecordType, std::result::Result<Changes, ContractError>)| {
            let changes = match intake {
                Ok(changes) => changes,
                Err(error) => return failed(record_type, &error),
            };
            let delivered = results.as_mut().and_then(Iterator::next);
            let mut result = delivered.unwrap_or_else(|| self.result(record_type, receipt, place));
            place += 1;
            changes.tell(&mut result);
            result
        };
        Ok(intakes.into_iter().map(result).collect())
    }

    /// Returns the rule that a record breaks, and the degraded marker that replaces the record. Errors:
    /// `error`, if the session does not mark invalid records, if `error` is not about a rule, or if the
    /// marker breaks a rule too.
    fn left_out(
        &self,
        record_type: RecordType,
        error: Error,
        now: Timestamp,
    ) -> Result<(ContractError, Fact)> {
        let inner = &self.session.inner;
        let rule = match error {
            Error::Contract(rule) if inner.options.mark_invalid_records => rule,
            error => return Err(error),
        };
        let mut intake = Intake::new(&inner.redactor);
        let (own, producer) = (self.own.clone(), &inner.options.producer);
        match intake.record_left_out(own, record_type, &rule, &self.context, now, producer) {
            Ok(marker) => Ok((rule, marker)),
            // The marker breaks the same rule, for example the rule for the name of the producer.
            Err(_) => Err(rule.into()),
        }
    }

    /// Returns the result of one record. The log has appended the commit that contains the record. `n` is the
    /// index of the record in the commit, from 0.
    fn result(&self, record_type: RecordType, receipt: Option<Receipt>, n: usize) -> CaptureResult {
        let captured = CapturedAs {
            context: Some(Arc::clone(&self.context)),
            record_type: Some(record_type),
            position: receipt.map(|receipt| receipt.stamp(n as u64).position()),
            durability: receipt.map(|receipt| receipt.durability),
        };
        CaptureResult::captured(family_of(record_type), captured)
    }

    /// Captures records in one commit, and returns the result of the batch.
    pub(super) fn emit_batch(&self, emissions: Vec<Emission>) -> Result<BatchCaptureResult> {
        let results = self.emit(emissions)?;
        let family = results.first().map_or(PayloadFamily::Record, CaptureResult::family);
        Ok(BatchCaptureResult::aggregate(family, results))
    }

    pub(super) fn emit_one(&self, emission: Emission) -> Result<CaptureResult> {
        match emission {
            Emission::Metric(metric) if metric.is_plain() => {
                self.metric(&metric.key, metric.step, metric.value)
            }
            emission => self.emit_whole(emission),
        }
    }

    /// Captures one record, which is checked and encoded as a whole.
    fn emit_whole(&self, emission: Emission) -> Result<CaptureResult> {
        let unexpected = || Error::ScopeClosed { scope: self.own.clone(), status: self.status() };
        self.emit(vec![emission])?.pop().ok_or_else(unexpected)
    }

    /// Captures a metric that has only key, step and value. The key is checked and encoded once.
    pub(super) fn metric(&self, key: &str, step: Option<i64>, value: MetricValue) -> Result<CaptureResult> {
        if !self.session.inner.dispatcher.takes_points() {
            return self.emit_whole(MetricEmission { step, ..MetricEmission::new(key, value) }.into());
        }
        let prepared = self.plain_series(key)?;
        self.point(&prepared, step, value)
    }

    /// Returns the prepared series of a metric without unit, tags and other options. Prepares the series on first use.
    fn plain_series(&self, key: &str) -> Result<Arc<Prepared>> {
        let known = self.series().get(key);
        if let Some(prepared) = known {
            return Ok(prepared);
        }
        let prepared = Arc::new(self.prepare(MetricEmission::new(key, 0.0))?);
        self.series().insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }

    /// Captures metrics of one step that have only key, step and value, in one commit.
    pub(super) fn metrics(
        &self,
        step: Option<i64>,
        values: Vec<(String, MetricValue)>,
    ) -> Result<BatchCaptureResult> {
        self.check_open()?;
        let mut prepared = Vec::with_capacity(values.len());
        if self.session.inner.dispatcher.takes_points() {
            for (key, _) in &values {
                prepared.push(self.plain_series(key)?);
            }
        }
        let short = prepared.iter().zip(&values).map(|(prepared, (_, value))| {
            let (series, value) = (prepared.encoded.as_ref()?, PointValue::of(value)?);
            Some(EncodedPoint { series, step, value })
        });
        let short: Option<Vec<_>> = short.collect();
        let Some(points) = short.filter(|points| !points.is_empty()) else {
            let whole = |(key, value): (String, MetricValue)| MetricEmission {
                step,
                ..MetricEmission::new(&key, value)
            };
            return self.emit_batch(values.into_iter().map(|metric| whole(metric).into()).collect());
        };
        let mut results = self.append_points(&points, |n| prepared.get(n).map(AsRef::as_ref))?;
        for (result, prepared) in results.iter_mut().zip(&prepared) {
            if !prepared.redacted.is_empty() {
                result.add_redacted(prepared.redacted.clone());
            }
        }
        Ok(BatchCaptureResult::aggregate(PayloadFamily::Record, results))
    }

    /// Checks, redacts and encodes the unchanging part of a series. Errors: the scope has ended, is a deployment without
    /// a run, or the key breaks a rule.
    pub(super) fn prepare(&self, emission: MetricEmission) -> Result<Prepared> {
        self.check_open()?;
        let (fact, marker, changes) = match self.fact(emission.clone().into(), self.session.inner.now()) {
            // A degraded marker replaces each point of the series.
            Err(Error::Contract(_)) if self.session.inner.options.mark_invalid_records => {
                return Ok(Prepared { emission, encoded: None, redacted: Vec::new() });
            }
            fact => fact?,
        };
        let encoded = match (&fact, marker) {
            (Fact::Metric(draft), None) => EncodedSeries::of(draft),
            // Members are left out, so each point has a degraded marker.
            _ => None,
        };
        Ok(Prepared { emission, encoded, redacted: changes.redacted })
    }

    /// Captures a point of a series.
    pub(super) fn point(
        &self,
        prepared: &Prepared,
        step: Option<i64>,
        value: MetricValue,
    ) -> Result<CaptureResult> {
        self.check_open()?;
        let (Some(series), Some(short)) = (self.encoded(prepared), PointValue::of(&value)) else {
            return self.emit_whole(prepared.point(step, value).into());
        };
        let points = [EncodedPoint { series, step, value: short }];
        let mut result = match self.try_append_points(&points, |_| Some(prepared))? {
            AppendedPoints::InLog(receipt) => self.result(RecordType::Metric, Some(receipt), 0),
            AppendedPoints::Refused(mut results) => match results.pop() {
                Some(result) => result,
                None => self.result(RecordType::Metric, None, 0),
            },
        };
        if !prepared.redacted.is_empty() {
            result.add_redacted(prepared.redacted.clone());
        }
        Ok(result)
    }

    /// Captures points of a series in one commit.
    pub(super) fn points(
        &self,
        prepared: &Prepared,
        points: Vec<(Option<i64>, MetricValue)>,
    ) -> Result<BatchCaptureResult> {
        self.check_open()?;
        let whole = |points: Vec<(Option<i64>, MetricValue)>| {
            let emission = |(step, value)| prepared.point(step, value).into();
            self.emit_batch(points.into_iter().map(emission).collect())
        };
        let Some(series) = self.encoded(prepared) else { return whole(points) };
        let short = |(step, value): &(Option<i64>, MetricValue)| {
            Some(EncodedPoint { series, step: *step, value: PointValue::of(value)? })
        };
        let short: Option<Vec<_>> = points.iter().map(short).collect();
        let Some(short) = short.filter(|short| !short.is_empty()) else { return whole(points) };
        let mut results = match self.append_points(&short, |_| Some(prepared)) {
            // The limit was compared with an upper bound of the size.
            Err(Error::Store(error)) if error.code() == "commit_too_large" => return whole(points),
            results => results?,
        };
        if !prepared.redacted.is_empty() {
            results.iter_mut().for_each(|result| result.add_redacted(prepared.redacted.clone()));
        }
        Ok(BatchCaptureResult::aggregate(PayloadFamily::Record, results))
    }

    /// Returns the encoded part of a series; `None` if the records must be captured as a whole.
    fn encoded<'a>(&self, prepared: &'a Prepared) -> Option<&'a EncodedSeries> {
        prepared.encoded.as_ref().filter(|_| self.session.inner.dispatcher.takes_points())
    }

    /// Appends points in one commit, and returns the result of each point. `prepared` returns the series of a point.
    fn append_points<'p>(
        &self,
        points: &[EncodedPoint<'_>],
        prepared: impl Fn(usize) -> Option<&'p Prepared>,
    ) -> Result<Vec<CaptureResult>> {
        Ok(match self.try_append_points(points, prepared)? {
            AppendedPoints::Refused(results) => results,
            AppendedPoints::InLog(receipt) => {
                (0..points.len()).map(|n| self.result(RecordType::Metric, Some(receipt), n)).collect()
            }
        })
    }

    fn try_append_points<'p>(
        &self,
        points: &[EncodedPoint<'_>],
        prepared: impl Fn(usize) -> Option<&'p Prepared>,
    ) -> Result<AppendedPoints> {
        let inner = &self.session.inner;
        let now = inner.journal.storage().now();
        let (durability, context) = (inner.options.durability, &self.context);
        inner.dispatcher.append_points(Points { points, now, durability, context }, || {
            let emission = |(n, point): (usize, &EncodedPoint<'_>)| {
                Some(prepared(n)?.point(point.step, point.value.into()))
            };
            let fact = |emission: MetricEmission| {
                self.fact(emission.into(), Timestamp::from_nanos(now)).map(|(fact, ..)| fact)
            };
            points.iter().enumerate().filter_map(emission).map(fact).collect()
        })
    }
}
