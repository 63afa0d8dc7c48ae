//! A read-only check of log, bodies and projections.
//!
//! [`crate::engine::verify`] checks the log and compares the digest of the projections with the digest of a rebuild up
//! to the same position in the log. This module hashes every body that an artifact refers to, and combines the results.
//! Other processes may write to the workspace during the check.

use crate::engine::chain::Head;
use crate::engine::checksum::Digest;
use crate::engine::entry::Seq;
use crate::engine::fault::chain;
use crate::engine::progress::Progress;
use crate::engine::projection::{Note as EngineNote, RebuildReason};
use crate::engine::storage::Storage;
use crate::engine::verify::tables::rebuild_problem;
use crate::engine::verify::{KnownEnd, LogCheck, LogReport, TablesState, verify_log};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::recovery::error::{Error, Result};
use crate::recovery::known::{Known, KnownFile, KnownState};
use crate::store::artifacts::ReferenceState;
use crate::store::{ArtifactRow, Note, Severity, Store, StoreView};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

pub use crate::engine::verify::{Outcome, Problem, Share, StreamReport};

/// The extent of a check. Each level includes all previous levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum VerifyLevel {
    /// Checksums and numbers of all frames and entries, and the presence of every known stream.
    Frames,
    /// The chain over the entries, the digests of finished segments, and saved heads.
    Chain,
    /// The bodies of artifacts.
    Bodies,
    /// The tables, which are compared with a rebuild.
    Projections,
}

/// Options of a check.
#[derive(Debug, Clone)]
pub struct VerifyOptions<'a> {
    /// `true` to check the chain over the entries and the digests of finished segments.
    pub chain: bool,
    /// `true` to hash every body.
    pub bodies: bool,
    /// `true` to read the local files outside the workspace that artifacts refer to. A missing or changed file is
    /// reported in a note, and does not count as damage of the workspace.
    pub references: bool,
    /// `true` to compare the projections with a rebuild.
    pub projections: bool,
    /// Heads that were saved outside the workspace. The check confirms that each stream still contains all entries up
    /// to its head, unchanged. A check of a share does not compare them.
    pub heads: Vec<Head>,
    /// The share of the segments and bodies to read. `None` means all of them. The projections are compared only by a
    /// check without a share.
    pub subset: Option<Share>,
    /// The receiver of progress: bytes of the log that are checked, and their total.
    pub progress: Progress<'a>,
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        VerifyOptions {
            chain: true,
            bodies: true,
            references: false,
            projections: true,
            heads: Vec::new(),
            subset: None,
            progress: Progress::none(),
        }
    }
}

impl VerifyOptions<'_> {
    /// Creates the options of a check of this level.
    pub fn at(level: VerifyLevel) -> Self {
        VerifyOptions {
            chain: level >= VerifyLevel::Chain,
            bodies: level >= VerifyLevel::Bodies,
            projections: level >= VerifyLevel::Projections,
            ..VerifyOptions::default()
        }
    }
}

/// The part of a workspace that a check of a share has read. The rest was not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// The share.
    pub subset: Share,
    /// The number of read segments, and the number of all segments of the log.
    pub segments: (u64, u64),
    /// The number of bodies that were read, and the number of bodies to which the log refers or that are known.
    pub bodies: (u64, u64),
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
    /// The part that was read; `None` if the check read everything.
    pub coverage: Option<Coverage>,
    /// The intact bodies.
    pub(crate) intact: Vec<Digest>,
    /// The epoch of the known streams and bodies when the check began.
    pub(crate) epoch: u64,
}

impl VerifyReport {
    /// Returns the number of intact entries in all streams.
    pub fn entries(&self) -> u64 {
        self.streams.iter().map(|s| s.entries).sum()
    }

    /// Adds the streams and bodies that the check has found to the known streams and bodies. A stream is left
    /// out if its entries differ from the known entries.
    pub(crate) fn add_to(&self, known: &mut Known) {
        let differs = |id| {
            self.problems.iter().any(|problem| problem.code == "head_differs" && problem.stream == Some(id))
        };
        for stream in self.streams.iter().filter(|stream| stream.last > Seq(0) && !differs(stream.stream)) {
            let link = stream.head.map(|head| head.digest);
            known.see_stream(KnownEnd { stream: stream.stream, seq: stream.last, link });
        }
        self.intact.iter().for_each(|body| known.see_body(*body));
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
            coverage: None,
            intact: Vec::new(),
            epoch: 0,
        }
    }
}

