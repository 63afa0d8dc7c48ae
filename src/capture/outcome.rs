//! What became of a capture.

use crate::contract::{ArtifactManifest, ArtifactRef, RecordRef, Valid};
use crate::store::Durability;

/// What became of a captured record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureResult {
    /// The record's ref, derived from its place in the log.
    pub record_ref: RecordRef,
    /// What is promised about it.
    pub durability: Durability,
    /// What was captured in its place, if the thing itself could not be: a metric that is no finite number becomes a
    /// degraded marker that says so.
    pub degraded: Option<String>,
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
