//! [`StageScope`], the handle of a stage.

use crate::capture::context::Context;
use crate::capture::error::Result;
use crate::capture::intake::Intake;
use crate::capture::scope::{NewScope, Scope, ScopeKind};
use crate::capture::scopes::methods::{capture_methods, durable_end_methods, handle};
use crate::capture::scopes::{BatchScope, OperationScope, SampleScope};
use crate::capture::spec::{SampleSpec, ScopeSpec};
use crate::contract::{RunStatus, StageExecution, StageRef};
use std::sync::Arc;

handle! {
    /// The handle of a stage. Clones are handles of the same stage. If the last handle is dropped while the stage is
    /// open, the stage is marked as failed, with the reason `scope_dropped`.
    StageScope {
        /// Returns the ref of the stage.
        stage_ref: StageRef = stage
    }
}

capture_methods!(StageScope);
durable_end_methods!(StageScope);

impl StageScope {
    /// Starts a stage of a run.
    pub(super) fn open(run: &Arc<Scope>, spec: ScopeSpec) -> Result<StageScope> {
        run.check_open()?;
        let run_ref = run.context.run()?;
        let name = run.children().names.claim("stage", &spec.name, "stage");
        let now = run.session.inner.now();
        let own = StageRef::under(run_ref, &name.component)?;
        let mut stage =
            StageExecution::new(own.clone(), run_ref.clone(), name.shown.as_str(), RunStatus::Open, now);
        stage.order_index = Some(run.next_order(ScopeKind::Stage));
        stage.metadata = spec.metadata;
        let mut intake = Intake::new(&run.session.inner.redactor);
        let fact = intake.object(stage)?.into();
        let new = NewScope {
            kind: ScopeKind::Stage,
            own: (&own).into(),
            name: name.shown,
            context: Context { stage: Some(own.clone()), ..Context::clone(&run.context) },
            started_at: now,
            writer: None,
        };
        let (scope, _) = Scope::open(run.session.clone(), Some(Arc::clone(run)), new, vec![fact], intake)?;
        Ok(StageScope { scope, own })
    }

    /// Starts a batch. The start has the durability of the session. If the name is in use, a number is added.
    pub fn batch(&self, spec: impl Into<ScopeSpec>) -> Result<BatchScope> {
        BatchScope::open(&self.scope, spec.into())
    }

    /// Starts a sample. The start has the durability of the session. If the name is in use, a number is added.
    pub fn sample(&self, spec: impl Into<SampleSpec>) -> Result<SampleScope> {
        SampleScope::open(&self.scope, spec.into())
    }

    /// Starts an operation. The start has the durability of the session. If the name is in use, a number is added.
    pub fn operation(&self, spec: impl Into<ScopeSpec>) -> Result<OperationScope> {
        OperationScope::open(&self.scope, spec.into())
    }
}