/// Checks a workspace without changing the workspace. `store` must not write tables to disk. A stream or body in the
/// file `known` that does not exist is a problem.
pub(crate) fn verify(
    storage: &Arc<dyn Storage>,
    log: &Path,
    store: &Store,
    known: Option<&KnownFile>,
    options: VerifyOptions<'_>,
) -> Result<VerifyReport> {
    let VerifyOptions { chain: with_chain, bodies, references, projections, heads, subset, progress } =
        options;
    let state = known.map_or(Ok(KnownState::Absent), KnownFile::load);
    let (known, note) = match state {
        Ok(KnownState::Damaged(reason)) => (Known::default(), Some(known_unusable("is damaged", &reason))),
        Ok(state) => (state.into_known(), None),
        Err(e) => (Known::default(), Some(known_unusable("cannot be read", &chain(&e)))),
    };
    // The answer lists every problem.
    let (known_ends, problems_max) = (known.all_ends().collect(), usize::MAX);
    let check =
        LogCheck { heads, known: known_ends, chain: with_chain, share: subset, progress, problems_max };
    let found = verify_log::<Captured>(storage, log, DOMAIN, &check)?;
    let segments = found.segments;
    // The tables may contain entries of a stream that is unreadable now. A rebuild does not contain these entries, so
    // it would differ.
    let compare = projections && found.is_complete() && subset.is_none();
    let mut check = Check { store, is_complete: found.is_complete(), report: found.into() };
    check.report.epoch = known.epoch();
    check.report.notes.extend(note);
    check.report.coverage = subset.map(|subset| Coverage { subset, segments, bodies: (0, 0) });
    if bodies || references || projections {
        check.open_projections();
    }
    if bodies {
        check.verify_bodies(&known, subset);
    }
    if references {
        check.verify_references();
    }
    if compare {
        check.compare_projections();
    }
    Ok(check.into_report())
}

/// Returns a note which states that the file with the known streams and bodies cannot be used.
fn known_unusable(what: &str, reason: &str) -> Note {
    let message = format!(
        "the file of the known streams and bodies {what}, so this check cannot notice that one of them is gone: {reason}"
    );
    Note::new(Severity::Warning, "known_unusable", message)
}

fn not_checked(subject: &str, e: &Error) -> Note {
    Note::new(Severity::Error, "could_not_check", format!("{subject} could not be checked: {}", chain(e)))
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

    /// Hashes every body of the share. A note names each body that could not be read.
    fn verify_bodies(&mut self, known: &Known, subset: Option<Share>) {
        let bodies = read_bodies(self.store, known, subset);
        let Some(found) = self.checked("the bodies", bodies) else { return };
        self.report.bodies = found.hashed;
        self.report.intact = found.intact;
        if let Some(coverage) = &mut self.report.coverage {
            coverage.bodies = (found.hashed, found.total);
        }
        self.report.problems.extend(found.problems);
        found.notes.into_iter().for_each(|note| self.add_unchecked(note));
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

/// The result of a check of the bodies.
struct FoundBodies {
    hashed: u64,
    /// The number of bodies to which the log refers, and of other known bodies.
    total: u64,
    intact: Vec<Digest>,
    problems: Vec<Problem>,
    /// A note for each body that could not be read.
    notes: Vec<Note>,
}

/// Hashes the bodies of a share: the bodies to which the log refers, and all other known bodies.
fn read_bodies(store: &Store, known: &Known, subset: Option<Share>) -> Result<FoundBodies> {
    store.read(|view| {
        let found =
            FoundBodies { hashed: 0, total: 0, intact: Vec::new(), problems: Vec::new(), notes: Vec::new() };
        let mut check = BodyCheck { view, subset, checked: HashSet::new(), failed: HashSet::new(), found };
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
                // The share with the list of files reports a missing or damaged list.
                Err(_) if check.failed.contains(&tree) || !check.is_in_share(&tree) => {}
                Err(e) => {
                    let subject = format!("the files of the directory {tree}");
                    check.found.notes.push(not_checked(&subject, &e.into()));
                }
            }
        }
        for digest in known.bodies() {
            check.body(digest, ", which an earlier check has seen and to which no readable entry refers,");
        }
        check.found.total = check.checked.len() as u64;
        Ok::<_, Error>(check.found)
    })
}

/// A check of bodies in progress.
struct BodyCheck<'a> {
    view: &'a StoreView<'a>,
    subset: Option<Share>,
    checked: HashSet<Digest>,
    /// The bodies that are missing or damaged.
    failed: HashSet<Digest>,
    found: FoundBodies,
}

impl BodyCheck<'_> {
    fn is_in_share(&self, digest: &Digest) -> bool {
        self.subset.is_none_or(|share| share.has_digest(digest))
    }

    /// Hashes a body, unless it was hashed before or is not in the share. `place` is a text that follows the digest of
    /// the body in messages.
    fn body(&mut self, digest: Digest, place: &str) {
        if !self.checked.insert(digest) || !self.is_in_share(&digest) {
            return;
        }
        match self.view.verify_body(&digest) {
            Ok(true) => {
                self.found.hashed += 1;
                self.found.intact.push(digest);
            }
            Ok(false) => {
                self.found.hashed += 1;
                self.fail(digest, "artifact_body_damaged", &format!("{place} does not match its digest"));
            }
            Err(e) if e.code() == "artifact_body_missing" => {
                self.fail(digest, "artifact_body_missing", &format!("{place} is missing"));
            }
            // An unreadable body does not prevent the check of the other bodies.
            Err(e) => self.found.notes.push(not_checked(&format!("the body {digest}{place}"), &e.into())),
        }
    }

    fn fail(&mut self, digest: Digest, code: &'static str, fault: &str) {
        self.failed.insert(digest);
        self.found.problems.push(Problem::new(code, format!("the body {digest}{fault}")));
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
