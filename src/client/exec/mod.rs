//! `contexta exec`: a program of any language as a captured run.
//!
//! Invariants:
//! 1. The program never waits for the capture, and no error of the capture ends the program.
//! 2. Output is passed on unchanged before it is captured.
//! 3. The modes of the terminal are restored on every return.

mod child;
mod lines;
mod outcome;
mod proc;
mod recorder;
mod sampler;
mod signals;
mod terminal;
mod traceback;

pub(crate) use crate::capture::TraceContext;
use crate::capture::{Emission, EventEmission, MetricEmission, RunScope};
use crate::client::contexta::Contexta;
use crate::client::error::{Error, Result, engine_io};
use crate::contract::{EventLevel, MetricValue, Origin, Value};
use child::Program;
use glob::glob;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use outcome::Outcome;
use recorder::{End, Recorder};
use rustix::process::Signal;
use sampler::Sampler;
use signals::Signals;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use terminal::Streams;

/// The first argument of this executable when it is started to become a program within a pseudo-terminal.
pub(crate) use child::IN_TERMINAL;

/// The time for which the rest of the output is awaited after the end of the program. A descendant that still runs can
/// hold the output open for ever.
const REST_MAX: Duration = Duration::from_millis(500);
/// The greatest number of files that patterns of artifacts can match.
const ARTIFACTS_MAX: usize = 10_000;

/// A program to run.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExecSettings {
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// The name of the run.
    pub(crate) run: String,
    /// The name of the stage that the output and the measurements belong to.
    pub(crate) stage: Option<String>,
    /// Patterns of files that are stored as artifacts if the program has changed them.
    pub(crate) artifacts: Vec<String>,
    /// The interval of the measurements of the machine.
    pub(crate) system_metrics: Option<Duration>,
    /// The trace of the program that started this process.
    pub(crate) trace_parent: Option<TraceContext>,
}

/// The result of a program.
#[derive(Debug)]
pub(crate) struct Executed {
    /// The exit code: the one of the program, or 128 and the number of the signal that killed it.
    pub(crate) code: u8,
    /// The reason for which the program could not be started.
    pub(crate) not_started: Option<String>,
    /// The first errors of the capture.
    pub(crate) errors: Vec<Error>,
}

/// Replaces this process by a program, without capture. Returns the exit code and the reason if this is not possible.
pub(crate) fn become_program(command: &[OsString]) -> (u8, String) {
    refused(&child::become_program(command), command)
}

/// Makes the terminal of this process its controlling terminal, and replaces this process by a program. Returns the exit
/// code and the reason if this is not possible.
pub(crate) fn become_in_terminal(command: &[OsString]) -> (u8, String) {
    refused(&child::become_in_terminal(command), command)
}

fn refused(error: &io::Error, command: &[OsString]) -> (u8, String) {
    let outcome = Outcome::not_started(error, &program_name(command));
    (outcome.exit, outcome.message())
}

fn program_name(command: &[OsString]) -> String {
    command.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Returns the command line as text, with quotes for a shell.
///
/// This is the only place where the command line enters the run.
fn command_line(command: &[OsString]) -> String {
    let quoted = |word: &OsString| {
        let word = word.to_string_lossy();
        let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,@+%".contains(c);
        match !word.is_empty() && word.chars().all(is_plain) {
            true => word.into_owned(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        }
    };
    command.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

impl Contexta {
    /// Runs a program as a captured run, and waits for its end. Errors: the run cannot be started; then the program was
    /// not started either.
    pub(crate) fn exec(&self, settings: &ExecSettings) -> Result<Executed> {
        let session = self.session.with_options(|options| {
            options.origin = Origin::WrappedCapture;
            options.trace_parent = settings.trace_parent;
        })?;
        let run = session.run(&settings.run).command(&command_line(&settings.command)).start()?;
        let stage = settings.stage.as_ref().map(|name| run.stage(name)).transpose()?;
        let scope = stage.as_ref().map_or_else(|| (&run).into(), |stage| stage.into());
        let workspace = self.absolute_root()?;
        let variables = [
            ("CONTEXTA_WORKSPACE", workspace.to_string_lossy().into_owned()),
            ("CONTEXTA_RUN", run.run_ref().to_string()),
            (
                "TRACEPARENT",
                stage.as_ref().map_or_else(|| run.trace_context(), |s| s.trace_context()).to_string(),
            ),
        ];
        let wrap = |e| engine_io("start a thread for", &workspace, e);
        let signals = Signals::receive().map_err(wrap)?;
        let recorder = Recorder::start(run.clone(), scope).map_err(wrap)?;
        let files = matching(&settings.artifacts);
        let watched = Watched { settings, run, workspace: &workspace, variables: &variables, files };
        Ok(watched.run(signals, recorder))
    }

    fn absolute_root(&self) -> Result<PathBuf> {
        let root = self.paths.root();
        std::path::absolute(root).map_err(|e| engine_io("inspect", root, e))
    }
}

/// A run whose program is about to start.
struct Watched<'a> {
    settings: &'a ExecSettings,
    run: RunScope,
    workspace: &'a Path,
    variables: &'a [(&'a str, String)],
    /// The state of the files that match the patterns of artifacts, before the start.
    files: BTreeMap<PathBuf, FileState>,
}

