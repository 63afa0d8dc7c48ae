//! The emission of a span.

use crate::capture::trace::{SpanId, TraceContext};
use crate::contract::issue::Issues;
use crate::contract::model::declare::{model, part};
use crate::contract::{
    ErrorCode, Members, Rules, SpanKind, SpanStatus, StableRef, Timestamp, TraceSpanPayload, Value,
};

model! {
    /// A span of user code: one piece of work with a start and an end.
    SpanEmission ("SpanEmission") {
        /// The name of the work.
        name: String,
    } or {
        /// The start; by default the end, or the time of the call if there is no end either.
        started_at: Option<Timestamp> = None,
        /// The end; by default the time of the call.
        ended_at: Option<Timestamp> = None,
        /// The outcome.
        status: SpanStatus = SpanStatus::Ok,
        /// The kind of work.
        span_kind: SpanKind = SpanKind::Operation,
        /// Additional data, as a JSON object.
        attributes: Members = Members::new(),
        /// The refs of related objects.
        linked_refs: Vec<StableRef> = Vec::new() => RecordRef,
        /// The id of the parent span; by default the id of the innermost open span guard, or the id of the scope.
        parent_span_id: Option<String> = None,
        /// The id of the span: 16 hexadecimal digits; by default random.
        span_id: Option<String> = None,
        /// The id of the trace: 32 hexadecimal digits; by default the trace of the scope.
        trace_id: Option<String> = None,
    }
}

part!(SpanEmission, "SpanEmission", RecordPayload);

impl SpanEmission {
    /// Sets the start.
    #[must_use]
    pub fn started_at(mut self, at: Timestamp) -> SpanEmission {
        self.started_at = Some(at);
        self
    }

    /// Sets the end.
    #[must_use]
    pub fn ended_at(mut self, at: Timestamp) -> SpanEmission {
        self.ended_at = Some(at);
        self
    }

    /// Sets the outcome; by default [`SpanStatus::Ok`].
    #[must_use]
    pub fn status(mut self, status: SpanStatus) -> SpanEmission {
        self.status = status;
        self
    }

    /// Sets the kind of work; by default [`SpanKind::Operation`].
    #[must_use]
    pub fn kind(mut self, kind: SpanKind) -> SpanEmission {
        self.span_kind = kind;
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: impl Into<Value>) -> SpanEmission {
        self.attributes.insert(key.to_owned(), value.into());
        self
    }

    /// Adds the ref of a related object.
    #[must_use]
    pub fn linked(mut self, object: impl Into<StableRef>) -> SpanEmission {
        self.linked_refs.push(object.into());
        self
    }

    /// Sets the id of the parent span.
    #[must_use]
    pub fn parent(mut self, span_id: &str) -> SpanEmission {
        self.parent_span_id = Some(span_id.to_owned());
        self
    }

    /// Sets the id of the span; by default random.
    #[must_use]
    pub fn id(mut self, span_id: &str) -> SpanEmission {
        self.span_id = Some(span_id.to_owned());
        self
    }

    /// Returns the payload of the span's record. `trace` is the trace with the default parent, `id` the default id of
    /// the span, and `now` the time of the call.
    pub(in crate::capture) fn into_payload(
        self,
        trace: &TraceContext,
        id: SpanId,
        now: Timestamp,
    ) -> TraceSpanPayload {
        let ended_at = self.ended_at.or(self.started_at.map(|start| start.max(now))).unwrap_or(now);
        let started_at = self.started_at.unwrap_or(ended_at);
        let id = self.span_id.unwrap_or_else(|| id.to_string());
        let trace_id = self.trace_id.unwrap_or_else(|| trace.trace_id.to_string());
        let (status, kind) = (self.status, self.span_kind);
        let mut payload = TraceSpanPayload::new(id, trace_id, self.name, started_at, ended_at, status, kind);
        payload.parent_span_id = Some(self.parent_span_id.unwrap_or_else(|| trace.span_id.to_string()));
        payload.attributes = self.attributes;
        payload.linked_refs = self.linked_refs;
        payload
    }

    fn check_fields(&self, issues: &mut Issues) {
        if let (Some(start), Some(end)) = (self.started_at, self.ended_at)
            && end < start
        {
            let message = format!("the end {end} is before the start {start}");
            issues.error(ErrorCode::RecordTimeOrder, "ended_at", message);
        }
        let any_time = self.ended_at.or(self.started_at).unwrap_or(Timestamp::EPOCH);
        self.clone().into_payload(&TraceContext::default(), SpanId::default(), any_time).normalize(issues);
    }
}
