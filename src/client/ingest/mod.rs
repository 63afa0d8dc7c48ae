//! Ingest: records that other programs write as JSON lines, while they run (docs/INGEST.md).
//!
//! Each line is either a short line, which is recorded in a run that the same input has started, or an object of the
//! interchange format. The lines that one read makes available are recorded in one commit.

mod input;
mod members;
mod problem;
mod runs;
mod short;

use crate::capture::{self, Durability, Session};
use crate::client::contexta::Contexta;
use crate::client::error::{Error, Result, engine_io};
use crate::client::interchange::{ImportSettings, ImportSource};
use crate::contract::json::read::TEXT_BYTES_MAX;
use crate::contract::{RunRef, Timestamp};
use input::{Input, InputLine};
use members::LineMembers;
pub use problem::IngestProblem;
use problem::Refusal;
use runs::Runs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The reason of the end of a run whose input ended before the run.
const INPUT_ENDED: &str = "input_ended";
/// The pause between two attempts to import while another import is running, and the number of attempts.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
const BUSY_ATTEMPTS: usize = 200;

/// Options of [`Contexta::ingest`].
#[derive(Debug, Clone, Default)]
pub struct IngestSettings {
    /// The name of the input, for the origin of interchange objects and for messages.
    pub name: String,
    /// The directory with the files of bodies that interchange objects name.
    pub bodies: Option<PathBuf>,
    /// `true` to leave the runs open that are open at the end of the input; `false` to mark them as failed.
    pub keep_open: bool,
}

/// The result of a commit of an ingest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IngestCommit {
    /// The number of input lines so far. Every one of them is recorded with the durability of the session, or refused,
    /// unless [`Self::is_durable`] is `false`.
    pub lines: u64,
    /// The number of lines so far that were refused completely or in part.
    pub refused: u64,
    /// The problems since the commit before.
    pub problems: Vec<IngestProblem>,
    /// The runs that were started since the commit before, by name.
    pub started: Vec<(String, RunRef)>,
    /// `false` if the entries could not be written to the log. They stay in memory, and a later commit writes them.
    pub is_durable: bool,
}

/// A running ingest. [`Ingest::next_commit`] reads and records lines.
pub struct Ingest<'a> {
    contexta: &'a Contexta,
    session: Session,
    durability: Durability,
    settings: IngestSettings,
    input: Input<'a>,
    runs: Runs,
    refused: u64,
    has_ended: bool,
}

impl std::fmt::Debug for Ingest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Contexta {
    /// Begins to record JSON lines (docs/INGEST.md). Each call of [`Ingest::next_commit`] records the lines that are
    /// available. Memory use does not depend on the number of lines. Errors: the workspace is read-only.
    pub fn ingest<'a>(&'a self, input: Box<dyn Read + 'a>, settings: IngestSettings) -> Result<Ingest<'a>> {
        self.check_writes()?;
        // The entries of a group of lines are buffered, and written in one commit at the end of the group.
        let durability = self.session.options().durability.max(Durability::Flush);
        let session = self.session.with_options(|options| options.durability = Durability::Batched)?;
        let input = Input::new(input, TEXT_BYTES_MAX);
        let runs = Runs::default();
        Ok(Ingest {
            contexta: self,
            session,
            durability,
            settings,
            input,
            runs,
            refused: 0,
            has_ended: false,
        })
    }
}

