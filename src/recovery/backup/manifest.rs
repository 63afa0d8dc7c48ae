//! The manifest of a backup. The manifest lists the content of the backup by the digests of its objects.

use crate::contract::Timestamp;
use crate::engine::blob::BlobInfo;
use crate::engine::chain::Head;
use crate::engine::checksum::Digest;
use crate::engine::domain::Domain;
use crate::engine::entry::{Seq, StreamId};
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::content::{Content, FileState};
use crate::recovery::backup::section::Section;
use crate::recovery::status::RecoveryStatus;
use crate::store::{Note, Severity};
use std::collections::BTreeMap;

/// The manifest of a backup.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::recovery) struct Manifest {
    pub(in crate::recovery) backup_ref: BackupRef,
    pub(in crate::recovery) label: Option<String>,
    pub(in crate::recovery) created_at: Timestamp,
    /// The absolute path of the workspace without links, for people and to group the backups of a workspace.
    pub(in crate::recovery) workspace_root: String,
    /// The domain of the log.
    pub(in crate::recovery) domain: Domain,
    pub(in crate::recovery) sections: Vec<Section>,
    pub(in crate::recovery) streams: Vec<StreamCopy>,
    pub(in crate::recovery) bodies: Vec<BlobInfo>,
    pub(in crate::recovery) files: Vec<FileCopy>,
    pub(in crate::recovery) notes: Vec<SavedNote>,
}

/// The copied part of a stream, from its first entry on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::recovery) struct StreamCopy {
    pub(in crate::recovery) stream: StreamId,
    /// The sequence number of the last entry, or 0 if there is no entry.
    pub(in crate::recovery) last: Seq,
    /// The time of the last entry.
    pub(in crate::recovery) last_time: u64,
    /// The head after the last entry. `None` if entries are missing and the chain is therefore unknown.
    pub(in crate::recovery) head: Option<Head>,
    /// The number of findings and gaps in the copied part.
    pub(in crate::recovery) damage: u64,
    pub(in crate::recovery) segments: Vec<SegmentCopy>,
}

/// The copy of a segment. The last segment is copied up to the end of the last complete frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::recovery) struct SegmentCopy {
    pub(in crate::recovery) base: Seq,
    pub(in crate::recovery) content: Content,
    pub(in crate::recovery) state: Option<FileState>,
}

/// A file outside the log and the bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::recovery) struct FileCopy {
    pub(in crate::recovery) section: Section,
    /// The path in the section. `/` separates its components.
    pub(in crate::recovery) path: String,
    pub(in crate::recovery) content: Content,
    pub(in crate::recovery) state: Option<FileState>,
}

/// A note in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::recovery) struct SavedNote {
    pub(in crate::recovery) severity: Severity,
    pub(in crate::recovery) code: String,
    pub(in crate::recovery) message: String,
}

impl From<&Note> for SavedNote {
    fn from(note: &Note) -> SavedNote {
        SavedNote { severity: note.severity, code: note.code.to_owned(), message: note.message.clone() }
    }
}

impl Manifest {
    /// Returns every object of the backup with its length in bytes. A digest can occur several times.
    pub(in crate::recovery) fn parts(&self) -> impl Iterator<Item = (Digest, u64)> + '_ {
        let segments = self.streams.iter().flat_map(|stream| &stream.segments);
        let contents = segments.map(|s| &s.content).chain(self.files.iter().map(|file| &file.content));
        let parts = contents.flat_map(Content::parts).map(|part| (part.digest, part.len));
        parts.chain(self.bodies.iter().map(|body| (body.digest, body.size)))
    }

    /// Returns every object of the backup once, with its length in bytes.
    pub(in crate::recovery) fn objects(&self) -> BTreeMap<Digest, u64> {
        self.parts().collect()
    }

    /// Returns the identity of the workspace: its path and its oldest stream. Several hosts can use the same path, and a
    /// workspace can have copies with the same streams.
    pub(in crate::recovery) fn workspace(&self) -> (String, Option<StreamId>) {
        (self.workspace_root.clone(), self.streams.iter().map(|stream| stream.stream).min())
    }

    /// Returns the notes on parts of the workspace that the backup does not contain.
    pub(in crate::recovery) fn errors(&self) -> impl Iterator<Item = &SavedNote> {
        self.notes.iter().filter(|note| note.severity == Severity::Error)
    }

    /// Returns the status that the creation of the backup had.
    pub(in crate::recovery) fn status(&self) -> RecoveryStatus {
        if self.errors().next().is_some() { RecoveryStatus::Degraded } else { RecoveryStatus::Success }
    }

    /// Returns a note on each part of the workspace that the backup does not contain.
    pub(in crate::recovery) fn degraded_notes(&self) -> Vec<Note> {
        let note = |error: &SavedNote| {
            let message = format!("the backup {} is incomplete: {}", self.backup_ref, error.message);
            Note::new(Severity::Error, "backup_incomplete", message).with("cause", &error.code)
        };
        self.errors().map(note).collect()
    }

    /// Returns the total length of the copied files in bytes.
    pub(in crate::recovery) fn bytes(&self) -> u64 {
        let segments = self.streams.iter().flat_map(|stream| &stream.segments).map(|s| s.content.len);
        let files = self.files.iter().map(|file| file.content.len);
        segments.chain(files).chain(self.bodies.iter().map(|body| body.size)).fold(0, u64::saturating_add)
    }
}

/// Returns `true` if all names in the relative path `path` are plain. A plain name is not empty, `.` or `..`.
/// Such a path does not lead out of the directory to which it is joined, unless the directory contains links.
pub(in crate::recovery) fn is_plain_path(path: &str) -> bool {
    // On Windows, `\` also separates names, and a path can begin with the name of a drive.
    let forbidden: &[char] = if cfg!(windows) { &['\0', '\\', ':'] } else { &['\0'] };
    let is_plain = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.contains(forbidden);
    path.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_that_leaves_its_directory_is_not_plain() {
        for path in ["a", "a/b.json", "a/..b", "ä/水"] {
            assert!(is_plain_path(path), "{path}");
        }
        for path in ["", "/", "/etc", "a/", "..", "a/../b", "./a", "a//b", "a\0b"] {
            assert!(!is_plain_path(path), "{path}");
        }
    }
}
