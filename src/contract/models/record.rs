//! What is observed: events, metrics, spans, degraded markers, each an envelope and a payload; and the envelope.

use crate::contract::SCHEMA_VERSION;
use crate::contract::error::ErrorCode;
use crate::contract::extension::{self, ExtensionFieldSet, ExtensionTarget};
use crate::contract::issue::Issues;
use crate::contract::json::{Canonical, Value};
use crate::contract::model::{
    self, Field, Members, Model, model, part, refuse_unknown, settle_unknown, take,
};
use crate::contract::models::payload::{
    DegradedPayload, EventPayload, MetricPayload, Payload, RecordType, TraceSpanPayload,
};
use crate::contract::models::words;
use crate::contract::refs::{
    BatchRef, DeploymentRef, OperationRef, RecordRef, RunRef, SampleRef, StableRef, StageRef,
};
use crate::contract::rules::{self, DOT_TOKEN, Rules, child_of, optional_text, token, under};
use crate::contract::time::Timestamp;

words! {
    /// How much of what should be in a record is in it.
    Completeness, "a completeness marker", ErrorCode::Marker, {
        /// All of it.
        Complete = "complete",
        /// Some of it.
        Partial = "partial",
        /// A sample of it.
        Sampled = "sampled",
        /// None of it.
        Absent = "absent",
        /// Nobody knows.
        Unknown = "unknown",
    }
}

words! {
    /// What went wrong on the way to a record.
    Degradation, "a degradation marker", ErrorCode::Marker, {
        /// Nothing.
        None = "none",
        /// A part failed.
        PartialFailure = "partial_failure",
        /// Capture missed something.
        CaptureGap = "capture_gap",
        /// An import lost something.
        ImportLoss = "import_loss",
        /// It was lifted from an older schema.
        CompatibilityUpgrade = "compatibility_upgrade",
    }
}

model! {
    /// Names that tie a record to traces and sessions of other tools.
    CorrelationRefs ("CorrelationRefs") {} or {
        /// A trace.
        trace_id: Option<String> = None,
        /// A session.
        session_id: Option<String> = None,
    }
}

impl Default for CorrelationRefs {
    fn default() -> CorrelationRefs {
        CorrelationRefs::new()
    }
}

model! {
    /// Who observed, when, and in which run: what an envelope says before the record has its place in the log.
    Observation ("RecordEnvelope") {
        /// When it was observed.
        observed_at: Timestamp,
        /// Who observed it: a token such as `sdk.rust`.
        producer_ref: String,
        /// Its run.
        run_ref: RunRef,
    } or {
        /// The deployment it belongs to; of the same project.
        deployment_execution_ref: Option<DeploymentRef> = None,
        /// The stage it belongs to.
        stage_execution_ref: Option<StageRef> = None,
        /// The batch it belongs to.
        batch_execution_ref: Option<BatchRef> = None,
        /// The sample it belongs to.
        sample_observation_ref: Option<SampleRef> = None,
        /// The operation it belongs to.
        operation_context_ref: Option<OperationRef> = None,
        /// Ties to other tools.
        correlation_refs: CorrelationRefs = CorrelationRefs::default(),
        /// How much of it there is.
        completeness_marker: Completeness = Completeness::Complete,
        /// What went wrong on the way.
        degradation_marker: Degradation = Degradation::None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Fields of other namespaces.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

/// Who observed, when and in which run; and the record's own ref and time of recording.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordEnvelope {
    /// `record:P.R.K`
    pub record_ref: RecordRef,
    /// The family of the payload.
    pub record_type: RecordType,
    /// When it reached the log; not before it was observed.
    pub recorded_at: Timestamp,
    /// The rest.
    pub observation: Observation,
}

/// A record: envelope and payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<P> {
    /// Who, when, where.
    pub envelope: RecordEnvelope,
    /// What.
    pub payload: P,
    /// Members of a newer minor version of the schema, kept as they are.
    pub unknown: Members,
}

part!(CorrelationRefs, "CorrelationRefs", CorrelationRefs);

/// A record of an event.
pub type StructuredEventRecord = Record<EventPayload>;
/// A record of a metric.
pub type MetricRecord = Record<MetricPayload>;
/// A record of a span.
pub type TraceSpanRecord = Record<TraceSpanPayload>;
/// A record of a degradation.
pub type DegradedRecord = Record<DegradedPayload>;

