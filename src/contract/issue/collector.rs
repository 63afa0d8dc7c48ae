//! The collector to which rules add issues.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{Result, bounded};
use crate::contract::issue::place::Place;
use crate::contract::issue::report::ValidationReport;
use crate::contract::issue::severity::Severity;
use crate::contract::issue::validation_issue::ValidationIssue;
use std::fmt::Write as _;

/// The maximum number of issues that have a place in addition to the text of the path. The limit bounds the memory that
/// a hostile value with very many invalid members can use.
const PLACES_MAX: usize = 1000;

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

    fn place(&self, field: &str, key: Option<&str>) -> Place {
        let mut place = Place::default();
        for step in &self.at {
            match step {
                Step::Member(name) => place.enter_member(name),
                Step::Index(n) => place.enter_index(*n),
            }
        }
        field.split('.').filter(|name| !name.is_empty()).chain(key).for_each(|name| place.enter_member(name));
        place
    }

    fn push(
        &mut self,
        severity: Severity,
        code: ErrorCode,
        (field, key): (&str, Option<&str>),
        message: String,
    ) {
        let shown = key.map(|key| if field.is_empty() { key.to_owned() } else { format!("{field}.{key}") });
        let path = bounded(self.path(shown.as_deref().unwrap_or(field)));
        let place = (self.list.len() < PLACES_MAX).then(|| self.place(field, key));
        self.list.push(ValidationIssue { code, path, message: bounded(message), severity, place });
    }

    /// Adds an error about a field of the current value; an empty `field` denotes the current value itself.
    pub fn error(&mut self, code: ErrorCode, field: &str, message: impl Into<String>) {
        self.push(Severity::Error, code, (field, None), message.into());
    }

    /// Adds an error about the member `key` of the object in the field `field`.
    pub(crate) fn error_in(&mut self, code: ErrorCode, field: &str, key: &str, message: impl Into<String>) {
        self.error_at(code, field, Some(key), message);
    }

    /// Adds an error. If `key` is `None`, the error is about the field `field`; otherwise it is about the member `key`
    /// of this field.
    pub(crate) fn error_at(
        &mut self,
        code: ErrorCode,
        field: &str,
        key: Option<&str>,
        message: impl Into<String>,
    ) {
        self.push(Severity::Error, code, (field, key), message.into());
    }

    /// Adds an error about a member of the current value that the contract does not define.
    pub(crate) fn unknown_member(&mut self, name: &str, message: String) {
        self.error_in(ErrorCode::UnknownField, "", name, message);
    }

    /// Adds a warning about a field of the current value.
    pub fn warning(&mut self, code: ErrorCode, field: &str, message: impl Into<String>) {
        self.push(Severity::Warning, code, (field, None), message.into());
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
