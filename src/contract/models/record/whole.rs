//! A record: envelope and payload.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::extension::target::ExtensionTarget;
use crate::contract::issue::collector::Issues;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::{Members, Value};
use crate::contract::model::canonical_model::Model;
use crate::contract::model::members::{are_newer, check_unknown, refuse_unknown};
use crate::contract::models::payload::degraded::DegradedPayload;
use crate::contract::models::payload::event::EventPayload;
use crate::contract::models::payload::family::{Payload, RecordType};
use crate::contract::models::payload::metric::MetricPayload;
use crate::contract::models::payload::span::TraceSpanPayload;
use crate::contract::models::record::envelope::RecordEnvelope;
use crate::contract::rules::valid::Rules;

/// A record: envelope and payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<P> {
    /// The envelope.
    pub envelope: RecordEnvelope,
    /// The payload.
    pub payload: P,
    /// Members that only a newer minor version of the schema defines. They are written back with the record.
    pub unknown: Members,
}

/// A record of an event.
pub type StructuredEventRecord = Record<EventPayload>;

/// A record of a metric.
pub type MetricRecord = Record<MetricPayload>;

/// A record of a span.
pub type TraceSpanRecord = Record<TraceSpanPayload>;

/// A record of missing or doubtful data.
pub type DegradedRecord = Record<DegradedPayload>;

impl<P> Record<P> {
    pub(crate) const KNOWN: &'static [&'static str] = &["envelope", "payload"];

    /// Creates a record from an envelope and a payload. [`crate::contract::Valid::new`] checks the record.
    pub fn new(envelope: RecordEnvelope, payload: P) -> Record<P> {
        Record { envelope, payload, unknown: Members::new() }
    }
}

impl<P: Payload> Model for Record<P> {
    const NAME: &'static str = match P::RECORD_TYPE {
        RecordType::Event => "StructuredEventRecord",
        RecordType::Metric => "MetricRecord",
        RecordType::Degraded => "DegradedRecord",
        RecordType::Span => "TraceSpanRecord",
    };
    const TARGET: Option<ExtensionTarget> = Some(ExtensionTarget::RecordEnvelope);
    const EXTENSIONS_AT: &'static str = "$.envelope.extensions";

    fn from_members(mut members: Members, issues: &mut Issues) -> Option<Record<P>> {
        let newer = match members.get("envelope") {
            Some(Value::Map(envelope)) => are_newer(envelope),
            _ => false,
        };
        issues.with_newer(newer, |issues| {
            refuse_unknown(Self::NAME, &members, &[Record::<P>::KNOWN], issues);
        });
        let mut part = |name: &'static str, code| match members.remove(name) {
            Some(Value::Map(members)) => Some(members),
            Some(other) => {
                issues.error(code, name, format!("expected an object, found {}", other.type_name()));
                None
            }
            None => {
                issues.error(ErrorCode::MissingField, name, format!("the member {name} is missing"));
                None
            }
        };
        let (envelope, payload) =
            (part("envelope", ErrorCode::Envelope), part("payload", ErrorCode::RecordPayload));
        let envelope = envelope
            .and_then(|members| issues.within("envelope", |i| RecordEnvelope::from_members(members, i)));
        if let Some(envelope) = &envelope
            && envelope.record_type != P::RECORD_TYPE
        {
            let message = format!("expected {}, found {}", P::RECORD_TYPE, envelope.record_type);
            issues.error(ErrorCode::RecordTypeMismatch, "envelope.record_type", message);
        }
        let payload = payload.and_then(|members| {
            issues.with_newer(newer, |i| i.within("payload", |i| P::from_members(members, i)))
        });
        Some(Record { envelope: envelope?, payload: payload?, unknown: members })
    }

    fn warn(&self, issues: &mut Issues) {
        issues.within("payload", |issues| self.payload.warn(issues));
    }

    fn extensions(&self) -> &[ExtensionFieldSet] {
        &self.envelope.observation.extensions
    }
}

impl<P: Payload> Rules for Record<P> {
    fn normalize(&mut self, issues: &mut Issues) {
        issues.within("envelope", |issues| self.envelope.normalize(issues));
        if self.envelope.record_type != P::RECORD_TYPE {
            let message = format!("expected {}, found {}", P::RECORD_TYPE, self.envelope.record_type);
            issues.error(ErrorCode::RecordTypeMismatch, "envelope.record_type", message);
        }
        issues.with_newer(self.envelope.observation.is_newer(), |issues| {
            issues.within("payload", |issues| self.payload.normalize(issues));
            check_unknown(<Self as Model>::NAME, &mut self.unknown, Self::KNOWN, issues);
        });
    }
}

