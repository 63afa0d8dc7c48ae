//! What is observed: events, metrics, degraded markers, each an envelope and a payload.

use crate::contract::error::{ContractError, ErrorCode, Result};
use crate::contract::json::{Canonical, Value};
use crate::contract::models::{optional_ref, ref_value, words};
use crate::contract::refs::{
    BatchRef, DeploymentRef, OperationRef, RecordRef, RunRef, SampleRef, StableRef, StageRef,
};
use crate::contract::rules::{
    DOT_SNAKE, DOT_TOKEN, KEY, LOWER_SNAKE, Rules, child_of, json_map, optional_text, text, text_map, token,
    under,
};
use crate::contract::time::Timestamp;
use std::collections::BTreeMap;

words! {
    /// The families of records.
    RecordType, "a record type", ErrorCode::Marker, {
        /// Something happened.
        Event = "event",
        /// Something was measured.
        Metric = "metric",
        /// Something is missing or doubtful.
        Degraded = "degraded",
    }
}

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

words! {
    /// Where a record comes from.
    Origin, "an origin marker", ErrorCode::Marker, {
        /// The user's code said so.
        ExplicitCapture = "explicit_capture",
        /// An integration said so on the user's behalf.
        AssistedCapture = "assisted_capture",
        /// A wrapper around the user's program saw it.
        WrappedCapture = "wrapped_capture",
        /// Another store.
        Imported = "imported",
        /// A conclusion.
        Inferred = "inferred",
        /// A replay.
        Replayed = "replayed",
    }
}

words! {
    /// How grave an event is.
    EventLevel, "an event level", ErrorCode::Marker, {
        /// For developers.
        Debug = "debug",
        /// Ordinary.
        Info = "info",
        /// Noteworthy.
        Warning = "warning",
        /// Something failed.
        Error = "error",
        /// Everything failed.
        Critical = "critical",
    }
}

words! {
    /// What a metric's value speaks of.
    AggregationScope, "an aggregation scope", ErrorCode::Marker, {
        /// The whole run.
        Run = "run",
        /// A stage.
        Stage = "stage",
        /// An operation.
        Operation = "operation",
        /// One step of training.
        Step = "step",
        /// A slice of the data.
        Slice = "slice",
    }
}

words! {
    /// What a degraded record is about.
    DegradedCategory, "a degraded category", ErrorCode::Marker, {
        /// Capture.
        Capture = "capture",
        /// The store.
        Store = "store",
        /// An import.
        Import = "import",
        /// An old or new schema.
        Compatibility = "compatibility",
        /// A verification.
        Verification = "verification",
        /// A recovery.
        Recovery = "recovery",
    }
}

words! {
    /// How grave a degradation is.
    DegradedSeverity, "a degraded severity", ErrorCode::Marker, {
        /// Something is doubtful.
        Warning = "warning",
        /// Something is missing.
        Error = "error",
    }
}

/// Names that tie a record to traces and sessions of other tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorrelationRefs {
    /// A trace.
    pub trace_id: Option<String>,
    /// A session.
    pub session_id: Option<String>,
}

/// Who observed, when, and in which run.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordEnvelope {
    /// `record:P.R.K`
    pub record_ref: RecordRef,
    /// When it reached the log; not before `observed_at`.
    pub recorded_at: Timestamp,
    /// When it was observed.
    pub observed_at: Timestamp,
    /// Who observed it: a token such as `sdk.rust`.
    pub producer_ref: String,
    /// Its run.
    pub run_ref: RunRef,
    /// The deployment it belongs to.
    pub deployment_execution_ref: Option<DeploymentRef>,
    /// The stage it belongs to.
    pub stage_execution_ref: Option<StageRef>,
    /// The batch it belongs to.
    pub batch_execution_ref: Option<BatchRef>,
    /// The sample it belongs to.
    pub sample_observation_ref: Option<SampleRef>,
    /// The operation it belongs to.
    pub operation_context_ref: Option<OperationRef>,
    /// Ties to other tools.
    pub correlation_refs: CorrelationRefs,
    /// How much of it there is.
    pub completeness_marker: Completeness,
    /// What went wrong on the way.
    pub degradation_marker: Degradation,
    /// Version of the schema.
    pub schema_version: String,
}

