//! [`Remains`]: the remains of damaged workspaces and backups, from which a new workspace is built.

use crate::client::backups::{config_at, workspace_dirs};
use crate::client::error::Result;
use crate::engine::storage::Storage;
use crate::engine::storage::os::OsStorage;
use crate::recovery::{Progress, SalvageReport, salvage_workspace, staged_workspace};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The remains of damaged workspaces and backups: a directory with any files. The directory is only read.
///
/// ```
/// # fn main() -> Result<(), contexta::Error> {
/// # let dir = std::env::temp_dir().join(format!("contexta-doc-remains-{}", std::process::id()));
/// # let (damaged, new) = (dir.join("damaged"), dir.join("new"));
/// use contexta::recovery::Progress;
///
/// # let contexta = contexta::Contexta::open(&damaged)?;
/// # contexta.run("first").start()?.complete()?;
/// # contexta.close()?;
/// let report = contexta::Remains::new(&damaged).salvage(&new, Progress::none())?;
/// assert!(report.missing_bodies.is_empty());
/// assert_eq!(contexta::Contexta::open(&new)?.list_runs(None)?.runs.len(), 1);
/// # let _ = std::fs::remove_dir_all(dir);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Remains {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
}

impl Remains {
    /// Creates access to the remains in a directory.
    pub fn new(dir: impl AsRef<Path>) -> Remains {
        Remains { storage: OsStorage::shared(), dir: dir.as_ref().to_path_buf() }
    }

    /// Uses another storage instead of the file system. Tests need this method.
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Remains {
        self.storage = storage;
        self
    }

    /// Builds the workspace `into` from all entries and bodies in the remains. The report lists missing
    /// entries and bodies. The files may have any names. The workspace is built in the directory `into` with
    /// the suffix `.salvage`, and renamed at the end.
    ///
    /// Cost: reads the remains up to four times. Memory: about 200 bytes for each file of the remains, and
    /// less than 512 MiB in addition. `progress` receives the number of completed steps and the number of all
    /// steps.
    ///
    /// Errors: `into` exists and is not an empty directory, one of the directories contains the other, the remains
    /// contain no entry and no body, or another salvage into `into` runs. After an error, `into` is unchanged.
    pub fn salvage(&self, into: impl AsRef<Path>, progress: Progress<'_>) -> Result<SalvageReport> {
        let into = into.as_ref();
        let dirs = workspace_dirs(&config_at(&staged_workspace(into)));
        Ok(salvage_workspace(&self.storage, &self.dir, (into, &dirs), progress)?)
    }
}
