//! Files that become the bodies of artifacts.

use crate::contract::Severity;
use crate::engine::intake::{Intake, Taken};
use crate::store::body::{StoredBody, hash_file, store_file};
use crate::store::error::{Error, Result};
use crate::store::journal::Journal;
use crate::store::note::Note;
use std::path::{Path, PathBuf};

/// The code of the note on a file that was to be moved, and stays.
pub const SOURCE_NOT_REMOVED: &str = "artifact_source_not_removed";

/// The method by which a file becomes a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SourceMode {
    /// The file stays.
    #[default]
    Copy,
    /// The file is removed when the body and its manifest are durable, and if it has not changed since it was stored. The
    /// content is copied: a program that still has the file open would change a body that is a second name of the file.
    Move,
    /// Like `Move`, for a file that no program changes any more. No byte is copied if the file has only one name, and is
    /// on the file system of the workspace.
    Adopt,
}

/// A file that is stored as a body, and has no manifest yet. The value must be passed to [`Journal::finish_source`]
/// when the manifest is durable, and to [`Journal::abandon_source`] otherwise.
#[derive(Debug)]
#[must_use]
pub struct SourceBody {
    /// The stored body.
    pub body: StoredBody,
    /// The file to remove, and the way in which it was stored; `None` if the file stays.
    moved: Option<(PathBuf, Taken)>,
}

impl Journal {
    /// Stores the file at `path` durably as a body, in constant memory. The file is unchanged.
    pub fn take_source(&self, path: &Path, mode: SourceMode) -> Result<SourceBody> {
        let intake = match mode {
            SourceMode::Copy | SourceMode::Move => Intake::Copy,
            SourceMode::Adopt => Intake::Link,
        };
        let (body, taken) = store_file(self.blobs(), path, intake)?;
        Ok(SourceBody { body, moved: (mode != SourceMode::Copy).then(|| (path.into(), taken)) })
    }

    /// Returns the SHA-256 digest and the length of a file, as 64 hexadecimal digits.
    pub fn hash_file(&self, path: &Path) -> Result<(String, u64)> {
        Ok(hash_file(self.storage().as_ref(), path)?)
    }

    /// Removes the file of a stored body if the file is to be moved. Returns a note if the file could not be removed.
    /// Nothing is lost then: the body is in the workspace, and the file stays.
    pub fn finish_source(&self, source: SourceBody) -> Option<Note> {
        let (path, taken) = source.moved?;
        let error = self.blobs().release(&path, &taken).err()?;
        let why = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
        let message = format!("the file was stored, but not removed: {error}{why}");
        Some(Note::new(Severity::Warning, SOURCE_NOT_REMOVED, message).with("path", path.display()))
    }

    /// Keeps the file of a stored body whose manifest is not in the log. Without a manifest, the body only occupies
    /// space. Returns `true` if the file was to be moved.
    pub fn abandon_source(&self, source: SourceBody) -> bool {
        let Some((_, taken)) = source.moved else { return false };
        if taken.is_linked {
            // After an error the body keeps its second name. The next file with the same content replaces such a body.
            let _ = self.blobs().separate(&source.body.digest);
        }
        true
    }

    /// Checks that a file can be moved into the object store. Error: the file is itself a body of this store.
    pub fn check_movable(&self, path: &Path) -> Result<()> {
        let is_own = self.blobs().is_object(path);
        if is_own { Err(Error::SourceIsBody { path: path.into() }) } else { Ok(()) }
    }
}