/// A payload of one family.
pub trait Payload: Rules + Canonical {
    /// The family.
    const RECORD_TYPE: RecordType;
}

/// A record: envelope and payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<P> {
    /// Who, when, where.
    pub envelope: RecordEnvelope,
    /// What.
    pub payload: P,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPayload {
    /// What sort of event.
    pub event_key: String,
    /// How grave.
    pub level: EventLevel,
    /// In words.
    pub message: String,
    /// What it is about.
    pub subject_ref: Option<StableRef>,
    /// Anything else.
    pub attributes: BTreeMap<String, Value>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// Where it comes from.
    pub origin_marker: Origin,
}

/// A number that was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricValue {
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
}

/// Something was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPayload {
    /// What was measured.
    pub metric_key: String,
    /// The number.
    pub value: MetricValue,
    /// A word for the number's type, such as `int`, `float`, `float64`.
    pub value_type: String,
    /// The step of training, from whatever number the user counts.
    pub step: Option<i64>,
    /// The unit.
    pub unit: Option<String>,
    /// What it speaks of.
    pub aggregation_scope: AggregationScope,
    /// What it is about.
    pub subject_ref: Option<StableRef>,
    /// The slice of the data.
    pub slice_ref: Option<String>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// How it was summarised.
    pub summary_basis: Option<String>,
}

/// Something is missing or doubtful.
#[derive(Debug, Clone, PartialEq)]
pub struct DegradedPayload {
    /// What sort of issue.
    pub issue_key: String,
    /// What it is about.
    pub category: DegradedCategory,
    /// How grave.
    pub severity: DegradedSeverity,
    /// In words.
    pub summary: String,
    /// What it is about.
    pub subject_ref: Option<StableRef>,
    /// Where it comes from.
    pub origin_marker: Origin,
    /// Anything else.
    pub attributes: BTreeMap<String, Value>,
}

/// A record of an event.
pub type EventRecord = Record<EventPayload>;
/// A record of a metric.
pub type MetricRecord = Record<MetricPayload>;
/// A record of a degradation.
pub type DegradedRecord = Record<DegradedPayload>;

impl MetricValue {
    /// As a float; whole numbers beyond 2^53 are rounded.
    pub fn as_f64(self) -> f64 {
        match self {
            MetricValue::Int(n) => n as f64,
            MetricValue::Float(f) => f,
        }
    }

    /// The word for its type that capture writes.
    pub fn type_name(self) -> &'static str {
        match self {
            MetricValue::Int(_) => "int",
            MetricValue::Float(_) => "float",
        }
    }
}

impl std::fmt::Display for MetricValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MetricValue::Int(n) => n.fmt(f),
            MetricValue::Float(x) => f.write_str(&crate::contract::json::write::float(*x)),
        }
    }
}

impl From<MetricValue> for Value {
    fn from(value: MetricValue) -> Value {
        match value {
            MetricValue::Int(n) => Value::Int(n),
            MetricValue::Float(f) => Value::Float(f),
        }
    }
}

/// Every number type that loses nothing on the way.
macro_rules! metric_values {
    ($($variant:ident: $($type:ty),*;)*) => {$($(
        impl From<$type> for MetricValue {
            fn from(value: $type) -> MetricValue { MetricValue::$variant(value.into()) }
        }
    )*)*};
}
metric_values! {
    Int: i64, i32, i16, i8, u32, u16, u8;
    Float: f64;
}

/// The number that the shortest digits of the float say: 0.64, not 0.6399999856948853. It reads back to the same float.
impl From<f32> for MetricValue {
    fn from(value: f32) -> MetricValue {
        MetricValue::Float(crate::contract::json::as_written(value))
    }
}

/// Whole numbers beyond 63 bits are counted as floats.
macro_rules! large_metric_values {
    ($($type:ty),*) => {$(
        impl From<$type> for MetricValue {
            fn from(value: $type) -> MetricValue {
                i64::try_from(value).map_or(MetricValue::Float(value as f64), MetricValue::Int)
            }
        }
    )*};
}
large_metric_values!(u64, usize, isize);

