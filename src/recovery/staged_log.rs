//! The log of a backup in a temporary directory.

use crate::engine::progress::Progress;
use crate::recovery::backup::{BackupRef, Manifest, Repository};
use crate::recovery::error::Result;
use crate::recovery::restore::{Staging, check_domain};
use crate::recovery::temporary::TemporaryDir;
use crate::recovery::workspace_dirs::WorkspaceDirs;
use std::path::{Path, PathBuf};

/// The log of a backup in a temporary directory, which is removed when the value is dropped.
#[derive(Debug)]
pub(crate) struct StagedLog {
    dir: TemporaryDir,
    pub(in crate::recovery) manifest: Manifest,
}

impl StagedLog {
    /// Writes the log of a backup into the staging directory of a workspace. Compares every object with its digest.
    /// Errors: the backup does not exist, its manifest cannot be used, or an object of the log is damaged.
    pub(crate) fn of(repository: &Repository, backup: &BackupRef, dirs: &WorkspaceDirs) -> Result<StagedLog> {
        let manifest = repository.read(backup)?;
        check_domain(repository, &manifest)?;
        let staged = StagedLog { dir: TemporaryDir::create(&repository.storage, dirs)?, manifest };
        let (log, progress) = (staged.log(), Progress::none());
        let mut staging = Staging { repository, log: &log, to_time: None, progress, total: 0, done: 0 };
        staging.run(&staged.manifest)?;
        Ok(staged)
    }

    /// Returns the temporary directory. It contains the log and may contain further temporary files.
    pub(crate) fn root(&self) -> &Path {
        self.dir.root()
    }

    /// Returns the directory of the log.
    pub(crate) fn log(&self) -> PathBuf {
        self.root().join("log")
    }
}
