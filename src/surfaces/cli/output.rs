//! Where the command writes: results to standard output; notes, progress and errors to standard error.

use crate::client::write_file;
use crate::config::ConfigWarning;
use crate::contract::Value;
use crate::contract::json::write::{canonical, pretty};
use crate::interpretation::{Note, Severity};
use crate::surfaces::cli::args::Format;
use crate::surfaces::cli::{Failure, chain};
use crate::surfaces::escape;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

/// How many settings without an effect are named one by one.
const NO_EFFECT_MAX: usize = 5;

/// How and where to write.
pub(super) struct Output {
    format: Format,
    quiet: bool,
    color: bool,
    color_notes: bool,
}

/// Colours, used only on a terminal.
#[derive(Clone, Copy)]
pub(super) enum Paint {
    Bold,
    Red,
    Green,
    Yellow,
    Dim,
}

impl Output {
    pub(super) fn new(format: Format, quiet: bool, color: bool) -> Output {
        let wanted = color && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Output {
            format,
            quiet,
            color: wanted && io::stdout().is_terminal(),
            color_notes: wanted && io::stderr().is_terminal(),
        }
    }

    /// Where temporary files of long work may go.
    pub(super) fn temporary_dir(&self) -> PathBuf {
        std::env::temp_dir()
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// The text in a colour, if standard output is a terminal.
    pub(super) fn paint(&self, paint: Paint, text: &str) -> String {
        painted(self.color, paint, text)
    }

    /// Writes lines of text. A reader that has closed the pipe has read enough: the command goes on to its own exit code.
    pub(super) fn text(&self, text: &str) -> io::Result<()> {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let mut out = io::stdout().lock();
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

    /// One JSON document as text, without hidden characters.
    pub(super) fn json_text(&self, value: &Value) -> io::Result<String> {
        // Answers hold finite numbers only.
        Ok(escape::document(pretty(value).map_err(io::Error::other)?))
    }

    /// Writes one JSON object on a line of its own.
    pub(super) fn json_line(&self, out: &mut dyn Write, value: &Value) -> io::Result<()> {
        writeln!(out, "{}", escape::document(canonical(value).map_err(io::Error::other)?))
    }

    /// Says what an answer lacks; with JSON that stands in the answer itself.
    pub(super) fn notes(&self, notes: &[Note]) {
        if self.quiet || self.is_json() {
            return;
        }
        for note in notes.iter().filter(|n| worth_saying(n)) {
            let (word, paint) = match note.severity {
                Severity::Info => ("note", Paint::Dim),
                Severity::Warning => ("warning", Paint::Yellow),
                Severity::Error => ("missing", Paint::Red),
            };
            let word = painted(self.color_notes, paint, word);
            let _ = writeln!(io::stderr(), "{word}: {} [{}]", plain(&note.message), note.code);
        }
    }

    /// Says what may be meant otherwise in the settings.
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
            let message =
                format!("{more} more settings have no effect yet; `contexta config show` marks them");
            self.warning(&message, "config_no_effect");
        }
    }

    fn warning(&self, message: &str, code: &str) {
        let word = painted(self.color_notes, Paint::Yellow, "warning");
        let _ = writeln!(io::stderr(), "{word}: {} [{code}]", plain(message));
    }

    /// Says what was done, where that is not the result itself.
    pub(super) fn done(&self, message: &str) {
        if !self.quiet && !self.is_json() {
            let _ = writeln!(io::stderr(), "{}", plain(message));
        }
    }

    /// One line (or, with JSON, one object) on standard error.
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
        let word = painted(self.color_notes, Paint::Red, "ERROR");
        let _ = writeln!(io::stderr(), "{word} [{code}]: {}{}", plain(message), plain(&hint));
    }

    /// Says why a command stopped.
    pub(super) fn failure(&self, failure: &Failure) {
        match failure {
            Failure::Read(path, e) => {
                self.error("input_unreadable", &format!("cannot read {}: {e}", path.display()), None);
            }
            Failure::WriteFile(path, e) => {
                self.error("output_failed", &format!("cannot write {}: {e}", path.display()), None);
            }
            Failure::Write(e) => self.error("output_failed", &format!("cannot write the result: {e}"), None),
            Failure::Client(e) => self.error(e.code(), &chain(e), e.hint().as_deref()),
        }
    }

    /// A bar for long work; shown on a terminal only, and only once there is something to wait for.
    pub(super) fn progress(&self, what: &'static str) -> ProgressBar {
        let bar = ProgressBar::new(0);
        let shown = !self.quiet && io::stderr().is_terminal();
        bar.set_draw_target(if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {bytes}/{total_bytes} ({eta})") {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar
    }

    /// A count for long work whose end is not known.
    pub(super) fn counter(&self, what: &'static str) -> ProgressBar {
        let bar = self.progress(what);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {human_pos} entries ({per_sec})") {
            bar.set_style(style);
        }
        bar
    }

    /// The text of a small file that the user named.
    pub(super) fn read_file(&self, path: &Path) -> Result<String, Failure> {
        const BYTES_MAX: u64 = 1 << 20;
        let failed = |e| Failure::Read(path.to_path_buf(), e);
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
        match text.len() as u64 > BYTES_MAX {
            true => Err(failed(io::Error::other(format!("longer than {BYTES_MAX} bytes")))),
            false => Ok(text),
        }
    }

    /// What the user named to be read from the front: `None` for a regular file, which is read by place.
    pub(super) fn open_stream(&self, path: &Path) -> Result<Option<Box<dyn Read>>, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Some(Box::new(io::stdin().lock())));
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

    /// What the user named to be written from the front: `None` for a regular file, or one that is to be.
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

    /// Writes one JSON document to standard error, where standard output has the result.
    pub(super) fn json_aside(&self, value: &Value) {
        if !self.quiet {
            self.write_aside(value);
        }
    }

    fn write_aside(&self, value: &Value) {
        let _ = writeln!(io::stderr(), "{}", self.json_text(value).unwrap_or_default());
    }

    /// Writes a file: whole or not at all. `-` is standard output; what is no regular file (a device, a pipe) is written
    /// to as it is.
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

/// That a run has no samples or batches is no news on a terminal; it stands in the JSON answer.
fn worth_saying(note: &Note) -> bool {
    note.severity > Severity::Info || !(note.code.ends_with("_empty") || note.code == "missing_stage_records")
}

fn painted(on: bool, paint: Paint, text: &str) -> String {
    let code = match paint {
        _ if !on => return text.to_owned(),
        Paint::Bold => 1,
        Paint::Dim => 2,
        Paint::Red => 31,
        Paint::Green => 32,
        Paint::Yellow => 33,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Text from outside for a terminal: one line, hidden characters as visible escapes.
pub(super) fn plain(text: &str) -> String {
    escape::one_line(text)
}
