//! The fact that an execution ended.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::fact::writer::WriterId;
use crate::contract::issue::collector::Issues;
use crate::contract::models::lifecycle::{RunStatus, check_end};
use crate::contract::refs::stable::StableRef;
use crate::contract::time::Timestamp;

/// The fact that a run, deployment, stage, batch, sample or operation ended, with the status at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    subject: StableRef,
    status: RunStatus,
    ended_at: Timestamp,
    message: Option<String>,
    reason: Option<String>,
    writer: Option<WriterId>,
}

impl Ended {
    /// The ref kinds of objects that have an end.
    pub const KINDS: &'static [&'static str] = &["run", "stage", "batch", "deployment", "sample", "op"];

    /// Creates the end of `subject`. Errors: `subject` has the wrong number of components, objects of this kind have no
    /// end, or the status is open.
    pub fn new(subject: StableRef, status: RunStatus, ended_at: Timestamp) -> Result<Ended> {
        subject.check_shape()?;
        if !Ended::KINDS.contains(&subject.kind()) || status == RunStatus::Open {
            let message = format!("{subject} cannot end with status {status}");
            return Err(ContractError::new(ErrorCode::StatusTransition, message));
        }
        Ok(Ended { subject, status, ended_at, message: None, reason: None, writer: None })
    }

    /// Sets the message, such as the text of an error, and the reason, a token such as `scope_dropped`. Errors: one of
    /// them is blank, or the reason is not a token.
    pub fn because(self, message: Option<String>, reason: Option<String>) -> Result<Ended> {
        let mut ended = Ended { message, reason, ..self };
        let mut issues = Issues::default();
        check_end(&mut issues, &mut ended.message, &mut ended.reason);
        issues.into_result().map(|()| ended)
    }

    /// Sets the writer that ended the run. The run stays open while another writer is open.
    #[must_use]
    pub fn of_writer(self, writer: WriterId) -> Ended {
        Ended { writer: Some(writer), ..self }
    }

    /// Returns `true` if the end has a message, a reason or a writer.
    pub(crate) fn has_details(&self) -> bool {
        self.message.is_some() || self.reason.is_some() || self.writer.is_some()
    }

    /// Returns the ref of the object that ended.
    pub fn subject(&self) -> &StableRef {
        &self.subject
    }

    /// Returns the status at the end.
    pub fn status(&self) -> RunStatus {
        self.status
    }

    /// Returns the time of the end.
    pub fn ended_at(&self) -> Timestamp {
        self.ended_at
    }

    /// Returns the message, such as the text of an error; `None` if no message was given.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns the writer that ended the run; `None` if the object ended as a whole.
    pub fn writer(&self) -> Option<WriterId> {
        self.writer
    }

    /// Returns the reason, a token such as `scope_dropped`; `None` if no reason was given.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}
