//! The results of registering artifacts.

use crate::capture::error::{Error, Result};
use crate::capture::result::{
    BODY_NOT_STORED, BatchCaptureResult, CaptureResult, PayloadFamily, ResultFailure,
};
use crate::contract::{ArtifactManifest, ArtifactRef, Canonical, Valid};
use crate::store::{Durability, Note};
use std::ops::Deref;

/// The result of registering an artifact.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RegisteredArtifact {
    /// The recorded manifest, with the artifact's ref, size and SHA-256 digest.
    pub manifest: Valid<ArtifactManifest>,
    /// The durability of both manifest and body; `None` if the manifest is lost
    /// ([`FailureMode::Outbox`](crate::capture::FailureMode)).
    pub durability: Option<Durability>,
    /// `true` if the file does not exist and only the manifest was recorded.
    pub is_missing: bool,
    /// Notes on steps that failed although the artifact was recorded, such as the removal of a moved file, or the storage
    /// of the content.
    pub notes: Vec<Note>,
    /// The result of capturing the manifest.
    pub(super) captured: CaptureResult,
}

impl RegisteredArtifact {
    /// Returns the artifact's ref.
    pub fn artifact_ref(&self) -> &ArtifactRef {
        &self.manifest.artifact_ref
    }

    /// Returns the result of capturing the manifest, with the manifest as the payload. The result is degraded if, for
    /// example, the file is missing, its content could not be stored, or the manifest waits for a replay. The result is
    /// failed if the manifest is lost.
    pub fn result(&self) -> CaptureResult {
        let mut result = self.captured.clone();
        debug_assert_eq!(result.family(), PayloadFamily::Artifact);
        if self.is_missing {
            result.add_reason("artifact_source_missing");
        }
        result.payload_of(Some(self.manifest.to_value()))
    }

    /// Returns an error if the content was not stored, or the manifest is lost. With
    /// [`FailureMode::Outbox`](crate::capture::FailureMode), the registration itself states this only in its result.
    pub(crate) fn check_stored(&self) -> Result<()> {
        let mut result = self.result();
        let unstored = self.notes.iter().find(|note| note.code == BODY_NOT_STORED);
        match (result.error_code(), unstored) {
            (None, None) => return Ok(()),
            (None, Some(note)) => result.fail(ResultFailure::new(note.code, note.message.as_str()), true),
            (Some(_), _) => {}
        }
        Err(Error::Delivery(Box::new(BatchCaptureResult::aggregate(PayloadFamily::Artifact, vec![result]))))
    }
}

/// The results of registering several artifacts, in the order of the registrations. The type dereferences to a slice of
/// these results.
#[derive(Debug)]
#[must_use = "a file that could not be registered is an error of its own in the results"]
pub struct RegisteredArtifacts(Vec<Result<RegisteredArtifact>>);

impl RegisteredArtifacts {
    /// Returns the result of the batch. The batch is failed if all registrations failed, and degraded if only some of
    /// them failed or any of them is degraded.
    pub fn result(&self) -> BatchCaptureResult {
        let results = self.0.iter().map(|registered| match registered {
            Ok(registered) => registered.result(),
            Err(error) => failed(error),
        });
        BatchCaptureResult::aggregate(PayloadFamily::Artifact, results.collect())
    }

    /// Returns all artifacts, or the first error.
    pub fn into_result(self) -> Result<Vec<RegisteredArtifact>> {
        self.0.into_iter().collect()
    }
}

/// Returns the result of a failed registration. After a failed delivery to a sink, this is the result of capturing the
/// manifest.
fn failed(error: &Error) -> CaptureResult {
    let captured = error.results().and_then(|results| results.iter().find(|result| is_artifact(result)));
    captured.cloned().unwrap_or_else(|| {
        let failure = ResultFailure::new(error.code(), error.to_string());
        CaptureResult::failure_result(PayloadFamily::Artifact, None, failure)
    })
}

fn is_artifact(result: &CaptureResult) -> bool {
    result.family() == PayloadFamily::Artifact
}

impl FromIterator<Result<RegisteredArtifact>> for RegisteredArtifacts {
    fn from_iter<I: IntoIterator<Item = Result<RegisteredArtifact>>>(results: I) -> RegisteredArtifacts {
        RegisteredArtifacts(results.into_iter().collect())
    }
}

impl Deref for RegisteredArtifacts {
    type Target = [Result<RegisteredArtifact>];

    fn deref(&self) -> &[Result<RegisteredArtifact>] {
        &self.0
    }
}

impl IntoIterator for RegisteredArtifacts {
    type Item = Result<RegisteredArtifact>;
    type IntoIter = std::vec::IntoIter<Result<RegisteredArtifact>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a RegisteredArtifacts {
    type Item = &'a Result<RegisteredArtifact>;
    type IntoIter = std::slice::Iter<'a, Result<RegisteredArtifact>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
