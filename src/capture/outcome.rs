//! The result of registering an artifact.

use crate::capture::result::{CaptureResult, PayloadFamily};
use crate::contract::{ArtifactManifest, ArtifactRef, Canonical, Valid};
use crate::store::{Durability, Note};

/// The result of registering an artifact.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RegisteredArtifact {
    /// The recorded manifest, with the artifact's ref, size and SHA-256 digest.
    pub manifest: Valid<ArtifactManifest>,
    /// The durability of both manifest and body.
    pub durability: Durability,
    /// `true` if the file does not exist and only the manifest was recorded.
    pub is_missing: bool,
    /// Notes on what did not succeed although the artifact was recorded, such as the removal of a moved file.
    pub notes: Vec<Note>,
    /// The result of the capture of the manifest.
    pub(super) captured: CaptureResult,
}

impl RegisteredArtifact {
    /// Returns the artifact's ref.
    pub fn artifact_ref(&self) -> &ArtifactRef {
        &self.manifest.artifact_ref
    }

    /// Returns the result of the capture, with the manifest as the payload. The result is degraded if the file is
    /// missing, and if the manifest waits for a replay.
    pub fn result(&self) -> CaptureResult {
        let mut result = self.captured.clone();
        debug_assert_eq!(result.family(), PayloadFamily::Artifact);
        if self.is_missing {
            result.add_reason("artifact_source_missing");
        }
        result.payload_of(Some(self.manifest.to_value()))
    }
}
