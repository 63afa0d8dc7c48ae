//! The envelope of a record: everything but the payload.

use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::extension::target::ExtensionTarget;
use crate::contract::issue::collector::Issues;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::{Members, Value};
use crate::contract::model::canonical_model::Model;
use crate::contract::model::field::Field;
use crate::contract::model::members::{are_newer, refuse_unknown, take};
use crate::contract::models::payload::family::RecordType;
use crate::contract::models::record::observation::{ENVELOPE_NAME, Observation};
use crate::contract::refs::typed::RecordRef;
use crate::contract::rules::valid::Rules;
use crate::contract::time::Timestamp;

/// The envelope of a record: the record's own ref, family and time of recording, and the observation.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordEnvelope {
    /// The ref, `record:PROJECT.RUN.KEY`.
    pub record_ref: RecordRef,
    /// The family of the payload.
    pub record_type: RecordType,
    /// The time of recording.
    pub recorded_at: Timestamp,
    /// The producer, time and context of the record.
    pub observation: Observation,
}

impl RecordEnvelope {
    const OWN: &'static [&'static str] = &["record_ref", "record_type", "recorded_at"];

    /// Creates an envelope. [`crate::contract::Valid::new`] checks the envelope.
    pub fn new(
        record_ref: RecordRef,
        record_type: RecordType,
        recorded_at: Timestamp,
        observation: Observation,
    ) -> RecordEnvelope {
        RecordEnvelope { record_ref, record_type, recorded_at, observation }
    }
}

impl Model for RecordEnvelope {
    const NAME: &'static str = ENVELOPE_NAME;
    const TARGET: Option<ExtensionTarget> = Some(ExtensionTarget::RecordEnvelope);

    fn from_members(mut members: Members, issues: &mut Issues) -> Option<RecordEnvelope> {
        issues.with_newer(are_newer(&members), |issues| {
            refuse_unknown(Self::NAME, &members, &[Self::OWN, Observation::KNOWN], issues);
            let record_ref = take(&mut members, "record_ref", RecordRef::CODE, None, issues);
            let record_type = take(&mut members, "record_type", RecordType::CODE, None, issues);
            let recorded_at = take(&mut members, "recorded_at", Timestamp::CODE, None, issues);
            let observation = Observation::take_members(&mut members, issues);
            Some(RecordEnvelope {
                record_ref: record_ref?,
                record_type: record_type?,
                recorded_at: recorded_at?,
                observation: Observation { unknown: members, ..observation? },
            })
        })
    }

    fn extensions(&self) -> &[ExtensionFieldSet] {
        &self.observation.extensions
    }
}

impl Rules for RecordEnvelope {
    fn normalize(&mut self, issues: &mut Issues) {
        issues.with_newer(self.observation.is_newer(), |issues| {
            self.observation.check_identity(&self.record_ref, self.recorded_at, issues);
            self.observation.normalize(self.record_type, issues);
        });
    }
}

impl Canonical for RecordEnvelope {
    fn to_value(&self) -> Value {
        let mut members = Members::new();
        self.observation.put_members(&mut members);
        members.insert("record_ref".into(), self.record_ref.write());
        members.insert("record_type".into(), self.record_type.into());
        members.insert("recorded_at".into(), self.recorded_at.write());
        Value::Map(members)
    }
}
