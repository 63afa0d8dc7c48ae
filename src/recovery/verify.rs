//! A read-only check of log, bodies and projections.
//!
//! The check reads every segment to the end of its file and checks all frames, the chain over the entries, marks and
//! seals. It hashes every body that an artifact refers to, and compares the digest of the projections with the digest
//! of a rebuild up to the same position in the log.
//!
//! Other processes may write to the workspace during the check. Damage in a stream that has a writer is therefore
//! reported only if three reads find damage, and a note reports the unfinished end of such a stream.

use crate::engine::chain::Head;
use crate::engine::entry::{Gap, Seq, StreamId};
use crate::engine::log::directory::{is_held, list_segments, list_streams, log_bytes};
use crate::engine::log::{Finding, Item, ScanMode, StreamReader, Tail};
use crate::engine::progress::Progress;
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::recovery::error::{Error, Result};
use crate::store::{Note, Severity, Store};
use std::path::Path;
use std::sync::Arc;

/// The greatest number of reads of a stream that has a writer and seems to be damaged: the writer may be in the middle
/// of a write.
const READS_MAX: usize = 3;
/// The greatest number of comparisons of the projections with a rebuild: a merge may change streams between the two
/// digests.
const COMPARISONS_MAX: usize = 2;

/// Options of a check.
#[derive(Debug, Clone)]
pub struct VerifyOptions<'a> {
    /// `true` to hash every body.
    pub bodies: bool,
    /// `true` to compare the projections with a rebuild.
    pub projections: bool,
    /// Heads that were saved outside the workspace. The check confirms that each stream still contains exactly the
    /// entries up to its head.
    pub heads: Vec<Head>,
    /// The receiver of progress: bytes of the log that are checked, and their total.
    pub progress: Progress<'a>,
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        VerifyOptions { bodies: true, projections: true, heads: Vec::new(), progress: Progress::none() }
    }
}

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Everything that was checked is intact.
    Whole,
    /// Something is damaged or missing.
    Damaged,
    /// No damage was found, but something could not be read.
    Unchecked,
}

impl Outcome {
    /// Returns the stable name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Whole => "whole",
            Outcome::Damaged => "damaged",
            Outcome::Unchecked => "unchecked",
        }
    }
}

/// One damage, and the entries that are lost because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The stable code.
    pub code: &'static str,
    /// The stream, for damage in the log.
    pub stream: Option<StreamId>,
    /// The segment, by its first sequence number.
    pub segment: Option<Seq>,
    /// The offset of the damage in the file of the segment.
    pub offset: Option<u64>,
    /// The number of damaged bytes.
    pub len: Option<u64>,
    /// The sequence numbers of the first and the last lost entry. The last is `None` at the end of a stream, where it
    /// is not known.
    pub lost: Option<(Seq, Option<Seq>)>,
    /// A description for people.
    pub message: String,
}

/// The result for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamReport {
    /// The id.
    pub stream: StreamId,
    /// The number of segments.
    pub segments: usize,
    /// The number of intact entries.
    pub entries: u64,
    /// The last intact entry and the chain digest up to that entry; `None` if the digest is not known, because of a
    /// gap.
    pub head: Option<Head>,
    /// `true` if a writer has the stream open.
    pub live: bool,
    /// `true` if the stream ends in a close mark.
    pub closed: bool,
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
    /// Notes on parts that could not be checked, and on streams in use.
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

