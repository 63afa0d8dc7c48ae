//! What is found wrong with a value: one issue, a report of all of them, and the collector that rules write into.

use crate::contract::error::{ContractError, ErrorCode, Result, bounded};
use crate::contract::json::{Canonical, Value};
use crate::contract::rules::trim;
use std::fmt::Write as _;

/// The severity of an issue, note or finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Information. Issues of validation do not have it.
    Info,
    /// The value is usable, or the answer complete enough to use, but something is missing or uncertain.
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

    /// Reads the name of a severity of issues: `warning` or `error`.
    pub fn parse(text: &str) -> Result<Severity> {
        match text {
            "warning" => Ok(Severity::Warning),
            "error" => Ok(Severity::Error),
            _ => {
                let message = format!("{text:?} is not a severity: error, warning");
                Err(ContractError::field(ErrorCode::IssueSeverity, "severity", message))
            }
        }
    }
}

/// One thing that is wrong with a value, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationIssue {
    code: ErrorCode,
    path: String,
    message: String,
    severity: Severity,
}

impl ValidationIssue {
    /// An issue at a path such as `$.payload.unit`; `$` is the whole value. Errors: path or message is blank, or the severity is `Info`.
    pub fn new(code: ErrorCode, path: &str, message: &str, severity: Severity) -> Result<ValidationIssue> {
        let settled = |code, field: &str, text: &str| match trim(text) {
            "" => Err(ContractError::field(code, field, "must not be blank")),
            text => Ok(text.to_owned()),
        };
        if severity == Severity::Info {
            let message = "an issue has severity warning or error";
            return Err(ContractError::field(ErrorCode::IssueSeverity, "severity", message));
        }
        Ok(ValidationIssue {
            code,
            path: settled(ErrorCode::IssuePath, "path", path)?,
            message: settled(ErrorCode::IssueMessage, "message", message)?,
            severity,
        })
    }

    /// Which rule.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Where: `$`, then `.member` and `[index]` steps.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// In words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How grave.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The same issue seen from a value that holds this one under `prefix`.
    fn under(self, prefix: &str) -> ValidationIssue {
        let path = match (trim(prefix), self.path.strip_prefix('$')) {
            ("" | "$", _) => self.path,
            (prefix, Some(rest)) => format!("{prefix}{rest}"),
            (prefix, None) => format!("{prefix}.{}", self.path),
        };
        ValidationIssue { path, ..self }
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

/// All issues of one value, in the order of its rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidationReport {
    issues: Vec<ValidationIssue>,
}

impl ValidationReport {
    /// A report without issues.
    pub fn ok() -> ValidationReport {
        ValidationReport::default()
    }

    /// A report of these issues.
    pub fn from_issues(issues: impl IntoIterator<Item = ValidationIssue>) -> ValidationReport {
        ValidationReport { issues: issues.into_iter().collect() }
    }

    /// The issues of several reports, one behind the other.
    pub fn merge(reports: impl IntoIterator<Item = ValidationReport>) -> ValidationReport {
        ValidationReport { issues: reports.into_iter().flat_map(|r| r.issues).collect() }
    }

    /// The same report seen from a value that holds this one under `prefix`, such as `$.envelope`.
    pub fn under(self, prefix: &str) -> ValidationReport {
        ValidationReport { issues: self.issues.into_iter().map(|i| i.under(prefix)).collect() }
    }

    /// Whether nothing is an error; there may be warnings.
    pub fn is_valid(&self) -> bool {
        self.errors().next().is_none()
    }

    /// All issues.
    pub fn issues(&self) -> &[ValidationIssue] {
        &self.issues
    }

    /// The issues that break a rule.
    pub fn errors(&self) -> impl Iterator<Item = &ValidationIssue> {
        self.issues.iter().filter(|i| i.severity == Severity::Error)
    }

    /// The others.
    pub fn warnings(&self) -> impl Iterator<Item = &ValidationIssue> {
        self.issues.iter().filter(|i| i.severity == Severity::Warning)
    }

