//! The preparation of objects and payloads for the log. Secrets are replaced. Invalid members are left out unless they
//! are required, and a degraded marker names the members that were left out.

use crate::capture::context::{Context, warning};
use crate::capture::error::Result;
use crate::capture::redact::Redactor;
use crate::capture::result::CaptureResult;
use crate::capture::secrets::{Redact, Redaction};
use crate::contract::{
    ContractError, DegradedSeverity, DroppedMember, Fact, Members, Model, Observation, Payload, RecordDraft,
    RecordType, StableRef, Timestamp, Valid, Value, salvage,
};
use std::fmt::Display;

/// The greatest number of members that a marker names.
const NAMED_MAX: usize = 100;

/// The changes that the preparation made to an object or payload.
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
        let (valid, dropped) = salvage(self.redaction.of(object)).map_err(|report| report.first_error())?;
        self.leave_members_out::<M>(dropped);
        Ok(valid)
    }

    /// Prepares a payload like [`object`](Intake::object), and creates a record with this observation. Errors: the
    /// observation or a required member of the payload is invalid.
    pub(super) fn record<P>(&mut self, observation: Observation, payload: P) -> Result<Valid<RecordDraft<P>>>
    where
        P: Payload + Clone + Redact,
    {
        let payload = self.redaction.of(payload);
        // A check can remove invalid members, so the payload is kept.
        match Valid::or_model(RecordDraft::of(observation, payload.clone())) {
            Ok(record) => Ok(record),
            Err(RecordDraft { observation, .. }) => {
                let (payload, dropped) = salvage(payload).map_err(|report| report.first_error())?;
                self.leave_members_out::<P>(dropped);
                Ok(Valid::new(RecordDraft::of(observation, payload.into_inner()))?)
            }
        }
    }

    /// Adds `what` to the members that were left out, with `error` as the reason.
    pub(super) fn leave_out(&mut self, what: &str, error: &dyn Display) {
        self.left_out.push(format!("{what} was left out: {error}"));
    }

    fn leave_members_out<M: Model>(&mut self, dropped: Vec<DroppedMember>) {
        let reason =
            |member: DroppedMember| format!("{} {} was left out: {}", M::NAME, member.path, member.message);
        self.left_out.extend(dropped.into_iter().map(reason));
    }

    /// Returns the degraded marker that names the left-out members of `subject`; `None` if no member was left out.
    pub(super) fn marker(
        &self,
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
        context.marker(now, producer, Redaction::new(self.redaction.redactor).of(payload)).map(Some)
    }

    /// Returns the degraded marker that replaces a record of `subject`. The record breaks a rule, and `error`
    /// is the error of the rule.
    pub(super) fn record_left_out(
        &mut self,
        subject: StableRef,
        record_type: RecordType,
        error: &ContractError,
        context: &Context,
        now: Timestamp,
        producer: &str,
    ) -> Result<Fact> {
        let summary = format!("a record of the type {record_type} was left out: {error}");
        let mut payload = warning("capture.record_left_out", summary, subject);
        payload.severity = DegradedSeverity::Error;
        payload.attributes.insert("record_type".to_owned(), record_type.as_str().into());
        payload.attributes.insert("code".to_owned(), error.code.as_str().into());
        context.marker(now, producer, self.redaction.of(payload))
    }

    /// Replaces the secrets in the members of an object.
    pub(super) fn redact(&mut self, name: &str, members: &mut Members) {
        self.redaction.redactor.redact_map(name, members, &mut self.redaction.redacted);
    }

    /// Returns the changes that the preparation has made so far.
    pub(super) fn into_changes(self) -> Changes {
        Changes { redacted: self.redaction.redacted, left_out: self.left_out }
    }
}
