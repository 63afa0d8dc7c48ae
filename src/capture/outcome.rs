//! What became of a capture.

use crate::capture::error::Result;
use crate::contract::{ArtifactManifest, ArtifactRef, RecordRef, RecordType, RunRef, Valid};
use crate::store::record_ref::captured_ref;
use crate::store::{Durability, Position};

/// What became of a captured record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureResult {
    pub(super) run: RunRef,
    pub(super) family: RecordType,
    /// Its place in the log: its identity.
    pub position: Position,
    /// What is promised about it.
    pub durability: Durability,
    /// What was captured in its place, if the thing itself could not be: a metric that is no finite number becomes a
    /// degraded marker that says so.
    pub degraded: Option<String>,
}

impl CaptureResult {
    /// The record's ref, derived from its place in the log. Made when asked for: a training loop seldom asks.
    /// Errors: the run's ref leaves no room for it within the greatest length of a ref.
    pub fn record_ref(&self) -> Result<RecordRef> {
        Ok(captured_ref(&self.run, self.family, self.position)?)
    }
}

/// What became of a registered artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredArtifact {
    /// What was recorded about it: ref, size, SHA-256.
    pub manifest: Valid<ArtifactManifest>,
    /// What is promised about manifest and body.
    pub durability: Durability,
}

impl RegisteredArtifact {
    /// The artifact's ref.
    pub fn artifact_ref(&self) -> &ArtifactRef {
        &self.manifest.artifact_ref
    }
}
