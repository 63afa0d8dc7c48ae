//! Floor 4: the write side, made for the inside of a training loop.
//!
//! A [`Session`] opens runs; a [`RunScope`] opens stages; both take events, metrics and artifacts. Capture costs a
//! log append and nothing else: no projection, no look-up. Scopes are handles, free to cross threads; they take their
//! parents from their handle, never from a global.
//!
//! Stability: Stable.

pub mod artifact;
pub mod emit;
pub mod environment;
pub mod error;
pub mod outcome;
pub mod run;
pub mod scope;
pub mod session;

pub use crate::store::Durability;
pub use artifact::ArtifactRegistration;
pub use emit::{Emission, EventEmission, MetricEmission};
pub use error::{Error, Result};
pub use outcome::{CaptureResult, RegisteredArtifact};
pub use run::RunBuilder;
pub use scope::{RunScope, StageScope};
pub use session::{CaptureOptions, Session};
