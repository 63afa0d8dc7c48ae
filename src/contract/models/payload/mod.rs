//! The payloads of the four families of records, and the value of a metric.

pub(crate) mod degraded;
pub(crate) mod event;
pub(crate) mod family;
pub(crate) mod metric;
pub(crate) mod metric_value;
pub(crate) mod origin;
pub(crate) mod span;

pub use degraded::{DegradedCategory, DegradedPayload, DegradedSeverity};
pub use event::{EventLevel, EventPayload};
pub use family::{Payload, RecordType};
pub use metric::{AggregationScope, MetricPayload};
pub use metric_value::MetricValue;
pub use origin::Origin;
pub use span::{SpanKind, SpanStatus, TraceSpanPayload};
