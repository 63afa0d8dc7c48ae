//! The directories of a workspace. Backups read these directories, and restores write to them.

use crate::engine::blob::BlobStore;
use crate::engine::storage::Storage;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The directories of one workspace. The workspace need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkspaceDirs {
    /// The directory of the workspace.
    pub(crate) root: PathBuf,
    /// The configuration file. The file need not exist.
    pub(crate) config_file: PathBuf,
    /// The log.
    pub(crate) log: PathBuf,
    /// The bodies of artifacts.
    pub(crate) objects: PathBuf,
    /// Temporary files of bodies that are being copied into the workspace.
    pub(crate) body_staging: PathBuf,
    /// The tables.
    pub(crate) projections: PathBuf,
    /// The positions of sinks.
    pub(crate) sinks: PathBuf,
    /// The outbox: facts that were not delivered yet.
    pub(crate) outbox: PathBuf,
    /// Copies of damaged bytes, and refused lines.
    pub(crate) quarantine: PathBuf,
    /// Reports.
    pub(crate) reports: PathBuf,
    /// Cached files.
    pub(crate) cache: PathBuf,
    /// Exports.
    pub(crate) exports: PathBuf,
    /// The directory in which a restore into this workspace is prepared.
    pub(crate) restore_staging: PathBuf,
}

impl WorkspaceDirs {
    /// Returns the store of the bodies of artifacts.
    pub(in crate::recovery) fn bodies(&self, storage: &Arc<dyn Storage>) -> BlobStore {
        BlobStore::new(Arc::clone(storage), self.objects.clone(), self.body_staging.clone())
    }

    /// Returns the directories that the engine manages: the log, the bodies, the tables and temporary files.
    /// A copy of files must not include their content.
    pub(in crate::recovery) fn managed(&self) -> [&Path; 5] {
        [&self.log, &self.objects, &self.projections, &self.body_staging, &self.restore_staging]
    }
}

/// Returns an absolute path. All links in the existing part of `path` are resolved. The last components of
/// `path` need not exist.
pub(in crate::recovery) fn real_path(storage: &dyn Storage, path: &Path) -> PathBuf {
    for existing in path.ancestors() {
        let dir = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
        if let (Ok(dir), Ok(rest)) = (storage.resolve(dir), path.strip_prefix(existing)) {
            return dir.components().chain(rest.components()).collect();
        }
    }
    path.to_path_buf()
}
