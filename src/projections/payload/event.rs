//! The payload of events.

use crate::contract::{EventLevel, EventPayload, Origin};
use crate::projections::payload::codes::Code;
use crate::projections::payload::convert::{Result, json_map, json_text, optional};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The fields of an event, in the order in which they are encoded.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct EventV1 {
    event_key: String,
    level: u8,
    origin: u8,
    subject_ref: Option<String>,
    tags: BTreeMap<String, String>,
    attributes: String,
    message: String,
}

impl EventV1 {
    pub(in crate::projections) fn of(p: &EventPayload) -> Result<EventV1> {
        Ok(EventV1 {
            event_key: p.event_key.clone(),
            level: p.level.byte(),
            origin: p.origin_marker.byte(),
            subject_ref: p.subject_ref.as_ref().map(|r| r.to_string()),
            tags: p.tags.clone(),
            attributes: json_text(&p.attributes)?,
            message: p.message.clone(),
        })
    }

    pub(in crate::projections) fn into_payload(self) -> Result<EventPayload> {
        let mut payload = EventPayload::new(self.event_key, EventLevel::of(self.level)?, self.message);
        payload.subject_ref = optional(&self.subject_ref)?;
        payload.attributes = json_map(&self.attributes)?;
        payload.tags = self.tags;
        payload.origin_marker = Origin::of(self.origin)?;
        Ok(payload)
    }
}

#[cfg(test)]
impl EventV1 {
    /// Returns the payload with `attributes` as the JSON text of the attributes, which need not be canonical.
    pub(in crate::projections) fn with_attributes(self, attributes: String) -> EventV1 {
        EventV1 { attributes, ..self }
    }
}
