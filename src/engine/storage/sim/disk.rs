//! The simulated disk: faults of the machine, and changes of files from outside.

use crate::engine::storage::sim::content::Content;
use crate::engine::storage::sim::node::{NameChange, Names, Node, SharedNode, guard, move_keys};
use crate::engine::storage::sim::plan::Life;
use crate::engine::storage::sim::state::{Dir, DiskState};
use crate::engine::storage::sim::survival::{Part, Selection, Survival};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

/// The disk, the clock and the source of random bytes that simulated processes share. A clone of the value refers to
/// the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    pub(super) state: Arc<Mutex<DiskState>>,
}

impl SimDisk {
    /// Creates an empty disk; `seed` determines all random bytes.
    pub fn new(seed: u64) -> SimDisk {
        let mut state = DiskState { now: 1_700_000_000_000_000_000, entropy: seed, ..DiskState::default() };
        state.boot = [1; 16];
        state.dirs.insert(PathBuf::from("/"), Dir::default());
        SimDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// Kills every process with this id. Completed operations remain, locks are released, and later operations of the
    /// process fail without an effect.
    pub fn kill(&self, id: u32) {
        let lives: Vec<Arc<Life>> = guard(&self.state).lives.iter().filter_map(Weak::upgrade).collect();
        lives.iter().filter(|life| life.id == id).for_each(|life| life.end());
    }

    /// Returns an independent copy of the disk in its present state, without processes.
    pub fn fork(&self) -> SimDisk {
        let state = guard(&self.state);
        let copy = |node: &SharedNode| {
            let node = guard(node);
            Node::copy_of(&node, node.content.clone())
        };
        let copies: BTreeMap<u64, SharedNode> =
            state.nodes().iter().map(|(n, node)| (*n, copy(node))).collect();
        let copied = |node: &SharedNode| {
            let inode = guard(node).inode;
            copies.get(&inode).cloned().unwrap_or_else(|| copy(node))
        };
        let names = |names: &Names| names.iter().map(|(path, node)| (path.clone(), copied(node))).collect();
        let change = |change: &NameChange| match change {
            NameChange::Create { path, node } => {
                NameChange::Create { path: path.clone(), node: copied(node) }
            }
            NameChange::Rename { from, to, node } => {
                NameChange::Rename { from: from.clone(), to: to.clone(), node: copied(node) }
            }
            NameChange::Remove { path } => NameChange::Remove { path: path.clone() },
            NameChange::RenameDir { from, to } => {
                NameChange::RenameDir { from: from.clone(), to: to.clone() }
            }
        };
        let forked = DiskState {
            files: names(&state.files),
            durable_names: names(&state.durable_names),
            unsynced_names: state.unsynced_names.iter().map(|(order, c)| (*order, change(c))).collect(),
            dirs: state.dirs.clone(),
            lives: Vec::new(),
            ..*state
        };
        SimDisk { state: Arc::new(Mutex::new(forked)) }
    }

    /// Moves the clock by a number of nanoseconds, which may be negative.
    pub fn advance(&self, nanoseconds: i64) {
        let mut state = guard(&self.state);
        state.now = state.now.saturating_add_signed(nanoseconds);
    }

    /// Sets whether the file system has locks. Without locks, each call for a lock fails with
    /// [`Unsupported`](std::io::ErrorKind::Unsupported).
    pub fn set_locks(&self, supported: bool) {
        guard(&self.state).without_locks = !supported;
    }

    /// Simulates the start of the machine by changing the boot id. All processes of the previous boot must have ended
    /// before.
    pub fn reboot(&self) {
        let mut state = guard(&self.state);
        for byte in &mut state.boot {
            *byte = byte.wrapping_add(1);
        }
    }

    /// Cuts the power: kills all processes, keeps the unsynced changes that `survival` selects, and changes the boot
    /// id.
    pub fn crash(&self, survival: Survival) {
        let mut state = guard(&self.state);
        state.lives.drain(..).filter_map(|life| life.upgrade()).for_each(|life| life.end());
        let nodes = state.nodes();
        state.undo_dir_renames();
        let names = std::mem::take(&mut state.unsynced_names);
        let mut orders: Vec<u64> = names.iter().map(|(order, _)| *order).collect();
        nodes.values().for_each(|node| orders.extend(guard(node).content.orders()));
        let mut selection = Selection::new(survival, orders);
        let mut durable = std::mem::take(&mut state.durable_names);
        for (order, change) in names {
            if matches!(selection.part(order), Part::Whole | Part::SomeSectors) {
                if let NameChange::RenameDir { from, to } = &change {
                    move_keys(&mut state.dirs, from, to);
                }
                change.apply(&mut durable);
            }
        }
        let mut survivors = BTreeMap::new();
        for (inode, node) in nodes {
            let node = guard(&node);
            let content = Content::durable(node.content.surviving(&mut selection));
            survivors.insert(inode, Node::copy_of(&node, content));
        }
        for node in durable.values_mut() {
            let inode = guard(node).inode;
            if let Some(survivor) = survivors.get(&inode) {
                *node = Arc::clone(survivor);
            }
        }
        state.files = durable.clone();
        state.durable_names = durable;
        state.complete_dirs();
        drop(state);
        self.reboot();
    }

    /// Cuts the power; `seed` selects the unsynced sectors and names that survive.
    pub fn cut_power(&self, seed: u64) {
        self.crash(Survival::Subset(seed));
    }

    /// Returns the number of changes of contents and names that are not durable yet.
    pub fn unsynced_changes(&self) -> usize {
        let state = guard(&self.state);
        let contents = state.nodes();
        let contents = contents.values().map(|node| guard(node).content.orders().count());
        contents.sum::<usize>() + state.unsynced_names.len()
    }

    /// Returns the number of syncs that were requested for a file after an earlier sync of the same file had failed.
    /// Such a sync does not show that all data is durable, because the data of the failed sync may be lost.
    pub fn syncs_after_failure(&self) -> u64 {
        guard(&self.state).syncs_after_failure
    }

    /// Returns the number of times that processes read the boot id.
    pub fn boot_id_reads(&self) -> u64 {
        guard(&self.state).boot_id_reads
    }

    /// Limits the number of bytes by which all files together can grow from now on. `None` removes the limit.
    pub fn set_free_bytes(&self, free: Option<u64>) {
        guard(&self.state).free_bytes = free;
    }

    /// Makes every change of contents or names, and every opening for writing, fail with "permission denied" from now
    /// on, or succeed again if `on` is false. Syncs still succeed.
    pub fn set_read_only(&self, on: bool) {
        guard(&self.state).read_only = on;
    }

    /// Makes every sync of a file fail from now on, or succeed again if `on` is false.
    pub fn set_failing_syncs(&self, on: bool) {
        guard(&self.state).failing_syncs = on;
    }

    /// Returns the paths of all files, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        guard(&self.state).files.keys().cloned().collect()
    }

