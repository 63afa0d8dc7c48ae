//! The arguments of the commands that check, merge, salvage, compact, demonstrate and list the log.

use crate::recovery::tail::kind_names;
use crate::recovery::{Head, Share};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Extent of the check. Each level includes all previous levels
    #[arg(long, value_enum, default_value_t = LevelArg::Projections, value_name = "LEVEL")]
    pub(super) level: LevelArg,
    /// Check only a share of the segments and bodies, for example 2/7. Seven checks, from 1/7 to 7/7, read everything.
    /// The projections are not compared
    #[arg(long, value_name = "N/T", conflicts_with = "head")]
    pub(super) subset: Option<Share>,
    /// Do not check the bodies of artifacts
    #[arg(long)]
    pub(super) skip_bodies: bool,
    /// Read the local files outside the workspace that artifacts refer to, and report those that are missing or changed
    #[arg(long)]
    pub(super) references: bool,
    /// Do not compare the projections with a rebuild
    #[arg(long)]
    pub(super) skip_projections: bool,
    /// Head saved earlier (STREAM:SEQUENCE:DIGEST). Check that the stream still begins with the same entries, up to
    /// this head. May be repeated
    #[arg(long, value_name = "HEAD")]
    pub(super) head: Vec<Head>,
}

/// The extent of a check, as an argument.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LevelArg {
    /// Checksums and numbers of all frames, and the presence of every known stream
    Frames,
    /// Also the chain over the entries, the digests of finished segments, and saved heads
    Chain,
    /// Also the bodies of artifacts
    Bodies,
    /// Also the projections, which are compared with a rebuild
    Projections,
}

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// Directory of the other workspace, or path of an archive with a backup
    #[arg(value_name = "FROM", required_unless_present = "backup")]
    pub(super) from: Option<PathBuf>,
    /// Merge this backup instead of a workspace
    #[arg(long, value_name = "BACKUP", conflicts_with = "from")]
    pub(super) backup: Option<String>,
    /// Directory of the backups [default: the setting recovery.backup_root]
    #[arg(long, value_name = "DIR", requires = "backup")]
    pub(super) repository: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SalvageArgs {
    /// Directory with the remains. The names of the files are not needed
    #[arg(value_name = "DIR")]
    pub(super) remains: PathBuf,
    /// Directory of the new workspace. The directory must be new or empty
    #[arg(long, value_name = "NEW")]
    pub(super) into: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// New directory for the demonstration. The directory is kept. Default: a temporary directory, which is
    /// removed
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Capture into this workspace until the process is killed
    #[arg(long, value_name = "DIR", hide = true)]
    pub(super) capture_into: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct CompactArgs {
    /// Show the plan and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not compact segments with fewer bytes than this
    #[arg(long, value_name = "BYTES")]
    pub(super) min_bytes: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct TailArgs {
    /// Wait for new entries and print them
    #[arg(long, short)]
    pub(super) follow: bool,
    /// Number of newest entries to print first
    #[arg(long = "lines", short = 'n', value_name = "N", default_value_t = 10)]
    pub(super) last: usize,
    /// Print only entries of this kind. May be repeated
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(kind_names()))]
    pub(super) kind: Vec<String>,
    /// Print only this stream: its id, or the beginning of its id
    #[arg(long, value_name = "ID")]
    pub(super) stream: Option<String>,
    /// Print only entries about this run
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct DumpArgs {
    /// Print only this stream: its id, or the beginning of its id
    #[arg(long, value_name = "ID")]
    pub(super) stream: Option<String>,
    /// Print at most this many entries
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
}
