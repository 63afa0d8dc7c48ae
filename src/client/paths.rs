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
        Paths {
            root: config.workspace.root_path.clone(),
            log: config.records.root_path.clone(),
            artifacts: config.artifacts.root_path.clone(),
            projections: config.metadata.database_path.clone(),
            reports: config.workspace.reports_path.clone(),
        }
    }

    /// The workspace itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The truth: streams of segments. A directory with this in it is a workspace.
    pub fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// Bodies by digest.
    pub fn objects(&self) -> PathBuf {
        self.artifacts.join("objects")
    }

    /// Generations; deletable at any time. An open workspace goes on with the tables it has in memory; the next one
    /// that is opened makes them again.
    pub fn projections(&self) -> PathBuf {
        self.projections.clone()
    }

    /// What recovery and imports keep.
    pub fn recovery(&self) -> PathBuf {
        self.root.join("recovery")
    }

    /// Held by the one import that is going on.
    pub fn import_lock(&self) -> PathBuf {
        self.recovery().join("import.lock")
    }

    /// Bodies on their way in. Beside the bodies where those lie apart: a file gets its name by renaming, which no file
    /// system does to another one.
    pub fn staging(&self) -> PathBuf {
        if self.artifacts == self.root.join("artifacts") {
            self.recovery().join("staging")
        } else {
            self.artifacts.join("staging")
        }
    }

    /// Copies of damaged bytes, kept before something else takes their place.
    pub fn quarantine(&self) -> PathBuf {
        self.recovery().join("quarantine")
    }

    /// Where reports go that are given no other place.
    pub fn reports(&self) -> PathBuf {
        self.reports.clone()
    }

    /// Everything that a new workspace has, the log first: with it the directory is a workspace.
    pub(crate) fn all(&self) -> [PathBuf; 4] {
        [self.log(), self.objects(), self.projections(), self.reports()]
    }

    /// The names that stand directly in a workspace.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let usual = ["log", "artifacts", "projections", "reports", "exports", "cache", "recovery"];
        let set = self.all().into_iter().filter_map(|dir| {
            let first = dir.strip_prefix(&self.root).ok()?.components().next()?;
            if let Component::Normal(name) = first { Some(name.to_string_lossy().into_owned()) } else { None }
        });
        usual.into_iter().map(str::to_owned).chain(set).collect()
    }
}
