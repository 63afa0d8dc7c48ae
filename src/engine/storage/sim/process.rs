//! One simulated process: its storage, and the files it has open.

use crate::engine::storage::sim::content::Content;
use crate::engine::storage::sim::plan::{Deed, Fate, Fault, Life, Moment};
use crate::engine::storage::sim::{DiskState, NameChange, Node, SharedNode, SimDisk, guard};
use crate::engine::storage::{DirEntry, File, FileInfo, Mapping, OpenMode, Place, Storage};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

const DEVICE: u64 = 1;

/// A process on a [`SimDisk`]. Its files release their locks when they are dropped, and all at once when it dies.
#[derive(Debug)]
pub struct SimProcess {
    disk: SimDisk,
    life: Arc<Life>,
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    life: Arc<Life>,
    node: SharedNode,
    handle: u64,
    writable: bool,
}

#[derive(Debug)]
struct SimMapping {
    bytes: Arc<Vec<u8>>,
}

impl Mapping for SimMapping {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Counts an operation that is done wholly or not at all.
fn pass(life: &Life, deed: Deed) -> io::Result<()> {
    match life.begin(deed) {
        Fate::Goes | Fate::Short => Ok(()),
        Fate::Fails(e) => Err(e),
        Fate::Dies => Err(die(life)),
    }
}

fn die(life: &Life) -> io::Error {
    life.end();
    io::Error::other("the simulated process is killed")
}

impl SimFile {
    fn may_change(&self, state: &DiskState) -> io::Result<()> {
        if !self.writable || state.read_only {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }

    fn read_part(&self, offset: u64, out: &mut [u8]) -> usize {
        let bytes = Arc::clone(guard(&self.node).content.seen());
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let bytes = bytes.get(start..).unwrap_or_default();
        let n = bytes.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), bytes.get(..n)) {
            to.copy_from_slice(from);
        }
        n
    }

    fn write_part(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        let mut state = guard(&self.disk.state);
        self.may_change(&state)?;
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut node = guard(&self.node);
        // Only what makes the file longer takes room.
        let more = (start + data.len()).saturating_sub(node.content.len());
        let n = data.len().saturating_sub(more - state.take_room(more));
        if n == 0 && !data.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let order = state.change();
        state.writes += 1;
        node.touch(state.now);
        node.content.write(order, start, data.get(..n).unwrap_or_default());
        Ok(n)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut node = guard(&self.node);
        if node.holder.as_ref().is_some_and(|(_, handle)| *handle == self.handle) {
            node.holder = None;
        }
    }
}

/// How much of `len` bytes a short read or write does.
fn half(len: usize) -> usize {
    len.div_ceil(2)
}

