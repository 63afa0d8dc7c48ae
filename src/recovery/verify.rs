//! A read-only check of log, bodies and projections.
//!
//! [`crate::engine::verify`] checks the log and compares the digest of the projections with the digest of a rebuild up
//! to the same position in the log. This module hashes every body that an artifact refers to, and combines the results.
//! Other processes may write to the workspace during the check.

use crate::engine::chain::Head;
use crate::engine::checksum::Digest;
use crate::engine::progress::Progress;
use crate::engine::projection::{Note as EngineNote, RebuildReason};
use crate::engine::storage::Storage;
use crate::engine::verify::tables::rebuild_problem;
use crate::engine::verify::{LogCheck, LogReport, TablesState, verify_log};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::recovery::error::{Error, Result};
use crate::store::artifacts::ReferenceState;
use crate::store::{ArtifactRow, Note, Severity, Store, StoreView};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

pub use crate::engine::verify::{Outcome, Problem, StreamReport};

/// Options of a check.
#[derive(Debug, Clone)]
pub struct VerifyOptions<'a> {
    /// `true` to hash every body.
    pub bodies: bool,
    /// `true` to read the local files outside the workspace that artifacts refer to. A missing or changed file is
    /// reported in a note, and does not count as damage of the workspace.
    pub references: bool,
    /// `true` to compare the projections with a rebuild.
    pub projections: bool,
    /// Heads that were saved outside the workspace. The check confirms that each stream still contains all entries up
    /// to its head, unchanged.
    pub heads: Vec<Head>,
    /// The receiver of progress: bytes of the log that are checked, and their total.
    pub progress: Progress<'a>,
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        VerifyOptions {
            bodies: true,
            references: false,
            projections: true,
            heads: Vec::new(),
            progress: Progress::none(),
        }
    }
}

/// The result of the comparison of the projections with a rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProjectionState {
    /// The projections equal the rebuild.
    Match,
    /// The projections differ from the rebuild.
    Mismatch {
        /// The names of the tables that differ.
        tables: Vec<String>,
    },
    /// The projections were not compared.
    Skipped,
}

impl From<TablesState> for ProjectionState {
    fn from(state: TablesState) -> ProjectionState {
        match state {
            TablesState::Match => ProjectionState::Match,
            TablesState::Mismatch { tables } => ProjectionState::Mismatch { tables },
        }
    }
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The verdict.
    pub outcome: Outcome,
    /// The result for every stream.
    pub streams: Vec<StreamReport>,
    /// All damage that was found.
    pub problems: Vec<Problem>,
    /// Notes on parts that could not be checked, on streams in use or not closed, and on a rebuild of the tables after
    /// a merge.
    pub notes: Vec<Note>,
    /// The number of bodies that were hashed.
    pub bodies: u64,
    /// The number of heads in [`VerifyOptions::heads`] that were confirmed.
    pub heads: u64,
    /// The result of the comparison of the projections.
    pub projections: ProjectionState,
}

impl VerifyReport {
    /// Returns the number of intact entries in all streams.
    pub fn entries(&self) -> u64 {
        self.streams.iter().map(|s| s.entries).sum()
    }
}

impl From<LogReport> for VerifyReport {
    fn from(log: LogReport) -> VerifyReport {
        VerifyReport {
            outcome: log.outcome(),
            streams: log.streams,
            problems: log.problems,
            notes: log.notes.iter().map(Note::from).collect(),
            bodies: 0,
            heads: log.heads,
            projections: ProjectionState::Skipped,
        }
    }
}

/// Checks a workspace without changing the workspace. `store` must not write tables to disk.
pub fn verify(
    storage: &Arc<dyn Storage>,
    log: &Path,
    store: &Store,
    options: VerifyOptions<'_>,
) -> Result<VerifyReport> {
    let VerifyOptions { bodies, references, projections, heads, progress } = options;
    // The answer lists every problem.
    let check = LogCheck { heads, progress, problems_max: usize::MAX };
    let found = verify_log::<Captured>(storage, log, DOMAIN, &check)?;
    // The tables may contain entries of a stream that is unreadable now. A rebuild does not contain these entries, so
    // it would differ.
    let compare = projections && found.is_complete();
    let mut check = Check { store, is_complete: found.is_complete(), report: found.into() };
    if bodies || references || projections {
        check.open_projections();
    }
    if bodies {
        check.verify_bodies();
    }
    if references {
        check.verify_references();
    }
    if compare {
        check.compare_projections();
    }
    Ok(check.into_report())
}

fn not_checked(subject: &str, e: &Error) -> Note {
    let source = std::error::Error::source(e).map(|s| format!(": {s}")).unwrap_or_default();
    Note::new(Severity::Error, "could_not_check", format!("{subject} could not be checked: {e}{source}"))
}

/// A check in progress.
struct Check<'a> {
    store: &'a Store,
    report: VerifyReport,
    /// `false` if something could not be read.
    is_complete: bool,
}

