//! The uses of bodies by artifacts.

use crate::contract::{ArtifactManifest, Fact, RunRef};
use crate::engine::checksum::Digest;
use crate::projections::entry::Captured;
use crate::projections::tables::ARTIFACTS;
use crate::store::error::Result;
use crate::store::location;
use crate::store::view::StoreView;
use std::path::PathBuf;

/// The use of a body by a version of an artifact. A later version of the artifact can have another body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BodyUse {
    /// The run of the artifact.
    pub(crate) run_ref: RunRef,
    /// The body.
    pub(crate) digest: Digest,
    /// `true` if the body is the list of the files of a directory. The files are bodies too.
    pub(crate) is_tree: bool,
}

impl StoreView<'_> {
    /// Returns the uses of bodies by all versions of all artifacts, including replaced versions. The result covers all
    /// entries, also for a view as of an earlier moment.
    pub(crate) fn body_uses(&self) -> Result<Vec<BodyUse>> {
        let mut uses = Vec::new();
        self.each_manifest(|manifest, body| {
            uses.extend(body.map(|digest| BodyUse {
                run_ref: manifest.run_ref.clone(),
                digest,
                is_tree: location::is_tree(&manifest.location_ref),
            }));
        })?;
        Ok(uses)
    }

    /// Returns the local files to which all versions of all artifacts refer, including replaced versions. Each file has
    /// the run of the artifact. The result covers all entries, also for a view as of an earlier moment.
    pub(crate) fn file_uses(&self) -> Result<Vec<(RunRef, PathBuf)>> {
        let mut uses = Vec::new();
        self.each_manifest(|manifest, _| {
            let path = location::local_path(&manifest.location_ref);
            uses.extend(path.map(|path| (manifest.run_ref.clone(), path)));
        })?;
        Ok(uses)
    }

    fn each_manifest(&self, mut f: impl FnMut(&ArtifactManifest, Option<Digest>)) -> Result<()> {
        for key in self.whole.versions(ARTIFACTS, &[])? {
            for version in key?.versions {
                let captured = Captured::from_row(&version.value);
                let Some(Fact::Artifact(manifest, body)) = captured.map(|captured| captured.fact) else {
                    return Err(self.malformed_row(ARTIFACTS.name));
                };
                f(&manifest, body.map(Digest));
            }
        }
        Ok(())
    }
}
