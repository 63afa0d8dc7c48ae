//! The payload of a degraded record.

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
    /// The category of a degraded record.
    DegradedCategory, "a degraded category", ErrorCode::Marker, {
        /// Capture.
        Capture = "capture",
        /// The store.
        Store = "store",
        /// An import.
        Import = "import",
        /// An old or new schema.
        Compatibility = "compatibility",
        /// A verification.
        Verification = "verification",
        /// A recovery.
        Recovery = "recovery",
    }
}

words! {
    /// The severity of a degradation.
    DegradedSeverity, "a degraded severity", ErrorCode::Marker, {
        /// Data is doubtful.
        Warning = "warning",
        /// Data is missing.
        Error = "error",
    }
}

model! {
    /// The payload of a degraded record.
    DegradedPayload ("DegradedPayload") {
        /// The key of the issue.
        issue_key: String,
        /// The category of the degradation.
        category: DegradedCategory,
        /// The severity.
        severity: DegradedSeverity,
        /// A description for people.
        summary: String,
    } or {
        /// The subject.
        subject_ref: Option<StableRef> = None => RecordRef,
        /// The origin.
        origin_marker: Origin = Origin::ExplicitCapture,
        /// Other data.
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
