//! Artifacts: manifests, and whether their bodies are there.

use crate::contract::{ArtifactManifest, ArtifactRef, Fact, RunRef};
use crate::engine::checksum::Digest;
use crate::engine::projection::view::current;
use crate::projections::entry::Captured;
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
        let rows = self.artifact_rows(artifact.as_str().as_bytes())?;
        Ok(rows.into_iter().find(|row| row.manifest.artifact_ref == *artifact))
    }

    fn artifact_rows(&self, prefix: &[u8]) -> Result<Vec<ArtifactRow>> {
        let mut rows = Vec::new();
        let mut malformed = false;
        self.view.versions(ARTIFACTS, prefix, |_, versions| {
            let Some(chosen) = current(versions) else { return Ok(()) };
            let conflict = chosen.rivals.iter().any(|r| r.value != chosen.version.value);
            match Captured::from_row(&chosen.version.value).map(|c| c.fact) {
                Some(Fact::Artifact(manifest, body)) => rows.push(ArtifactRow {
                    manifest: manifest.into_inner(),
                    body: body.map(Digest),
                    body_present: false,
                    conflict,
                }),
                _ => malformed = true,
            }
            Ok(())
        })?;
        if malformed {
            return Err(self.broken_row(ARTIFACTS.name));
        }
        for row in &mut rows {
            if let Some(body) = &row.body {
                let size = self.blobs.size_of(body)?;
                row.body_present =
                    size.is_some() && (row.manifest.size_bytes.is_none() || size == row.manifest.size_bytes);
            }
        }
        Ok(rows)
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
