//! A read-only walk over log, bodies and projections that names every fault.
//!
//! The log is read with plain reads, to the end of every file; each frame, the chain over the entries, marks and
//! seals are checked. Every body that an artifact refers to is hashed again. The projections are compared by digest
//! with what a rebuild up to the same position in the log would give.
//!
//! A workspace may be written to meanwhile: damage in a stream that has a writer counts only if a second reading confirms
//! it, and the unfinished end of such a stream is a note.

use crate::engine::chain::Head;
use crate::engine::entry::{Gap, Seq, StreamId};
use crate::engine::log::reader::{Finding, Item, ScanMode, StreamReader, Tail};
use crate::engine::log::stream::{is_held, list_segments, list_streams, log_bytes};
use crate::engine::storage::Storage;
use crate::projections::entry::Captured;
use crate::recovery::error::{Error, Result};
use crate::store::{Note, Severity, Store};
use std::path::Path;
use std::sync::Arc;

/// How often a stream that is being written to is read until a reading finds nothing amiss.
const READINGS_MAX: usize = 3;
/// How often the projections are compared until they are equal: a merge may change streams between the two digests.
const COMPARISONS_MAX: usize = 2;

/// What to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Hash every body again.
    pub bodies: bool,
    /// Compare the projections with a rebuild.
    pub projections: bool,
    /// Heads kept elsewhere: their streams must still begin with the same entries, and go at least as far.
    pub heads: Vec<Head>,
}

impl Default for VerifyOptions {
    fn default() -> VerifyOptions {
        VerifyOptions { bodies: true, projections: true, heads: Vec::new() }
    }
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that was checked is whole.
    Whole,
    /// Something is damaged or missing.
    Damaged,
    /// Something could not be read, so nobody can say; nothing damaged was found.
    Unchecked,
}

impl Outcome {
    /// The stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Whole => "whole",
            Outcome::Damaged => "damaged",
            Outcome::Unchecked => "unchecked",
        }
    }
}

/// A fault, and what is lost by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A stable code.
    pub code: &'static str,
    /// The stream, for a fault of the log.
    pub stream: Option<StreamId>,
    /// The segment, by its first sequence number.
    pub segment: Option<Seq>,
    /// Where in the segment's file it begins.
    pub offset: Option<u64>,
    /// How many bytes it concerns.
    pub len: Option<u64>,
    /// The entries lost: the first, and the last where something bounds it.
    pub lost: Option<(Seq, Option<Seq>)>,
    /// In words.
    pub message: String,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReport {
    /// Its id.
    pub stream: StreamId,
    /// Number of segments.
    pub segments: usize,
    /// Number of entries that are intact.
    pub entries: u64,
    /// How far it goes, with the digest over all its entries; `None` if a gap leaves the digest unknown.
    pub head: Option<Head>,
    /// Whether a living writer is at it.
    pub live: bool,
    /// Whether its last writer ended cleanly.
    pub closed: bool,
}

/// What became of the comparison of the projections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectionState {
    /// They are what a rebuild gives.
    Match,
    /// They are not.
    Mismatch {
        /// The tables that differ.
        tables: Vec<String>,
    },
    /// They were not compared.
    Skipped,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// The verdict.
    pub outcome: Outcome,
    /// Every stream.
    pub streams: Vec<StreamReport>,
    /// Every fault.
    pub problems: Vec<Problem>,
    /// What could not be checked, and what is good to know.
    pub notes: Vec<Note>,
    /// Number of bodies hashed.
    pub bodies: u64,
    /// Number of heads that their streams confirmed.
    pub heads: u64,
    /// The projections.
    pub projections: ProjectionState,
}

impl VerifyReport {
    /// Number of intact entries in all streams.
    pub fn entries(&self) -> u64 {
        self.streams.iter().map(|s| s.entries).sum()
    }
}