impl Check<'_> {
    fn into_report(self) -> VerifyReport {
        let problems = &self.report.problems;
        let outcome = match (problems.iter().all(Problem::is_known_loss), self.is_complete) {
            (false, _) => Outcome::Damaged,
            (true, false) => Outcome::Unchecked,
            (true, true) if problems.is_empty() => Outcome::Whole,
            (true, true) => Outcome::WholeExceptKnownLosses,
        };
        VerifyReport { outcome, ..self.report }
    }

    /// Returns the value of `result`. After an error, adds a note that `subject` could not be checked, and returns
    /// `None`.
    fn checked<T>(&mut self, subject: &str, result: Result<T>) -> Option<T> {
        result.map_err(|e| self.add_unchecked(not_checked(subject, &e))).ok()
    }

    fn add_unchecked(&mut self, note: Note) {
        self.is_complete = false;
        self.report.notes.push(note);
    }

    /// Opens the projections. Unusable tables are rebuilt in memory. Adds a problem if the tables on disk were damaged,
    /// or contained entries that are missing in the log. Adds a note instead of a problem if a merge has moved these
    /// entries to another stream, or has restored entries that were missing before.
    fn open_projections(&mut self) {
        let notes = self.store.catch_up().map_err(Error::from);
        for note in self.checked("the projections", notes).iter().flatten() {
            let shown = Note::from(note);
            if let Some(problem) = rebuild_problem(note) {
                self.report.problems.push(Problem { message: shown.message, ..problem });
            } else if let EngineNote::Rebuilt { reason, .. } = note
                && matches!(
                    reason,
                    RebuildReason::Divided(_) | RebuildReason::Completed(_) | RebuildReason::Erased
                )
            {
                self.report.notes.push(shown);
            }
        }
    }

    /// Hashes every body. A note names each body that could not be read.
    fn verify_bodies(&mut self) {
        let bodies = read_bodies(self.store);
        let Some((hashed, problems, notes)) = self.checked("the bodies", bodies) else { return };
        self.report.bodies = hashed;
        self.report.problems.extend(problems);
        notes.into_iter().for_each(|note| self.add_unchecked(note));
    }

    /// Reads the files outside the workspace that artifacts refer to.
    fn verify_references(&mut self) {
        let found = read_references(self.store);
        let notes = self.checked("the files outside the workspace", found);
        self.report.notes.extend(notes.unwrap_or_default());
    }

    /// Compares the projections with a rebuild from the log up to the position that the projections have reached.
    fn compare_projections(&mut self) {
        let state = self.store.compare_tables().map_err(Error::from);
        let Some(state) = self.checked("the projections", state) else { return };
        self.report.problems.extend(state.problem());
        self.report.projections = state.into();
    }
}

/// Hashes every body. Returns the number of hashed bodies, the problems, and a note for each body that could not be
/// read.
fn read_bodies(store: &Store) -> Result<(u64, Vec<Problem>, Vec<Note>)> {
    store.read(|view| {
        let mut check = BodyCheck {
            view,
            checked: HashSet::new(),
            failed: HashSet::new(),
            hashed: 0,
            problems: vec![],
            notes: vec![],
        };
        for digest in view.bodies()? {
            check.body(digest, "");
        }
        for tree in view.trees()? {
            match view.tree_files(&tree) {
                Ok(files) => {
                    for (digest, path) in files {
                        check.body(digest, &format!(" of {path:?} in the directory {tree}"));
                    }
                }
                // A missing or damaged list of files was reported above.
                Err(_) if check.failed.contains(&tree) => {}
                Err(e) => {
                    check.notes.push(not_checked(&format!("the files of the directory {tree}"), &e.into()))
                }
            }
        }
        Ok::<_, Error>((check.hashed, check.problems, check.notes))
    })
}

/// A check of bodies in progress.
struct BodyCheck<'a> {
    view: &'a StoreView<'a>,
    checked: HashSet<Digest>,
    /// The bodies that are missing or damaged.
    failed: HashSet<Digest>,
    hashed: u64,
    problems: Vec<Problem>,
    notes: Vec<Note>,
}

impl BodyCheck<'_> {
    /// Hashes a body, unless it was hashed before. `place` is a text that follows the digest of the body in messages.
    fn body(&mut self, digest: Digest, place: &str) {
        if !self.checked.insert(digest) {
            return;
        }
        match self.view.verify_body(&digest) {
            Ok(true) => self.hashed += 1,
            Ok(false) => {
                self.hashed += 1;
                self.failed.insert(digest);
                let message = format!("the body {digest}{place} does not match its digest");
                self.problems.push(Problem::new("artifact_body_damaged", message));
            }
            Err(e) if e.code() == "artifact_body_missing" => {
                self.failed.insert(digest);
                let message = format!("the body {digest}{place} is missing");
                self.problems.push(Problem::new("artifact_body_missing", message));
            }
            // An unreadable body does not prevent the check of the other bodies.
            Err(e) => self.notes.push(not_checked(&format!("the body {digest}{place}"), &e.into())),
        }
    }
}

/// Compares local files outside the workspace with the manifests of the artifacts that refer to them. Returns a note
/// for each file that is missing, cannot be read, or differs from the size or the SHA-256 digest in the manifest.
fn read_references(store: &Store) -> Result<Vec<Note>> {
    store.read(|view| {
        let mut notes = Vec::new();
        for artifact in view.artifacts(None)? {
            notes.extend(reference_note(view, &artifact)?);
        }
        Ok::<_, Error>(notes)
    })
}

fn reference_note(view: &StoreView<'_>, artifact: &ArtifactRow) -> Result<Option<Note>> {
    let manifest = &artifact.manifest;
    let Some(state) = view.examine_reference(artifact) else { return Ok(None) };
    let (own, at) = (&manifest.artifact_ref, &manifest.location_ref);
    let (code, message) = match state {
        ReferenceState::Unchanged => return Ok(None),
        ReferenceState::Missing => {
            ("artifact_reference_missing", format!("the file {at} of {own} is missing"))
        }
        ReferenceState::Changed => {
            ("artifact_reference_changed", format!("the file {at} of {own} has changed"))
        }
        ReferenceState::Unreadable(why) => {
            ("artifact_reference_unreadable", format!("the file {at} of {own} cannot be read: {why}"))
        }
    };
    Ok(Some(Note::new(Severity::Warning, code, message).with("artifact", own)))
}
