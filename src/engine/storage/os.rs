//! The real file system, clock and entropy.
//!
//! Only Linux is tested. Other platforms have no boot id, so every writer starts its own stream. On other platforms,
//! files are not mapped, and a watch polls. On Windows, directories are not synced, because they cannot be opened.

#[cfg(target_os = "linux")]
use crate::engine::storage::interface::Watch;
use crate::engine::storage::interface::{
    DirEntry, DirItem, File, FileInfo, ItemKind, Mapping, NotARegularFile, OpenMode, Place, Storage,
};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The storage of the real system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsStorage;

impl OsStorage {
    /// Returns a new [`OsStorage`] as a shared [`Storage`].
    pub fn shared() -> Arc<dyn Storage> {
        Arc::new(OsStorage)
    }
}

#[derive(Debug)]
struct OsFile {
    file: fs::File,
}

fn nanoseconds(time: io::Result<SystemTime>) -> u64 {
    time.ok()
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
        .and_then(|d| u64::try_from(d.as_nanos()).ok())
        .unwrap_or(0)
}

impl File for OsFile {
    #[cfg(unix)]
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, out, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, out, offset)
    }

    #[cfg(unix)]
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.file, data, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(&self.file, data, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        let len = self.file.metadata()?.len();
        if offset >= len { Ok(None) } else { holes::next_data(&self.file, offset) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        room::allocate(&self.file, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(e)) => Err(e),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }

    fn is_locked(&self) -> io::Result<bool> {
        match self.file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(fs::TryLockError::WouldBlock) => Ok(true),
            Err(fs::TryLockError::Error(e)) => Err(e),
        }
    }

    fn map(&self) -> Option<Arc<dyn Mapping>> {
        if !mounts::is_local(&self.file) {
            return None;
        }
        mapping::map(&self.file)
    }
}

#[expect(unsafe_code, reason = "memory maps of finished segments; the SAFETY comment gives the argument")]
mod mapping {
    use crate::engine::storage::interface::Mapping;
    use std::fs;
    use std::sync::Arc;

    #[derive(Debug)]
    struct OsMapping(memmap2::Mmap);

    impl Mapping for OsMapping {
        fn bytes(&self) -> &[u8] {
            &self.0
        }
    }

    pub(super) fn map(file: &fs::File) -> Option<Arc<dyn Mapping>> {
        // SAFETY: a mapping is sound while the file is not truncated and while every reader treats the bytes as
        // untrusted. Only segments that are followed by another segment are mapped (as `File::map` demands; the segment
        // reader is its only caller). Their writer may still append a seal, but no code of this crate truncates such a
        // segment or opens it for writing again. Replacing such a segment is a rename, which does not change the mapped
        // inode. Files on network file systems, where another host may truncate them, are not mapped
        // (`mounts::is_local`). A user may still change a finished segment in place while it is read: the decoders
        // validate a copy of the bytes, so the change appears as a failed checksum. Truncating the file raises SIGBUS,
        // as RELIABILITY.md states.
        unsafe { memmap2::Mmap::map(file) }.ok().map(|m| Arc::new(OsMapping(m)) as Arc<dyn Mapping>)
    }
}

#[cfg(target_os = "linux")]
mod process {
    //! The id of the process, without a system call. Every append reads the id, to recognise a child of `fork(2)`, and
    //! the system call would take as long as the rest of a small append.
    //!
    //! The id is stored in a page that the kernel replaces by zeros in a child of `fork(2)` (`MADV_WIPEONFORK`, Linux
    //! 4.14). A zero therefore means that the id must be read from the kernel.

    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Returns the id of the running process.
    pub(super) fn id() -> u32 {
        static STORED: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();
        let Some(stored) = STORED.get_or_init(wiped_on_fork) else { return std::process::id() };
        match stored.load(Ordering::Relaxed) {
            0 => {
                let id = std::process::id();
                stored.store(id, Ordering::Relaxed);
                id
            }
            id => id,
        }
    }

