//! The payload of an event.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::declare::{model, part};
use crate::contract::models::payload::family::{Payload, RecordType, check_shapes};
use crate::contract::models::payload::origin::Origin;
use crate::contract::refs::stable::StableRef;
use crate::contract::rules::object::json_map;
use crate::contract::rules::text::{text, text_map};
use crate::contract::rules::token::{KEY, token};
use crate::contract::words::words;
use std::collections::BTreeMap;

words! {
    /// The level of an event.
    EventLevel, "an event level", ErrorCode::Marker, {
        /// Details for developers.
        Debug = "debug",
        /// Information.
        Info = "info",
        /// A possible problem.
        Warning = "warning",
        /// A failure.
        Error = "error",
        /// A failure that stops the program.
        Critical = "critical",
    }
}

model! {
    /// The payload of an event.
    EventPayload ("StructuredEventPayload") {
        /// The key of the event, such as `dataset.loaded`.
        event_key: String,
        /// The level.
        level: EventLevel,
        /// A description for people.
        message: String,
    } or {
        /// The object or record that the event concerns.
        subject_ref: Option<StableRef> = None => RecordRef,
        /// Additional data, as a JSON object.
        attributes: Members = Members::new(),
        /// Tags: texts by name.
        tags: BTreeMap<String, String> = BTreeMap::new(); sparse,
        /// The origin of the record.
        origin_marker: Origin = Origin::ExplicitCapture,
    }
}

part!(EventPayload, "StructuredEventPayload", RecordPayload);

impl EventPayload {
    fn check_fields(&mut self, issues: &mut Issues) {
        token(issues, "event_key", &mut self.event_key, KEY, ErrorCode::EventKey);
        text(issues, "message", &mut self.message);
        check_shapes(issues, "subject_ref", &self.subject_ref);
        json_map(issues, "attributes", &mut self.attributes);
        text_map(issues, "tags", &mut self.tags);
    }
}

impl Payload for EventPayload {
    const RECORD_TYPE: RecordType = RecordType::Event;
}
