//! Simulated storage in memory, for tests: a disk shared by several processes, each with its own id, a clock that
//! moves with changes and on request, and seeded entropy.
//!
//! A [`SimProcess`] is the view of one process on a [`SimDisk`]. Faults of a process are planned for single operations
//! ([`SimProcess::plan`]); faults of the machine, and changes of files from outside, are methods of the disk. The disk
//! records which contents and names are durable, so that [`SimDisk::crash`] can keep any part of the rest, and it can
//! be forked to try several continuations of one state.
//!
//! ```
//! use contexta::engine::storage::sim::{Fault, Moment, SimDisk, Survival};
//! use contexta::engine::storage::{OpenMode, Storage};
//! use std::path::Path;
//!
//! let disk = SimDisk::new(1);
//! let process = disk.spawn(7);
//! // The third change of the process is its last: creation, write, and here the power goes.
//! process.plan(Moment::Change(2), Fault::Kill);
//! let file = process.open(Path::new("/a"), OpenMode::CreateNew).unwrap();
//! file.write_at(0, b"abc").unwrap();
//! assert!(file.sync().is_err());
//! let kept = disk.fork();
//! kept.crash(Survival::Kept);
//! assert_eq!(kept.read(Path::new("/a")), Some(b"abc".to_vec()));
//! disk.crash(Survival::Dropped);
//! assert_eq!(disk.read(Path::new("/a")), None);
//! ```

mod content;
mod plan;
mod process;
mod survival;

pub use plan::{Fault, Moment};
pub use process::SimProcess;
pub use survival::Survival;

use crate::engine::storage::Storage;
use crate::engine::storage::sim::content::Content;
use crate::engine::storage::sim::plan::Life;
use crate::engine::storage::sim::survival::{Judge, Part};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A file, independent of its names.
#[derive(Debug)]
struct Node {
    inode: u64,
    modified: u64,
    changed: u64,
    content: Content,
    /// The process and the open file that hold the lock. A dead process holds no lock.
    holder: Option<(Arc<Life>, u64)>,
    /// True once a sync of the file failed.
    sync_failed: bool,
}

impl Node {
    fn new(inode: u64, modified: u64, content: Content) -> SharedNode {
        let node = Node { inode, modified, changed: modified, content, holder: None, sync_failed: false };
        Arc::new(Mutex::new(node))
    }

    /// A node with the inode and times of this one.
    fn copy_of(node: &Node, content: Content) -> SharedNode {
        let copy = Node::new(node.inode, node.modified, content);
        guard(&copy).changed = node.changed;
        copy
    }

    /// The content changed at this time.
    fn touch(&mut self, now: u64) {
        (self.modified, self.changed) = (now, now);
    }

    fn is_locked(&self) -> bool {
        self.holder.as_ref().is_some_and(|(life, _)| life.is_alive())
    }
}

type SharedNode = Arc<Mutex<Node>>;
type Names = BTreeMap<PathBuf, SharedNode>;

/// A change of names that no sync of a directory has made durable yet.
#[derive(Debug, Clone)]
enum NameChange {
    Create { path: PathBuf, node: SharedNode },
    Rename { from: PathBuf, to: PathBuf, node: SharedNode },
    Remove { path: PathBuf },
}

impl NameChange {
    fn apply(self, names: &mut Names) {
        match self {
            NameChange::Create { path, node } => drop(names.insert(path, node)),
            NameChange::Rename { from, to, node } => {
                names.remove(&from);
                names.insert(to, node);
            }
            NameChange::Remove { path } => drop(names.remove(&path)),
        }
    }

    fn paths(&self) -> Vec<&Path> {
        match self {
            NameChange::Create { path, .. } | NameChange::Remove { path } => vec![path],
            NameChange::Rename { from, to, .. } => vec![from, to],
        }
    }