    /// Returns the content of a file; `None` if the file does not exist.
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let node = guard(&self.state).files.get(path).cloned()?;
        let data = guard(&node).content.seen().to_vec();
        Some(data)
    }

    /// Replaces the content of a file durably, as a program other than the engine may do. Missing files and directories
    /// are created.
    pub fn overwrite(&self, path: &Path, data: Vec<u8>) {
        let mut state = guard(&self.state);
        state.now += 1;
        let now = state.now;
        let content = Content::durable(data);
        if let Some(node) = state.files.get(path).cloned() {
            let mut changed = guard(&node);
            changed.content = content;
            changed.touch(now);
            drop(changed);
            state.durable_names.insert(path.to_path_buf(), node);
            return;
        }
        let above: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_path_buf).collect();
        for dir in above.iter().rev() {
            if !state.dirs.contains_key(dir) {
                state.new_dir(dir);
            }
        }
        state.touch_parent(path);
        let node = Node::new(state.new_inode(), now, content);
        state.files.insert(path.to_path_buf(), Arc::clone(&node));
        state.durable_names.insert(path.to_path_buf(), node);
    }

    /// Replaces the content of a file in place and restores its modification time. Only the change time reveals the
    /// change.
    pub fn overwrite_with_old_time(&self, path: &Path, data: Vec<u8>) {
        let state = guard(&self.state);
        let modified = state.files.get(path).map(|node| guard(node).modified);
        drop(state);
        self.overwrite(path, data);
        if let (Some(node), Some(modified)) = (guard(&self.state).files.get(path), modified) {
            guard(node).modified = modified;
        }
    }

    /// Removes a file or a directory with everything in it, durably.
    pub fn remove_tree(&self, path: &Path) {
        let mut state = guard(&self.state);
        state.files.retain(|p, _| !p.starts_with(path));
        state.durable_names.retain(|p, _| !p.starts_with(path));
        state.unsynced_names.retain(|(_, change)| !change.any_path(|p| p.starts_with(path)));
        state.dirs.retain(|p, _| !p.starts_with(path));
        state.now += 1;
        state.touch_parent(path);
    }

    /// Copies the files of a directory tree as `cp -r` does: with new inodes and without locks.
    pub fn copy_tree(&self, from: &Path, to: &Path) {
        let copied: Vec<(PathBuf, Vec<u8>)> = self
            .paths()
            .into_iter()
            .filter_map(|p| Some((to.join(p.strip_prefix(from).ok()?), self.read(&p)?)))
            .collect();
        for (path, data) in copied {
            self.overwrite(&path, data);
        }
    }

    /// Returns the number of writes to files so far.
    pub fn write_count(&self) -> u64 {
        guard(&self.state).writes
    }
}
