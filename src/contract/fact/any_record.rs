//! A record of any family.

use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::Value;
use crate::contract::models::payload::degraded::DegradedPayload;
use crate::contract::models::payload::event::EventPayload;
use crate::contract::models::payload::family::RecordType;
use crate::contract::models::payload::metric::MetricPayload;
use crate::contract::models::payload::span::TraceSpanPayload;
use crate::contract::models::record::envelope::RecordEnvelope;
use crate::contract::models::record::whole::Record;
use crate::contract::rules::valid::Valid;

/// A record of any family.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AnyRecord {
    /// An event.
    Event(Box<Valid<Record<EventPayload>>>),
    /// A metric.
    Metric(Box<Valid<Record<MetricPayload>>>),
    /// A span.
    Span(Box<Valid<Record<TraceSpanPayload>>>),
    /// A degraded record: a record of missing or doubtful data.
    Degraded(Box<Valid<Record<DegradedPayload>>>),
}

/// Evaluates the same expression for a record of any family: matches on the variants of an [`AnyRecord`].
macro_rules! each_family {
    ($any:expr, $record:ident => $body:expr) => {
        match $any {
            AnyRecord::Event($record) => $body,
            AnyRecord::Metric($record) => $body,
            AnyRecord::Span($record) => $body,
            AnyRecord::Degraded($record) => $body,
        }
    };
}

impl AnyRecord {
    /// Returns the envelope.
    pub fn envelope(&self) -> &RecordEnvelope {
        each_family!(self, record => &record.envelope)
    }

    /// Returns the family.
    pub fn record_type(&self) -> RecordType {
        self.envelope().record_type
    }
}

impl Canonical for AnyRecord {
    fn to_value(&self) -> Value {
        each_family!(self, record => record.to_value())
    }
}
