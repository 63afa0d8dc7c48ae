//! A simulated wait for changes in directories.

use crate::engine::storage::interface::Watch;
use crate::engine::storage::sim::disk::SimDisk;
use crate::engine::storage::sim::node::guard;
use crate::engine::storage::sim::plan::{Life, OperationClass};
use crate::engine::storage::sim::state::DiskState;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The state of one file: inode, length, and time of the last change.
type FileState = (u64, u64, u64);

/// The state of a directory. Every change of a name or file in the directory changes the state.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DirState {
    inode: u64,
    modified: u64,
    files: Vec<FileState>,
}

/// A watch on directories of a simulated disk.
#[derive(Debug)]
pub(super) struct SimWatch {
    disk: SimDisk,
    life: Arc<Life>,
    /// The state of each directory when it was added or when the previous wait ended; `None` if the directory did not
    /// exist. The creation of the directory is a change.
    dirs: BTreeMap<PathBuf, Option<DirState>>,
}

impl DirState {
    /// Returns the state of the directory at `path`; `None` if the directory does not exist.
    fn of(state: &DiskState, path: &Path) -> Option<DirState> {
        let dir = state.dirs.get(path)?;
        let files = state.files.iter().filter(|(file, _)| file.parent() == Some(path));
        let files = files.map(|(_, node)| {
            let node = guard(node);
            (node.inode, node.content.len() as u64, node.changed)
        });
        Some(DirState { inode: dir.inode, modified: dir.modified, files: files.collect() })
    }
}

impl SimWatch {
    pub(super) fn new(disk: SimDisk, life: Arc<Life>) -> SimWatch {
        SimWatch { disk, life, dirs: BTreeMap::new() }
    }
}

impl Watch for SimWatch {
    fn add(&mut self, dir: &Path) -> bool {
        let now = DirState::of(&guard(&self.disk.state), dir);
        let exists = now.is_some();
        self.dirs.entry(dir.to_path_buf()).or_insert(now);
        exists
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<Option<Duration>> {
        let SimWatch { disk, life, dirs } = self;
        life.perform(OperationClass::Query, |_| {
            let mut state = guard(&disk.state);
            let mut has_changed = false;
            for (path, seen) in dirs {
                let now = DirState::of(&state, path);
                has_changed |= now != *seen;
                *seen = now;
            }
            if has_changed {
                return Ok(Some(timeout));
            }
            let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
            state.now = state.now.saturating_add(nanoseconds);
            Ok(None)
        })
    }
}
