//! The store of artifact bodies.

use crate::config::choice::{ArtifactVerificationMode, IngestMode};
use crate::config::limit::{any, int, only, under};
use crate::config::section::sections;
use std::path::PathBuf;

sections! {
    /// The store of artifact bodies.
    "artifacts." ArtifactStoreConfig {
        /// Directory of the bodies.
        root_path: Option<PathBuf> = None, under("workspace.artifacts_path", "");
        /// Transfer of a body into the workspace.
        default_ingest_mode: IngestMode = IngestMode::Copy, any();
        /// Check of a body when it is read.
        verification_mode: ArtifactVerificationMode = ArtifactVerificationMode::ManifestIfAvailable, any();
        /// Create that directory if it is missing.
        create_missing_dirs: bool = true, any();
        /// Version of the layout.
        layout_version: String = "1".to_owned(), only("1").coded("artifact_store_invalid_config");
        /// Number of bytes read at once.
        chunk_size_bytes: u64 = 1 << 20, int(4 << 10, 1 << 30).coded("artifact_store_invalid_config");
        /// Refuse registration of artifacts.
        read_only: bool = false, any();
    }
}
