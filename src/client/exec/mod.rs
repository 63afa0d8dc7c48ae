//! `contexta exec`: a program of any language as a captured run.
//!
//! Invariants:
//! 1. The program never waits for the capture, and no error of the capture ends the program.
//! 2. Output is passed on unchanged before it is captured.
//! 3. The modes of the terminal are restored on every return.

mod artifacts;
mod child;
mod lines;
mod outcome;
mod proc;
mod recorder;
mod sampler;
mod signals;
mod terminal;
mod traceback;

pub(crate) use crate::capture::FailureMode;
use crate::capture::environment::python::{self, Python};
use crate::capture::redact::Redactor;
use crate::capture::{AnyScope, DegradedEmission, Emission, EventEmission, MetricEmission, RunScope};
use crate::client::contexta::Contexta;
use crate::client::error::{Error, Result, engine_io};
use crate::contract::{EventLevel, MetricValue, Origin, Value};
use crate::interpretation::provenance::shell::quoted;
use artifacts::Watch;
use child::Program;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use outcome::Outcome;
use recorder::{End, Recorder};
use rustix::process::Signal;
use sampler::Sampler;
use signals::Signals;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use terminal::Streams;

/// The first argument of this executable when it is started to become a program within a pseudo-terminal.
pub(crate) use child::IN_TERMINAL;

/// The time without output after which [`await_rest`] stops waiting. The limit is needed because a descendant of the
/// program can keep the output open for ever.
const REST_IDLE_MAX: Duration = Duration::from_millis(500);

/// A program to run.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExecSettings {
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// The name of the run.
    pub(crate) run: String,
    /// The name of the stage that the output and the measurements belong to.
    pub(crate) stage: Option<String>,
    /// Patterns of files, and paths of directories. Those that the program creates or changes are stored as artifacts.
    pub(crate) artifacts: Vec<String>,
    /// The interval of the measurements of the machine.
    pub(crate) system_metrics: Option<Duration>,
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

/// Makes the terminal of this process its controlling terminal, and replaces this process by a program. Returns the
/// exit code and the reason if this is not possible.
pub(crate) fn become_in_terminal(command: &[OsString]) -> (u8, String) {
    refused(&child::become_in_terminal(command), command)
}

/// Returns the patterns of artifacts that cannot be parsed, with the reasons.
pub(crate) fn unusable_patterns(patterns: &[String]) -> Vec<(String, String)> {
    artifacts::unusable(patterns)
}

fn refused(error: &io::Error, command: &[OsString]) -> (u8, String) {
    let outcome = Outcome::not_started(error, &program_name(command));
    (outcome.exit, outcome.message())
}