/// Checks a workspace. Changes nothing; `store` must not publish. `progress` hears of bytes of log done and in all.
pub fn verify(
    storage: &Arc<dyn Storage>,
    log: &Path,
    store: &Store,
    options: VerifyOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
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
        let message = format!("stream {} is not in the log, and had {} entries", head.stream, head.seq);
        let lost = (head.seq > Seq(0)).then_some((Seq::FIRST, Some(head.seq)));
        let stream = Some(head.stream);
        report.problems.push(Problem { stream, lost, ..Problem::elsewhere("stream_missing", message) });
    }
    for stream in streams {
        let heads: Vec<Head> = options.heads.iter().copied().filter(|h| h.stream == stream).collect();
        if let Err(e) = verify_stream(storage, log, stream, &heads, &mut report, &mut |bytes| {
            done += bytes;
            progress(done, total.max(done));
        }) {
            unchecked = true;
            report.notes.push(could_not(&format!("stream {stream}"), &e).with("stream", stream));
        }
    }
    // The tables may hold entries that were read before: a rebuild without those of an unreadable stream proves nothing.
    let compare = options.projections && !unchecked;
    if options.bodies || options.projections {
        match open_projections(store) {
            Ok((problems, notes)) => {
                report.problems.extend(problems);
                report.notes.extend(notes);
            }
            Err(e) => {
                unchecked = true;
                report.notes.push(could_not("the projections", &e));
            }
        }
    }
    if options.bodies {
        match verify_bodies(store, &mut report) {
            Ok(all) => unchecked |= !all,
            Err(e) => {
                unchecked = true;
                report.notes.push(could_not("the bodies", &e));
            }
        }
    }
    if compare {
        match compare_projections(store) {
            Ok(state) => report.projections = state,
            Err(e) => {
                unchecked = true;
                report.notes.push(could_not("the projections", &e));
            }
        }
        if let ProjectionState::Mismatch { tables } = &report.projections {
            let message = format!("the projections differ from a rebuild in {}", tables.join(", "));
            report.problems.push(Problem::elsewhere("projections_differ", message));
        }
    }
    progress(total.max(done), total.max(done));
    if !report.problems.is_empty() {
        report.outcome = Outcome::Damaged;
    } else if unchecked {
        report.outcome = Outcome::Unchecked;
    }
    Ok(report)
}

fn could_not(what: &str, e: &crate::recovery::Error) -> Note {
    let source = std::error::Error::source(e).map(|s| format!(": {s}")).unwrap_or_default();
    Note::new(Severity::Error, "could_not_check", format!("{what} could not be checked: {e}{source}"))
}

/// The result of reading one stream.
struct StreamScan {
    stream: StreamReport,
    problems: Vec<Problem>,
    notes: Vec<Note>,
    /// Number of heads that the stream confirmed.
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
    for _ in 1..READINGS_MAX {
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
    // Asked before and afterwards: a writer that is there at either time may have been writing in between.
    let live_before = is_held(storage.as_ref(), log, stream);
    let segments = list_segments(storage.as_ref(), log, stream)?.len();
    let mut reader = StreamReader::open(storage, log, stream, ScanMode::Full)?;
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
                            format!("entry {} is intact, but unreadable: {e}", entry.stamp.position());
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
        // The end of a stream that somebody is writing: not there yet rather than lost.
        let in_flight = |p: &Problem| {
            matches!(p.code, "torn" | "damaged") && p.lost.is_some_and(|(_, last)| last.is_none())
        };
        problems.found.retain(|p| !in_flight(p));
        note("stream_in_flight", format!("stream {stream} is being written; its end was not checked"));
    } else if let Some(segment) = reader.unfinished_creation() {
        let message = format!(
            "segment {segment} of stream {stream} holds no entry: its writer ended while it created the file"
        );
        note("segment_unfinished", message);
    }
    let closed = reader.tail() == Tail::Closed;
    if !live && entries > 0 && matches!(reader.tail(), Tail::Open) {
        let after = reader.next_seq().previous();
        let message =
            format!("stream {stream} was not closed: whether it went on after {after} cannot be told");
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

/// Holds a stream to a head that was kept elsewhere.
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
        // What is missing without a bound is bounded now.
        let open = problems.found.iter_mut().filter(|p| matches!(p.lost, Some((_, None))));
        if let Some(problem) = open.last() {
            problem.lost = lost;
            return;
        }
        let message = format!("stream {stream} went on to {}: lost {} to {0}", head.seq, reader.next_seq());
        problems.add("entries_missing", None, None, message);
        if let Some(problem) = problems.found.last_mut() {
            problem.lost = lost;
        }
        return;
    }
    match reader.watched(head.seq) {
        Some(link) if link == head.digest => *confirmed += 1,
        Some(_) => {
            let message = format!("stream {stream} does not begin with the {} entries of the head", head.seq);
            problems.add("head_differs", None, None, message);
        }
        None => {
            let message =
                format!("the head at {} of stream {stream} lies behind a gap and proves nothing", head.seq);
            notes.push(Note::new(Severity::Warning, "head_unchecked", message).with("stream", stream));
        }
    }
}

