//! Directories of the workspace.

use crate::config::limit::{any, under};
use crate::config::section::sections;
use std::path::PathBuf;

const ROOT: &str = "workspace.root_path";

sections! {
    /// Directories of the workspace. A directory that is `None` is derived from the workspace's root.
    "workspace." WorkspaceConfig {
        /// Root directory of the workspace.
        root_path: PathBuf = PathBuf::from(".contexta"), any();
        /// Directory for derived data.
        metadata_path: Option<PathBuf> = None, under(ROOT, "projections");
        /// Directory for the log.
        records_path: Option<PathBuf> = None, under(ROOT, "log");
        /// Directory for artifact bodies.
        artifacts_path: Option<PathBuf> = None, under(ROOT, "artifacts");
        /// Directory for reports that are given no other path.
        reports_path: Option<PathBuf> = None, under(ROOT, "reports");
        /// Directory for exports that are given no other path.
        exports_path: Option<PathBuf> = None, under(ROOT, "exports");
        /// Directory for files that can be made again.
        cache_path: Option<PathBuf> = None, under(ROOT, "cache");
        /// Create the workspace if it does not exist.
        create_missing_dirs: bool = true, any();
    }
}