/// Where something was observed: the refs that envelope and manifest share.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) run: &'a RunRef,
    pub(crate) stage: &'a Option<StageRef>,
    pub(crate) batch: &'a Option<BatchRef>,
    pub(crate) sample: &'a Option<SampleRef>,
    pub(crate) operation: &'a Option<OperationRef>,
}

impl Surroundings<'_> {
    /// Stage under run; batch, sample and operation need their stage and lie under it (and under the batch).
    pub(crate) fn check(&self, prefix: ErrorCode, missing: ErrorCode) -> Result<()> {
        if let Some(stage) = self.stage {
            child_of(prefix, "stage_execution_ref", stage, self.run)?;
        }
        let inner: [(&str, Option<&StableRef>); 3] = [
            ("batch_execution_ref", self.batch.as_deref()),
            ("sample_observation_ref", self.sample.as_deref()),
            ("operation_context_ref", self.operation.as_deref()),
        ];
        for (field, inner) in inner {
            let Some(inner) = inner else { continue };
            let Some(stage) = self.stage else {
                return Err(ContractError::field(missing, field, format!("{inner} needs its stage")));
            };
            under(prefix, field, inner, stage)?;
            if let (Some(batch), false) = (self.batch, field == "batch_execution_ref") {
                child_of(prefix, field, inner, batch)?;
            }
        }
        Ok(())
    }
}

/// A record is recorded no earlier than it was observed.
pub(crate) fn check_times(recorded_at: Timestamp, observed_at: Timestamp) -> Result<()> {
    if recorded_at < observed_at {
        let message = format!("recorded at {recorded_at}, before {observed_at}");
        return Err(ContractError::field(ErrorCode::RecordTimeOrder, "recorded_at", message));
    }
    Ok(())
}

impl Rules for RecordEnvelope {
    fn settle(&mut self) -> Result<()> {
        check_times(self.recorded_at, self.observed_at)?;
        token("producer_ref", &mut self.producer_ref, DOT_TOKEN, ErrorCode::Producer)?;
        text("schema_version", &mut self.schema_version)?;
        child_of(ErrorCode::RecordPrefix, "record_ref", &self.record_ref, &self.run_ref)?;
        let around = Surroundings {
            run: &self.run_ref,
            stage: &self.stage_execution_ref,
            batch: &self.batch_execution_ref,
            sample: &self.sample_observation_ref,
            operation: &self.operation_context_ref,
        };
        around.check(ErrorCode::RecordPrefix, ErrorCode::RecordStage)?;
        optional_text("correlation_refs.trace_id", &mut self.correlation_refs.trace_id)?;
        optional_text("correlation_refs.session_id", &mut self.correlation_refs.session_id)
    }
}

impl<P: Payload> Rules for Record<P> {
    fn settle(&mut self) -> Result<()> {
        self.envelope.settle()?;
        check_markers(P::RECORD_TYPE, self.envelope.completeness_marker, self.envelope.degradation_marker)?;
        self.payload.settle()
    }
}

/// Only a degraded record may be absent, and it must say what went wrong.
pub(crate) fn check_markers(family: RecordType, complete: Completeness, degraded: Degradation) -> Result<()> {
    if family == RecordType::Degraded {
        if degraded == Degradation::None {
            let message = "a degraded record must say what went wrong";
            return Err(ContractError::field(ErrorCode::DegradedGap, "degradation_marker", message));
        }
    } else if complete == Completeness::Absent {
        let message = format!("a record of family {family} cannot be absent");
        return Err(ContractError::field(ErrorCode::Absent, "completeness_marker", message));
    }
    Ok(())
}

impl Rules for EventPayload {
    fn settle(&mut self) -> Result<()> {
        token("event_key", &mut self.event_key, KEY, ErrorCode::EventKey)?;
        text("message", &mut self.message)?;
        json_map("attributes", &mut self.attributes)?;
        text_map("tags", &mut self.tags)
    }
}

