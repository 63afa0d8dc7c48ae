//! Storage in memory, for tests: a disk that several processes share, each with its own id, a clock that
//! only moves when asked, and seeded entropy. Faults are set on the disk.
//!
//! A [`SimProcess`] is one process's view of a [`SimDisk`]; dropping its files releases its locks, as the
//! death of a process does.

use crate::engine::storage::{DirEntry, File, FileInfo, Mapping, OpenMode, Place, Storage};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const DEVICE: u64 = 1;

#[derive(Debug)]
struct SimFileNode {
    inode: u64,
    modified: u64,
    locked: bool,
    data: Vec<u8>,
    /// What the last sync made durable.
    synced: Vec<u8>,
}

#[derive(Debug, Default)]
struct DiskState {
    files: BTreeMap<PathBuf, Arc<Mutex<SimFileNode>>>,
    /// The names that the last sync of their directory made durable.
    synced_names: BTreeMap<PathBuf, Arc<Mutex<SimFileNode>>>,
    dirs: BTreeMap<PathBuf, u64>,
    next_inode: u64,
    now: u64,
    entropy: u64,
    boot: [u8; 16],
    free_bytes: Option<u64>,
    read_only: bool,
    failing_syncs: bool,
}

impl DiskState {
    /// Takes room for up to so many bytes; returns how many it got.
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
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The disk, clock and entropy that simulated processes share.
#[derive(Debug, Clone)]
pub struct SimDisk {
    state: Arc<Mutex<DiskState>>,
    writes: Arc<AtomicU64>,
}

impl SimDisk {
    /// An empty disk; `seed` decides every random byte it will ever hand out.
    pub fn new(seed: u64) -> SimDisk {
        let mut state = DiskState { now: 1_700_000_000_000_000_000, entropy: seed, ..DiskState::default() };
        state.boot = [1; 16];
        state.dirs.insert(PathBuf::from("/"), 0);
        SimDisk { state: Arc::new(Mutex::new(state)), writes: Arc::new(AtomicU64::new(0)) }
    }

    /// A process with this id on this disk.
    pub fn process(&self, id: u32) -> Arc<dyn Storage> {
        Arc::new(SimProcess { disk: self.clone(), id })
    }

    /// Moves the clock by so many nanoseconds, backwards too.
    pub fn advance(&self, nanoseconds: i64) {
        let mut state = guard(&self.state);
        state.now = state.now.saturating_add_signed(nanoseconds);
    }

    /// Starts another boot: another boot id.
    pub fn reboot(&self) {
        let mut state = guard(&self.state);
        for byte in &mut state.boot {
            *byte = byte.wrapping_add(1);
        }
    }

    /// Cuts the power: of what was not synced, `seed` decides sector by sector and name by name what survives. Then
    /// another boot begins. The processes must be gone; a file they still hold open is one nobody sees.
    pub fn cut_power(&self, seed: u64) {
        let mut state = guard(&self.state);
        let mut coins = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
        let mut coin = move || {
            let mut byte = [0u8];
            coins.fill(&mut byte);
            byte[0] & 1 == 1
        };
        let (new, old) = (std::mem::take(&mut state.files), std::mem::take(&mut state.synced_names));
        let paths: BTreeSet<PathBuf> = new.keys().chain(old.keys()).cloned().collect();
        for path in paths {
            let certain = new.get(&path).zip(old.get(&path)).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
            let kept = if certain || coin() { new.get(&path) } else { old.get(&path) };
            let Some(node) = kept else { continue };
            let node = guard(node);
            let data = surviving(&node.data, &node.synced, &mut coin);
            let node = SimFileNode {
                inode: node.inode,
                modified: node.modified,
                locked: false,
                synced: data.clone(),
                data,
            };
            let node = Arc::new(Mutex::new(node));
            state.files.insert(path.clone(), Arc::clone(&node));
            state.synced_names.insert(path, node);
        }
        drop(state);
        self.reboot();
    }

    /// From now on files can grow by at most so many further bytes (`None`: as many as wanted).
    pub fn set_free_bytes(&self, free: Option<u64>) {
        guard(&self.state).free_bytes = free;
    }

    /// Makes every change fail with "permission denied", or stops that.
    pub fn set_read_only(&self, on: bool) {
        guard(&self.state).read_only = on;
    }

    /// Makes every sync of a file fail, or stops that.
    pub fn set_failing_syncs(&self, on: bool) {
        guard(&self.state).failing_syncs = on;
    }

    /// The paths of all files, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        guard(&self.state).files.keys().cloned().collect()
    }

