//! What is observed: events, metrics, spans, degraded markers, each an envelope and a payload.

use crate::contract::SCHEMA_VERSION;
use crate::contract::error::ErrorCode;
use crate::contract::extension::{self, ExtensionFieldSet, ExtensionTarget};
use crate::contract::issue::Issues;
use crate::contract::json::{Canonical, Value};
use crate::contract::model::{
    self, Field, Members, Model, model, part, refuse_unknown, settle_unknown, take,
};
use crate::contract::models::words;
use crate::contract::refs::{
    BatchRef, DeploymentRef, OperationRef, RecordRef, RunRef, SampleRef, StableRef, StageRef,
};
use crate::contract::rules::{
    self, DOT_SNAKE, DOT_TOKEN, KEY, LOWER_SNAKE, Rules, child_of, json_map, optional_text, optional_token,
    text, text_map, token, under,
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
        /// Something took its time.
        Span = "span",
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

words! {
    /// How a span ended.
    SpanStatus, "a span status", ErrorCode::Marker, {
        /// Well.
        Ok = "ok",
        /// Badly.
        Error = "error",
        /// Before its end.
        Cancelled = "cancelled",
        /// It took too long.
        Timeout = "timeout",
    }
}

words! {
    /// What sort of work a span was.
    SpanKind, "a span kind", ErrorCode::Marker, {
        /// An operation of the run.
        Operation = "operation",
        /// Work within one.
        Internal = "internal",
        /// Reading or writing.
        Io = "io",
        /// Talking to another machine.
        Network = "network",
        /// Another process.
        Process = "process",
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

/// A payload of one family.
pub trait Payload: Model {
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
    /// Members of a newer minor version of the schema, kept as they are.
    pub unknown: Members,
}

model! {
    /// Something happened.
    EventPayload ("StructuredEventPayload") {
        /// What sort of event.
        event_key: String,
        /// How grave.
        level: EventLevel,
        /// In words.
        message: String,
    } or {
        /// What it is about.
        subject_ref: Option<StableRef> = None => RecordRef,
        /// Anything else.
        attributes: Members = Members::new(),
        /// Labels.
        tags: BTreeMap<String, String> = BTreeMap::new(); sparse,
        /// Where it comes from.
        origin_marker: Origin = Origin::ExplicitCapture,
    }
}

/// A number that was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricValue {
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// A whole number beyond 64 bits: an optional minus, then digits.
    Big(Box<str>),
}

model! {
    /// Something was measured.
    MetricPayload ("MetricPayload") {
        /// What was measured.
        metric_key: String,
        /// The number.
        value: MetricValue,
        /// A word for the number's type, such as `int`, `float`, `float64`.
        value_type: String,
    } or {
        /// The step of training, from whatever number the user counts.
        step: Option<i64> = None,
        /// The unit.
        unit: Option<String> = None,
        /// What it speaks of.
        aggregation_scope: AggregationScope = AggregationScope::Step,
        /// What it is about.
        subject_ref: Option<StableRef> = None => RecordRef,
        /// The slice of the data.
        slice_ref: Option<String> = None,
        /// Labels.
        tags: BTreeMap<String, String> = BTreeMap::new(),
        /// How it was summarised.
        summary_basis: Option<String> = None,
    }
}

model! {
    /// Something took its time.
    TraceSpanPayload ("TraceSpanPayload") {
        /// Its name among the spans of its trace.
        span_id: String,
        /// Its trace.
        trace_id: String,
        /// What was done.
        span_name: String,
        /// When it began.
        started_at: Timestamp,
        /// When it ended; not before it began.
        ended_at: Timestamp,
        /// How it ended.
        status: SpanStatus,
        /// What sort of work it was.
        span_kind: SpanKind,
    } or {
        /// The span it is a part of.
        parent_span_id: Option<String> = None,
        /// Anything else.
        attributes: Members = Members::new(),
        /// What it has to do with, in order.
        linked_refs: Vec<StableRef> = Vec::new() => RecordRef,
    }
}

model! {
    /// Something is missing or doubtful.
    DegradedPayload ("DegradedPayload") {
        /// What sort of issue.
        issue_key: String,
        /// What it is about.
        category: DegradedCategory,
        /// How grave.
        severity: DegradedSeverity,
        /// In words.
        summary: String,
    } or {
        /// What it is about.
        subject_ref: Option<StableRef> = None => RecordRef,
        /// Where it comes from.
        origin_marker: Origin = Origin::ExplicitCapture,
        /// Anything else.
        attributes: Members = Members::new(),
    }
}

part!(CorrelationRefs, "CorrelationRefs", CorrelationRefs);
part!(EventPayload, "StructuredEventPayload", RecordPayload);
part!(MetricPayload, "MetricPayload", RecordPayload, warnings);
part!(TraceSpanPayload, "TraceSpanPayload", RecordPayload);
part!(DegradedPayload, "DegradedPayload", RecordPayload);

/// A record of an event.
pub type StructuredEventRecord = Record<EventPayload>;
/// A record of a metric.
pub type MetricRecord = Record<MetricPayload>;
/// A record of a span.
pub type TraceSpanRecord = Record<TraceSpanPayload>;
/// A record of a degradation.
pub type DegradedRecord = Record<DegradedPayload>;

impl MetricValue {
    /// As a float; whole numbers beyond 2^53 are rounded. Finite in every valid metric.
    pub fn as_f64(&self) -> f64 {
        match self {
            MetricValue::Int(n) => *n as f64,
            MetricValue::Float(f) => *f,
            MetricValue::Big(digits) => digits.parse().unwrap_or(f64::NAN),
        }
    }

    /// The word for its type that capture writes.
    pub fn type_name(&self) -> &'static str {
        match self {
            MetricValue::Int(_) | MetricValue::Big(_) => "int",
            MetricValue::Float(_) => "float",
        }
    }
}

impl std::fmt::Display for MetricValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MetricValue::Int(n) => n.fmt(f),
            MetricValue::Float(x) => f.write_str(&crate::contract::json::write::float(*x)),
            MetricValue::Big(digits) => f.write_str(digits),
        }
    }
}

