//! Results of captures.

use crate::capture::error::Result;
use crate::contract::{ArtifactManifest, ArtifactRef, RecordRef, RecordType, RunRef, Valid};
use crate::store::record_ref::captured_ref;
use crate::store::{Durability, Position};

/// The result of capturing a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaptureResult {
    pub(super) run: RunRef,
    pub(super) family: RecordType,
    /// The position in the log: the identity of the record.
    pub position: Position,
    /// The durability of the record.
    pub durability: Durability,
    /// The loss, if the value could not be captured itself: a metric that is not finite becomes a degraded marker.
    pub degraded: Option<String>,
}

impl CaptureResult {
    /// Makes the record's ref from its position in the log. It is not made in advance, because a training loop seldom
    /// needs it. Errors: with the run's ref it would exceed the greatest length of a ref.
    pub fn record_ref(&self) -> Result<RecordRef> {
        Ok(captured_ref(&self.run, self.family, self.position)?)
    }
}

/// The result of registering an artifact.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RegisteredArtifact {
    /// The recorded manifest: ref, size, SHA-256.
    pub manifest: Valid<ArtifactManifest>,
    /// The durability of manifest and body.
    pub durability: Durability,
}

impl RegisteredArtifact {
    /// Returns the artifact's ref.
    pub fn artifact_ref(&self) -> &ArtifactRef {
        &self.manifest.artifact_ref
    }
}
