//! The application of an erasure plan.
//!
//! The order of the steps makes an interruption at any moment safe. After step 1, no query returns the runs.
//! If a later step is interrupted, the next erasure of the same runs repeats this step.
//!
//! 1. The erasures are appended durably.
//! 2. Bodies that no artifact uses any more, temporary files of bodies, the files of reports and exports, and dead letters
//!    are removed. The log still contains the entries, so an interrupted removal can be repeated.
//! 3. Segments of the outbox, and then segments of the log, are rewritten without the erased entries. A further entry
//!    records the digests of the segments of the log. If step 2 has not removed all bodies, step 3 is left out.
//! 4. The tables are derived from the changed log, and older saved tables are removed.

use crate::contract::fact::{ErasureStep, RunErasure};
use crate::contract::{Fact, RunRef, RunStatus, Timestamp};
use crate::engine::entries::EntryRef;
use crate::engine::entry::{Event, Seq, StreamId};
use crate::engine::log::merge::MergeLock;
use crate::engine::log::names::segment_path;
use crate::engine::progress::Progress;
use crate::projections::entry::Captured;
use crate::projections::fact_runs::runs_of;
use crate::recovery::backup::{BackupRef, io_error};
use crate::recovery::cache::remove_cache;
use crate::recovery::erase::bodies::{RunBodies, remove_temporaries, remove_unused};
use crate::recovery::erase::outbox::spill;
use crate::recovery::erase::plan::{ErasePlan, Examined, examine_again, kept_file};
use crate::recovery::erase::rewrite::{RewrittenLog, rewrite_segments};
use crate::recovery::erase::scan::FoundEntries;
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::{Error, Result};
use crate::recovery::status::RecoveryStatus;
use crate::store::{DeadLetterFile, Durability, Note, Severity, chain};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// The maximum number of rewritten segments that one entry lists. Each segment has about 100 bytes.
const SEGMENTS_PER_ENTRY: usize = 10_000;

/// The reason why a file that is not in the backup is kept.
const NOT_SAVED: &str = "the backup does not contain it with its present content; remove the file by hand, or force the \
                         deletion";

/// The codes of those notes of a plan that state which data an erasure leaves.
const RESULT_NOTES: [&str; 4] = ["erase_file_kept", "erase_files_unknown", "stream_unreadable", "log_gap"];

/// Options of an erasure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EraseOptions {
    /// `true` to erase runs that no backup contains.
    pub without_backup: bool,
    /// The reason, which the log keeps.
    pub reason: Option<String>,
}

/// The result of an erasure.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EraseResult {
    /// `Degraded` if data of the runs remains. Notes describe this data.
    pub status: RecoveryStatus,
    /// The erased runs.
    pub runs: Vec<RunRef>,
    /// The number of erased entries. No query returns erased entries.
    pub entries: u64,
    /// The number of entries whose bytes were removed from the log.
    pub removed_entries: u64,
    /// The number of entries whose bytes were removed from the outbox.
    pub outbox_entries: u64,
    /// The number of segments that were rewritten without erased entries.
    pub segments: u64,
    /// The number of bytes by which the log became smaller.
    pub log_bytes: u64,
    /// The number of removed bodies.
    pub bodies: u64,
    /// The total size of the removed bodies in bytes.
    pub body_bytes: u64,
    /// The number of removed temporary files of interrupted programs.
    pub temporary_files: u64,
    /// The number of removed files of reports and exports.
    pub files: u64,
    /// The files of reports and exports that were kept, because the backup does not contain them. A later deletion does
    /// not find these files, because the log does not name them any more.
    pub kept_files: Vec<PathBuf>,
    /// The backup that contains the runs; `None` if there is none.
    pub backup_ref: Option<BackupRef>,
    /// Notes about data that remains.
    pub notes: Vec<Note>,
}

