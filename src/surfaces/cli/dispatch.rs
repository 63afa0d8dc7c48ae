//! Execution of a command line: parses the arguments, runs the command and returns the exit code.

#[cfg(unix)]
use crate::client::exec::IN_TERMINAL;
use crate::contract::fact::Mark;
use crate::surfaces::cli::args::{
    Cli, Command, ConfigCommand, ExportCommand, Format, ImportCommand, LogCommand, RunCommand,
};
use crate::surfaces::cli::backup_args::RestoreCommand;
use crate::surfaces::cli::commands;
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::{Output, Streams};
use crate::surfaces::cli::query_args::{ProvenanceCommand, SearchCommand};
use crate::surfaces::cli::settings;
use crate::surfaces::cli::store_args::{ArtifactCommand, RecoverCommand};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use std::cell::RefCell;
use std::ffi::OsString;
use std::process::ExitCode;
use std::rc::Rc;

/// Runs the command line and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    #[cfg(unix)]
    let args = match in_terminal(args) {
        Ok(args) => args,
        Err(code) => return code,
    };
    ExitCode::from(execute(args, &Streams::Standard))
}

/// The exit code and the output of a command that ran in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedOutput {
    /// The exit code.
    pub exit_code: u8,
    /// The bytes for standard output.
    pub stdout: Vec<u8>,
    /// The bytes for standard error.
    pub stderr: Vec<u8>,
}

/// Runs the command line and returns the exit code and the output. A program under `contexta exec` still writes to
/// standard output, and `-` as an input still means standard input.
pub fn run_captured(args: impl IntoIterator<Item = OsString>) -> CapturedOutput {
    let (stdout, stderr) = (Rc::new(RefCell::default()), Rc::new(RefCell::default()));
    let exit_code = execute(args, &Streams::Captured(Rc::clone(&stdout), Rc::clone(&stderr)));
    CapturedOutput { exit_code, stdout: stdout.take(), stderr: stderr.take() }
}

fn execute(args: impl IntoIterator<Item = OsString>, streams: &Streams) -> u8 {
    let args = gathered(args);
    let mut cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(e) => return usage(&e, &args, streams),
    };
    if cli.as_of.is_some() && !answers_as_of(&cli.command) {
        let message =
            "the option `--as-of` applies only to commands that answer questions about captured data";
        return usage(&Cli::command().error(ErrorKind::ArgumentConflict, message), &args, streams);
    }
    let (out, error) = settings::load(&mut cli, streams);
    if let Some(error) = error {
        let failure = Failure::Client(error.into());
        #[cfg(unix)]
        if let Command::Exec(args) = &cli.command {
            return commands::exec::without_capture(args, &failure, &out);
        }
        out.failure(&failure);
        // `verify` cannot check the workspace if the settings are unusable, so it exits with 3.
        return if matches!(cli.command, Command::Verify(_)) { 3 } else { 1 };
    }
    match dispatch(&cli, &out) {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => 0,
        Err(failure) => {
            out.failure(&failure);
            1
        }
    }
}

/// Returns the arguments. If `contexta exec` has started this process to become a program, it becomes the program; if this
/// fails, returns the exit code.
#[cfg(unix)]
fn in_terminal(args: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, ExitCode> {
    let args = Vec::from_iter(args);
    match args.get(1..) {
        Some([first, command @ ..]) if first == IN_TERMINAL => {
            let out = Output::new(&Streams::Standard, Format::Text, false, false);
            Err(ExitCode::from(commands::exec::in_terminal(command, &out)))
        }
        _ => Ok(args),
    }
}

/// Moves the options `--set` and `--overlay`, which may be repeated, before the command. If such an option occurred
/// both before and after the command, the parser would drop the occurrences before the command.
fn gathered(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    const REPEATED: [&str; 2] = ["--set", "--overlay"];
    let mut args = args.into_iter().peekable();
    let mut front = Vec::from_iter(args.next());
    let mut rest = Vec::new();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        let name = text.split('=').next().unwrap_or_default();
        let has_value = text.contains('=');
        let value_follows = args.peek().is_some_and(|next| !next.to_string_lossy().starts_with('-'));
        if text == "--" {
            rest.push(arg);
            break;
        } else if !REPEATED.contains(&name) || !(has_value || value_follows) {
            rest.push(arg);
        } else {
            front.push(arg.clone());
            front.extend(if has_value { None } else { args.next() });
        }
    }
    front.into_iter().chain(rest).chain(args).collect()
}

