//! The list of the backups of a repository.

use crate::contract::Timestamp;
use crate::engine::chain::Head;
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::manifest::{Manifest, SavedNote};
use crate::recovery::backup::repository::{Repository, UnreadableBackup};
use crate::recovery::backup::section::Section;
use crate::recovery::error::Result;
use crate::recovery::status::RecoveryStatus;
use crate::store::Severity;
use std::path::PathBuf;

/// The backups of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupList {
    /// The directory of the repository.
    pub backup_root: PathBuf,
    /// The readable backups. The oldest backup is the first.
    pub backups: Vec<BackupRow>,
    /// The manifests that cannot be used.
    pub unreadable: Vec<UnreadableBackup>,
}

/// A backup in a [`BackupList`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupRow {
    /// The name.
    pub backup_ref: BackupRef,
    /// The label.
    pub label: Option<String>,
    /// The time at which the backup was planned.
    pub created_at: Timestamp,
    /// The path of the workspace that was copied.
    pub workspace_root: String,
    /// The sections.
    pub included_sections: Vec<Section>,
    /// The total length of all files in bytes. Backups share objects, so the backup may need less space.
    pub bytes: u64,
    /// The known heads of the streams. The head of a stream with missing entries may be unknown.
    pub heads: Vec<Head>,
    /// The number of streams.
    pub streams: u64,
    /// The number of bodies.
    pub bodies: u64,
    /// The number of files outside the log and the bodies.
    pub files: u64,
    /// `Degraded` if the backup does not contain the whole workspace. Notes name the missing parts.
    pub status: RecoveryStatus,
    /// The notes of the creation.
    pub notes: Vec<BackupNote>,
}

/// A note in a manifest: a remark of the creation of the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupNote {
    /// `Error` if a part of the workspace is not in the backup.
    pub severity: Severity,
    /// The code. A newer version may have written a code that is unknown to this build.
    pub code: String,
    /// The text for people.
    pub message: String,
}

impl From<&SavedNote> for BackupNote {
    fn from(note: &SavedNote) -> BackupNote {
        BackupNote { severity: note.severity, code: note.code.clone(), message: note.message.clone() }
    }
}

impl From<&Manifest> for BackupRow {
    fn from(manifest: &Manifest) -> BackupRow {
        BackupRow {
            backup_ref: manifest.backup_ref.clone(),
            label: manifest.label.clone(),
            created_at: manifest.created_at,
            workspace_root: manifest.workspace_root.clone(),
            included_sections: manifest.sections.clone(),
            bytes: manifest.bytes(),
            heads: manifest.streams.iter().filter_map(|stream| stream.head).collect(),
            streams: manifest.streams.len() as u64,
            bodies: manifest.bodies.len() as u64,
            files: manifest.files.len() as u64,
            status: manifest.status(),
            notes: manifest.notes.iter().map(BackupNote::from).collect(),
        }
    }
}

/// Lists the backups of a repository. A repository that does not exist has no backups.
pub(crate) fn list_backups(repository: &Repository) -> Result<BackupList> {
    let (mut backups, mut unreadable) = (Vec::new(), Vec::new());
    for read in repository.manifests()? {
        match read {
            Ok(manifest) => backups.push(BackupRow::from(&manifest)),
            Err(manifest) => unreadable.push(manifest),
        }
    }
    backups.sort_by(|a, b| (a.created_at, &a.backup_ref).cmp(&(b.created_at, &b.backup_ref)));
    Ok(BackupList { backup_root: repository.root().to_path_buf(), backups, unreadable })
}