/// Pairs what is wrong with bytes with what is lost by it: the gap behind a finding belongs to it.
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
            let what = f.kind.name().replace('_', " ");
            let message =
                format!("{what} at offset {} of segment {}; no entry is lost by it", f.offset, f.segment);
            self.add(f.kind.name(), Some((f.segment, f.offset, f.len)), None, message);
        }
    }

    fn lose(&mut self, gap: &Gap) {
        let lost = Some((gap.first, gap.last));
        let last_place = self.open.pop();
        self.close();
        let (code, place, message) = match last_place {
            Some(f) => {
                let what = f.kind.name().replace('_', " ");
                let message = format!("{what} at offset {} of segment {}: lost {gap}", f.offset, f.segment);
                (f.kind.name(), Some((f.segment, f.offset, f.len)), message)
            }
            None => (gap.cause.name(), None, format!("{}: lost {gap}", gap.cause.name().replace('_', " "))),
        };
        self.add(code, place, None, message);
        if let Some(problem) = self.found.last_mut() {
            problem.lost = lost;
            // A missing segment is named by the number it would begin with.
            problem.segment.get_or_insert(gap.first);
        }
    }
}

impl Problem {
    /// A fault that is not one of the log.
    fn elsewhere(code: &'static str, message: String) -> Problem {
        Problem { code, stream: None, segment: None, offset: None, len: None, lost: None, message }
    }
}

/// Hashes every body. `Ok(false)`: some could not be read, and a note says which.
fn verify_bodies(store: &Store, report: &mut VerifyReport) -> Result<bool> {
    let (bodies, problems, notes) = store.read(|view| {
        let (mut hashed, mut problems, mut notes) = (0u64, Vec::new(), Vec::new());
        for digest in &view.bodies()? {
            match view.verify_body(digest) {
                Ok(true) => hashed += 1,
                Ok(false) => {
                    hashed += 1;
                    let message = format!("the body {digest} does not have its digest any more");
                    problems.push(Problem::elsewhere("artifact_body_damaged", message));
                }
                Err(e) if e.code() == "artifact_body_missing" => {
                    let message = format!("the body {digest} is missing");
                    problems.push(Problem::elsewhere("artifact_body_missing", message));
                }
                // One that cannot be read says nothing about the others.
                Err(e) => notes.push(could_not(&format!("the body {digest}"), &e.into())),
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

/// Returns a problem if the stored projections were damaged, or made from entries that the log does not hold any more,
/// though a rebuild mends the tables; and a note if a merge explains the difference. This comes first, as it shows only
/// when they are opened.
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
                problems.push(Problem::elsewhere(code, note.message.clone()));
            }
        }
        if has_reason("divided") {
            notes.push(note);
        }
    }
    Ok((problems, notes))
}

/// Compares the projections with a rebuild from the log up to the position that they have reached.
fn compare_projections(store: &Store) -> Result<ProjectionState> {
    let mut tables = Vec::new();
    for _ in 0..COMPARISONS_MAX {
        let (now, position) = store.digest_with_position()?;
        let fresh = store.digest_from_scratch_until(position, &|_, _| {})?;
        if now.digest == fresh.digest {
            return Ok(ProjectionState::Match);
        }
        let differs = |(a, b): (&(String, _, u64), &(String, _, u64))| (a != b).then(|| a.0.clone());
        tables = now.tables.iter().zip(&fresh.tables).filter_map(differs).collect();
    }
    Ok(ProjectionState::Mismatch { tables })
}
