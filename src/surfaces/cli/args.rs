//! The arguments of every command.

use crate::config::LoadedConfig;
use crate::contract::Timestamp;
use crate::interchange::jsonl;
use crate::recovery::Head;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Capture, query, compare and recover ML runs, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "contexta", version, about, max_term_width = 100)]
pub(super) struct Cli {
    /// The workspace [default: .contexta]
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) workspace: Option<PathBuf>,
    /// A configuration file (.toml, .yaml, .json) [default: contexta.toml in the workspace, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The settings to start from: local, test
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Settings laid over the profile: debug, forensic, ci, readonly. May be repeated
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) overlay: Vec<String>,
    /// One setting; `contexta config show` lists them. May be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// How results and errors are written [default: text]
    #[arg(long, global = true, value_enum)]
    pub(super) format: Option<Format>,
    /// No notes and no progress on standard error
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
    /// The settings that follow from all this, once they are loaded.
    #[arg(skip)]
    pub(super) loaded: LoadedConfig,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// How results and errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs: complete, keys sorted, stable
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create an empty workspace
    Init,
    /// List runs with their parameters and last metrics
    Runs(RunsArgs),
    /// One run: list, show, compare
    #[command(subcommand)]
    Run(RunCommand),
    /// Two runs side by side
    Compare(CompareArgs),
    /// Where a thing came from, and what came of it
    Lineage(LineageArgs),
    /// Reports as Markdown
    #[command(subcommand)]
    Report(ReportCommand),
    /// Check log, bodies and projections; changes nothing. Exits 0 whole, 1 damaged, 3 could not check
    Verify(VerifyArgs),
    /// Take over everything from another workspace, which is only read; again changes nothing
    Merge(MergeArgs),
    /// Take over lines of another store
    #[command(subcommand)]
    Import(ImportCommand),
    /// Write everything, or some of it, for another store
    #[command(subcommand)]
    Export(ExportCommand),
    /// Make the projections again from the log
    Rebuild,
    /// The digest of all tables: equal entries give equal digests
    Digest,
    /// What lies in the log
    #[command(subcommand)]
    Log(LogCommand),
    /// Settings: their values, where those come from, what is wrong with a file. Creates nothing
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum RunCommand {
    /// List runs (as `runs`)
    List(RunsArgs),
    /// Everything about one run
    Show(RunArgs),
    /// Two runs side by side (as `compare`)
    Compare(CompareArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ReportCommand {
    /// One run
    Snapshot(ReportSnapshotArgs),
    /// Two runs
    Compare(ReportCompareArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// JSON lines, one canonical object a line, plain or gzip; importing them again changes nothing. A line that is refused
    /// is reported and kept aside, the rest goes on. Exits 0 all taken over, 1 a line was refused, a body missing or not what
    /// its manifest says, or the input cut
    Jsonl(ImportJsonlArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ExportCommand {
    /// JSON lines, one canonical object a line: `import jsonl` takes them
    Jsonl(ExportJsonlArgs),
}

#[derive(Debug, Args)]
pub(super) struct ImportJsonlArgs {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Where bodies of artifacts lie; by default beside the file
    #[arg(long, value_name = "DIR")]
    pub(super) bodies: Option<PathBuf>,
    /// Stop at the first line that is refused; what came before it stays
    #[arg(long)]
    pub(super) strict: bool,
    /// Check extensions by this registry: a JSON list of entries
    #[arg(long, value_name = "FILE")]
    pub(super) registry: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ExportJsonlArgs {
    /// Write to this file (whole or not at all; gzip if it ends in .gz) instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Copy bodies of artifacts here; by default into `artifacts` beside the file, or nowhere without one
    #[arg(long, value_name = "DIR", conflicts_with = "no_bodies")]
    pub(super) bodies: Option<PathBuf>,
    /// Leave bodies of artifacts out
    #[arg(long)]
    pub(super) no_bodies: bool,
    /// Only this project
    #[arg(long, value_name = "NAME")]
    pub(super) project: Option<String>,
    /// Only this run, and what it belongs to. May be repeated
    #[arg(long, value_name = "RUN")]
    pub(super) run: Vec<String>,
    /// Only lines of this kind, such as run or record. May be repeated
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(jsonl::kinds()))]
    pub(super) kind: Vec<String>,
    /// Only records of this family. May be repeated
    #[arg(long, value_name = "FAMILY", value_parser = ["event", "metric", "span", "degraded"])]
    pub(super) record_type: Vec<String>,
    /// Only records observed at or after this time, such as 2024-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<Timestamp>,
    /// Only records observed before this time
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<Timestamp>,
}

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// List streams and segments
    Ls,
    /// Print how far each stream goes, with the digest of all of it, one a line: kept elsewhere, `verify --head` tells
    /// by it what is gone. Exits 1 if a stream is damaged
    Heads,
    /// Print entries in the order of the log; with `--format json` one object a line
    Dump(DumpArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Every setting with its value and its source
    Show(ConfigShowArgs),
    /// The workspace, the file that was read, and every directory
    Path,
    /// Say everything that is wrong with the settings. Exits 1 if anything is
    Check(ConfigCheckArgs),
}

#[derive(Debug, Args)]
pub(super) struct ConfigShowArgs {
    /// Only what differs from the defaults
    #[arg(long)]
    pub(super) changed: bool,
    /// As a TOML file that gives the same settings
    #[arg(long, conflicts_with = "changed")]
    pub(super) toml: bool,
}

#[derive(Debug, Args)]
pub(super) struct ConfigCheckArgs {
    /// The file, as with --config
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// A warning is a mistake as well
    #[arg(long)]
    pub(super) strict: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    /// Only the runs of this project
    #[arg(long, value_name = "NAME")]
    pub(super) project: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// A run: its ref, its id, or a name that only one run has
    #[arg(value_name = "RUN")]
    pub(super) run: String,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The one run
    #[arg(value_name = "LEFT")]
    pub(super) left: String,
    /// The other run
    #[arg(value_name = "RIGHT")]
    pub(super) right: String,
}

#[derive(Debug, Args)]
pub(super) struct LineageArgs {
    /// A ref, such as artifact:project.run.model
    #[arg(value_name = "REF")]
    pub(super) subject: String,
    /// Which way to walk
    #[arg(long, value_enum, default_value_t = Way::Both)]
    pub(super) direction: Way,
    /// How many edges far
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(super) depth: usize,
}

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// To where it came from
    #[value(alias = "inbound")]
    Upstream,
    /// To what came of it
    #[value(alias = "outbound")]
    Downstream,
    /// Both
    Both,
}

#[derive(Debug, Args)]
pub(super) struct ReportSnapshotArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ReportCompareArgs {
    #[command(flatten)]
    pub(super) runs: CompareArgs,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Do not hash the bodies of artifacts again
    #[arg(long)]
    pub(super) skip_bodies: bool,
    /// Do not compare the projections with a rebuild
    #[arg(long)]
    pub(super) skip_projections: bool,
    /// A head kept elsewhere (STREAM:SEQUENCE:DIGEST): its stream must still begin with the same entries. May be repeated
    #[arg(long, value_name = "HEAD")]
    pub(super) head: Vec<Head>,
}

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The other workspace
    #[arg(value_name = "FROM")]
    pub(super) from: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct DumpArgs {
    /// Only this stream: its id, or the beginning of it
    #[arg(long, value_name = "ID")]
    pub(super) stream: Option<String>,
    /// At most so many entries
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
}