/// Where something was observed: the refs that observation and manifest share.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) run: &'a RunRef,
    pub(crate) deployment: &'a Option<DeploymentRef>,
    pub(crate) stage: &'a Option<StageRef>,
    pub(crate) batch: &'a Option<BatchRef>,
    pub(crate) sample: &'a Option<SampleRef>,
    pub(crate) operation: &'a Option<OperationRef>,
}

impl Surroundings<'_> {
    /// Deployment in the run's project; stage under run; batch, sample and operation need their stage and lie under it
    /// (and under the batch).
    pub(crate) fn check(&self, issues: &mut Issues, prefix: ErrorCode, missing: ErrorCode) {
        if let Some(deployment) = self.deployment
            && deployment.components().next() != self.run.components().next()
        {
            let message = format!("{deployment} is of another project than {}", self.run);
            issues.error(prefix, "deployment_execution_ref", message);
        }
        if let Some(stage) = self.stage {
            child_of(issues, prefix, "stage_execution_ref", stage, self.run);
        }
        let inner: [(&str, Option<&StableRef>); 3] = [
            ("batch_execution_ref", self.batch.as_deref()),
            ("sample_observation_ref", self.sample.as_deref()),
            ("operation_context_ref", self.operation.as_deref()),
        ];
        for (field, inner) in inner {
            let Some(inner) = inner else { continue };
            let Some(stage) = self.stage else {
                issues.error(missing, field, format!("{inner} needs its stage"));
                continue;
            };
            under(issues, prefix, field, inner, stage);
            if let (Some(batch), false) = (self.batch, field == "batch_execution_ref") {
                child_of(issues, prefix, field, inner, batch);
            }
        }
    }
}

impl Observation {
    pub(crate) fn settle(&mut self, family: RecordType, issues: &mut Issues) {
        token(issues, "producer_ref", &mut self.producer_ref, DOT_TOKEN, ErrorCode::Producer);
        rules::schema_version(issues, &mut self.schema_version);
        Surroundings {
            run: &self.run_ref,
            deployment: &self.deployment_execution_ref,
            stage: &self.stage_execution_ref,
            batch: &self.batch_execution_ref,
            sample: &self.sample_observation_ref,
            operation: &self.operation_context_ref,
        }
        .check(issues, ErrorCode::RecordPrefix, ErrorCode::RecordStage);
        issues.within("correlation_refs", |issues| self.correlation_refs.settle(issues));
        extension::settle_all(&mut self.extensions, issues);
        settle_unknown(RecordEnvelope::NAME, &mut self.unknown, RecordEnvelope::KNOWN, issues);
        self.check_markers(family, issues);
    }

    /// Only a degraded record may be absent, and it must say what went wrong.
    fn check_markers(&self, family: RecordType, issues: &mut Issues) {
        if family == RecordType::Degraded {
            if self.degradation_marker == Degradation::None {
                let message = "a degraded record must say what went wrong";
                issues.error(ErrorCode::DegradedGap, "degradation_marker", message);
            }
        } else if self.completeness_marker == Completeness::Absent {
            let message = format!("a record of family {family} cannot be absent");
            issues.error(ErrorCode::Absent, "completeness_marker", message);
        }
    }

    /// What a record's own ref and time must have to do with the rest.
    pub(crate) fn check_identity(&self, record_ref: &RecordRef, recorded_at: Timestamp, issues: &mut Issues) {
        if recorded_at < self.observed_at {
            let message = format!("recorded at {recorded_at}, before {}", self.observed_at);
            issues.error(ErrorCode::RecordTimeOrder, "recorded_at", message);
        }
        child_of(issues, ErrorCode::RecordPrefix, "record_ref", record_ref, &self.run_ref);
    }

    pub(crate) fn is_newer(&self) -> bool {
        rules::is_newer(&self.schema_version)
    }
}

impl RecordEnvelope {
    const OWN: &'static [&'static str] = &["record_ref", "record_type", "recorded_at"];
    const KNOWN: &'static [&'static str] = &[
        "record_ref",
        "record_type",
        "recorded_at",
        "observed_at",
        "producer_ref",
        "run_ref",
        "deployment_execution_ref",
        "stage_execution_ref",
        "batch_execution_ref",
        "sample_observation_ref",
        "operation_context_ref",
        "correlation_refs",
        "completeness_marker",
        "degradation_marker",
        "schema_version",
        "extensions",
    ];

    /// An envelope for a record of this family.
    pub fn new(
        record_ref: RecordRef,
        record_type: RecordType,
        recorded_at: Timestamp,
        observation: Observation,
    ) -> RecordEnvelope {
        RecordEnvelope { record_ref, record_type, recorded_at, observation }
    }
}

