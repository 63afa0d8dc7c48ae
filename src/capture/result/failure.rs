//! The failure of a failed result.

use crate::capture::result::form::Form;
use crate::contract::{Members, Value};

/// The failure of a failed result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ResultFailure {
    /// The stable code.
    pub code: String,
    /// The text for people.
    pub message: String,
    /// `true` if the operation may succeed when it is tried again.
    pub retryable: bool,
    /// The type of the error that caused the failure.
    pub error_type: Option<String>,
    /// Additional data.
    pub details: Members,
}

impl ResultFailure {
    /// Creates a failure that is not retryable, without a type and additional data.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> ResultFailure {
        let (code, message) = (code.into(), message.into());
        ResultFailure { code, message, retryable: false, error_type: None, details: Members::new() }
    }

    pub(super) fn form(&self) -> Form {
        Form::Object(vec![
            ("code", self.code.as_str().into()),
            ("message", self.message.as_str().into()),
            ("retryable", self.retryable.into()),
            ("error_type", self.error_type.clone().into()),
            ("details", Value::Map(self.details.clone()).into()),
        ])
    }
}
