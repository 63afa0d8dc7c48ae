//! Floor 4: capture of facts, cheap enough for the inner loop of a training program.
//!
//! A [`Session`] starts runs, and a [`RunScope`] starts stages. Runs and stages record events, metrics and artifacts. A
//! capture costs one append to the log, and reads and writes no table. Scopes are handles that can be sent to other
//! threads. A stage is started with the handle of its run, never with a global current run.
//!
//! Stability: Stable.

pub mod artifact;
pub mod emit;
pub mod environment;
pub mod error;
pub mod outcome;
pub mod redact;
pub mod run;
mod run_scope;
mod scope;
mod scope_methods;
pub mod session;
mod stage_scope;

pub use crate::store::Durability;
pub use artifact::ArtifactRegistration;
pub use emit::{Emission, EventEmission, MetricEmission};
pub use error::{Error, Result};
pub use outcome::{CaptureResult, RegisteredArtifact};
pub use run::RunBuilder;
pub use run_scope::RunScope;
pub use session::{CaptureOptions, Session};
pub use stage_scope::StageScope;
