//! The payloads of entries, by kind. docs/FORMAT.md, "Codecs and kinds", describes the payloads.
//!
//! An object of the contract is stored as its canonical JSON text, which keeps members of newer versions of the schema.
//! Most entries of a log are records. Records are stored as plain structs, which the codec encodes field by field.
//! Fields that are often equal in consecutive entries come first, and fields that change come last, because a frame
//! stores the common beginning and the common end of consecutive payloads once. Decoding uses the constructors of the
//! contract, so a payload that breaks a rule is reported as an unreadable entry and never becomes a wrong value.

mod annotation;
mod codes;
mod convert;
mod degraded;
mod erasure;
mod event;
mod metric;
mod metric_plain;
mod metric_point;
mod object;
mod record;
mod span;
mod writer;

pub(super) use annotation::AnnotationV1;
pub(super) use degraded::DegradedV1;
pub(super) use erasure::ErasureV1;
pub(super) use event::EventV1;
pub(super) use metric::MetricV1;
pub(super) use metric_plain::MetricV2;
pub(crate) use metric_point::PointValue;
pub(super) use metric_point::{MetricPoint, POINT_LEN_MAX, beginning_len, put_point};
pub(super) use object::{ArtifactV1, EndedV1, EndedV2, ImportV1, ObjectV1, ParamV1};
pub(super) use record::RecordV1;
pub(super) use span::SpanV1;
pub(super) use writer::{ProcessV1, WriterV1};
