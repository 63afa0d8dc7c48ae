//! The payload of spans.

use crate::contract::{SpanKind, SpanStatus, TraceSpanPayload};
use crate::projections::payload::codes::Code;
use crate::projections::payload::convert::{Result, json_map, json_text, parse, time};
use serde::{Deserialize, Serialize};

/// The fields of a span, in the order in which they are encoded.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct SpanV1 {
    trace_id: String,
    span_name: String,
    status: u8,
    span_kind: u8,
    attributes: String,
    linked_refs: Vec<String>,
    parent_span_id: Option<String>,
    span_id: String,
    started_at: i64,
    ended_at: i64,
}

impl SpanV1 {
    pub(in crate::projections) fn of(p: &TraceSpanPayload) -> Result<SpanV1> {
        Ok(SpanV1 {
            trace_id: p.trace_id.clone(),
            span_name: p.span_name.clone(),
            status: p.status.byte(),
            span_kind: p.span_kind.byte(),
            attributes: json_text(&p.attributes)?,
            linked_refs: p.linked_refs.iter().map(|r| r.to_string()).collect(),
            parent_span_id: p.parent_span_id.clone(),
            span_id: p.span_id.clone(),
            started_at: p.started_at.micros(),
            ended_at: p.ended_at.micros(),
        })
    }

    pub(in crate::projections) fn into_payload(self) -> Result<TraceSpanPayload> {
        let mut payload = TraceSpanPayload::new(
            self.span_id,
            self.trace_id,
            self.span_name,
            time(self.started_at)?,
            time(self.ended_at)?,
            SpanStatus::of(self.status)?,
            SpanKind::of(self.span_kind)?,
        );
        payload.parent_span_id = self.parent_span_id;
        payload.attributes = json_map(&self.attributes)?;
        payload.linked_refs = self.linked_refs.iter().map(|r| parse(r)).collect::<Result<_>>()?;
        Ok(payload)
    }
}
