//! Ingest: records that other programs write as JSON lines, while they run (docs/INGEST.md).
//!
//! Each line is either a short line, which is recorded in a run that the same input has started, or an object of the
//! interchange format. The lines that one read makes available are recorded in one commit.

mod input;
mod members;
mod polled;
mod problem;
mod runs;
mod short;

use crate::capture::{self, Durability, Session};
use crate::client::contexta::Contexta;
use crate::client::error::{Error, Result, engine_io};
use crate::client::interchange::{ImportSettings, ImportSource};
use crate::contract::json::read::TEXT_BYTES_MAX;
use crate::contract::{RunRef, Timestamp};
use crate::interchange::{ImportReport, LossyLine, RefusedLine};
use input::{Input, InputLine, NextLines};
use members::LineMembers;
pub use polled::PolledInput;
pub use problem::IngestProblem;
use problem::Refusal;
use runs::Runs;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The reason of the end of a run whose input ended before the run.
const INPUT_ENDED: &str = "input_ended";
/// The advice after a failed sync.
const UNSYNCED_HINT: &str = "no later line is acknowledged; check the disk, and send the lines after the last acknowledged line to a new ingest";
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
    /// The number of input lines so far. Every one of them is recorded with the durability of [`Ingest::durability`], or
    /// refused, unless [`Self::is_durable`] is `false`.
    pub lines: u64,
    /// The number of lines so far that were refused completely or in part. A line that was recorded and not delivered to
    /// a sink is not refused.
    pub refused: u64,
    /// The problems since the commit before.
    pub problems: Vec<IngestProblem>,
    /// The runs that were started since the commit before, by name.
    pub started: Vec<(String, RunRef)>,
    /// `false` if entries so far are not durable. Entries that could not be written to the log stay in memory, and a
    /// later commit writes them. After a failed sync with [`Durability::Fsync`], entries may be lost although later syncs
    /// succeed, so no later commit of this ingest is durable.
    pub is_durable: bool,
}

/// The state of the entries of an ingest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Entries {
    /// `true` if entries are in memory, because they could not be written.
    unwritten: bool,
    /// `true` after a sync has failed. The entries before the failure may be lost, and no later sync shows that they are
    /// not.
    unsynced: bool,
}

impl Entries {
    /// Returns `true` if all entries have the durability of the ingest.
    fn are_durable(self) -> bool {
        !self.unwritten && !self.unsynced
    }
}

/// A running ingest. [`Ingest::next_commit`] reads and records lines.
pub struct Ingest<'a> {
    contexta: &'a Contexta,
    session: Session,
    durability: Durability,
    settings: IngestSettings,
    input: Input<'a>,
    runs: Runs,
    entries: Entries,
    refused: u64,
    has_ended: bool,
    /// The failure of the input, which is returned after the final commit.
    failure: Option<Error>,
}

impl std::fmt::Debug for Ingest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Contexta {
    /// Begins to record JSON lines (docs/INGEST.md). Each call of [`Ingest::next_commit`] records the lines that are
    /// available. Memory use does not depend on the number of lines, except for a small entry for each parameter and
    /// artifact of an open run. Errors: the workspace is read-only.
    ///
    /// If the disk refuses entries, a later commit writes the entries. If a read of the input returns
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) or [`TimedOut`](std::io::ErrorKind::TimedOut), the entries are
    /// written before the next line arrives. [`PolledInput`] makes the reads of any input return in this way. The
    /// read should wait before it returns, because the ingest reads again at once.
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
            entries: Entries::default(),
            refused: 0,
            has_ended: false,
            failure: None,
        })
    }
}

