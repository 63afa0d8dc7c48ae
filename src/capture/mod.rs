//! Floor 4: capture of facts, cheap enough for the inner loop of a training program.
//!
//! A [`Session`] starts runs and deployments. A scope is the handle of a run, deployment, stage, batch, sample or
//! operation, and starts the scopes within it. Scopes record events, metrics, spans, degraded markers and artifacts. A
//! capture costs one append to the log, and reads and writes no table. Scopes can be sent to other threads and shared
//! between threads. The current scope of a thread is set with [`RunScope::enter`]; no scope is current for a whole
//! process.
//!
//! Stability: Stable.

mod context;
mod current;
pub mod emission;
mod end;
pub mod environment;
pub mod error;
mod in_scope;
mod names;
pub mod outcome;
mod record;
mod register;
pub mod run;
mod scope;
pub mod scopes;
pub mod session;
mod span_guard;
pub mod spec;
pub mod trace;
mod within;

pub use crate::store::Durability;
pub use current::Entered;
pub use emission::{
    ArtifactRegistration, ArtifactRole, DegradedEmission, Emission, EventEmission, IngestMode,
    MetricEmission, SpanEmission, Step,
};
pub use error::{Error, Result};
pub use in_scope::{InScope, InScopeExt};
pub use outcome::{CaptureResult, RegisteredArtifact};
pub use run::RunBuilder;
pub use scope::ScopeKind;
pub use scopes::{
    AnyScope, BatchScope, DeploymentBuilder, DeploymentScope, OperationScope, RunScope, SampleScope,
    StageScope,
};
pub use session::{CaptureOptions, Session};
pub use span_guard::SpanGuard;
pub use spec::{SampleSpec, ScopeSpec};
pub use trace::{InvalidTraceparent, SpanId, TraceContext, TraceId};