fn program_name(command: &[OsString]) -> String {
    command.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Returns the command line as text, without secrets and quoted for a shell. Secrets are replaced before the words are
/// quoted, because quoting can insert characters into a secret.
fn command_line(command: &[OsString], redactor: &Redactor) -> String {
    let words: Vec<String> = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let words = redactor.redact_command(&words);
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

impl Contexta {
    /// Runs a program as a captured run, and waits for its end. Errors: the run cannot be started; then the program was
    /// not started either.
    pub(crate) fn exec(&self, settings: &ExecSettings) -> Result<Executed> {
        let session = self.session.with_options(|options| options.origin = Origin::WrappedCapture)?;
        let options = session.options();
        let (redactor, is_described) = (Redactor::new(&options.redaction), options.environment);
        let command = command_line(&settings.command, &redactor);
        let run = session.run(&settings.run).command(&command).start()?;
        let stage = settings.stage.as_ref().map(|name| run.stage(name)).transpose()?;
        let scope: AnyScope = stage.as_ref().map_or_else(|| (&run).into(), |stage| stage.into());
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
        let recorder = Recorder::start(run.clone(), scope, redactor).map_err(wrap)?;
        let watch = Watch::begin(&settings.artifacts, &workspace);
        let watched =
            Watched { settings, run, workspace: &workspace, variables: &variables, watch, is_described };
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
    /// The state of the files that can become artifacts, before the start of the program.
    watch: Watch,
    /// `true` to record the version and the packages of the program's Python interpreter.
    is_described: bool,
}

impl Watched<'_> {
    fn run(self, mut signals: Signals, recorder: Recorder) -> Executed {
        let command = &self.settings.command;
        let started = Instant::now();
        let sender = recorder.sender();
        let mut errors = Vec::new();
        let (outcome, mut records, python) = match Program::start(command, self.variables, &sender, &signals)
        {
            Err(e) => (Outcome::not_started(&e, &program_name(command)), Vec::new(), None),
            Ok(mut program) => {
                let lost = std::mem::take(&mut program.errors).into_iter();
                errors.extend(lost.map(|e| engine_io("capture the output for", self.workspace, e)));
                let python = self.is_described.then(|| describe_python(command)).flatten();
                let pid = program.child.id();
                let every = self.settings.system_metrics;
                let sampler = Sampler::start(pid, every, self.workspace.to_path_buf(), sender).ok();
                let (outcome, usage) = wait(&mut program, &mut signals);
                let wall = started.elapsed();
                let peak = sampler.map_or(0, Sampler::finish);
                await_rest(&program, &mut signals);
                // The terminal has its usual modes again before anything is recorded, which can take a while.
                drop(program.raw.take());
                let records = measured(wall, usage.as_ref(), peak, &outcome);
                (outcome, records, python)
            }
        };
        signals.restore();
        let changed = self.watch.end();
        let left_out = |summary| DegradedEmission::new("artifact.files_left_out", summary).into();
        records.extend(changed.left_out.iter().map(left_out));
        let (code, not_started) = (outcome.exit, outcome.not_started.clone());
        let python = python.and_then(|python| python.join().ok());
        let end = End { outcome, records, files: changed.files, trees: changed.trees, python };
        errors.extend(recorder.finish(end));
        drop(self.run);
        Executed { code, not_started, errors }
    }
}

/// Starts a thread that reads the version and the packages of the program's Python interpreter. Returns `None` if the
/// program is not a Python program, or if the thread cannot be started.
fn describe_python(command: &[OsString]) -> Option<JoinHandle<Python>> {
    let interpreter = python::interpreter_of(command.first()?)?;
    let describe = move || python::of_interpreter(&interpreter);
    thread::Builder::new().name("contexta-python".to_owned()).spawn(describe).ok()
}

/// The resources that a program and its descendants have used.
struct Used {
    user_seconds: f64,
    system_seconds: f64,
    /// The peak memory of the largest process, in the unit of the kernel.
    max_rss: i64,
}

impl Used {
    /// Returns the resources that the program used, from the usage of all children before and after its end. The times
    /// are differences. The peak memory is that of the largest child of this process so far.
    fn between(before: &Usage, after: &Usage) -> Used {
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        Used {
            user_seconds: (seconds(after.user_time()) - seconds(before.user_time())).max(0.0),
            system_seconds: (seconds(after.system_time()) - seconds(before.system_time())).max(0.0),
            max_rss: after.max_rss(),
        }
    }
}

/// Waits for the end of the program, and passes signals on.
fn wait(program: &mut Program, signals: &mut Signals) -> (Outcome, Option<Used>) {
    const IDLE: Duration = Duration::from_secs(1);
    let (mut is_asked, mut is_hung_up) = (false, false);
    loop {
        for received in signals.take_forwarded() {
            is_asked |= received.signal == Signal::INT || received.signal == Signal::TERM;
            is_hung_up |= received.signal == Signal::HUP || received.signal == Signal::QUIT;
            program.send(received);
        }
        if signals.take_window()
            && let (Some(master), Some(terminal)) = (&program.master, Streams::of_process().terminal())
        {
            use std::os::fd::AsFd;
            terminal::copy_size(terminal, master.as_fd());
        }
        // The kernel adds the usage of a child to the usage of all children when this process waits for the child. The
        // two measurements are close together, so the end of another child, such as git, rarely lies between them.
        let before = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
        match program.child.try_wait() {
            Ok(Some(status)) => {
                let after = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
                let used = before.zip(after).map(|(before, after)| Used::between(&before, &after));
                let is_key = program.interrupt_key.swap(false, Ordering::SeqCst);
                let is_interrupted = is_asked || (is_hung_up || is_key) && !status.success();
                return (Outcome::of(status, is_interrupted), used);
            }
            Ok(None) => signals.wait(IDLE),
            Err(e) => return (Outcome::not_started(&e, "the program"), None),
        }
    }
}

/// Waits until the output has ended and all of it is written. Stops earlier if nothing is read for [`REST_IDLE_MAX`]
/// and no bytes wait to be written, and after a terminating signal or the interrupt key.
fn await_rest(program: &Program, signals: &mut Signals) {
    let progress = &program.progress;
    let (mut reads, mut since) = (progress.reads(), Instant::now());
    while !progress.is_over() {
        let is_asked = signals.take_forwarded().any(signals::Received::is_terminating);
        if is_asked || program.interrupt_key.load(Ordering::SeqCst) {
            return;
        }
        if progress.is_writing() || progress.reads() != reads {
            (reads, since) = (progress.reads(), Instant::now());
        }
        let left = REST_IDLE_MAX.saturating_sub(since.elapsed());
        if left.is_zero() {
            return;
        }
        signals.wait(left);
    }
}

/// Returns the records of the end of a program: times, memory, exit code.
fn measured(wall: Duration, used: Option<&Used>, memory_peak: u64, outcome: &Outcome) -> Vec<Emission> {
    let mut records: Vec<Emission> = Vec::new();
    let mut add = |key: &str, value: MetricValue, unit: &str| {
        records.push(MetricEmission::new(format!("process/{key}"), value).unit(unit).into());
    };
    add("wall_seconds", wall.as_secs_f64().into(), "seconds");
    if let Some(used) = used {
        add("cpu_seconds", (used.user_seconds + used.system_seconds).into(), "seconds");
        add("user_seconds", used.user_seconds.into(), "seconds");
        add("system_seconds", used.system_seconds.into(), "seconds");
        if used.max_rss > 0 {
            let unit = if cfg!(target_os = "linux") { 1 << 10 } else { 1 };
            add("largest_process_memory_peak", (used.max_rss * unit).into(), "bytes");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_quoted_for_a_shell() {
        let words = ["python", "a b.py", "--name=x", "it's", ""].map(OsString::from);
        assert_eq!(command_line(&words, &Redactor::default()), r"python 'a b.py' --name=x 'it'\''s' ''");
        let words = ["训练", "\u{1b}[31m", "a\u{202e}b"].map(OsString::from);
        let line = r#"'训练' ''"$(printf '\033')"'[31m' 'a'"$(printf '\342\200\256')"'b'"#;
        assert_eq!(command_line(&words, &Redactor::default()), line);
    }

    #[test]
    fn secret_with_a_quotation_mark_is_replaced_as_a_whole() {
        let words =
            ["train", "--password=hunter'2SuperSecretTail", "--token", "a'b c", "x"].map(OsString::from);
        let line = command_line(&words, &Redactor::default());
        assert_eq!(line, "train '--password=[redacted]' --token '[redacted]' x");
        assert_eq!(Redactor::default().redact_command_line(&line), line);
    }
}
