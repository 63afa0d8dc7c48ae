//! Messages of results.

use crate::capture::result::form::Form;
use crate::capture::result::status::MessageLevel;
use crate::contract::{Members, Value};

/// A message of a result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ResultMessage {
    /// The level.
    pub level: MessageLevel,
    /// The stable code.
    pub code: String,
    /// The text for people.
    pub message: String,
    /// Additional data.
    pub details: Members,
}

impl ResultMessage {
    /// Creates a message without additional data.
    pub fn new(level: MessageLevel, code: impl Into<String>, message: impl Into<String>) -> ResultMessage {
        ResultMessage { level, code: code.into(), message: message.into(), details: Members::new() }
    }

    pub(super) fn form(&self) -> Form {
        Form::Object(vec![
            ("level", self.level.as_str().into()),
            ("code", self.code.as_str().into()),
            ("message", self.message.as_str().into()),
            ("details", Value::Map(self.details.clone()).into()),
        ])
    }
}
