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
    /// The layout under `root`.
    pub fn new(root: &Path) -> Paths {
        Paths {
            root: root.to_path_buf(),
            log: root.join("log"),
            artifacts: root.join("artifacts"),
            projections: root.join("projections"),
            reports: root.join("reports"),
        }
    }

    /// The layout that the settings describe.
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

    /// The root directory of the workspace.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The log: streams of segments. A directory that contains it is a workspace.
    pub fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// Artifact bodies by digest.
    pub fn objects(&self) -> PathBuf {
        self.artifacts.join("objects")
    }

    /// Generations of the tables; they may be deleted at any time. An open workspace continues with the tables that
    /// it has in memory; the next one that is opened rebuilds them.
    pub fn projections(&self) -> PathBuf {
        self.projections.clone()
    }

    /// Files of recovery and imports.
    pub fn recovery(&self) -> PathBuf {
        self.root.join("recovery")
    }

    /// The lock of the import in progress.
    pub fn import_lock(&self) -> PathBuf {
        self.recovery().join("import.lock")
    }

    /// Bodies that are being stored. They are on the same file system as the finished bodies, because a rename cannot
    /// cross file systems.
    pub fn staging(&self) -> PathBuf {
        if self.artifacts == self.root.join("artifacts") {
            self.recovery().join("staging")
        } else {
            self.artifacts.join("staging")
        }
    }

    /// Copies of damaged bytes, made before they are replaced.
    pub fn quarantine(&self) -> PathBuf {
        self.recovery().join("quarantine")
    }

    /// Reports that are given no other path.
    pub fn reports(&self) -> PathBuf {
        self.reports.clone()
    }

    /// The directories of a new workspace. The log comes first, because it makes the directory a workspace.
    pub(crate) fn all(&self) -> [PathBuf; 4] {
        [self.log(), self.objects(), self.projections(), self.reports()]
    }

    /// The names that may exist directly in the root of a workspace.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let usual = ["log", "artifacts", "projections", "reports", "exports", "cache", "recovery"];
        let set = self.all().into_iter().filter_map(|dir| {
            let first = dir.strip_prefix(&self.root).ok()?.components().next()?;
            if let Component::Normal(name) = first { Some(name.to_string_lossy().into_owned()) } else { None }
        });
        usual.into_iter().map(str::to_owned).chain(set).collect()
    }
}
