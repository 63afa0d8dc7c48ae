//! What a record carries: the four families of payloads, and the number that a metric is.

use crate::contract::error::ErrorCode;
use crate::contract::issue::Issues;
use crate::contract::json::Value;
use crate::contract::model::{Field, Members, Model, model, part};
use crate::contract::models::words;
use crate::contract::refs::StableRef;
use crate::contract::rules::{
    DOT_SNAKE, KEY, LOWER_SNAKE, json_map, optional_text, optional_token, text, text_map, token,
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

/// A payload of one family.
pub trait Payload: Model {
    /// The family.
    const RECORD_TYPE: RecordType;
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

part!(EventPayload, "StructuredEventPayload", RecordPayload);
part!(MetricPayload, "MetricPayload", RecordPayload, warnings);
part!(TraceSpanPayload, "TraceSpanPayload", RecordPayload);
part!(DegradedPayload, "DegradedPayload", RecordPayload);

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

/// A ref made in code may be of any shape; one in a record is of its kind's.
fn check_shapes<'a>(issues: &mut Issues, field: &str, refs: impl IntoIterator<Item = &'a StableRef>) {
    for any in refs {
        issues.take(field, any.check_shape());
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

    #[test]
    fn a_single_precision_number_is_what_its_digits_say() {
        for (single, double) in [(0.64f32, 0.64), (1e-7, 1e-7), (-0.0, -0.0), (16_777_216.0, 16_777_216.0)] {
            let value = MetricValue::from(single).as_f64();
            assert_eq!((value.to_bits(), (value as f32).to_bits()), (f64::to_bits(double), single.to_bits()));
        }
        assert!(MetricValue::from(f32::NAN).as_f64().is_nan());
        assert_eq!(MetricValue::from(u64::MAX).to_string(), u64::MAX.to_string());
    }
}
