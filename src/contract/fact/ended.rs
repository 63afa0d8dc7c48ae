//! The fact that a run, stage, batch or deployment ended.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::models::lifecycle::RunStatus;
use crate::contract::refs::stable::StableRef;
use crate::contract::time::Timestamp;

/// The fact that a run, stage, batch or deployment ended, with the status at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    subject: StableRef,
    status: RunStatus,
    ended_at: Timestamp,
}

impl Ended {
    /// The ref kinds of objects that have an end.
    pub const KINDS: &'static [&'static str] = &["run", "stage", "batch", "deployment"];

    /// Creates the end of `subject`. Errors: `subject` has the wrong number of components, objects of this kind have no
    /// end, or the status is open.
    pub fn new(subject: StableRef, status: RunStatus, ended_at: Timestamp) -> Result<Ended> {
        subject.check_shape()?;
        if !Ended::KINDS.contains(&subject.kind()) || status == RunStatus::Open {
            let message = format!("{subject} cannot end with status {status}");
            return Err(ContractError::new(ErrorCode::StatusTransition, message));
        }
        Ok(Ended { subject, status, ended_at })
    }

    /// Returns the ref of the run, stage, batch or deployment that ended.
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
}
