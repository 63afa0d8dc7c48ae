//! Files that are stored as the bodies of artifacts.

use crate::contract::Severity;
use crate::engine::fault::chain;
use crate::engine::intake::{Intake, Taken};
use crate::store::body::{StoredBody, hash_file, store_file};
use crate::store::error::{Error, Result};
use crate::store::journal::Journal;
use crate::store::note::Note;
use std::path::{Path, PathBuf};

/// The code of the note on a file that could not be removed after it was stored.
pub const SOURCE_NOT_REMOVED: &str = "artifact_source_not_removed";

/// The method that stores a file as a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SourceMode {
    /// The file is copied, and stays where it is.
    #[default]
    Copy,
    /// The content is copied. The file is removed when the body and its manifest are durable, if it has not changed
    /// since it was stored. The body is a copy because a program may still have the file open: its writes would change
    /// a body that is a second name of the file.
    Move,
    /// Like `Move`, but the body is the file itself if possible. The content is not copied if the file has only one
    /// name and is on the file system of the workspace. No program may change the file any more.
    Adopt,
}

/// A file that was stored as a body and has no manifest yet. If the manifest becomes durable, the caller passes the
/// value to [`Journal::finish_source`]; otherwise the caller passes it to [`Journal::abandon_source`].
#[derive(Debug)]
#[must_use]
pub struct SourceBody {
    /// The stored body.
    pub body: StoredBody,
    /// The path of the file to remove, and its state when it was stored. `None` if the file stays.
    moved: Option<(PathBuf, Taken)>,
}

impl Journal {
    /// Stores the file at `path` durably as a body, in constant memory. Does not change or remove the file.
    pub fn take_source(&self, path: &Path, mode: SourceMode) -> Result<SourceBody> {
        let intake = match mode {
            SourceMode::Copy | SourceMode::Move => Intake::Copy,
            SourceMode::Adopt => Intake::Link,
        };
        let (body, taken) = store_file(self.blobs(), path, intake)?;
        Ok(SourceBody { body, moved: (mode != SourceMode::Copy).then(|| (path.into(), taken)) })
    }

    /// Returns the SHA-256 digest of a file as 64 hexadecimal digits, and the length of the file in bytes.
    pub fn hash_file(&self, path: &Path) -> Result<(String, u64)> {
        Ok(hash_file(self.storage().as_ref(), path)?)
    }

    /// Removes the file of a stored body, unless the mode was [`SourceMode::Copy`]. Returns a note if the file was not
    /// removed. In this case the body is in the workspace, and the file stays too.
    pub fn finish_source(&self, source: SourceBody) -> Option<Note> {
        let (path, taken) = source.moved?;
        let error = self.blobs().release(&path, &taken).err()?;
        let message = format!("the file was stored, but not removed: {}", chain(&error));
        Some(Note::new(Severity::Warning, SOURCE_NOT_REMOVED, message).with("path", path.display()))
    }

    /// Keeps the file of a stored body whose manifest is not in the log. The body stays in the object store, where it
    /// only occupies space. Returns `true` if the file would have been removed.
    pub fn abandon_source(&self, source: SourceBody) -> bool {
        let Some((_, taken)) = source.moved else { return false };
        if taken.is_linked {
            // An error is ignored: body and file are then two names of one file. The next ingest of this content
            // replaces such a body.
            let _ = self.blobs().separate(&source.body.digest);
        }
        true
    }

    /// Checks that a file can be moved into the object store. Errors: the file is a body of this object store.
    pub fn check_movable(&self, path: &Path) -> Result<()> {
        let is_own = self.blobs().is_object(path);
        if is_own { Err(Error::SourceIsBody { path: path.into() }) } else { Ok(()) }
    }
}
