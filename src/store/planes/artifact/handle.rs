//! The handle of an artifact whose content can be read.

use crate::contract::{ArtifactManifest, ArtifactRef};
use crate::engine::checksum::Digest;
use crate::store::artifacts::ArtifactRow;
use crate::store::error::{Error, Result};
use crate::store::planes::error::PlaneError;
use crate::store::planes::shared::Planes;
use std::path::PathBuf;

/// An artifact whose body is in the workspace.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArtifactHandle {
    /// The manifest.
    pub manifest: ArtifactManifest,
    /// The BLAKE3 digest of the body.
    pub digest: Digest,
    /// The length of the body in bytes.
    pub size_bytes: u64,
    /// The file with the body. The file must not be changed.
    pub path: PathBuf,
    /// `true` if the artifact is a directory. The body of a directory is the list of its files.
    pub is_tree: bool,
}

/// Returns the row of an artifact. Error: there is no such artifact.
pub(super) fn row(planes: &Planes, artifact: &ArtifactRef) -> Result<ArtifactRow> {
    let row = planes.read(|view| view.artifact(artifact))?;
    row.ok_or_else(|| PlaneError::ArtifactMissing { artifact: artifact.clone() }.into())
}

/// Returns the handle of an artifact. Errors: there is no such artifact, or its body is not in the workspace.
pub(super) fn handle(planes: &Planes, artifact: &ArtifactRef) -> Result<ArtifactHandle> {
    let row = row(planes, artifact)?;
    let missing =
        |reason: String| Error::from(PlaneError::BodyMissing { artifact: artifact.clone(), reason });
    let Some(digest) = row.body else {
        return Err(missing(format!("its location is {}", row.manifest.location_ref)));
    };
    let Some(size_bytes) = row.stored_bytes else {
        return Err(missing(
            row.body_error.unwrap_or_else(|| format!("the file of {digest} does not exist")),
        ));
    };
    let is_tree = row.is_tree();
    let path = planes.journal().blobs().path(&digest);
    Ok(ArtifactHandle { manifest: row.manifest, digest, size_bytes, path, is_tree })
}