/// Checks a workspace without changing it. `store` must be one that writes no tables to disk.
pub fn verify(
    storage: &Arc<dyn Storage>,
    log: &Path,
    store: &Store,
    options: VerifyOptions<'_>,
) -> Result<VerifyReport> {
    let mut report = VerifyReport {
        outcome: Outcome::Whole,
        streams: Vec::new(),
        problems: Vec::new(),
        notes: Vec::new(),
        bodies: 0,
        heads: 0,
        projections: ProjectionState::Skipped,
    };
    let streams = list_streams(storage.as_ref(), log)?;
    let total = log_bytes(storage.as_ref(), log, &streams);
    let mut done = 0;
    let mut unchecked = false;
    for head in options.heads.iter().filter(|head| streams.binary_search(&head.stream).is_err()) {
        let message =
            format!("stream {} is not in the log; its saved head is at entry {}", head.stream, head.seq);
        let lost = (head.seq > Seq(0)).then_some((Seq::FIRST, Some(head.seq)));
        let stream = Some(head.stream);
        report.problems.push(Problem { stream, lost, ..Problem::outside_log("stream_missing", message) });
    }
    for stream in streams {
        let heads: Vec<Head> = options.heads.iter().copied().filter(|h| h.stream == stream).collect();
        if let Err(e) = verify_stream(storage, log, stream, &heads, &mut report, &mut |bytes| {
            done += bytes;
            options.progress.report(done, total.max(done));
        }) {
            if e.code() == "foreign_domain" {
                return Err(e);
            }
            unchecked = true;
            report.notes.push(not_checked(&format!("stream {stream}"), &e).with("stream", stream));
        }
    }
    // The tables may contain entries of a stream that is unreadable now. A rebuild does not have these and would
    // differ.
    let compare = options.projections && !unchecked;
    if options.bodies || options.projections {
        match open_projections(store) {
            Ok((problems, notes)) => {
                report.problems.extend(problems);
                report.notes.extend(notes);
            }
            Err(e) => {
                unchecked = true;
                report.notes.push(not_checked("the projections", &e));
            }
        }
    }
    if options.bodies {
        match verify_bodies(store, &mut report) {
            Ok(all) => unchecked |= !all,
            Err(e) => {
                unchecked = true;
                report.notes.push(not_checked("the bodies", &e));
            }
        }
    }
    if compare {
        match compare_projections(store) {
            Ok(state) => report.projections = state,
            Err(e) => {
                unchecked = true;
                report.notes.push(not_checked("the projections", &e));
            }
        }
        if let ProjectionState::Mismatch { tables } = &report.projections {
            let message = format!("the projections differ from a rebuild in {}", tables.join(", "));
            report.problems.push(Problem::outside_log("projections_differ", message));
        }
    }
    options.progress.report(total.max(done), total.max(done));
    if !report.problems.is_empty() {
        report.outcome = Outcome::Damaged;
    } else if unchecked {
        report.outcome = Outcome::Unchecked;
    }
    Ok(report)
}

fn not_checked(subject: &str, e: &crate::recovery::Error) -> Note {
    let source = std::error::Error::source(e).map(|s| format!(": {s}")).unwrap_or_default();
    Note::new(Severity::Error, "could_not_check", format!("{subject} could not be checked: {e}{source}"))
}

/// The result of reading one stream.
struct StreamScan {
    stream: StreamReport,
    problems: Vec<Problem>,
    notes: Vec<Note>,
    /// The number of heads that the stream confirmed.
    heads: u64,
}

fn verify_stream(
    storage: &Arc<dyn Storage>,
    log: &Path,
    stream: StreamId,
    heads: &[Head],
    report: &mut VerifyReport,
    advance: &mut dyn FnMut(u64),
) -> Result<()> {
    let mut scan = scan_stream(storage, log, stream, heads, advance)?;
    for _ in 1..READS_MAX {
        if !scan.stream.live || scan.problems.is_empty() {
            break;
        }
        scan = scan_stream(storage, log, stream, heads, &mut |_| {})?;
    }
    report.problems.append(&mut scan.problems);
    report.notes.append(&mut scan.notes);
    report.heads += scan.heads;
    report.streams.push(scan.stream);
    Ok(())
}

