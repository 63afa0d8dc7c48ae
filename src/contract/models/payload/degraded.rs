//! The payload of a degraded record: a record of missing or doubtful data.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::declare::{model, part};
use crate::contract::models::payload::family::{Payload, RecordType, check_shapes};
use crate::contract::models::payload::origin::Origin;
use crate::contract::refs::stable::StableRef;
use crate::contract::rules::object::json_map;
use crate::contract::rules::text::text;
use crate::contract::rules::token::{DOT_SNAKE, token};
use crate::contract::words::words;

words! {
    /// The operation that caused or found a problem with data.
    DegradedCategory, "a degraded category", ErrorCode::Marker, {
        /// The problem arose during a capture.
        Capture = "capture",
        /// The problem arose in the store.
        Store = "store",
        /// The problem arose during an import.
        Import = "import",
        /// The problem is caused by an older or newer version of the schema.
        Compatibility = "compatibility",
        /// A verification found the problem.
        Verification = "verification",
        /// The problem arose during a recovery.
        Recovery = "recovery",
    }
}

words! {
    /// The severity of a problem with data.
    DegradedSeverity, "a degraded severity", ErrorCode::Marker, {
        /// Data is doubtful.
        Warning = "warning",
        /// Data is missing.
        Error = "error",
    }
}

model! {
    /// The payload of a degraded record: a record of missing or doubtful data.
    DegradedPayload ("DegradedPayload") {
        /// The key of the problem, such as `metric.non_finite`.
        issue_key: String,
        /// The operation that caused or found the problem.
        category: DegradedCategory,
        /// The severity of the problem.
        severity: DegradedSeverity,
        /// A description of the problem for people.
        summary: String,
    } or {
        /// The object or record that the problem concerns.
        subject_ref: Option<StableRef> = None => RecordRef,
        /// The origin of the record.
        origin_marker: Origin = Origin::ExplicitCapture,
        /// Additional data, as a JSON object.
        attributes: Members = Members::new(),
    }
}

part!(DegradedPayload, "DegradedPayload", RecordPayload);

impl DegradedPayload {
    fn check_fields(&mut self, issues: &mut Issues) {
        token(issues, "issue_key", &mut self.issue_key, DOT_SNAKE, ErrorCode::IssueKey);
        text(issues, "summary", &mut self.summary);
        check_shapes(issues, "subject_ref", &self.subject_ref);
        json_map(issues, "attributes", &mut self.attributes);
    }
}

impl Payload for DegradedPayload {
    const RECORD_TYPE: RecordType = RecordType::Degraded;
}
