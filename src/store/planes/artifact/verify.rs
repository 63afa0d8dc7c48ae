//! The verification of artifacts: sizes and digests of their content.

use crate::contract::{ArtifactManifest, ArtifactRef};
use crate::engine::checksum::Digest;
use crate::engine::fault::chain;
use crate::store::artifacts::{ArtifactRow, ReferenceState};
use crate::store::body::{StoredBody, digest_file};
use crate::store::error::Result;
use crate::store::location;
use crate::store::planes::artifact::handle::row;
use crate::store::planes::artifact::refs::ArtifactRefs;
use crate::store::planes::artifact::verification::{VerificationReport, VerificationStatus};
use crate::store::planes::error::PlaneError;
use crate::store::planes::shared::Planes;
use crate::store::tree::{TreeContent, read_tree};
use std::collections::HashMap;

/// The greatest number of damaged files of one directory that a report names.
const NAMED_MAX: usize = 10;

/// The digests and the size of a body, or the reason why the body cannot be read. `None` if the body is
/// missing.
type Content = Option<std::result::Result<StoredBody, String>>;

/// A verifier of artifacts. The verifier reads each body once, even if several artifacts have the same body.
#[derive(Debug)]
pub(super) struct Verifier {
    planes: Planes,
    contents: HashMap<Digest, Content>,
}

impl Verifier {
    pub(super) fn new(planes: &Planes) -> Verifier {
        Verifier { planes: planes.clone(), contents: HashMap::new() }
    }

    /// Verifies an artifact against its manifest, or against another manifest with the same ref.
    pub(super) fn verify(
        &mut self,
        row: &ArtifactRow,
        against: Option<&ArtifactManifest>,
    ) -> Result<VerificationReport> {
        let expected = against.unwrap_or(&row.manifest);
        let mut report = VerificationReport {
            artifact_ref: row.manifest.artifact_ref.clone(),
            status: VerificationStatus::Verified,
            exists: true,
            actual_size_bytes: row.stored_bytes,
            expected_size_bytes: expected.size_bytes,
            actual_hash_value: None,
            expected_hash_value: expected.sha256(),
            checked_at: self.planes.now(),
            messages: Vec::new(),
        };
        match &row.body {
            None => self.outside(row, &mut report)?,
            Some(digest) => self.inside(row, digest, &mut report),
        }
        Ok(report)
    }

    /// Verifies an artifact without a body in the workspace.
    fn outside(&self, row: &ArtifactRow, report: &mut VerificationReport) -> Result<()> {
        let location = &row.manifest.location_ref;
        let state = self.planes.read(|view| Ok(view.examine_reference(row)))?;
        let (status, message) = match state {
            Some(ReferenceState::Unchanged) => return Ok(()),
            Some(ReferenceState::Missing) => {
                (VerificationStatus::Missing, format!("the file {location} is missing"))
            }
            Some(ReferenceState::Changed) => {
                (VerificationStatus::HashMismatch, format!("the file {location} has changed"))
            }
            Some(ReferenceState::Unreadable(reason)) => {
                (VerificationStatus::Unreadable, format!("the file {location} cannot be read: {reason}"))
            }
            None if row.is_referenced() => {
                (VerificationStatus::External, format!("the content at {location} was not read"))
            }
            None => {
                let message =
                    format!("the body was never stored in this workspace; its location is {location}");
                (VerificationStatus::Missing, message)
            }
        };
        report.exists = status != VerificationStatus::Missing;
        report.fail(status, message);
        Ok(())
    }

    /// Verifies an artifact with a body in the workspace.
    fn inside(&mut self, row: &ArtifactRow, digest: &Digest, report: &mut VerificationReport) {
        if let Some(reason) = &row.body_error {
            return report
                .fail(VerificationStatus::Unreadable, format!("the body cannot be examined: {reason}"));
        }
        let (found, expected) = (row.stored_bytes, report.expected_size_bytes);
        if let (Some(found), Some(expected)) = (found, expected)
            && found != expected
        {
            let message = format!("the body has {found} bytes instead of {expected}");
            return report.fail(VerificationStatus::SizeMismatch, message);
        }
        match self.content(digest) {
            None => {
                report.exists = false;
                report.fail(VerificationStatus::Missing, format!("the body {digest} is missing"));
            }
            Some(Err(reason)) => report.fail(VerificationStatus::Unreadable, reason),
            Some(Ok(body)) => {
                report.actual_hash_value = Some(body.sha256.clone());
                if body.digest != *digest {
                    let message = format!("the body {digest} has the digest {}", body.digest);
                    report.fail(VerificationStatus::HashMismatch, message);
                }
                if report.expected_hash_value.as_ref().is_some_and(|expected| *expected != body.sha256) {
                    let message = format!("the body has the SHA-256 digest {}", body.sha256);
                    report.fail(VerificationStatus::HashMismatch, message);
                }
            }
        }
        if report.verified() && location::is_tree(&row.manifest.location_ref) {
            self.tree(digest, report);
        }
    }

