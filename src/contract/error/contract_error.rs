//! The error of the contract: code, field, message.

use crate::contract::error::code::ErrorCode;

/// The error of a value that breaks a rule of the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", field.as_ref().map(|f| format!("{f}: ")).unwrap_or_default())]
pub struct ContractError {
    /// The code of the rule.
    pub code: ErrorCode,
    /// The path of the field, if the error concerns a single field.
    pub field: Option<String>,
    /// The message.
    pub message: String,
}

/// The greatest length of a message in bytes. A longer message is cut and gets a final `…`, which is not counted.
/// Without this limit, a message that quotes a value from outside could be megabytes long.
const MESSAGE_BYTES_MAX: usize = 512;

/// Cuts a text that is too long ([`MESSAGE_BYTES_MAX`]) at the border of a character, and appends `…`. A shorter text
/// is returned unchanged.
pub(crate) fn bounded(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES_MAX {
        let cut = (0..=MESSAGE_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push('\u{2026}');
    }
    text
}

impl ContractError {
    /// Creates an error that concerns no particular field. A message that is too long is cut.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> ContractError {
        ContractError { code, field: None, message: bounded(message.into()) }
    }

    /// Creates an error that concerns a field. A message that is too long is cut.
    pub fn field(code: ErrorCode, field: &str, message: impl Into<String>) -> ContractError {
        ContractError { field: Some(bounded(field.to_owned())), ..ContractError::new(code, message) }
    }

    /// Sets the field of the error, unless the error already has a field.
    pub fn at(mut self, field: &str) -> ContractError {
        self.field.get_or_insert_with(|| field.to_owned());
        self
    }

    /// Returns a hint on how to resolve the error; `None` if there is no hint for the code.
    pub fn hint(&self) -> Option<&'static str> {
        match self.code {
            ErrorCode::RefText | ErrorCode::RefShape | ErrorCode::RefKindMismatch => {
                Some("a ref is kind:value, such as run:project.run or artifact:project.run.key")
            }
            ErrorCode::Component => Some("a name is a text of at most 250 bytes without control characters"),
            ErrorCode::RefValue => Some(
                "a component has lower-case letters and digits, with single dashes between them, at most 63 characters",
            ),
            ErrorCode::MetricKey | ErrorCode::EventKey => {
                Some("a key is a text of at most 250 bytes without control characters, such as train/loss")
            }
            ErrorCode::Timestamp => Some("write times as 2024-01-31T12:00:00Z"),
            _ => None,
        }
    }
}

/// The result of an operation of the contract.
pub type Result<T> = std::result::Result<T, ContractError>;

impl From<std::convert::Infallible> for ContractError {
    fn from(never: std::convert::Infallible) -> ContractError {
        match never {}
    }
}
