//! The arguments of the commands `contexta repair` and `contexta rebuild`.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    /// Source of intact copies of streams and bodies: the name of a backup, the path of an archive with a backup, a directory
    /// with backups of this workspace, or the directory of another workspace. The source is only read
    #[arg(long, value_name = "BACKUP|DIR|FILE")]
    pub(super) from: Option<PathBuf>,
    /// Directory of the backups [default: the setting recovery.backup_root]
    #[arg(long, value_name = "DIR", requires = "from")]
    pub(super) repository: Option<PathBuf>,
    /// Forget known streams and bodies that are gone, so that `contexta verify` does not report them any more
    #[arg(long)]
    pub(super) forget: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    /// Report only the tables of this projection, or this table. All tables are in one file, so the command always
    /// derives all of them
    #[arg(long, visible_alias = "table", value_name = "NAME")]
    pub(super) projection: Option<String>,
}
