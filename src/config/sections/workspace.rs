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
        /// Directory for the tables that are derived from the log.
        metadata_path: Option<PathBuf> = None, under(ROOT, "projections");
        /// Directory for the log.
        records_path: Option<PathBuf> = None, under(ROOT, "log");
        /// Directory for artifact bodies.
        artifacts_path: Option<PathBuf> = None, under(ROOT, "artifacts");
        /// Default directory for reports.
        reports_path: Option<PathBuf> = None, under(ROOT, "reports");
        /// Default directory for exports.
        exports_path: Option<PathBuf> = None, under(ROOT, "exports");
        /// Directory for cached files, which can be recreated.
        cache_path: Option<PathBuf> = None, under(ROOT, "cache");
        /// Create the workspace if it does not exist.
        create_missing_dirs: bool = true, any();
    }
}
