//! Replacing a file atomically: the new content is written to a temporary file beside the old one, synced, and renamed.
//!
//! Invariants:
//! 1. Under the target's name there is the old content or all of the new one, never a part.
//! 2. A symbolic link stays a link: the file that it points to is replaced, or created where it points.
//! 3. An existing file keeps its permissions; one that may not be written is not replaced.
//! 4. A temporary file is locked as long as its process writes it, so that [`remove_stale`] removes only those of dead ones.

use crate::engine::storage::{File, OpenMode, Storage, exists, temporary_path, write_all_at};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Links in a chain from which on it counts as a circle, as on Linux.
const LINKS_MAX: usize = 40;
/// Attempts to create a temporary file that no other process removes at the same moment.
const ATTEMPTS_MAX: usize = 8;

/// New content of a file. [`FileReplacement::publish`] gives it the target's name; dropped before that, it is removed and the
/// target is as it was.
#[derive(Debug)]
pub struct FileReplacement {
    storage: Arc<dyn Storage>,
    target: PathBuf,
    temporary: PathBuf,
    file: Arc<dyn File>,
    len: u64,
    published: bool,
}

impl FileReplacement {
    /// Begins to replace the file at `path`, or the one that a link there points to, creating missing directories. The
    /// temporary file is called `<stem>-<16 hex digits>.tmp`.
    pub fn create(storage: &Arc<dyn Storage>, path: &Path, stem: &str) -> io::Result<FileReplacement> {
        let target = link_target(storage.as_ref(), path)?;
        storage.create_dir_all(directory(&target))?;
        FileReplacement::begin(storage, target, stem)
    }

    /// Begins to replace what has this name in `dir`, be it a link. The directory must exist.
    pub fn in_dir(
        storage: &Arc<dyn Storage>,
        dir: &Path,
        name: &str,
        stem: &str,
    ) -> io::Result<FileReplacement> {
        FileReplacement::begin(storage, dir.join(name), stem)
    }

    fn begin(storage: &Arc<dyn Storage>, target: PathBuf, stem: &str) -> io::Result<FileReplacement> {
        let replaces = exists(storage.as_ref(), &target)?;
        if replaces {
            let info = storage.info(&target)?;
            if info.is_dir {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            if !info.is_file {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
            }
            // A rename would replace a file that may not be written as well.
            storage.open(&target, OpenMode::ReadWrite)?;
        }
        for _ in 0..ATTEMPTS_MAX {
            let temporary = temporary_path(storage.as_ref(), directory(&target), stem)?;
            let file = storage.open(&temporary, OpenMode::CreateNew)?;
            let target = target.clone();
            let storage = Arc::clone(storage);
            let new = FileReplacement { storage, target, temporary, file, len: 0, published: false };
            if new.is_owned()? {
                if replaces {
                    // Before there is any content: it may be private.
                    new.storage.copy_permissions(&new.target, &new.temporary)?;
                }
                return Ok(new);
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "other processes remove its temporary file"))
    }

    /// Locks the temporary file. `false`: another process has taken it for a stale one.
    fn is_owned(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(true) => exists(self.storage.as_ref(), &self.temporary),
            Ok(false) => Ok(false),
            // Without locks nobody removes it.
            Err(_) => Ok(true),
        }
    }

    /// The directory of the target, links followed.
    pub fn dir(&self) -> &Path {
        directory(&self.target)
    }

    /// Makes the new content durable and gives it the target's name.
    pub fn publish(mut self) -> io::Result<()> {
        self.file.sync()?;
        self.storage.rename(&self.temporary, &self.target)?;
        self.published = true;
        self.storage.sync_dir(self.dir())
    }
}

impl io::Write for FileReplacement {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        write_all_at(self.file.as_ref(), self.len, data)?;
        self.len += data.len() as u64;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for FileReplacement {
    fn drop(&mut self) {
        if !self.published {
            // Best effort: a leftover is only space, and `remove_stale` removes it later.
            let _ = self.storage.remove_file(&self.temporary);
        }
    }
}

/// Removes temporary files of this stem whose processes died. Where there are no locks, all of them are kept.
pub fn remove_stale(storage: &dyn Storage, dir: &Path, stem: &str) {
    for entry in storage.list(dir).unwrap_or_default() {
        if !entry.is_file || !is_temporary(&entry.name, stem) {
            continue;
        }
        let path = dir.join(&entry.name);
        // The file stays open, and with it the lock, until it is removed: a process that has just created it waits for
        // neither and takes another name.
        if let Ok(file) = storage.open(&path, OpenMode::Read)
            && matches!(file.is_locked(), Ok(false))
        {
            let _ = storage.remove_file(&path);
        }
    }
}

/// `true` for the names that [`temporary_path`] gives.
fn is_temporary(name: &str, stem: &str) -> bool {
    let digits = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".tmp"));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The directory that a file's name is in: of a bare name, the current one.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The path of the file itself: links followed, also those that point to nothing yet.
fn link_target(storage: &dyn Storage, path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        match storage.resolve(&path) {
            Ok(target) => return Ok(target),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        match storage.read_link(&path) {
            Ok(next) => path = directory(&path).join(next),
            Err(_) if path.file_name().is_none() => return Err(io::ErrorKind::NotFound.into()),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links, one pointing to another"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_temporary_files_are_taken_for_them() {
        assert!(is_temporary("body-0123456789abcdef.tmp", "body"));
        for name in ["body-0123456789abcde.tmp", "body-0123456789abcdef0.tmp", "body-0123456789abcdeg.tmp"] {
            assert!(!is_temporary(name, "body"), "{name}");
        }
        for name in ["body0123456789abcdef.tmp", "body-0123456789abcdef", "xbody-0123456789abcdef.tmp"] {
            assert!(!is_temporary(name, "body"), "{name}");
        }
    }

    #[test]
    fn bare_names_are_in_the_current_directory() {
        assert_eq!(directory(Path::new("lines.jsonl")), Path::new("."));
        assert_eq!(directory(Path::new("out/lines.jsonl")), Path::new("out"));
        assert_eq!(directory(Path::new("/lines.jsonl")), Path::new("/"));
    }
}
