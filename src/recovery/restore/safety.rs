//! The backup of the content that a restore replaces.

use crate::engine::entry::StreamId;
use crate::engine::fault::chain;
use crate::engine::log::directory::{list_segments, list_streams};
use crate::engine::log::names::segment_path;
use crate::engine::progress::Progress;
use crate::engine::storage::OpenMode;
use crate::recovery::backup::{
    BackupOptions, BackupRef, Manifest, Repository, Section, SegmentCopy, io_error, plan_backup, write_backup,
};
use crate::recovery::error::{Error, Result};
use crate::recovery::restore::files::begins_with;
use crate::recovery::status::RecoveryStatus;
use crate::recovery::workspace_dirs::WorkspaceDirs;
use crate::store::{Note, Severity};
use std::collections::HashMap;
use std::path::Path;

/// A backup of replaced content.
#[derive(Debug, Clone)]
pub(super) struct SafetyBackup {
    pub(super) backup_ref: BackupRef,
    /// False if a part of the workspace could not be copied.
    pub(super) is_whole: bool,
    /// The warnings and errors of the backup.
    pub(super) notes: Vec<Note>,
}

/// Backs up a workspace. Cached files and exports are included if `sections` contains them.
pub(super) fn back_up(
    repository: &Repository,
    dirs: &WorkspaceDirs,
    (label, sections): (&str, &[Section]),
) -> Result<SafetyBackup> {
    let options = BackupOptions {
        label: Some(label.to_owned()),
        include_cache: sections.contains(&Section::Cache),
        include_exports: sections.contains(&Section::Exports),
    };
    let created = plan_backup(repository, dirs, &options)
        .and_then(|plan| write_backup(repository, dirs, &plan, Progress::none()));
    let (result, _) = created.map_err(|e| match e {
        Error::Engine(source) => Error::SafetyBackupFailed { source },
        other => other,
    })?;
    let shown = |mut note: Note| {
        note.message = format!("backup {}: {}", result.backup_ref, note.message);
        note
    };
    let notes = result.notes.into_iter().filter(|note| note.severity != Severity::Info).map(shown).collect();
    let is_whole = result.status == RecoveryStatus::Success;
    Ok(SafetyBackup { backup_ref: result.backup_ref.clone(), is_whole, notes })
}

/// Checks that a backup contains every segment of a log. Reads the segments, and their objects in the repository.
/// Returns the reason as message text if a segment is missing, differs, or cannot be read.
pub(super) fn check_contains(
    repository: &Repository,
    backup: &BackupRef,
    log: &Path,
) -> std::result::Result<(), String> {
    let manifest = repository.read(backup).map_err(|e| chain(&e))?;
    match missing_segment(repository, &manifest, log) {
        Ok(None) => Ok(()),
        Ok(Some(path)) => Err(format!("the backup {backup} does not contain {path}")),
        Err(e) => Err(chain(&e)),
    }
}

/// Returns the path of the first segment that is not in a backup.
fn missing_segment(repository: &Repository, manifest: &Manifest, log: &Path) -> Result<Option<String>> {
    let storage = repository.storage.as_ref();
    let copies: HashMap<StreamId, &[SegmentCopy]> =
        manifest.streams.iter().map(|copy| (copy.stream, copy.segments.as_slice())).collect();
    for stream in list_streams(storage, log)? {
        let copies = copies.get(&stream).copied().unwrap_or_default();
        for base in list_segments(storage, log, stream)? {
            let path = segment_path(log, stream, base);
            let copy = copies.iter().find(|copy| copy.base == base);
            if !copy.map(|copy| is_copied(repository, copy, &path)).transpose()?.unwrap_or(false) {
                return Ok(Some(path.display().to_string()));
            }
        }
    }
    Ok(None)
}

/// Returns true if a segment begins with the content of its copy. The copy ends with the last complete frame. Errors: an
/// object of the copy is damaged, or a file cannot be read.
fn is_copied(repository: &Repository, copy: &SegmentCopy, path: &Path) -> Result<bool> {
    for part in copy.content.parts() {
        repository.object(&part.digest, part.len)?;
    }
    let wrap = |e| io_error("read", path, e);
    let file = repository.storage.open(path, OpenMode::Read).map_err(wrap)?;
    begins_with(file.as_ref(), &copy.content).map_err(wrap)
}
