//! The payload of a span: one piece of work with a start and an end.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::declare::{model, part};
use crate::contract::models::payload::family::{Payload, RecordType, check_shapes};
use crate::contract::refs::stable::StableRef;
use crate::contract::rules::object::json_map;
use crate::contract::rules::text::{optional_text, text};
use crate::contract::time::Timestamp;
use crate::contract::words::words;

words! {
    /// The outcome of a span.
    SpanStatus, "a span status", ErrorCode::Marker, {
        /// Success.
        Ok = "ok",
        /// Failure.
        Error = "error",
        /// The work was cancelled.
        Cancelled = "cancelled",
        /// A time limit stopped the work.
        Timeout = "timeout",
        /// No outcome was given.
        Unset = "unset",
    }
}

words! {
    /// The kind of work that a span measures.
    SpanKind, "a span kind", ErrorCode::Marker, {
        /// An operation of the run.
        Operation = "operation",
        /// Work within an operation.
        Internal = "internal",
        /// Input or output.
        Io = "io",
        /// Communication with another machine.
        Network = "network",
        /// Work of another process.
        Process = "process",
        /// A stage of the run.
        Stage = "stage",
        /// A call of a function or service.
        Call = "call",
    }
}

model! {
    /// The payload of a span.
    TraceSpanPayload ("TraceSpanPayload") {
        /// The id of the span within its trace.
        span_id: String,
        /// The id of the trace.
        trace_id: String,
        /// The name of the work that the span measures.
        span_name: String,
        /// The start.
        started_at: Timestamp,
        /// The end.
        ended_at: Timestamp,
        /// The outcome.
        status: SpanStatus,
        /// The kind of work.
        span_kind: SpanKind,
    } or {
        /// The id of the parent span.
        parent_span_id: Option<String> = None,
        /// Additional data, as a JSON object.
        attributes: Members = Members::new(),
        /// The refs of related objects, in the order given by the caller.
        linked_refs: Vec<StableRef> = Vec::new() => RecordRef,
    }
}

part!(TraceSpanPayload, "TraceSpanPayload", RecordPayload);

impl TraceSpanPayload {
    fn check_fields(&mut self, issues: &mut Issues) {
        if self.ended_at < self.started_at {
            let message = format!("the end {} is before the start {}", self.ended_at, self.started_at);
            issues.warning(ErrorCode::RecordTimeOrder, "ended_at", message);
        }
        text(issues, "span_id", &mut self.span_id);
        text(issues, "trace_id", &mut self.trace_id);
        optional_text(issues, "parent_span_id", &mut self.parent_span_id);
        text(issues, "span_name", &mut self.span_name);
        json_map(issues, "attributes", &mut self.attributes);
        check_shapes(issues, "linked_refs", &self.linked_refs);
    }
}

impl Payload for TraceSpanPayload {
    const RECORD_TYPE: RecordType = RecordType::Span;
}
