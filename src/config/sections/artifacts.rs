//! The store of artifact bodies.

use crate::config::choice::{ArtifactVerificationMode, IngestMode};
use crate::config::limit::{any, int, only, under};
use crate::config::section::sections;
use std::path::PathBuf;

sections! {
    /// The store of artifact bodies.
    "artifacts." ArtifactStoreConfig {
        /// Directory of the artifact bodies.
        root_path: Option<PathBuf> = None, under("workspace.artifacts_path", "");
        /// Method by which a body is added to the workspace.
        default_ingest_mode: IngestMode = IngestMode::Copy, any();
        /// Digest that a body is compared with when it is read.
        verification_mode: ArtifactVerificationMode = ArtifactVerificationMode::ManifestIfAvailable, any();
        /// Create `artifacts.root_path` if it is missing.
        create_missing_dirs: bool = true, any();
        /// Version of the directory layout of `artifacts.root_path`.
        layout_version: String = "1".to_owned(), only("1").coded("artifact_store_invalid_config");
        /// Number of bytes of a body that are read at once.
        chunk_size_bytes: u64 = 1 << 20, int(4 << 10, 1 << 30).coded("artifact_store_invalid_config");
        /// Refuse to register artifacts.
        read_only: bool = false, any();
    }
}