/// Erases the runs of a plan. Errors: a process captures one of the runs, no backup contains the runs, or entries of
/// the runs were added since the plan was made. After one of these errors, nothing was changed.
pub(crate) fn erase(
    site: &EraseSite<'_>,
    plan: &ErasePlan,
    options: &EraseOptions,
    progress: Progress<'_>,
) -> Result<EraseResult> {
    let lock = site.lock()?;
    let examined = examine_again(site, plan, progress)?;
    check(&examined.plan, options)?;
    let letter_file = DeadLetterFile::new(site.storage, &site.dirs.outbox);
    if !examined.letters.is_empty() {
        letter_file.check_lock()?;
    }
    let is_capturing = site.journal.head().is_some() && site.has_open_runs()?;
    let (requested, freed) = site.append_requests(&examined, options.reason.as_deref())?;
    // The stream of this process must not count as a stream of a program that captures.
    if !is_capturing {
        site.journal.close()?;
    }
    let RunBodies { all, lists, .. } = &examined.bodies;
    let (bodies, mut notes) = remove_unused(site, all, lists, examined.plan.backup_ref.is_some())?;
    // Only the entries of the artifacts name the bodies. While bodies remain, the entries remain too, so that the next
    // erasure finds the bodies.
    let are_removed = notes.is_empty();
    notes.extend(freed.notes());
    let (temporary_files, kept_temporaries) = remove_temporaries(site)?;
    notes.extend(kept_temporaries);
    let (forced, kept_files) = match options.without_backup {
        true => (examined.plan.unsaved_files.as_slice(), Vec::new()),
        false => (&[][..], examined.plan.unsaved_files.clone()),
    };
    let files = site.remove_files(examined.plan.files.iter().chain(forced))?;
    let is_result = |note: &&Note| RESULT_NOTES.contains(&note.code);
    notes.extend(examined.plan.notes.iter().filter(is_result).cloned());
    notes.extend(kept_files.iter().map(|path| kept_file(path, NOT_SAVED)));
    let (mut outbox, mut rewritten) = (RewrittenLog::default(), RewrittenLog::default());
    if are_removed {
        if !examined.letters.is_empty() {
            letter_file.remove(&examined.letters)?;
        }
        // The log shows which entries of the outbox have a copy, so the entries of the log are removed last.
        outbox = site.rewrite(&lock, spill(site).dir(), &examined, &examined.spilled, Progress::none())?;
        match site.rewrite(&lock, &site.dirs.log, &examined, &examined.found, progress) {
            Ok(log) => rewritten = log,
            Err(e) => notes.push(not_rewritten(&e)),
        }
    }
    notes.extend(outbox.skipped.iter().map(|segment| skipped_in_outbox(spill(site).dir(), segment)));
    notes.extend(rewritten.skipped.iter().map(skipped));
    notes.extend(site.finish(&requested, &rewritten));
    Ok(EraseResult {
        status: RecoveryStatus::of(&notes),
        runs: examined.plan.runs.iter().map(|run| run.run_ref.clone()).collect(),
        entries: examined.found.count(),
        removed_entries: rewritten.segments.iter().map(|segment| segment.entries).sum(),
        outbox_entries: outbox.segments.iter().map(|segment| segment.entries).sum(),
        segments: rewritten.segments.len() as u64,
        log_bytes: rewritten.bytes,
        bodies: bodies.len() as u64,
        body_bytes: bodies.iter().map(|body| body.size).sum(),
        temporary_files,
        files,
        kept_files,
        backup_ref: examined.plan.backup_ref,
        notes,
    })
}

fn check(plan: &ErasePlan, options: &EraseOptions) -> Result<()> {
    if let Some(open) = plan.runs.iter().find(|run| run.is_open) {
        return Err(Error::RunIsOpen { run_ref: open.run_ref.clone() });
    }
    let has_entries = plan.runs.iter().any(|run| run.entries > 0 || run.outbox_entries > 0);
    if has_entries && plan.backup_ref.is_none() && !options.without_backup {
        let runs = plan.runs.iter().map(|run| run.run_ref.clone()).collect();
        return Err(Error::NotBackedUp { runs });
    }
    Ok(())
}

fn is_full<T>(result: &Result<T>) -> bool {
    result.as_ref().is_err_and(|e| e.code() == "storage_full")
}

