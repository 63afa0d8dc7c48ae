//! The severity of an issue or note.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use std::fmt;
use std::str::FromStr;

/// The severity of an issue or note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Information. Issues of validation never have this severity.
    Info,
    /// The value or answer is usable, but a part of it is missing or uncertain.
    Warning,
    /// The value breaks a rule, or data is wrong or lost.
    Error,
}

impl Severity {
    /// Returns the stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = ContractError;

    /// Reads the severity of an issue: `warning` or `error`.
    fn from_str(text: &str) -> Result<Severity> {
        match text {
            "warning" => Ok(Severity::Warning),
            "error" => Ok(Severity::Error),
            _ => {
                let message = format!("{text:?} is not a severity; expected error or warning");
                Err(ContractError::field(ErrorCode::IssueSeverity, "severity", message))
            }
        }
    }
}
