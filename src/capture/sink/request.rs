//! The request to take a payload.

use crate::capture::result::PayloadFamily;
use crate::capture::sink::payload::{family_of, ref_of, type_of, value_of};
use crate::contract::json::write::canonical;
use crate::contract::{self, Fact, Timestamp, Value};
use crate::store::{Position, Stamp};
use std::cell::OnceCell;

/// The request to take a payload. Each JSON form is computed once, when the first sink reads it.
#[derive(Debug)]
pub struct SinkRequest<'a> {
    fact: &'a Fact,
    stamp: Stamp,
    payload_ref: OnceCell<Option<String>>,
    payload: OnceCell<Value>,
    json: OnceCell<contract::Result<String>>,
}

impl<'a> SinkRequest<'a> {
    /// Creates the request to take a fact with this stamp.
    pub(in crate::capture) fn new(fact: &'a Fact, stamp: Stamp) -> SinkRequest<'a> {
        let (payload_ref, payload, json) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        SinkRequest { fact, stamp, payload_ref, payload, json }
    }

    /// Returns the family.
    pub fn family(&self) -> PayloadFamily {
        family_of(self.fact)
    }

    /// Returns the name of the payload's type: the name of the model, such as `MetricRecord`, or a name such as `Ended`
    /// or `Param`.
    pub fn payload_type(&self) -> &'static str {
        type_of(self.fact)
    }

    /// Returns the ref of the captured object, of the ended or annotated object, or of the run of a parameter or
    /// writer.
    pub fn payload_ref(&self) -> Option<&str> {
        self.payload_ref.get_or_init(|| ref_of(self.fact, self.stamp)).as_deref()
    }

    /// Returns the position of the payload's entry in the log or the outbox. The position identifies the payload.
    pub fn position(&self) -> Position {
        self.stamp.position()
    }

    /// Returns the stamp of the payload's entry. Stamps order the payloads of all processes.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Returns the time of the capture.
    pub fn captured_at(&self) -> Timestamp {
        Timestamp::from_nanos(self.stamp.time)
    }

    /// Returns the payload as JSON.
    pub fn payload(&self) -> &Value {
        self.payload.get_or_init(|| value_of(self.fact, self.stamp))
    }

    /// Returns the payload as canonical JSON text. Errors: a number is not finite.
    pub fn json(&self) -> contract::Result<&str> {
        match self.json.get_or_init(|| canonical(self.payload())) {
            Ok(text) => Ok(text),
            Err(error) => Err(error.clone()),
        }
    }
}
