//! A log with known bytes, and the results that a reader may return after its files were changed.

use crate::domain::{Acknowledgements, Frame, Scan, Toy, Workspace};
use crate::sim::seeds::Dice;
use contexta::engine::entry::{Entry, Seq, StreamId};
use contexta::engine::log::frame::{FrameHeader, frame_salt};
use contexta::engine::log::header::{FRAMES_AT, SECOND_HEADER_AT, SEGMENT_HEADER_LEN, SegmentHeader};
use contexta::engine::log::{Durability, Log, ScanMode, Tail, names};
use std::path::{Path, PathBuf};

/// The sizes of a log that is to be damaged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) streams: usize,
    pub(crate) segment_bytes: u64,
    /// The minimum total length of the segments of the log.
    pub(crate) bytes: usize,
    /// The minimum length of a tag and the range of lengths above it.
    pub(crate) tags: (usize, usize),
    /// The maximum number of entries in a commit.
    pub(crate) commit: usize,
}

/// A frame without entries.
#[derive(Debug, Clone, Copy)]
struct MarkPlace {
    segment: Seq,
    bytes: (u64, u64),
    next: Seq,
}

/// A segment as written.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base: Seq,
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// The true content of a stream.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) stream: StreamId,
    pub(crate) segments: Vec<Segment>,
    entries: Vec<Entry>,
    frames: Vec<Frame>,
    marks: Vec<MarkPlace>,
}

/// A log and its true content.
#[derive(Debug)]
pub(crate) struct KnownLog {
    pub(crate) workspace: Workspace,
    pub(crate) streams: Vec<Truth>,
}

/// The number of zeros after the last frame of a segment, as a killed writer leaves them after reserving space.
const ZEROS_KEPT: usize = 48;

/// The end of the frames of a segment, and the marks among them.
fn frames_end(base: Seq, bytes: &[u8]) -> (usize, Vec<MarkPlace>) {
    let salt = SegmentHeader::decode_one(bytes).unwrap().salt;
    let (mut at, mut marks) = (FRAMES_AT as usize, Vec::new());
    while let Some(header) =
        bytes.get(at..).and_then(|rest| FrameHeader::decode(rest, frame_salt(salt, at as u64)))
    {
        let end = at + header.frame_len() as usize;
        if header.entries == 0 {
            marks.push(MarkPlace { segment: base, bytes: (at as u64, end as u64), next: header.first });
        }
        at = end;
    }
    (at, marks)
}

impl KnownLog {
    /// Streams of several segments; every second one is closed, the others end as after a kill.
    pub(crate) fn new(shape: Shape) -> KnownLog {
        let mut dice = Dice::new(shape.seed);
        let workspace = Workspace::new(shape.seed, shape.segment_bytes);
        let mut acked = Acknowledgements::default();
        let logs: Vec<Log> = (0..shape.streams).map(|n| workspace.log(n as u32)).collect();
        let length = |workspace: &Workspace| -> usize {
            workspace.segments().iter().map(|p| frames_end(Seq(1), &workspace.disk.read(p).unwrap()).0).sum()
        };
        while length(&workspace) < shape.bytes {
            for log in &logs {
                let count = 1 + dice.below(shape.commit);
                let tag = |_| {
                    let len = shape.tags.0 + dice.below(shape.tags.1.max(1));
                    Toy::Tag { key: dice.bytes(len) }
                };
                let events: Vec<Toy> = (0..count).map(tag).collect();
                acked.append(log, &events, Durability::Flush).unwrap();
            }
        }
        for (n, log) in logs.into_iter().enumerate() {
            if n % 2 == 0 {
                log.close().unwrap();
            }
            workspace.kill(log);
        }
        for path in workspace.segments() {
            let mut bytes = workspace.disk.read(&path).unwrap();
            let (end, marks) = frames_end(Seq(1), &bytes);
            assert!(bytes[end..].iter().all(|b| *b == 0));
            bytes.resize(end + if marks.is_empty() { ZEROS_KEPT } else { 0 }, 0);
            workspace.disk.overwrite(&path, bytes);
        }
        let streams = workspace.streams().into_iter().map(|stream| Truth::of(&workspace, stream)).collect();
        let known = KnownLog { workspace, streams };
        assert_eq!(known.streams.iter().map(|t| t.entries.len()).sum::<usize>(), acked.entries.len());
        assert!(known.streams.iter().all(|t| t.segments.len() > 1), "each stream has several segments");
        known
    }

