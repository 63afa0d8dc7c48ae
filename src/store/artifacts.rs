//! Artifacts: manifests, and whether their bodies are there.

use crate::contract::{ArtifactManifest, ArtifactRef, Fact, RunRef, Valid};
use crate::engine;
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
    /// Whether the body is where it should be, with the size it should have. Its content is not read. `false` as well
    /// where it could not be looked at.
    pub body_present: bool,
    /// The reason why the body could not be looked at.
    pub body_error: Option<String>,
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
        for key in self.view.versions(ARTIFACTS, prefix)? {
            let row = self.artifact_row(key?.versions)?;
            if !row.map_or(Ok(true), &mut f)? {
                break;
            }
        }
        Ok(())
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
        let (size, body_error) = match body.as_ref().map(|body| self.blobs.size_of(body)) {
            Some(Ok(size)) => (size, None),
            Some(Err(e)) => (None, Some(with_source(&e))),
            None => (None, None),
        };
        let body_present = size.is_some() && (manifest.size_bytes.is_none() || size == manifest.size_bytes);
        Ok(Some(ArtifactRow { manifest: manifest.into_inner(), body, body_present, body_error, conflict }))
    }

    /// Tells whether a body still has its digest. Reads all of it, unless it is far larger than every artifact says whose
    /// body it is, and empty there. Errors: it is missing, or cannot be read.
    pub fn verify_body(&self, digest: &Digest) -> Result<bool> {
        let mut refs = Vec::new();
        for row in self.view.keys(BODIES, &digest.0)? {
            refs.extend(row?.key().get(digest.0.len()..).map(<[u8]>::to_vec));
        }
        let mut sizes = Vec::new();
        for artifact in refs {
            for captured in self.ranked(ARTIFACTS.name, self.view.versions_of(ARTIFACTS, &artifact)?)? {
                match captured.fact {
                    Fact::Artifact(manifest, Some(body)) if body == digest.0 => {
                        // Any size is right for an artifact that does not name one.
                        sizes.push(manifest.size_bytes.unwrap_or(u64::MAX));
                    }
                    _ => {}
                }
            }
        }
        Ok(self.blobs.verify(digest, &sizes)?)
    }

    /// The digests of all bodies that artifacts refer to.
    pub fn bodies(&self) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for row in self.view.keys(BODIES, &[])? {
            if let Some((digest, _)) = row?.key().split_first_chunk::<32>() {
                digests.push(Digest(*digest));
            }
        }
        digests.dedup();
        Ok(digests)
    }
}

/// An error in one line, with the system's reason.
fn with_source(error: &engine::Error) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
