//! The arguments of every command.

use crate::config::LoadedConfig;
use crate::contract::Timestamp;
use crate::interchange::jsonl;
use crate::interpretation::Moment;
use crate::surfaces::cli::backup_args::{BackupCommand, RestoreCommand};
use crate::surfaces::cli::curve_args::{GroupArgs, SeriesArgs};
use crate::surfaces::cli::erase_args::{RetentionCommand, RunDeleteArgs};
use crate::surfaces::cli::outbox_args::OutboxCommand;
use crate::surfaces::cli::query_args::{
    AlertArgs, AnomalyArgs, CompareArgs, CompareManyArgs, CsvCommand, DiagnosticsArgs, ExportHtmlArgs,
    HistoryArgs, MetricArgs, ProvenanceCommand, RenderArgs, RunArgs, RunsArgs, SearchCommand, TrendArgs,
    pair,
};
use crate::surfaces::cli::recovery_args::{
    CompactArgs, DemoArgs, DumpArgs, MergeArgs, SalvageArgs, TailArgs, VerifyArgs,
};
use crate::surfaces::cli::repair_args::{RebuildArgs, RepairArgs};
use crate::surfaces::cli::store_args::{ArtifactCommand, RecoverCommand};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
#[cfg(unix)]
use std::ffi::OsString;
use std::path::PathBuf;

/// The heading of the options that every command has.
const GLOBAL: &str = "Global options";

