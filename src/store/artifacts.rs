//! Artifacts: manifests, and whether their bodies are there.

use crate::contract::{ArtifactManifest, ArtifactRef, Fact, RunRef, Valid};
use crate::engine::checksum::Digest;
use crate::engine::projection::Version;
use crate::projections::keys;
use crate::projections::tables::{ARTIFACTS, BODIES};
use crate::store::error::Result;
use crate::store::view::StoreView;

/// An artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtifactRow {
    /// Its manifest.
    pub manifest: ArtifactManifest,
    /// The digest of its body, if that lies in this workspace.
    pub body: Option<Digest>,
    /// Whether the body is where it should be, with the size it should have. Its content is not read.
    pub body_present: bool,
    /// Whether several manifests claim this ref.
    pub conflict: bool,
}

impl StoreView<'_> {
    /// The artifacts of a run, or of all runs, by ref.
    pub fn artifacts(&self, run: Option<&RunRef>) -> Result<Vec<ArtifactRow>> {
        let prefix = run.map_or_else(|| b"artifact:".to_vec(), |r| keys::under("artifact", r));
        self.artifact_rows(&prefix)
    }

    /// One artifact.
    pub fn artifact(&self, artifact: &ArtifactRef) -> Result<Option<ArtifactRow>> {
        let versions = self.view.versions_of(ARTIFACTS, artifact.as_str().as_bytes())?;
        self.artifact_row(versions)
    }

    fn artifact_rows(&self, prefix: &[u8]) -> Result<Vec<ArtifactRow>> {
        let mut rows = Vec::new();
        self.artifacts_each(prefix, |row| {
            rows.push(row);
            Ok(true)
        })?;
        Ok(rows)
    }

    /// Calls `f` with every artifact whose ref begins with `prefix`, by ref, until it returns `false`.
    pub(super) fn artifacts_each(
        &self,
        prefix: &[u8],
        mut f: impl FnMut(ArtifactRow) -> Result<bool>,
    ) -> Result<()> {
        let mut outcome = Ok(());
        self.view.versions(ARTIFACTS, prefix, |_, versions| {
            let row = self.artifact_row(versions);
            match row.and_then(|row| row.map_or(Ok(true), &mut f)) {
                Ok(go_on) => Ok(go_on),
                Err(e) => {
                    outcome = Err(e);
                    Ok(false)
                }
            }
        })?;
        outcome
    }

    fn artifact_row(&self, versions: Vec<Version>) -> Result<Option<ArtifactRow>> {
        let mut chosen: Option<(Valid<ArtifactManifest>, Option<Digest>)> = None;
        let mut conflict = false;
        for captured in self.ranked(ARTIFACTS.name, versions)? {
            let Fact::Artifact(manifest, found) = captured.fact else {
                return Err(self.broken_row(ARTIFACTS.name));
            };
            match &mut chosen {
                None => chosen = Some((*manifest, found.map(Digest))),
                // Somebody may have imported the same manifest without its body.
                Some((same, body)) if *same == *manifest => *body = body.or(found.map(Digest)),
                Some(_) => conflict = true,
            }
        }
        let Some((manifest, body)) = chosen else { return Ok(None) };
        let size = body.as_ref().map(|body| self.blobs.size_of(body)).transpose()?.flatten();
        let body_present = size.is_some() && (manifest.size_bytes.is_none() || size == manifest.size_bytes);
        Ok(Some(ArtifactRow { manifest: manifest.into_inner(), body, body_present, conflict }))
    }

    /// Whether a body still has its digest. Reads all of it. Errors: it is missing, or cannot be read.
    pub fn verify_body(&self, digest: &Digest) -> Result<bool> {
        Ok(self.blobs.verify(digest)?)
    }

    /// The digests of all bodies that artifacts refer to.
    pub fn bodies(&self) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        self.view.keys(BODIES, &[], |key| {
            if let Some((digest, _)) = key.split_first_chunk::<32>() {
                digests.push(Digest(*digest));
            }
            Ok(true)
        })?;
        digests.dedup();
        Ok(digests)
    }
}