impl From<MetricValue> for Value {
    fn from(value: MetricValue) -> Value {
        match value {
            MetricValue::Int(n) => Value::Int(n),
            MetricValue::Float(f) => Value::Float(f),
            MetricValue::Big(digits) => Value::Big(digits.into()),
        }
    }
}

impl Field for MetricValue {
    const CODE: ErrorCode = ErrorCode::MetricValue;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<MetricValue> {
        match value {
            Value::Int(n) => Some(MetricValue::Int(n)),
            Value::Float(f) => Some(MetricValue::Float(f)),
            Value::Big(digits) => Some(MetricValue::Big(digits.into())),
            Value::Map(_) | Value::List(_) => {
                let message = "a metric is one number: give each of several its own key, such as loss/train";
                issues.error(code, "", message);
                None
            }
            other => {
                issues.error(code, "", format!("{} is not a number", other.sort()));
                None
            }
        }
    }

    fn write(&self) -> Value {
        self.clone().into()
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

/// Whole numbers that may be beyond 63 bits keep all their digits.
macro_rules! large_metric_values {
    ($($type:ty),*) => {$(
        impl From<$type> for MetricValue {
            fn from(value: $type) -> MetricValue {
                i64::try_from(value)
                    .map_or_else(|_| MetricValue::Big(value.to_string().into()), MetricValue::Int)
            }
        }
    )*};
}
large_metric_values!(u64, usize, isize);

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

/// A ref made in code may be of any shape; one in a record is of its kind's.
fn check_shapes<'a>(issues: &mut Issues, field: &str, refs: impl IntoIterator<Item = &'a StableRef>) {
    for any in refs {
        issues.take(field, any.check_shape());
    }
}

impl CorrelationRefs {
    fn settle_fields(&mut self, issues: &mut Issues) {
        optional_text(issues, "trace_id", &mut self.trace_id);
        optional_text(issues, "session_id", &mut self.session_id);
    }
}

impl EventPayload {
    fn settle_fields(&mut self, issues: &mut Issues) {
        token(issues, "event_key", &mut self.event_key, KEY, ErrorCode::EventKey);
        text(issues, "message", &mut self.message);
        check_shapes(issues, "subject_ref", &self.subject_ref);
        json_map(issues, "attributes", &mut self.attributes);
        text_map(issues, "tags", &mut self.tags);
    }
}

impl MetricPayload {
    fn settle_fields(&mut self, issues: &mut Issues) {
        token(issues, "metric_key", &mut self.metric_key, KEY, ErrorCode::MetricKey);
        let unwritable = match &self.value {
            MetricValue::Big(digits) => Value::Big(digits.as_ref().to_owned()).unwritable(1).is_some(),
            _ => false,
        };
        if unwritable || !self.value.as_f64().is_finite() {
            issues.error(ErrorCode::MetricValue, "value", format!("{} is not a finite number", self.value));
        }
        token(issues, "value_type", &mut self.value_type, LOWER_SNAKE, ErrorCode::ValueType);
        optional_text(issues, "unit", &mut self.unit);
        check_shapes(issues, "subject_ref", &self.subject_ref);
        optional_token(issues, "slice_ref", &mut self.slice_ref, DOT_SNAKE, ErrorCode::SliceRef);
        text_map(issues, "tags", &mut self.tags);
        optional_token(
            issues,
            "summary_basis",
            &mut self.summary_basis,
            LOWER_SNAKE,
            ErrorCode::SummaryBasis,
        );
    }