impl Watched<'_> {
    fn run(self, mut signals: Signals, recorder: Recorder) -> Executed {
        let started = Instant::now();
        let usage_before = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
        let sender = recorder.sender();
        let program = Program::start(&self.settings.command, self.variables, Some(&sender));
        let (outcome, records) = match program {
            Err(e) => (Outcome::not_started(&e, &program_name(&self.settings.command)), Vec::new()),
            Ok(mut program) => {
                let pid = program.child.id();
                let every = self.settings.system_metrics;
                let sampler = Sampler::start(pid, every, self.workspace.to_path_buf(), sender).ok();
                let outcome = wait(&mut program, &mut signals);
                let wall = started.elapsed();
                let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
                let peak = sampler.map_or(0, Sampler::finish);
                await_rest(&program);
                // The terminal has its usual modes again before anything is recorded, which can take a while.
                drop(program.raw.take());
                let records = measured(wall, usage_before.as_ref(), usage.as_ref(), peak, &outcome);
                (outcome, records)
            }
        };
        signals.restore();
        let artifacts = changed(&self.files, matching(&self.settings.artifacts));
        let (code, not_started) = (outcome.exit, outcome.not_started.clone());
        let errors = recorder.finish(End { outcome, records, artifacts });
        drop(self.run);
        Executed { code, not_started, errors }
    }
}

/// Waits for the end of the program, and passes signals on.
fn wait(program: &mut Program, signals: &mut Signals) -> Outcome {
    const IDLE: Duration = Duration::from_secs(1);
    let (mut is_asked, mut is_hung_up) = (false, false);
    loop {
        for signal in signals.take_forwarded() {
            is_asked |= signal == Signal::INT || signal == Signal::TERM;
            is_hung_up |= signal == Signal::HUP || signal == Signal::QUIT;
            program.send(signal);
        }
        if signals.take_window()
            && let (Some(master), Some(terminal)) = (&program.master, Streams::of_process().terminal())
        {
            use std::os::fd::AsFd;
            terminal::copy_size(terminal, master.as_fd());
        }
        match program.child.try_wait() {
            Ok(Some(status)) => {
                let is_key = program.interrupt_key.load(Ordering::SeqCst);
                let is_interrupted = is_asked || (is_hung_up || is_key) && !status.success();
                return Outcome::of(status, is_interrupted);
            }
            Ok(None) => signals.wait(IDLE),
            Err(e) => return Outcome::not_started(&e, "the program"),
        }
    }
}

/// Waits until the output has ended, for a short time.
fn await_rest(program: &Program) {
    for _ in 0..program.outputs {
        if program.ended.recv_timeout(REST_MAX).is_err() {
            return;
        }
    }
}

/// Returns the records of the end of a program: times, memory, exit code.
fn measured(
    wall: Duration,
    before: Option<&Usage>,
    after: Option<&Usage>,
    memory_peak: u64,
    outcome: &Outcome,
) -> Vec<Emission> {
    let mut records: Vec<Emission> = Vec::new();
    let mut add = |key: &str, value: MetricValue, unit: &str| {
        records.push(MetricEmission::new(format!("process/{key}"), value).unit(unit).into());
    };
    add("wall_seconds", wall.as_secs_f64().into(), "seconds");
    if let (Some(before), Some(after)) = (before, after) {
        let seconds = |usage: &Usage| {
            let of = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
            (of(usage.user_time()), of(usage.system_time()))
        };
        let ((user_before, system_before), (user, system)) = (seconds(before), seconds(after));
        let (user, system) = ((user - user_before).max(0.0), (system - system_before).max(0.0));
        add("cpu_seconds", (user + system).into(), "seconds");
        add("user_seconds", user.into(), "seconds");
        add("system_seconds", system.into(), "seconds");
        if after.max_rss() > 0 {
            let unit = if cfg!(target_os = "linux") { 1 << 10 } else { 1 };
            add("largest_process_memory_peak", (after.max_rss() * unit).into(), "bytes");
        }
    }
    if memory_peak > 0 {
        add("memory_peak", memory_peak.into(), "bytes");
    }
    let level = if outcome.exit == 0 { EventLevel::Info } else { EventLevel::Error };
    let mut event = EventEmission::new("process.exited", outcome.message()).level(level);
    for (key, value) in [("exit_code", outcome.code), ("signal", outcome.signal)] {
        if let Some(value) = value {
            event = event.attribute(key, Value::from(i64::from(value)));
        }
    }
    records.push(event.into());
    records
}

/// The properties of a file that change when its content changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState {
    len: u64,
    /// The time of the last change, in seconds and nanoseconds.
    modified: (i64, i64),
}

/// Returns the regular files that match the patterns. A pattern that cannot be parsed matches nothing.
fn matching(patterns: &[String]) -> BTreeMap<PathBuf, FileState> {
    let paths = patterns.iter().filter_map(|pattern| glob(pattern).ok()).flatten().flatten();
    let state = |path: PathBuf| {
        let info = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        Some((path, FileState { len: info.len(), modified: (info.mtime(), info.mtime_nsec()) }))
    };
    paths.filter_map(state).take(ARTIFACTS_MAX).collect()
}

/// Returns the files that are new or have changed.
fn changed(before: &BTreeMap<PathBuf, FileState>, after: BTreeMap<PathBuf, FileState>) -> Vec<PathBuf> {
    let is_changed = |(path, state): &(PathBuf, FileState)| before.get(path) != Some(state);
    after.into_iter().filter(is_changed).map(|(path, _)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_quoted_for_a_shell() {
        let words = ["python", "a b.py", "--name=x", "it's", ""].map(OsString::from);
        assert_eq!(command_line(&words), r"python 'a b.py' --name=x 'it'\''s' ''");
    }
}
