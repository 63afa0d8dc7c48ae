//! Changes of recorded objects by their ref: annotations, and the end of a run whose processes have died.

use crate::capture::end::End;
use crate::capture::error::{Error, Result};
use crate::capture::secrets::Redaction;
use crate::capture::session::Session;
use crate::contract::fact::{Annotation, Change, Ended};
use crate::contract::{Fact, RunRef, RunStatus, StableRef};
use crate::store::Durability;

/// The reason that is recorded for a run that a user ended.
const ENDED_BY_USER: &str = "ended_by_user";

impl Session {
    fn append(&self, fact: Fact) -> Result<()> {
        if self.inner.options.records_read_only {
            return Err(Error::ReadOnly { what: "runs" });
        }
        self.inner.journal.append(vec![fact], Durability::Fsync)?;
        Ok(())
    }

    /// Changes the name, the description or a tag of a run, project or deployment, or adds a note. The change is on
    /// disk when the method returns. The method reads nothing, so a ref without an object is no error. Errors: a text
    /// is blank, or the workspace is read-only or cannot be written.
    pub fn annotate(&self, subject: impl Into<StableRef>, change: Change) -> Result<()> {
        let change = Redaction::new(&self.inner.redactor).of(change);
        self.append(Fact::Annotation(Annotation::new(subject.into(), change)?))
    }

    /// Ends a run with the reason `ended_by_user`. The end applies to all writers that have joined the run so far.
    /// Errors: the status is open, or the workspace is read-only or cannot be written.
    pub fn end_run(&self, run: &RunRef, status: RunStatus, message: &str) -> Result<()> {
        let ended = Ended::new(run.into(), status, self.inner.now())?;
        let message = End::failed(message).redacted(&self.inner.redactor).message();
        self.append(Fact::Ended(ended.because(message, Some(ENDED_BY_USER.to_owned()))?))
    }
}
