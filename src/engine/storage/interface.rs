//! The traits through which the engine uses the system: files, the file system, clock and random bytes.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The access with which a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Reading. The file must exist.
    Read,
    /// Reading and writing. The file must exist.
    ReadWrite,
    /// Reading and writing. The file is created, and must not exist.
    CreateNew,
    /// Reading and writing. The file is created if it does not exist.
    Create,
}

/// The physical identity of a file or directory. A copy and its original have different identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The device (file system) number.
    pub device: u64,
    /// The inode number on `device`.
    pub inode: u64,
    /// Time at which the inode was created, in nanoseconds since the epoch; 0 if the file system does not record the
    /// time. A file that reuses the number of a deleted inode has a different creation time.
    pub created: u64,
}

/// Metadata of a file or directory. The file or directory need not be opened to read the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Length in bytes.
    pub len: u64,
    /// True for a directory.
    pub is_dir: bool,
    /// True for a regular file. False for directories, devices, pipes and sockets.
    pub is_file: bool,
    /// Time of the last change of the content, in nanoseconds since the epoch; 0 if unknown.
    pub modified: u64,
    /// Time of the last change of content or attributes, in nanoseconds since the epoch; 0 if unknown. Programs can set
    /// `modified`, but cannot set `changed`.
    pub changed: u64,
    /// The physical identity; `None` on platforms without device and inode numbers.
    pub place: Option<Place>,
    /// The number of names (hard links) of the file; 1 on platforms without this number.
    pub names: u64,
}

/// An entry of a directory. For a dangling or circular link, `is_dir` and `is_file` are both false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The file name, without its directory.
    pub name: String,
    /// True for a directory or a link to a directory.
    pub is_dir: bool,
    /// True for a regular file or a link to a regular file. False for directories, devices, pipes and sockets.
    pub is_file: bool,
}

/// The kind of a [`DirItem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A regular file.
    File {
        /// True if the owner may execute the file.
        is_executable: bool,
    },
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A device, named pipe or socket.
    Special,
}

/// An entry of a directory. A link is described as a link and not followed. Unlike that of a [`DirEntry`], the name can
/// be any name that the file system allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirItem {
    /// The file name, without its directory.
    pub name: OsString,
    /// The kind.
    pub kind: ItemKind,
}

/// The error of opening something other than a regular file: a directory, named pipe, socket or device. Such objects
/// are not opened, because reading from them may block or never end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path is {kind}, not a regular file")]
pub struct NotARegularFile {
    /// The kind of object that was found, as message text: `a directory`, `a named pipe`.
    pub kind: &'static str,
}

impl NotARegularFile {
    /// Returns this error as an [`io::Error`] of kind [`io::ErrorKind::InvalidInput`].
    pub fn error(kind: &'static str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, NotARegularFile { kind })
    }

    /// Returns true if the error was caused by a path that is not a regular file.
    pub fn is_cause_of(error: &io::Error) -> bool {
        let typed = error.get_ref().is_some_and(|inner| inner.is::<NotARegularFile>());
        typed || error.kind() == io::ErrorKind::IsADirectory
    }
}

/// A read-only view of all bytes of a file.
pub trait Mapping: Debug + Send + Sync {
    /// Returns the mapped bytes.
    fn bytes(&self) -> &[u8];
}

/// An open file. Every read and every write states its offset, so several threads can use the same open file.
pub trait File: Debug + Send + Sync {
    /// Reads up to `out.len()` bytes at `offset`. Returns the number of bytes read; 0 at the end of the file.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize>;
    /// Writes up to `data.len()` bytes at `offset` and returns the number of bytes written.
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize>;
    /// Returns the length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Returns true if the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Returns the metadata of the file, whatever its names are. `names` is 0 if the last name was removed or was given to
    /// another file. The metadata does not show that a directory above the file was renamed. It may not show that the file
    /// was renamed: some file systems then leave `changed` unchanged. The default implementation returns
    /// [`io::ErrorKind::Unsupported`].
    ///
    /// Some file systems keep a name for a file that is open. For example, NFS gives a removed file that is open a hidden
    /// name, and caches metadata. `names` is then not 0. A caller that must notice a removal on such a file system must
    /// examine the path.
    fn info(&self) -> io::Result<FileInfo> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Returns the first offset, at or after `offset`, that may contain data; `None` if the rest of the file contains
    /// no data. The bytes between `offset` and the returned offset are a hole: nothing was written there, and a read
    /// returns zeros. Returns `offset` itself if the file system cannot report holes.
    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        Ok((offset < self.len()?).then_some(offset))
    }
    /// Truncates the file, or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes the file at least `len` bytes long and reserves disk space for all bytes; new bytes are zeros. After
    /// [`io::ErrorKind::StorageFull`] the file may have grown by some zeros. [`io::ErrorKind::Unsupported`] means that
    /// the file system cannot reserve space; the file is unchanged.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Makes the content of the file durable.
    fn sync(&self) -> io::Result<()>;
    /// Acquires the exclusive advisory lock if it is free. The lock is held until [`File::unlock`] releases it, the
    /// file is dropped, or the process dies. Returns `false` if another process or another open file holds the lock.
    /// An error usually means that the file system has no locks ([`io::ErrorKind::Unsupported`]).
    fn try_lock(&self) -> io::Result<bool>;
    /// Acquires a shared advisory lock if no other process or open file holds the exclusive lock. Shared locks exclude only
    /// the exclusive lock. The lock is held until the file is dropped or the process dies. Returns `false` if the exclusive
    /// lock is held. The default implementation returns [`io::ErrorKind::Unsupported`].
    fn try_lock_shared(&self) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Releases the lock that [`File::try_lock`] acquired. After an error, the lock is held until the file is dropped.
    /// A forked child shares the lock of its parent. If the child calls this function, the parent loses the lock too;
    /// if the child drops the file, the parent keeps the lock. The default implementation returns
    /// [`io::ErrorKind::Unsupported`].
    fn unlock(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Returns true if another open file holds the exclusive lock. Otherwise acquires a shared lock, which is held
    /// until this file is dropped. Shared locks do not exclude each other, so concurrent calls do not detect each
    /// other.
    fn is_locked(&self) -> io::Result<bool>;
    /// Maps the file for reading. Returns `None` where mapping is unsafe or not supported; the caller then reads the
    /// file. The caller must not map a file that may still be truncated: only segments that are followed by another
    /// segment are mapped.
    fn map(&self) -> Option<Arc<dyn Mapping>>;
}