    pub(crate) fn bytes(&self) -> usize {
        self.streams.iter().flat_map(|t| &t.segments).map(|s| s.bytes.len()).sum()
    }

    /// Restores all segments as they were written.
    pub(crate) fn restore(&self, segment: &Segment) {
        self.workspace.disk.overwrite(&segment.path, segment.bytes.clone());
    }
}

impl Truth {
    fn of(workspace: &Workspace, stream: StreamId) -> Truth {
        let scan = workspace.scan(stream, ScanMode::Full);
        assert!(scan.is_clean(), "{scan:?}");
        let mut segments = Vec::new();
        let mut marks = Vec::new();
        for path in workspace.segments() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.parent() == Some(&names::stream_dir(&workspace.log_dir(), stream)) {
                let base = names::parse_segment(&name).unwrap();
                let bytes = workspace.disk.read(&path).unwrap();
                marks.extend(frames_end(base, &bytes).1);
                segments.push(Segment { base, path, bytes });
            }
        }
        Truth { stream, segments, entries: scan.entries, frames: scan.frames, marks }
    }

    /// Checks both modes of reading against the changed files. `context` names the change.
    pub(crate) fn check(&self, workspace: &Workspace, context: &dyn Fn() -> String) {
        let remaining = Remaining::of(self, workspace);
        for mode in [ScanMode::Full, ScanMode::Follow] {
            let scan = workspace.scan(self.stream, mode);
            if let Err(fault) = remaining.check(self, &scan, mode) {
                panic!("{}, {mode:?}: {fault}\n{remaining:?}\n{:?}", context(), Summary(&scan));
            }
        }
    }

    /// Checks that every entry that is read equals the written one. The scan itself checks that gaps name missing
    /// numbers.
    pub(crate) fn check_nothing_wrong(&self, workspace: &Workspace, context: &dyn Fn() -> String) {
        for mode in [ScanMode::Full, ScanMode::Follow] {
            for entry in workspace.scan(self.stream, mode).entries {
                let known = self.entries.get(entry.stamp.seq.0 as usize - 1);
                assert_eq!(known, Some(&entry), "{}, {mode:?}", context());
            }
        }
    }

    /// Checks a log with one missing segment: exactly its sequence numbers are reported if another segment follows.
    pub(crate) fn check_missing(&self, workspace: &Workspace, base: Seq) {
        let at = self.segments.iter().position(|s| s.base == base).unwrap();
        let numbers = self.segments.get(at + 1).map(|next| (base.0, next.base.0 - 1));
        for mode in [ScanMode::Full, ScanMode::Follow] {
            let scan = workspace.scan(self.stream, mode);
            assert_eq!(scan.missing(), Vec::from_iter(numbers), "{mode:?}");
            let kept =
                |e: &&Entry| e.stamp.seq < base || numbers.is_some_and(|(_, last)| e.stamp.seq.0 > last);
            assert!(scan.entries.iter().eq(self.entries.iter().filter(kept)), "{mode:?}");
        }
    }

    fn entries_of(&self, frame: &Frame) -> &[Entry] {
        &self.entries[frame.seqs.0.0 as usize - 1..frame.seqs.1.0 as usize]
    }
}

/// A scan without the payloads of its entries.
struct Summary<'a>(&'a Scan);

impl std::fmt::Debug for Summary<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Scan { entries, gaps, findings, tail, next, .. } = self.0;
        let seqs: Vec<u64> = entries.iter().map(|e| e.stamp.seq.0).collect();
        write!(f, "read {seqs:?}, {gaps:?}, {findings:?}, {tail:?}, next {next}")
    }
}

/// The remaining content of a stream after the change.
#[derive(Debug)]
struct Remaining {
    /// The unchanged frames.
    frames: Vec<Frame>,
    /// The missing ranges that are bounded by something intact.
    missing: Vec<(u64, u64)>,
    /// The sequence number after the last entry that intact data shows to have existed.
    next: Seq,
    /// True if entries at and after `next` are lost.
    lost_end: bool,
    /// True if the last bytes look as if nothing had ever followed them.
    silent_end: bool,
    changed: bool,
}

