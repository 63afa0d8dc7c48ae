//! The layout of a workspace.

use crate::config::UnifiedConfig;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// The directories of one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
    log: PathBuf,
    artifacts: PathBuf,
    projections: PathBuf,
    reports: PathBuf,
}

impl Paths {
    /// Returns the default layout under `root`.
    pub fn new(root: &Path) -> Paths {
        Paths {
            root: root.to_path_buf(),
            log: root.join("log"),
            artifacts: root.join("artifacts"),
            projections: root.join("projections"),
            reports: root.join("reports"),
        }
    }

    /// Returns the layout that the settings describe.
    pub fn of(config: &UnifiedConfig) -> Paths {
        let directories = config.directories();
        Paths {
            root: directories.root,
            log: directories.log,
            artifacts: directories.artifacts,
            projections: directories.tables,
            reports: directories.reports,
        }
    }

    /// Returns the directory of the workspace.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the directory of the log, with one directory for each stream. The projections are derived from the log.
    pub fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// Returns the directory of the bodies of artifacts. The name of a file is the digest of the body.
    pub fn objects(&self) -> PathBuf {
        self.artifacts.join("objects")
    }

    /// Returns the directory of the projections. It can be deleted at any time: an open workspace continues with the
    /// tables in memory, and the next process that opens the workspace derives them again.
    pub fn projections(&self) -> PathBuf {
        self.projections.clone()
    }

    /// Returns the directory of files that recovery, merges and imports write.
    pub fn recovery(&self) -> PathBuf {
        self.root.join("recovery")
    }

    /// Returns the lock file of imports.
    pub fn import_lock(&self) -> PathBuf {
        self.recovery().join("import.lock")
    }

    /// Returns the directory for bodies that are being copied into the workspace. A complete copy is renamed into the
    /// directory of the bodies, so both directories are on the same file system.
    pub fn staging(&self) -> PathBuf {
        if self.artifacts == self.root.join("artifacts") {
            self.recovery().join("staging")
        } else {
            self.artifacts.join("staging")
        }
    }

    /// Returns the directory for copies of damaged bytes and for refused lines of imports.
    pub fn quarantine(&self) -> PathBuf {
        self.recovery().join("quarantine")
    }

    /// Returns the directory of reports.
    pub fn reports(&self) -> PathBuf {
        self.reports.clone()
    }

    /// Returns the directories of a new workspace. The log comes first, because a directory with a log is a workspace.
    pub(crate) fn all(&self) -> [PathBuf; 4] {
        [self.log(), self.objects(), self.projections(), self.reports()]
    }

    /// Returns the names of the directories that a workspace may contain. A directory that contains any other directory
    /// is not made a workspace.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let usual = ["log", "artifacts", "projections", "reports", "exports", "cache", "recovery"];
        let configured = self.all().into_iter().filter_map(|dir| {
            let first = dir.strip_prefix(&self.root).ok()?.components().next()?;
            if let Component::Normal(name) = first { Some(name.to_string_lossy().into_owned()) } else { None }
        });
        usual.into_iter().map(str::to_owned).chain(configured).collect()
    }
}
