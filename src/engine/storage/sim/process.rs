//! A simulated process: its storage and its open files.

use crate::engine::storage::sim::content::Content;
use crate::engine::storage::sim::plan::{Deed, Fault, Life, Moment};
use crate::engine::storage::sim::{DiskState, NameChange, Node, SharedNode, SimDisk, guard};
use crate::engine::storage::{DirEntry, File, FileInfo, Mapping, OpenMode, Place, Storage};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DEVICE: u64 = 1;

/// A process on a [`SimDisk`]. A lock is released when its file is dropped or the process is killed.
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

    fn set_content_len(&self, len: u64) -> io::Result<()> {
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

    fn extend_content(&self, len: u64) -> io::Result<()> {
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

    fn sync_content(&self) -> io::Result<()> {
        let mut state = guard(&self.disk.state);
        let mut node = guard(&self.node);
        state.syncs_after_failure += u64::from(node.sync_failed);
        if state.failing_syncs {
            return Err(io::Error::other("simulated failure of a sync"));
        }
        node.content.sync();
        Ok(())
    }

    /// Discards the data that a failed sync should have made durable. `counts`: the sync was not counted yet.
    fn fail_sync(&self, counts: bool) {
        let mut state = guard(&self.disk.state);
        let mut node = guard(&self.node);
        state.syncs_after_failure += u64::from(node.sync_failed && counts);
        node.content.fail_sync();
        node.sync_failed = true;
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

impl File for SimFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.life.perform(Deed::Read, |extent| {
            let len = extent.of(out.len());
            Ok(self.read_part(offset, out.get_mut(..len).unwrap_or_default()))
        })
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        self.life.perform(Deed::Write, |extent| {
            self.write_part(offset, data.get(..extent.of(data.len())).unwrap_or_default())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.life.perform(Deed::Look, |_| Ok(guard(&self.node).content.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.life.perform(Deed::Change, |_| self.set_content_len(len))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.life.perform(Deed::Change, |_| self.extend_content(len))
    }

    fn sync(&self) -> io::Result<()> {
        let mut begun = false;
        let result = self.life.perform(Deed::Change, |_| {
            begun = true;
            self.sync_content()
        });
        if self.life.is_alive() && result.is_err() {
            self.fail_sync(!begun);
        }
        result
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.life.perform(Deed::Look, |_| {
            let mut node = guard(&self.node);
            let mine = node.holder.as_ref().is_some_and(|(_, handle)| *handle == self.handle);
            if node.is_locked() && !mine {
                return Ok(false);
            }
            node.holder = Some((Arc::clone(&self.life), self.handle));
            Ok(true)
        })
    }

    fn is_locked(&self) -> io::Result<bool> {
        self.life.perform(Deed::Look, |_| Ok(guard(&self.node).is_locked()))
    }

    fn map(&self) -> Option<Arc<dyn Mapping>> {
        Some(Arc::new(SimMapping { bytes: Arc::clone(guard(&self.node).content.seen()) }))
    }
}

impl SimProcess {
    pub(super) fn new(disk: SimDisk, life: Arc<Life>) -> SimProcess {
        SimProcess { disk, life }
    }

    /// Plans a fault for one operation. Several faults may be planned, each happens once.
    pub fn plan(&self, moment: Moment, fault: Fault) {
        self.life.plan(moment, fault);
    }

    /// Returns true if every planned fault has happened.
    pub fn came_past_plans(&self) -> bool {
        !self.life.has_plans()
    }

    /// Number of operations begun.
    pub fn operations(&self) -> u64 {
        self.life.operations()
    }

    /// Number of operations begun that count as [`Moment::Change`].
    pub fn changes(&self) -> u64 {
        self.life.changes()
    }

    /// Returns false once the process is killed.
    pub fn is_alive(&self) -> bool {
        self.life.is_alive()
    }

    /// Returns the disk that the process runs on.
    pub fn disk(&self) -> &SimDisk {
        &self.disk
    }

    fn look<T>(&self, act: impl FnOnce(&mut DiskState) -> io::Result<T>) -> io::Result<T> {
        self.life.perform(Deed::Look, |_| act(&mut guard(&self.disk.state)))
    }

    /// Performs a change of names; `act` is given its place among all changes.
    fn change<T>(&self, act: impl FnOnce(&mut DiskState, u64) -> io::Result<T>) -> io::Result<T> {
        self.life.perform(Deed::Change, |_| {
            let mut state = guard(&self.disk.state);
            if state.read_only {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            let order = state.change();
            act(&mut state, order)
        })
    }

    fn create(&self, path: &Path, mode: OpenMode) -> io::Result<SharedNode> {
        self.change(|state, order| {
            // Another process may have created the file since this one looked for it.
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
        })
    }

    fn open_existing(&self, path: &Path, mode: OpenMode) -> io::Result<SharedNode> {
        self.look(|state| match state.files.get(path) {
            Some(_) if mode == OpenMode::CreateNew => Err(io::ErrorKind::AlreadyExists.into()),
            Some(_) if mode != OpenMode::Read && state.read_only => {
                Err(io::ErrorKind::PermissionDenied.into())
            }
            Some(node) => Ok(Arc::clone(node)),
            None => Err(io::ErrorKind::NotFound.into()),
        })
    }
}

impl Storage for SimProcess {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let missing = !guard(&self.disk.state).files.contains_key(path);
        let node = if missing && matches!(mode, OpenMode::CreateNew | OpenMode::Create) {
            self.create(path, mode)?
        } else {
            self.open_existing(path, mode)?
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
            return self.look(|_| Ok(()));
        }
        self.change(|state, _| {
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
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.life.perform(Deed::Change, |_| {
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
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state, order| {
            let node = state.files.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
            let (from, to) = (from.to_path_buf(), to.to_path_buf());
            state.change_name(order, NameChange::Rename { from, to, node });
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(|state, order| {
            let node = state.files.get(path).cloned().ok_or(io::ErrorKind::NotFound)?;
            let len = guard(&node).content.len();
            state.give_room(len);
            state.change_name(order, NameChange::Remove { path: path.to_path_buf() });
            Ok(())
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.look(|state| {
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
        })
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        // The simulated disk has no symbolic links.
        self.info(path).map(|_| path.to_path_buf())
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        self.look(|state| {
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
        })
    }

    fn now(&self) -> u64 {
        guard(&self.disk.state).now
    }

    fn entropy(&self, out: &mut [u8]) -> io::Result<()> {
        self.look(|state| {
            state.entropy = state.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let seed = state.entropy.to_le_bytes();
            blake3::Hasher::new().update(&seed).finalize_xof().fill(out);
            Ok(())
        })
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
