//! The preparation of objects and payloads for the log: secrets are replaced, and invalid members that are not required
//! are left out. A degraded marker names the members that were left out.

use crate::capture::context::{Context, warning};
use crate::capture::error::Result;
use crate::capture::redact::Redactor;
use crate::capture::result::CaptureResult;
use crate::capture::secrets::{Redact, Redaction};
use crate::contract::{
    ContractError, DroppedMember, ErrorCode, Fact, Members, Model, Observation, Payload, RecordDraft,
    StableRef, Timestamp, Valid, ValidationReport, Value, salvage,
};
use std::fmt::Display;

/// The greatest number of members that a marker names.
const NAMED_MAX: usize = 100;

/// The changes of an object or payload by its preparation.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The paths of the values that were redacted.
    pub(super) redacted: Vec<String>,
    /// The members that were left out, each with the reason.
    pub(super) left_out: Vec<String>,
}

impl Changes {
    /// Adds the changes to the result of the capture.
    pub(super) fn tell(self, result: &mut CaptureResult) {
        result.add_redacted(self.redacted);
        if !self.left_out.is_empty() {
            result.add_reason("members_left_out");
        }
        self.left_out.into_iter().for_each(|reason| result.add_warning(reason));
    }
}

/// The preparation of one object or payload.
#[derive(Debug)]
pub(super) struct Intake<'a> {
    redaction: Redaction<'a>,
    left_out: Vec<String>,
}

impl<'a> Intake<'a> {
    pub(super) fn new(redactor: &'a Redactor) -> Intake<'a> {
        Intake { redaction: Redaction::new(redactor), left_out: Vec::new() }
    }

    /// Replaces the secrets of an object, and leaves invalid members out. Errors: a required member is invalid.
    pub(super) fn object<M: Model + Clone + Redact>(&mut self, object: M) -> Result<Valid<M>> {
        let (valid, dropped) = salvage(self.redaction.of(object)).map_err(|report| first(&report))?;
        self.leave_members_out::<M>(dropped);
        Ok(valid)
    }

    /// Creates a record of a payload, like [`object`](Intake::object). Errors: a required member of the payload is
    /// invalid, or the observation is.
    pub(super) fn record<P>(&mut self, observation: Observation, payload: P) -> Result<Valid<RecordDraft<P>>>
    where
        P: Payload + Clone + Redact,
    {
        let payload = self.redaction.of(payload);
        let record = RecordDraft::of(observation.clone(), payload.clone());
        if let Ok(record) = Valid::new(record) {
            return Ok(record);
        }
        let (payload, dropped) = salvage(payload).map_err(|report| first(&report))?;
        self.leave_members_out::<P>(dropped);
        Ok(Valid::new(RecordDraft::of(observation, payload.into_inner()))?)
    }

    /// Notes what was left out, and the error that is the reason.
    pub(super) fn leave_out(&mut self, what: &str, error: &dyn Display) {
        self.left_out.push(format!("{what} was left out: {error}"));
    }

    fn leave_members_out<M: Model>(&mut self, dropped: Vec<DroppedMember>) {
        let reason =
            |member: DroppedMember| format!("{} {} was left out: {}", M::NAME, member.path, member.message);
        self.left_out.extend(dropped.into_iter().map(reason));
    }

    /// Returns the degraded marker that names the members of `subject` that were left out; `None` if there are none.
    pub(super) fn marker(
        mut self,
        subject: StableRef,
        context: &Context,
        now: Timestamp,
        producer: &str,
    ) -> Result<Option<Fact>> {
        let count = self.left_out.len();
        if count == 0 {
            return Ok(None);
        }
        let mut payload = warning("capture.members_left_out", format!("members left out: {count}"), subject);
        let named = self.left_out.iter().take(NAMED_MAX).map(String::as_str);
        payload.attributes.insert("members".to_owned(), Value::list(named));
        context.marker(now, producer, self.redaction.of(payload)).map(Some)
    }

    /// Replaces the secrets in the members of an object.
    pub(super) fn redact(&mut self, name: &str, members: &mut Members) {
        self.redaction.redactor.redact_map(name, members, &mut self.redaction.redacted);
    }

    /// Returns what was done to the object.
    pub(super) fn changes(&self) -> Changes {
        Changes { redacted: self.redaction.redacted.clone(), left_out: self.left_out.clone() }
    }
}

/// Returns the first error of a report.
fn first(report: &ValidationReport) -> ContractError {
    let first = report.errors().next().cloned().map(ContractError::from);
    first.unwrap_or_else(|| ContractError::new(ErrorCode::ValidationFailed, "the value is not valid"))
}