/// The numbers of files that were removed because the disk was full.
#[derive(Debug, Default)]
struct Freed {
    cached: u64,
    tables: u64,
}

impl Freed {
    fn notes(&self) -> impl Iterator<Item = Note> {
        let note = |files: u64, code, what| {
            let message = format!("the disk was full, so {what} were removed (files: {files})");
            (files > 0).then(|| Note::new(Severity::Warning, code, message))
        };
        let cached = note(self.cached, "erase_cache_removed", "all cached files");
        let tables = note(self.tables, "erase_tables_removed", "the saved tables");
        cached.into_iter().chain(tables)
    }
}

fn skipped((stream, base, reason): &(StreamId, Seq, String)) -> Note {
    let message = format!(
        "the bytes of erased entries remain in the segment of stream {stream} that begins with entry {base}: {reason}; end the \
         programs that use the workspace or run `contexta repair`, and delete the run again by its ref"
    );
    Note::new(Severity::Error, "erase_segment_kept", message).with("stream", stream)
}

/// Returns a note about a segment in the directory `dir` of the outbox.
fn skipped_in_outbox(dir: &Path, (stream, base, reason): &(StreamId, Seq, String)) -> Note {
    let path = segment_path(dir, *stream, *base);
    let message = format!(
        "the bytes of erased entries remain in the outbox, in the file {}: {reason}; end the programs that use the workspace, \
         and delete the run again by its ref; if the file is damaged, run `contexta outbox replay` and remove the file by hand",
        path.display()
    );
    Note::new(Severity::Error, "erase_outbox_kept", message).with("stream", stream)
}

/// The reason why saved tables are kept.
const SAVING: &str = "another program was saving tables, or the file system has no locks";

fn tables_kept(reason: &str) -> Note {
    let message = format!(
        "saved tables of an earlier time may contain rows of the runs, and were not removed: {reason}; end the programs that use \
         the workspace, and delete the run again by its ref"
    );
    Note::new(Severity::Error, "erase_tables_kept", message)
}

fn not_rewritten(e: &Error) -> Note {
    let message = format!(
        "the bytes of erased entries may remain in the log, because the removal failed: {}; delete the run again by its ref",
        chain(e)
    );
    Note::new(Severity::Error, "erase_segment_kept", message)
}

fn digests_not_recorded(e: &Error) -> Note {
    let message = format!(
        "the bytes of the entries were removed, and the log has no record of the digests of the rewritten segments: {}",
        chain(e)
    );
    Note::new(Severity::Error, "erase_digests_not_recorded", message)
}

