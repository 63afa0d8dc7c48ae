//! The plan of a backup. Planning writes nothing.

use crate::contract::Timestamp;
use crate::engine::entry::StreamId;
use crate::engine::log::directory::{list_streams, log_bytes};
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::files::walk;
use crate::recovery::backup::repository::{Repository, io_error};
use crate::recovery::backup::section::Section;
use crate::recovery::error::{Error, Result};
use crate::recovery::workspace_dirs::{WorkspaceDirs, real_path};
use crate::store::{Note, Severity};
use std::path::PathBuf;

/// Options of a backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupOptions {
    /// The label: a text that becomes part of the name of the backup.
    pub label: Option<String>,
    /// `true` to include cached files, which can be created again.
    pub include_cache: bool,
    /// `true` to include exports.
    pub include_exports: bool,
}

/// The plan of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupPlan {
    /// The name of the backup.
    pub backup_ref: BackupRef,
    /// The label.
    pub label: Option<String>,
    /// The time of the plan. The name and the manifest of the backup contain this time.
    pub created_at: Timestamp,
    /// The directory of the workspace.
    pub workspace_root: PathBuf,
    /// The directory of the repository.
    pub backup_root: PathBuf,
    /// The included sections, in the order in which they are copied.
    pub included_sections: Vec<Section>,
    /// The total length of all included files in bytes. A backup writes only the objects that the repository
    /// does not contain.
    pub estimated_bytes: u64,
    /// Notes about sections that are not included, and about files that cannot be copied.
    pub notes: Vec<Note>,
}

/// Plans a backup.
pub(crate) fn plan_backup(
    repository: &Repository,
    dirs: &WorkspaceDirs,
    options: &BackupOptions,
) -> Result<BackupPlan> {
    check_place(repository, dirs)?;
    let storage = &repository.storage;
    let created_at = free_time(repository, options.label.as_deref(), Timestamp::from_nanos(storage.now()))?;
    let mut notes = Vec::new();
    let mut included_sections = Vec::new();
    for section in Section::ALL {
        let is_excluded = match section {
            Section::Cache => !options.include_cache,
            Section::Exports => !options.include_exports,
            _ => false,
        };
        match (section, is_excluded) {
            (_, false) => included_sections.push(section),
            (Section::Cache, true) => notes.push(excluded("cache_excluded", "cached files are")),
            (_, true) => notes.push(excluded("exports_excluded", "exports are")),
        }
    }
    let mut estimated_bytes = 0;
    for section in &included_sections {
        estimated_bytes += section_bytes(repository, dirs, *section, &mut notes)?;
    }
    Ok(BackupPlan {
        backup_ref: BackupRef::new(options.label.as_deref(), created_at),
        label: options.label.clone(),
        created_at,
        workspace_root: dirs.root.clone(),
        backup_root: repository.root().to_path_buf(),
        included_sections,
        estimated_bytes,
        notes,
    })
}

/// Returns the first free time, beginning with `now`. A time is free if the repository has no backup with
/// this label and time.
fn free_time(repository: &Repository, label: Option<&str>, now: Timestamp) -> Result<Timestamp> {
    let mut time = now;
    while repository.contains(&BackupRef::new(label, time))? {
        let Some(next) = Timestamp::from_micros(time.micros() + 1) else { break };
        time = next;
    }
    Ok(time)
}

fn excluded(code: &'static str, what: &str) -> Note {
    Note::new(Severity::Info, code, format!("{what} not part of the backup"))
}

/// Returns the total length of the files in a section in bytes.
fn section_bytes(
    repository: &Repository,
    dirs: &WorkspaceDirs,
    section: Section,
    notes: &mut Vec<Note>,
) -> Result<u64> {
    let storage = &repository.storage;
    Ok(match section {
        Section::Records => {
            let streams: Vec<StreamId> = list_streams(storage.as_ref(), &dirs.log)?;
            log_bytes(storage.as_ref(), &dirs.log, &streams)
        }
        Section::Artifacts => {
            let bodies = dirs.bodies(storage);
            let (digests, _) = bodies.list()?;
            digests.iter().map(|digest| bodies.size_of(digest).ok().flatten().unwrap_or(0)).sum()
        }
        _ => {
            let walked = walk(storage.as_ref(), dirs, repository.root(), section);
            notes.extend(walked.notes);
            walked.files.iter().map(|file| file.info.len).sum()
        }
    })
}

/// Checks the directory of the repository. Errors: the directory is in a directory that the engine manages,
/// or contains the log or the bodies.
pub(super) fn check_place(repository: &Repository, dirs: &WorkspaceDirs) -> Result<()> {
    let storage = repository.storage.as_ref();
    let root = real_path(storage, repository.root());
    let misplaced = |reason: String| Error::BackupMisplaced { path: repository.root().to_path_buf(), reason };
    for dir in dirs.managed() {
        if root.starts_with(real_path(storage, dir)) {
            let dir = dir.display();
            return Err(misplaced(format!(
                "backups cannot be stored in {dir}, which belongs to the workspace"
            )));
        }
    }
    if [&dirs.log, &dirs.objects].into_iter().any(|dir| real_path(storage, dir).starts_with(&root)) {
        return Err(misplaced("the directory contains the log or the artifacts of the workspace".into()));
    }
    Ok(())
}

/// Checks that the workspace of a plan exists.
pub(super) fn check_workspace(repository: &Repository, dirs: &WorkspaceDirs) -> Result<()> {
    let info = repository.storage.info(&dirs.log);
    info.map(|_| ()).map_err(|e| io_error("read the metadata of", &dirs.log, e))
}
