//! The arguments of the command `contexta run delete`.

use clap::Args;
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
