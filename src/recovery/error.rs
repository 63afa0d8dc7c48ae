//! The errors of checks and recovery. Damage that a check finds is not an error: the report of the check describes the
//! damage.

use crate::contract::RunRef;
use crate::engine;
use crate::engine::checksum::Digest;
use crate::store;
use std::path::PathBuf;

/// The error of a check or recovery operation that could not be completed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No stream, or more than one stream, has an id that begins with the requested text.
    #[error("the log has no stream, or several streams, whose id begins with {asked:?}")]
    StreamNotFound {
        /// The requested text: an id, or the beginning of an id.
        asked: String,
    },
    /// No kind of entries has this name.
    #[error("{name:?} is not the name of a kind of entries")]
    KindUnknown {
        /// The name.
        name: String,
    },
    /// No projection and no table has this name.
    #[error("no projection and no table has the name {asked:?}; the projections are {}", names.join(", "))]
    ProjectionNotFound {
        /// The requested name.
        asked: String,
        /// The names of all projections.
        names: Vec<&'static str>,
    },
    /// The text is not the name of a backup.
    #[error("{text:?} is not the name of a backup")]
    BackupRefInvalid {
        /// The text.
        text: String,
    },
    /// The repository has no backup with this name.
    #[error("there is no backup {backup} in {}", root.display())]
    BackupNotFound {
        /// The name of the backup.
        backup: String,
        /// The directory of the repository.
        root: PathBuf,
    },
    /// The directory of the repository contains no backup.
    #[error("there are no backups in {}", root.display())]
    NoBackups {
        /// The directory.
        root: PathBuf,
    },
    /// The repository already has a backup with this name.
    #[error("the backup {backup} exists already")]
    BackupExists {
        /// The name of the backup.
        backup: String,
    },
    /// The manifest of a backup cannot be used.
    #[error("the manifest {} cannot be used: {reason}", path.display())]
    ManifestInvalid {
        /// The path of the manifest.
        path: PathBuf,
        /// The fault, as message text.
        reason: String,
    },
    /// An object of a backup is missing or damaged.
    #[error("the object {digest} of the backup cannot be used: {reason}")]
    BackupObjectDamaged {
        /// The digest that names the object.
        digest: Digest,
        /// The fault, as message text.
        reason: String,
    },
    /// Another process writes to the repository, or restores the same workspace.
    #[error("another process changes backups or restores a workspace, and holds the lock {}", path.display())]
    BackupBusy {
        /// The lock file.
        path: PathBuf,
    },
    /// Another process updates the file with the known streams and bodies.
    #[error("another process updates the known streams and bodies, and holds the lock {}", path.display())]
    KnownBusy {
        /// The lock file.
        path: PathBuf,
    },
    /// The workspace has changed since the repair was planned.
    #[error("the plan of the repair is outdated: the workspace or the source has changed")]
    RepairPlanOutdated,
    /// The source of a repair cannot be used.
    #[error("{} cannot be used as the source of a repair: {reason}", path.display())]
    RepairSourceInvalid {
        /// The path of the source.
        path: PathBuf,
        /// The reason, as message text.
        reason: String,
    },
    /// The directory of the backups or the staging directory of a restore is in an unsuitable position.
    #[error("{} cannot be used: {reason}", path.display())]
    BackupMisplaced {
        /// The directory.
        path: PathBuf,
        /// The reason, as message text.
        reason: String,
    },
    /// The removal would keep no backup.
    #[error("at least one backup of each workspace must be kept")]
    PruneKeepsNothing,
    /// The repository has changed since the plan was made.
    #[error("the plan is outdated: {reason}")]
    BackupPlanOutdated {
        /// The change, as message text.
        reason: String,
    },
    /// A process writes to the workspace that a restore would replace.
    #[error("the workspace {} is in use: {writers} stream(s) have a writer", root.display())]
    WorkspaceInUse {
        /// The directory of the workspace.
        root: PathBuf,
        /// The number of streams with a writer.
        writers: usize,
    },
    /// The log of the target is a symbolic link. A restore renames the log, and would only rename the link.
    #[error("the log {} is a symbolic link, so a restore cannot replace it", log.display())]
    LogIsLink {
        /// The path of the link.
        log: PathBuf,
    },
    /// The present content of the target cannot be backed up before a restore.
    #[error("the present content of the workspace cannot be backed up before the restore")]
    SafetyBackupFailed {
        /// The cause.
        source: engine::Error,
    },
    /// The restored log was not put in the place of the log of the target.
    #[error("the log {} was not replaced: {reason}", log.display())]
    ReplacementFailed {
        /// The path of the log.
        log: PathBuf,
        /// The reason, as message text.
        reason: String,
    },
    /// A process captures a run that would be erased.
    #[error("{run_ref} cannot be erased, because a process still captures the run")]
    RunIsOpen {
        /// The run.
        run_ref: RunRef,
    },
    /// No backup contains all data that would be erased.
    #[error("{} cannot be erased, because no backup contains all entries and bodies", list_of(runs))]
    NotBackedUp {
        /// The runs of the plan.
        runs: Vec<RunRef>,
    },
    /// An archive cannot be used.
    #[error("the archive {} cannot be used: {reason}", path.display())]
    ArchiveInvalid {
        /// The path of the archive.
        path: PathBuf,
        /// The fault, as message text.
        reason: String,
    },
    /// The content of an archive is longer than the limit.
    #[error("the archive {} contains more than {bytes_max} bytes", path.display())]
    ArchiveTooLarge {
        /// The path of the archive.
        path: PathBuf,
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// The file in which an archive would be created exists.
    #[error("the archive {} exists already", path.display())]
    ArchiveExists {
        /// The path of the file.
        path: PathBuf,
    },
    /// A workspace cannot be salvaged into a directory.
    #[error("{} cannot be used for a salvage: {reason}", path.display())]
    SalvageTarget {
        /// The path of the directory.
        path: PathBuf,
        /// The reason, as message text.
        reason: String,
    },
    /// The damaged directory contains no entry and no body of an artifact.
    #[error("{} contains no entry and no artifact of a workspace, so no workspace was created", path.display())]
    NothingSalvaged {
        /// The damaged directory.
        path: PathBuf,
    },
    /// The restored copy does not have the content that the manifest describes.
    #[error("the backup {backup} was not restored, because a check of the restored copy failed: {reason}")]
    RestoreCheckFailed {
        /// The name of the backup.
        backup: String,
        /// The problem that was found, as message text.
        reason: String,
    },
}

