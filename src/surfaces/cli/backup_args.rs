//! The arguments of the commands `contexta backup` and `contexta restore`.

use crate::interpretation::Moment;
use clap::{Args, Subcommand};
use std::num::NonZeroUsize;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum BackupCommand {
    /// Back up the workspace. The command writes only data that earlier backups do not contain. Programs can
    /// continue to capture during the backup
    Create(BackupCreateArgs),
    /// List the backups
    List(RepositoryArgs),
    /// Read the backups completely and compare all data with its digests. The exit code is 0 if no problem
    /// was found, and 1 if data is missing or damaged or incomplete
    Verify(BackupVerifyArgs),
    /// Remove old backups, and data that no remaining backup needs
    Prune(BackupPruneArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum RestoreCommand {
    /// Replace the content of a workspace by a backup, or create a workspace from a backup. The log in the
    /// backup is checked before anything is replaced. The replaced content is backed up first
    Apply(RestoreApplyArgs),
}

#[derive(Debug, Args)]
pub(super) struct RepositoryArgs {
    /// Directory of the backups [default: the setting recovery.backup_root]
    #[arg(long, visible_alias = "output", value_name = "DIR")]
    pub(super) repository: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct BackupCreateArgs {
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    /// Create the backup in this new file, such as `backup.tar.zst`. The file contains the whole backup
    #[arg(long, value_name = "FILE", conflicts_with = "repository")]
    pub(super) archive: Option<PathBuf>,
    /// Text that becomes part of the name of the backup
    #[arg(long, value_name = "TEXT")]
    pub(super) label: Option<String>,
    /// Include cached files
    #[arg(long)]
    pub(super) include_cache: bool,
    /// Include exports
    #[arg(long)]
    pub(super) include_exports: bool,
    /// Show the plan and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct BackupVerifyArgs {
    /// Name of the backup to check, or path of an archive [default: all backups]
    #[arg(value_name = "BACKUP")]
    pub(super) backup: Option<String>,
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    /// Replace missing and damaged data of the backups by intact copies from this workspace. An archive cannot be changed
    #[arg(long, value_name = "WORKSPACE")]
    pub(super) heal_from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct BackupPruneArgs {
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    /// Number of latest backups to keep for each workspace
    #[arg(long, value_name = "N")]
    pub(super) keep_last: NonZeroUsize,
    /// Show the plan and remove nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreApplyArgs {
    /// Name of the backup, or path of an archive
    #[arg(value_name = "BACKUP")]
    pub(super) backup: String,
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    /// Directory of the workspace to restore [default: the workspace of the settings]
    #[arg(long, value_name = "PATH")]
    pub(super) target_workspace: Option<PathBuf>,
    /// Check the backup completely and replace nothing
    #[arg(long)]
    pub(super) verify_only: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Restore only this run into the workspace of the settings. RUN is a ref, an id or a name. Nothing else changes,
    /// and programs can continue to capture
    #[arg(long, value_name = "RUN", conflicts_with_all = ["target_workspace", "verify_only", "to_time"])]
    pub(super) run: Option<String>,
    /// Restore only the content of this artifact into the workspace of the settings
    #[arg(long, value_name = "REF", conflicts_with_all = ["run", "target_workspace", "verify_only", "to_time"])]
    pub(super) artifact: Option<String>,
    /// Write the content of the artifact to this file, or to this new directory if the artifact is a directory. The
    /// workspace does not change
    #[arg(long, value_name = "FILE", requires = "artifact", conflicts_with = "dry_run")]
    pub(super) to: Option<PathBuf>,
    /// Leave out all entries after this moment. TIME is a time, a date or a stamp. A time such as
    /// 2026-11-01T08:00:00Z means the end of the second. A date means the end of the day in UTC
    #[arg(long, value_name = "TIME")]
    pub(super) to_time: Option<Moment>,
}