    /// Returns a number that is 0, and that is 0 again in every child of `fork(2)`. Returns `None` if the kernel does
    /// not support such pages.
    #[expect(unsafe_code, reason = "a page that is wiped on fork; the SAFETY comments give the argument")]
    fn wiped_on_fork() -> Option<&'static AtomicU32> {
        use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
        let len = rustix::param::page_size();
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: the kernel selects the address of a new anonymous mapping, so no existing memory changes.
        let page = unsafe { mmap_anonymous(std::ptr::null_mut(), len, access, flags) }.ok()?;
        // SAFETY: the page was mapped above, and nothing refers to it. In the child of a fork the page is filled with
        // zeros, before any code of the child runs.
        if unsafe { madvise(page, len, Advice::LinuxWipeOnFork) }.is_err() {
            // SAFETY: the page was mapped above, and nothing refers to it.
            let _ = unsafe { munmap(page, len) };
            return None;
        }
        // SAFETY: the page is readable, writable, zeroed, aligned, and never unmapped. All accesses to it are atomic.
        Some(unsafe { AtomicU32::from_ptr(page.cast()) })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// Returns the exit status of a child of `fork(2)` in which `child` runs.
        #[expect(unsafe_code, reason = "fork(2); the SAFETY comments give the argument")]
        fn in_fork(child: impl FnOnce() -> i32) -> i32 {
            use nix::sys::wait::{WaitStatus, waitpid};
            use nix::unistd::{ForkResult, fork};
            // SAFETY: the child only reads and writes atomics and calls getpid, fork, waitpid and _exit.
            match unsafe { fork() }.unwrap() {
                // SAFETY: _exit does not return, so the child leaves the memory of the tests unchanged.
                ForkResult::Child => unsafe { nix::libc::_exit(child()) },
                ForkResult::Parent { child } => match waitpid(child, None).unwrap() {
                    WaitStatus::Exited(_, status) => status,
                    other => panic!("{other:?}"),
                },
            }
        }

