//! The layout of a workspace.

use std::path::{Path, PathBuf};

/// The directories of one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// The layout under `root`.
    pub fn new(root: &Path) -> Paths {
        Paths { root: root.to_path_buf() }
    }

    /// The workspace itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The truth: streams of segments. A directory with this in it is a workspace.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// Bodies by digest.
    pub fn objects(&self) -> PathBuf {
        self.root.join("artifacts").join("objects")
    }

    /// Generations; deletable at any time. An open workspace goes on with the tables it has in memory; the next one
    /// that is opened makes them again.
    pub fn projections(&self) -> PathBuf {
        self.root.join("projections")
    }

    /// What recovery and imports keep.
    pub fn recovery(&self) -> PathBuf {
        self.root.join("recovery")
    }

    /// Held by the one import that is going on.
    pub fn import_lock(&self) -> PathBuf {
        self.recovery().join("import.lock")
    }

    /// Bodies on their way in.
    pub fn staging(&self) -> PathBuf {
        self.recovery().join("staging")
    }

    /// Copies of damaged bytes, kept before something else takes their place.
    pub fn quarantine(&self) -> PathBuf {
        self.recovery().join("quarantine")
    }

    /// Where reports go that are given no other place.
    pub fn reports(&self) -> PathBuf {
        self.root.join("reports")
    }

    /// Everything that a new workspace has, the log first: with it the directory is a workspace.
    pub(crate) fn all(&self) -> [PathBuf; 4] {
        [self.log(), self.objects(), self.projections(), self.reports()]
    }

    /// The names that stand directly in a workspace.
    pub(crate) fn names(&self) -> [&'static str; 7] {
        ["log", "artifacts", "projections", "reports", "exports", "cache", "recovery"]
    }
}
