//! A simulated process: its storage and its counters.

use crate::engine::storage::interface::{DirEntry, File, FileInfo, OpenMode, Place, Storage, Watch};
use crate::engine::storage::sim::content::Content;
use crate::engine::storage::sim::disk::SimDisk;
use crate::engine::storage::sim::file::SimFile;
use crate::engine::storage::sim::node::{NameChange, Node, SharedNode, guard};
use crate::engine::storage::sim::plan::{Fault, Life, Moment, OperationClass};
use crate::engine::storage::sim::state::{DEVICE, DiskState};
use crate::engine::storage::sim::watch::SimWatch;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A process on a [`SimDisk`]. A lock is released when its file is dropped or the process is killed.
#[derive(Debug)]
pub struct SimProcess {
    disk: SimDisk,
    life: Arc<Life>,
}

impl SimDisk {
    /// Starts a process with this id, and returns the process as a plain [`Storage`].
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
}

impl SimProcess {
    fn new(disk: SimDisk, life: Arc<Life>) -> SimProcess {
        SimProcess { disk, life }
    }

    /// Plans a fault for one operation. Several faults may be planned; each happens once.
    pub fn plan(&self, moment: Moment, fault: Fault) {
        self.life.plan(moment, fault);
    }

    /// Returns true if every planned fault has happened.
    pub fn has_passed_plans(&self) -> bool {
        !self.life.has_plans()
    }

    /// Returns the number of operations that the process has begun.
    pub fn operations(&self) -> u64 {
        self.life.operations()
    }

    /// Returns the number of changes ([`Moment::Change`]) that the process has begun.
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

    fn query<T>(&self, act: impl FnOnce(&mut DiskState) -> io::Result<T>) -> io::Result<T> {
        self.life.perform(OperationClass::Query, |_| act(&mut guard(&self.disk.state)))
    }

