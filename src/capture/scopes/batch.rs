//! [`BatchScope`], the handle of a batch.

use crate::capture::context::Context;
use crate::capture::error::Result;
use crate::capture::intake::Intake;
use crate::capture::scope::{NewScope, Scope, ScopeKind};
use crate::capture::scopes::methods::{capture_methods, handle, light_end_methods};
use crate::capture::scopes::{OperationScope, SampleScope};
use crate::capture::spec::{SampleSpec, ScopeSpec};
use crate::contract::{BatchExecution, BatchRef, RunStatus};
use std::sync::Arc;

handle! {
    /// The handle of a batch: a unit of data that a stage processes. Clones are handles of the same batch. If the last
    /// handle is dropped while the batch is open, the batch is marked as failed, with the reason `scope_dropped`.
    BatchScope {
        /// Returns the ref of the batch.
        batch_ref: BatchRef = batch
    }
}

capture_methods!(BatchScope);
light_end_methods!(BatchScope);

impl BatchScope {
    /// Starts a batch of a stage.
    pub(super) fn open(stage: &Arc<Scope>, spec: ScopeSpec) -> Result<BatchScope> {
        stage.check_open()?;
        let (run_ref, stage_ref) = (stage.context.run()?.clone(), stage.context.stage()?.clone());
        let name = stage.children().names.claim("batch", &spec.name, "batch");
        let now = stage.session.inner.now();
        let own = BatchRef::under(&stage_ref, &name.component)?;
        let shown = name.shown.as_str();
        let mut batch = BatchExecution::new(own.clone(), run_ref, stage_ref, shown, RunStatus::Open, now);
        batch.order_index = Some(stage.next_order(ScopeKind::Batch));
        batch.metadata = spec.metadata;
        let mut intake = Intake::new(&stage.session.inner.redactor);
        let fact = intake.object(batch)?.into();
        let new = NewScope {
            kind: ScopeKind::Batch,
            own: (&own).into(),
            name: name.shown,
            context: Context { batch: Some(own.clone()), ..Context::clone(&stage.context) },
            started_at: now,
            writer: None,
        };
        let (scope, _) =
            Scope::open(stage.session.clone(), Some(Arc::clone(stage)), new, vec![fact], intake)?;
        Ok(BatchScope { scope, own })
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
