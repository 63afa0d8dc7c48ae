//! The families of records, one for each type of payload.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::model::canonical_model::Model;
use crate::contract::refs::stable::StableRef;
use crate::contract::words::words;

words! {
    /// The family of a record. Each family has its own type of payload.
    RecordType, "a record type", ErrorCode::Marker, {
        /// An event.
        Event = "event",
        /// A metric.
        Metric = "metric",
        /// A degraded record: a record of missing or doubtful data.
        Degraded = "degraded",
        /// A span: one piece of work with a start and an end.
        Span = "span",
    }
}

/// The payload of the records of one family.
pub trait Payload: Model {
    /// The family.
    const RECORD_TYPE: RecordType;
}

/// Checks that each ref has the number of components that its kind requires. The type [`StableRef`] does not ensure
/// this.
pub(super) fn check_shapes<'a>(
    issues: &mut Issues,
    field: &str,
    refs: impl IntoIterator<Item = &'a StableRef>,
) {
    for any in refs {
        issues.take(field, any.check_shape());
    }
}