    /// The content of a file.
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let node = guard(&self.state).files.get(path).cloned()?;
        let data = guard(&node).data.clone();
        Some(data)
    }

    /// Replaces the content of a file, creating it where needed, as somebody outside the engine would.
    pub fn overwrite(&self, path: &Path, data: Vec<u8>) {
        let mut state = guard(&self.state);
        state.now += 1;
        let now = state.now;
        if let Some(node) = state.files.get(path) {
            let mut node = guard(node);
            node.synced.clone_from(&data);
            node.data = data;
            node.modified = now;
            return;
        }
        state.next_inode += 1;
        let synced = data.clone();
        let node = SimFileNode { inode: state.next_inode, modified: now, locked: false, data, synced };
        let mut dir = path.parent();
        while let Some(d) = dir {
            if !state.dirs.contains_key(d) {
                state.next_inode += 1;
                let inode = state.next_inode;
                state.dirs.insert(d.to_path_buf(), inode);
            }
            dir = d.parent();
        }
        let node = Arc::new(Mutex::new(node));
        state.files.insert(path.to_path_buf(), Arc::clone(&node));
        state.synced_names.insert(path.to_path_buf(), node);
    }

    /// Removes a file or a directory with everything in it.
    pub fn remove_tree(&self, path: &Path) {
        let mut state = guard(&self.state);
        state.files.retain(|p, _| !p.starts_with(path));
        state.synced_names.retain(|p, _| !p.starts_with(path));
        state.dirs.retain(|p, _| !p.starts_with(path));
    }

    /// Copies a directory tree to another place: other inodes, no locks, as `cp -r` does.
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

    /// How many writes reached files so far.
    pub fn write_count(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }
}

/// What a power cut leaves of a file: of each sector that a sync did not cover, the old or the new content; of a
/// length, the old or the new one.
fn surviving(data: &[u8], synced: &[u8], coin: &mut impl FnMut() -> bool) -> Vec<u8> {
    const SECTOR: usize = 512;
    let mut out = Vec::new();
    for at in (0..data.len().max(synced.len())).step_by(SECTOR) {
        let sector = |bytes: &[u8]| {
            let mut sector: Vec<u8> = bytes.iter().skip(at).take(SECTOR).copied().collect();
            sector.resize(SECTOR, 0);
            sector
        };
        let (new, old) = (sector(data), sector(synced));
        out.extend(if new == old || coin() { new } else { old });
    }
    out.truncate(if data.len() == synced.len() || coin() { data.len() } else { synced.len() });
    out
}

#[derive(Debug)]
struct SimProcess {
    disk: SimDisk,
    id: u32,
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    node: Arc<Mutex<SimFileNode>>,
    writable: bool,
    holds_lock: Mutex<bool>,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if *guard(&self.holds_lock) {
            guard(&self.node).locked = false;
        }
    }
}

