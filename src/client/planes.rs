//! The planes of a workspace: access from [`Contexta`], and planes on their own.

use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::store::artifacts::ArtifactStore;
use crate::store::metadata::MetadataStore;
use crate::store::records::RecordStore;
use crate::store::{PlaneDirs, PlaneWrites, Planes};
use std::path::Path;
use std::sync::Arc;

impl Contexta {
    fn planes(&self) -> Planes {
        let (config, options) = (&self.opened.config, self.session.options());
        // The session of a workspace as of a moment is read-only, whatever the settings are.
        let log = !options.records_read_only;
        let writes = PlaneWrites {
            metadata: log && !config.metadata.read_only,
            records: log,
            artifacts: log && !options.artifacts_read_only,
        };
        let dirs = PlaneDirs {
            generations: self.paths.projections(),
            recovery: self.paths.recovery(),
            quarantine: self.paths.quarantine(),
        };
        let durability = self.session.options().durability;
        Planes::new(self.store.clone(), Arc::clone(&self.journal), dirs, writes, durability)
    }

    /// Returns the metadata plane: typed reads and writes of projects, runs, their parts, relations and provenance.
    pub fn metadata_store(&self) -> MetadataStore {
        MetadataStore::new(self.planes())
    }

    /// Returns the record plane: appends, scans, replays, exports and checks of records.
    pub fn record_store(&self) -> RecordStore {
        RecordStore::new(self.planes())
    }

    /// Returns the artifact plane: reads, writes and checks of artifacts, and their packages.
    pub fn artifact_store(&self) -> ArtifactStore {
        ArtifactStore::new(self.planes())
    }
}

impl MetadataStore {
    /// Opens the metadata plane of the workspace at `path` on its own. Creates the workspace if the path does not exist.
    pub fn open(path: impl AsRef<Path>) -> Result<MetadataStore> {
        Ok(Contexta::open(path)?.metadata_store())
    }
}

impl ArtifactStore {
    /// Opens the artifact plane of the workspace at `path` on its own. Creates the workspace if the path does not exist.
    pub fn open(path: impl AsRef<Path>) -> Result<ArtifactStore> {
        Ok(Contexta::open(path)?.artifact_store())
    }
}

impl RecordStore {
    /// Opens the record plane of the workspace at `path` on its own. Creates the workspace if the path does not exist.
    pub fn open(path: impl AsRef<Path>) -> Result<RecordStore> {
        Ok(Contexta::open(path)?.record_store())
    }
}
