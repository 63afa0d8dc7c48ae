//! The arguments of the commands `contexta run delete` and `contexta retention`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct RunDeleteArgs {
    /// Runs to delete: refs, ids, names or unambiguous prefixes. A run that was deleted before is named by its ref
    #[arg(value_name = "RUN", required = true)]
    pub(super) runs: Vec<String>,
    /// Show the plan and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Delete the runs even if no backup contains them
    #[arg(long)]
    pub(super) force: bool,
    /// Reason, which the log keeps
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Do not ask for confirmation. Required if standard input is not a terminal
    #[arg(long, short = 'y')]
    pub(super) yes: bool,
    /// Directory of the backups [default: the setting recovery.backup_root]
    #[arg(long, value_name = "DIR")]
    pub(super) repository: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum RetentionCommand {
    /// Show the files and bodies that `retention apply` removes
    Plan(RetentionArgs),
    /// Remove old cached files, reports and exports, temporary files of interrupted programs, and artifact bodies
    /// that no artifact uses. The settings retention.* contain the ages. The command needs no disk space
    Apply(RetentionArgs),
}

#[derive(Debug, Args)]
pub(super) struct RetentionArgs {
    /// Remove all cached files, whatever their age
    #[arg(long)]
    pub(super) all_cached: bool,
    /// Remove bodies that no artifact uses, even if retention.artifact_retention_mode is `manual`
    #[arg(long)]
    pub(super) bodies: bool,
}
