//! The common state of all scopes: refs, status, and the child scopes that are open.
//!
//! Invariants:
//! 1. A scope ends once. Its end is recorded after the ends of its open descendants, in the same commit.
//! 2. If the end cannot be recorded, the scope and its descendants stay open, and the caller can try again.
//! 3. A child keeps its parent alive. A parent finds its open children, and does not keep them alive.

use crate::capture::context::{Context, warning};
use crate::capture::dispatch::Commit;
use crate::capture::end::{End, SCOPE_DROPPED};
use crate::capture::error::{Error, Result};
use crate::capture::intake::Intake;
use crate::capture::names::Names;
use crate::capture::prepared::PreparedSeries;
use crate::capture::session::Session;
use crate::contract::fact::{Ended, WriterId};
use crate::contract::{Fact, RunStatus, StableRef, Timestamp};
use crate::store::{Durability, Head, Receipt, Stamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The kind of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScopeKind {
    /// A run.
    Run,
    /// A deployment.
    Deployment,
    /// A stage of a run.
    Stage,
    /// A batch of a stage.
    Batch,
    /// A sample of a stage or batch.
    Sample,
    /// An operation of a stage, a batch or another operation.
    Operation,
}

impl ScopeKind {
    /// Returns the stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            ScopeKind::Run => "run",
            ScopeKind::Deployment => "deployment",
            ScopeKind::Stage => "stage",
            ScopeKind::Batch => "batch",
            ScopeKind::Sample => "sample",
            ScopeKind::Operation => "operation",
        }
    }

    /// Returns `true` if the start and the end of scopes of this kind are on disk when the call returns. The starts and
    /// ends of batches, samples and operations have the durability of the session, because a program can have thousands
    /// of them in a second.
    pub(super) fn is_durable(self) -> bool {
        matches!(self, ScopeKind::Run | ScopeKind::Deployment | ScopeKind::Stage)
    }
}

impl std::fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The common state of a scope.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) session: Session,
    pub(super) kind: ScopeKind,
    pub(super) own: StableRef,
    pub(super) name: String,
    pub(super) context: Arc<Context>,
    pub(super) started_at: Timestamp,
    /// The writer of the run that this scope represents; `None` for a scope of another kind.
    writer: Option<WriterId>,
    pub(super) parent: Option<Arc<Scope>>,
    /// The place of this scope among the open children of the parent.
    place: u64,
    /// The process that opened the scope. A child that `fork(2)` created does not end the scopes of its parent.
    process: u32,
    has_ended: AtomicBool,
    state: Mutex<State>,
    children: Mutex<Children>,
    series: Mutex<PreparedSeries>,
}

#[derive(Debug)]
struct State {
    status: RunStatus,
    closed_at: Option<Timestamp>,
    /// The last end that could not be recorded. If the scope is dropped while it is open, this end is recorded.
    asked: Option<End>,
}

/// The child scopes of a scope, and the parameters and artifacts of a run.
#[derive(Debug, Default)]
pub(super) struct Children {
    open: HashMap<u64, Weak<Scope>>,
    pub(super) names: Names,
    next_order: [u64; 2],
    /// Maps each parameter to the stamp of the entry that set it.
    pub(super) params: BTreeMap<String, Stamp>,
    /// Maps the last component of the ref of each artifact to the stamp of its manifest; `None` until the manifest is
    /// recorded. The lock of an artifact is held while its manifest is recorded.
    pub(super) artifacts: HashMap<String, Arc<Mutex<Option<Stamp>>>>,
}

/// The properties of a scope to open.
#[derive(Debug)]
pub(super) struct NewScope {
    pub(super) kind: ScopeKind,
    pub(super) own: StableRef,
    pub(super) name: String,
    pub(super) context: Context,
    pub(super) started_at: Timestamp,
    pub(super) writer: Option<WriterId>,
}