impl Model for RecordEnvelope {
    const NAME: &'static str = "RecordEnvelope";
    const TARGET: Option<ExtensionTarget> = Some(ExtensionTarget::RecordEnvelope);

    fn from_members(mut members: Members, issues: &mut Issues) -> Option<RecordEnvelope> {
        issues.with_newer(model::are_newer(&members), |issues| {
            refuse_unknown(Self::NAME, &members, &[Self::OWN, Observation::KNOWN], issues);
            let record_ref = take(&mut members, "record_ref", RecordRef::CODE, None, issues);
            let record_type = take(&mut members, "record_type", RecordType::CODE, None, issues);
            let recorded_at = take(&mut members, "recorded_at", Timestamp::CODE, None, issues);
            let observation = Observation::take_members(&mut members, issues);
            Some(RecordEnvelope {
                record_ref: record_ref?,
                record_type: record_type?,
                recorded_at: recorded_at?,
                observation: Observation { unknown: members, ..observation? },
            })
        })
    }

    fn extensions(&self) -> &[ExtensionFieldSet] {
        &self.observation.extensions
    }
}

impl Rules for RecordEnvelope {
    fn settle(&mut self, issues: &mut Issues) {
        issues.with_newer(self.observation.is_newer(), |issues| {
            self.observation.check_identity(&self.record_ref, self.recorded_at, issues);
            self.observation.settle(self.record_type, issues);
        });
    }
}

impl Canonical for RecordEnvelope {
    fn to_value(&self) -> Value {
        let mut members = Members::new();
        self.observation.put_members(&mut members);
        members.insert("record_ref".into(), self.record_ref.write());
        members.insert("record_type".into(), self.record_type.into());
        members.insert("recorded_at".into(), self.recorded_at.write());
        Value::Map(members)
    }
}

impl<P> Record<P> {
    pub(crate) const KNOWN: &'static [&'static str] = &["envelope", "payload"];

    /// A record of these parts. [`crate::contract::Valid::new`] checks it.
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
            Some(Value::Map(envelope)) => model::are_newer(envelope),
            _ => false,
        };
        issues.with_newer(newer, |issues| {
            refuse_unknown(Self::NAME, &members, &[Record::<P>::KNOWN], issues);
        });
        let mut part = |name: &'static str, code| match members.remove(name) {
            Some(Value::Map(members)) => Some(members),
            Some(other) => {
                issues.error(code, name, format!("{} where an object must stand", other.sort()));
                None
            }
            None => {
                issues.error(ErrorCode::MissingField, name, format!("{name} is missing"));
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
            let message = format!("{} where {} must stand", envelope.record_type, P::RECORD_TYPE);
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
    fn settle(&mut self, issues: &mut Issues) {
        issues.within("envelope", |issues| self.envelope.settle(issues));
        if self.envelope.record_type != P::RECORD_TYPE {
            let message = format!("{} where {} must stand", self.envelope.record_type, P::RECORD_TYPE);
            issues.error(ErrorCode::RecordTypeMismatch, "envelope.record_type", message);
        }
        issues.with_newer(self.envelope.observation.is_newer(), |issues| {
            issues.within("payload", |issues| self.payload.settle(issues));
            settle_unknown(<Self as Model>::NAME, &mut self.unknown, Self::KNOWN, issues);
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

impl CorrelationRefs {
    fn settle_fields(&mut self, issues: &mut Issues) {
        optional_text(issues, "trace_id", &mut self.trace_id);
        optional_text(issues, "session_id", &mut self.session_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::models::payload::MetricValue;
    use crate::contract::rules::Valid;

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
        assert_eq!(check(&|r| r.envelope.observation.observed_at = later), "record_invalid_time_order");
        assert_eq!(
            check(&|r| r.envelope.observation.producer_ref = "a_b".into()),
            "record_invalid_producer_ref"
        );
        assert_eq!(check(&|r| r.payload.metric_key = "Loss".into()), "record_invalid_metric_key");
        assert_eq!(check(&|r| r.payload.value = f64::NAN.into()), "record_invalid_metric_value");
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
        // The reference let a sample with the batch's own components pass.
        record.envelope.observation.sample_observation_ref =
            Some(SampleRef::parse("sample:a.b.s.x").unwrap());
        assert_eq!(Valid::new(record.clone()).unwrap_err().code, ErrorCode::RecordPrefix);
        record.envelope.observation.sample_observation_ref =
            Some(SampleRef::parse("sample:a.b.s.x.y").unwrap());
        assert!(Valid::new(record).is_ok());
    }
}
