//! The recorder: a thread that captures the output and the end of a program. The program never waits for it.

use crate::capture::environment::python::Python;
use crate::capture::redact::{KeyBlock, Redactor};
use crate::capture::{
    self, AnyScope, ArtifactRegistration, BatchCaptureResult, CaptureResult, Emission, EventEmission,
    IngestMode, RunScope,
};
use crate::client::error::Error;
use crate::client::exec::outcome::Outcome;
use crate::client::exec::traceback::{Passage, Tracebacks};
use crate::contract::{EventLevel, RunStatus, Runtime};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The number of messages that wait for the recorder at most.
const WAITING_MAX: usize = 1024;
/// The number of messages that are recorded in one commit at most.
const COMMIT_MESSAGES: usize = 256;
/// The number of lines of a second that are captured, and the number of lines that look like errors in addition.
const LINES_PER_SECOND: u32 = 50;
const ERRORS_PER_SECOND: u32 = 10;
/// The time after which a traceback is captured although no line has followed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The origin of an output line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The terminal of the program, which shows both.
    Terminal,
}

impl Source {
    fn key(self) -> &'static str {
        match self {
            Source::Stdout => "output.stdout",
            Source::Stderr => "output.stderr",
            Source::Terminal => "output.terminal",
        }
    }
}

/// A message to the recorder.
pub(super) enum Message {
    /// A line of output.
    Line(Source, String),
    /// Measurements.
    Records(Vec<Emission>),
    /// The end of the program.
    End(Box<End>),
}

/// The end of a program.
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) records: Vec<Emission>,
    /// The files that become artifacts.
    pub(super) files: Vec<PathBuf>,
    /// The directories that become artifacts.
    pub(super) trees: Vec<PathBuf>,
    /// The Python interpreter of the program; `None` if it is not known.
    pub(super) python: Option<Python>,
}

/// A sender of messages that never waits.
#[derive(Clone)]
pub(super) struct Sender {
    messages: SyncSender<Message>,
    /// The number of lines that were not sent since the last report.
    dropped: Arc<AtomicU64>,
}

