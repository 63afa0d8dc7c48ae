//! [`ArtifactStore`] reads, writes and checks the artifacts of a workspace.

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
use crate::store::planes::artifact::summary::{
    BodyComparison, StoreSummary, SweepReport, compare_bodies, inspect, sweep,
};
use crate::store::planes::artifact::verification::VerificationReport;
use crate::store::planes::artifact::verify::{Verifications, verify_one};
use crate::store::planes::shared::Planes;
use crate::store::source::SourceMode;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;

/// Access to the artifacts of a workspace. An artifact consists of a manifest and a body. Clones share the
/// workspace.
///
/// The methods that open or export an artifact return an error if there is no such artifact
/// (`artifact_store_binding_not_found`), or if its body is not in the workspace
/// (`artifact_store_body_not_found`).
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    planes: Planes,
}

impl ArtifactStore {
    /// Creates the artifact store from the shared parts of a workspace.
    pub(crate) fn new(planes: Planes) -> ArtifactStore {
        ArtifactStore { planes }
    }

    /// Stores a file as an artifact. The location, the size, the digest and the name of the file are added to
    /// the manifest. If the workspace already has an equal artifact, the artifact is not recorded again.
    ///
    /// Returns an error in these cases:
    /// - The file has another size or digest than the manifest states.
    /// - Another artifact has the same ref (`artifact_binding_conflict`).
    /// - The artifacts are read-only.
    /// - The file cannot be read.
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

    /// Returns the manifest of an artifact. The body of the artifact may be missing. Returns `None` if there
    /// is no such artifact.
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

    /// Reads the body of an artifact into memory. Errors: the artifact is a directory, or the content does
    /// not match its digest.
    pub fn read_artifact_bytes(&self, artifact: &ArtifactRef) -> Result<Vec<u8>> {
        let handle = handle(&self.planes, artifact)?;
        let mut bytes = Vec::new();
        let mut reader = ArtifactReader::open(&self.planes, &handle)?;
        reader.read_to_end(&mut bytes).map_err(|e| engine::Error::io("read", &handle.path, e))?;
        let is_intact = Digest::of(&bytes) == handle.digest;
        if is_intact { Ok(bytes) } else { Err(Error::BodyDamaged { digest: handle.digest }) }
    }

    /// Returns an iterator over the body of an artifact in chunks of `chunk_size` bytes. The default size is
    /// 1 MiB. Error: the artifact is a directory.
    pub fn artifact_chunks(
        &self,
        artifact: &ArtifactRef,
        chunk_size: Option<NonZeroUsize>,
    ) -> Result<ArtifactChunks> {
        let handle = handle(&self.planes, artifact)?;
        let reader = ArtifactReader::open(&self.planes, &handle)?;
        Ok(ArtifactChunks::new(reader, handle.path, chunk_size))
    }

    /// Returns an iterator over the sorted refs of all artifacts.
    pub fn list_refs(&self) -> ArtifactRefs {
        ArtifactRefs::new(&self.planes)
    }

    /// Reads the content of an artifact, and compares its size and digests with the manifest in the log. A
    /// missing body is not an error. The report then has the status `missing`.
    pub fn verify_artifact(&self, artifact: &ArtifactRef) -> Result<VerificationReport> {
        verify_one(&self.planes, artifact, None)
    }

    /// Reads the content of an artifact, and compares its size and digest with `manifest`. The manifest in
    /// the log is not used. See [`ArtifactStore::verify_artifact`].
    pub fn verify_artifact_against(&self, manifest: &ArtifactManifest) -> Result<VerificationReport> {
        verify_one(&self.planes, &manifest.artifact_ref, Some(manifest))
    }

    /// Returns an iterator that verifies all artifacts. The artifacts are ordered by ref.
    pub fn verifications(&self) -> Verifications {
        Verifications::new(&self.planes)
    }

    /// Verifies all artifacts, and lists the bodies that no artifact refers to.
    pub fn verify_all(&self) -> Result<SweepReport> {
        sweep(&self.planes)
    }

    /// Compares the files of the bodies with the artifacts. The only bodies that are read are lists of files.
    pub(crate) fn compare_bodies(&self) -> Result<BodyComparison> {
        compare_bodies(&self.planes)
    }

    /// Verifies and counts all artifacts.
    pub fn inspect_store(&self) -> Result<StoreSummary> {
        inspect(&self.planes)
    }

    /// Exports an artifact as a package. The package is a directory in `root`, and its name is derived from
    /// the ref. The body is verified during the copy. An earlier package of the artifact is replaced when the
    /// new package is complete.
    pub fn export_artifact(&self, artifact: &ArtifactRef, root: impl AsRef<Path>) -> Result<ArtifactExport> {
        export(&self.planes, artifact, root.as_ref())
    }

    /// Imports the package in the directory `dir`. Links in the package are not followed. Content is stored
    /// only if it has the size and the digests that the package states.
    ///
    /// Returns an error in these cases:
    /// - `dir` contains no package (`artifact_export_package_not_found`).
    /// - The package is not valid (`artifact_export_package_invalid`).
    /// - `policy` is [`ConflictPolicy::Error`], and another artifact has the same ref
    ///   (`artifact_binding_conflict`).
    /// - The artifacts are read-only.
    pub fn import_artifact(&self, dir: impl AsRef<Path>, policy: ConflictPolicy) -> Result<ArtifactImport> {
        import(&self.planes, dir.as_ref(), policy)
    }
}
