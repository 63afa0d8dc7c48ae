//! The issues of one value.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::issue::severity::Severity;
use crate::contract::issue::validation_issue::ValidationIssue;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::Value;
use std::fmt::Write as _;

/// All issues of one value, in the order in which the rules were checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct ValidationReport {
    pub(super) issues: Vec<ValidationIssue>,
}

impl ValidationReport {
    /// Creates a report without issues.
    pub fn ok() -> ValidationReport {
        ValidationReport::default()
    }

    /// Creates a report of these issues.
    pub fn from_issues(issues: impl IntoIterator<Item = ValidationIssue>) -> ValidationReport {
        ValidationReport { issues: issues.into_iter().collect() }
    }

    /// Joins the issues of several reports.
    pub fn merge(reports: impl IntoIterator<Item = ValidationReport>) -> ValidationReport {
        ValidationReport { issues: reports.into_iter().flat_map(|r| r.issues).collect() }
    }

    /// Converts a report on a part of a value to a report on the whole value. `prefix` is the path of the part, such as
    /// `$.envelope`; every path of the result begins with `prefix`.
    pub fn under(self, prefix: &str) -> ValidationReport {
        ValidationReport { issues: self.issues.into_iter().map(|i| i.under(prefix)).collect() }
    }

    /// Returns `true` if no issue is an error. There may be warnings.
    pub fn is_valid(&self) -> bool {
        self.errors().next().is_none()
    }

    /// Returns all issues.
    pub fn issues(&self) -> &[ValidationIssue] {
        &self.issues
    }

    /// Returns the issues that are errors.
    pub fn errors(&self) -> impl Iterator<Item = &ValidationIssue> {
        self.issues.iter().filter(|i| i.severity == Severity::Error)
    }

    /// Returns the first error; `validation_failed` if the report has none.
    pub(crate) fn first_error(&self) -> ContractError {
        let first = self.errors().next().cloned().map(ContractError::from);
        first.unwrap_or_else(|| ContractError::new(ErrorCode::ValidationFailed, "the value is not valid"))
    }

    /// Returns the issues that are warnings.
    pub fn warnings(&self) -> impl Iterator<Item = &ValidationIssue> {
        self.issues.iter().filter(|i| i.severity == Severity::Warning)
    }

    /// Returns `Ok` if no issue has severity `error`. Otherwise returns one error whose message lists the issues with
    /// this severity. A message that is too long is cut.
    pub fn raise_for_errors(&self) -> Result<()> {
        let mut text = String::new();
        for issue in self.errors() {
            let _ = write!(text, "; {} at {}: {}", issue.code.as_str(), issue.path, issue.message);
        }
        match text.strip_prefix("; ") {
            None => Ok(()),
            Some(text) => Err(ContractError::new(ErrorCode::ValidationFailed, text)),
        }
    }
}

impl Canonical for ValidationReport {
    fn to_value(&self) -> Value {
        Value::map([
            ("valid", self.is_valid().into()),
            ("issues", Value::List(self.issues.iter().map(Canonical::to_value).collect())),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_valid_until_something_is_an_error() {
        let issue = |severity| ValidationIssue::new(ErrorCode::String, "$.a", " m ", severity).unwrap();
        let warned = ValidationReport::from_issues([issue(Severity::Warning)]);
        assert!(warned.is_valid() && warned.raise_for_errors().is_ok());
        let failed =
            ValidationReport::merge([warned, ValidationReport::from_issues([issue(Severity::Error)])]);
        let error = failed.raise_for_errors().unwrap_err();
        assert_eq!(error.code.as_str(), "validation_failed");
        assert_eq!(error.message, "context_invalid_string at $.a: m");
        assert_eq!((failed.errors().count(), failed.warnings().count()), (1, 1));
        assert!(failed.to_json().unwrap().ends_with(r#""valid":false}"#));
    }

    #[test]
    fn paths_are_seen_from_outside() {
        let issue = |path: &str| ValidationIssue::new(ErrorCode::String, path, "m", Severity::Error).unwrap();
        let under = |path: &str, prefix: &str| issue(path).under(prefix).path;
        assert_eq!(under("$.a", "$.envelope"), "$.envelope.a");
        assert_eq!(under("$", "$.envelope"), "$.envelope");
        assert_eq!(under("a", "$.envelope"), "$.envelope.a");
        assert_eq!(under("$.a", " $ "), "$.a");
        let blank = |path, message| ValidationIssue::new(ErrorCode::String, path, message, Severity::Error);
        assert_eq!(blank(" ", "m").unwrap_err().code.as_str(), "validation_issue_invalid_path");
        assert_eq!(blank("$", "").unwrap_err().code.as_str(), "validation_issue_invalid_message");
        let info = ValidationIssue::new(ErrorCode::String, "$.a", "m", Severity::Info);
        assert_eq!(info.unwrap_err().code.as_str(), "validation_issue_invalid_severity");
        assert_eq!("bad".parse::<Severity>().unwrap_err().code.as_str(), "validation_issue_invalid_severity");
    }
}
