//! The command `contexta`.
//!
//! Exit codes: 0 done, 1 an error, 2 wrong usage; `verify`: 0 whole, 1 damaged, 3 could not check. Results go to
//! standard output; notes, progress and errors to standard error. A reader that closes standard output changes no exit code.

mod args;
mod commands;
mod output;
mod settings;
mod text;

use args::{
    Cli, Command, ConfigCommand, ExportCommand, Format, ImportCommand, LogCommand, ReportCommand, RunCommand,
};
use clap::Parser;
use clap::error::ErrorKind;
use output::Output;
use std::ffi::OsString;
use std::process::ExitCode;

/// What a command did: its exit code.
type Outcome = Result<u8, Failure>;

/// Why a command stopped.
enum Failure {
    /// The client refused.
    Client(crate::client::Error),
    /// Writing the result failed.
    Write(std::io::Error),
    /// A file that the user named cannot be written.
    WriteFile(std::path::PathBuf, std::io::Error),
    /// A file that the user named cannot be read.
    Read(std::path::PathBuf, std::io::Error),
}

impl From<crate::client::Error> for Failure {
    fn from(e: crate::client::Error) -> Failure {
        Failure::Client(e)
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Failure {
        Failure::Write(e)
    }
}

impl Failure {
    /// `true`: the reader of standard output has closed the pipe, so that it has read enough.
    fn is_closed_pipe(&self) -> bool {
        matches!(self, Failure::Write(e) if e.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// Runs the command line and gives the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = gathered(args);
    let mut cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(e) => return usage(&e, &args),
    };
    let (out, error) = settings::load(&mut cli);
    if let Some(error) = error {
        out.failure(&Failure::Client(error.into()));
        // That the settings are wrong says nothing about the workspace.
        return ExitCode::from(if matches!(cli.command, Command::Verify(_)) { 3 } else { 1 });
    }
    match dispatch(&cli, &out) {
        Ok(code) => ExitCode::from(code),
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            out.failure(&failure);
            ExitCode::FAILURE
        }
    }
}

/// The arguments with those that may be repeated in front, where the parser counts all of them: of an option that stands before
/// and behind a command it keeps the ones behind.
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

fn dispatch(cli: &Cli, out: &Output) -> Outcome {
    match &cli.command {
        Command::Init => commands::init::run(cli, out),
        Command::Runs(args) => commands::runs::run(cli, args, out),
        Command::Run(RunCommand::List(args)) => commands::runs::run(cli, args, out),
        Command::Run(RunCommand::Show(args)) => commands::run_show::run(cli, args, out),
        Command::Compare(args) | Command::Run(RunCommand::Compare(args)) => {
            commands::compare::run(cli, args, out)
        }
        Command::Lineage(args) => commands::lineage::run(cli, args, out),
        Command::Report(ReportCommand::Snapshot(args)) => commands::report::snapshot(cli, args, out),
        Command::Report(ReportCommand::Compare(args)) => commands::report::compare(cli, args, out),
        Command::Verify(args) => Ok(commands::verify::run(cli, args, out)),
        Command::Merge(args) => commands::merge::run(cli, args, out),
        Command::Import(ImportCommand::Jsonl(args)) => commands::import::jsonl(cli, args, out),
        Command::Export(ExportCommand::Jsonl(args)) => commands::export::jsonl(cli, args, out),
        Command::Rebuild => commands::rebuild::run(cli, out),
        Command::Digest => commands::digest::run(cli, out),
        Command::Log(LogCommand::Heads) => commands::log::heads(cli, out),
        Command::Log(LogCommand::Ls) => commands::log::ls(cli, out),
        Command::Log(LogCommand::Dump(args)) => commands::log::dump(cli, args, out),
        Command::Config(ConfigCommand::Show(args)) => commands::config::show(cli, args, out),
        Command::Config(ConfigCommand::Path) => commands::config::path(cli, out),
        Command::Config(ConfigCommand::Check(args)) => commands::config::check(cli, args, out),
    }
}

/// An error and its sources in one line, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let said = inner.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        source = inner.source();
    }
    text
}

/// Help and version are answers; everything else the parser says is wrong usage.
fn usage(e: &clap::Error, args: &[OsString]) -> ExitCode {
    if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = e.print();
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let json =
        words.windows(2).any(|w| w == ["--format", "json"]) || words.iter().any(|w| w == "--format=json");
    if json {
        let message = e.to_string();
        let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Output::new(Format::Json, false, false).error(
            "usage",
            &first,
            Some("`contexta --help` lists all commands"),
        );
    } else {
        let _ = e.print();
    }
    ExitCode::from(2)
}