impl Ingest<'_> {
    /// Waits for lines, and records those that are available in one commit. Returns `None` after the end of the input.
    /// At the end of the input, the runs that are still open are marked as failed with the reason `input_ended`, or are
    /// left open with [`IngestSettings::keep_open`]. Errors: the input cannot be read, or the entries of the last commit
    /// cannot be written.
    pub fn next_commit(&mut self) -> Result<Option<IngestCommit>> {
        if self.has_ended {
            return Ok(None);
        }
        let lines = match self.input.next_lines() {
            Ok(lines) => lines,
            Err(e) => {
                self.end()?;
                return Err(engine_io("read", Path::new(&self.settings.name), e));
            }
        };
        let Some(lines) = lines else {
            self.end()?;
            return Ok(None);
        };
        let mut commit = IngestCommit { is_durable: true, ..IngestCommit::default() };
        self.record(lines, &mut commit);
        if let Err(e) = self.write() {
            commit.is_durable = false;
            commit.problems.push(Refusal::from(e).at(self.input.number()));
        }
        commit.lines = self.input.number();
        commit.refused = self.refused;
        Ok(Some(commit))
    }

    /// Returns the guarantee of a commit.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    fn record(&mut self, lines: Vec<InputLine>, commit: &mut IngestCommit) {
        let before = self.input.number() - lines.len() as u64;
        // The lines of the interchange format, with an empty line for each other line, so that line numbers are right.
        let mut objects = Vec::new();
        let mut has_objects = false;
        for InputLine { number, text } in lines {
            let known = commit.problems.len();
            match text {
                None => {
                    let message = format!("the line is longer than {TEXT_BYTES_MAX} bytes");
                    let hint = "store large content as a file, and name the file in a line with \"artifact\"";
                    commit.problems.push(Refusal::new("ingest_line_too_long", message).hint(hint).at(number));
                }
                Some(text) => {
                    if self.record_line(number, &text, commit) {
                        objects.extend_from_slice(&text);
                        has_objects = true;
                    }
                }
            }
            objects.push(b'\n');
            self.refused += u64::from(commit.problems.len() > known);
        }
        if has_objects {
            self.import(&objects, before, commit);
        }
    }

    /// Records a short line. Returns `true` for a line of the interchange format, which is not recorded yet.
    fn record_line(&mut self, number: u64, text: &[u8], commit: &mut IngestCommit) -> bool {
        let parsed = match text_of(number, text) {
            Ok(text) if text.trim_ascii().is_empty() => return false,
            Ok(text) => LineMembers::parse(text),
            Err(refusal) => Err(refusal),
        };
        let mut line = match parsed {
            Ok(line) if line.has("object") => return true,
            Ok(line) => line,
            Err(refusal) => {
                commit.problems.push(refusal.at(number));
                return false;
            }
        };
        let now = Timestamp::from_nanos(self.contexta.storage.now());
        let recorded = short::record(&mut line, &mut self.runs, &self.session, now, &mut commit.started);
        match recorded {
            Ok(()) => line.refuse_rest(),
            Err(refusal) => line.refused.push(refusal),
        }
        commit.problems.extend(line.refused.into_iter().map(|refusal| refusal.at(number)));
        false
    }

    /// Imports lines of the interchange format. `before` is the number of lines before the first of these lines.
    fn import(&mut self, lines: &[u8], before: u64, commit: &mut IngestCommit) {
        let mut attempts = 0;
        let imported = loop {
            let mut input = lines;
            let settings = ImportSettings {
                bodies: self.settings.bodies.clone(),
                lines_before: before,
                ..ImportSettings::default()
            };
            let source = ImportSource::Reader(&self.settings.name, &mut input);
            match self.contexta.import_jsonl(source, settings) {
                Err(Error::ImportBusy { .. }) if attempts < BUSY_ATTEMPTS => {
                    attempts += 1;
                    self.contexta.storage.sleep(BUSY_PAUSE);
                }
                imported => break imported,
            }
        };
        match imported {
            Ok(report) => {
                let refused = report.total().refused;
                self.refused += refused;
                for line in &report.refused {
                    let message = format!("{} at {}", line.rejection.message, line.rejection.path);
                    commit.problems.push(Refusal::new(line.rejection.code, message).at(line.line));
                }
                let unnamed = refused.saturating_sub(report.refused.len() as u64);
                if unnamed > 0 {
                    let message = format!("further interchange objects that were refused: {unnamed}");
                    commit.problems.push(Refusal::new("ingest_refused", message).at(self.input.number()));
                }
                for body in &report.bodies {
                    commit.problems.push(Refusal::new(body.code, body.message.clone()).at(body.line));
                }
            }
            Err(e) => {
                self.refused +=
                    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
                let refusal = Refusal { code: e.code(), message: e.to_string(), hint: e.hint() };
                commit.problems.push(refusal.at(self.input.number()));
            }
        }
    }

    /// Writes the buffered entries to the log with the durability of the workspace.
    fn write(&self) -> capture::Result<()> {
        let journal = &self.contexta.journal;
        match self.durability {
            Durability::Fsync => journal.sync()?,
            _ => journal.flush()?,
        }
        Ok(())
    }

    /// Ends the ingest: closes the open runs, and writes the buffered entries.
    fn end(&mut self) -> Result<()> {
        self.has_ended = true;
        let mut ended = Ok(());
        for run in self.runs.take_all() {
            if self.settings.keep_open {
                run.scope.leave_open();
            } else {
                let message = "the input ended before the end of the run";
                ended = ended.and(run.scope.fail_because(INPUT_ENDED, message).map(drop));
            }
        }
        Ok(ended.and(self.write())?)
    }
}

/// Returns the text of a line, without a byte order mark in the first line.
fn text_of(number: u64, line: &[u8]) -> std::result::Result<&str, Refusal> {
    let text = std::str::from_utf8(line).map_err(|e| {
        let message = format!("the line is not UTF-8 from byte {} on", e.valid_up_to());
        Refusal::new("ingest_invalid_line", message)
    })?;
    Ok(text.strip_prefix('\u{feff}').filter(|_| number == 1).unwrap_or(text))
}
