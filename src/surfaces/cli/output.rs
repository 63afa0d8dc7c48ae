//! The output of the command. Results are written to standard output. Notes, progress and errors are written to
//! standard error. A caller in the same process can capture both streams ([`Streams`]).

use crate::client::write_file;
use crate::config::ConfigWarning;
use crate::contract::Value;
use crate::contract::json::write::{canonical, pretty};
use crate::interpretation::{Block, Note, ReportDocument, Severity};
use crate::surfaces::answer::Answer;
use crate::surfaces::cli::args::Format;
use crate::surfaces::cli::failure::Failure;
use crate::surfaces::escape;
use crate::surfaces::terminal::{Paint, Style, render};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use terminal_size::terminal_size;

/// The greatest number of settings without an effect that are named individually.
const NO_EFFECT_MAX: usize = 5;

/// The destinations of results and messages.
#[derive(Clone)]
pub(super) enum Streams {
    /// Standard output and standard error of this process.
    Standard,
    /// Two buffers in the memory of the caller. The first buffer receives the results, and the second buffer
    /// receives the messages.
    Captured(Rc<RefCell<Vec<u8>>>, Rc<RefCell<Vec<u8>>>),
}

impl Streams {
    fn results(&self) -> Box<dyn Write> {
        match self {
            Streams::Standard => Box::new(io::stdout().lock()),
            Streams::Captured(results, _) => Box::new(Captured(Rc::clone(results))),
        }
    }

    fn messages(&self) -> Box<dyn Write> {
        match self {
            Streams::Standard => Box::new(io::stderr()),
            Streams::Captured(_, messages) => Box::new(Captured(Rc::clone(messages))),
        }
    }

    fn is_terminal(&self) -> bool {
        matches!(self, Streams::Standard) && io::stdout().is_terminal()
    }

    fn messages_are_terminal(&self) -> bool {
        matches!(self, Streams::Standard) && io::stderr().is_terminal()
    }

    /// Writes the help, the version or an error of the argument parser. The parser determines the stream.
    pub(super) fn usage(&self, e: &clap::Error) {
        let _ = match self {
            Streams::Standard => e.print(),
            Streams::Captured(..) if e.use_stderr() => write!(self.messages(), "{}", e.render()),
            Streams::Captured(..) => write!(self.results(), "{}", e.render()),
        };
    }
}

