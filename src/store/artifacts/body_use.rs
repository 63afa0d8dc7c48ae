//! The uses of bodies by artifacts.

use crate::contract::{Fact, RunRef};
use crate::engine::checksum::Digest;
use crate::projections::entry::Captured;
use crate::projections::tables::ARTIFACTS;
use crate::store::error::Result;
use crate::store::location;
use crate::store::view::StoreView;

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
        for key in self.whole.versions(ARTIFACTS, &[])? {
            for version in key?.versions {
                let captured = Captured::from_row(&version.value);
                let Some(Fact::Artifact(manifest, body)) = captured.map(|captured| captured.fact) else {
                    return Err(self.malformed_row(ARTIFACTS.name));
                };
                uses.extend(body.map(|digest| BodyUse {
                    run_ref: manifest.run_ref.clone(),
                    digest: Digest(digest),
                    is_tree: location::is_tree(&manifest.location_ref),
                }));
            }
        }
        Ok(uses)
    }
}
