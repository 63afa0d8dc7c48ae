//! [`ArtifactStore`]: the artifact plane of a workspace.

use crate::contract::{ArtifactManifest, ArtifactRef};
use crate::engine;
use crate::engine::checksum::Digest;
use crate::store::error::{Error, Result};
use crate::store::planes::artifact::export::{ArtifactExport, export};
use crate::store::planes::artifact::handle::{ArtifactHandle, handle};
use crate::store::planes::artifact::import::{ArtifactImport, ConflictPolicy, import};
use crate::store::planes::artifact::put::{ArtifactPut, put};
use crate::store::planes::artifact::reader::{ArtifactChunks, ArtifactReader};
use crate::store::planes::artifact::refs::ArtifactRefs;
use crate::store::planes::artifact::summary::{StoreSummary, SweepReport, inspect, sweep};
use crate::store::planes::artifact::verification::VerificationReport;
use crate::store::planes::artifact::verify::{Verifications, verify_one};
use crate::store::planes::shared::Planes;
use crate::store::source::SourceMode;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;

/// The artifact plane of a workspace: manifests and bodies. Clones share the workspace.
///
/// Errors of the methods that take the ref of an artifact: there is no such artifact
/// (`artifact_store_binding_not_found`), or its body is not in the workspace (`artifact_store_body_not_found`).
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    planes: Planes,
}

impl ArtifactStore {
    /// Creates the artifact plane of the workspace with these parts.
    pub(crate) fn new(planes: Planes) -> ArtifactStore {
        ArtifactStore { planes }
    }

    /// Stores a file as an artifact. Location, size, digest and file name are added to the manifest. An equal artifact is
    /// not recorded again. Errors: the file has another size or digest than the manifest states; another artifact has
    /// the ref (`artifact_binding_conflict`); artifacts are read-only; the file cannot be read.
    pub fn put_artifact(
        &self,
        manifest: ArtifactManifest,
        source: impl AsRef<Path>,
        mode: SourceMode,
    ) -> Result<ArtifactPut> {
        put(&self.planes, manifest, source.as_ref(), mode)
    }

    /// Returns the handle of an artifact. Does not read the body.
    pub fn get_artifact(&self, artifact: &ArtifactRef) -> Result<ArtifactHandle> {
        handle(&self.planes, artifact)
    }

    /// Returns the manifest of an artifact, also if the body is not in the workspace; `None` if there is no such
    /// artifact.
    pub fn find_manifest(&self, artifact: &ArtifactRef) -> Result<Option<ArtifactManifest>> {
        Ok(self.planes.read(|view| view.artifact(artifact))?.map(|row| row.manifest))
    }

    /// Returns `true` if the workspace has the artifact and its body. Does not read the body.
    pub fn artifact_exists(&self, artifact: &ArtifactRef) -> Result<bool> {
        let row = self.planes.read(|view| view.artifact(artifact))?;
        Ok(row.is_some_and(|row| row.stored_bytes.is_some()))
    }

    /// Opens the body of an artifact for reading. Error: the artifact is a directory.
    pub fn open_artifact(&self, artifact: &ArtifactRef) -> Result<ArtifactReader> {
        ArtifactReader::open(&self.planes, &handle(&self.planes, artifact)?)
    }

    /// Returns the body of an artifact, which must fit into memory. Errors: the artifact is a directory, or the content
    /// does not match its digest.
    pub fn read_artifact_bytes(&self, artifact: &ArtifactRef) -> Result<Vec<u8>> {
        let handle = handle(&self.planes, artifact)?;
        let mut bytes = Vec::new();
        let mut reader = ArtifactReader::open(&self.planes, &handle)?;
        reader.read_to_end(&mut bytes).map_err(|e| engine::Error::io("read", &handle.path, e))?;
        let is_intact = Digest::of(&bytes) == handle.digest;
        if is_intact { Ok(bytes) } else { Err(Error::BodyDamaged { digest: handle.digest }) }
    }

    /// Returns the body of an artifact in chunks of `chunk_size` bytes; by default 1 MiB. Error: the artifact is a
    /// directory.
    pub fn artifact_chunks(
        &self,
        artifact: &ArtifactRef,
        chunk_size: Option<NonZeroUsize>,
    ) -> Result<ArtifactChunks> {
        let handle = handle(&self.planes, artifact)?;
        let reader = ArtifactReader::open(&self.planes, &handle)?;
        Ok(ArtifactChunks::new(reader, handle.path, chunk_size))
    }

    /// Returns the refs of all artifacts, ordered by ref, as a lazy iterator.
    pub fn list_refs(&self) -> ArtifactRefs {
        ArtifactRefs::new(&self.planes)
    }

    /// Reads the content of an artifact, and compares size and digests with the manifest in the log. An artifact whose
    /// body is missing is not an error, but a result.
    pub fn verify_artifact(&self, artifact: &ArtifactRef) -> Result<VerificationReport> {
        verify_one(&self.planes, artifact, None)
    }

    /// Reads the content of an artifact, and compares size and digest with `manifest` instead of the manifest
    /// in the log. See [`ArtifactStore::verify_artifact`].
    pub fn verify_artifact_against(&self, manifest: &ArtifactManifest) -> Result<VerificationReport> {
        verify_one(&self.planes, &manifest.artifact_ref, Some(manifest))
    }

    /// Returns the verifications of all artifacts, ordered by ref, as a lazy iterator.
    pub fn verifications(&self) -> Verifications {
        Verifications::new(&self.planes)
    }

    /// Verifies all artifacts, and lists the bodies that no artifact refers to.
    pub fn verify_all(&self) -> Result<SweepReport> {
        sweep(&self.planes)
    }

    /// Verifies and counts all artifacts.
    pub fn inspect_store(&self) -> Result<StoreSummary> {
        inspect(&self.planes)
    }

    /// Exports an artifact as a package: a directory in `root`, which is named after the ref. The body is verified while
    /// it is copied. An earlier package of the artifact is replaced when the new one is complete.
    pub fn export_artifact(&self, artifact: &ArtifactRef, root: impl AsRef<Path>) -> Result<ArtifactExport> {
        export(&self.planes, artifact, root.as_ref())
    }

    /// Imports the package in the directory `dir`. Links in the package are not followed, and content with another size
    /// or digest than the package states is not stored. Errors: `dir` contains no package
    /// (`artifact_export_package_not_found`); the package is not valid (`artifact_export_package_invalid`); another
    /// artifact has the ref, with [`ConflictPolicy::Error`] (`artifact_binding_conflict`); artifacts are read-only.
    pub fn import_artifact(&self, dir: impl AsRef<Path>, policy: ConflictPolicy) -> Result<ArtifactImport> {
        import(&self.planes, dir.as_ref(), policy)
    }
}
