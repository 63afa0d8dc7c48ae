//! The files and directories of an engine.

use std::path::{Path, PathBuf};

/// The files and directories of an engine, all in one directory.
#[derive(Debug, Clone)]
pub(super) struct EnginePaths {
    pub(super) root: PathBuf,
    pub(super) log: PathBuf,
    pub(super) projections: PathBuf,
    pub(super) recovery: PathBuf,
    pub(super) quarantine: PathBuf,
    pub(super) transaction_lock: PathBuf,
}

impl EnginePaths {
    /// Returns the paths of the engine in the directory `root`.
    pub(super) fn of(root: &Path) -> EnginePaths {
        EnginePaths {
            root: root.to_path_buf(),
            log: root.join("log"),
            projections: root.join("projections"),
            recovery: root.join("recovery"),
            quarantine: root.join("recovery").join("quarantine"),
            transaction_lock: root.join("transactions.lock"),
        }
    }
}
