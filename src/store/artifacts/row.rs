//! Methods of `StoreView` that read artifacts: manifests, and the state of bodies.

use crate::contract::{ArtifactManifest, ArtifactRef, Fact, RunRef, Valid};
use crate::engine;
use crate::engine::checksum::Digest;
use crate::engine::fault::chain;
use crate::engine::projection::Version;
use crate::engine::storage::FileReader;
use crate::projections::keys;
use crate::projections::tables::{ARTIFACTS, BODIES};
use crate::store::body::hash_file;
use crate::store::error::{Error, Result};
use crate::store::location;
use crate::store::view::StoreView;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;

/// The greatest size in bytes of a body whose SHA-256 digest is computed for an answer.
const SHA256_BYTES_MAX: u64 = 64 << 20;

/// An artifact: the manifest, and the state of the body.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArtifactRow {
    /// The manifest.
    pub manifest: ArtifactManifest,
    /// The size of the body in bytes; `None` if the body is not in this workspace.
    pub stored_bytes: Option<u64>,
    /// The SHA-256 digest of the body, as 64 hexadecimal digits; `None` unless [`StoreView::with_sha256`] computed it.
    pub stored_sha256: Option<String>,
    /// The BLAKE3 digest of the body; `None` if the body was never stored in this workspace.
    pub body: Option<Digest>,
    /// `true` if the file of the body exists and has the size in the manifest. A manifest without a size allows any
    /// size. The content is not read. `false` also if the file could not be examined (`body_error`).
    pub body_present: bool,
    /// The reason why the file of the body could not be examined; `None` if it was examined, or if `body` is `None`.
    pub body_error: Option<String>,
    /// `true` if facts with different manifests have this ref.
    pub conflict: bool,
}

/// The state of a local file outside the workspace that an artifact refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferenceState {
    /// The file exists, and its size and SHA-256 digest equal those in the manifest. A size or digest that the manifest
    /// does not contain is not compared.
    Unchanged,
    /// The file does not exist.
    Missing,
    /// The size or the digest differs from the manifest.
    Changed,
    /// The file cannot be read. Contains the reason.
    Unreadable(String),
}

impl ArtifactRow {
    /// Returns the size in bytes of the body. If the body is not in this workspace, returns the size in the manifest.
    pub fn size_bytes(&self) -> Option<u64> {
        self.stored_bytes.or(self.manifest.size_bytes)
    }

    /// Returns `true` if the artifact has no body in the workspace, and the location in its manifest is a URI.
    pub fn is_referenced(&self) -> bool {
        self.body.is_none() && location::is_uri(&self.manifest.location_ref)
    }

    /// Returns `true` if the artifact is a directory. The body of such an artifact is the list of the files in the
    /// directory.
    pub fn is_tree(&self) -> bool {
        self.body.is_some() && location::is_tree(&self.manifest.location_ref)
    }
}

