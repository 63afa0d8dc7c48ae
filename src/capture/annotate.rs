//! Changes of runs that this process does not capture: annotations, and the end of a run whose processes have died.

use crate::capture::end::End;
use crate::capture::error::{Error, Result};
use crate::capture::secrets::Redaction;
use crate::capture::session::Session;
use crate::contract::fact::{Annotation, Change, Ended};
use crate::contract::{Fact, RunRef, RunStatus, StableRef};
use crate::store::Durability;

/// The reason of the end of a run that a person ended.
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
    /// disk when the method returns. Nothing is read, so it is not an error if no object has this ref. Errors: a text is
    /// blank, or the workspace is read-only or cannot be written.
    pub fn annotate(&self, subject: impl Into<StableRef>, change: Change) -> Result<()> {
        let change = Redaction::new(&self.inner.redactor).of(change);
        self.append(Fact::Annotation(Annotation::new(subject.into(), change)?))
    }

    /// Ends a run as a whole, with the reason `ended_by_user`: all its writers that have joined so far. Errors: the
    /// status is open, or the workspace is read-only or cannot be written.
    pub fn end_run(&self, run: &RunRef, status: RunStatus, message: &str) -> Result<()> {
        let ended = Ended::new(run.into(), status, self.inner.now())?;
        let message = End::failed(message).redacted(&self.inner.redactor).message();
        self.append(Fact::Ended(ended.because(message, Some(ENDED_BY_USER.to_owned()))?))
    }
}