/// Returns `true` if the command can answer as of an earlier moment. The other commands write, cover the
/// whole log, read the content of artifacts, or concern the settings.
fn answers_as_of(command: &Command) -> bool {
    use RunCommand::{Archive, Delete, End, Note, Rename, Star, Tag, Unarchive, Unstar};
    match command {
        Command::Compact(_) | Command::Demo(_) => false,
        Command::Init | Command::Merge(_) | Command::Import(_) | Command::Ingest(_) => false,
        #[cfg(unix)]
        Command::Exec(_) => false,
        Command::Verify(_)
        | Command::Rebuild(_)
        | Command::Repair(_)
        | Command::Digest
        | Command::Recover(_) => false,
        Command::Artifact(command) => matches!(command, ArtifactCommand::Ls(_) | ArtifactCommand::Show(_)),
        Command::Retention(_) => false,
        Command::Run(Tag(_) | Note(_) | Rename(_) | End(_) | Delete(_)) => false,
        Command::Log(_)
        | Command::Config(_)
        | Command::Outbox(_)
        | Command::Doctor
        | Command::Backup(_)
        | Command::Restore(_) => false,
        Command::Salvage(_) => false,
        Command::Run(Archive(_) | Unarchive(_) | Star(_) | Unstar(_)) => false,
        _ => true,
    }
}