    /// Performs a change of names with `act`, which receives the ordinal number of the change. Fails without calling
    /// `act` if the disk is read-only.
    fn change<T>(&self, act: impl FnOnce(&mut DiskState, u64) -> io::Result<T>) -> io::Result<T> {
        self.life.perform(OperationClass::Change, |_| {
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
            // Another process may have created the file in the meantime.
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
        self.query(|state| match state.files.get(path) {
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
            match self.open_existing(path, mode) {
                // The file was removed before the operation took effect.
                Err(e) if e.kind() == io::ErrorKind::NotFound && mode == OpenMode::Create => {
                    self.create(path, mode)?
                }
                opened => opened?,
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
            return self.query(|_| Ok(()));
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
        self.life.perform(OperationClass::Change, |_| {
            let mut state = guard(&self.disk.state);
            // A rename between two directories becomes durable as a whole when either directory is synced.
            let here = |change: &NameChange| change.any_path(|p| p.parent() == Some(path));
            let changes = std::mem::take(&mut state.unsynced_names);
            let mut renamed = Vec::new();
            for (order, change) in &changes {
                if let NameChange::Rename { from, .. } = change
                    && here(change)
                {
                    renamed.push((*order, from.clone()));
                }
            }
            // The creation of a name becomes durable before the rename of the name.
            let precedes = |order: u64, change: &NameChange| {
                renamed.iter().any(|(later, from)| order < *later && change.any_path(|p| p == from))
            };
            for (order, change) in changes {
                if here(&change) || precedes(order, &change) {
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
            if state.dirs.contains_key(from) {
                if state.dirs.contains_key(to) || state.files.contains_key(to) {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                if !to.parent().is_some_and(|parent| state.dirs.contains_key(parent)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                state.rename_dir(order, from, to);
                return Ok(());
            }
            let node = state.files.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
            let (from, to) = (from.to_path_buf(), to.to_path_buf());
            state.change_name(order, NameChange::Rename { from, to, node });
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(|state, order| {
            let node = state.files.get(path).cloned().ok_or(io::ErrorKind::NotFound)?;
            // The space of a file is released when its last name is removed.
            if state.files.values().filter(|other| Arc::ptr_eq(other, &node)).count() == 1 {
                let len = guard(&node).content.len();
                state.release_space(len);
            }
            state.change_name(order, NameChange::Remove { path: path.to_path_buf() });
            Ok(())
        })
    }

    /// Removes an empty directory. The removal is durable immediately.
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.change(|state, _| {
            if !state.dirs.contains_key(path) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let inside = |other: &PathBuf| other.parent() == Some(path);
            if state.files.keys().any(inside) || state.dirs.keys().any(inside) {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            state.dirs.remove(path);
            state.touch_parent(path);
            Ok(())
        })
    }

    fn link_file(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state, order| {
            let node = state.files.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
            if state.files.contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            if state.files.values().filter(|other| Arc::ptr_eq(other, &node)).count() > 1 {
                return Err(io::ErrorKind::Unsupported.into());
            }
            guard(&node).changed = state.now;
            state.change_name(order, NameChange::Create { path: to.to_path_buf(), node });
            Ok(())
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.query(|state| {
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

    fn watch(&self, _poll_interval: Duration) -> Box<dyn Watch> {
        Box::new(SimWatch::new(self.disk.clone(), Arc::clone(&self.life)))
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        self.query(|state| {
            if let Some(dir) = state.dirs.get(path) {
                let place = Some(Place { device: DEVICE, inode: dir.inode, created: dir.inode });
                return Ok(FileInfo {
                    len: 0,
                    is_dir: true,
                    is_file: false,
                    modified: dir.modified,
                    changed: dir.modified,
                    place,
                    names: 1,
                });
            }
            state.files.get(path).map(|node| state.info(node)).ok_or(io::ErrorKind::NotFound.into())
        })
    }

    fn now(&self) -> u64 {
        guard(&self.disk.state).now
    }

    /// Advances the clock of the disk, and lets other threads run.
    fn sleep(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // A killed process does not sleep.
        let _ = self.query(|state| {
            state.now = state.now.saturating_add(nanoseconds);
            Ok(())
        });
        std::thread::yield_now();
    }

    fn entropy(&self, out: &mut [u8]) -> io::Result<()> {
        self.query(|state| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::storage::sim::Survival;

    fn file(disk: &SimDisk, path: &str) -> bool {
        disk.read(Path::new(path)).is_some()
    }

    #[test]
    fn renamed_directory_survives_a_power_cut_if_its_parent_was_synced() {
        for (is_synced, survival) in
            [(true, Survival::Dropped), (false, Survival::Dropped), (false, Survival::Kept)]
        {
            let disk = SimDisk::new(1);
            disk.overwrite(Path::new("/a/b/file"), vec![1]);
            let process = disk.spawn(1);
            process.rename(Path::new("/a"), Path::new("/c")).unwrap();
            assert!(file(&disk, "/c/b/file") && !file(&disk, "/a/b/file"));
            if is_synced {
                process.sync_dir(Path::new("/")).unwrap();
            }
            let disk = disk.fork();
            disk.crash(survival);
            let is_renamed = is_synced || survival == Survival::Kept;
            assert_eq!((file(&disk, "/c/b/file"), file(&disk, "/a/b/file")), (is_renamed, !is_renamed));
            let listed = disk.spawn(2).list(Path::new("/")).unwrap();
            let names: Vec<&str> = listed.iter().map(|entry| entry.name.as_str()).collect();
            assert_eq!(names, [if is_renamed { "c" } else { "a" }]);
        }
    }

    #[test]
    fn name_that_was_renamed_durably_does_not_come_back() {
        for survival in [Survival::Kept, Survival::Dropped] {
            let disk = SimDisk::new(1);
            disk.overwrite(Path::new("/a/other"), vec![1]);
            disk.overwrite(Path::new("/b/other"), vec![1]);
            let process = disk.spawn(1);
            drop(process.open(Path::new("/a/new"), OpenMode::CreateNew).unwrap());
            process.rename(Path::new("/a/new"), Path::new("/b/new")).unwrap();
            process.sync_dir(Path::new("/b")).unwrap();
            disk.crash(survival);
            assert_eq!((file(&disk, "/a/new"), file(&disk, "/b/new")), (false, true), "{survival:?}");
        }
    }

    #[test]
    fn directory_is_renamed_only_to_a_free_path_and_removed_only_if_empty() {
        let disk = SimDisk::new(1);
        disk.overwrite(Path::new("/a/file"), vec![1]);
        disk.overwrite(Path::new("/b/file"), vec![1]);
        let process = disk.spawn(1);
        let kind = |result: io::Result<()>| result.unwrap_err().kind();
        let (a, b) = (Path::new("/a"), Path::new("/b"));
        assert_eq!(kind(process.rename(a, b)), io::ErrorKind::AlreadyExists);
        assert_eq!(kind(process.remove_dir(a)), io::ErrorKind::DirectoryNotEmpty);
        process.remove_file(Path::new("/a/file")).unwrap();
        process.remove_dir(a).unwrap();
        assert_eq!(kind(process.remove_dir(a)), io::ErrorKind::NotFound);
        // The removal of the file was not durable, so a power cut restores the file and its directory.
        disk.crash(Survival::Dropped);
        assert!(file(&disk, "/a/file"));
        assert_eq!(disk.spawn(2).list(a).unwrap().len(), 1);
    }
}