    /// An error that names every error issue, if there is one.
    pub fn raise_for_errors(&self) -> Result<()> {
        let mut said = String::new();
        for issue in self.errors() {
            let _ = write!(said, "; {} at {}: {}", issue.code.as_str(), issue.path, issue.message);
        }
        match said.strip_prefix("; ") {
            None => Ok(()),
            Some(said) => Err(ContractError::new(ErrorCode::ValidationFailed, said)),
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

/// A step into a value.
#[derive(Debug, Clone)]
enum Step {
    Member(&'static str),
    Index(usize),
}

/// Collects issues while rules walk through a value; costs nothing while there are none.
#[derive(Debug, Default)]
pub struct Issues {
    at: Vec<Step>,
    list: Vec<ValidationIssue>,
    /// Whether the object at hand is of a newer minor version of the schema, whose members we do not all know.
    newer: bool,
}

impl Issues {
    fn path(&self, field: &str) -> String {
        let mut path = "$".to_owned();
        for step in &self.at {
            let _ = match step {
                Step::Member(name) => write!(path, ".{name}"),
                Step::Index(n) => write!(path, "[{n}]"),
            };
        }
        if !field.is_empty() {
            path.push('.');
            path.push_str(field);
        }
        path
    }

    fn push(&mut self, severity: Severity, code: ErrorCode, field: &str, message: String) {
        let path = bounded(self.path(field));
        self.list.push(ValidationIssue { code, path, message: bounded(message), severity });
    }

    /// Something breaks a rule; an empty `field` is the value at hand itself.
    pub fn error(&mut self, code: ErrorCode, field: &str, message: impl Into<String>) {
        self.push(Severity::Error, code, field, message.into());
    }

    /// Something one would expect is missing.
    pub fn warning(&mut self, code: ErrorCode, field: &str, message: impl Into<String>) {
        self.push(Severity::Warning, code, field, message.into());
    }

    /// Notes the error of a check, if there is one.
    pub fn take<T>(&mut self, field: &str, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(e) => {
                let field = match e.field.as_deref() {
                    Some(inner) if field.is_empty() => inner.to_owned(),
                    Some(inner) => format!("{field}.{inner}"),
                    None => field.to_owned(),
                };
                self.error(e.code, &field, e.message);
                None
            }
        }
    }

    /// Looks into a member.
    pub(crate) fn within<T>(&mut self, name: &'static str, look: impl FnOnce(&mut Issues) -> T) -> T {
        self.step(Step::Member(name), look)
    }

    /// Looks into an item of a list.
    pub(crate) fn at_index<T>(&mut self, index: usize, look: impl FnOnce(&mut Issues) -> T) -> T {
        self.step(Step::Index(index), look)
    }

    fn step<T>(&mut self, step: Step, look: impl FnOnce(&mut Issues) -> T) -> T {
        self.at.push(step);
        let out = look(self);
        self.at.pop();
        out
    }

    /// Looks at an object of this or of a newer minor version.
    pub(crate) fn with_newer<T>(&mut self, newer: bool, look: impl FnOnce(&mut Issues) -> T) -> T {
        let before = std::mem::replace(&mut self.newer, newer);
        let out = look(self);
        self.newer = before;
        out
    }

    pub(crate) fn is_newer(&self) -> bool {
        self.newer
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|i| i.severity == Severity::Error)
    }

    /// The first error, if there is one.
    pub(crate) fn into_result(self) -> Result<()> {
        match self.list.into_iter().find(|i| i.severity == Severity::Error) {
            Some(issue) => Err(issue.into()),
            None => Ok(()),
        }
    }

    /// All of them.
    pub fn into_report(self) -> ValidationReport {
        ValidationReport { issues: self.list }
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
        assert_eq!(Severity::parse("bad").unwrap_err().code.as_str(), "validation_issue_invalid_severity");
    }
}