impl Remaining {
    fn of(truth: &Truth, workspace: &Workspace) -> Remaining {
        let now: Vec<Option<Vec<u8>>> = truth.segments.iter().map(|s| workspace.disk.read(&s.path)).collect();
        let same = |n: usize, (from, to): (u64, u64)| {
            let range = from as usize..to as usize;
            let now = now.get(n).and_then(Option::as_ref);
            now.is_some_and(|now| now.get(range.clone()) == truth.segments[n].bytes.get(range))
        };
        let header_len = SEGMENT_HEADER_LEN as u64;
        let copies =
            |n| same(n, (0, header_len)) || same(n, (SECOND_HEADER_AT, SECOND_HEADER_AT + header_len));
        // A segment without a header is readable with the salt that the header of the next segment repeats.
        let exists = |n: usize| now[n].is_some();
        let next_existing = |n: usize| (n + 1..now.len()).find(|n| exists(*n));
        let readable =
            |n: usize| exists(n) && (copies(n) || next_existing(n) == Some(n + 1) && copies(n + 1));
        let at = |segment: Seq| truth.segments.iter().position(|s| s.base == segment).unwrap();
        let whole = |segment: Seq, bytes| readable(at(segment)) && same(at(segment), bytes);
        let frames: Vec<Frame> = truth.frames.iter().filter(|f| whole(f.segment, f.bytes)).copied().collect();
        let marks: Vec<MarkPlace> =
            truth.marks.iter().filter(|m| whole(m.segment, m.bytes)).copied().collect();
        let bases = truth.segments.iter().enumerate().filter(|(n, _)| copies(*n)).map(|(_, s)| s.base);
        let ends = frames.iter().map(|f| f.seqs.1.next()).chain(marks.iter().map(|m| m.next)).chain(bases);
        let next = ends.max().unwrap_or(Seq::FIRST);
        let mut missing = Vec::new();
        let mut expected = 1;
        for (first, last) in frames.iter().map(|f| (f.seqs.0.0, f.seqs.1.0)).chain([(next.0, 0)]) {
            if first > expected {
                missing.push((expected, first - 1));
            }
            expected = last + 1;
        }
        // The end of the intact data of the last existing segment.
        let silent_end = (0..now.len()).rev().find(|n| exists(*n)).is_none_or(|n| {
            let base = truth.segments[n].base;
            let frame_ends = frames.iter().filter(|f| f.segment == base).map(|f| f.bytes.1);
            let mark_ends = marks.iter().filter(|m| m.segment == base).map(|m| m.bytes.1);
            let end = frame_ends.chain(mark_ends).max().unwrap_or(FRAMES_AT) as usize;
            let now = now[n].as_ref().unwrap();
            copies(n) && now.len() >= end && now[end..].iter().all(|b| *b == 0)
        });
        let changed = now.iter().zip(&truth.segments).any(|(now, s)| now.as_ref() != Some(&s.bytes));
        let lost_end = truth.entries.last().is_some_and(|e| e.stamp.seq >= next);
        Remaining { frames, missing, next, lost_end, silent_end, changed }
    }

    fn check(&self, truth: &Truth, scan: &Scan, mode: ScanMode) -> Result<(), &'static str> {
        let expected = self.frames.iter().flat_map(|f| truth.entries_of(f));
        if !scan.entries.iter().eq(expected) {
            return Err("the entries read differ from the intact ones");
        }
        if scan.missing() != self.missing {
            return Err("the reported missing numbers differ from the actual ones");
        }
        let open: Vec<Seq> = scan.gaps.iter().filter(|g| g.last.is_none()).map(|g| g.first).collect();
        let unfinished = matches!(scan.tail, Tail::Unfinished { .. });
        let end_said = match mode {
            ScanMode::Full => open == [self.next],
            ScanMode::Follow => open == [self.next] || unfinished,
        };
        if self.lost_end && !end_said && !self.silent_end {
            return Err("the end is lost and not reported");
        }
        if !self.changed && !scan.is_clean() {
            return Err("an unchanged log has findings");
        }
        if self.changed && !self.silent_end && scan.is_clean() {
            return Err("the changed files have no findings");
        }
        Ok(())
    }
}

/// The name of a segment and its stream, for messages.
pub(crate) fn short(path: &Path) -> String {
    path.strip_prefix("/w/log").unwrap_or(path).display().to_string()
}