fn scan_stream(
    storage: &Arc<dyn Storage>,
    log: &Path,
    stream: StreamId,
    heads: &[Head],
    advance: &mut dyn FnMut(u64),
) -> Result<StreamScan> {
    // Queried before and after the read, because a writer that exists at either time may have written during the read.
    let live_before = is_held(storage.as_ref(), log, stream);
    let segments = list_segments(storage.as_ref(), log, stream)?.len();
    let mut reader = StreamReader::open(storage, log, stream, ScanMode::Full)?.of_domain(DOMAIN)?;
    heads.iter().for_each(|head| reader.watch(head.seq));
    let mut entries = 0u64;
    let mut problems = Problems { stream, open: Vec::new(), found: Vec::new() };
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Commit(commit) => {
                problems.close();
                advance(commit.end - commit.offset);
                entries += commit.entries.len() as u64;
                for entry in &commit.entries {
                    if let Err(e) = Captured::of_entry(entry) {
                        let message =
                            format!("entry {} is intact, but cannot be decoded: {e}", entry.stamp.position());
                        let place = (commit.segment, commit.offset, commit.end - commit.offset);
                        problems.add("entry_unreadable", Some(place), Some(entry.stamp.seq), message);
                    }
                }
            }
            Item::Gap(gap) => problems.lose(&gap),
            Item::Finding(finding) => problems.open.push(finding),
        }
    }
    problems.close();
    let live = live_before || is_held(storage.as_ref(), log, stream);
    let mut notes = Vec::new();
    let mut note = |code, message: String| {
        notes.push(Note::new(Severity::Info, code, message).with("stream", stream));
    };
    if live && matches!(reader.tail(), Tail::Unfinished { .. }) {
        // An incomplete end of a stream with a writer is a write in progress, not a loss.
        let in_flight = |p: &Problem| {
            matches!(p.code, "torn" | "damaged") && p.lost.is_some_and(|(_, last)| last.is_none())
        };
        problems.found.retain(|p| !in_flight(p));
        note("stream_in_flight", format!("stream {stream} is being written; its end was not checked"));
    } else if let Some(segment) = reader.unfinished_creation() {
        let message = format!(
            "segment {segment} of stream {stream} has no entry: its writer ended while it created the file"
        );
        note("segment_unfinished", message);
    }
    let closed = reader.tail() == Tail::Closed;
    if !live && entries > 0 && matches!(reader.tail(), Tail::Open) {
        let after = reader.next_seq().previous();
        let message = format!(
            "stream {stream} has no close mark: if entries after {after} were lost, this check cannot detect it"
        );
        note("stream_not_closed", message);
    }
    let mut confirmed = 0;
    for head in heads {
        compare_head(head, &reader, &mut problems, &mut confirmed, &mut notes);
    }
    let head =
        reader.chain().map(|chain| Head { stream, seq: reader.next_seq().previous(), digest: chain.link() });
    let stream = StreamReport { stream, segments, entries, head, live, closed };
    Ok(StreamScan { stream, problems: problems.found, notes, heads: confirmed })
}

/// Compares a stream with a saved head.
fn compare_head(
    head: &Head,
    reader: &StreamReader,
    problems: &mut Problems,
    confirmed: &mut u64,
    notes: &mut Vec<Note>,
) {
    let stream = head.stream;
    if reader.next_seq() <= head.seq {
        let lost = Some((reader.next_seq(), Some(head.seq)));
        // The head tells the last entry of a loss at the end of the stream.
        let open = problems.found.iter_mut().filter(|p| matches!(p.lost, Some((_, None))));
        if let Some(problem) = open.last() {
            problem.lost = lost;
            return;
        }
        let (first, last) = (reader.next_seq(), head.seq);
        let message = format!(
            "entries {first} to {last} of stream {stream} are lost: the saved head is at entry {last}"
        );
        problems.add("entries_missing", None, None, message);
        if let Some(problem) = problems.found.last_mut() {
            problem.lost = lost;
        }
        return;
    }
    match reader.watched(head.seq) {
        Some(link) if link == head.digest => *confirmed += 1,
        Some(_) => {
            let message =
                format!("the entries of stream {stream} up to {} differ from the saved head", head.seq);
            problems.add("head_differs", None, None, message);
        }
        None => {
            let message = format!(
                "the saved head at entry {} of stream {stream} could not be checked: earlier entries are missing",
                head.seq
            );
            notes.push(Note::new(Severity::Warning, "head_unchecked", message).with("stream", stream));
        }
    }
}

/// Collects the problems of a stream. A gap that follows a finding is reported as the entries that are lost because of
/// the finding.
struct Problems {
    stream: StreamId,
    open: Vec<Finding>,
    found: Vec<Problem>,
}

impl Problems {
    fn add(
        &mut self,
        code: &'static str,
        place: Option<(Seq, u64, u64)>,
        lost: Option<Seq>,
        message: String,
    ) {
        self.found.push(Problem {
            code,
            stream: Some(self.stream),
            segment: place.map(|p| p.0),
            offset: place.map(|p| p.1),
            len: place.map(|p| p.2),
            lost: lost.map(|seq| (seq, Some(seq))),
            message,
        });
    }

