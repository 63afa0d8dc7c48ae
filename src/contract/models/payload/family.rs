//! The families of records.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::model::canonical_model::Model;
use crate::contract::refs::stable::StableRef;
use crate::contract::words::words;

words! {
    /// The families of records.
    RecordType, "a record type", ErrorCode::Marker, {
        /// An event.
        Event = "event",
        /// A metric.
        Metric = "metric",
        /// A marker of missing or doubtful data.
        Degraded = "degraded",
        /// A span of time.
        Span = "span",
    }
}

/// A payload of one family.
pub trait Payload: Model {
    /// The family.
    const RECORD_TYPE: RecordType;
}

/// Checks the shape of refs: a ref made in code can have any shape, one in a record has the shape of its kind.
pub(super) fn check_shapes<'a>(
    issues: &mut Issues,
    field: &str,
    refs: impl IntoIterator<Item = &'a StableRef>,
) {
    for any in refs {
        issues.take(field, any.check_shape());
    }
}