impl StoreView<'_> {
    /// Returns the artifacts of a run, or of all runs. The artifacts are sorted by the text of their ref with
    /// a dot at the end, as in the Python package contexta 1.0.0. For example, `model-b` comes before
    /// `model`.
    pub fn artifacts(&self, run: Option<&RunRef>) -> Result<Vec<ArtifactRow>> {
        let prefix = run.map_or_else(|| b"artifact:".to_vec(), |r| keys::under("artifact", r));
        let mut rows = self.artifacts_with_prefix(&prefix)?.collect::<Result<Vec<ArtifactRow>>>()?;
        rows.sort_by_cached_key(|row| format!("{}.", row.manifest.artifact_ref));
        Ok(rows)
    }

    /// Returns the artifact with this ref; `None` if no artifact has the ref.
    pub fn artifact(&self, artifact: &ArtifactRef) -> Result<Option<ArtifactRow>> {
        let versions = self.view.versions_of(ARTIFACTS, artifact.as_str().as_bytes())?;
        self.artifact_row(versions)
    }

    /// Returns an iterator over the artifacts whose refs begin with `prefix`, in the order of their refs. The iterator
    /// has one artifact in memory at a time.
    pub(crate) fn artifacts_with_prefix(
        &self,
        prefix: &[u8],
    ) -> Result<impl Iterator<Item = Result<ArtifactRow>> + '_> {
        let keys = self.view.versions(ARTIFACTS, prefix)?;
        Ok(keys.filter_map(|key| {
            let row = key.map_err(Error::from).and_then(|key| self.artifact_row(key.versions));
            row.transpose()
        }))
    }

    fn artifact_row(&self, versions: Vec<Version>) -> Result<Option<ArtifactRow>> {
        let mut chosen: Option<(Valid<ArtifactManifest>, Option<Digest>)> = None;
        let mut conflict = false;
        for captured in self.ranked(ARTIFACTS.name, versions)? {
            let Fact::Artifact(manifest, found) = captured.fact else {
                return Err(self.malformed_row(ARTIFACTS.name));
            };
            match &mut chosen {
                None => chosen = Some((*manifest, found.map(Digest))),
                // A fact from an import may contain the same manifest without the digest of the body.
                Some((same, body)) if *same == *manifest => *body = body.or(found.map(Digest)),
                Some(_) => conflict = true,
            }
        }
        let Some((manifest, body)) = chosen else { return Ok(None) };
        let (size, body_error) = match body.as_ref().map(|body| self.blobs.size_of(body)) {
            Some(Ok(size)) => (size, None),
            Some(Err(e)) => (None, Some(chain(&e))),
            None => (None, None),
        };
        let body_present = size.is_some() && (manifest.size_bytes.is_none() || size == manifest.size_bytes);
        Ok(Some(ArtifactRow {
            manifest: manifest.into_inner(),
            stored_bytes: size,
            stored_sha256: None,
            body,
            body_present,
            body_error,
            conflict,
        }))
    }

    /// Computes the SHA-256 digest of an artifact's body, unless the manifest contains this digest. Reads the
    /// complete body. A body of more than 64 MiB is not read, and its digest is not computed.
    pub fn with_sha256(&self, artifact: ArtifactRow) -> ArtifactRow {
        let is_wanted = artifact.manifest.sha256().is_none() && artifact.body_present;
        let is_small = artifact.stored_bytes.is_some_and(|bytes| bytes <= SHA256_BYTES_MAX);
        let path = artifact.body.as_ref().filter(|_| is_wanted && is_small).map(|body| self.blobs.path(body));
        // A body that cannot be read has an unknown digest; `verify` reports it.
        let hashed = path.and_then(|path| hash_file(self.blobs.storage().as_ref(), &path).ok());
        ArtifactRow { stored_sha256: hashed.map(|(sha256, _)| sha256), ..artifact }
    }

    /// Compares the manifest of an artifact with the local file outside the workspace to which the manifest refers.
    /// Returns `None` if the manifest refers to no such file.
    pub fn examine_reference(&self, artifact: &ArtifactRow) -> Option<ReferenceState> {
        let manifest = &artifact.manifest;
        let path = location::local_path(&manifest.location_ref).filter(|_| artifact.is_referenced())?;
        let storage = self.blobs.storage();
        let info = match storage.info(&path) {
            Ok(info) => info,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Some(ReferenceState::Missing);
            }
            Err(e) => return Some(ReferenceState::Unreadable(e.to_string())),
        };
        if manifest.size_bytes.is_some_and(|size| size != info.len) {
            return Some(ReferenceState::Changed);
        }
        let Some(claimed) = manifest.sha256() else { return Some(ReferenceState::Unchanged) };
        Some(match hash_file(storage.as_ref(), &path) {
            Ok((sha256, _)) if sha256 == claimed => ReferenceState::Unchanged,
            Ok(_) => ReferenceState::Changed,
            Err(e) => ReferenceState::Unreadable(chain(&e)),
        })
    }

    /// Returns the path of the file with the content of an artifact. The file is the body in the object store, or the
    /// local file outside the workspace to which the manifest refers. The caller must not change the file. Returns
    /// `None` for a directory (see [`StoreView::extract_tree`]), for content that is not in a local file, and if the
    /// body is missing.
    pub fn artifact_path(&self, artifact: &ArtifactRow) -> Option<PathBuf> {
        match &artifact.body {
            Some(digest) => (artifact.body_present && !artifact.is_tree()).then(|| self.blobs.path(digest)),
            None => location::local_path(&artifact.manifest.location_ref),
        }
    }

    /// Returns the bytes of an artifact's body. Returns `None` if the body is not in this workspace, or if
    /// the body is longer than `bytes_max`. Errors: the bytes do not match the digest, or the file cannot be
    /// read.
    pub fn body_bytes(&self, artifact: &ArtifactRow, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        let is_wanted = artifact.stored_bytes.is_some_and(|bytes| bytes <= bytes_max);
        let Some(digest) = artifact.body.as_ref().filter(|_| is_wanted) else { return Ok(None) };
        let mut content = Vec::new();
        let file = FileReader::new(self.blobs.open(digest)?);
        // The file may have grown since its size was read.
        let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut content);
        read.map_err(|e| engine::Error::io("read", &self.blobs.path(digest), e))?;
        match Digest::of(&content) == *digest {
            true => Ok(Some(content)),
            false => Err(Error::BodyDamaged { digest: *digest }),
        }
    }

    /// Returns `true` if the content of a body matches its digest. Reads the whole body. Exception: a file with a hole
    /// of 1 GiB after the expected end of the body counts as damaged and is not read, because reading it could take
    /// very long. The expected end is the greatest size in the manifests that refer to the body. Errors: the body is
    /// missing or cannot be read.
    pub fn verify_body(&self, digest: &Digest) -> Result<bool> {
        let mut refs = Vec::new();
        for row in self.whole.keys(BODIES, &digest.0)? {
            refs.extend(row?.key().get(digest.0.len()..).map(<[u8]>::to_vec));
        }
        let mut sizes = Vec::new();
        for artifact in refs {
            for captured in self.ranked(ARTIFACTS.name, self.view.versions_of(ARTIFACTS, &artifact)?)? {
                match captured.fact {
                    Fact::Artifact(manifest, Some(body)) if body == digest.0 => {
                        // A manifest without a size allows any size.
                        sizes.push(manifest.size_bytes.unwrap_or(u64::MAX));
                    }
                    _ => {}
                }
            }
        }
        Ok(self.blobs.verify(digest, &sizes)?)
    }

    /// Returns the digests of all bodies that artifacts refer to. The bodies of the files in directories are not
    /// included.
    pub fn bodies(&self) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for row in self.whole.keys(BODIES, &[])? {
            if let Some((digest, _)) = row?.key().split_first_chunk::<32>() {
                digests.push(Digest(*digest));
            }
        }
        digests.dedup();
        Ok(digests)
    }
}
