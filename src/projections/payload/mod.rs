//! Payloads of the kinds of entries, version 1 of each. docs/FORMAT.md, "Kinds", describes them.
//!
//! An object of the contract is its canonical JSON text, so that members of newer versions of the schema are kept. Records,
//! which are most of a log, are plain structs for the codec. Fields that repeat from entry to entry come first and fields
//! that change come last, because a frame stores the common front and back of neighbouring payloads once.
//! Decoding goes through the constructors of the contract, so a payload that breaks a rule is an unreadable entry and
//! never a wrong value.

mod codes;
mod convert;
mod degraded;
mod event;
mod metric;
mod object;
mod record;
mod span;

pub(super) use degraded::DegradedV1;
pub(super) use event::EventV1;
pub(super) use metric::MetricV1;
pub(super) use object::{ArtifactV1, EndedV1, ImportV1, ObjectV1, ParamV1};
pub(super) use record::RecordV1;
pub(super) use span::SpanV1;
