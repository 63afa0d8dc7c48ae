//! Files and their names on the simulated disk.

use crate::engine::storage::sim::content::Content;
use crate::engine::storage::sim::plan::Life;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file, independent of its names.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) inode: u64,
    pub(super) modified: u64,
    pub(super) changed: u64,
    pub(super) content: Content,
    /// The process and the open file that hold the lock. Locks of dead processes are free.
    pub(super) holder: Option<(Arc<Life>, u64)>,
    /// The processes and the open files that hold a shared lock.
    pub(super) sharers: Vec<(Arc<Life>, u64)>,
    /// True after a failed sync of the file.
    pub(super) sync_failed: bool,
}

impl Node {
    pub(super) fn new(inode: u64, modified: u64, content: Content) -> SharedNode {
        let (holder, sharers) = (None, Vec::new());
        let node = Node { inode, modified, changed: modified, content, holder, sharers, sync_failed: false };
        Arc::new(Mutex::new(node))
    }

    /// Returns a new node with the inode and the times of `node`, and with the content `content`.
    pub(super) fn copy_of(node: &Node, content: Content) -> SharedNode {
        let copy = Node::new(node.inode, node.modified, content);
        guard(&copy).changed = node.changed;
        copy
    }

    /// Records a change of the content at the time `now`.
    pub(super) fn touch(&mut self, now: u64) {
        (self.modified, self.changed) = (now, now);
    }

    /// Returns true if an open file other than `handle` of a living process holds a shared lock.
    pub(super) fn is_shared(&self, handle: u64) -> bool {
        self.sharers.iter().any(|(life, sharer)| *sharer != handle && life.is_alive())
    }

    pub(super) fn is_locked(&self) -> bool {
        self.holder.as_ref().is_some_and(|(life, _)| life.is_alive())
    }
}

pub(super) type SharedNode = Arc<Mutex<Node>>;
pub(super) type Names = BTreeMap<PathBuf, SharedNode>;

/// A change of names that is not durable yet.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Create {
        path: PathBuf,
        node: SharedNode,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
        node: SharedNode,
    },
    Remove {
        path: PathBuf,
    },
    /// A directory was renamed, so the names of all files below `from` change.
    RenameDir {
        from: PathBuf,
        to: PathBuf,
    },
}

/// Replaces the directory `from` at the beginning of `path` by `to`. Returns `None` if `path` does not begin
/// with `from`.
pub(super) fn moved(path: &Path, from: &Path, to: &Path) -> Option<PathBuf> {
    let rest = path.strip_prefix(from).ok()?;
    Some(if rest.as_os_str().is_empty() { to.to_path_buf() } else { to.join(rest) })
}

/// Replaces the directory `from` by `to` in all keys of a map that begin with `from`.
pub(super) fn move_keys<T>(map: &mut BTreeMap<PathBuf, T>, from: &Path, to: &Path) {
    for path in map.keys().filter(|path| path.starts_with(from)).cloned().collect::<Vec<_>>() {
        if let (Some(new), Some(value)) = (moved(&path, from, to), map.remove(&path)) {
            map.insert(new, value);
        }
    }
}

impl NameChange {
    pub(super) fn apply(self, names: &mut Names) {
        match self {
            NameChange::Create { path, node } => drop(names.insert(path, node)),
            NameChange::Rename { from, to, node } => {
                names.remove(&from);
                names.insert(to, node);
            }
            NameChange::Remove { path } => drop(names.remove(&path)),
            NameChange::RenameDir { from, to } => move_keys(names, &from, &to),
        }
    }

    pub(super) fn paths(&self) -> Vec<&Path> {
        match self {
            NameChange::Create { path, .. } | NameChange::Remove { path } => vec![path],
            NameChange::Rename { from, to, .. } | NameChange::RenameDir { from, to } => vec![from, to],
        }
    }

    pub(super) fn any_path(&self, holds: impl Fn(&Path) -> bool) -> bool {
        self.paths().into_iter().any(holds)
    }
}

pub(super) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
