//! Joining a run that exists: attaching to its newest attempt, or resuming it with a new attempt.

use crate::capture::context::Context;
use crate::capture::emission::Step;
use crate::capture::error::{Error, Result};
use crate::capture::intake::Intake;
use crate::capture::scope::{NewScope, Scope, ScopeKind};
use crate::capture::scopes::RunScope;
use crate::capture::session::Session;
use crate::contract::fact::Joined;
use crate::contract::refs::slug;
use crate::contract::{Fact, RunRef};

/// The description of a writer that joins a run. [`JoinBuilder::start`] joins the run.
#[derive(Debug, Clone)]
#[must_use]
pub struct JoinBuilder {
    session: Session,
    run: RunRef,
    joined: Joined,
    label: Option<String>,
}

impl Session {
    /// Describes a writer that attaches to a run. The writer captures into the newest attempt, beside the other
    /// writers. The run is open while any of its writers is open, and failed if any of them failed. The method reads
    /// nothing, so a ref without a run is no error.
    ///
    /// An attached writer adds its label, or a random suffix, to each ref that it makes from the name of a stage or
    /// file. Two writers that use the same names therefore have different stages and artifacts. A given key gets no
    /// suffix.
    pub fn attach(&self, run: &RunRef) -> JoinBuilder {
        JoinBuilder { session: self.clone(), run: run.clone(), joined: Joined::Attached, label: None }
    }

    /// Describes a writer that resumes a run: the writer begins a new attempt. Answers show the start of the first
    /// attempt, and show an end only after the new attempt has ended. A stage with the name of an earlier stage opens
    /// the earlier stage again. The method reads nothing, so a ref without a run is no error.
    pub fn resume(&self, run: &RunRef) -> JoinBuilder {
        let joined = Joined::Resumed { from_step: None };
        JoinBuilder { session: self.clone(), run: run.clone(), joined, label: None }
    }
}

impl JoinBuilder {
    /// Sets the first step of a resumed run. Points of earlier attempts at this step or a later step are kept and
    /// marked as superseded. The step has no effect on a writer that attaches.
    pub fn from_step(mut self, step: impl Into<Step>) -> JoinBuilder {
        if let Joined::Resumed { from_step } = &mut self.joined {
            *from_step = Some(step.into().0);
        }
        self
    }

    /// Sets the name of the writer, such as `rank-3`.
    pub fn label(mut self, label: &str) -> JoinBuilder {
        self.label = Some(label.to_owned());
        self
    }

    /// Joins the run. The fact of the join is on disk when the method returns. The start time of the returned scope is
    /// the time of the join. Errors: the workspace is read-only or cannot be written, or a sink failed.
    pub fn start(self) -> Result<RunScope> {
        let session = &self.session.inner;
        if session.options.records_read_only {
            return Err(Error::ReadOnly { what: "runs" });
        }
        let now = session.now();
        let fact = session.new_writer(&self.run, self.joined, self.label.as_deref(), now)?;
        let label = fact.label().map(str::to_owned);
        let new = NewScope {
            kind: ScopeKind::Run,
            own: (&self.run).into(),
            name: self.run.last_component().to_owned(),
            context: Context { run: Some(self.run.clone()), ..Context::default() },
            started_at: now,
            writer: Some(fact.id()),
        };
        let (scope, _) = Scope::open(
            self.session.clone(),
            None,
            new,
            vec![Fact::Writer(fact)],
            Intake::new(&session.redactor),
        )?;
        if self.joined == Joined::Attached {
            let label = label.as_deref().and_then(|label| slug(label, SUFFIX_LEN_MAX));
            scope.children().names.share(match label {
                Some(label) => label,
                None => session.suffix()?,
            });
        }
        RunScope::of(scope).ok_or(Error::NoCurrentRun)
    }
}

/// The greatest length of the suffix that is made from the label of a writer.
const SUFFIX_LEN_MAX: usize = 24;
