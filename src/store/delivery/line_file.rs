//! A file of lines that several processes append to.
//!
//! Each append opens the file, locks it, writes one line, and closes the file. The lock prevents lines of different
//! processes from being mixed. On a file system without locks, each process needs a file of its own. If an interrupted
//! write left a part of a line, the next append first ends this line with a line feed.

use crate::engine::storage::os::OsStorage;
use crate::engine::storage::{File, FileInfo, OpenMode, Storage, exists, read_full_at, write_all_at};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The maximum number of attempts to lock the file, about one each millisecond. A process holds the lock only while it
/// writes one line.
const LOCK_TRIES: u32 = 2000;

/// A file of lines that several processes append to.
#[derive(Debug, Clone)]
pub struct LineFile {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    is_synced: bool,
}

impl LineFile {
    /// Creates the handle of the file at `path`. Reads and writes nothing.
    pub fn new(path: impl Into<PathBuf>) -> LineFile {
        LineFile::of(OsStorage::shared(), path)
    }

    /// Creates the handle of a file on another storage, such as the simulated disk of a test. Available with the feature
    /// `testing`.
    #[cfg(feature = "testing")]
    pub fn on(storage: Arc<dyn Storage>, path: impl Into<PathBuf>) -> LineFile {
        LineFile::of(storage, path)
    }

    pub(crate) fn of(storage: Arc<dyn Storage>, path: impl Into<PathBuf>) -> LineFile {
        LineFile { storage, path: path.into(), is_synced: false }
    }

    /// If `on` is true, each append syncs the file, so that the line is on disk when the append returns. By default the
    /// line may still be in the page cache of the kernel.
    #[must_use]
    pub fn synced(mut self, on: bool) -> LineFile {
        self.is_synced = on;
        self
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends `line` and a line feed. Creates missing directories. Errors: the file cannot be written, or another
    /// process holds its lock for more than about two seconds.
    pub fn append(&self, line: &str) -> io::Result<()> {
        if let Some(dir) = self.path.parent().filter(|dir| !dir.as_os_str().is_empty())
            && !exists(self.storage.as_ref(), dir)?
        {
            self.storage.create_dir_all(dir)?;
        }
        let file = self.locked()?;
        let len = file.len()?;
        let is_torn = len > 0 && {
            let mut last = [0];
            read_full_at(file.as_ref(), len - 1, &mut last)? == 1 && last != [b'\n']
        };
        let mut bytes = Vec::with_capacity(line.len() + 2);
        if is_torn {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        if let Err(e) = write_all_at(file.as_ref(), len, &bytes) {
            // A part of the line may be in the file. If this part cannot be removed, the next append ends it with a
            // line feed.
            let _ = file.set_len(len);
            return Err(e);
        }
        if !self.is_synced {
            return Ok(());
        }
        file.sync()?;
        // The name of a new file must be on disk too.
        if len == 0 { self.sync_name() } else { Ok(()) }
    }

    /// Syncs the directory of the file, and the directory above it, which may be new.
    fn sync_name(&self) -> io::Result<()> {
        let dirs = self.path.ancestors().skip(1).take(2).filter(|dir| !dir.as_os_str().is_empty());
        dirs.into_iter().try_for_each(|dir| self.storage.sync_dir(dir))
    }

    /// Opens the file at the path, and locks it. Creates the file if it does not exist.
    pub(super) fn locked(&self) -> io::Result<Arc<dyn File>> {
        for _ in 0..LOCK_TRIES {
            // The identity of an open file is not known. If the path leads to the same file before the file is opened
            // and after it is locked, the locked file is this file.
            let mut before = self.storage.info(&self.path).ok();
            let file = self.storage.open(&self.path, OpenMode::Create)?;
            let file = match before {
                Some(_) => file,
                None => {
                    before = self.storage.info(&self.path).ok();
                    self.storage.open(&self.path, OpenMode::Create)?
                }
            };
            match file.try_lock() {
                // Another process may have renamed or replaced the file after this process opened it.
                Ok(true) if self.leads_to(file.as_ref(), before) => return Ok(file),
                Ok(_) => {}
                // The file system has no locks, so each process must use a file of its own.
                Err(e) if e.kind() == io::ErrorKind::Unsupported => return Ok(file),
                Err(e) => return Err(e),
            }
            drop(file);
            self.storage.sleep(Duration::from_millis(1));
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process holds the lock of the file"))
    }

    /// Returns `true` if the path leads to the locked file `file`. `before` describes the file to which the path led
    /// before `file` was opened. On a platform without identities of files, only the lengths are compared.
    fn leads_to(&self, file: &dyn File, before: Option<FileInfo>) -> bool {
        let (Some(before), Ok(now)) = (before, self.storage.info(&self.path)) else { return false };
        before.place == now.place && file.len().is_ok_and(|len| len == now.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::storage::sim::SimDisk;

    fn text(disk: &SimDisk, path: &str) -> String {
        String::from_utf8(disk.read(Path::new(path)).unwrap()).unwrap()
    }

    #[test]
    fn part_of_a_line_is_ended_before_the_next_line() {
        let disk = SimDisk::new(1);
        let file = LineFile::on(disk.process(1), "/out/a.jsonl");
        file.append("one").unwrap();
        disk.overwrite(Path::new("/out/a.jsonl"), b"one\ntw".to_vec());
        file.append("two").unwrap();
        assert_eq!(text(&disk, "/out/a.jsonl"), "one\ntw\ntwo\n");
    }

    #[test]
    fn file_that_was_replaced_after_it_was_opened_is_opened_again() {
        let disk = SimDisk::new(2);
        let file = LineFile::on(disk.process(1), "/out/a.jsonl");
        file.append("one").unwrap();
        let (storage, path) = (disk.process(2), Path::new("/out/a.jsonl"));
        let before = storage.info(path).ok();
        let opened = storage.open(path, OpenMode::Create).unwrap();
        assert!(file.leads_to(opened.as_ref(), before));
        disk.overwrite(Path::new("/out/b.jsonl"), b"new\n".to_vec());
        storage.rename(Path::new("/out/b.jsonl"), path).unwrap();
        assert!(!file.leads_to(opened.as_ref(), before), "the lengths are equal");
        file.append("two").unwrap();
        assert_eq!(text(&disk, "/out/a.jsonl"), "new\ntwo\n");
    }

    #[test]
    fn lines_of_two_processes_are_not_mixed() {
        let disk = SimDisk::new(3);
        let (one, two) = (LineFile::on(disk.process(1), "/a"), LineFile::on(disk.process(2), "/a"));
        std::thread::scope(|threads| {
            for (file, line) in [(&one, "x"), (&two, "yy")] {
                threads.spawn(move || (0..50).for_each(|_| file.append(line).unwrap()));
            }
        });
        let text = text(&disk, "/a");
        assert_eq!(text.lines().filter(|l| *l == "x").count(), 50);
        assert_eq!(text.lines().filter(|l| *l == "yy").count(), 50);
        assert_eq!(text.lines().count(), 100);
    }
}