impl Rules for MetricPayload {
    fn settle(&mut self) -> Result<()> {
        token("metric_key", &mut self.metric_key, KEY, ErrorCode::MetricKey)?;
        if !self.value.as_f64().is_finite() {
            let message = format!("{} is not a finite number", self.value);
            return Err(ContractError::field(ErrorCode::MetricValue, "value", message));
        }
        token("value_type", &mut self.value_type, LOWER_SNAKE, ErrorCode::ValueType)?;
        optional_text("unit", &mut self.unit)?;
        if let Some(slice) = &mut self.slice_ref {
            token("slice_ref", slice, DOT_SNAKE, ErrorCode::SliceRef)?;
        }
        text_map("tags", &mut self.tags)?;
        match &mut self.summary_basis {
            Some(basis) => token("summary_basis", basis, LOWER_SNAKE, ErrorCode::SummaryBasis),
            None => Ok(()),
        }
    }
}

impl Rules for DegradedPayload {
    fn settle(&mut self) -> Result<()> {
        token("issue_key", &mut self.issue_key, DOT_SNAKE, ErrorCode::IssueKey)?;
        text("summary", &mut self.summary)?;
        json_map("attributes", &mut self.attributes)
    }
}

impl Payload for EventPayload {
    const RECORD_TYPE: RecordType = RecordType::Event;
}

impl Payload for MetricPayload {
    const RECORD_TYPE: RecordType = RecordType::Metric;
}

impl Payload for DegradedPayload {
    const RECORD_TYPE: RecordType = RecordType::Degraded;
}

fn subject(subject: &Option<StableRef>) -> Value {
    subject.as_ref().map_or(Value::Null, ref_value)
}

/// A map that the reference's objects do not have: left out when empty.
fn unless_empty(map: &BTreeMap<String, String>) -> Value {
    if map.is_empty() { Value::Null } else { map.clone().into() }
}

impl Canonical for EventPayload {
    fn to_value(&self) -> Value {
        Value::map([
            ("event_key", Value::text(&self.event_key)),
            ("level", self.level.into()),
            ("message", Value::text(&self.message)),
            ("subject_ref", subject(&self.subject_ref)),
            ("attributes", self.attributes.clone().into()),
            ("tags", unless_empty(&self.tags)),
            ("origin_marker", self.origin_marker.into()),
        ])
    }
}

impl Canonical for MetricPayload {
    fn to_value(&self) -> Value {
        Value::map([
            ("metric_key", Value::text(&self.metric_key)),
            ("value", self.value.into()),
            ("value_type", Value::text(&self.value_type)),
            ("step", self.step.into()),
            ("unit", self.unit.clone().into()),
            ("aggregation_scope", self.aggregation_scope.into()),
            ("subject_ref", subject(&self.subject_ref)),
            ("slice_ref", self.slice_ref.clone().into()),
            ("tags", self.tags.clone().into()),
            ("summary_basis", self.summary_basis.clone().into()),
        ])
    }
}

impl Canonical for DegradedPayload {
    fn to_value(&self) -> Value {
        Value::map([
            ("issue_key", Value::text(&self.issue_key)),
            ("category", self.category.into()),
            ("severity", self.severity.into()),
            ("summary", Value::text(&self.summary)),
            ("subject_ref", subject(&self.subject_ref)),
            ("origin_marker", self.origin_marker.into()),
            ("attributes", self.attributes.clone().into()),
        ])
    }
}

impl RecordEnvelope {
    fn to_value(&self, record_type: RecordType) -> Value {
        let correlation = Value::map([
            ("trace_id", self.correlation_refs.trace_id.clone().into()),
            ("session_id", self.correlation_refs.session_id.clone().into()),
        ]);
        Value::map([
            ("record_ref", ref_value(&self.record_ref)),
            ("record_type", record_type.into()),
            ("recorded_at", Value::text(self.recorded_at)),
            ("observed_at", Value::text(self.observed_at)),
            ("producer_ref", Value::text(&self.producer_ref)),
            ("run_ref", ref_value(&self.run_ref)),
            ("deployment_execution_ref", optional_ref(&self.deployment_execution_ref)),
            ("stage_execution_ref", optional_ref(&self.stage_execution_ref)),
            ("batch_execution_ref", optional_ref(&self.batch_execution_ref)),
            ("sample_observation_ref", optional_ref(&self.sample_observation_ref)),
            ("operation_context_ref", optional_ref(&self.operation_context_ref)),
            ("correlation_refs", correlation),
            ("completeness_marker", self.completeness_marker.into()),
            ("degradation_marker", self.degradation_marker.into()),
            ("schema_version", Value::text(&self.schema_version)),
            ("extensions", Value::List(Vec::new())),
        ])
    }
}