    fn any_path(&self, holds: impl Fn(&Path) -> bool) -> bool {
        self.paths().into_iter().any(holds)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Dir {
    inode: u64,
    /// Time of the last change of a name in it.
    modified: u64,
}

#[derive(Debug, Default)]
struct DiskState {
    files: Names,
    durable_names: Names,
    unsynced_names: Vec<(u64, NameChange)>,
    /// Directories are durable once they exist, as `create_dir_all` promises.
    dirs: BTreeMap<PathBuf, Dir>,
    lives: Vec<Weak<Life>>,
    next_inode: u64,
    next_handle: u64,
    /// Number of changes so far.
    next_order: u64,
    now: u64,
    entropy: u64,
    boot: [u8; 16],
    free_bytes: Option<u64>,
    read_only: bool,
    failing_syncs: bool,
    writes: u64,
    syncs_after_failure: u64,
    boot_id_reads: u64,
}

impl DiskState {
    /// Returns the place of a new change among all changes, and advances the clock.
    fn change(&mut self) -> u64 {
        self.now += 1;
        self.next_order += 1;
        self.next_order
    }

    fn new_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.next_inode
    }

    fn new_dir(&mut self, path: &Path) {
        let dir = Dir { inode: self.new_inode(), modified: self.now };
        self.dirs.insert(path.to_path_buf(), dir);
        self.touch_parent(path);
    }

    /// Updates the time of the directory of `path`, in which a name has changed.
    fn touch_parent(&mut self, path: &Path) {
        let now = self.now;
        if let Some(dir) = path.parent().and_then(|parent| self.dirs.get_mut(parent)) {
            dir.modified = now;
        }
    }

    fn change_name(&mut self, order: u64, change: NameChange) {
        for path in change.paths() {
            self.touch_parent(path);
        }
        change.clone().apply(&mut self.files);
        self.unsynced_names.push((order, change));
    }

    /// Reserves space for up to `wanted` bytes; returns the number of bytes reserved.
    fn take_room(&mut self, wanted: usize) -> usize {
        let Some(free) = self.free_bytes.as_mut() else { return wanted };
        let got = wanted.min(usize::try_from(*free).unwrap_or(usize::MAX));
        *free -= got as u64;
        got
    }

    fn give_room(&mut self, bytes: usize) {
        if let Some(free) = self.free_bytes.as_mut() {
            *free += bytes as u64;
        }
    }

    /// Returns every file that has a name now or may have one after a power cut, by inode.
    fn nodes(&self) -> BTreeMap<u64, SharedNode> {
        let unsynced = self.unsynced_names.iter().filter_map(|(_, change)| match change {
            NameChange::Create { node, .. } | NameChange::Rename { node, .. } => Some(node),
            NameChange::Remove { .. } => None,
        });
        let nodes = self.files.values().chain(self.durable_names.values()).chain(unsynced);
        nodes.map(|node| (guard(node).inode, Arc::clone(node))).collect()
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The disk, clock and entropy that simulated processes share.
#[derive(Debug, Clone)]
pub struct SimDisk {
    state: Arc<Mutex<DiskState>>,
}

impl SimDisk {
    /// Creates an empty disk; `seed` determines all random bytes.
    pub fn new(seed: u64) -> SimDisk {
        let mut state = DiskState { now: 1_700_000_000_000_000_000, entropy: seed, ..DiskState::default() };
        state.boot = [1; 16];
        state.dirs.insert(PathBuf::from("/"), Dir::default());
        SimDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// Starts a process with this id, as a plain [`Storage`].
    pub fn process(&self, id: u32) -> Arc<dyn Storage> {
        self.spawn(id)
    }

    /// Starts a process with this id, for which faults can be planned.
    pub fn spawn(&self, id: u32) -> Arc<SimProcess> {
        let life = Arc::new(Life::new(id));
        let mut state = guard(&self.state);
        state.lives.retain(|life| life.strong_count() > 0);
        state.lives.push(Arc::downgrade(&life));
        drop(state);
        Arc::new(SimProcess::new(self.clone(), life))
    }

    /// Kills every process with this id: completed operations remain, its locks are released, and its later operations
    /// have no effect.
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

    /// Changes the boot id. All processes are expected to be gone.
    pub fn reboot(&self) {
        let mut state = guard(&self.state);
        for byte in &mut state.boot {
            *byte = byte.wrapping_add(1);
        }
    }

    /// Cuts the power: kills all processes, keeps the unsynced changes that `survival` selects, and changes the boot id.
    pub fn crash(&self, survival: Survival) {
        let mut state = guard(&self.state);
        state.lives.drain(..).filter_map(|life| life.upgrade()).for_each(|life| life.end());
        let nodes = state.nodes();
        let names = std::mem::take(&mut state.unsynced_names);
        let mut orders: Vec<u64> = names.iter().map(|(order, _)| *order).collect();
        nodes.values().for_each(|node| orders.extend(guard(node).content.orders()));
        let mut judge = Judge::new(survival, orders);
        let mut durable = std::mem::take(&mut state.durable_names);
        for (order, change) in names {
            if matches!(judge.part(order), Part::Whole | Part::SomeSectors) {
                change.apply(&mut durable);
            }
        }
        let mut left = BTreeMap::new();
        for (inode, node) in nodes {
            let node = guard(&node);
            let content = Content::durable(node.content.surviving(&mut judge));
            left.insert(inode, Node::copy_of(&node, content));
        }
        for node in durable.values_mut() {
            let inode = guard(node).inode;
            if let Some(left) = left.get(&inode) {
                *node = Arc::clone(left);
            }
        }
        state.files = durable.clone();
        state.durable_names = durable;
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

    /// Returns the number of syncs of files of which an earlier sync had failed. Such a sync proves nothing: the data of
    /// the failed one may be lost all the same.
    pub fn syncs_after_failure(&self) -> u64 {
        guard(&self.state).syncs_after_failure
    }

    /// The number of times that processes asked for the boot id.
    pub fn boot_id_reads(&self) -> u64 {
        guard(&self.state).boot_id_reads
    }

    /// Limits the number of bytes by which files can grow from now on; `None`: no limit.
    pub fn set_free_bytes(&self, free: Option<u64>) {
        guard(&self.state).free_bytes = free;
    }

    /// Sets whether every change fails with "permission denied".
    pub fn set_read_only(&self, on: bool) {
        guard(&self.state).read_only = on;
    }

    /// Sets whether every sync of a file fails.
    pub fn set_failing_syncs(&self, on: bool) {
        guard(&self.state).failing_syncs = on;
    }

    /// Returns the paths of all files, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        guard(&self.state).files.keys().cloned().collect()
    }

    /// Returns the content of a file.
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let node = guard(&self.state).files.get(path).cloned()?;
        let data = guard(&node).content.seen().to_vec();
        Some(data)
    }

    /// Replaces the content of a file durably, creating file and directories as needed, as a program other than the
    /// engine would.
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

    /// Replaces the content of a file in place and sets its modification time back, as a tool that hides its change
    /// would: only the change time tells.
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

    /// Copies a directory tree as `cp -r` does: with new inodes and without locks.
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
