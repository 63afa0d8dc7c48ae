//! The emission of an event.

use crate::contract::issue::Issues;
use crate::contract::model::declare::{model, part};
use crate::contract::{EventLevel, EventPayload, Members, Rules, StableRef, Value};
use std::collections::BTreeMap;

model! {
    /// An event of user code.
    EventEmission ("EventEmission") {
        /// The key, such as `dataset.loaded`.
        key: String,
        /// A description for people.
        message: String,
    } or {
        /// The level.
        level: EventLevel = EventLevel::Info,
        /// Additional data, as a JSON object.
        attributes: Members = Members::new(),
        /// Tags: texts by name.
        tags: BTreeMap<String, String> = BTreeMap::new(),
    }
}

part!(EventEmission, "EventEmission", RecordPayload);

impl EventEmission {
    /// Sets the level.
    #[must_use]
    pub fn level(mut self, level: EventLevel) -> EventEmission {
        self.level = level;
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: impl Into<Value>) -> EventEmission {
        self.attributes.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> EventEmission {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Returns the payload of the event's record.
    pub(in crate::capture) fn into_payload(self, subject: Option<StableRef>) -> EventPayload {
        let mut payload = EventPayload::new(self.key, self.level, self.message);
        payload.subject_ref = subject;
        payload.attributes = self.attributes;
        payload.tags = self.tags;
        payload
    }

    fn check_fields(&self, issues: &mut Issues) {
        self.clone().into_payload(None).normalize(issues);
    }
}