impl SimFile {
    fn may_change(&self, state: &DiskState) -> io::Result<()> {
        if !self.writable || state.read_only {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }
}

impl File for SimFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let node = guard(&self.node);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(node.data.len());
        let bytes = node.data.get(start..).unwrap_or_default();
        let n = bytes.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), bytes.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        let mut state = guard(&self.disk.state);
        self.may_change(&state)?;
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut node = guard(&self.node);
        // Only what makes the file longer takes room.
        let more = (start + data.len()).saturating_sub(node.data.len());
        let n = data.len().saturating_sub(more - state.take_room(more));
        if n == 0 && !data.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.now += 1;
        self.disk.writes.fetch_add(1, Ordering::Relaxed);
        node.modified = state.now;
        if node.data.len() < start + n {
            node.data.resize(start + n, 0);
        }
        if let (Some(to), Some(from)) = (node.data.get_mut(start..start + n), data.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(guard(&self.node).data.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = guard(&self.disk.state);
        self.may_change(&state)?;
        state.now += 1;
        let mut node = guard(&self.node);
        node.modified = state.now;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        state.give_room(node.data.len().saturating_sub(len));
        node.data.resize(len, 0);
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut state = guard(&self.disk.state);
        self.may_change(&state)?;
        let mut node = guard(&self.node);
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        let more = len.saturating_sub(node.data.len());
        if more == 0 {
            return Ok(());
        }
        let granted = state.take_room(more);
        state.now += 1;
        node.modified = state.now;
        let reached = node.data.len() + granted;
        node.data.resize(reached, 0);
        if granted < more { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        if guard(&self.disk.state).failing_syncs {
            return Err(io::Error::other("simulated failure of a sync"));
        }
        let mut node = guard(&self.node);
        node.synced = node.data.clone();
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        let mut node = guard(&self.node);
        let mut holds = guard(&self.holds_lock);
        if node.locked && !*holds {
            return Ok(false);
        }
        node.locked = true;
        *holds = true;
        Ok(true)
    }

    fn is_locked(&self) -> io::Result<bool> {
        Ok(guard(&self.node).locked)
    }

    fn map(&self) -> Option<Arc<dyn Mapping>> {
        None
    }
}

impl SimProcess {
    fn changing(&self) -> io::Result<MutexGuard<'_, DiskState>> {
        let mut state = guard(&self.disk.state);
        if state.read_only {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        state.now += 1;
        Ok(state)
    }
}

impl Storage for SimProcess {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut state = guard(&self.disk.state);
        let found = state.files.get(path).cloned();
        let node = match (found, mode) {
            (Some(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(node), _) => {
                if mode != OpenMode::Read && state.read_only {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                node
            }
            (None, OpenMode::Read | OpenMode::ReadWrite) => return Err(io::ErrorKind::NotFound.into()),
            (None, OpenMode::CreateNew | OpenMode::Create) => {
                if state.read_only {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                if !path.parent().is_some_and(|dir| state.dirs.contains_key(dir)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                state.now += 1;
                state.next_inode += 1;
                let node = Arc::new(Mutex::new(SimFileNode {
                    inode: state.next_inode,
                    modified: state.now,
                    locked: false,
                    data: Vec::new(),
                    synced: Vec::new(),
                }));
                state.files.insert(path.to_path_buf(), Arc::clone(&node));
                node
            }
        };
        Ok(Arc::new(SimFile {
            disk: self.disk.clone(),
            node,
            writable: mode != OpenMode::Read,
            holds_lock: Mutex::new(false),
        }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        if guard(&self.disk.state).dirs.contains_key(path) {
            return Ok(());
        }
        let mut state = self.changing()?;
        let mut missing = Vec::new();
        let mut dir = Some(path);
        while let Some(d) = dir.filter(|d| !state.dirs.contains_key(*d)) {
            missing.push(d.to_path_buf());
            dir = d.parent();
        }
        for d in missing.into_iter().rev() {
            state.next_inode += 1;
            let inode = state.next_inode;
            state.dirs.insert(d, inode);
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = guard(&self.disk.state);
        let here = |p: &Path| p.parent() == Some(path);
        state.synced_names.retain(|p, _| !here(p));
        let names = state.files.iter().filter(|(p, _)| here(p));
        let names: Vec<_> = names.map(|(p, node)| (p.clone(), Arc::clone(node))).collect();
        state.synced_names.extend(names);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        let node = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_path_buf(), node);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        let node = state.files.remove(path).ok_or(io::ErrorKind::NotFound)?;
        let len = guard(&node).data.len();
        state.give_room(len);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let state = guard(&self.disk.state);
        if !state.dirs.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut names = BTreeSet::new();
        let inside = |p: &Path| -> Option<String> {
            let name = p.strip_prefix(path).ok()?;
            (name.components().count() == 1).then(|| name.to_string_lossy().into_owned())
        };
        names.extend(state.files.keys().filter_map(|p| inside(p)).map(|n| (n, false)));
        names.extend(state.dirs.keys().filter_map(|p| inside(p)).map(|n| (n, true)));
        let entry = |(name, is_dir): (String, bool)| DirEntry { name, is_dir, is_file: !is_dir };
        Ok(names.into_iter().map(entry).collect())
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        let state = guard(&self.disk.state);
        if let Some(inode) = state.dirs.get(path) {
            let place = Some(Place { device: DEVICE, inode: *inode, born: *inode });
            return Ok(FileInfo { len: 0, is_dir: true, is_file: false, modified: 0, place });
        }
        let node = guard(state.files.get(path).ok_or(io::ErrorKind::NotFound)?);
        Ok(FileInfo {
            len: node.data.len() as u64,
            is_dir: false,
            is_file: true,
            modified: node.modified,
            place: Some(Place { device: DEVICE, inode: node.inode, born: node.inode }),
        })
    }

    fn now(&self) -> u64 {
        guard(&self.disk.state).now
    }

    fn entropy(&self, out: &mut [u8]) -> io::Result<()> {
        let mut state = guard(&self.disk.state);
        state.entropy = state.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let seed = state.entropy.to_le_bytes();
        blake3::Hasher::new().update(&seed).finalize_xof().fill(out);
        Ok(())
    }

    fn process_id(&self) -> u32 {
        self.id
    }

    fn boot_id(&self) -> Option<[u8; 16]> {
        Some(guard(&self.disk.state).boot)
    }
}