    fn warnings(&self, issues: &mut Issues) {
        if self.unit.is_none() {
            issues.warning(ErrorCode::UnitMissing, "unit", "a number without a unit can be misread");
        }
        let whole = matches!(self.value, MetricValue::Int(_) | MetricValue::Big(_));
        if self.value_type.starts_with("int") && !whole {
            let message = format!("{} is not {}", self.value, self.value_type);
            issues.warning(ErrorCode::ValueTypeMismatch, "value_type", message);
        }
    }
}

impl TraceSpanPayload {
    fn settle_fields(&mut self, issues: &mut Issues) {
        if self.ended_at < self.started_at {
            let message = format!("the end {} lies before the start {}", self.ended_at, self.started_at);
            issues.error(ErrorCode::RecordTimeOrder, "ended_at", message);
        }
        text(issues, "span_id", &mut self.span_id);
        text(issues, "trace_id", &mut self.trace_id);
        optional_text(issues, "parent_span_id", &mut self.parent_span_id);
        text(issues, "span_name", &mut self.span_name);
        json_map(issues, "attributes", &mut self.attributes);
        check_shapes(issues, "linked_refs", &self.linked_refs);
    }
}

impl DegradedPayload {
    fn settle_fields(&mut self, issues: &mut Issues) {
        token(issues, "issue_key", &mut self.issue_key, DOT_SNAKE, ErrorCode::IssueKey);
        text(issues, "summary", &mut self.summary);
        check_shapes(issues, "subject_ref", &self.subject_ref);
        json_map(issues, "attributes", &mut self.attributes);
    }
}

impl Payload for EventPayload {
    const RECORD_TYPE: RecordType = RecordType::Event;
}

impl Payload for MetricPayload {
    const RECORD_TYPE: RecordType = RecordType::Metric;
}

impl Payload for TraceSpanPayload {
    const RECORD_TYPE: RecordType = RecordType::Span;
}

impl Payload for DegradedPayload {
    const RECORD_TYPE: RecordType = RecordType::Degraded;
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn a_single_precision_number_is_what_its_digits_say() {
        for (single, double) in [(0.64f32, 0.64), (1e-7, 1e-7), (-0.0, -0.0), (16_777_216.0, 16_777_216.0)] {
            let value = MetricValue::from(single).as_f64();
            assert_eq!((value.to_bits(), (value as f32).to_bits()), (f64::to_bits(double), single.to_bits()));
        }
        assert!(MetricValue::from(f32::NAN).as_f64().is_nan());
        assert_eq!(MetricValue::from(u64::MAX).to_string(), u64::MAX.to_string());
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