impl<P: Payload> Canonical for Record<P> {
    fn to_value(&self) -> Value {
        let mut members = self.unknown.clone();
        members.insert("envelope".into(), self.envelope.to_value());
        members.insert("payload".into(), self.payload.to_value());
        Value::Map(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::models::payload::metric_value::MetricValue;
    use crate::contract::models::record::marker::Completeness;
    use crate::contract::models::record::observation::Observation;
    use crate::contract::refs::typed::{BatchRef, RecordRef, RunRef, SampleRef, StageRef};
    use crate::contract::rules::valid::Valid;
    use crate::contract::time::Timestamp;

    fn metric() -> MetricRecord {
        let at = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
        let observation = Observation::new(at, "x", RunRef::parse("run:a.b").unwrap());
        let run = RecordRef::parse("record:a.b.c").unwrap();
        let envelope = RecordEnvelope::new(run, RecordType::Metric, at, observation);
        Record::new(envelope, MetricPayload::new("loss", MetricValue::Int(1), "int"))
    }

    #[test]
    fn a_metric_has_the_references_canonical_form() {
        assert_eq!(
            Valid::new(metric()).unwrap().to_json().unwrap(),
            r#"{"envelope":{"completeness_marker":"complete","correlation_refs":{},"degradation_marker":"none","extensions":[],"observed_at":"2024-01-01T00:00:00Z","producer_ref":"x","record_ref":"record:a.b.c","record_type":"metric","recorded_at":"2024-01-01T00:00:00Z","run_ref":"run:a.b","schema_version":"1.0.0"},"payload":{"aggregation_scope":"step","metric_key":"loss","tags":{},"value":1,"value_type":"int"}}"#
        );
    }

    #[test]
    fn broken_rules_have_their_codes() {
        let check = |change: &dyn Fn(&mut MetricRecord)| {
            let mut broken = metric();
            change(&mut broken);
            Valid::new(broken).unwrap_err().code.as_str()
        };
        let later = Timestamp::parse("2024-01-01T00:00:00.000001Z").unwrap();
        let mut early = metric();
        early.envelope.observation.observed_at = later;
        let report = crate::contract::validate::validate(&early, None);
        assert!(report.is_valid());
        assert!(report.warnings().any(|w| w.code() == ErrorCode::RecordTimeOrder));
        assert_eq!(
            check(&|r| r.envelope.observation.producer_ref = "a_b".into()),
            "record_invalid_producer_ref"
        );
        assert_eq!(check(&|r| r.payload.metric_key = "a\nb".into()), "record_invalid_metric_key");
        let digits: Box<str> = "9".repeat(400).into();
        assert_eq!(
            check(&|r| r.payload.value = MetricValue::Big(digits.clone())),
            "record_invalid_metric_value"
        );
        assert_eq!(check(&|r| r.payload.value_type = "f-64".into()), "record_invalid_value_type");
        assert_eq!(check(&|r| r.payload.slice_ref = Some("a b".into())), "record_invalid_slice_ref");
        let absent = |r: &mut MetricRecord| r.envelope.observation.completeness_marker = Completeness::Absent;
        assert_eq!(check(&absent), "record_absent_not_allowed");
        let other = RunRef::parse("run:a.z").unwrap();
        assert_eq!(check(&|r| r.envelope.observation.run_ref = other.clone()), "record_ref_prefix_mismatch");
        let batch = BatchRef::parse("batch:a.b.s.x").unwrap();
        let lost = |r: &mut MetricRecord| r.envelope.observation.batch_execution_ref = Some(batch.clone());
        assert_eq!(check(&lost), "record_missing_stage_context");
    }

    #[test]
    fn a_sample_of_a_batch_lies_under_that_batch() {
        let mut record = metric();
        record.envelope.observation.stage_execution_ref = Some(StageRef::parse("stage:a.b.s").unwrap());
        record.envelope.observation.batch_execution_ref = Some(BatchRef::parse("batch:a.b.s.x").unwrap());
        // The Python package contexta 1.0.0 accepts a sample with the same components as the batch.
        record.envelope.observation.sample_observation_ref =
            Some(SampleRef::parse("sample:a.b.s.x").unwrap());
        assert_eq!(Valid::new(record.clone()).unwrap_err().code, ErrorCode::RecordPrefix);
        record.envelope.observation.sample_observation_ref =
            Some(SampleRef::parse("sample:a.b.s.x.y").unwrap());
        assert!(Valid::new(record).is_ok());
    }
}
