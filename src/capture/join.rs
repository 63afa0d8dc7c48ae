//! Joining a run that exists: attaching to its newest attempt, or resuming it with a new attempt.

use crate::capture::context::Context;
use crate::capture::emission::Step;
use crate::capture::error::{Error, Result};
use crate::capture::intake::Intake;
use crate::capture::scope::{NewScope, Scope, ScopeKind};
use crate::capture::scopes::RunScope;
use crate::capture::session::Session;
use crate::contract::fact::{Joined, Writer};
use crate::contract::refs::slug;
use crate::contract::rules::trim;
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
    /// Describes a writer that attaches to a run: it captures the newest attempt beside the other writers. The run is
    /// open while one of its writers is open, and failed if one of them failed. Nothing is read, so it is not an error
    /// if no run has this ref.
    ///
    /// The refs of stages and artifacts of an attached writer end in its label, or in a random suffix, so that two
    /// writers with equal names have different stages and artifacts.
    pub fn attach(&self, run: &RunRef) -> JoinBuilder {
        JoinBuilder { session: self.clone(), run: run.clone(), joined: Joined::Attached, label: None }
    }

    /// Describes a writer that resumes a run: it begins a new attempt. Answers show the newest attempt: the start of
    /// the first attempt, and no end while the new attempt is open. Stages with the names of earlier stages are opened
    /// again. Nothing is read, so it is not an error if no run has this ref.
    pub fn resume(&self, run: &RunRef) -> JoinBuilder {
        let joined = Joined::Resumed { from_step: None };
        JoinBuilder { session: self.clone(), run: run.clone(), joined, label: None }
    }
}

impl JoinBuilder {
    /// Sets the first step of a resumed run. Points of earlier attempts at this step or a later one are kept and marked
    /// as superseded. Without effect on a writer that attaches.
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

    /// Joins the run. The fact is on disk when the method returns. The start time of the returned scope is the time of
    /// joining. Errors: the workspace is read-only or cannot be written.
    pub fn start(self) -> Result<RunScope> {
        let session = &self.session.inner;
        if session.options.records_read_only {
            return Err(Error::ReadOnly { what: "runs" });
        }
        let now = session.now();
        let writer = session.writer_id()?;
        let ids = (writer, session.journal.process()?.id());
        let label = self.label.filter(|label| !trim(label).is_empty());
        let fact = Writer::new(self.run.clone(), ids, self.joined, label.clone(), now)?;
        let new = NewScope {
            kind: ScopeKind::Run,
            own: (&self.run).into(),
            name: self.run.last_component().to_owned(),
            context: Context { run: Some(self.run.clone()), ..Context::default() },
            started_at: now,
            writer: Some(writer),
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

/// The greatest length of the suffix that a label gives to the components of refs.
const SUFFIX_LEN_MAX: usize = 24;
