//! One issue: code, path, message, severity.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::issue::place::Place;
use crate::contract::issue::severity::Severity;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::Value;
use crate::contract::space::trim;

/// An error or a warning about a value, with the path of the affected part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationIssue {
    pub(super) code: ErrorCode,
    pub(super) path: String,
    pub(super) message: String,
    pub(super) severity: Severity,
    /// The place of the affected part; `None` if only the text of the path is known.
    pub(super) place: Option<Place>,
}

impl ValidationIssue {
    /// Creates an issue. `path` is the path of the affected part, such as `$.payload.unit`; `$` is the whole value.
    /// Errors: `path` or `message` is blank, or the severity is `Info`.
    pub fn new(code: ErrorCode, path: &str, message: &str, severity: Severity) -> Result<ValidationIssue> {
        let normalized = |code, field: &str, text: &str| match trim(text) {
            "" => Err(ContractError::field(code, field, "must not be blank")),
            text => Ok(text.to_owned()),
        };
        if severity == Severity::Info {
            let message = "an issue has severity warning or error";
            return Err(ContractError::field(ErrorCode::IssueSeverity, "severity", message));
        }
        Ok(ValidationIssue {
            code,
            path: normalized(ErrorCode::IssuePath, "path", path)?,
            message: normalized(ErrorCode::IssueMessage, "message", message)?,
            severity,
            place: None,
        })
    }

    /// Returns the place of the affected part; `None` if it is not known.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Returns the code of the rule.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Returns the path of the affected part: `$`, followed by steps of the form `.member` and `[index]`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the severity.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Converts an issue of a part of a value to an issue of the whole value. `prefix` is the path of the part.
    pub(super) fn under(self, prefix: &str) -> ValidationIssue {
        let path = match (trim(prefix), self.path.strip_prefix('$')) {
            ("" | "$", _) => self.path,
            (prefix, Some(rest)) => format!("{prefix}{rest}"),
            (prefix, None) => format!("{prefix}.{}", self.path),
        };
        let place = self.place.map(|place| place.within(Place::of_path(prefix)));
        ValidationIssue { path, place, ..self }
    }
}

impl From<ValidationIssue> for ContractError {
    fn from(issue: ValidationIssue) -> ContractError {
        let field = issue.path.trim_start_matches('$').trim_start_matches('.');
        let field = (!field.is_empty()).then(|| field.to_owned());
        ContractError { code: issue.code, field, message: issue.message }
    }
}

impl Canonical for ValidationIssue {
    fn to_value(&self) -> Value {
        Value::map([
            ("code", self.code.as_str().into()),
            ("path", self.path.as_str().into()),
            ("message", self.message.as_str().into()),
            ("severity", self.severity.as_str().into()),
        ])
    }
}