impl Error {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Engine(e) => e.code(),
            Error::Store(e) => e.code(),
            Error::StreamNotFound { .. } => "log_stream_not_found",
            Error::KindUnknown { .. } => "log_kind_unknown",
            Error::ProjectionNotFound { .. } => "recovery_projection_not_found",
            Error::BackupRefInvalid { .. } => "recovery_backup_ref_invalid",
            Error::BackupNotFound { .. } | Error::NoBackups { .. } => "recovery_backup_not_found",
            Error::BackupExists { .. } => "recovery_backup_exists",
            Error::ManifestInvalid { .. } => "recovery_manifest_invalid",
            Error::BackupObjectDamaged { .. } => "recovery_backup_damaged",
            Error::BackupBusy { .. } => "recovery_backup_busy",
            Error::BackupMisplaced { .. } => "recovery_backup_misplaced",
            Error::KnownBusy { .. } => "recovery_known_busy",
            Error::RepairPlanOutdated => "recovery_plan_outdated",
            Error::RepairSourceInvalid { .. } => "recovery_repair_source_invalid",
            Error::PruneKeepsNothing => "recovery_prune_keeps_nothing",
            Error::BackupPlanOutdated { .. } => "recovery_plan_outdated",
            Error::WorkspaceInUse { .. } => "workspace_in_use",
            Error::LogIsLink { .. } => "recovery_log_is_link",
            Error::SafetyBackupFailed { .. } => "recovery_safety_backup_failed",
            Error::ReplacementFailed { .. } => "recovery_replacement_failed",
            Error::ArchiveInvalid { .. } => "recovery_archive_invalid",
            Error::ArchiveTooLarge { .. } => "recovery_archive_too_large",
            Error::ArchiveExists { .. } => "recovery_archive_exists",
            Error::SalvageTarget { .. } => "recovery_salvage_target",
            Error::NothingSalvaged { .. } => "recovery_nothing_salvaged",
            Error::RestoreCheckFailed { .. } => "recovery_restore_check_failed",
            Error::RunIsOpen { .. } => "run_is_open",
            Error::NotBackedUp { .. } => "recovery_not_backed_up",
        }
    }

    /// Returns advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Engine(e) => e.hint().map(str::to_owned),
            Error::Store(e) => e.hint(),
            Error::ProjectionNotFound { .. } => {
                Some("`contexta digest` lists all tables; leave out `--projection` to report all of them".into())
            }
            Error::StreamNotFound { .. } => Some("`contexta log ls` lists all streams".into()),
            Error::KindUnknown { .. } => Some("`contexta log tail --help` lists the kinds".into()),
            Error::BackupRefInvalid { .. } | Error::BackupNotFound { .. } => {
                Some("`contexta backup list` lists all backups".into())
            }
            Error::NoBackups { .. } => Some(
                "pass the directory of the backups with `--repository DIR`; `contexta backup create` creates a backup"
                    .into(),
            ),
            Error::BackupExists { .. } => Some("create the backup with another label".into()),
            Error::ManifestInvalid { .. } => {
                Some("use another backup; move the manifest out of the repository to ignore it".into())
            }
            Error::BackupObjectDamaged { .. } => {
                Some("run `contexta backup verify --heal-from WORKSPACE`, or restore an older backup".into())
            }
            Error::RepairPlanOutdated => Some("make a new plan".into()),
            Error::RepairSourceInvalid { .. } => Some(
                "pass `--from` with the name of a backup in the repository, or with the directory of a workspace".into(),
            ),
            Error::BackupBusy { .. } | Error::KnownBusy { .. } => Some("try again when the other process has ended".into()),
            Error::BackupMisplaced { .. } => Some(
                "set `recovery.backup_root` or `recovery.restore_staging_root` to another directory".into(),
            ),
            Error::PruneKeepsNothing => Some("pass `--keep-last` with a number of at least 1".into()),
            Error::BackupPlanOutdated { .. } => Some("make a new plan".into()),
            Error::WorkspaceInUse { .. } => Some(
                "end the processes that capture into the workspace, or restore into another directory with \
                 `--target-workspace PATH`"
                    .into(),
            ),
            Error::LogIsLink { .. } => Some(
                "replace the link by the directory that it names, or restore into another directory with \
                 `--target-workspace PATH`"
                    .into(),
            ),
            Error::SafetyBackupFailed { .. } => Some(
                "nothing was replaced; make the directory of the backups writable, or set \
                 `recovery.create_backup_before_restore` to false"
                    .into(),
            ),
            Error::ReplacementFailed { .. } => {
                Some("end the processes that use the workspace, and restore again; no log was removed".into())
            }
            Error::ArchiveInvalid { .. } => {
                Some("use another copy of the archive; `contexta salvage` reads the intact part of a damaged archive".into())
            }
            Error::ArchiveTooLarge { .. } => {
                Some("if the archive is from a trusted source, extract it with `tar` and use `--repository DIR`".into())
            }
            Error::ArchiveExists { .. } => Some("choose another file, or remove the existing file".into()),
            Error::SalvageTarget { .. } => {
                Some("pass a new directory outside the damaged directory with `--into NEW`".into())
            }
            Error::NothingSalvaged { .. } => {
                Some("pass the directory that contains the remains of the log or a backup".into())
            }
            Error::RestoreCheckFailed { .. } => {
                Some("nothing was replaced; run `contexta backup verify`, or restore another backup".into())
            }
            Error::RunIsOpen { .. } => Some("end the process that captures the run".into()),
            Error::NotBackedUp { .. } => Some(
                "create a backup with `contexta backup create`, or pass `--force` to erase the only copy".into(),
            ),
        }
    }
}

/// Returns the refs of at most three runs, and the number of further runs.
fn list_of(runs: &[RunRef]) -> String {
    let mut names: Vec<String> = runs.iter().take(3).map(RunRef::to_string).collect();
    if runs.len() > names.len() {
        names.push(format!("{} more runs", runs.len() - names.len()));
    }
    names.join(", ")
}

/// The result of a check or recovery.
pub type Result<T> = std::result::Result<T, Error>;
