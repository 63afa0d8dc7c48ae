//! The stores of a workspace: metadata, records and artifacts.

pub(crate) mod artifacts;
pub(crate) mod metadata;
pub(crate) mod records;

use crate::released::Released;
use crate::workspace::Workspace;
use artifacts::ArtifactStore;
use metadata::MetadataStore;
use pyo3::prelude::*;
use records::RecordStore;

#[pymethods]
impl Workspace {
    /// Returns the metadata store.
    fn metadata_store(&self) -> MetadataStore {
        MetadataStore { store: Released::new(self.contexta.metadata_store()) }
    }

    /// Returns the record store.
    fn record_store(&self) -> RecordStore {
        RecordStore { store: Released::new(self.contexta.record_store()) }
    }

    /// Returns the artifact store.
    fn artifact_store(&self) -> ArtifactStore {
        ArtifactStore { store: Released::new(self.contexta.artifact_store()) }
    }

    /// Returns the directory of exports.
    #[getter]
    fn exports(&self) -> std::path::PathBuf {
        self.contexta.config().directories().exports
    }
}

/// Adds the classes of the stores to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<MetadataStore>()?;
    module.add_class::<RecordStore>()?;
    module.add_class::<records::RecordScan>()?;
    module.add_class::<ArtifactStore>()?;
    module.add_class::<artifacts::ArtifactChunks>()
}