    fn close(&mut self) {
        for f in std::mem::take(&mut self.open) {
            let kind = f.kind.name().replace('_', " ");
            let message = format!("{kind} at offset {} of segment {}; no entry is lost", f.offset, f.segment);
            self.add(f.kind.name(), Some((f.segment, f.offset, f.len)), None, message);
        }
    }

    fn lose(&mut self, gap: &Gap) {
        let lost = Some((gap.first, gap.last));
        let last_place = self.open.pop();
        self.close();
        let (code, place, message) = match last_place {
            Some(f) => {
                let kind = f.kind.name().replace('_', " ");
                let message = format!("{kind} at offset {} of segment {}: lost {gap}", f.offset, f.segment);
                (f.kind.name(), Some((f.segment, f.offset, f.len)), message)
            }
            None => (gap.cause.name(), None, format!("{}: lost {gap}", gap.cause.name().replace('_', " "))),
        };
        self.add(code, place, None, message);
        if let Some(problem) = self.found.last_mut() {
            problem.lost = lost;
            // A missing segment is identified by the number of its first entry.
            problem.segment.get_or_insert(gap.first);
        }
    }
}

impl Problem {
    /// Creates a problem for damage outside the log.
    fn outside_log(code: &'static str, message: String) -> Problem {
        Problem { code, stream: None, segment: None, offset: None, len: None, lost: None, message }
    }
}

/// Hashes every body. Returns `false` if at least one body could not be read; a note names each of these.
fn verify_bodies(store: &Store, report: &mut VerifyReport) -> Result<bool> {
    let (bodies, problems, notes) = store.read(|view| {
        let (mut hashed, mut problems, mut notes) = (0u64, Vec::new(), Vec::new());
        for digest in &view.bodies()? {
            match view.verify_body(digest) {
                Ok(true) => hashed += 1,
                Ok(false) => {
                    hashed += 1;
                    let message = format!("the body {digest} does not match its digest");
                    problems.push(Problem::outside_log("artifact_body_damaged", message));
                }
                Err(e) if e.code() == "artifact_body_missing" => {
                    let message = format!("the body {digest} is missing");
                    problems.push(Problem::outside_log("artifact_body_missing", message));
                }
                // An unreadable body does not prevent the check of the other bodies.
                Err(e) => notes.push(not_checked(&format!("the body {digest}"), &e.into())),
            }
        }
        Ok::<_, Error>((hashed, problems, notes))
    })?;
    report.bodies = bodies;
    report.problems.extend(problems);
    let all = notes.is_empty();
    report.notes.extend(notes);
    Ok(all)
}

/// Opens the projections, which rebuilds unusable tables. Returns a problem if the tables on disk were damaged, or
/// contained entries that the log no longer has; returns a note if a merge explains the difference.
fn open_projections(store: &Store) -> Result<(Vec<Problem>, Vec<Note>)> {
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    for note in store
        .read(|view| Ok::<_, Error>(view.notes()))?
        .into_iter()
        .filter(|n| n.code == "projections_rebuilt")
    {
        let has_reason =
            |name: &str| note.details.iter().any(|(key, value)| *key == "reason" && value == name);
        for (name, code) in [("damaged", "projections_damaged"), ("history", "log_changed")] {
            if has_reason(name) {
                problems.push(Problem::outside_log(code, note.message.clone()));
            }
        }
        if has_reason("divided") {
            notes.push(note);
        }
    }
    Ok((problems, notes))
}

/// Compares the projections with a rebuild from the log up to the position that the projections have reached.
fn compare_projections(store: &Store) -> Result<ProjectionState> {
    let mut tables = Vec::new();
    for _ in 0..COMPARISONS_MAX {
        let (now, position) = store.digest_with_position()?;
        let fresh = store.digest_from_scratch_until(position, Progress::none())?;
        if now.digest == fresh.digest {
            return Ok(ProjectionState::Match);
        }
        let differs = |(a, b): (&(String, _, u64), &(String, _, u64))| (a != b).then(|| a.0.clone());
        tables = now.tables.iter().zip(&fresh.tables).filter_map(differs).collect();
    }
    Ok(ProjectionState::Mismatch { tables })
}
