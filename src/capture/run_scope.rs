//! [`RunScope`], the handle of a running run.
//!
//! `complete`, `fail` and `cancel` end a scope. A scope that is dropped without such a call is recorded as failed if
//! the thread is panicking, otherwise as cancelled. If such a call failed, dropping the scope records the status of the
//! call. The end of a run ends its open stages with the same status.

use crate::capture::error::{Error, Result};
use crate::capture::scope::Scope;
use crate::capture::session::Session;
use crate::contract::fact::Param;
use crate::contract::{Fact, RunRef, RunStatus, Timestamp, Value};
use crate::store::{Head, Stamp};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The handle of a running run. Clones are handles of the same run. Dropping the last handle ends the run if the run is
/// still open.
#[derive(Debug, Clone)]
pub struct RunScope {
    pub(super) inner: Arc<RunInner>,
}

impl RunScope {
    /// Creates a scope. `params` maps each parameter to the stamp of the entry that set it.
    pub(super) fn new(
        session: Session,
        run: RunRef,
        started_at: Timestamp,
        params: BTreeMap<String, Stamp>,
    ) -> RunScope {
        let scope = Scope::new(session, run, None, started_at);
        let children = Mutex::new(Children { params, ..Children::default() });
        RunScope { inner: Arc::new(RunInner { scope, children }) }
    }

    /// Returns the ref of the run.
    pub fn run_ref(&self) -> &RunRef {
        &self.inner.scope.run
    }

    /// Sets a parameter. The value replaces an earlier value from
    /// [`RunBuilder::param`](crate::capture::RunBuilder::param), from this handle, or from a clone of the handle.
    pub fn param(&self, key: &str, value: impl Into<Value>) -> Result<()> {
        let scope = &self.inner.scope;
        scope.check_open()?;
        let inner = &scope.session.inner;
        let param = Param::new(scope.run.clone(), key, value.into())?;
        let mut children = self.inner.children();
        let replaces = Vec::from_iter(children.params.get(param.key()).copied());
        let key = param.key().to_owned();
        let receipt =
            inner.journal.append_replacing(Fact::Param(param), replaces, inner.options.durability)?;
        children.params.insert(key, receipt.first);
        Ok(())
    }

    /// Marks the run and its open stages as completed. The end is on disk when the method returns. On a full disk, the
    /// call uses the space that the log has reserved. Save the returned head outside the workspace. With the head,
    /// `contexta verify --head` can later check that the log still contains every entry of its stream up to the end of
    /// the run.
    pub fn complete(&self) -> Result<Head> {
        self.inner.end(RunStatus::Completed)
    }

    /// Marks the run and its open stages as failed, like [`RunScope::complete`].
    pub fn fail(&self) -> Result<Head> {
        self.inner.end(RunStatus::Failed)
    }

    /// Marks the run and its open stages as cancelled, like [`RunScope::complete`].
    pub fn cancel(&self) -> Result<Head> {
        self.inner.end(RunStatus::Cancelled)
    }

    pub(super) fn run_inner(&self) -> &RunInner {
        &self.inner
    }
}

#[derive(Debug)]
pub(super) struct RunInner {
    pub(super) scope: Scope,
    pub(super) children: Mutex<Children>,
}

#[derive(Debug, Default)]
pub(super) struct Children {
    pub(super) stages: Vec<Weak<Scope>>,
    pub(super) stage_names: HashSet<String>,
    pub(super) artifact_keys: HashSet<String>,
    pub(super) params: BTreeMap<String, Stamp>,
    pub(super) next_order: u64,
}

impl RunInner {
    pub(super) fn children(&self) -> MutexGuard<'_, Children> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the run and its open stages in one commit.
    fn end(&self, status: RunStatus) -> Result<Head> {
        let inner = &self.scope.session.inner;
        let now = inner.now();
        let stages: Vec<Arc<Scope>> = self.children().stages.iter().filter_map(Weak::upgrade).collect();
        let mut ended: Vec<(&Scope, Fact)> = Vec::new();
        for scope in stages.iter().map(Arc::as_ref).chain([&self.scope]) {
            ended.extend(scope.end(status, now).map(|fact| (scope, fact)));
        }
        let (scopes, facts): (Vec<&Scope>, Vec<Fact>) = ended.into_iter().unzip();
        if !scopes.iter().any(|s| s.stage.is_none()) {
            scopes.iter().for_each(|s| s.reopen());
            return Err(Error::ScopeClosed { scope: self.scope.subject(), status: *self.scope.status() });
        }
        let appended = inner.journal.append_end(facts);
        if appended.is_err() {
            scopes.iter().for_each(|s| s.reopen());
        }
        Ok(appended?)
    }
}

impl Drop for RunInner {
    fn drop(&mut self) {
        // An error cannot be returned here. After an error the run stays open in the log, as after a kill.
        if self.scope.check_open().is_ok() {
            let _ = self.end(self.scope.status_when_dropped());
        }
    }
}

/// Returns a name that is not in `used`, and adds this name to `used`: `name` itself or, if `name` is in use, `name`
/// with a number, such as `train-2`. A name with a number is cut to 63 characters, the limit for a component of a ref.
pub(super) fn numbered(name: &str, used: &mut HashSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut n = 1u64;
    while !used.insert(candidate.clone()) {
        n += 1;
        let suffix = format!("-{n}");
        let stem: String = name.chars().take(63 - suffix.len()).collect();
        candidate = format!("{}{suffix}", stem.trim_end_matches('-'));
    }
    candidate
}
