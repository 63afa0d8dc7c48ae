//! A file of lines that several processes append to.
//!
//! Each append opens and locks the file, writes the line in one write, and closes the file, so that lines of different
//! processes are never mixed. If an interrupted write left a part of a line, the next append ends this line first.

use crate::engine::storage::os::OsStorage;
use crate::engine::storage::{File, OpenMode, Storage, exists, read_full_at, write_all_at};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The number of attempts to lock the file, about a millisecond apart. A process holds the lock only while it writes one
/// line.
const LOCK_TRIES: u32 = 2000;

/// A file of lines that several processes append to. The files of a rotation are named like the file, with `.1` (the
/// newest), `.2` and so on added.
#[derive(Debug, Clone)]
pub struct LineFile {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    bytes_max: u64,
    kept: u32,
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
        LineFile { storage, path: path.into(), bytes_max: u64::MAX, kept: 0, is_synced: false }
    }

    /// Rotates the file before it grows beyond `bytes_max` bytes, and keeps the last `kept` rotated files. Older lines
    /// are deleted. A single line may be longer. By default the file is not rotated.
    #[must_use]
    pub fn rotate(mut self, bytes_max: u64, kept: u32) -> LineFile {
        (self.bytes_max, self.kept) = (bytes_max, kept);
        self
    }

    /// Sets whether each line is on disk when the append returns; by default it is only in the kernel.
    #[must_use]
    pub fn synced(mut self, on: bool) -> LineFile {
        self.is_synced = on;
        self
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line, and ends it. Creates missing directories. Errors: the file cannot be written, or another process
    /// holds its lock for more than two seconds.
    pub fn append(&self, line: &str) -> io::Result<()> {
        if let Some(dir) = self.path.parent().filter(|dir| !dir.as_os_str().is_empty())
            && !exists(self.storage.as_ref(), dir)?
        {
            self.storage.create_dir_all(dir)?;
        }
        let mut file = self.locked()?;
        let mut len = file.len()?;
        if len > 0 && len.saturating_add(line.len() as u64 + 1) > self.bytes_max {
            self.shift()?;
            file = self.locked()?;
            len = file.len()?;
        }
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
            // A part of the line may be in the file. If it cannot be removed, the next append ends it.
            let _ = file.set_len(len);
            return Err(e);
        }
        if self.is_synced { file.sync() } else { Ok(()) }
    }

    /// Opens and locks the file.
    fn locked(&self) -> io::Result<Arc<dyn File>> {
        for _ in 0..LOCK_TRIES {
            let file = self.storage.open(&self.path, OpenMode::Create)?;
            match file.try_lock() {
                // Another process may have rotated the file after this process opened it.
                Ok(true)
                    if self.storage.info(&self.path).is_ok_and(|i| file.len().is_ok_and(|l| l == i.len)) =>
                {
                    return Ok(file);
                }
                Ok(_) => {}
                // Without locks, the processes must use different files.
                Err(_) => return Ok(file),
            }
            drop(file);
            self.storage.sleep(Duration::from_millis(1));
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process holds the lock of the file"))
    }

    fn numbered(&self, n: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{n}"));
        name.into()
    }

    /// Renames the file and the rotated files. The oldest file is replaced or removed.
    fn shift(&self) -> io::Result<()> {
        if self.kept == 0 {
            return self.storage.remove_file(&self.path);
        }
        for n in (1..self.kept).rev() {
            if exists(self.storage.as_ref(), &self.numbered(n))? {
                self.storage.rename(&self.numbered(n), &self.numbered(n + 1))?;
            }
        }
        self.storage.rename(&self.path, &self.numbered(1))
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
    fn file_is_rotated_before_it_exceeds_the_limit() {
        let disk = SimDisk::new(2);
        let file = LineFile::on(disk.process(1), "/out/a.jsonl").rotate(8, 2);
        for line in ["aaa", "bbb", "ccc", "ddd", "eee", "fff", "ggg"] {
            file.append(line).unwrap();
        }
        assert_eq!(text(&disk, "/out/a.jsonl"), "ggg\n");
        assert_eq!(text(&disk, "/out/a.jsonl.1"), "eee\nfff\n");
        assert_eq!(text(&disk, "/out/a.jsonl.2"), "ccc\nddd\n");
        assert_eq!(disk.paths().len(), 3);
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
