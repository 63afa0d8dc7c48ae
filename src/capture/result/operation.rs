//! The part that all results have in common.
//!
//! Invariants:
//! 1. A successful result has no failure. A degraded result has a note. A failed result has a failure.
//! 2. A result that was only planned is not applied.

use crate::capture::result::failure::ResultFailure;
use crate::capture::result::form::Form;
use crate::capture::result::message::ResultMessage;
use crate::capture::result::note::DegradationNote;
use crate::capture::result::status::ResultStatus;
use crate::contract::{self, Members, Value};

/// The part that all results have in common: status, messages, notes and failure.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationResult {
    status: ResultStatus,
    applied: bool,
    planned_only: bool,
    rare: Option<Box<Rare>>,
}

/// The parts that most results do not have.
#[derive(Debug, Clone, PartialEq, Default)]
struct Rare {
    messages: Vec<ResultMessage>,
    degradation_notes: Vec<DegradationNote>,
    failure: Option<ResultFailure>,
    metadata: Members,
}

impl OperationResult {
    /// Creates the result of an operation that succeeded completely.
    pub fn success() -> OperationResult {
        OperationResult { status: ResultStatus::Success, applied: true, planned_only: false, rare: None }
    }

    /// Creates the result of an operation that succeeded in part.
    pub fn with_degradation(note: DegradationNote) -> OperationResult {
        OperationResult::success().note(note)
    }

    /// Creates the result of an operation that failed and had no effect.
    pub fn failure_result(failure: ResultFailure) -> OperationResult {
        let mut result = OperationResult::success();
        result.fail(failure);
        result
    }

    /// Adds a note. A successful result becomes degraded.
    #[must_use]
    pub fn note(mut self, note: DegradationNote) -> OperationResult {
        self.degrade(note);
        self
    }

    /// Adds a message.
    #[must_use]
    pub fn message(mut self, message: ResultMessage) -> OperationResult {
        self.add_message(message);
        self
    }

    /// Adds a member to the metadata.
    #[must_use]
    pub fn metadata_member(mut self, key: &str, value: impl Into<Value>) -> OperationResult {
        self.rare_mut().metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Marks the operation as planned only. It then has no effect.
    #[must_use]
    pub fn planned(mut self) -> OperationResult {
        (self.planned_only, self.applied) = (true, false);
        self
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn add_message(&mut self, message: ResultMessage) {
        self.rare_mut().messages.push(message);
    }

    pub(super) fn degrade(&mut self, note: DegradationNote) {
        self.rare_mut().degradation_notes.push(note);
        if self.status == ResultStatus::Success {
            self.status = ResultStatus::Degraded;
        }
    }

    /// Marks the operation as failed and without effect.
    pub(super) fn fail(&mut self, failure: ResultFailure) {
        self.rare_mut().failure = Some(failure);
        (self.status, self.applied) = (ResultStatus::Failure, false);
    }

    /// Marks the operation as failed, although it had an effect.
    pub(super) fn fail_applied(&mut self, failure: ResultFailure) {
        self.fail(failure);
        self.applied = !self.planned_only;
    }

    /// Returns the status.
    pub fn status(&self) -> ResultStatus {
        self.status
    }

    /// Returns `true` if the operation had an effect.
    pub fn applied(&self) -> bool {
        self.applied
    }

    /// Returns `true` if the operation was only planned.
    pub fn planned_only(&self) -> bool {
        self.planned_only
    }

    /// Returns the messages.
    pub fn messages(&self) -> &[ResultMessage] {
        self.rare.as_ref().map_or(&[], |rare| &rare.messages)
    }

    /// Returns the notes on missing parts; at least one for a degraded result.
    pub fn degradation_notes(&self) -> &[DegradationNote] {
        self.rare.as_ref().map_or(&[], |rare| &rare.degradation_notes)
    }

    /// Returns the failure of a failed result.
    pub fn failure(&self) -> Option<&ResultFailure> {
        self.rare.as_ref()?.failure.as_ref()
    }

    /// Returns the metadata.
    pub fn metadata(&self) -> Members {
        self.rare.as_ref().map_or_else(Members::new, |rare| rare.metadata.clone())
    }

    /// Returns the object form.
    pub fn to_value(&self) -> Value {
        self.form().into_value()
    }

    /// Returns the object form as compact JSON, with the members in the order of the fields in the Python package.
    /// Errors: a number that is not finite.
    pub fn to_json(&self) -> contract::Result<String> {
        self.form().to_json()
    }

    fn form(&self) -> Form {
        let mut members = vec![("status", self.status.as_str().into())];
        members.extend(self.last_members(self.metadata()));
        Form::Object(members)
    }

    /// Returns the last members of the object form of a result.
    pub(super) fn last_members(&self, metadata: Members) -> Vec<(&'static str, Form)> {
        let messages = self.messages().iter().map(ResultMessage::form).collect();
        let notes = self.degradation_notes().iter().map(DegradationNote::form).collect();
        vec![
            ("messages", Form::List(messages)),
            ("degradation_notes", Form::List(notes)),
            ("failure", self.failure().map_or(Value::Null.into(), ResultFailure::form)),
            ("applied", self.applied.into()),
            ("planned_only", self.planned_only.into()),
            ("metadata", Value::Map(metadata).into()),
        ]
    }
}
