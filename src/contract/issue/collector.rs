//! The collector to which rules add issues.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{Result, bounded};
use crate::contract::issue::report::ValidationReport;
use crate::contract::issue::severity::Severity;
use crate::contract::issue::validation_issue::ValidationIssue;
use std::fmt::Write as _;

/// One step of the path from the checked model to a value inside: into a member of an object, or into an item of a
/// list.
#[derive(Debug, Clone)]
enum Step {
    Member(&'static str),
    Index(usize),
}

/// Collects the issues that rules find in a value. The text of a path is built only when an issue is added, which saves
/// time for valid values.
#[derive(Debug, Default)]
pub struct Issues {
    at: Vec<Step>,
    list: Vec<ValidationIssue>,
    /// True while the current object has a newer minor version of the schema. Such an object can have unknown members.
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

    /// Adds an error about a field of the current value; an empty `field` denotes the current value itself.
    pub fn error(&mut self, code: ErrorCode, field: &str, message: impl Into<String>) {
        self.push(Severity::Error, code, field, message.into());
    }

    /// Adds a warning about a field of the current value.
    pub fn warning(&mut self, code: ErrorCode, field: &str, message: impl Into<String>) {
        self.push(Severity::Warning, code, field, message.into());
    }

    /// Returns the value of a successful `result`. If `result` is an error, adds it as an issue of `field` and returns
    /// `None`.
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

    /// Calls `look` with the member `name` as the current value, so that the paths of the issues that `look` adds
    /// contain the member.
    pub(crate) fn within<T>(&mut self, name: &'static str, look: impl FnOnce(&mut Issues) -> T) -> T {
        self.step(Step::Member(name), look)
    }

    /// Calls `look` with the item `index` of a list as the current value, so that the paths of the issues that `look`
    /// adds contain the index.
    pub(crate) fn at_index<T>(&mut self, index: usize, look: impl FnOnce(&mut Issues) -> T) -> T {
        self.step(Step::Index(index), look)
    }

    fn step<T>(&mut self, step: Step, look: impl FnOnce(&mut Issues) -> T) -> T {
        self.at.push(step);
        let out = look(self);
        self.at.pop();
        out
    }

    /// Calls `look` for an object. While `look` runs, [`Issues::is_newer`] returns `newer`: true if the object has a
    /// newer minor version of the schema.
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

    /// Returns the first error as `Err`, or `Ok` if there is no error.
    pub(crate) fn into_result(self) -> Result<()> {
        match self.list.into_iter().find(|i| i.severity == Severity::Error) {
            Some(issue) => Err(issue.into()),
            None => Ok(()),
        }
    }

    /// Returns all issues.
    pub fn into_report(self) -> ValidationReport {
        ValidationReport { issues: self.list }
    }
}