impl<P: Payload> Canonical for Record<P> {
    fn to_value(&self) -> Value {
        let envelope = self.envelope.to_value(P::RECORD_TYPE);
        Value::map([("envelope", envelope), ("payload", self.payload.to_value())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::rules::Valid;

    fn metric() -> MetricRecord {
        let at = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
        Record {
            envelope: RecordEnvelope {
                record_ref: RecordRef::parse("record:a.b.c").unwrap(),
                recorded_at: at,
                observed_at: at,
                producer_ref: "x".into(),
                run_ref: RunRef::parse("run:a.b").unwrap(),
                deployment_execution_ref: None,
                stage_execution_ref: None,
                batch_execution_ref: None,
                sample_observation_ref: None,
                operation_context_ref: None,
                correlation_refs: CorrelationRefs::default(),
                completeness_marker: Completeness::Complete,
                degradation_marker: Degradation::None,
                schema_version: "1.0.0".into(),
            },
            payload: MetricPayload {
                metric_key: "loss".into(),
                value: MetricValue::Int(1),
                value_type: "int".into(),
                step: None,
                unit: None,
                aggregation_scope: AggregationScope::Step,
                subject_ref: None,
                slice_ref: None,
                tags: BTreeMap::new(),
                summary_basis: None,
            },
        }
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
        assert_eq!(check(&|r| r.envelope.observed_at = later), "record_invalid_time_order");
        assert_eq!(check(&|r| r.envelope.producer_ref = "a_b".into()), "record_invalid_producer_ref");
        assert_eq!(check(&|r| r.payload.metric_key = "Loss".into()), "record_invalid_metric_key");
        assert_eq!(check(&|r| r.payload.value = f64::NAN.into()), "record_invalid_metric_value");
        assert_eq!(check(&|r| r.payload.value_type = "f-64".into()), "record_invalid_value_type");
        assert_eq!(check(&|r| r.payload.slice_ref = Some("a b".into())), "record_invalid_slice_ref");
        let absent = |r: &mut MetricRecord| r.envelope.completeness_marker = Completeness::Absent;
        assert_eq!(check(&absent), "record_absent_not_allowed");
        let other = RunRef::parse("run:a.z").unwrap();
        assert_eq!(check(&|r| r.envelope.run_ref = other.clone()), "record_ref_prefix_mismatch");
        let batch = BatchRef::parse("batch:a.b.s.x").unwrap();
        let lost = |r: &mut MetricRecord| r.envelope.batch_execution_ref = Some(batch.clone());
        assert_eq!(check(&lost), "record_missing_stage_context");
    }

    #[test]
    fn a_single_precision_number_is_what_its_digits_say() {
        for (single, double) in [(0.64f32, 0.64), (1e-7, 1e-7), (-0.0, -0.0), (16_777_216.0, 16_777_216.0)] {
            let value = MetricValue::from(single).as_f64();
            assert_eq!((value.to_bits(), (value as f32).to_bits()), (f64::to_bits(double), single.to_bits()));
        }
        assert!(MetricValue::from(f32::NAN).as_f64().is_nan());
        assert_eq!(MetricValue::from(u64::MAX).as_f64(), u64::MAX as f64);
    }

    #[test]
    fn a_sample_of_a_batch_lies_under_that_batch() {
        let mut record = metric();
        record.envelope.stage_execution_ref = Some(StageRef::parse("stage:a.b.s").unwrap());
        record.envelope.batch_execution_ref = Some(BatchRef::parse("batch:a.b.s.x").unwrap());
        // The reference let a sample with the batch's own components pass.
        record.envelope.sample_observation_ref = Some(SampleRef::parse("sample:a.b.s.x").unwrap());
        assert_eq!(Valid::new(record.clone()).unwrap_err().code, ErrorCode::RecordPrefix);
        record.envelope.sample_observation_ref = Some(SampleRef::parse("sample:a.b.s.x.y").unwrap());
        assert!(Valid::new(record).is_ok());
    }
}