    /// Verifies the files of a directory.
    fn tree(&mut self, tree: &Digest, report: &mut VerificationReport) {
        let entries = match read_tree(self.planes.journal().blobs(), tree) {
            Ok(entries) => entries,
            Err(e) => return report.fail(VerificationStatus::HashMismatch, chain(&e)),
        };
        let mut damaged = Vec::new();
        for entry in entries {
            let TreeContent::File { digest, .. } = &entry.content else { continue };
            let status = match self.content(digest) {
                Some(Ok(body)) if body.digest == *digest => continue,
                Some(Ok(_)) => VerificationStatus::HashMismatch,
                Some(Err(_)) => VerificationStatus::Unreadable,
                None => VerificationStatus::Missing,
            };
            damaged.push((status, entry.path_lossy()));
        }
        let count = damaged.len();
        for (status, path) in damaged.into_iter().take(NAMED_MAX) {
            report.fail(status, format!("the file {path:?} has the status {status}"));
        }
        if count > NAMED_MAX {
            report.messages.push(format!("{} further files are missing or damaged", count - NAMED_MAX));
        }
    }

    /// Returns the content of a body. Reads each body once.
    fn content(&mut self, digest: &Digest) -> Content {
        if let Some(known) = self.contents.get(digest) {
            return known.clone();
        }
        let blobs = self.planes.journal().blobs();
        let content = match blobs.size_of(digest) {
            Ok(None) => None,
            Ok(Some(len)) => Some(blobs.open(digest).map_err(|e| chain(&e)).and_then(|file| {
                digest_file(&file, len).map_err(|e| format!("the body {digest} cannot be read: {e}"))
            })),
            Err(e) => Some(Err(chain(&e))),
        };
        self.contents.insert(*digest, content.clone());
        content
    }
}

impl VerificationReport {
    /// Adds a difference. The first difference determines the status of the report.
    fn fail(&mut self, status: VerificationStatus, message: String) {
        if self.verified() {
            self.status = status;
        }
        self.messages.push(message);
    }
}

/// An iterator that verifies all artifacts. The artifacts are ordered by ref. The iterator reads each body
/// once.
#[derive(Debug)]
#[must_use = "the iterator verifies nothing until it is advanced"]
pub struct Verifications {
    refs: ArtifactRefs,
    verifier: Verifier,
}

impl Verifications {
    pub(super) fn new(planes: &Planes) -> Verifications {
        Verifications { refs: ArtifactRefs::new(planes), verifier: Verifier::new(planes) }
    }
}

impl Iterator for Verifications {
    type Item = Result<VerificationReport>;

    fn next(&mut self) -> Option<Self::Item> {
        let artifact = self.refs.next()?;
        let row = artifact.and_then(|artifact| row(&self.verifier.planes, &artifact));
        Some(row.and_then(|row| self.verifier.verify(&row, None)))
    }
}

/// Verifies one artifact. Errors: there is no such artifact, or `against` is the manifest of another artifact.
pub(super) fn verify_one(
    planes: &Planes,
    artifact: &ArtifactRef,
    against: Option<&ArtifactManifest>,
) -> Result<VerificationReport> {
    if let Some(manifest) = against.filter(|manifest| manifest.artifact_ref != *artifact) {
        return Err(PlaneError::ClaimDiffers {
            code: "artifact_store_verification_manifest_mismatch",
            artifact: artifact.clone(),
            stated: format!("the ref {}", manifest.artifact_ref),
            found: format!("the ref {artifact}"),
        }
        .into());
    }
    Verifier::new(planes).verify(&row(planes, artifact)?, against)
}
