//! Results of captures.

use crate::capture::error::Result;
use crate::contract::{ArtifactManifest, ArtifactRef, RecordRef, RecordType, RunRef, Valid};
use crate::store::record_ref::captured_ref;
use crate::store::{Durability, Note, Position};

/// The result of capturing a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaptureResult {
    pub(super) run: RunRef,
    /// The family of the record.
    pub family: RecordType,
    /// The position of the record in the log, which identifies the record.
    pub position: Position,
    /// The durability that the append of the record guaranteed.
    pub durability: Durability,
}

impl CaptureResult {
    /// Returns the record's ref, computed from the position in the log. Errors: the ref of the run is so long that the
    /// record's ref would exceed the greatest length of a ref.
    pub fn record_ref(&self) -> Result<RecordRef> {
        Ok(captured_ref(&self.run, self.family, self.position)?)
    }
}

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
}

impl RegisteredArtifact {
    /// Returns the artifact's ref.
    pub fn artifact_ref(&self) -> &ArtifactRef {
        &self.manifest.artifact_ref
    }
}