/// Capture, query, compare and recover ML runs, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "contexta", version, about, max_term_width = 100)]
pub(super) struct Cli {
    /// Directory of the workspace [default: .contexta]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "PATH")]
    pub(super) workspace: Option<PathBuf>,
    /// Configuration file (.toml, .yaml, .json) [default: contexta.toml in the workspace, if it exists]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Profile of settings: local, test
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Named settings to apply over the profile: debug, forensic, ci, readonly. May be repeated
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "NAME")]
    pub(super) overlay: Vec<String>,
    /// Value of one setting; `contexta config show` lists all keys. May be repeated
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Format of results and errors [default: text]
    #[arg(long, global = true, help_heading = GLOBAL, value_enum)]
    pub(super) format: Option<Format>,
    /// Ignore the entries that were appended after this moment. The moment is a time such as
    /// 2026-11-01T08:00:00Z (the end of the second), a date (the end of the day in UTC) or a stamp. The
    /// option applies only to commands that answer questions about captured data
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "TIME")]
    pub(super) as_of: Option<Moment>,
    /// Write no notes, warnings, messages or progress to standard error; errors are still written
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub(super) quiet: bool,
    /// The settings from all sources; the defaults until they are loaded.
    #[arg(skip)]
    pub(super) loaded: LoadedConfig,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The format of results and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people
    Text,
    /// JSON for programs: complete, sorted keys, stable members
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create an empty workspace
    Init,
    /// List runs with their parameters and the last value of each metric
    Runs(RunsArgs),
    /// List, show or compare runs
    #[command(subcommand)]
    Run(RunCommand),
    /// Compare two runs
    Compare(CompareArgs),
    /// Compare several runs, and name the best run for each metric
    #[command(name = "compare-multi")]
    CompareMulti(CompareManyArgs),
    /// Report problems of a run
    Diagnostics(DiagnosticsArgs),
    /// Find runs or artifacts by text
    #[command(subcommand)]
    Search(SearchCommand),
    /// Show a metric over runs
    Trend(TrendArgs),
    /// Show statistics of a metric over runs
    Aggregate(MetricArgs),
    /// Show statistics of a metric for groups of runs with equal parameters, tags or other values
    Group(GroupArgs),
    /// Show the points of a metric of a run
    Series(SeriesArgs),
    /// Compare the metrics of a run with earlier runs
    Anomaly(AnomalyArgs),
    /// Compare a metric of a run with a threshold, or evaluate the alert rules of the settings
    Alert(AlertArgs),
    /// Check what is needed to repeat a run, or compare environments
    #[command(subcommand)]
    Provenance(ProvenanceCommand),
    /// Show what an object was made from, and what was made from it
    Lineage(LineageArgs),
    /// Show the entries of the log about an object, except records. Each value of an entry is effective,
    /// superseded or conflicting
    History(HistoryArgs),
    /// Write a report as Markdown
    #[command(subcommand)]
    Report(ReportCommand),
    /// List, show, copy, verify, register, export or import artifacts
    #[command(subcommand)]
    Artifact(ArtifactCommand),
    /// Read the records of a damaged workspace
    #[command(subcommand)]
    Recover(RecoverCommand),
    /// Check log, bodies and projections without changing them. Exit code 0: no damage, 1: damage found, 3: the check
    /// could not be completed
    Verify(VerifyArgs),
    /// Copy everything from another workspace into this one. The other workspace is not changed; repeating the merge
    /// has no effect
    Merge(MergeArgs),
    /// Show a recovery in a new directory: a process is killed, the log is damaged, a check names the loss, and a backup
    /// restores the workspace. Takes a few seconds. Existing workspaces are not used
    Demo(DemoArgs),
    /// Write closed segments of the log in a smaller form. No answer changes. Programs can continue to capture
    Compact(CompactArgs),
    /// Show the problems of the workspace on one page, each with the next command. Nothing is changed. Exit
    /// code 0: healthy, 1: a problem needs attention
    Doctor,
    /// List or deliver the facts that wait for sinks, and manage dead letters
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Create, list, check or remove backups
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Restore a workspace from a backup
    #[command(subcommand)]
    Restore(RestoreCommand),
    /// Remove old cached files, reports and exports, and unused artifact bodies
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Build a new workspace from the remains of damaged workspaces and backups. The remains are only read. Exit
    /// code 0: nothing is missing, 1: the workspace was built, and parts are missing
    Salvage(SalvageArgs),
    /// Import objects and records from a file
    #[command(subcommand)]
    Import(ImportCommand),
    /// Record JSON lines of a program while it runs: parameters, metrics, events, spans, artifacts (docs/INGEST.md), or
    /// the objects that `import jsonl` reads. A bad line is reported with its number and does not stop the others. Exit
    /// code 0: everything is recorded, 1: a line was refused or has a member that cannot be recorded
    Ingest(IngestArgs),
    /// Run a program as a captured run: its output, exit code, times and memory, and the files that it changes. The
    /// program finds the run in the variables CONTEXTA_WORKSPACE, CONTEXTA_RUN and TRACEPARENT (docs/EXEC.md). Exit code:
    /// the one of the program; 128 and the number of the signal that killed it; 127 or 126 if it cannot be started
    #[cfg(unix)]
    Exec(ExecArgs),
    /// Export objects and records, all or selected ones
    #[command(subcommand)]
    Export(ExportCommand),
    /// Repair damage of the log, the tables and the bodies of artifacts. Intact copies from a backup or from another
    /// workspace heal the damage (--from). Damaged files move to quarantine. Exit code 0: nothing is missing, 1:
    /// something is lost or stays damaged
    Repair(RepairArgs),
    /// Rebuild the projections from the log
    Rebuild(RebuildArgs),
    /// Print the digest of all tables. Equal entries give equal digests
    Digest,
    /// List streams, heads or entries of the log
    #[command(subcommand)]
    Log(LogCommand),
    /// Show or check the settings, without creating a workspace
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum RunCommand {
    /// List runs. Same as `contexta runs`
    List(Box<RunsArgs>),
    /// Show everything about one run
    Show(RunShowArgs),
    /// Compare two runs. Same as `contexta compare`
    Compare(CompareArgs),
    /// Compare several runs. Same as `contexta compare-multi`
    #[command(name = "compare-many")]
    CompareMany(CompareManyArgs),
    /// Report problems of a run. Same as `contexta diagnostics`
    Diagnose(DiagnosticsArgs),
    /// Set or remove tags of a run
    Tag(RunTagArgs),
    /// Add a note to a run
    Note(RunNoteArgs),
    /// Change the name of a run
    Rename(RunRenameArgs),
    /// Archive a run. By default, lists exclude archived runs. `run unarchive` reverses the change
    Archive(RunArgs),
    /// Show an archived run in lists again
    Unarchive(RunArgs),
    /// Star a run. `runs --starred` lists the starred runs
    Star(RunArgs),
    /// Remove the star of a run
    Unstar(RunArgs),
    /// End a run whose process has died
    End(RunEndArgs),
    /// Delete runs. No command shows a deleted run, and a merge with an older copy of the log does not bring the
    /// run back. The artifact bodies that only these runs use are removed. The runs must be contained in a
    /// backup, or --force must be given. Exit code 0: deleted, 1: data of the runs remains and notes name it
    Delete(RunDeleteArgs),
    /// Show the differences between the revisions and the uncommitted changes of the code of two runs
    Diff(RunDiffArgs),
    /// Print a shell script that reproduces a run in a clone of its repository. The script restores the code
    /// with the uncommitted change, the packages and the used artifacts, and executes the command line. The
    /// script names the missing parts. Exit code 0: the script reproduces every part of the run, 1: a part is
    /// missing
    Reproduce(RunReproduceArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ReportCommand {
    /// Write a report on one run
    Snapshot(ReportArgs<RunArgs>),
    /// Write a report on two runs
    Compare(ReportArgs<CompareArgs>),
    /// Write a report on several runs
    Many(ReportArgs<CompareManyArgs>),
    /// Write a report on the runs of a project
    Project(ReportArgs<ProjectArgs>),
    /// Write a report on the values of a metric in several runs
    Trend(Box<ReportArgs<MetricArgs>>),
    /// Evaluate the alert rules of the setting interpretation.alert.rules for a run, and write a report on
    /// the alerts
    Alerts(ReportArgs<RunArgs>),
    /// Write a report on the lineage of an object
    Lineage(ReportArgs<LineageArgs>),
    /// Write a report on the state of the workspace
    Health(RenderArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Import JSON lines: one canonical object per line, plain or gzip. Refused lines are reported and written to the
    /// quarantine; repeating the import has no effect. Exit code 0: everything is imported, 1: a line was refused, a
    /// body is missing or differs from its manifest, or the input is incomplete
    Jsonl(ImportJsonlArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ExportCommand {
    /// Export JSON lines: one canonical object per line, in the form that `import jsonl` reads
    Jsonl(ExportJsonlArgs),
    /// Export a table as CSV
    #[command(subcommand)]
    Csv(CsvCommand),
    /// Export the report on a run, or on two runs, as HTML
    Html(ExportHtmlArgs),
}

#[derive(Debug, Args)]
pub(super) struct ImportJsonlArgs {
    /// Input file; `-` for standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Directory of the bodies of artifacts [default: the directory of the file]
    #[arg(long, value_name = "DIR")]
    pub(super) bodies: Option<PathBuf>,
    /// Stop at the first refused line. The lines before it remain imported
    #[arg(long)]
    pub(super) strict: bool,
    /// Extension registry to check the imported extensions against: a JSON list of entries
    #[arg(long, value_name = "FILE")]
    pub(super) registry: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct IngestArgs {
    /// Input file; `-` for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub(super) file: PathBuf,
    /// Write one line of JSON to standard output for each commit: the number of input lines that are recorded so far
    #[arg(long)]
    pub(super) ack: bool,
    /// Project of the runs whose lines name none [default: setting project_name]
    #[arg(long, value_name = "NAME")]
    pub(super) project: Option<String>,
    /// Leave runs open that are open at the end of the input, instead of marking them as failed
    #[arg(long)]
    pub(super) keep_open: bool,
    /// Directory of the bodies of artifacts that interchange objects name [default: the directory of the file; none for
    /// standard input]
    #[arg(long, value_name = "DIR")]
    pub(super) bodies: Option<PathBuf>,
}

#[cfg(unix)]
#[derive(Debug, Args)]
pub(super) struct ExecArgs {
    /// Project of the run [default: setting project_name]
    #[arg(long, value_name = "NAME")]
    pub(super) project: Option<String>,
    /// Name of the run
    #[arg(long, value_name = "NAME")]
    pub(super) run: String,
    /// Name of a stage for output and measurements [default: they belong to the run itself]
    #[arg(long, value_name = "NAME")]
    pub(super) stage: Option<String>,
    /// Pattern of files, such as `out/**/*.pt`: those that the program creates or changes are stored as artifacts. A
    /// directory is stored as one artifact. May be repeated
    #[arg(long, value_name = "GLOB")]
    pub(super) artifact: Vec<String>,
    /// Measure CPU, memory, disk, network and GPUs at this interval, as metrics `system/...`
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) system_metrics: Option<u32>,
    /// Program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct ExportJsonlArgs {
    /// Output file, written completely or not at all; gzip if its name ends in .gz [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Directory for the bodies of artifacts [default: `artifacts` beside the file; none for standard output]
    #[arg(long, value_name = "DIR", conflicts_with = "no_bodies")]
    pub(super) bodies: Option<PathBuf>,
    /// Do not export bodies of artifacts
    #[arg(long)]
    pub(super) no_bodies: bool,
    /// Export only this project
    #[arg(long, value_name = "NAME")]
    pub(super) project: Option<String>,
    /// Export only this run and its project. May be repeated
    #[arg(long, value_name = "RUN")]
    pub(super) run: Vec<String>,
    /// Export only lines of this kind, such as run or record. May be repeated
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(jsonl::kinds()))]
    pub(super) kind: Vec<String>,
    /// Export only records of this type; other kinds of lines are not affected. May be repeated
    #[arg(long, value_name = "TYPE", value_parser = ["event", "metric", "span", "degraded"])]
    pub(super) record_type: Vec<String>,
    /// Leave out records observed before this time, such as 2024-01-31T12:00:00Z; other kinds of lines are not affected
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<Timestamp>,
    /// Leave out records observed at or after this time; other kinds of lines are not affected
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<Timestamp>,
}

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// List streams and segments
    Ls,
    /// Print the head of each stream: its last entry and the digest of all its entries, one per line. Save heads
    /// elsewhere; `verify --head` then detects lost entries. Exit code 1: a stream is damaged
    Heads,
    /// Print all entries, stream by stream; with `--format json` one object per line
    Dump(DumpArgs),
    /// Print the newest entries in the order of their times. With `--format json`, print one object per line.
    /// With `--follow`, print new entries of all processes until the command is interrupted
    Tail(TailArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every setting with its value and source
    Show(ConfigShowArgs),
    /// Show the paths of the workspace, the configuration file and all directories
    Path,
    /// Report all problems of the settings. Exit code 1: there are problems
    Check(ConfigCheckArgs),
}

#[derive(Debug, Args)]
pub(super) struct ConfigShowArgs {
    /// Show only settings that differ from their defaults
    #[arg(long)]
    pub(super) changed: bool,
    /// Print all settings as a TOML configuration file
    #[arg(long, conflicts_with = "changed")]
    pub(super) toml: bool,
}

#[derive(Debug, Args)]
pub(super) struct ConfigCheckArgs {
    /// Configuration file to check, instead of the file of --config
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Treat warnings as problems
    #[arg(long)]
    pub(super) strict: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunShowArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Count the metric points of all attempts, also those that a later attempt replaced
    #[arg(long)]
    pub(super) all_attempts: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunTagArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Tags to set
    #[arg(value_name = "KEY=VALUE", value_parser = pair, required_unless_present = "remove")]
    pub(super) tags: Vec<(String, String)>,
    /// Tag to remove. May be repeated
    #[arg(long, value_name = "KEY")]
    pub(super) remove: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct RunNoteArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// The note
    #[arg(value_name = "TEXT")]
    pub(super) text: String,
}

#[derive(Debug, Args)]
pub(super) struct RunRenameArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// The new name. The ref of the run does not change
    #[arg(value_name = "NAME")]
    pub(super) name: String,
}

#[derive(Debug, Args)]
pub(super) struct RunDiffArgs {
    #[command(flatten)]
    pub(super) runs: CompareArgs,
    /// Compare the code
    #[arg(long, required = true)]
    code: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunReproduceArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Directory that the script creates for the code [default: reproduce-ID]
    #[arg(long, value_name = "DIR")]
    pub(super) directory: Option<String>,
}

/// The status of a run that is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EndStatus {
    /// The run ended with success
    Completed,
    /// The run failed
    Failed,
    /// The run was cancelled
    Cancelled,
}

#[derive(Debug, Args)]
pub(super) struct RunEndArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Status of the run at its end
    #[arg(long, value_enum, default_value_t = EndStatus::Failed)]
    pub(super) status: EndStatus,
    /// Message of the end, such as the reason of the failure
    #[arg(long, value_name = "TEXT")]
    pub(super) message: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct LineageArgs {
    /// Ref of a run, artifact or other object, such as artifact:project.run.model
    #[arg(value_name = "REF")]
    pub(super) subject: String,
    /// Direction in which to follow lineage
    #[arg(long, value_enum, default_value_t = Way::Both)]
    pub(super) direction: Way,
    /// Greatest number of edges between REF and an edge that is shown
    #[arg(long, value_name = "N", default_value_t = 3, allow_negative_numbers = true)]
    pub(super) depth: i64,
}

/// The direction in which lineage is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// Objects that REF was made from
    Upstream,
    /// Objects that were made from REF
    Downstream,
    /// From the targets of edges to the sources
    Inbound,
    /// From the sources of edges to the targets
    Outbound,
    /// Both directions
    Both,
}

#[derive(Debug, Args)]
pub(super) struct ProjectArgs {
    /// Project: its name or ref
    #[arg(value_name = "PROJECT")]
    pub(super) project: String,
}

/// The arguments of a report, and the options of its form and destination.
#[derive(Debug, Args)]
pub(super) struct ReportArgs<A: Args> {
    #[command(flatten)]
    pub(super) of: A,
    #[command(flatten)]
    pub(super) render: RenderArgs,
}
