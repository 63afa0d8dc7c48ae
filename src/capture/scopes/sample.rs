//! [`SampleScope`], the handle of a sample.

use crate::capture::context::Context;
use crate::capture::error::Result;
use crate::capture::intake::Intake;
use crate::capture::scope::{NewScope, Scope, ScopeKind};
use crate::capture::scopes::methods::{capture_methods, handle, light_end_methods};
use crate::capture::spec::SampleSpec;
use crate::contract::{RunStatus, SampleObservation, SampleRef, StableRef};
use std::sync::Arc;

handle! {
    /// The handle of a sample: one observed example of the data of a stage or batch. Clones are handles of the same
    /// sample. If the last handle is dropped while the sample is open, the sample is marked as failed, with the reason
    /// `scope_dropped`.
    SampleScope {
        /// Returns the ref of the sample.
        sample_ref: SampleRef = sample
    }
}

capture_methods!(SampleScope);
light_end_methods!(SampleScope);

impl SampleScope {
    /// Starts a sample of a stage or batch.
    pub(super) fn open(owner: &Arc<Scope>, spec: SampleSpec) -> Result<SampleScope> {
        owner.check_open()?;
        let context = &owner.context;
        let (run_ref, stage_ref) = (context.run()?.clone(), context.stage()?.clone());
        let owner_ref: &StableRef = context.batch.as_deref().unwrap_or(&stage_ref);
        let name = owner.children().names.claim("sample", &spec.scope.name, "sample");
        let now = owner.session.inner.now();
        let own = SampleRef::under(owner_ref, &name.component)?;
        let shown = name.shown.as_str();
        let mut sample = SampleObservation::new(own.clone(), run_ref, stage_ref.clone(), shown, now);
        sample.batch_execution_ref = context.batch.clone();
        sample.status = Some(RunStatus::Open);
        sample.metadata = spec.scope.metadata;
        sample.retention_class = spec.retention_class;
        sample.redaction_profile = spec.redaction_profile;
        let mut intake = Intake::new(&owner.session.inner.redactor);
        let fact = intake.object(sample)?.into();
        let new = NewScope {
            kind: ScopeKind::Sample,
            own: (&own).into(),
            name: name.shown,
            context: Context { sample: Some(own.clone()), ..Context::clone(context) },
            started_at: now,
            writer: None,
        };
        let (scope, _) =
            Scope::open(owner.session.clone(), Some(Arc::clone(owner)), new, vec![fact], intake)?;
        Ok(SampleScope { scope, own })
    }
}
