//! Methods that open the metadata store, the record store and the artifact store of a workspace.

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
        // A workspace as of a moment has a read-only session, even if the settings permit writes.
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

    /// Returns the metadata store, which reads and writes projects, runs, parts of runs, relations and
    /// provenance.
    pub fn metadata_store(&self) -> MetadataStore {
        MetadataStore::new(self.planes())
    }

    /// Returns the record store, which appends, scans, replays, exports and checks records.
    pub fn record_store(&self) -> RecordStore {
        RecordStore::new(self.planes())
    }

    /// Returns the artifact store, which reads, writes and checks artifacts, and exports and imports
    /// packages.
    pub fn artifact_store(&self) -> ArtifactStore {
        ArtifactStore::new(self.planes())
    }
}

impl MetadataStore {
    /// Opens the workspace at `path`, and returns its metadata store. Creates the workspace if the path does
    /// not exist.
    pub fn open(path: impl AsRef<Path>) -> Result<MetadataStore> {
        Ok(Contexta::open(path)?.metadata_store())
    }
}

impl ArtifactStore {
    /// Opens the workspace at `path`, and returns its artifact store. Creates the workspace if the path does
    /// not exist.
    pub fn open(path: impl AsRef<Path>) -> Result<ArtifactStore> {
        Ok(Contexta::open(path)?.artifact_store())
    }
}

impl RecordStore {
    /// Opens the workspace at `path`, and returns its record store. Creates the workspace if the path does
    /// not exist.
    pub fn open(path: impl AsRef<Path>) -> Result<RecordStore> {
        Ok(Contexta::open(path)?.record_store())
    }
}
