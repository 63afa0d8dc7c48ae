//! [`OperationScope`], the handle of an operation.

use crate::capture::context::Context;
use crate::capture::error::Result;
use crate::capture::intake::Intake;
use crate::capture::scope::{NewScope, Scope, ScopeKind};
use crate::capture::scopes::methods::{capture_methods, handle, light_end_methods};
use crate::capture::spec::ScopeSpec;
use crate::contract::{OperationContext, OperationRef, RunStatus, StableRef};
use std::sync::Arc;

handle! {
    /// The handle of an operation of a stage, a batch or another operation. Clones are handles of the same operation.
    /// If the last handle is dropped while the operation is open, the operation is marked as failed, with the reason
    /// `scope_dropped`.
    OperationScope {
        /// Returns the ref of the operation.
        operation_ref: OperationRef = operation
    }
}

capture_methods!(OperationScope);
light_end_methods!(OperationScope);

impl OperationScope {
    /// Starts an operation of a stage, a batch or another operation. The ref of an operation within another one is
    /// directly under the ref of the batch or stage, too. The fact names the outer operation.
    pub(super) fn open(outer: &Arc<Scope>, spec: ScopeSpec) -> Result<OperationScope> {
        outer.check_open()?;
        let context = &outer.context;
        let (run_ref, stage_ref) = (context.run()?.clone(), context.stage()?.clone());
        let owner_ref: &StableRef = context.batch.as_deref().unwrap_or(&stage_ref);
        let owner = outer.nearest(ScopeKind::Batch).or_else(|| outer.nearest(ScopeKind::Stage));
        let owner = owner.unwrap_or_else(|| Arc::clone(outer));
        let name = owner.children().names.claim("operation", &spec.name, "operation");
        let now = outer.session.inner.now();
        let own = OperationRef::under(owner_ref, &name.component)?;
        let shown = name.shown.as_str();
        let mut operation = OperationContext::new(own.clone(), run_ref, stage_ref.clone(), shown, now);
        operation.batch_execution_ref = context.batch.clone();
        operation.parent_operation_ref = context.operation.clone();
        operation.status = Some(RunStatus::Open);
        operation.metadata = spec.metadata;
        let mut intake = Intake::new(&outer.session.inner.redactor);
        let fact = intake.object(operation)?.into();
        let new = NewScope {
            kind: ScopeKind::Operation,
            own: (&own).into(),
            name: name.shown,
            context: Context { operation: Some(own.clone()), ..Context::clone(context) },
            started_at: now,
            writer: None,
        };
        let (scope, _) =
            Scope::open(outer.session.clone(), Some(Arc::clone(outer)), new, vec![fact], intake)?;
        Ok(OperationScope { scope, own })
    }

    /// Starts an operation within this operation. The start has the durability of the session. If the name is in use, a
    /// number is added.
    pub fn operation(&self, spec: impl Into<ScopeSpec>) -> Result<OperationScope> {
        OperationScope::open(&self.scope, spec.into())
    }
}