impl EraseSite<'_> {
    /// Returns `true` if a process captures a run of the workspace. The check includes the calling process.
    fn has_open_runs(&self) -> Result<bool> {
        let runs = self.store.read(|view| view.runs(None))?;
        Ok(runs.iter().any(|run| run.status == RunStatus::Open && run.interrupted_at.is_none()))
    }

    /// Appends one erasure for each run with entries. All erasures are in one durable commit. If the disk is full,
    /// removes all cached files first, and then the saved tables. Returns the erasures, and the numbers of removed files.
    fn append_requests(&self, examined: &Examined, reason: Option<&str>) -> Result<(Vec<RunErasure>, Freed)> {
        // The stamp of the erasure is greater than the stamps of all entries that were read.
        self.journal.observe(self.store.latest_seen());
        let now = Timestamp::from_nanos(self.storage.now());
        let mut requested = Vec::new();
        for (run, streams) in examined.ranges() {
            let step = ErasureStep::Requested(streams.into_values().collect());
            let erasure = RunErasure::new(run.clone(), now, reason.map(str::to_owned), step);
            requested.push(erasure.map_err(crate::store::Error::from)?);
        }
        let mut freed = Freed::default();
        let append = || self.append(requested.iter().cloned().map(Fact::Erasure));
        let mut appended = append();
        if is_full(&appended) {
            let repositories = [self.repository.root(), self.configured_repository];
            freed.cached = remove_cache(self.storage.as_ref(), self.dirs, repositories)?;
            if freed.cached > 0 {
                appended = append();
            }
        }
        if is_full(&appended) {
            freed.tables = self.store.remove_saved_tables()?;
            if freed.tables > 0 {
                appended = append();
            }
        }
        appended.map(|()| (requested, freed))
    }

    /// Appends facts durably. The facts may use the disk space that the log reserves for ends of runs.
    fn append(&self, facts: impl Iterator<Item = Fact>) -> Result<()> {
        let facts: Vec<Captured> = facts.map(Captured::from).collect();
        if !facts.is_empty() {
            self.journal.append_all(&facts, Durability::Fsync, true)?;
        }
        Ok(())
    }

    /// Removes the files of reports and exports. Returns the number of removed files.
    fn remove_files<'p>(&self, files: impl Iterator<Item = &'p PathBuf>) -> Result<u64> {
        let mut removed = 0;
        for path in files {
            match self.storage.remove_file(path) {
                Ok(()) => removed += 1,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(io_error("remove", path, e)),
            }
            let dir = path.parent().unwrap_or(Path::new("."));
            self.storage.sync_dir(dir).map_err(|e| io_error("sync", dir, e))?;
        }
        Ok(removed)
    }

    /// Rewrites the segments in the directory `dir` that contain the entries `found` of the runs.
    fn rewrite(
        &self,
        lock: &MergeLock,
        dir: &Path,
        examined: &Examined,
        found: &FoundEntries,
        progress: Progress<'_>,
    ) -> Result<RewrittenLog> {
        if found.segments.is_empty() {
            return Ok(RewrittenLog::default());
        }
        let runs = examined.ranges();
        let names: BTreeSet<&RunRef> = runs.keys().copied().collect();
        let is_erased = |entry: EntryRef<'_>| {
            let (stream, seq) = (entry.stamp.stream, entry.stamp.seq.0);
            // Most entries are outside the ranges of the runs, and need not be decoded.
            if !runs.values().any(|run| run.get(&stream).is_some_and(|range| seq <= range.last)) {
                return false;
            }
            let decoded = Captured::decode(entry.kind, entry.version, entry.payload);
            let fact = decoded.ok().flatten().map(|captured| captured.fact);
            fact.is_some_and(|fact| runs_of(&fact).iter().any(|run| names.contains(run)))
        };
        let segments: BTreeSet<(StreamId, Seq)> = found.segments.keys().copied().collect();
        rewrite_segments(self, dir, lock, &segments, &is_erased, progress)
    }

    /// Records the digests of rewritten segments, and derives the tables from the changed log. Returns a note for each step that
    /// failed. A failure is no error, because only the result of the erasure still names the files that were kept.
    fn finish(&self, requested: &[RunErasure], rewritten: &RewrittenLog) -> Vec<Note> {
        let recorded = self.append_rewritten(requested, rewritten);
        let tables = match self.store.catch_up().and_then(|_| self.store.remove_outdated_tables()) {
            Ok(true) => None,
            Ok(false) => Some(tables_kept(SAVING)),
            Err(e) => Some(tables_kept(&chain(&e))),
        };
        recorded.err().map(|e| digests_not_recorded(&e)).into_iter().chain(tables).collect()
    }

    /// Records the digests of rewritten segments. A segment can contain entries of several runs, so the
    /// digests are recorded for the first run.
    fn append_rewritten(&self, requested: &[RunErasure], rewritten: &RewrittenLog) -> Result<()> {
        let Some(first) = requested.first().filter(|_| !rewritten.segments.is_empty()) else { return Ok(()) };
        let mut facts = Vec::new();
        for segments in rewritten.segments.chunks(SEGMENTS_PER_ENTRY) {
            let step = ErasureStep::Rewritten(segments.to_vec());
            let (run, reason) = (first.run_ref().clone(), first.reason().map(str::to_owned));
            let erasure = RunErasure::new(run, first.requested_at(), reason, step);
            facts.push(Fact::Erasure(erasure.map_err(crate::store::Error::from)?));
        }
        self.append(facts.into_iter())
    }
}