impl Sender {
    pub(super) fn line(&self, source: Source, line: String) {
        if self.messages.try_send(Message::Line(source, line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn records(&self, records: Vec<Emission>) {
        match self.messages.try_send(Message::Records(records)) {
            // Measurements of a moment in which the recorder is too slow are lost.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

/// A running recorder.
pub(super) struct Recorder {
    sender: Sender,
    thread: JoinHandle<Vec<Error>>,
}

impl Recorder {
    /// Starts the recorder for a run. Records belong to `scope`. Errors: no thread can be started.
    pub(super) fn start(run: RunScope, scope: AnyScope, redactor: Redactor) -> std::io::Result<Recorder> {
        let (messages, receiver) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let sender = Sender { messages, dropped: Arc::clone(&dropped) };
        let state = Recording {
            run,
            scope,
            dropped,
            reported: Instant::now(),
            second: Instant::now(),
            lines: 0,
            error_lines: 0,
            outputs: [Source::Stdout, Source::Stderr, Source::Terminal].map(|source| Output {
                source,
                key: KeyBlock::default(),
                tracebacks: Tracebacks::default(),
            }),
            redactor,
            pending: Vec::new(),
            errors: Vec::new(),
        };
        let thread =
            thread::Builder::new().name("contexta-exec".to_owned()).spawn(move || state.run(receiver))?;
        Ok(Recorder { sender, thread })
    }

    pub(super) fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Records the end of the program and waits for the recorder. Returns the first errors of captures.
    pub(super) fn finish(self, end: End) -> Vec<Error> {
        // The program has ended, so waiting is allowed here.
        let _ = self.sender.messages.send(Message::End(Box::new(end)));
        drop(self.sender);
        self.thread.join().unwrap_or_default()
    }
}

/// The state of one stream of output.
struct Output {
    source: Source,
    key: KeyBlock,
    tracebacks: Tracebacks,
}

/// The state of the recorder's thread.
struct Recording {
    run: RunScope,
    scope: AnyScope,
    dropped: Arc<AtomicU64>,
    /// The time of the last report of lines that were not captured.
    reported: Instant,
    /// The beginning of the second in which `lines` lines and `error_lines` lines that look like errors were captured.
    second: Instant,
    lines: u32,
    error_lines: u32,
    outputs: [Output; 3],
    redactor: Redactor,
    pending: Vec<Emission>,
    errors: Vec<Error>,
}

impl Recording {
    fn run(mut self, messages: Receiver<Message>) -> Vec<Error> {
        loop {
            match messages.recv_timeout(PATIENCE) {
                Ok(message) => {
                    let waiting = messages.try_iter().take(COMMIT_MESSAGES);
                    for message in std::iter::once(message).chain(waiting) {
                        match message {
                            Message::End(end) => {
                                self.end(*end);
                                return self.errors;
                            }
                            message => self.add(message),
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.end_passages(),
                Err(RecvTimeoutError::Disconnected) => return self.errors,
            }
            self.report_dropped(false);
            self.commit();
        }
    }

    fn add(&mut self, message: Message) {
        match message {
            Message::Line(source, line) => {
                let mut found = Vec::new();
                if let Some(output) = self.outputs.iter_mut().find(|output| output.source == source) {
                    // The lines of a private key are secrets only together.
                    let line = match self.redactor.redact_line(&mut output.key, &line) {
                        Cow::Owned(replaced) => replaced,
                        Cow::Borrowed(_) => line,
                    };
                    output.tracebacks.push(line, &mut |passage| found.push(passage));
                }
                found.into_iter().for_each(|passage| self.passage(source, passage));
            }
            Message::Records(records) => self.pending.extend(records),
            Message::End(_) => {}
        }
    }

    fn end_passages(&mut self) {
        let mut found = Vec::new();
        for output in &mut self.outputs {
            output.tracebacks.end(&mut |passage| found.push((output.source, passage)));
        }
        found.into_iter().for_each(|(source, passage)| self.passage(source, passage));
    }

    /// Adds the event of a line or traceback, if the limits of this second allow it.
    fn passage(&mut self, source: Source, passage: Passage) {
        let event = match passage {
            Passage::Line(line) => {
                let level = if source == Source::Stdout { EventLevel::Info } else { level_of(&line) };
                EventEmission::new(source.key(), line).level(level)
            }
            Passage::Traceback { exception, text } => EventEmission::new("output.traceback", exception)
                .level(EventLevel::Error)
                .attribute("traceback", text),
        };
        if self.second.elapsed() >= Duration::from_secs(1) {
            (self.second, self.lines, self.error_lines) = (Instant::now(), 0, 0);
        }
        let is_error = event.level >= EventLevel::Error;
        if self.lines < LINES_PER_SECOND {
            self.lines += 1;
        } else if is_error && self.error_lines < ERRORS_PER_SECOND {
            self.error_lines += 1;
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.pending.push(event.into());
    }

    /// Adds an event with the number of lines that were not captured, at most once a second.
    fn report_dropped(&mut self, is_last: bool) {
        if !is_last && self.reported.elapsed() < Duration::from_secs(1) {
            return;
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            self.reported = Instant::now();
            let message = format!("{dropped} lines of output were not captured, because they came too fast");
            let event = EventEmission::new("output.dropped", message);
            let event = event.level(EventLevel::Warning).attribute("lines", dropped as i64);
            self.pending.push(event.into());
        }
    }

    /// Captures the pending records. If one of them is refused, the others are captured one by one.
    fn commit(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        match self.scope.emit_all(pending.clone()) {
            Ok(results) => self.note(delivered(results)),
            // The log contains the records, so they are not captured again.
            Err(e) if e.is_recorded() => self.note(Err(e.into())),
            Err(_) => {
                for emission in pending {
                    let results = self.scope.emit_all([emission]);
                    self.note(results.map_err(Error::from).and_then(delivered));
                }
            }
        }
    }

    /// Keeps the error of a capture. Only the first few are kept.
    fn note(&mut self, done: Result<(), Error>) {
        if let Err(e) = done
            && self.errors.len() < 3
        {
            self.errors.push(e);
        }
    }

    fn end(&mut self, end: End) {
        self.end_passages();
        self.report_dropped(true);
        self.pending.extend(end.records);
        self.commit();
        if let Some(python) = end.python {
            let recorded = self.run.program(python.version.as_deref().map(python_runtime), python.packages);
            self.note(recorded.map_err(Error::from));
        }
        let files = end.files.into_iter().map(|path| ("file", path));
        for (kind, path) in files.chain(end.trees.into_iter().map(|path| ("directory", path))) {
            // The files belong to the program. The modes `move` and `adopt` of the settings would remove them.
            let what = ArtifactRegistration::output(kind, path).ingest_mode(IngestMode::Copy);
            let registered = self.scope.register(what).and_then(|registered| registered.check_stored());
            self.note(registered.map_err(Error::from));
        }
        match end.outcome.status() {
            RunStatus::Completed => {
                let completed = self.scope.complete();
                let is_recorded = completed.as_ref().err().is_none_or(capture::Error::is_recorded);
                self.note(completed.map_err(Error::from));
                if is_recorded {
                    let completed = self.complete_run();
                    self.note(completed.map_err(Error::from));
                }
            }
            RunStatus::Cancelled => {
                let ended = self.run.cancel();
                self.note(ended.map(drop).map_err(Error::from));
            }
            _ => {
                let ended = self.run.fail(&end.outcome.message());
                self.note(ended.map(drop).map_err(Error::from));
            }
        }
    }

    /// Completes the run, unless the scope that was completed is the run itself.
    fn complete_run(&self) -> crate::capture::Result<()> {
        if self.run.status() == RunStatus::Open { self.run.complete().map(drop) } else { Ok(()) }
    }
}

/// Returns an error if a record was not written to the log or not delivered to a sink. With
/// [`FailureMode::Outbox`](crate::capture::FailureMode), the capture itself reports this only in its results.
fn delivered(results: BatchCaptureResult) -> Result<(), Error> {
    let is_whole = |result: &CaptureResult| result.error_message().is_none() && !result.recovered_to_outbox();
    let is_delivered = results.results().iter().all(is_whole);
    if is_delivered { Ok(()) } else { Err(capture::Error::Delivery(Box::new(results)).into()) }
}

fn python_runtime(version: &str) -> Runtime {
    Runtime::new("python", version)
}

/// Returns the level of a line of standard error or of a terminal. The first words decide: a word such as `error` counts
/// at the beginning of the line, before a colon or bracket, or in capitals.
fn level_of(line: &str) -> EventLevel {
    const WORDS_MAX: usize = 8;
    let mut rest = line;
    for n in 0..WORDS_MAX {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let (word, after) = rest.split_at(rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()));
        rest = after;
        let is_label = after.starts_with([':', ']']);
        let is_marked = n == 0 || is_label || word.chars().all(char::is_uppercase);
        let is_title = word.chars().next().is_some_and(char::is_uppercase);
        match word.to_ascii_lowercase().as_str() {
            "error" | "fatal" | "critical" if is_marked => return EventLevel::Error,
            "panicked" => return EventLevel::Error,
            "warning" | "warn" if is_marked => return EventLevel::Warning,
            lower if is_title && is_label => {
                if lower.ends_with("error") || lower.ends_with("exception") {
                    return EventLevel::Error;
                }
                if lower.ends_with("warning") {
                    return EventLevel::Warning;
                }
            }
            _ => {}
        }
    }
    EventLevel::Info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_of_a_line_follows_its_words() {
        for (line, level) in [
            ("ERROR: no such file", EventLevel::Error),
            ("ValueError: no", EventLevel::Error),
            ("thread 'main' panicked at src/main.rs:1:1:", EventLevel::Error),
            ("2024-01-01 12:00:00 WARNING low memory", EventLevel::Warning),
            ("a.py:3: UserWarning: old", EventLevel::Warning),
            ("[error] no", EventLevel::Error),
            ("epoch 3: mean_squared_errors 0.3", EventLevel::Info),
            ("validation error 0.12 (no warning)", EventLevel::Info),
            ("terror", EventLevel::Info),
        ] {
            assert_eq!(level_of(line), level, "{line}");
        }
    }
}