        #[test]
        fn id_is_right_in_the_process_in_a_fork_and_in_a_fork_of_a_fork() {
            assert!(wiped_on_fork().is_some(), "the kernel does not support MADV_WIPEONFORK");
            let is_right = || id() == std::process::id() && id() == std::process::id();
            assert!(is_right());
            assert_eq!(
                in_fork(|| if is_right() { in_fork(|| if is_right() { 3 } else { 2 }) } else { 1 }),
                3
            );
            assert!(is_right());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod process {
    pub(super) use std::process::id;
}

#[cfg(target_os = "linux")]
mod mounts {
    //! Detection of local disks with the kernel's table of mounts.

    use std::collections::HashSet;
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::sync::OnceLock;

    /// Types of file systems whose files only this machine changes. Files on other file systems are not mapped, and
    /// changes in their directories are polled.
    const LOCAL: [&str; 9] = ["ext4", "ext3", "ext2", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay"];

    pub(super) fn is_local(file: &fs::File) -> bool {
        static DEVICES: OnceLock<HashSet<(u64, u64)>> = OnceLock::new();
        let devices =
            DEVICES.get_or_init(|| parse(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()));
        let Ok(meta) = file.metadata() else { return false };
        devices.contains(&split_device(meta.dev()))
    }

    fn split_device(dev: u64) -> (u64, u64) {
        (((dev >> 8) & 0xfff) | ((dev >> 32) & !0xfff), (dev & 0xff) | ((dev >> 12) & !0xff))
    }

    /// Returns the device numbers of the local file systems in a table of mounts. Each line is `id parent major:minor
    /// root mountpoint options.. - fstype source superoptions` (proc(5)).
    fn parse(mountinfo: &str) -> HashSet<(u64, u64)> {
        let mut devices = HashSet::new();
        for line in mountinfo.lines() {
            let Some((before, after)) = line.split_once(" - ") else { continue };
            let Some((major, minor)) = before.split(' ').nth(2).and_then(|d| d.split_once(':')) else {
                continue;
            };
            let Some(kind) = after.split(' ').next() else { continue };
            if let (Ok(major), Ok(minor), true) = (major.parse(), minor.parse(), LOCAL.contains(&kind)) {
                devices.insert((major, minor));
            }
        }
        devices
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn parse_keeps_only_local_file_systems() {
            let table = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                         30 22 0:27 / /mnt rw - nfs4 host:/x rw\n\
                         31 22 0:28 / /home rw - fuse.sshfs x rw\nnonsense\n";
            assert_eq!(parse(table), HashSet::from([(254, 0)]));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod mounts {
    pub(super) fn is_local(_file: &std::fs::File) -> bool {
        false
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod room {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    use std::fs;
    use std::io;

    pub(super) fn allocate(file: &fs::File, len: u64) -> io::Result<()> {
        let old = file.metadata()?.len();
        if len <= old {
            return Ok(());
        }
        loop {
            match fallocate(file, FallocateFlags::empty(), old, len - old) {
                Ok(()) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::NOTSUP | Errno::NOSYS) => return Err(io::ErrorKind::Unsupported.into()),
                Err(e) => return Err(e.into()),
            }
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod room {
    pub(super) fn allocate(_file: &std::fs::File, _len: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod holes {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;
    use std::fs;
    use std::io;

    /// Returns the first offset at or after `offset` that may contain data, found with `lseek`; `None` if only a hole
    /// follows. The call moves the position of the open file, which no other code uses: all access is by offset.
    pub(super) fn next_data(file: &fs::File, offset: u64) -> io::Result<Option<u64>> {
        match seek(file, SeekFrom::Data(offset)) {
            Ok(at) => Ok(Some(at.max(offset))),
            Err(Errno::NXIO) => Ok(None),
            Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(Some(offset)),
            Err(e) => Err(e.into()),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod holes {
    pub(super) fn next_data(_file: &std::fs::File, offset: u64) -> std::io::Result<Option<u64>> {
        Ok(Some(offset))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod reflink {
    use rustix::fs::ioctl_ficlone;
    use std::fs;
    use std::io;

    /// Makes `to` share the blocks of `from` (ioctl_ficlone(2)).
    pub(super) fn share_blocks(from: &fs::File, to: &fs::File) -> io::Result<()> {
        Ok(ioctl_ficlone(to, from)?)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod reflink {
    pub(super) fn share_blocks(_from: &std::fs::File, _to: &std::fs::File) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// Watching of directories with inotify(7).
#[cfg(target_os = "linux")]
mod watching {
    use crate::engine::storage::interface::Watch;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    use rustix::io::Errno;
    use std::collections::BTreeSet;
    use std::fs::File;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    /// The longest time-out of one call of poll(2), which does not accept every [`Duration`].
    const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
    /// The shortest polling interval.
    const POLL_INTERVAL_MIN: Duration = Duration::from_millis(1);

    /// A watch with inotify. If changes of some directories are not reported, every wait ends after the polling
    /// interval at the latest.
    #[derive(Debug)]
    pub(super) struct InotifyWatch {
        /// The inotify instance; `None` if the instance could not be created, for example because of a limit.
        inotify: Option<OwnedFd>,
        poll_interval: Duration,
        /// The directories whose changes are not reported.
        unreported: BTreeSet<PathBuf>,
        /// True after events were lost, or after a watched directory was removed or moved. Every wait then ends after
        /// the polling interval at the latest.
        has_lost_events: bool,
    }

    impl InotifyWatch {
        pub(super) fn new(poll_interval: Duration) -> InotifyWatch {
            InotifyWatch {
                inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok(),
                poll_interval: poll_interval.max(POLL_INTERVAL_MIN),
                unreported: BTreeSet::new(),
                has_lost_events: false,
            }
        }

        fn can_report(&self, dir: &Path) -> bool {
            let flags = WatchFlags::MODIFY
                | WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF
                | WatchFlags::ONLYDIR;
            // Changes by other hosts are not reported, so files on a network file system are polled.
            let is_local = File::open(dir).is_ok_and(|dir| super::mounts::is_local(&dir));
            let Some(inotify) = self.inotify.as_ref().filter(|_| is_local) else { return false };
            inotify::add_watch(inotify, dir, flags).is_ok()
        }

        /// Returns true if some changes may not be reported. A wait must then end after the polling interval.
        fn polls(&self) -> bool {
            self.inotify.is_none() || self.has_lost_events || !self.unreported.is_empty()
        }

        /// Reads all pending events, so that only later events end the next wait.
        fn drain(&mut self) {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let Some(inotify) = &self.inotify else { return };
            let mut events = inotify::Reader::new(inotify, &mut buffer);
            let lost =
                ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT;
            loop {
                match events.next() {
                    Ok(event) => self.has_lost_events |= event.events().intersects(lost),
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => return,
                    Err(_) => {
                        self.has_lost_events = true;
                        return;
                    }
                }
            }
        }

        /// Returns true if an event was reported within `timeout`.
        fn is_reported(&mut self, timeout: Duration) -> io::Result<bool> {
            let Some(inotify) = &self.inotify else {
                std::thread::sleep(timeout);
                return Ok(false);
            };
            let started = Instant::now();
            loop {
                let left = timeout.saturating_sub(started.elapsed());
                let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
                match poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&left)) {
                    Ok(0) => return Ok(false),
                    Ok(_) => break,
                    Err(Errno::INTR) => {}
                    Err(e) => return Err(e.into()),
                }
            }
            self.drain();
            Ok(true)
        }
    }

    impl Watch for InotifyWatch {
        fn add(&mut self, dir: &Path) -> bool {
            let can_report = self.can_report(dir);
            if can_report {
                self.unreported.remove(dir);
            } else {
                self.unreported.insert(dir.to_path_buf());
            }
            can_report
        }

        fn wait(&mut self, timeout: Duration) -> io::Result<Option<Duration>> {
            let slice = timeout.min(if self.polls() { self.poll_interval } else { WAIT_MAX });
            let started = Instant::now();
            let is_reported = self.is_reported(slice)?;
            let rest = timeout.saturating_sub(started.elapsed());
            Ok(Some(rest).filter(|rest| is_reported || !rest.is_zero()))
        }
    }
}

/// Opening of files and directories without blocking; other kinds of objects are rejected.
#[cfg(unix)]
mod opening {
    use rustix::fs::OFlags;
    use rustix::io::Errno;
    use std::fs;
    use std::io;
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    use std::path::Path;

    fn with(options: &fs::OpenOptions, flags: OFlags, path: &Path) -> io::Result<fs::File> {
        options.clone().custom_flags((flags | OFlags::CLOEXEC).bits().cast_signed()).open(path)
    }

    /// Opens a file without blocking on a pipe and without acquiring a controlling terminal.
    pub(super) fn file(options: &fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
        match with(options, OFlags::NONBLOCK | OFlags::NOCTTY, path) {
            // A file server holds a lease on the file (fcntl(2)). A blocking open waits a few seconds for its release.
            Err(e) if e.kind() == io::ErrorKind::WouldBlock && fs::metadata(path)?.is_file() => {
                with(options, OFlags::NOCTTY, path)
            }
            // ENXIO is the error of opening a socket.
            Err(e) if e.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
                let meta = fs::metadata(path)?;
                Err(if meta.is_file() { e } else { super::NotARegularFile::error(kind(&meta)) })
            }
            opened => opened,
        }
    }

    /// Opens a directory to sync it.
    pub(super) fn directory(path: &Path) -> io::Result<fs::File> {
        with(fs::OpenOptions::new().read(true), OFlags::DIRECTORY, path)
    }

    pub(super) fn kind(meta: &fs::Metadata) -> &'static str {
        let kind = meta.file_type();
        match () {
            () if kind.is_dir() => "a directory",
            () if kind.is_fifo() => "a named pipe",
            () if kind.is_socket() => "a socket",
            () if kind.is_char_device() || kind.is_block_device() => "a device",
            () => "a special file",
        }
    }
}

#[cfg(not(unix))]
mod opening {
    use std::fs;
    use std::io;
    use std::path::Path;

    pub(super) fn file(options: &fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
        options.open(path)
    }

    pub(super) fn kind(meta: &fs::Metadata) -> &'static str {
        if meta.is_dir() { "a directory" } else { "a special file" }
    }
}

#[cfg(unix)]
fn item_kind(meta: &fs::Metadata) -> ItemKind {
    use std::os::unix::fs::PermissionsExt;
    match meta.file_type() {
        kind if kind.is_dir() => ItemKind::Dir,
        kind if kind.is_symlink() => ItemKind::Link,
        kind if kind.is_file() => ItemKind::File { is_executable: meta.permissions().mode() & 0o100 != 0 },
        _ => ItemKind::Special,
    }
}

#[cfg(not(unix))]
fn item_kind(meta: &fs::Metadata) -> ItemKind {
    match meta.file_type() {
        kind if kind.is_dir() => ItemKind::Dir,
        kind if kind.is_symlink() => ItemKind::Link,
        kind if kind.is_file() => ItemKind::File { is_executable: false },
        _ => ItemKind::Special,
    }
}

#[cfg(unix)]
fn names_of(meta: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    meta.nlink()
}

#[cfg(not(unix))]
fn names_of(_meta: &fs::Metadata) -> u64 {
    1
}

#[cfg(unix)]
fn place_of(meta: &fs::Metadata) -> Option<Place> {
    use std::os::unix::fs::MetadataExt;
    Some(Place { device: meta.dev(), inode: meta.ino(), created: nanoseconds(meta.created()) })
}

#[cfg(not(unix))]
fn place_of(_meta: &fs::Metadata) -> Option<Place> {
    None
}

#[cfg(unix)]
fn changed_at(meta: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let seconds = u64::try_from(meta.ctime()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(meta.ctime_nsec()).unwrap_or(0))
}

#[cfg(not(unix))]
fn changed_at(_meta: &fs::Metadata) -> u64 {
    0
}

impl Storage for OsStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => &mut options,
            OpenMode::ReadWrite => options.write(true),
            OpenMode::CreateNew => options.write(true).create_new(true),
            OpenMode::Create => options.write(true).create(true).truncate(false),
        };
        let file = opening::file(&options, path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(NotARegularFile::error(opening::kind(&meta)));
        }
        Ok(Arc::new(OsFile { file }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.create_dir_all(parent)?;
        }
        match fs::create_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            Err(e) => Err(e),
            Ok(()) => match path.parent().filter(|p| !p.as_os_str().is_empty()) {
                Some(parent) => self.sync_dir(parent),
                None => self.sync_dir(Path::new(".")),
            },
        }
    }

    #[cfg(unix)]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        opening::directory(path)?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // The engine creates no file whose name is not UTF-8.
            if let Ok(name) = entry.file_name().into_string() {
                let mut kind = Some(entry.file_type()?);
                if kind.is_some_and(|kind| kind.is_symlink()) {
                    kind = fs::metadata(entry.path()).ok().map(|meta| meta.file_type());
                }
                let is_dir = kind.is_some_and(|kind| kind.is_dir());
                let is_file = kind.is_some_and(|kind| kind.is_file());
                names.push(DirEntry { name, is_dir, is_file });
            }
        }
        // Names in a directory differ, so the order of equal names does not matter.
        names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(names)
    }

    fn items(&self, path: &Path) -> io::Result<Vec<DirItem>> {
        let mut items = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            items.push(DirItem { kind: item_kind(&entry.metadata()?), name: entry.file_name() });
        }
        items.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(items)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    #[cfg(unix)]
    fn create_link(&self, target: &Path, path: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(target, path)
    }

    #[cfg(unix)]
    fn make_executable(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path)?.permissions().mode();
        fs::set_permissions(path, fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2)))
    }

    fn clone_file(&self, from: &Path, to: &Path) -> io::Result<()> {
        let source = opening::file(fs::OpenOptions::new().read(true), from)?;
        if !source.metadata()?.is_file() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let copy = opening::file(fs::OpenOptions::new().write(true).create_new(true), to)?;
        reflink::share_blocks(&source, &copy).inspect_err(|_| {
            // An error is ignored: the caller replaces or removes the empty file.
            let _ = fs::remove_file(to);
        })
    }

    fn link_file(&self, from: &Path, to: &Path) -> io::Result<()> {
        let meta = fs::symlink_metadata(from)?;
        if !meta.is_file() || names_of(&meta) != 1 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        fs::hard_link(from, to)
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::set_permissions(to, fs::metadata(from)?.permissions())
    }

    #[cfg(target_os = "linux")]
    fn watch(&self, poll_interval: Duration) -> Box<dyn Watch> {
        Box::new(watching::InotifyWatch::new(poll_interval))
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        let meta = fs::metadata(path)?;
        Ok(FileInfo {
            len: meta.len(),
            is_dir: meta.is_dir(),
            is_file: meta.is_file(),
            modified: nanoseconds(meta.modified()),
            changed: changed_at(&meta),
            place: place_of(&meta),
            names: names_of(&meta),
        })
    }

    fn now(&self) -> u64 {
        nanoseconds(Ok(SystemTime::now()))
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn entropy(&self, out: &mut [u8]) -> io::Result<()> {
        getrandom::fill(out).map_err(io::Error::from)
    }

    fn process_id(&self) -> u32 {
        process::id()
    }

    fn boot_id(&self) -> Option<[u8; 16]> {
        // Read once: a process does not outlive the boot in which it was started.
        static BOOT: OnceLock<Option<[u8; 16]>> = OnceLock::new();
        *BOOT.get_or_init(|| {
            let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
            let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
            u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
        })
    }
}
