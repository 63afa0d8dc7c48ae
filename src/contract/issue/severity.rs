//! The severity of an issue.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use std::fmt;
use std::str::FromStr;

/// The severity of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The value is usable, but an expected member is missing.
    Warning,
    /// The value breaks a rule.
    Error,
}

impl Severity {
    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
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