impl Ingest<'_> {
    /// Waits for lines, and records those that are available in one commit. Returns `None` after the end of the input.
    /// At the end of the input, the runs that are still open are marked as failed with the reason `input_ended`, or are
    /// left open with [`IngestSettings::keep_open`]. A commit without new lines follows a commit that was not durable, as
    /// soon as its entries are written. Errors: the input cannot be read, or the entries of the last commit cannot be
    /// written.
    pub fn next_commit(&mut self) -> Result<Option<IngestCommit>> {
        while !self.has_ended {
            match self.input.next_lines() {
                Ok(NextLines::Lines(lines)) => {
                    let mut commit = IngestCommit::default();
                    self.record(lines, &mut commit);
                    self.write_for(&mut commit);
                    return Ok(Some(self.completed(commit)));
                }
                Ok(NextLines::Paused) => {
                    // The failure is reported already, with the commit that could not be written.
                    if self.entries.unwritten && self.write().is_ok() {
                        return Ok(Some(self.completed(IngestCommit::default())));
                    }
                }
                Ok(NextLines::Ended) => return self.end(),
                Err(e) => {
                    self.failure = Some(engine_io("read", Path::new(&self.settings.name), e));
                    if let Some(last) = self.end()? {
                        return Ok(Some(last));
                    }
                }
            }
        }
        self.failure.take().map_or(Ok(None), Err)
    }

    /// Completes a commit with the counts so far.
    fn completed(&self, commit: IngestCommit) -> IngestCommit {
        IngestCommit {
            lines: self.input.number(),
            refused: self.refused,
            is_durable: self.entries.are_durable(),
            ..commit
        }
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
            let is_refused = commit.problems.iter().skip(known).any(|problem| !problem.is_recorded);
            self.refused += u64::from(is_refused);
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
        let lost_before = self.session.dispatch_counts().lost;
        let recorded = short::record(&mut line, &mut self.runs, &self.session, now, &mut commit.started);
        match recorded {
            Ok(()) => line.refuse_rest(),
            Err(mut refusal) => {
                // Nothing more of the line is recorded, so a recorded start does not suffice.
                refusal.is_recorded &= !short::records_more(&line);
                line.refused.push(refusal);
            }
        }
        // With the failure mode `outbox`, the captures themselves do not return this as an error.
        let lost = self.session.dispatch_counts().lost - lost_before;
        if lost > 0 && line.refused.iter().all(|refusal| refusal.is_recorded) {
            let message = format!("neither the log nor the outbox could take {lost} facts of this line");
            let hint = "make space on the disk of the workspace or of the outbox, and send the line again";
            line.refused.push(Refusal::new("ingest_lost", message).hint(hint));
        }
        commit.problems.extend(line.refused.into_iter().map(|refusal| refusal.at(number)));
        false
    }

    /// Imports lines of the interchange format. `before` is the number of lines before the first of these lines.
    fn import(&mut self, lines: &[u8], before: u64, commit: &mut IngestCommit) {
        // The import syncs the log, and a failed sync is reported once. The failure must not be hidden in the error of
        // the import, because it also concerns the short lines before it.
        if self.durability == Durability::Fsync {
            self.write_for(commit);
        }
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
            Ok(report) => self.add_report(&report, commit),
            Err(e) => {
                let texts = lines.split(|byte| *byte == b'\n');
                let objects = (before + 1..).zip(texts).filter(|(_, text)| !text.is_empty());
                let numbers: Vec<u64> = objects.map(|(number, _)| number).collect();
                let (count, last) = (numbers.len() as u64, numbers.last().copied().unwrap_or(before));
                self.refused += count;
                let mut refusal = Refusal::from(e);
                if count > 1 {
                    refusal.message +=
                        &format!("; {count} interchange objects up to line {last} are not recorded");
                }
                commit.problems.push(refusal.at(numbers.first().copied().unwrap_or(last)));
            }
        }
    }

    /// Adds the refused lines of an import, and the lines with missing bodies or invalid members.
    fn add_report(&mut self, report: &ImportReport, commit: &mut IngestCommit) {
        let mut lines = BTreeSet::new();
        let mut add = |line, refusal: Refusal| {
            lines.insert(line);
            commit.problems.push(refusal.at(line));
        };
        for RefusedLine { line, rejection, .. } in &report.refused {
            let message = format!("{} at {}", rejection.message, rejection.path);
            add(*line, Refusal::new(rejection.code, message));
        }
        for body in &report.bodies {
            add(body.line, Refusal::new(body.code, body.message.clone()));
        }
        for LossyLine { line, subject, member, .. } in &report.dropped {
            let message = format!("{} of {subject} was left out: {}", member.path, member.message);
            add(*line, Refusal::new("ingest_invalid_member", message));
        }
        let all =
            report.total().refused + report.bodies_missing + report.bodies_differing + report.members_dropped;
        let listed = report.refused.len() + report.bodies.len() + report.dropped.len();
        let unlisted = all.saturating_sub(listed as u64);
        if unlisted > 0 {
            let message = format!("further problems with interchange objects: {unlisted}");
            commit.problems.push(Refusal::new("ingest_refused", message).at(self.input.number()));
        }
        // Several problems that are not listed may concern one line.
        self.refused += (lines.len() as u64 + unlisted).min(report.lines);
    }

    /// Writes the buffered entries, and adds a failure to the problems of the commit.
    fn write_for(&mut self, commit: &mut IngestCommit) {
        if let Err(e) = self.write() {
            let refusal = Refusal::from(e);
            let refusal = if self.entries.unsynced { refusal.hint(UNSYNCED_HINT) } else { refusal };
            commit.problems.push(refusal.at(self.input.number()));
        }
    }

    /// Writes the buffered entries to the log with the durability of the ingest.
    fn write(&mut self) -> capture::Result<()> {
        let journal = &self.contexta.journal;
        let flushed = journal.flush();
        self.entries.unwritten = flushed.is_err();
        flushed?;
        if self.durability == Durability::Fsync {
            let synced =
                journal.sync().map_err(capture::Error::from).and_then(|()| self.session.sync_outbox());
            self.entries.unsynced |= synced.is_err();
            synced?;
        }
        Ok(())
    }

    /// Ends the ingest: closes the open runs, and writes the buffered entries. Returns a final commit if the state of the
    /// entries has changed, or if there are new problems.
    fn end(&mut self) -> Result<Option<IngestCommit>> {
        self.has_ended = true;
        let before = self.entries;
        let mut commit = IngestCommit::default();
        let mut result = Ok(());
        for run in self.runs.take_all() {
            if self.settings.keep_open {
                run.scope.leave_open();
                continue;
            }
            let message = "the input ended before the end of the run";
            match run.scope.fail_because(INPUT_ENDED, message) {
                Err(e) if e.is_recorded() => {
                    commit.problems.push(Refusal::from(e).at(self.input.number()));
                }
                ended => result = result.and(ended.map(drop)),
            }
        }
        let written = self.write();
        result?;
        written?;
        let commit = self.completed(commit);
        Ok((self.entries != before || !commit.problems.is_empty()).then_some(commit))
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
