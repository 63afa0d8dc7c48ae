//! The storage seam: every file, directory, lock, clock reading, random byte and process id
//! that the engine uses comes through [`Storage`].
//!
//! Two implementations stand behind it: [`os`], the real system, and `sim` (feature `testing`),
//! files in memory. Nothing above this seam is mocked. The seam gives the primitives; the durable
//! orders built from them (write aside, sync, rename, sync the directory) are the free functions below.

pub mod os;
pub mod replace;
#[cfg(feature = "testing")]
pub mod sim;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    ReadWrite,
    /// For reading and writing; it is created, and must not exist.
    CreateNew,
    /// For reading and writing; it is created where it does not exist.
    Create,
}

/// Where a file or directory physically lies: what tells an original from its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The device (file system) number.
    pub device: u64,
    /// The inode number on that device.
    pub inode: u64,
    /// Nanoseconds since the epoch at which the inode was created; 0 where the file system does not say.
    /// An inode number is used again after a deletion; number and birth together are not.
    pub born: u64,
}

/// What is known of a file or directory without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Length in bytes.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Whether it is a regular file: no directory, device, pipe or socket.
    pub is_file: bool,
    /// Nanoseconds since the epoch of the last change of content; 0 where unknown.
    pub modified: u64,
    /// Nanoseconds since the epoch of the last change of content or attributes, which no program can set; 0 where unknown.
    pub changed: u64,
    /// Its place, where the platform has one.
    pub place: Option<Place>,
}

/// One name in a directory. A link that leads nowhere, or in a circle, is neither a directory nor a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name, without its directory.
    pub name: String,
    /// Whether it is a directory, or a link to one.
    pub is_dir: bool,
    /// Whether it is a regular file, or a link to one: no directory, device, pipe or socket.
    pub is_file: bool,
}

/// The error of opening something other than a regular file: a directory, named pipe, socket or device. Reading one may
/// wait, or go on, without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is {kind}, and only regular files are opened")]
pub struct NotARegularFile {
    /// The kind of thing found, with its article.
    pub kind: &'static str,
}

impl NotARegularFile {
    /// Wraps it as the system's errors are.
    pub fn error(kind: &'static str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, NotARegularFile { kind })
    }

    /// Tells whether an error says that the path is not that of a regular file.
    pub fn is_cause_of(error: &io::Error) -> bool {
        let typed = error.get_ref().is_some_and(|inner| inner.is::<NotARegularFile>());
        typed || error.kind() == io::ErrorKind::IsADirectory
    }
}

/// A read-only view of a whole file's bytes.
pub trait Mapping: Debug + Send + Sync {
    /// The mapped bytes.
    fn bytes(&self) -> &[u8];
}

/// An open file. All access is by offset, so that threads share it without a cursor.
pub trait File: Debug + Send + Sync {
    /// Reads up to `out.len()` bytes at `offset`; 0 means the end of the file.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize>;
    /// Writes up to `data.len()` bytes at `offset`; may write fewer.
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file holds no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Returns the first offset at or after `offset` that may hold something other than zeros; `None` if there is none.
    /// What lies before it, and behind the last one, was never written (a hole). Where the file system does not tell,
    /// `offset` itself.
    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        Ok((offset < self.len()?).then_some(offset))
    }
    /// Cuts or extends with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes the file at least `len` bytes long, with room on the disk for all of them; the new ones are zeros.
    /// After [`io::ErrorKind::StorageFull`] it may have become longer, by zeros. [`io::ErrorKind::Unsupported`]:
    /// room cannot be kept here, and the file is as it was.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Makes the content durable.
    fn sync(&self) -> io::Result<()>;
    /// Takes the exclusive advisory lock if it is free. It is held until the file is dropped or the
    /// process dies. `Ok(false)`: somebody else holds it; an error: there are no locks here.
    fn try_lock(&self) -> io::Result<bool>;
    /// Whether somebody holds the exclusive lock. Asking takes a shared lock until the file is dropped, so that those
    /// who ask do not see each other.
    fn is_locked(&self) -> io::Result<bool>;
    /// Maps the file for reading, or `None` where that is unwise or impossible (then read it).
    /// Only for files that nobody cuts any more: segments behind which another one stands.
    fn map(&self) -> Option<Arc<dyn Mapping>>;
}

