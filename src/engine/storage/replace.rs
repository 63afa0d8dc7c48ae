//! Atomic replacement of a file: the new content is written to a temporary file in the same directory, synced and
//! renamed.
//!
//! Invariants:
//! 1. The target has either the old content or all of the new content.
//! 2. [`FileReplacement::create`] keeps a symbolic link, and replaces or creates the file that the link points to.
//!    [`FileReplacement::in_dir`] replaces the link itself.
//! 3. An existing file keeps its permissions. A file that is not writable is not replaced.
//! 4. A temporary file is locked while its process writes it, so [`remove_stale`] removes only files of dead
//!    processes.

use crate::engine::storage::interface::{File, OpenMode, Storage};
use crate::engine::storage::operations::{exists, temporary_path, write_all_at};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Maximum number of links in a chain; longer chains count as circular, as on Linux.
const LINKS_MAX: usize = 40;
/// Maximum number of attempts to create a temporary file. An attempt fails if another process removes the new file
/// before the lock is acquired.
const ATTEMPTS_MAX: usize = 8;

/// The replacement of a file: the new content in a temporary file. [`FileReplacement::publish`] renames the temporary
/// file to the target. If the value is dropped without `publish`, the temporary file is removed and the target is
/// unchanged.
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
    /// Begins to replace the file at `path`, or the file that a link at `path` points to. Creates missing
    /// directories. The temporary file is named `<stem>-<16 hex digits>.tmp`.
    pub fn create(storage: &Arc<dyn Storage>, path: &Path, stem: &str) -> io::Result<FileReplacement> {
        let target = link_target(storage.as_ref(), path)?;
        storage.create_dir_all(directory(&target))?;
        FileReplacement::begin(storage, target, stem)
    }

    /// Begins to replace the file `name` in the existing directory `dir`. If `name` is a link, the link is replaced,
    /// not the file that the link points to.
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
            // A rename would also replace a file that is not writable.
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
                    // Permissions are set before the first byte is written, because the content may be private.
                    new.storage.copy_permissions(&new.target, &new.temporary)?;
                }
                return Ok(new);
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "other processes keep removing the temporary file"))
    }

    /// Locks the temporary file. Returns false if another process considers the file stale and removes the file.
    fn is_owned(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(true) => exists(self.storage.as_ref(), &self.temporary),
            Ok(false) => Ok(false),
            // Without locks, no process removes temporary files.
            Err(_) => Ok(true),
        }
    }

    /// Returns the directory of the target. After [`FileReplacement::create`], links in the path are resolved.
    pub fn dir(&self) -> &Path {
        directory(&self.target)
    }

    /// Makes the new content durable, renames the temporary file to the target, and makes the new name durable.
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
            // Errors are ignored: a remaining file only uses space, and `remove_stale` removes it later.
            let _ = self.storage.remove_file(&self.temporary);
        }
    }
}

/// Removes the temporary files in `dir` that have this stem and that no process holds locked, because their processes
/// died. If the file system has no locks, all temporary files are kept.
pub fn remove_stale(storage: &dyn Storage, dir: &Path, stem: &str) {
    for entry in storage.list(dir).unwrap_or_default() {
        if !entry.is_file || !is_temporary(&entry.name, stem) {
            continue;
        }
        let path = dir.join(&entry.name);
        // The open file holds a shared lock until the file is removed. A process that has just created the file then
        // fails to lock it and uses another name.
        if let Ok(file) = storage.open(&path, OpenMode::Read)
            && matches!(file.is_locked(), Ok(false))
        {
            let _ = storage.remove_file(&path);
        }
    }
}

/// Returns true if `name` has the form that [`temporary_path`] gives to temporary files with this stem.
pub(in crate::engine) fn is_temporary(name: &str, stem: &str) -> bool {
    let digits = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".tmp"));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Returns the parent directory of a path; for a bare file name, the current directory.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns the path of the file that `path` points to after all links are resolved. The file need not exist: dangling
/// links are resolved too.
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
    Err(io::Error::other("too many levels of symbolic links"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_temporary_accepts_only_generated_names() {
        assert!(is_temporary("body-0123456789abcdef.tmp", "body"));
        for name in ["body-0123456789abcde.tmp", "body-0123456789abcdef0.tmp", "body-0123456789abcdeg.tmp"] {
            assert!(!is_temporary(name, "body"), "{name}");
        }
        for name in ["body0123456789abcdef.tmp", "body-0123456789abcdef", "xbody-0123456789abcdef.tmp"] {
            assert!(!is_temporary(name, "body"), "{name}");
        }
    }

    #[test]
    fn directory_of_a_bare_name_is_the_current_one() {
        assert_eq!(directory(Path::new("lines.jsonl")), Path::new("."));
        assert_eq!(directory(Path::new("out/lines.jsonl")), Path::new("out"));
        assert_eq!(directory(Path::new("/lines.jsonl")), Path::new("/"));
    }
}
