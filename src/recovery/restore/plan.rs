//! The plan of a restore. Planning writes nothing.

use crate::contract::Timestamp;
use crate::engine::entry::StreamId;
use crate::engine::log::directory::list_streams;
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::recovery::backup::{BackupRef, Manifest, Repository, Section, io_error, stream_len};
use crate::recovery::error::{Error, Result};
use crate::recovery::restore::swap::check_log;
use crate::recovery::workspace_dirs::{WorkspaceDirs, real_path};
use crate::store::{Moment, Note, Severity};
use std::io;
use std::path::{Path, PathBuf};

/// Options of a restore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// The workspace into which the backup is restored. `None` means the workspace of the settings.
    pub target_workspace: Option<PathBuf>,
    /// `true` to check the backup without changing the target. The check reads every byte and derives the
    /// tables from the restored log.
    pub verify_only: bool,
    /// The moment after which entries are left out. `None` means that all entries are restored.
    pub to_time: Option<Moment>,
}

/// The plan of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestorePlan {
    /// The name of the backup.
    pub backup_ref: BackupRef,
    /// The time at which the backup was planned.
    pub created_at: Timestamp,
    /// The directory of the repository.
    pub source_root: PathBuf,
    /// The workspace that is replaced or created.
    pub target_workspace: PathBuf,
    /// The directory in which the restored log is prepared.
    pub staging_root: PathBuf,
    /// `true` to back up the present content of the target before the restore. A restore that replaces nothing creates no backup.
    pub create_safety_backup: bool,
    /// `true` to check the backup without changing the target.
    pub verify_only: bool,
    /// The moment after which entries are left out. `None` means that all entries are restored.
    pub to_time: Option<Moment>,
    /// The sections of the backup.
    pub sections: Vec<Section>,
    /// The streams that are restored.
    pub streams: Vec<StreamId>,
    /// The streams that the restore removes from the target, because the backup does not contain them.
    pub removed_streams: Vec<StreamId>,
    /// The total length of the restored streams in bytes.
    pub log_bytes: u64,
    /// The number of bodies in the backup.
    pub bodies: u64,
    /// The number of bodies that the target does not contain, and their total size in bytes.
    pub missing_bodies: (u64, u64),
    /// The number of files in the backup outside the log and the bodies.
    pub files: u64,
    /// Notes about objects that are missing in the repository, and about the effect of the plan.
    pub notes: Vec<Note>,
}

/// Plans a restore. Errors: the backup does not exist, its manifest cannot be used, the log in the backup belongs to
/// another program, or the log of the target is a symbolic link.
pub(crate) fn plan_restore(
    repository: &Repository,
    backup: &BackupRef,
    dirs: &WorkspaceDirs,
    (options, safety): (&RestoreOptions, bool),
) -> Result<RestorePlan> {
    let manifest = repository.read(backup)?;
    check_domain(repository, &manifest)?;
    check_staging(repository.storage.as_ref(), dirs)?;
    let storage = repository.storage.as_ref();
    if !options.verify_only {
        check_log(storage, dirs)?;
    }
    let streams: Vec<StreamId> = manifest.streams.iter().map(|stream| stream.stream).collect();
    let present = list_streams(storage, &dirs.log)?;
    let mut missing_bodies: (u64, u64) = (0, 0);
    let bodies = dirs.bodies(&repository.storage);
    for body in &manifest.bodies {
        if bodies.size_of(&body.digest).ok().flatten() != Some(body.size) {
            missing_bodies = (missing_bodies.0 + 1, missing_bodies.1.saturating_add(body.size));
        }
    }
    let mut notes = missing_objects(repository, &manifest)?;
    notes.extend(manifest.degraded_notes());
    notes.push(match options.verify_only {
        true => Note::new(Severity::Info, "verify_only", "the backup is checked, and nothing is replaced"),
        false => Note::new(Severity::Info, "apply_restore", "the log of the target is replaced"),
    });
    Ok(RestorePlan {
        backup_ref: backup.clone(),
        created_at: manifest.created_at,
        source_root: repository.root().to_path_buf(),
        target_workspace: dirs.root.clone(),
        staging_root: dirs.restore_staging.clone(),
        create_safety_backup: safety && !options.verify_only,
        verify_only: options.verify_only,
        to_time: options.to_time,
        sections: manifest.sections.clone(),
        removed_streams: present.into_iter().filter(|stream| !streams.contains(stream)).collect(),
        streams,
        log_bytes: manifest.streams.iter().map(stream_len).sum(),
        bodies: manifest.bodies.len() as u64,
        missing_bodies,
        files: manifest.files.len() as u64,
        notes,
    })
}

pub(in crate::recovery) fn check_domain(repository: &Repository, manifest: &Manifest) -> Result<()> {
    if DOMAIN.reads(manifest.domain) {
        return Ok(());
    }
    let reason = format!("the log in the backup belongs to {}; this build reads {DOMAIN}", manifest.domain);
    Err(Error::ManifestInvalid { path: repository.manifest_path(&manifest.backup_ref), reason })
}

/// Returns a note if objects of a backup are missing or have a wrong length.
fn missing_objects(repository: &Repository, manifest: &Manifest) -> Result<Vec<Note>> {
    let store = repository.objects();
    let mut missing = 0u64;
    for (digest, len) in manifest.objects() {
        missing += u64::from(store.size_of(&digest).ok().flatten() != Some(len));
    }
    let message = format!("{missing} objects are missing or incomplete, so the backup cannot be restored");
    let note = Note::new(Severity::Error, "backup_object_missing", message).with("objects", missing);
    Ok((missing > 0).then_some(note).into_iter().collect())
}

/// Checks that a renaming can move the restored log from the staging directory to the directory of the log.
fn check_staging(storage: &dyn Storage, dirs: &WorkspaceDirs) -> Result<()> {
    let misplaced = |reason: String| Error::BackupMisplaced { path: dirs.restore_staging.clone(), reason };
    if real_path(storage, &dirs.restore_staging).starts_with(real_path(storage, &dirs.log)) {
        return Err(misplaced("the directory is in the log that a restore replaces".into()));
    }
    let parent = dirs.log.parent().unwrap_or(&dirs.log);
    let (staging, log) = (device_of(storage, &dirs.restore_staging)?, device_of(storage, parent)?);
    if staging != log {
        let reason =
            format!("the directory is not on the same file system as the log in {}", dirs.log.display());
        return Err(misplaced(reason));
    }
    Ok(())
}

/// Returns the device of a path. If the path does not exist, returns the device of its nearest existing
/// parent. Returns `None` on platforms without device numbers.
fn device_of(storage: &dyn Storage, path: &Path) -> Result<Option<u64>> {
    let dot = Path::new(".");
    for dir in path.ancestors().map(|dir| if dir.as_os_str().is_empty() { dot } else { dir }) {
        match storage.info(dir) {
            Ok(info) => return Ok(info.place.map(|place| place.device)),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(e) => return Err(io_error("read the metadata of", dir, e)),
        }
    }
    Ok(None)
}
