//! The payload of an event.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::declare::{model, part};
use crate::contract::models::payload::family::{Payload, RecordType, check_shapes};
use crate::contract::models::payload::origin::Origin;
use crate::contract::refs::stable::StableRef;
use crate::contract::rules::object::json_map;
use crate::contract::rules::text::{free_text, text_map};
use crate::contract::rules::token::{key, warn_about_key};
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
        /// The key of the event, such as `dataset.loaded`: at most 250 bytes.
        event_key: String,
        /// The level.
        level: EventLevel,
        /// A description for people, which may be empty.
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

part!(EventPayload, "StructuredEventPayload", RecordPayload, warnings);

impl EventPayload {
    fn check_fields(&mut self, issues: &mut Issues) {
        key(issues, "event_key", &mut self.event_key, ErrorCode::EventKey);
        free_text(&mut self.message);
        check_shapes(issues, "subject_ref", &self.subject_ref);
        json_map(issues, "attributes", &mut self.attributes);
        text_map(issues, "tags", &mut self.tags);
    }

    fn warnings(&self, issues: &mut Issues) {
        warn_about_key(issues, "event_key", &self.event_key, ErrorCode::EventKey);
    }
}

impl Payload for EventPayload {
    const RECORD_TYPE: RecordType = RecordType::Event;
}