impl File for SimFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        match self.life.begin(Deed::Read) {
            Fate::Goes => Ok(self.read_part(offset, out)),
            Fate::Short => {
                let n = half(out.len());
                Ok(self.read_part(offset, out.get_mut(..n).unwrap_or_default()))
            }
            Fate::Fails(e) => Err(e),
            Fate::Dies => Err(die(&self.life)),
        }
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        match self.life.begin(Deed::Write) {
            Fate::Goes => self.write_part(offset, data),
            Fate::Short => self.write_part(offset, data.get(..half(data.len())).unwrap_or_default()),
            Fate::Fails(e) => Err(e),
            Fate::Dies => {
                let _ = self.write_part(offset, data.get(..data.len() / 2).unwrap_or_default());
                Err(die(&self.life))
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        pass(&self.life, Deed::Look)?;
        Ok(guard(&self.node).content.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        pass(&self.life, Deed::Change)?;
        let mut state = guard(&self.disk.state);
        self.may_change(&state)?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        let order = state.change();
        let mut node = guard(&self.node);
        node.touch(state.now);
        state.give_room(node.content.len().saturating_sub(len));
        node.content.set_len(order, len);
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        pass(&self.life, Deed::Change)?;
        let mut state = guard(&self.disk.state);
        self.may_change(&state)?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut node = guard(&self.node);
        let before = node.content.len();
        let more = len.saturating_sub(before);
        if more == 0 {
            return Ok(());
        }
        let granted = state.take_room(more);
        let order = state.change();
        node.touch(state.now);
        node.content.set_len(order, before + granted);
        if granted < more { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let passed = pass(&self.life, Deed::Change);
        if !self.life.is_alive() {
            return passed;
        }
        let mut state = guard(&self.disk.state);
        let failing = state.failing_syncs.then(|| io::Error::other("simulated failure of a sync"));
        let passed = passed.and(failing.map_or(Ok(()), Err));
        let mut node = guard(&self.node);
        state.syncs_after_failure += u64::from(node.sync_failed);
        match &passed {
            Ok(()) => node.content.sync(),
            Err(_) => {
                node.content.fail_sync();
                node.sync_failed = true;
            }
        }
        passed
    }

    fn try_lock(&self) -> io::Result<bool> {
        pass(&self.life, Deed::Look)?;
        let mut node = guard(&self.node);
        let mine = node.holder.as_ref().is_some_and(|(_, handle)| *handle == self.handle);
        if node.is_locked() && !mine {
            return Ok(false);
        }
        node.holder = Some((Arc::clone(&self.life), self.handle));
        Ok(true)
    }

    fn is_locked(&self) -> io::Result<bool> {
        pass(&self.life, Deed::Look)?;
        Ok(guard(&self.node).is_locked())
    }

    fn map(&self) -> Option<Arc<dyn Mapping>> {
        Some(Arc::new(SimMapping { bytes: Arc::clone(guard(&self.node).content.seen()) }))
    }
}

impl SimProcess {
    pub(super) fn new(disk: SimDisk, life: Arc<Life>) -> SimProcess {
        SimProcess { disk, life }
    }

    /// Plans what happens at one of its operations, once. Several plans may be made.
    pub fn plan(&self, moment: Moment, fault: Fault) {
        self.life.plan(moment, fault);
    }

    /// Whether it has come past everything that was planned for it.
    pub fn came_past_plans(&self) -> bool {
        !self.life.has_plans()
    }

    /// How many operations it has begun.
    pub fn operations(&self) -> u64 {
        self.life.operations()
    }

    /// How many of them change what is on the disk, or how durably.
    pub fn changes(&self) -> u64 {
        self.life.changes()
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        self.life.is_alive()
    }

    /// The disk it runs on.
    pub fn disk(&self) -> &SimDisk {
        &self.disk
    }

    fn look(&self) -> io::Result<MutexGuard<'_, DiskState>> {
        pass(&self.life, Deed::Look)?;
        Ok(guard(&self.disk.state))
    }

    fn change(&self) -> io::Result<(MutexGuard<'_, DiskState>, u64)> {
        pass(&self.life, Deed::Change)?;
        let mut state = guard(&self.disk.state);
        if state.read_only {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let order = state.change();
        Ok((state, order))
    }

    fn create(&self, path: &Path, mode: OpenMode) -> io::Result<SharedNode> {
        let (mut state, order) = self.change()?;
        // Somebody may have been faster since it was looked for.
        if let Some(node) = state.files.get(path) {
            return match mode {
                OpenMode::CreateNew => Err(io::ErrorKind::AlreadyExists.into()),
                _ => Ok(Arc::clone(node)),
            };
        }
        if !path.parent().is_some_and(|dir| state.dirs.contains_key(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let node = Node::new(state.new_inode(), state.now, Content::default());
        let change = NameChange::Create { path: path.to_path_buf(), node: Arc::clone(&node) };
        state.change_name(order, change);
        Ok(node)
    }
}

impl Storage for SimProcess {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let missing = !guard(&self.disk.state).files.contains_key(path);
        let node = if missing && matches!(mode, OpenMode::CreateNew | OpenMode::Create) {
            self.create(path, mode)?
        } else {
            let state = self.look()?;
            match state.files.get(path) {
                Some(_) if mode == OpenMode::CreateNew => return Err(io::ErrorKind::AlreadyExists.into()),
                Some(_) if mode != OpenMode::Read && state.read_only => {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                Some(node) => Arc::clone(node),
                None => return Err(io::ErrorKind::NotFound.into()),
            }
        };
        let mut state = guard(&self.disk.state);
        state.next_handle += 1;
        Ok(Arc::new(SimFile {
            disk: self.disk.clone(),
            life: Arc::clone(&self.life),
            node,
            handle: state.next_handle,
            writable: mode != OpenMode::Read,
        }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        if guard(&self.disk.state).dirs.contains_key(path) {
            return pass(&self.life, Deed::Look);
        }
        let (mut state, _) = self.change()?;
        let mut missing = Vec::new();
        let mut dir = Some(path);
        while let Some(d) = dir.filter(|d| !state.dirs.contains_key(*d)) {
            missing.push(d.to_path_buf());
            dir = d.parent();
        }
        for d in missing.into_iter().rev() {
            state.new_dir(&d);
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        pass(&self.life, Deed::Change)?;
        let mut state = guard(&self.disk.state);
        // A rename between two directories is durable as a whole when either of them is synced.
        let here = |change: &NameChange| change.any_path(|p| p.parent() == Some(path));
        for (order, change) in std::mem::take(&mut state.unsynced_names) {
            if here(&change) {
                change.apply(&mut state.durable_names);
            } else {
                state.unsynced_names.push((order, change));
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, order) = self.change()?;
        let node = state.files.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
        let (from, to) = (from.to_path_buf(), to.to_path_buf());
        state.change_name(order, NameChange::Rename { from, to, node });
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let (mut state, order) = self.change()?;
        let node = state.files.get(path).cloned().ok_or(io::ErrorKind::NotFound)?;
        let len = guard(&node).content.len();
        state.give_room(len);
        state.change_name(order, NameChange::Remove { path: path.to_path_buf() });
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let state = self.look()?;
        if !state.dirs.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut names = BTreeSet::new();
        let inside = |p: &PathBuf| -> Option<String> {
            (p.parent() == Some(path))
                .then(|| p.file_name().unwrap_or_default().to_string_lossy().into_owned())
        };
        names.extend(state.files.keys().filter_map(inside).map(|n| (n, false)));
        names.extend(state.dirs.keys().filter_map(inside).map(|n| (n, true)));
        let entry = |(name, is_dir): (String, bool)| DirEntry { name, is_dir, is_file: !is_dir };
        Ok(names.into_iter().map(entry).collect())
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        // There are no links.
        self.info(path).map(|_| path.to_path_buf())
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        let state = self.look()?;
        if let Some(dir) = state.dirs.get(path) {
            let place = Some(Place { device: DEVICE, inode: dir.inode, born: dir.inode });
            return Ok(FileInfo {
                len: 0,
                is_dir: true,
                is_file: false,
                modified: dir.modified,
                changed: dir.modified,
                place,
            });
        }
        let node = guard(state.files.get(path).ok_or(io::ErrorKind::NotFound)?);
        Ok(FileInfo {
            len: node.content.len() as u64,
            is_dir: false,
            is_file: true,
            modified: node.modified,
            changed: node.changed,
            place: Some(Place { device: DEVICE, inode: node.inode, born: node.inode }),
        })
    }

    fn now(&self) -> u64 {
        guard(&self.disk.state).now
    }

    fn entropy(&self, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.look()?;
        state.entropy = state.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let seed = state.entropy.to_le_bytes();
        blake3::Hasher::new().update(&seed).finalize_xof().fill(out);
        Ok(())
    }

    fn process_id(&self) -> u32 {
        self.life.id
    }

    fn boot_id(&self) -> Option<[u8; 16]> {
        let mut state = guard(&self.disk.state);
        state.boot_id_reads += 1;
        Some(state.boot)
    }
}
