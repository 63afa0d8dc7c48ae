//! Records: events, metrics, spans and degraded records, each an envelope and a payload.

pub(crate) mod correlation;
pub(crate) mod envelope;
pub(crate) mod marker;
pub(crate) mod observation;
pub(crate) mod surroundings;
pub(crate) mod whole;

pub use correlation::CorrelationRefs;
pub use envelope::RecordEnvelope;
pub use marker::{Completeness, Degradation};
pub use observation::Observation;
pub use whole::{DegradedRecord, MetricRecord, Record, StructuredEventRecord, TraceSpanRecord};