impl Scope {
    /// Opens a scope: registers the scope with its parent, then appends the facts of its start. With
    /// [`FailureMode::Outbox`](crate::capture::FailureMode), lost facts are no error, and the receipt is `None`. A
    /// degraded marker names the members that `intake` left out. Errors: the parent has ended, the facts cannot be
    /// appended, or a sink failed.
    pub(super) fn open(
        session: Session,
        parent: Option<Arc<Scope>>,
        new: NewScope,
        mut facts: Vec<Fact>,
        intake: Intake<'_>,
    ) -> Result<(Arc<Scope>, Option<Receipt>)> {
        static NEXT_PLACE: AtomicU64 = AtomicU64::new(0);
        let NewScope { kind, own, name, context, started_at, writer } = new;
        if context.run.is_some() {
            let producer = &session.inner.options.producer;
            facts.extend(intake.marker(own.clone(), &context, started_at, producer)?);
        }
        let scope = Arc::new(Scope {
            process: session.inner.process_id(),
            session,
            kind,
            own,
            name,
            context: Arc::new(context),
            started_at,
            writer,
            parent,
            place: NEXT_PLACE.fetch_add(1, Ordering::Relaxed),
            has_ended: AtomicBool::new(false),
            state: Mutex::new(State { status: RunStatus::Open, closed_at: None, asked: None }),
            children: Mutex::default(),
            series: Mutex::default(),
        });
        if let Some(parent) = &scope.parent {
            parent.children().open.insert(scope.place, Arc::downgrade(&scope));
        }
        let opened = match &scope.parent {
            Some(parent) => parent.check_open(),
            None => Ok(()),
        };
        let inner = &scope.session.inner;
        let durability = if kind.is_durable() { Durability::Fsync } else { inner.options.durability };
        let appended =
            opened.and_then(|()| inner.dispatcher.append(Commit::new(facts, durability, &scope.context)));
        match appended {
            Ok(appended) => Ok((scope, appended.receipt)),
            // The start is in the log, so dropping the scope records its end.
            Err(error) if error.is_recorded() => Err(error),
            Err(error) => {
                // The scope was not started, so its drop must not record an end.
                scope.has_ended.store(true, Ordering::Release);
                Err(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn children(&self) -> MutexGuard<'_, Children> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the series of the metrics of this scope that have only a key.
    pub(super) fn series(&self) -> MutexGuard<'_, PreparedSeries> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the status.
    pub(super) fn status(&self) -> RunStatus {
        self.state().status
    }

    /// Returns the time of the end; `None` while the scope is open.
    pub(super) fn closed_at(&self) -> Option<Timestamp> {
        self.state().closed_at
    }

    pub(super) fn check_open(&self) -> Result<()> {
        if self.has_ended.load(Ordering::Acquire) { Err(self.closed()) } else { Ok(()) }
    }

    fn closed(&self) -> Error {
        Error::ScopeClosed { scope: self.own.clone(), status: self.status() }
    }

    /// Returns this scope or the nearest scope of this kind that contains it; `None` if there is none.
    pub(super) fn nearest(self: &Arc<Scope>, kind: ScopeKind) -> Option<Arc<Scope>> {
        let mut scope = self;
        while scope.kind != kind {
            scope = scope.parent.as_ref()?;
        }
        Some(Arc::clone(scope))
    }

    /// Returns the outermost scope that contains this scope: a run or a deployment.
    pub(super) fn outermost(&self) -> &Scope {
        let mut scope = self;
        while let Some(parent) = &scope.parent {
            scope = parent;
        }
        scope
    }

    /// Returns the position of the next stage or batch among the children, from 0.
    pub(super) fn next_order(&self, kind: ScopeKind) -> u64 {
        let mut children = self.children();
        let [stages, batches] = &mut children.next_order;
        let next = if kind == ScopeKind::Stage { stages } else { batches };
        *next += 1;
        *next - 1
    }

    /// Marks the scope as ended, and returns the fact of the end; `None` if the scope has already ended. `at` must not
    /// be before the start.
    fn mark_ended(&self, end: &End, at: Timestamp) -> Result<Option<Fact>> {
        let mut state = self.state();
        if self.has_ended.load(Ordering::Acquire) {
            return Ok(None);
        }
        let mut ended = Ended::new(self.own.clone(), end.status, at)?.because(end.message(), end.reason())?;
        if let Some(writer) = self.writer {
            ended = ended.of_writer(writer);
        }
        (state.status, state.closed_at) = (end.status, Some(at));
        self.has_ended.store(true, Ordering::Release);
        Ok(Some(Fact::Ended(ended)))
    }

    /// Returns the degraded marker for an end before the start of the scope; `None` if the scope belongs to no run.
    fn clock_marker(&self, at: Timestamp) -> Option<Fact> {
        let summary =
            format!("the time {at} of the end is before the start; the end has the time of the start");
        let payload = warning("capture.end_before_start", summary, self.own.clone());
        self.context.marker(self.started_at, &self.session.inner.options.producer, payload).ok()
    }

    /// Marks the scope as open again, because `end` could not be recorded.
    fn reopen(&self, end: &End) {
        let mut state = self.state();
        *state = State { status: RunStatus::Open, closed_at: None, asked: Some(end.clone()) };
        self.has_ended.store(false, Ordering::Release);
    }

    /// Adds the open descendants to `found`, the innermost first.
    fn open_descendants(&self, found: &mut Vec<Arc<Scope>>) {
        let children: Vec<Arc<Scope>> = self.children().open.values().filter_map(Weak::upgrade).collect();
        let mut children = Vec::from_iter(children.into_iter().filter(|child| child.check_open().is_ok()));
        children.sort_by_key(|child| child.place);
        for child in children {
            child.open_descendants(found);
            found.push(child);
        }
    }

    /// Closes the handles of the scope and its open descendants without recording an end.
    pub(super) fn abandon(&self) {
        let mut descendants = Vec::new();
        self.open_descendants(&mut descendants);
        for scope in descendants.iter().map(AsRef::as_ref).chain([self]) {
            scope.has_ended.store(true, Ordering::Release);
        }
    }

    /// Ends the scope with the durability of its kind.
    pub(super) fn end(&self, end: End) -> Result<()> {
        if self.kind.is_durable() { self.end_durable(end).map(drop) } else { self.end_light(end) }
    }

    /// Ends the scope. The end is on disk when the method returns. Returns the head of the stream after the end.
    pub(super) fn end_durable(&self, end: End) -> Result<Head> {
        let ended = self.end_with(end, |facts| {
            let commit = Commit::new(facts, Durability::Fsync, &self.context);
            Ok(self.session.inner.dispatcher.append(Commit { is_end: true, ..commit })?.head)
        });
        ended?.ok_or_else(|| self.closed())
    }

    /// Ends the scope with the durability of the session.
    pub(super) fn end_light(&self, end: End) -> Result<()> {
        let durability = self.session.inner.options.durability;
        self.end_with(end, |facts| {
            let commit = Commit::new(facts, durability, &self.context);
            self.session.inner.dispatcher.append(commit).map(drop)
        })
    }

    /// Ends the scope and its open descendants. `append` appends the ends in one commit. Errors: the scope has already
    /// ended, or the ends cannot be appended.
    fn end_with<T>(&self, end: End, append: impl FnOnce(Vec<Fact>) -> Result<T>) -> Result<T> {
        let inner = &self.session.inner;
        let now = inner.now();
        let end = end.redacted(&inner.redactor);
        let mut descendants = Vec::new();
        self.open_descendants(&mut descendants);
        let with_parent = end.of_child();
        let marked = descendants.iter().map(|scope| (scope.as_ref(), &with_parent)).chain([(self, &end)]);
        let mut ended: Vec<(&Scope, &End)> = Vec::new();
        let mut facts = Vec::new();
        let mut result = Ok(());
        for (scope, end) in marked {
            match scope.mark_ended(end, now.max(scope.started_at)) {
                Ok(Some(fact)) => {
                    ended.push((scope, end));
                    facts.push(fact);
                    if now < scope.started_at {
                        facts.extend(scope.clock_marker(now));
                    }
                }
                Ok(None) if std::ptr::eq(scope, self) => result = Err(self.closed()),
                Ok(None) => {}
                Err(error) => result = Err(error),
            }
        }
        let recorded = result.and_then(|()| append(facts));
        // If only a sink failed, the log has the ends, and the scopes stay ended.
        if recorded.as_ref().is_err_and(|error| !error.is_recorded()) {
            ended.iter().for_each(|(scope, end)| scope.reopen(end));
        }
        recorded
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if self.check_open().is_ok() && self.process == self.session.inner.process_id() {
            let asked = self.state().asked.take();
            // An error cannot be returned here. After an error the scope stays open in the log, as after a kill.
            let _ = self.end(asked.unwrap_or_else(|| End::failed_because(SCOPE_DROPPED)));
        }
        if let Some(parent) = &self.parent {
            parent.children().open.remove(&self.place);
        }
    }
}