/// A writer that appends to memory of the caller.
struct Captured(Rc<RefCell<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The destination and the form of the output.
pub(super) struct Output {
    streams: Streams,
    format: Format,
    quiet: bool,
    results: Style,
    messages: Style,
}

impl Output {
    pub(super) fn new(streams: &Streams, format: Format, quiet: bool, color: bool) -> Output {
        let color = color && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let is_terminal = streams.is_terminal();
        // Lines in a pipe or file may have any length, because programs read them.
        let width = terminal_size().filter(|_| is_terminal).map(|(width, _)| usize::from(width.0));
        Output {
            streams: streams.clone(),
            format,
            quiet,
            results: Style { width, color: color && is_terminal },
            messages: Style { width: None, color: color && streams.messages_are_terminal() },
        }
    }

    /// Returns the writer of results. It is not buffered, and it locks standard output while it exists.
    pub(super) fn results(&self) -> Box<dyn Write> {
        self.streams.results()
    }

    /// Returns `true` if standard output is a pipe whose reader has closed it.
    #[cfg(unix)]
    pub(super) fn is_closed(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let stdout = rustix::stdio::stdout();
        let mut waiting = [PollFd::from_borrowed_fd(stdout, PollFlags::empty())];
        let polled = poll(&mut waiting, Some(&Timespec::default()));
        let is_broken = waiting.iter().any(|fd| fd.revents().contains(PollFlags::ERR));
        matches!(self.streams, Streams::Standard) && polled.is_ok() && is_broken
    }

    /// Returns the directory for temporary files of long operations.
    pub(super) fn temporary_dir(&self) -> PathBuf {
        std::env::temp_dir()
    }

    /// Asks a question on standard error, and returns `true` if the user answers yes. Returns `false` without a
    /// question if standard input or standard error is not a terminal.
    pub(super) fn confirm(&self, question: &str) -> io::Result<bool> {
        if !self.streams.messages_are_terminal() || !io::stdin().is_terminal() {
            return Ok(false);
        }
        let mut messages = self.streams.messages();
        messages.write_all(plain(question).as_bytes())?;
        messages.flush()?;
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes an answer as JSON or as text. The text is the document of the answer, and the notes of the document go to
    /// standard error.
    pub(super) fn answer(
        &self,
        answer: &dyn Answer,
        document: impl FnOnce() -> ReportDocument,
    ) -> io::Result<()> {
        self.answer_value(|| answer.to_value(), document)
    }

    /// Writes an answer that does not implement [`Answer`]. If the output is JSON, `json` creates the content,
    /// otherwise `document`.
    pub(super) fn answer_value(
        &self,
        json: impl FnOnce() -> Value,
        document: impl FnOnce() -> ReportDocument,
    ) -> io::Result<()> {
        if self.is_json() {
            return self.json(&json());
        }
        let document = document();
        for block in document.sections.iter().flat_map(|section| &section.blocks) {
            if let Block::Notes(notes) = block {
                self.notes(notes);
            }
        }
        self.text(&render(&document, self.results))
    }

    /// Writes lines of text. A closed pipe is not an error, because the exit code of a command does not depend on the
    /// reader.
    pub(super) fn text(&self, text: &str) -> io::Result<()> {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let mut out = self.results();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes()));
        match written.and_then(|()| out.flush()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    /// Writes one JSON document.
    pub(super) fn json(&self, value: &Value) -> io::Result<()> {
        self.text(&self.json_text(value)?)
    }

    /// Returns one JSON document as text, in which hidden characters are escaped.
    pub(super) fn json_text(&self, value: &Value) -> io::Result<String> {
        // The conversion cannot fail: only a number that is not finite has no JSON form, and answers contain no such
        // number.
        Ok(escape::document(pretty(value).map_err(io::Error::other)?))
    }

    /// Writes one JSON object on a line of its own.
    pub(super) fn json_line(&self, out: &mut dyn Write, value: &Value) -> io::Result<()> {
        writeln!(out, "{}", escape::document(canonical(value).map_err(io::Error::other)?))
    }

    /// Writes the notes of an answer to standard error, unless the output is quiet or JSON. JSON output contains the
    /// notes.
    pub(super) fn notes(&self, notes: &[Note]) {
        if self.quiet || self.is_json() {
            return;
        }
        for note in notes.iter().filter(|n| is_shown(n)) {
            let (label, paint) = match note.severity {
                Severity::Info => ("note", Paint::Dim),
                Severity::Warning => ("warning", Paint::Yellow),
                Severity::Error => ("missing", Paint::Red),
            };
            let label = self.messages.paint(paint, label);
            let _ = writeln!(self.streams.messages(), "{label}: {} [{}]", plain(&note.message), note.code);
        }
    }

    /// Writes the warnings about the settings to standard error, unless the output is quiet or JSON.
    pub(super) fn warnings(&self, warnings: &[ConfigWarning]) {
        if self.quiet || self.is_json() {
            return;
        }
        let mut without_effect = 0;
        for warning in warnings {
            if matches!(warning, ConfigWarning::NoEffect { .. }) {
                without_effect += 1;
                if without_effect > NO_EFFECT_MAX {
                    continue;
                }
            }
            self.warning(&warning.message(), warning.code());
        }
        if without_effect > NO_EFFECT_MAX {
            let more = without_effect - NO_EFFECT_MAX;
            let message = format!("{more} more settings have no effect; `contexta config show` marks them");
            self.warning(&message, "config_no_effect");
        }
    }

    fn warning(&self, message: &str, code: &str) {
        let label = self.messages.paint(Paint::Yellow, "warning");
        let _ = writeln!(self.streams.messages(), "{label}: {} [{code}]", plain(message));
    }

    /// Writes an error that does not end the command to standard error, as a warning.
    #[cfg(unix)]
    pub(super) fn warn(&self, failure: &Failure) {
        if self.quiet {
            return;
        }
        if self.is_json() {
            return self.failure(failure);
        }
        let hint = failure.hint().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        self.warning(&format!("{}{hint}", failure.message()), failure.code());
    }

    /// Writes a message about a completed step to standard error, unless the output is quiet or JSON.
    pub(super) fn done(&self, message: &str) {
        if !self.quiet && !self.is_json() {
            let _ = writeln!(self.streams.messages(), "{}", plain(message));
        }
    }

    /// Writes an error to standard error: one line of text, or one JSON object if the output is JSON.
    pub(super) fn error(&self, code: &str, message: &str, hint: Option<&str>) {
        if self.is_json() {
            let error = Value::map([
                ("code", code.into()),
                ("message", message.into()),
                ("hint", hint.map(str::to_owned).into()),
            ]);
            return self.write_aside(&Value::map([("error", error)]));
        }
        let hint = hint.map(|h| format!(" (hint: {h})")).unwrap_or_default();
        let label = self.messages.paint(Paint::Red, "ERROR");
        let _ = writeln!(self.streams.messages(), "{label} [{code}]: {}{}", plain(message), plain(&hint));
    }

    /// Writes the error that ended a command.
    pub(super) fn failure(&self, failure: &Failure) {
        self.error(failure.code(), &failure.message(), failure.hint().as_deref());
    }

    /// Returns a progress bar of bytes. It is visible on a terminal only.
    pub(super) fn bar(&self, operation: &'static str) -> ProgressBar {
        let bar = ProgressBar::new(0);
        let shown = !self.quiet && self.streams.messages_are_terminal();
        bar.set_draw_target(if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {bytes}/{total_bytes} ({eta})") {
            bar.set_style(style);
        }
        bar.set_message(operation);
        bar
    }

    /// Returns a progress display that counts entries, for an operation of unknown length.
    pub(super) fn counter(&self, operation: &'static str) -> ProgressBar {
        let bar = self.bar(operation);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {human_pos} entries ({per_sec})") {
            bar.set_style(style);
        }
        bar
    }

    /// Reads a small text file that the user named. Errors: the file cannot be read, or is longer than 1 MiB.
    pub(super) fn read_file(&self, path: &Path) -> Result<String, Failure> {
        const BYTES_MAX: u64 = 1 << 20;
        let failed = |e| Failure::Read(path.to_path_buf(), e);
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
        match text.len() as u64 > BYTES_MAX {
            true => Err(failed(io::Error::other(format!("the file is longer than {BYTES_MAX} bytes")))),
            false => Ok(text),
        }
    }

    /// Opens an input that can only be read sequentially: standard input, a pipe or a device. Returns `None` for a
    /// regular file.
    pub(super) fn open_stream(&self, path: &Path) -> Result<Option<Box<dyn Read + Send>>, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Some(Box::new(io::stdin())));
        }
        let failed = |e| Failure::Read(path.to_path_buf(), e);
        let meta = std::fs::metadata(path).map_err(failed)?;
        if meta.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        if meta.is_file() {
            return Ok(None);
        }
        Ok(Some(Box::new(std::fs::File::open(path).map_err(failed)?)))
    }

    /// Opens a regular file that the user named.
    pub(super) fn open_file(&self, path: &Path) -> Result<Box<dyn Read>, Failure> {
        let file = std::fs::File::open(path).map_err(|e| Failure::Read(path.to_path_buf(), e))?;
        Ok(Box::new(file))
    }

    /// Opens an output that can only be written sequentially: a pipe or a device. Returns `None` for a regular file,
    /// and for a path at which no file exists.
    pub(super) fn create_stream(&self, path: &Path) -> Result<Option<Box<dyn Write>>, Failure> {
        let failed = |e| Failure::WriteFile(path.to_path_buf(), e);
        match std::fs::metadata(path) {
            Ok(meta) if !meta.is_file() => {
                let file = std::fs::OpenOptions::new().write(true).open(path);
                Ok(Some(Box::new(file.map_err(failed)?)))
            }
            _ => Ok(None),
        }
    }

    /// Writes one JSON document to standard error, for a command whose standard output has other data.
    pub(super) fn json_aside(&self, value: &Value) {
        if !self.quiet {
            self.write_aside(value);
        }
    }

    fn write_aside(&self, value: &Value) {
        let _ = writeln!(self.streams.messages(), "{}", self.json_text(value).unwrap_or_default());
    }

    /// Writes a file, completely or not at all. `-` is standard output. A device or pipe is written to directly.
    pub(super) fn file(&self, path: &Path, text: &str) -> Result<(), Failure> {
        if path.as_os_str() == "-" {
            return Ok(self.text(text)?);
        }
        let written = match self.create_stream(path)? {
            Some(mut stream) => stream.write_all(text.as_bytes()),
            None => write_file(path, text.as_bytes()),
        };
        written.map_err(|e| Failure::WriteFile(path.to_path_buf(), e))?;
        self.done(&format!("wrote {}", path.display()));
        Ok(())
    }
}

/// Returns `true` for a note that is written as text. A note that only states that a section is empty is left out.
fn is_shown(note: &Note) -> bool {
    note.severity > Severity::Info || !(note.code.ends_with("_empty") || note.code == "missing_stage_records")
}

/// Returns text from outside as one line for a terminal. Hidden characters become visible escapes.
pub(super) fn plain(text: &str) -> String {
    escape::one_line(text)
}

/// Returns a receiver of progress that moves a progress bar.
pub(super) fn mover(bar: &ProgressBar) -> impl Fn(u64, u64) + Sync {
    |done, total| {
        if total > 0 {
            bar.set_length(total);
        }
        bar.set_position(done);
    }
}
