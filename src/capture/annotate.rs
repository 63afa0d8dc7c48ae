//! Changes of recorded objects by their ref: annotations, and the end of a run whose processes have died.

use crate::capture::context::Context;
use crate::capture::dispatch::Commit;
use crate::capture::end::End;
use crate::capture::error::{Error, Result};
use crate::capture::secrets::Redaction;
use crate::capture::session::Session;
use crate::contract::fact::{Annotation, Change, Ended};
use crate::contract::{Fact, RunRef, RunStatus, StableRef};
use crate::store::{Durability, Stamp};
use std::sync::Arc;

/// The reason that is recorded for a run that a user ended.
const ENDED_BY_USER: &str = "ended_by_user";

impl Session {
    /// Appends a change of a recorded object, which replaces the entries `replaces`, and offers it to the sinks. The
    /// change is on disk when the method returns. Errors: the workspace is read-only or cannot be written; with
    /// [`FailureMode::Raise`](crate::capture::FailureMode::Raise), a sink failed.
    pub(crate) fn append_change(&self, fact: Fact, replaces: Vec<Stamp>) -> Result<()> {
        if self.inner.options.records_read_only {
            return Err(Error::ReadOnly { what: "runs" });
        }
        let context = Arc::new(Context::default());
        let commit = Commit::new(vec![fact], Durability::Fsync, &context);
        self.inner.dispatcher.append(Commit { replaces, needs_log: true, ..commit })?;
        Ok(())
    }

    /// Changes the name, the description or a tag of a run, project or deployment, or adds a note. The change is on
    /// disk when the method returns. The method reads nothing, so a ref without an object is no error. Errors: a text
    /// is blank, the workspace is read-only or cannot be written, or a sink failed. After the failure of a sink, the
    /// change is recorded ([`Error::is_recorded`]).
    pub fn annotate(&self, subject: impl Into<StableRef>, change: Change) -> Result<()> {
        let change = Redaction::new(&self.inner.redactor).of(change);
        self.append_change(Fact::Annotation(Annotation::new(subject.into(), change)?), Vec::new())
    }

    /// Ends a run with the reason `ended_by_user`. The end applies to all writers that have joined the run so far.
    /// Errors: the status is open, the workspace is read-only or cannot be written, or a sink failed. After the failure of
    /// a sink, the end is recorded ([`Error::is_recorded`]).
    pub fn end_run(&self, run: &RunRef, status: RunStatus, message: &str) -> Result<()> {
        let ended = Ended::new(run.into(), status, self.inner.now())?;
        let message = End::failed(message).redacted(&self.inner.redactor).message();
        let ended = ended.because(message, Some(ENDED_BY_USER.to_owned()))?;
        self.append_change(Fact::Ended(ended), Vec::new())
    }
}
