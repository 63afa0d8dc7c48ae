//! The cursor file of a handler. docs/FORMAT.md, "Cursor file", specifies the bytes.

use crate::engine::checksum::Digest;
use crate::engine::error::{Error, Result};
use crate::engine::storage::os::OsStorage;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use crate::engine::storage::{OpenMode, Storage, read_full_at};
use crate::engine::subscribe::position::SubscriptionPosition;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The first line of a cursor file.
const TITLE: &str = "contexta cursor 1";
/// The first part of the names of temporary files.
const STEM: &str = "cursor";
/// The maximum length of a cursor file in bytes: enough for a few hundred thousand streams.
const CURSOR_BYTES_MAX: u64 = 64 << 20;

/// A file that stores the position of a subscription durably. Only one process at a time should use a cursor file: two
/// processes would overwrite each other's positions, so that entries are handled again.
#[derive(Debug, Clone)]
pub struct CursorFile {
    storage: Arc<dyn Storage>,
    path: PathBuf,
}

impl CursorFile {
    /// Creates the handle of the file at `path`. Reads and writes nothing. The file must not be in the directories
    /// `log`, `projections` and `recovery` of an engine; it may be beside them in the directory of the engine.
    /// [`run_handler`](super::run_handler) returns an error if the file is in such a directory of the engine of its
    /// subscription.
    pub fn new(path: impl Into<PathBuf>) -> CursorFile {
        CursorFile { storage: OsStorage::shared(), path: path.into() }
    }

    /// Creates the handle of a file on another storage, such as the simulated disk of a test. Available with the
    /// feature `testing`.
    #[cfg(feature = "testing")]
    pub fn on(storage: Arc<dyn Storage>, path: impl Into<PathBuf>) -> CursorFile {
        CursorFile { storage, path: path.into() }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the error [`Error::CursorMisplaced`] if the path of the file is below one of the directories `dirs`.
    /// Compares the paths only: symbolic links are not followed.
    pub(super) fn check_outside(&self, dirs: &[PathBuf]) -> Result<()> {
        let path = plain(&self.path);
        match dirs.iter().find(|dir| path.starts_with(plain(dir))) {
            Some(dir) => Err(Error::CursorMisplaced { path: self.path.clone(), dir: dir.clone() }),
            None => Ok(()),
        }
    }

    /// Reads and returns the position. Returns the beginning of the log if the file does not exist. Removes temporary
    /// files of processes that died while they saved a position.
    ///
    /// Errors: [`Error::CursorUnusable`] if the file is damaged; an error of the storage.
    pub fn load(&self) -> Result<SubscriptionPosition> {
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        remove_stale(self.storage.as_ref(), dir, STEM);
        let bytes = match self.read() {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(SubscriptionPosition::start()),
            Err(e) => return Err(Error::io("read", &self.path, e)),
        };
        decode(&bytes)
            .map_err(|reason| Error::CursorUnusable { path: self.path.clone(), reason: reason.to_owned() })
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let file = self.storage.open(&self.path, OpenMode::Read)?;
        // One byte more than the limit is enough to recognise a longer file.
        let len = file.len()?.min(CURSOR_BYTES_MAX + 1);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let got = read_full_at(file.as_ref(), 0, &mut bytes)?;
        bytes.truncate(got);
        Ok(bytes)
    }

    /// Replaces the stored position atomically: after a crash the file contains the old or the new position. When the
    /// call returns, the new position survives a power cut. Creates missing directories. Cost: two syncs. Errors:
    /// [`Error::Io`] if a file cannot be written.
    pub fn save(&self, position: &SubscriptionPosition) -> Result<()> {
        let save = || {
            let mut new = FileReplacement::create(&self.storage, &self.path, STEM)?;
            new.write_all(encode(position).as_bytes())?;
            new.publish()
        };
        save().map_err(|e| Error::io("write", &self.path, e))
    }
}

/// Returns an absolute path without components `.` and `..`. Does not follow symbolic links.
fn plain(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut plain = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn encode(position: &SubscriptionPosition) -> String {
    let text = position.to_string();
    format!("{TITLE}\n{text}\n{}\n", Digest::of(text.as_bytes()))
}

/// Decodes a cursor file. The error is the reason why the bytes are not a cursor file.
fn decode(bytes: &[u8]) -> std::result::Result<SubscriptionPosition, &'static str> {
    if bytes.len() as u64 > CURSOR_BYTES_MAX {
        return Err("the file is longer than any cursor file");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "the file is not text")?;
    let lines: Vec<&str> = text.splitn(4, '\n').collect();
    let [title, position, digest, ""] = *lines else {
        return Err("the file does not consist of three lines");
    };
    if title != TITLE {
        return Err("the first line is not the title of a cursor file of this version");
    }
    if Digest::of(position.as_bytes()).to_string() != digest {
        return Err("the digest does not match the position");
    }
    position.parse().map_err(|_| "the second line is not a position")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::error::ErrorKind;

    #[test]
    fn files_below_a_directory_of_an_engine_are_refused() {
        let dirs = [PathBuf::from("/e/log"), PathBuf::from("relative/projections")];
        let check = |path: &str| CursorFile::new(path).check_outside(&dirs);
        for path in ["/e/log/x", "/e/./log/a/x", "/e/mail/../log/x", "relative/projections/x"] {
            let error = check(path).unwrap_err();
            assert_eq!((error.code(), error.kind()), ("cursor_misplaced", ErrorKind::Misuse), "{path}");
            assert!(error.hint().is_some());
        }
        for path in ["/e/x", "/e/logs/x", "/e/log.cursor", "/e/log/../x", "projections/x", "x"] {
            assert!(check(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn cursor_files_with_any_changed_byte_are_refused() {
        let position: SubscriptionPosition = format!("p1 {}:7", "ab".repeat(16)).parse().unwrap();
        let good = encode(&position).into_bytes();
        assert_eq!(decode(&good), Ok(position));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(decode(&bad).is_err(), "byte {at}");
            assert!(decode(&good[..at]).is_err(), "the first {at} bytes");
        }
        assert!(decode(&[good.as_slice(), b"\n"].concat()).is_err());
    }
}
