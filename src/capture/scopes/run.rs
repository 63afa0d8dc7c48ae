//! [`RunScope`], the handle of a run.

use crate::capture::dispatch::Commit;
use crate::capture::end::End;
use crate::capture::error::Result;
use crate::capture::intake::Intake;
use crate::capture::params::dotted;
use crate::capture::scope::ScopeKind;
use crate::capture::scopes::StageScope;
use crate::capture::scopes::methods::{capture_methods, durable_end_methods, handle};
use crate::capture::secrets::Redaction;
use crate::capture::spec::ScopeSpec;
use crate::contract::fact::{Annotation, Change, Param};
use crate::contract::{self, Fact, Runtime, Value};
use crate::store::Head;
use serde::Serialize;
use std::collections::BTreeMap;

handle! {
    /// The handle of a run. Clones are handles of the same run. If the last handle is dropped while the run is open,
    /// the run is marked as failed, with the reason `scope_dropped`.
    ///
    /// The head that [`complete`](RunScope::complete), [`fail`](RunScope::fail) and [`cancel`](RunScope::cancel) return
    /// is the head of the log's stream with the end of the run. It can be saved outside the workspace. The end is on
    /// disk when the methods return, and may use the disk space that the log reserves for a full disk.
    RunScope {
        /// Returns the ref of the run.
        run_ref: RunRef = run
    }
}

capture_methods!(RunScope);
durable_end_methods!(RunScope);

impl RunScope {
    /// Starts a stage. The start is on disk when the method returns. If this run handle or a clone has used the name
    /// before, a number is added: `train`, `train-2`.
    pub fn stage(&self, spec: impl Into<ScopeSpec>) -> Result<StageScope> {
        StageScope::open(&self.scope, spec.into())
    }

    fn annotate(&self, change: Change) -> Result<()> {
        self.scope.check_open()?;
        let inner = &self.scope.session.inner;
        let change = Redaction::new(&inner.redactor).of(change);
        let annotation = Annotation::new((&self.own).into(), change)?;
        let facts = vec![Fact::Annotation(annotation)];
        inner.dispatcher.append(Commit::new(facts, inner.options.durability, &self.scope.context))?;
        Ok(())
    }

    /// Sets a tag. The value replaces an earlier value of the tag.
    pub fn tag(&self, key: &str, value: &str) -> Result<()> {
        self.annotate(Change::Tag(key.to_owned(), Some(value.to_owned())))
    }

    /// Adds a note.
    pub fn note(&self, text: &str) -> Result<()> {
        self.annotate(Change::Note(text.to_owned()))
    }

    /// Sets the description.
    pub fn describe(&self, text: &str) -> Result<()> {
        self.annotate(Change::Description(text.to_owned()))
    }

    /// Changes the name. The ref does not change.
    pub fn rename(&self, name: &str) -> Result<()> {
        self.annotate(Change::Name(name.to_owned()))
    }

    /// Records a second environment snapshot, with the runtime and the packages of the program that the run executes.
    /// Records nothing if the session does not record environments. Errors: the log or a sink failed.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only `contexta exec` calls it"))]
    pub(crate) fn program(&self, runtime: Option<Runtime>, packages: BTreeMap<String, String>) -> Result<()> {
        let inner = &self.scope.session.inner;
        let mut intake = Intake::new(&inner.redactor);
        if let Some(fact) = inner.program(&self.own, runtime, packages, &mut intake)? {
            let (subject, now) = (self.own.clone().into(), inner.now());
            let marker = intake.marker(subject, &self.scope.context, now, &inner.options.producer)?;
            let facts = [fact].into_iter().chain(marker).collect();
            inner.dispatcher.append(Commit::new(facts, inner.options.durability, &self.scope.context))?;
        }
        Ok(())
    }

    /// Marks the run and the open scopes in it as failed, with a reason: a stable lower-case word.
    pub(crate) fn fail_because(&self, reason: &'static str, message: &str) -> Result<Head> {
        self.scope.end_durable(End::failed_with(reason, message))
    }

    /// Leaves the run open: dropping this handle and its clones does not end the run. The log then shows the run as open,
    /// as after a kill of the process. The handles cannot capture any more.
    pub fn leave_open(&self) {
        self.scope.abandon();
    }

    /// Sets a parameter. The value replaces an earlier value from
    /// [`RunBuilder::param`](crate::capture::RunBuilder::param), from this handle, or from a clone of the handle.
    pub fn param(&self, key: &str, value: impl Into<Value>) -> Result<()> {
        self.scope.check_open()?;
        self.set(vec![self.redacted_param(key, value.into())?], None)
    }

    /// Sets the members of a serializable value as parameters, in one commit. The members of nested objects get dotted
    /// names: `optimizer.lr`. A member whose name or value is invalid for a parameter is left out, and a degraded
    /// marker names the member. Errors: the value is not an object, the run has ended, or the log or a sink failed.
    pub fn params<T: Serialize + ?Sized>(&self, params: &T) -> Result<()> {
        self.scope.check_open()?;
        let inner = &self.scope.session.inner;
        let mut intake = Intake::new(&inner.redactor);
        let mut set = Vec::new();
        for (key, value) in dotted(params)? {
            match self.redacted_param(&key, value) {
                Ok(param) => set.push(param),
                Err(error) => intake.leave_out(&format!("the parameter {key:?}"), &error),
            }
        }
        let (subject, now) = (self.own.clone().into(), inner.now());
        let marker = intake.marker(subject, &self.scope.context, now, &inner.options.producer)?;
        self.set(set, marker)
    }

    fn redacted_param(&self, key: &str, mut value: Value) -> contract::Result<Param> {
        let redactor = &self.scope.session.inner.redactor;
        redactor.redact_named("params", key, &mut value, &mut Vec::new());
        Param::new(self.own.clone(), key, value)
    }

    /// Records parameters and a degraded marker in one commit.
    fn set(&self, params: Vec<Param>, marker: Option<Fact>) -> Result<()> {
        let inner = &self.scope.session.inner;
        let mut children = self.scope.children();
        let keys = Vec::from_iter(params.iter().map(|param| param.key().to_owned()));
        let replaces = keys.iter().filter_map(|key| children.params.get(key).copied()).collect();
        let facts = Vec::from_iter(params.into_iter().map(Fact::Param).chain(marker));
        if facts.is_empty() {
            return Ok(());
        }
        let commit = Commit::new(facts, inner.options.durability, &self.scope.context);
        let mut receipt = None;
        let appended = inner.dispatcher.append_with_receipt(Commit { replaces, ..commit }, &mut receipt);
        if let Some(receipt) = receipt {
            let stamps = keys.into_iter().enumerate().map(|(n, key)| (key, receipt.stamp(n as u64)));
            children.params.extend(stamps);
        }
        appended.map(drop)
    }
}

impl StageScope {
    /// Returns the run that the stage belongs to.
    pub fn run(&self) -> Option<RunScope> {
        self.scope.nearest(ScopeKind::Run).and_then(RunScope::of)
    }
}
