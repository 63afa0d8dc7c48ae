//! The write of one artifact: its manifest and its body.

use crate::contract::json::write::canonical;
use crate::contract::{ArtifactManifest, ArtifactRef, Canonical, Fact, Valid};
use crate::engine::checksum::Digest;
use crate::engine::entry::Stamp;
use crate::store::artifacts::ArtifactRow;
use crate::store::body::StoredBody;
use crate::store::error::{Error, Result};
use crate::store::journal::file_name_attributes;
use crate::store::location;
use crate::store::note::Note;
use crate::store::planes::error::PlaneError;
use crate::store::planes::shared::Planes;
use crate::store::source::SourceMode;
use std::path::Path;

/// The effect of `put_artifact`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutChange {
    /// The artifact was recorded.
    Created,
    /// The workspace already had the artifact. If its body was missing or damaged, the body was stored again.
    Unchanged,
}

/// The result of `put_artifact`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArtifactPut {
    /// The manifest in the log.
    pub manifest: ArtifactManifest,
    /// The BLAKE3 digest of the body.
    pub digest: Digest,
    /// The length of the body in bytes.
    pub size_bytes: u64,
    /// The effect.
    pub change: PutChange,
    /// Notes, such as a note on a file that could not be removed.
    pub notes: Vec<Note>,
}

/// Stores a file as the body of an artifact, and records the manifest. The size, the digest, the location and
/// the name of the file are added to the manifest.
pub(super) fn put(
    planes: &Planes,
    manifest: ArtifactManifest,
    source: &Path,
    mode: SourceMode,
) -> Result<ArtifactPut> {
    check_writable(planes)?;
    let journal = planes.journal();
    // The manifest is checked before the body is stored, because storing a large body takes long.
    Valid::new(manifest.clone())?;
    if mode != SourceMode::Copy {
        journal.check_movable(source)?;
    }
    let held = journal.lock_bodies()?;
    let taken = journal.take_source(source, mode)?;
    let body = taken.body.clone();
    let recorded = check_claims(&manifest, &body).and_then(|()| {
        let manifest = completed(manifest, source, &body)?;
        planes.decide(|| {
            let Some((row, stamps)) = existing(planes, &manifest.artifact_ref)? else {
                record(planes, manifest.clone(), body.digest, Vec::new())?;
                return Ok((manifest.into_inner(), PutChange::Created));
            };
            if !is_same(&row, &manifest, &body.digest)? {
                return Err(conflict(&manifest.artifact_ref));
            }
            // A manifest that was imported without its body names no body.
            if row.body.is_none() {
                record(planes, manifest.clone(), body.digest, stamps)?;
            }
            Ok((manifest.into_inner(), PutChange::Unchanged))
        })
    });
    drop(held);
    match recorded {
        Ok((manifest, change)) => {
            let notes = journal.finish_source(taken).into_iter().collect();
            Ok(ArtifactPut { manifest, digest: body.digest, size_bytes: body.size, change, notes })
        }
        Err(e) => {
            journal.abandon_source(taken);
            Err(e)
        }
    }
}

/// Returns an error if artifacts may not be written.
pub(super) fn check_writable(planes: &Planes) -> Result<()> {
    Planes::check_writable(planes.writes().artifacts, "the artifacts", "artifact_store_read_only")
}

/// Returns an error if the manifest states another size or SHA-256 digest than the body has.
pub(super) fn check_claims(manifest: &ArtifactManifest, body: &StoredBody) -> Result<()> {
    let differs = |code, stated: String, found: String| {
        Err(PlaneError::ClaimDiffers { code, artifact: manifest.artifact_ref.clone(), stated, found }.into())
    };
    if let Some(size) = manifest.size_bytes.filter(|size| *size != body.size) {
        let code = "artifact_store_size_mismatch";
        return differs(code, format!("{size} bytes"), format!("{} bytes", body.size));
    }
    match manifest.sha256().filter(|sha256| *sha256 != body.sha256) {
        Some(sha256) => differs(
            "artifact_store_hash_mismatch",
            format!("the SHA-256 digest {sha256}"),
            format!("the SHA-256 digest {}", body.sha256),
        ),
        None => Ok(()),
    }
}

/// Adds the location, the size, the digest and the file name to a manifest, as capture does.
fn completed(
    mut manifest: ArtifactManifest,
    source: &Path,
    body: &StoredBody,
) -> Result<Valid<ArtifactManifest>> {
    manifest.location_ref = location::of_body(&body.digest);
    manifest.size_bytes = Some(body.size);
    manifest.hash_value.get_or_insert_with(|| body.sha256.clone());
    for (name, value) in file_name_attributes(source) {
        manifest.attributes.entry(name).or_insert(value);
    }
    Ok(Valid::new(manifest)?)
}

/// Returns the artifact with this ref. Also returns the stamps of the facts about the artifact that no other
/// fact replaces.
pub(super) fn existing(planes: &Planes, artifact: &ArtifactRef) -> Result<Option<(ArtifactRow, Vec<Stamp>)>> {
    planes.judge(|view| match view.artifact(artifact)? {
        None => Ok(None),
        Some(row) => Ok(Some((row, view.stamps_of(artifact)?))),
    })
}

/// Returns `true` if the artifact has an equal manifest, and has either this body or no body.
pub(super) fn is_same(row: &ArtifactRow, manifest: &ArtifactManifest, body: &Digest) -> Result<bool> {
    let equal_manifest = canonical(&row.manifest.to_value())? == canonical(&manifest.to_value())?;
    Ok(equal_manifest && row.body.as_ref().is_none_or(|known| known == body))
}

/// Appends the manifest of an artifact. The fact replaces the facts with the stamps `replaces`.
pub(super) fn record(
    planes: &Planes,
    manifest: Valid<ArtifactManifest>,
    body: Digest,
    replaces: Vec<Stamp>,
) -> Result<()> {
    planes.append(Fact::Artifact(Box::new(manifest), Some(body.0)), replaces)?;
    Ok(())
}

/// Returns the error for another artifact with the same ref.
pub(super) fn conflict(artifact: &ArtifactRef) -> Error {
    PlaneError::ArtifactConflict { artifact: artifact.clone() }.into()
}
