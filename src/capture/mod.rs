//! Floor 4: capture of facts, cheap enough for the inner loop of a training program.
//!
//! A [`Session`] starts runs and deployments. A scope is the handle of a run, deployment, stage, batch, sample or
//! operation, and starts the scopes within it. Scopes record events, metrics, spans, degraded markers and artifacts. A
//! capture costs one append to the log, and reads and writes no table. Scopes can be sent to other threads and shared
//! between threads. The current scope of a thread is set with [`RunScope::enter`]; no scope is current for a whole
//! process.
//!
//! The log takes each fact first. Then the [`Sink`]s of the session receive the fact. A [`CaptureResult`] states the
//! durability, the deliveries, and the missing parts. [`DispatchOptions`] determines the reaction if a sink fails, or
//! if the log cannot append a fact.
//!
//! Stability: Stable.

mod annotate;
mod context;
mod current;
mod dispatch;
mod edge;
mod emission;
mod end;
pub mod environment;
pub mod error;
mod in_scope;
mod intake;
mod join;
mod names;
pub mod outcome;
mod params;
mod prepared;
mod record;
pub mod redact;
mod refs;
mod register;
mod report_file;
pub mod result;
pub mod run;
mod scope;
pub mod scopes;
mod secrets;
pub mod series;
pub mod session;
pub mod sink;
mod snapshot;
mod span_guard;
pub mod spec;
pub mod trace;
mod within;

pub use crate::store::{DeadLetter, DeadLetters, Durability, LetterState, LineFile, SpillReplay};
pub use current::Entered;
pub use dispatch::{
    DispatchCounts, DispatchOptions, FailureMode, LetterFilter, PendingDelivery, ReplayBatchResult,
    ReplayEntry, ReplayOptions, SinkReplay,
};
pub use emission::{
    ArtifactRegistration, ArtifactRole, DegradedEmission, Emission, EventEmission, IngestMode,
    MetricEmission, SpanEmission, Step,
};
pub use error::{Error, Result};
pub use in_scope::{InScope, InScopeExt};
pub use join::JoinBuilder;
pub use outcome::{RegisteredArtifact, RegisteredArtifacts};
pub use redact::{RedactionMode, RedactionOptions};
pub use result::{
    BatchCaptureResult, BatchCounts, CaptureResult, DegradationNote, Delivery, DeliveryStatus, MessageLevel,
    MixedFamilies, OperationResult, PayloadFamily, ResultFailure, ResultMessage, ResultStatus, UnknownStatus,
};
pub use run::RunBuilder;
pub use scope::ScopeKind;
pub use scopes::{
    AnyScope, BatchScope, DeploymentBuilder, DeploymentScope, OperationScope, RunScope, SampleScope,
    StageScope,
};
pub use series::MetricSeries;
pub use session::{CaptureOptions, Session};
pub use sink::{
    CompositeSink, JsonLinesSink, MemoryEntry, MemorySink, Sink, SinkError, SinkReceipt, SinkRequest,
    StandardStream, WriterSink,
};
pub use span_guard::SpanGuard;
pub use spec::{SampleSpec, ScopeSpec, SeriesSpec};
pub use trace::{InvalidTraceparent, SpanId, TraceContext, TraceId};