/// A watch on directories, to wait until something in the directories may have changed.
///
/// A change that happens after a directory was added, or after the previous wait ended, ends the next wait. A wait may
/// also end although nothing has changed.
pub trait Watch: Debug + Send {
    /// Watches a directory for changes of the names in it and of the contents of its files; subdirectories are not
    /// watched. Returns false if the system cannot report changes of the directory, for example because the directory
    /// does not exist. Every later wait then ends after the polling interval at the latest, even if nothing has
    /// changed. A directory may be added again.
    fn add(&mut self, dir: &Path) -> bool;
    /// Waits for a change, at most for `timeout`. Returns the rest of `timeout` if something may have changed, and
    /// `None` if `timeout` is over.
    fn wait(&mut self, timeout: Duration) -> io::Result<Option<Duration>>;
}

/// The shortest interval of a [`PollingWatch`].
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// A watch that detects no changes. Every wait sleeps for the interval, or for the time-out if the time-out is shorter.
#[derive(Debug, Clone, Copy)]
pub struct PollingWatch {
    interval: Duration,
}

impl PollingWatch {
    /// Creates a watch with this interval, at least one millisecond.
    pub fn new(interval: Duration) -> PollingWatch {
        PollingWatch { interval: interval.max(POLL_INTERVAL_MIN) }
    }
}

impl Watch for PollingWatch {
    fn add(&mut self, _dir: &Path) -> bool {
        false
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<Option<Duration>> {
        std::thread::sleep(self.interval.min(timeout));
        Ok(timeout.checked_sub(self.interval).filter(|rest| !rest.is_zero()))
    }
}

/// The interface through which the engine uses the system: the file system, the clock, random bytes and the process id.
pub trait Storage: Debug + Send + Sync + 'static {
    /// Opens a regular file without blocking. Any other object is rejected with [`NotARegularFile`].
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Creates a directory and its missing parents; each new directory is durable in its parent.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable: files that were created, renamed or removed.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames a file or directory on the same file system. A file replaces an existing file at `to`. A
    /// directory is renamed only if nothing exists at `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Returns the entries of a directory, sorted by name.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Returns the entries of a directory, sorted by name. Links are not followed. The default implementation uses
    /// [`Storage::list`], which follows links.
    fn items(&self, path: &Path) -> io::Result<Vec<DirItem>> {
        let item = |entry: DirEntry| {
            let kind = match (entry.is_dir, entry.is_file) {
                (true, _) => ItemKind::Dir,
                (_, true) => ItemKind::File { is_executable: false },
                _ => ItemKind::Special,
            };
            DirItem { name: entry.name.into(), kind }
        };
        Ok(self.list(path)?.into_iter().map(item).collect())
    }
    /// Returns the canonical absolute path of an existing `path`, with all links resolved.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;
    /// Returns the path stored in a symbolic link, unresolved. [`io::ErrorKind::InvalidInput`] means that `path` is
    /// not a link.
    fn read_link(&self, _path: &Path) -> io::Result<PathBuf> {
        Err(io::ErrorKind::InvalidInput.into())
    }
    /// Creates a symbolic link at `path`, which must not exist. Stores `target` in the link unchanged.
    fn create_link(&self, _target: &Path, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Gives everyone who may read a file the permission to execute it, on platforms that have this permission.
    fn make_executable(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
    /// Creates the file `to`, which must not exist, as a clone of the regular file `from`. A clone has the same
    /// content. It shares the blocks on disk with the original file until one of the files changes. Returns the error
    /// [`io::ErrorKind::Unsupported`] if the file system does not support clones. After an error, `to` does not exist.
    fn clone_file(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Gives the file `from` the second name `to` (a hard link). `to` must not exist. Returns the error
    /// [`io::ErrorKind::Unsupported`] if the file system has no hard links, or if `from` is not a regular file with
    /// exactly one name.
    fn link_file(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Copies the permissions of the file `from` to the file `to`, on platforms that have permissions.
    fn copy_permissions(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Ok(())
    }
    /// Creates a watch without directories. If the system cannot report changes, each wait ends after `poll_interval`
    /// at the latest. The default implementation returns a [`PollingWatch`].
    fn watch(&self, poll_interval: Duration) -> Box<dyn Watch> {
        Box::new(PollingWatch::new(poll_interval))
    }
    /// Returns the metadata of a file or directory.
    fn info(&self, path: &Path) -> io::Result<FileInfo>;
    /// Returns the wall clock time in nanoseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> u64;
    /// Suspends the calling thread for about this time.
    fn sleep(&self, time: Duration);
    /// Fills `out` with random bytes.
    fn entropy(&self, out: &mut [u8]) -> io::Result<()>;
    /// Returns the id of the running process. A forked child has its own id.
    fn process_id(&self) -> u32;
    /// Returns the id of the current boot of the machine; `None` on platforms without boot ids.
    fn boot_id(&self) -> Option<[u8; 16]>;
}