fn dispatch(cli: &Cli, out: &Output) -> Outcome {
    match &cli.command {
        Command::Init => commands::init::run(cli, out),
        Command::Runs(args) => commands::runs::run(cli, args, out),
        Command::Run(RunCommand::List(args)) => commands::runs::run(cli, args, out),
        Command::Run(RunCommand::Show(args)) => commands::run_show::run(cli, args, out),
        Command::Run(RunCommand::Tag(args)) => commands::run_change::tag(cli, args, out),
        Command::Run(RunCommand::Note(args)) => commands::run_change::note(cli, args, out),
        Command::Run(RunCommand::Rename(args)) => commands::run_change::rename(cli, args, out),
        Command::Run(RunCommand::Archive(args)) => {
            commands::run_change::mark(cli, args, (Mark::Archived, true), out)
        }
        Command::Run(RunCommand::Unarchive(args)) => {
            commands::run_change::mark(cli, args, (Mark::Archived, false), out)
        }
        Command::Run(RunCommand::Star(args)) => {
            commands::run_change::mark(cli, args, (Mark::Starred, true), out)
        }
        Command::Run(RunCommand::Unstar(args)) => {
            commands::run_change::mark(cli, args, (Mark::Starred, false), out)
        }
        Command::Run(RunCommand::End(args)) => commands::run_change::end(cli, args, out),
        Command::Run(RunCommand::Delete(args)) => commands::run_delete::run(cli, args, out),
        Command::Run(RunCommand::Diff(args)) => commands::run_diff::run(cli, args, out),
        Command::Run(RunCommand::Reproduce(args)) => commands::run_reproduce::run(cli, args, out),
        Command::Compare(args) | Command::Run(RunCommand::Compare(args)) => {
            commands::compare::run(cli, args, out)
        }
        Command::CompareMulti(args) | Command::Run(RunCommand::CompareMany(args)) => {
            commands::compare_multi::run(cli, args, out)
        }
        Command::Diagnostics(args) | Command::Run(RunCommand::Diagnose(args)) => {
            commands::diagnostics::run(cli, args, out)
        }
        Command::Search(SearchCommand::Runs(args)) => commands::search::runs(cli, args, out),
        Command::Search(SearchCommand::Artifacts(args)) => commands::search::artifacts(cli, args, out),
        Command::Trend(args) => commands::trend::run(cli, args, out),
        Command::Aggregate(args) => commands::aggregate::run(cli, args, out),
        Command::Group(args) => commands::group::run(cli, args, out),
        Command::Series(args) => commands::series::run(cli, args, out),
        Command::Anomaly(args) => commands::anomaly::run(cli, args, out),
        Command::Alert(args) => commands::alert::run(cli, args, out),
        Command::Provenance(ProvenanceCommand::Audit(args)) => commands::provenance::audit(cli, args, out),
        Command::Provenance(ProvenanceCommand::Diff(args)) => commands::provenance::diff(cli, args, out),
        Command::Lineage(args) => commands::lineage::run(cli, args, out),
        Command::History(args) => commands::history::run(cli, args, out),
        Command::Report(command) => commands::report::run(cli, command, out),
        Command::Artifact(command) => commands::artifact::run(cli, command, out),
        Command::Recover(RecoverCommand::Replay(args)) => commands::recover::replay(cli, args, out),
        Command::Verify(args) => Ok(commands::verify::run(cli, args, out)),
        Command::Merge(args) => commands::merge::run(cli, args, out),
        Command::Compact(args) => commands::compact::run(cli, args, out),
        Command::Demo(args) => commands::demo::run(args, out),
        Command::Doctor => commands::doctor::run(cli, out),
        Command::Outbox(command) => commands::outbox::run(cli, command, out),
        Command::Backup(command) => commands::backup::run(cli, command, out),
        Command::Retention(command) => commands::retention::run(cli, command, out),
        Command::Restore(RestoreCommand::Apply(args)) => commands::backup::restore(cli, args, out),
        Command::Salvage(args) => commands::salvage::run(args, out),
        Command::Import(ImportCommand::Jsonl(args)) => commands::import::jsonl(cli, args, out),
        #[cfg(unix)]
        Command::Exec(args) => commands::exec::run(cli, args, out),
        Command::Ingest(args) => commands::ingest::run(cli, args, out),
        Command::Export(ExportCommand::Jsonl(args)) => commands::export::jsonl(cli, args, out),
        Command::Export(ExportCommand::Csv(args)) => commands::export_csv::run(cli, args, out),
        Command::Export(ExportCommand::Html(args)) => commands::export_html::run(cli, args, out),
        Command::Rebuild(args) => commands::rebuild::run(cli, args, out),
        Command::Repair(args) => commands::repair::run(cli, args, out),
        Command::Digest => commands::digest::run(cli, out),
        Command::Log(LogCommand::Heads) => commands::log::heads(cli, out),
        Command::Log(LogCommand::Ls) => commands::log::ls(cli, out),
        Command::Log(LogCommand::Dump(args)) => commands::log::dump(cli, args, out),
        Command::Log(LogCommand::Tail(args)) => commands::log::tail(cli, args, out),
        Command::Config(ConfigCommand::Show(args)) => commands::config::show(cli, args, out),
        Command::Config(ConfigCommand::Path) => commands::config::path(cli, out),
        Command::Config(ConfigCommand::Check(args)) => commands::config::check(cli, args, out),
    }
}

/// Prints help or version, or reports wrong usage.
fn usage(e: &clap::Error, args: &[OsString], streams: &Streams) -> u8 {
    if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        streams.usage(e);
        return 0;
    }
    let words: Vec<String> = args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let json =
        words.windows(2).any(|w| w == ["--format", "json"]) || words.iter().any(|w| w == "--format=json");
    if json {
        let message = e.to_string();
        let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Output::new(streams, Format::Json, false, false).error(
            "usage",
            &first,
            Some("`contexta --help` lists all commands"),
        );
    } else {
        streams.usage(e);
    }
    2
}
