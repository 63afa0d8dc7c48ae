//! [`StageScope`], the handle of a running stage.

use crate::capture::error::{Error, Result};
use crate::capture::run_scope::{RunInner, RunScope, numbered};
use crate::capture::scope::Scope;
use crate::contract::refs::slug;
use crate::contract::{RunStatus, StageExecution, StageRef, Valid};
use crate::store::{Durability, Head};
use std::sync::Arc;

/// The handle of a running stage. Clones are handles of the same stage. Dropping the last handle ends the stage if the
/// stage is still open.
#[derive(Debug, Clone)]
pub struct StageScope {
    pub(super) inner: Arc<StageInner>,
}

impl RunScope {
    /// Starts a stage. If this run handle or a clone has used the name before, a number is added: `train`, `train-2`.
    /// The start is on disk when the method returns.
    pub fn stage(&self, name: &str) -> Result<StageScope> {
        let scope = &self.inner.scope;
        scope.check_open()?;
        let inner = &scope.session.inner;
        let stem = slug(name, 63).ok_or_else(|| Error::UnusableName { name: name.to_owned() })?;
        let now = inner.now();
        let (stage_name, order) = {
            let mut children = self.inner.children();
            let order = children.next_order;
            children.next_order += 1;
            (numbered(&stem, &mut children.stage_names), order)
        };
        let stage_ref = StageRef::under(&scope.run, &stage_name)?;
        let own = stage_ref.clone();
        let mut stage = StageExecution::new(own, scope.run.clone(), stage_name, RunStatus::Open, now);
        stage.order_index = Some(order);
        inner.journal.append(vec![Valid::new(stage)?.into()], Durability::Fsync)?;
        let own = Scope::new(scope.session.clone(), scope.run.clone(), Some(stage_ref), now);
        let own = Arc::new(own);
        self.inner.children().stages.push(Arc::downgrade(&own));
        Ok(StageScope { inner: Arc::new(StageInner { scope: own, run: self.clone() }) })
    }
}

impl StageScope {
    /// Returns the ref of the stage.
    pub fn stage_ref(&self) -> Result<StageRef> {
        Ok(self.inner.scope.subject().try_into()?)
    }

    /// Returns the run that the stage belongs to.
    pub fn run(&self) -> &RunScope {
        &self.inner.run
    }

    /// Marks the stage as completed. The end is on disk when the method returns. [`RunScope::complete`] describes the
    /// use of the head.
    pub fn complete(&self) -> Result<Head> {
        self.inner.end(RunStatus::Completed)
    }

    /// Marks the stage as failed.
    pub fn fail(&self) -> Result<Head> {
        self.inner.end(RunStatus::Failed)
    }

    /// Marks the stage as cancelled.
    pub fn cancel(&self) -> Result<Head> {
        self.inner.end(RunStatus::Cancelled)
    }

    pub(super) fn run_inner(&self) -> &RunInner {
        self.inner.run.run_inner()
    }
}

#[derive(Debug)]
pub(super) struct StageInner {
    pub(super) scope: Arc<Scope>,
    run: RunScope,
}

impl StageInner {
    fn end(&self, status: RunStatus) -> Result<Head> {
        let inner = &self.scope.session.inner;
        let Some(own) = self.scope.end(status, inner.now()) else {
            return Err(Error::ScopeClosed { scope: self.scope.subject(), status: *self.scope.status() });
        };
        let appended = inner.journal.append_end(vec![own]);
        if appended.is_err() {
            self.scope.reopen();
        }
        Ok(appended?)
    }
}

impl Drop for StageInner {
    fn drop(&mut self) {
        if self.scope.check_open().is_ok() {
            let _ = self.end(self.scope.status_when_dropped());
        }
    }
}