/// The system as the engine sees it.
pub trait Storage: Debug + Send + Sync + 'static {
    /// Opens a regular file, without waiting. Anything else is refused with [`NotARegularFile`].
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Creates a directory and its missing parents; each new one is durable in its parent.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames over whatever stands at `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// The one absolute path of what stands at `path`, all links followed. It must exist.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;
    /// The path that a symbolic link holds, as it is written there. [`io::ErrorKind::InvalidInput`]: it is no link.
    fn read_link(&self, _path: &Path) -> io::Result<PathBuf> {
        Err(io::ErrorKind::InvalidInput.into())
    }
    /// Gives a file the permissions of another one, where files have any.
    fn copy_permissions(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Ok(())
    }
    /// What is known of a file or directory.
    fn info(&self, path: &Path) -> io::Result<FileInfo>;
    /// Wall clock: nanoseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> u64;
    /// Fills `out` with random bytes.
    fn entropy(&self, out: &mut [u8]) -> io::Result<()>;
    /// The id of the running process (a forked child has another one).
    fn process_id(&self) -> u32;
    /// An id of this boot of this machine, where there is one.
    fn boot_id(&self) -> Option<[u8; 16]>;
}

/// A file read from the front.
#[derive(Debug)]
pub struct FileReader {
    file: Arc<dyn File>,
    at: u64,
}

impl FileReader {
    /// From its beginning.
    pub fn new(file: Arc<dyn File>) -> FileReader {
        FileReader { file, at: 0 }
    }
}

impl io::Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(self.at, out)?;
        self.at += got as u64;
        Ok(got)
    }
}

/// A file written from the front. Whoever writes syncs and publishes it.
#[derive(Debug)]
pub struct FileWriter {
    file: Arc<dyn File>,
    at: u64,
}

impl FileWriter {
    /// From its beginning.
    pub fn new(file: Arc<dyn File>) -> FileWriter {
        FileWriter { file, at: 0 }
    }
}

impl io::Write for FileWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let done = self.file.write_at(self.at, data)?;
        self.at += done as u64;
        Ok(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads until `out` is full or the file ends; returns how many bytes it got.
pub fn read_full_at(file: &dyn File, offset: u64, out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(offset + done as u64, rest) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

/// Writes all of `data` at `offset`. After an error an unknown part of it is written.
pub fn write_all_at(file: &dyn File, offset: u64, data: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
        match file.write_at(offset + done as u64, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Returns the end of the last data before `end`: between it and `end` nothing was ever written. Asks
/// [`File::next_data`] a few dozen times, however large the file is; 0 if nothing was written before `end`.
pub fn data_end_before(file: &dyn File, end: u64) -> io::Result<u64> {
    // Whether there is data between an offset and `end` changes once, from yes to no, as the offset grows.
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        match file.next_data(middle)? {
            Some(at) if at < end => low = middle.max(at) + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Makes a fully written and synced file visible under its name, durably: rename, then sync the directory.
pub fn publish(storage: &dyn Storage, from: &Path, to: &Path) -> io::Result<()> {
    storage.rename(from, to)?;
    match to.parent() {
        Some(parent) => storage.sync_dir(parent),
        None => Ok(()),
    }
}

/// A path beside nothing else: `dir/<stem>-<16 random hex digits>.tmp`.
pub fn temporary_path(storage: &dyn Storage, dir: &Path, stem: &str) -> io::Result<PathBuf> {
    let mut random = [0u8; 8];
    storage.entropy(&mut random)?;
    Ok(dir.join(format!("{stem}-{:016x}.tmp", u64::from_le_bytes(random))))
}

/// Whether something stands at `path`; an error other than that nothing does is an error.
pub fn exists(storage: &dyn Storage, path: &Path) -> io::Result<bool> {
    match storage.info(path) {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(e) => Err(e),
    }
}
