//! The state of the simulated disk.

use crate::engine::storage::interface::{FileInfo, Place};
use crate::engine::storage::sim::node::{NameChange, Names, SharedNode, guard, move_keys};
use crate::engine::storage::sim::plan::Life;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// The device number of every simulated file.
pub(super) const DEVICE: u64 = 1;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Dir {
    pub(super) inode: u64,
    /// Time of the last change of a name in the directory.
    pub(super) modified: u64,
}

#[derive(Debug, Default)]
pub(super) struct DiskState {
    pub(super) files: Names,
    pub(super) durable_names: Names,
    pub(super) unsynced_names: Vec<(u64, NameChange)>,
    /// The directories. A directory is durable as soon as it exists: `Storage::create_dir_all` guarantees this.
    pub(super) dirs: BTreeMap<PathBuf, Dir>,
    pub(super) lives: Vec<Weak<Life>>,
    pub(super) next_inode: u64,
    pub(super) next_handle: u64,
    /// The number of changes so far. It is also the ordinal number of the latest change.
    pub(super) next_order: u64,
    pub(super) now: u64,
    pub(super) entropy: u64,
    pub(super) boot: [u8; 16],
    pub(super) free_bytes: Option<u64>,
    pub(super) read_only: bool,
    pub(super) failing_syncs: bool,
    pub(super) without_locks: bool,
    pub(super) writes: u64,
    pub(super) syncs_after_failure: u64,
    pub(super) boot_id_reads: u64,
}

impl DiskState {
    /// Begins a new change: returns its ordinal number and advances the clock.
    pub(super) fn change(&mut self) -> u64 {
        self.now += 1;
        self.next_order += 1;
        self.next_order
    }

    pub(super) fn new_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.next_inode
    }

    pub(super) fn new_dir(&mut self, path: &Path) {
        let dir = Dir { inode: self.new_inode(), modified: self.now };
        self.dirs.insert(path.to_path_buf(), dir);
        self.touch_parent(path);
    }

    /// Updates the modification time of the parent directory of `path`.
    pub(super) fn touch_parent(&mut self, path: &Path) {
        let now = self.now;
        if let Some(dir) = path.parent().and_then(|parent| self.dirs.get_mut(parent)) {
            dir.modified = now;
        }
    }

    /// Returns the metadata of a file.
    pub(super) fn info(&self, node: &SharedNode) -> FileInfo {
        let names = self.files.values().filter(|other| Arc::ptr_eq(other, node)).count() as u64;
        let node = guard(node);
        FileInfo {
            len: node.content.len() as u64,
            is_dir: false,
            is_file: true,
            modified: node.modified,
            changed: node.changed,
            place: Some(Place { device: DEVICE, inode: node.inode, created: node.inode }),
            names,
        }
    }

    pub(super) fn change_name(&mut self, order: u64, change: NameChange) {
        if let NameChange::Rename { node, .. } = &change {
            guard(node).changed = self.now;
        }
        for path in change.paths() {
            self.touch_parent(path);
        }
        change.clone().apply(&mut self.files);
        self.unsynced_names.push((order, change));
    }

    /// Renames a directory. Earlier changes of names in the directory and at the new path become durable
    /// immediately. A file system with a journal behaves in the same way, because it does not write the
    /// renaming to disk before the earlier changes.
    pub(super) fn rename_dir(&mut self, order: u64, from: &Path, to: &Path) {
        for (order, change) in std::mem::take(&mut self.unsynced_names) {
            if change.any_path(|path| path.starts_with(to) || path.starts_with(from) && path != from) {
                change.apply(&mut self.durable_names);
            } else {
                self.unsynced_names.push((order, change));
            }
        }
        move_keys(&mut self.dirs, from, to);
        let (from, to) = (from.to_path_buf(), to.to_path_buf());
        self.change_name(order, NameChange::RenameDir { from, to });
    }

    /// Undoes the unsynced renamings of directories. Each directory gets its earlier name.
    pub(super) fn undo_dir_renames(&mut self) {
        for (_, change) in self.unsynced_names.iter().rev() {
            if let NameChange::RenameDir { from, to } = change {
                move_keys(&mut self.dirs, to, from);
            }
        }
    }

    /// Creates the missing parent directories of all files.
    pub(super) fn complete_dirs(&mut self) {
        let dirs: Vec<PathBuf> =
            self.files.keys().flat_map(|path| path.ancestors().skip(1)).map(Path::to_path_buf).collect();
        for dir in dirs.iter().rev() {
            if !self.dirs.contains_key(dir) {
                self.new_dir(dir);
            }
        }
    }

    /// Reserves space for up to `wanted` bytes; returns the number of bytes reserved.
    pub(super) fn reserve_space(&mut self, wanted: usize) -> usize {
        let Some(free) = self.free_bytes.as_mut() else { return wanted };
        let got = wanted.min(usize::try_from(*free).unwrap_or(usize::MAX));
        *free -= got as u64;
        got
    }

    pub(super) fn release_space(&mut self, bytes: usize) {
        if let Some(free) = self.free_bytes.as_mut() {
            *free += bytes as u64;
        }
    }

    /// Returns every file that has a name now, or may have a name after a power cut. The key is the inode.
    pub(super) fn nodes(&self) -> BTreeMap<u64, SharedNode> {
        let unsynced = self.unsynced_names.iter().filter_map(|(_, change)| match change {
            NameChange::Create { node, .. } | NameChange::Rename { node, .. } => Some(node),
            NameChange::Remove { .. } | NameChange::RenameDir { .. } => None,
        });
        let nodes = self.files.values().chain(self.durable_names.values()).chain(unsynced);
        nodes.map(|node| (guard(node).inode, Arc::clone(node))).collect()
    }
}
