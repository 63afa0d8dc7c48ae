//! Properties of the log: frames, damage, copies and failures. No wrong entry is read, missing entries are named, and
//! a sequence number of a stream identifies one entry.

use crate::domain::{Acknowledgements, Frame, Scan, Toy, Workspace, cases, durability, events};
use contexta::engine::chain::{Chain, Head};
use contexta::engine::checksum::salted_crc32;
use contexta::engine::entry::{
    Entry, Kind, PayloadVersion, Position, Seq, Stamp, StreamId, canonical_head, entry_checksum,
};
use contexta::engine::log::frame::{
    FLAG_CLOSE, FrameHeader, decode_entries, frame_salt, put_entries, put_mark,
};
use contexta::engine::log::header::{FRAMES_AT, SegmentHeader};
use contexta::engine::log::limits::FRAME_HEADER_LEN;
use contexta::engine::log::pending::{PendingEntries, PendingEntry};
use contexta::engine::log::{Durability, FindingKind, Log, ScanMode, StreamReader, Tail, names};
use contexta::engine::storage::sim::{Fault, Moment};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

// ---- frames

const STREAM: StreamId = StreamId([3; 16]);

/// A row: kind, version, payload.
type Draft = (Kind, PayloadVersion, Vec<u8>);

fn draft() -> impl Strategy<Value = Draft> {
    // Few letters and kinds, so that rows share much with the rows before them.
    let payload = prop_oneof![
        4 => prop::collection::vec(prop::sample::select(vec![b'a', b'b']), 0..24),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ];
    (0u16..4, any::<u16>(), payload)
        .prop_map(|(kind, version, payload)| (Kind(kind * 21_845), PayloadVersion(version), payload))
}

fn frame_of(drafts: &[Draft], first: Stamp, salt: u64) -> (Vec<u8>, Vec<Entry>) {
    let mut rows = PendingEntries::new();
    let mut expected = Vec::new();
    for (n, (kind, version, payload)) in (0u64..).zip(drafts) {
        // Entries of a batch are seconds apart, entries of a commit one nanosecond.
        let time = first.time + n * (1 + salt % 3);
        rows.push(PendingEntry { kind: *kind, version: *version, time, payload });
        let stamp = Stamp { time, stream: first.stream, seq: first.seq.plus(n) };
        let head = canonical_head(&stamp, *kind, *version, payload.len());
        let checksum = entry_checksum(&head, payload);
        let entry = Entry { stamp, kind: *kind, version: *version, payload: payload.clone(), checksum };
        expected.push((head, entry));
    }
    let (mut bytes, mut canonical) = (Vec::new(), Vec::new());
    put_entries(&mut bytes, &mut canonical, &rows, first.stream, first.seq, salt);
    let chained: Vec<u8> =
        expected.iter().flat_map(|(head, entry)| [&head[..], &entry.payload].concat()).collect();
    assert!(canonical == chained, "the chain and the canonical bytes differ");
    (bytes, expected.into_iter().map(|(_, entry)| entry).collect())
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn frame_returns_its_entries_and_rejects_a_flipped_bit(
        drafts in prop::collection::vec(draft(), 1..30),
        time in 0u64..u64::MAX - 100,
        seq in 1u64..u64::MAX - 100,
        salt in any::<u64>(),
        flips in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let first = Stamp { time, stream: STREAM, seq: Seq(seq) };
        let (bytes, entries) = frame_of(&drafts, first, salt);
        let header = FrameHeader::decode(&bytes, salt).unwrap();
        prop_assert_eq!(header.frame_len(), bytes.len() as u64);
        prop_assert_eq!((header.first, header.last()), (Seq(seq), entries.last().unwrap().stamp.seq));
        prop_assert!(header.matches(&bytes[FRAME_HEADER_LEN..], salt));
        let read = decode_entries(&header, &bytes[FRAME_HEADER_LEN..], STREAM).unwrap();
        prop_assert_eq!(read.into_iter().collect::<Vec<_>>(), entries);
        prop_assert!(FrameHeader::decode(&bytes, salt ^ 1).is_none());
        for flip in flips {
            let bit = flip.index(bytes.len() * 8);
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let accepted = FrameHeader::decode(&bad, salt)
                .is_some_and(|h| h.matches(&bad[FRAME_HEADER_LEN..], salt));
            prop_assert!(!accepted, "bit {}", bit);
        }
    }

    /// The checksums of a frame are not secret: a writer with correct checksums must not harm the reader.
    #[test]
    fn hostile_rows_give_entries_or_nothing(
        rows in prop::collection::vec(prop_oneof![0u8..6, any::<u8>()], 0..120),
        drafts in prop::collection::vec(draft(), 1..6),
        change in any::<prop::sample::Index>(),
        to in any::<u8>(),
        count in 0usize..8,
    ) {
        let first = Stamp { time: 5, stream: STREAM, seq: Seq(9) };
        let (bytes, entries) = frame_of(&drafts, first, 1);
        let header = FrameHeader::decode(&bytes, 1).unwrap();
        let mut payload = bytes[FRAME_HEADER_LEN..].to_vec();
        payload[change.index(header.payload_len as usize)] = to;
        if let Some(read) = decode_entries(&header, &payload, STREAM) {
            prop_assert_eq!(read.into_iter().collect::<Vec<_>>(), entries);
        }
        let mut header = header;
        (header.payload_len, header.entries) = (rows.len() as u32, count as u32);
        if let Some(read) = decode_entries(&header, &rows, STREAM) {
            prop_assert_eq!(read.len(), count);
        }
    }
}

// ---- a log to damage

/// The commits of each stream, and true if the stream is closed at the end.
type Recipe = Vec<(Vec<Vec<Toy>>, bool)>;

fn recipe(streams: usize, commits: usize) -> impl Strategy<Value = Recipe> {
    prop::collection::vec((prop::collection::vec(events(), 1..commits), any::<bool>()), 1..=streams)
}

/// A log and its true content.
struct Built {
    workspace: Workspace,
    truth: BTreeMap<StreamId, Scan>,
    bases: BTreeMap<StreamId, Vec<Seq>>,
}

const SMALL: u64 = FRAMES_AT + 300;

fn build(recipe: &Recipe) -> Built {
    let workspace = Workspace::new(7, SMALL);
    let mut acked = Acknowledgements::default();
    // All writers are open at the same time, so that each has its own stream.
    let logs: Vec<Log> = (0..recipe.len()).map(|n| workspace.log(n as u32)).collect();
    let longest = recipe.iter().map(|(commits, _)| commits.len()).max().unwrap_or(0);
    for round in 0..longest {
        for (log, (commits, _)) in logs.iter().zip(recipe) {
            if let Some(events) = commits.get(round) {
                acked.append(log, events, Durability::Flush).unwrap();
            }
        }
    }
    for (log, (_, closed)) in logs.into_iter().zip(recipe) {
        if *closed {
            log.close().unwrap();
        }
        workspace.kill(log);
    }
    let mut truth = BTreeMap::new();
    let mut bases: BTreeMap<StreamId, Vec<Seq>> = BTreeMap::new();
    for stream in workspace.streams() {
        let scan = workspace.scan(stream, ScanMode::Full);
        assert!(scan.is_clean(), "{scan:?}");
        assert_eq!(scan, workspace.scan(stream, ScanMode::Follow));
        truth.insert(stream, scan);
    }
    for path in workspace.segments() {
        let (stream, base) = name_of(&path);
        bases.entry(stream).or_default().push(base);
    }
    let entries = workspace.entries();
    assert_eq!(entries.len(), acked.entries.len());
    assert!(acked.entries.iter().all(|(p, (stamp, _))| entries[p].stamp == *stamp));
    Built { workspace, truth, bases }
}

fn name_of(path: &Path) -> (StreamId, Seq) {
    let part = |p: &Path| p.file_name().unwrap().to_string_lossy().into_owned();
    (part(path.parent().unwrap()).parse().unwrap(), names::parse_segment(&part(path)).unwrap())
}

impl Built {
    /// Every entry that is read is the one that was written at its position.
    fn check_nothing_wrong(&self, stream: StreamId, scan: &Scan) {
        let truth = &self.truth[&stream];
        for entry in &scan.entries {
            let known = truth.entries.get(entry.stamp.seq.0 as usize - 1);
            assert_eq!(known, Some(entry));
        }
    }

    /// The end of the last frame or mark of a stream, in its last segment.
    fn end_of(&self, stream: StreamId) -> u64 {
        const CLOSE_MARK_LEN: u64 = FRAME_HEADER_LEN as u64 + 32;
        let (truth, last) = (&self.truth[&stream], self.bases[&stream].last().unwrap());
        let end = ends(truth, *last).pop().unwrap();
        if truth.tail == Tail::Closed { end + CLOSE_MARK_LEN } else { end }
    }

    /// Truncates one segment at `cut`; the rest of the log is unchanged.
    fn check_cut(&self, path: &Path, cut: u64) {
        let (stream, base) = name_of(path);
        let truth = &self.truth[&stream];
        let last = self.bases[&stream].last() == Some(&base);
        let lost: Vec<&Frame> =
            truth.frames.iter().filter(|f| f.segment == base && f.bytes.1 > cut).collect();
        let expected: Vec<&Entry> =
            truth.entries.iter().filter(|e| !lost.iter().any(|f| holds(f, e.stamp.seq))).collect();
        for mode in [ScanMode::Follow, ScanMode::Full] {
            let scan = self.workspace.scan(stream, mode);
            let context = || format!("{} cut at {cut}, {mode:?}: {scan:#?}", path.display());
            assert!(scan.entries.iter().eq(expected.iter().copied()), "{}", context());
            if !last {
                let bounds = lost.first().zip(lost.last()).map(|(f, l)| (f.seqs.0.0, l.seqs.1.0));
                assert_eq!(scan.missing(), Vec::from_iter(bounds), "{}", context());
                assert!(scan.gaps.iter().all(|g| g.last.is_some()), "{}", context());
                continue;
            }
            // A cut at the end of a frame leaves no trace. A cut in the zeros after the last frame or mark loses
            // nothing.
            let whole_end = ends(truth, base).into_iter().any(|end| end == cut) || cut >= self.end_of(stream);
            if cut < FRAMES_AT && self.bases[&stream].len() == 1 {
                // An unfinished creation has the same bytes; there is no earlier segment whose seal proves otherwise.
                assert!(matches!(scan.tail, Tail::Unfinished { offset: 0 }), "{}", context());
                assert!(scan.findings.is_empty() && scan.gaps.is_empty(), "{}", context());
                continue;
            }
            match (whole_end, mode) {
                // The cut leaves only whole frames, so nothing shows that entries are missing.
                (true, _) => assert!(scan.is_clean(), "{}", context()),
                (false, ScanMode::Follow) => {
                    assert!(matches!(scan.tail, Tail::Unfinished { .. }), "{}", context());
                    let header_is_cut = (256..FRAMES_AT).contains(&cut);
                    assert_eq!(scan.findings.len(), usize::from(header_is_cut), "{}", context());
                    assert!(scan.gaps.is_empty(), "{}", context());
                }
                (false, ScanMode::Full) => {
                    assert_eq!(scan.gaps.len(), 1, "{}", context());
                    assert_eq!((scan.gaps[0].first, scan.gaps[0].last), (scan.next, None), "{}", context());
                    assert!(!scan.findings.is_empty(), "{}", context());
                }
            }
        }
    }
}

fn holds(frame: &Frame, seq: Seq) -> bool {
    (frame.seqs.0..=frame.seqs.1).contains(&seq)
}

/// The lengths to which a segment may be truncated without any sign that entries are missing.
fn ends(truth: &Scan, base: Seq) -> Vec<u64> {
    let frames = truth.frames.iter().filter(|f| f.segment == base).map(|f| f.bytes.1);
    std::iter::once(FRAMES_AT).chain(frames).collect()
}

fn fixed_recipe() -> Recipe {
    let commit = |n: u8| -> Vec<Toy> {
        let tag = |m: u8| Toy::Tag { key: vec![n, m, n.wrapping_mul(m)] };
        (0..n % 3 + 1).map(tag).collect()
    };
    vec![((1..12).map(commit).collect(), true), ((20..27).map(commit).collect(), false)]
}

#[test]
fn log_truncated_at_any_byte_returns_entries_before_it_and_names_the_rest() {
    let built = build(&fixed_recipe());
    let paths = built.workspace.segments();
    assert!(built.bases.values().all(|bases| bases.len() > 1), "{paths:?}");
    for path in paths {
        let whole = built.workspace.disk.read(&path).unwrap();
        // All truncations in the zeros between the headers are equivalent.
        let dull = |cut: &usize| (300..4090).contains(cut) || *cut > FRAMES_AT as usize + 1000;
        for cut in (0..whole.len()).filter(|c| !dull(c) || c % 97 == 0) {
            built.workspace.disk.overwrite(&path, whole[..cut].to_vec());
            built.check_cut(&path, cut as u64);
        }
        built.workspace.disk.overwrite(&path, whole);
    }
}

/// Flips a bit, scans, and checks that the loss is no greater than a single flip permits.
fn check_flip(built: &Built, path: &Path, bit: usize) {
    let (stream, base) = name_of(path);
    let truth = &built.truth[&stream];
    built.workspace.flip(path, bit);
    let at = bit as u64 / 8;
    let scan = built.workspace.scan(stream, ScanMode::Full);
    let context = || format!("{} bit {bit}: {scan:#?}", path.display());
    assert!(!scan.findings.is_empty() || !scan.gaps.is_empty(), "no finding and no gap: {}", context());
    let touched = |f: &&Frame| f.segment == base && (f.bytes.0..f.bytes.1).contains(&at);
    let touched = truth.frames.iter().find(touched);
    let expected = truth.entries.iter().filter(|e| touched.is_none_or(|f| !holds(f, e.stamp.seq)));
    assert!(scan.entries.iter().eq(expected), "{}", context());
    let last_segment = built.bases[&stream].last() == Some(&base);
    let behind = touched.map_or(at, |f| f.bytes.1);
    let bounded = !last_segment || behind < built.end_of(stream);
    match touched {
        Some(frame) if bounded => {
            assert_eq!(scan.missing(), [(frame.seqs.0.0, frame.seqs.1.0)], "{}", context());
            assert_eq!(scan.gaps.len(), 1, "{}", context());
        }
        Some(frame) => {
            assert_eq!(scan.gaps.len(), 1, "{}", context());
            assert_eq!((scan.gaps[0].first, scan.gaps[0].last), (frame.seqs.0, None), "{}", context());
        }
        None => assert!(scan.missing().is_empty(), "{}", context()),
    }
    let follow = built.workspace.scan(stream, ScanMode::Follow);
    built.check_nothing_wrong(stream, &follow);
    built.workspace.flip(path, bit);
}

#[test]
fn any_flipped_bit_of_a_small_log_is_detected_and_costs_only_its_frame() {
    let built = build(&fixed_recipe());
    for (n, path) in built.workspace.segments().into_iter().enumerate() {
        let whole = built.workspace.disk.read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            // The zeros between the headers and after the frames are many and equivalent.
            let zeros = (256 * 8..4096 * 8).contains(&bit) || bit > (FRAMES_AT as usize + 1000) * 8;
            if !zeros || bit % 61 == n % 61 {
                check_flip(&built, &path, bit);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn truncations_and_flips_of_any_log_cost_only_affected_frames(
        recipe in recipe(3, 14),
        harm in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 30),
    ) {
        let built = build(&recipe);
        let paths = built.workspace.segments();
        for (which, place) in harm {
            let path = which.get(&paths);
            let whole = built.workspace.disk.read(path).unwrap();
            check_flip(&built, path, place.index(whole.len() * 8));
            if whole.len() > FRAMES_AT as usize {
                let used = whole.len() - FRAMES_AT as usize;
                check_flip(&built, path, FRAMES_AT as usize * 8 + place.index(used * 8));
                let cut = FRAMES_AT as usize + place.index(used);
                built.workspace.disk.overwrite(path, whole[..cut].to_vec());
                built.check_cut(path, cut as u64);
                built.workspace.disk.overwrite(path, whole);
            }
        }
    }

    /// Several kinds of damage at once: entries that are read equal the written ones, and missing entries are named.
    /// The number of entries that remain is not checked.
    #[test]
    fn no_wrong_entry_is_read_after_any_damage(
        recipe in recipe(3, 14),
        harms in prop::collection::vec(harm(), 1..6),
    ) {
        let built = build(&recipe);
        for harm in &harms {
            harm.inflict(&built.workspace);
        }
        for stream in built.workspace.streams() {
            for mode in [ScanMode::Follow, ScanMode::Full] {
                let scan = built.workspace.scan(stream, mode);
                built.check_nothing_wrong(stream, &scan);
            }
        }
    }
}

/// Changes of files.
#[derive(Debug, Clone)]
pub(crate) enum Harm {
    Flip { segment: prop::sample::Index, at: prop::sample::Index },
    Cut { segment: prop::sample::Index, at: prop::sample::Index },
    Zero { segment: prop::sample::Index, at: prop::sample::Index, len: usize },
    Noise { segment: prop::sample::Index, at: prop::sample::Index, with: Vec<u8> },
    Swap { one: prop::sample::Index, other: prop::sample::Index },
    Repeat { segment: prop::sample::Index, from: prop::sample::Index, to: prop::sample::Index, len: usize },
    Remove { segment: prop::sample::Index },
    Grow { segment: prop::sample::Index, with: Vec<u8> },
}

pub(crate) fn harm() -> impl Strategy<Value = Harm> {
    use prop::sample::Index;
    let place = || (any::<Index>(), any::<Index>());
    let bytes = || prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..200);
    prop_oneof![
        place().prop_map(|(segment, at)| Harm::Flip { segment, at }),
        place().prop_map(|(segment, at)| Harm::Cut { segment, at }),
        (place(), 0usize..5000).prop_map(|((segment, at), len)| Harm::Zero { segment, at, len }),
        (place(), bytes()).prop_map(|((segment, at), with)| Harm::Noise { segment, at, with }),
        place().prop_map(|(one, other)| Harm::Swap { one, other }),
        (place(), any::<Index>(), 1usize..400).prop_map(|((segment, from), to, len)| Harm::Repeat {
            segment,
            from,
            to,
            len
        }),
        any::<Index>().prop_map(|segment| Harm::Remove { segment }),
        (any::<Index>(), bytes()).prop_map(|(segment, with)| Harm::Grow { segment, with }),
    ]
}

impl Harm {
    pub(crate) fn inflict(&self, workspace: &Workspace) {
        let paths = workspace.segments();
        if paths.is_empty() {
            return;
        }
        let disk = &workspace.disk;
        let change = |segment: &prop::sample::Index, f: &dyn Fn(&mut Vec<u8>)| {
            let path: &PathBuf = segment.get(&paths);
            let mut bytes = disk.read(path).unwrap();
            f(&mut bytes);
            disk.overwrite(path, bytes);
        };
        // Half of the positions are after the headers, among the frames.
        let place = |at: &prop::sample::Index, bytes: &[u8]| {
            let n = at.index(usize::MAX);
            let from = if n.is_multiple_of(2) { (FRAMES_AT as usize).min(bytes.len()) } else { 0 };
            from + (n / 2) % (bytes.len() - from).max(1)
        };
        match self {
            Harm::Flip { segment, at } => change(segment, &|bytes| {
                let at = place(at, bytes);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 4;
                }
            }),
            Harm::Cut { segment, at } => change(segment, &|bytes| bytes.truncate(place(at, bytes))),
            Harm::Zero { segment, at, len } => change(segment, &|bytes| {
                let at = place(at, bytes);
                bytes.iter_mut().skip(at).take(*len).for_each(|b| *b = 0);
            }),
            Harm::Noise { segment, at, with } => change(segment, &|bytes| {
                let at = place(at, bytes);
                bytes.iter_mut().skip(at).zip(with).for_each(|(b, w)| *b = *w);
            }),
            Harm::Swap { one, other } => {
                let (one, other): (&PathBuf, &PathBuf) = (one.get(&paths), other.get(&paths));
                let (a, b) = (disk.read(one).unwrap(), disk.read(other).unwrap());
                disk.overwrite(one, b);
                disk.overwrite(other, a);
            }
            Harm::Repeat { segment, from, to, len } => change(segment, &|bytes| {
                let (from, to) = (place(from, bytes) / 8 * 8, place(to, bytes) / 8 * 8);
                let piece: Vec<u8> = bytes.iter().skip(from).take(*len).copied().collect();
                bytes.iter_mut().skip(to).zip(piece).for_each(|(b, p)| *b = p);
            }),
            Harm::Remove { segment } => disk.remove_tree(segment.get::<PathBuf>(&paths)),
            Harm::Grow { segment, with } => change(segment, &|bytes| bytes.extend_from_slice(with)),
        }
    }
}

// ---- writers, copies and failures

/// Actions on workspaces and on the processes that write to them.
#[derive(Debug, Clone)]
enum Act {
    Append { process: usize, events: Vec<Toy>, durability: Durability },
    Close { process: usize },
    Kill { process: usize },
    Copy { side: usize },
    Reboot,
    Clock { by: i64 },
    FullDisk { process: usize, free: u64, events: Vec<Toy> },
    FailingSync { process: usize, events: Vec<Toy>, durability: Durability },
    Dies { process: usize, at: u64, events: Vec<Toy>, durability: Durability },
    OtherOptions { process: usize, segment_bytes_max: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let process = || 0usize..6;
    prop_oneof![
        8 => (process(), events(), durability())
            .prop_map(|(process, events, durability)| Act::Append { process, events, durability }),
        2 => process().prop_map(|process| Act::Close { process }),
        2 => process().prop_map(|process| Act::Kill { process }),
        1 => (0usize..3).prop_map(|side| Act::Copy { side }),
        1 => Just(Act::Reboot),
        1 => (-5_000_000_000i64..5_000_000_000).prop_map(|by| Act::Clock { by }),
        2 => (process(), 0u64..6000, events())
            .prop_map(|(process, free, events)| Act::FullDisk { process, free, events }),
        2 => (process(), events(), durability())
            .prop_map(|(process, events, durability)| Act::FailingSync { process, events, durability }),
        3 => (process(), 0u64..40, events(), durability())
            .prop_map(|(process, at, events, durability)| Act::Dies { process, at, events, durability }),
        1 => (process(), prop::sample::select(vec![SMALL, SMALL + 400, 1 << 20]))
            .prop_map(|(process, segment_bytes_max)| Act::OtherOptions { process, segment_bytes_max }),
    ]
}

/// A workspace, its processes, and their acknowledged entries.
struct Side {
    workspace: Workspace,
    /// The id of the first process. A kill ends all processes with the same id.
    first: u32,
    logs: Vec<Option<Log>>,
    acked: Acknowledgements,
}

impl Side {
    fn log(&mut self, process: usize) -> &Log {
        let (workspace, id) = (&self.workspace, self.first + process as u32);
        self.logs[process].get_or_insert_with(|| workspace.log(id))
    }

    fn append(&mut self, process: usize, events: &[Toy], durability: Durability) -> bool {
        self.log(process);
        let log = self.logs[process].as_ref().unwrap();
        self.acked.append(log, events, durability).is_ok()
    }

    fn kill(&mut self, process: usize) {
        if let Some(log) = self.logs[process].take() {
            self.workspace.kill(log);
        }
    }

    /// All entries that were acknowledged in this workspace are readable in it.
    fn check(&self, torn_allowed: bool) {
        let entries = self.workspace.entries();
        for (position, (stamp, event)) in &self.acked.entries {
            let Some(entry) = entries.get(position) else { panic!("{position} is lost") };
            assert_eq!(entry.stamp, *stamp);
            let mut payload = Vec::new();
            contexta::engine::entry::Event::encode(event, &mut payload).unwrap();
            assert_eq!(entry.payload, payload);
        }
        for stream in self.workspace.streams() {
            let scan = self.workspace.scan(stream, ScanMode::Full);
            let times: Vec<u64> = scan.entries.iter().map(|e| e.stamp.time).collect();
            assert!(times.is_sorted_by(|a, b| a < b), "stamps do not increase");
            assert!(torn_allowed || scan.is_clean(), "{scan:#?}");
            // Only the end of a stream may be torn, because no frame is appended to half a frame.
            assert!(scan.gaps.iter().all(|g| g.last.is_none()), "{scan:#?}");
        }
    }
}

const PROCESSES: usize = 3;

/// Accepts the error of a close that reports an earlier failed sync.
fn reported_failed_sync(e: contexta::engine::Error) -> contexta::engine::Result<Option<Head>> {
    if matches!(&e, contexta::engine::Error::Io { action: "sync segment", .. }) { Ok(None) } else { Err(e) }
}

fn perform(acts: &[Act]) {
    let workspace = Workspace::new(11, SMALL);
    let disk = workspace.disk.clone();
    let new = |workspace: Workspace, first| Side {
        workspace,
        first,
        logs: (0..PROCESSES).map(|_| None).collect(),
        acked: Acknowledgements::default(),
    };
    let mut sides = vec![new(workspace, 0)];
    let mut meanings: BTreeMap<Position, Entry> = BTreeMap::new();
    let mut torn_allowed = false;
    for act in acts {
        match act {
            Act::Append { process, events, durability } => {
                let n = sides.len();
                assert!(sides[process % n].append(process / 2, events, *durability));
            }
            Act::Close { process } => {
                let n = sides.len();
                if let Some(log) = &sides[process % n].logs[process / 2] {
                    log.close().or_else(reported_failed_sync).unwrap();
                }
            }
            Act::Kill { process } => {
                let n = sides.len();
                sides[process % n].kill(process / 2);
            }
            Act::Copy { side } if sides.len() < 3 => {
                let n = sides.len();
                let from = &sides[side % n];
                let mut copy = new(from.workspace.copy_to(&format!("/copy{n}")), 10 * n as u32);
                copy.acked.entries = from.acked.entries.clone();
                sides.push(copy);
            }
            Act::Copy { .. } => {}
            Act::Reboot => {
                for side in &mut sides {
                    (0..PROCESSES).for_each(|p| side.kill(p));
                }
                disk.reboot();
            }
            Act::Clock { by } => disk.advance(*by),
            Act::FullDisk { process, free, events } => {
                let n = sides.len();
                disk.set_free_bytes(Some(*free));
                // Appends until the disk is full; every append succeeds or fails as a whole.
                (0..40).any(|_| !sides[process % n].append(process / 2, events, Durability::Flush));
                sides[process % n].check(torn_allowed);
                disk.set_free_bytes(None);
                assert!(sides[process % n].append(process / 2, events, Durability::Fsync));
            }
            Act::FailingSync { process, events, durability } => {
                let side = process % sides.len();
                disk.set_failing_syncs(true);
                let before = sides[side].logs[process / 2].as_ref().and_then(Log::head);
                let done = sides[side].append(process / 2, events, *durability);
                disk.set_failing_syncs(false);
                let segments = sides[side].workspace.segments().len();
                assert!(sides[side].append(process / 2, events, Durability::Fsync));
                if let (false, Some(_)) = (done, before) {
                    let now = sides[side].workspace.segments().len();
                    assert!(now > segments, "a segment whose sync failed was appended to");
                }
            }
            Act::Dies { process, at, events, durability } => {
                let n = sides.len();
                let side = &mut sides[process % n];
                side.kill(process / 2);
                let dying = disk.spawn(*process as u32 + 50);
                dying.plan(Moment::Operation(*at), Fault::Kill);
                let log = side.workspace.log_on(dying.clone());
                for _ in 0..6 {
                    let _ = side.acked.append(&log, events, *durability);
                }
                drop(log);
                torn_allowed |= !dying.is_alive();
            }
            Act::OtherOptions { process, segment_bytes_max } => {
                let n = sides.len();
                sides[process % n].kill(process / 2);
                sides[process % n].workspace.segment_bytes_max = *segment_bytes_max;
            }
        }
        for side in &sides {
            for (position, entry) in side.workspace.entries() {
                let known = meanings.entry(position).or_insert_with(|| entry.clone());
                assert_eq!(*known, entry, "{position} has two different entries");
            }
        }
    }
    sides.iter().for_each(|side| side.check(torn_allowed));
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn sequence_numbers_are_unique_and_acknowledged_entries_present(
        acts in prop::collection::vec(act(), 1..40),
    ) {
        perform(&acts);
    }
}

/// Actions between two power cuts.
#[derive(Debug, Clone)]
enum Powered {
    Append { process: usize, events: Vec<Toy>, durability: Durability },
    Sync { process: usize },
    Close { process: usize },
    Cut { seed: u64 },
}

fn powered() -> impl Strategy<Value = Powered> {
    let process = || 0usize..2;
    prop_oneof![
        10 => (process(), events(), durability())
            .prop_map(|(process, events, durability)| Powered::Append { process, events, durability }),
        1 => process().prop_map(|process| Powered::Sync { process }),
        1 => process().prop_map(|process| Powered::Close { process }),
        2 => any::<u64>().prop_map(|seed| Powered::Cut { seed }),
    ]
}

/// Positions acknowledged as durable.
#[derive(Default)]
struct Durable {
    /// Positions acknowledged as flushed since the last sync, by process.
    flushed: [Vec<Position>; 2],
    entries: Vec<Position>,
}

impl Durable {
    fn settle(&mut self, process: usize) {
        self.entries.append(&mut self.flushed[process]);
    }
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn durable_entries_survive_power_cuts(
        acts in prop::collection::vec(powered(), 1..40),
        last in any::<u64>(),
    ) {
        let workspace = Workspace::new(13, SMALL);
        let mut acked = Acknowledgements::default();
        let mut durable = Durable::default();
        let mut meanings: BTreeMap<Position, Entry> = BTreeMap::new();
        let mut logs: [Option<Log>; 2] = [None, None];
        for act in acts.iter().chain([&Powered::Cut { seed: last }]) {
            match act {
                Powered::Append { process, events, durability } => {
                    let log = logs[*process].get_or_insert_with(|| workspace.log(*process as u32));
                    let committed = acked.append(log, events, *durability).unwrap();
                    durable.flushed[*process].extend((0..committed.count).map(|n| committed.position(n)));
                    if *durability == Durability::Fsync {
                        durable.settle(*process);
                    }
                }
                Powered::Sync { process } => {
                    if let Some(log) = &logs[*process] {
                        log.sync().unwrap();
                        durable.settle(*process);
                    }
                }
                Powered::Close { process } => {
                    if let Some(log) = logs[*process].take() {
                        log.close().unwrap();
                        durable.settle(*process);
                    }
                }
                Powered::Cut { seed } => {
                    meanings.extend(workspace.entries());
                    logs.iter_mut().filter_map(Option::take).for_each(|log| workspace.kill(log));
                    workspace.disk.cut_power(*seed);
                    durable.flushed = Default::default();
                }
            }
            let entries = workspace.entries();
            for (position, entry) in &entries {
                prop_assert_eq!(meanings.entry(*position).or_insert_with(|| entry.clone()), entry);
            }
            for position in &durable.entries {
                prop_assert!(entries.contains_key(position), "{} is lost", position);
            }
        }
    }
}

fn tag(n: u8) -> Vec<Toy> {
    vec![Toy::Tag { key: vec![n; 20] }]
}

fn stream_of(log: &Log) -> StreamId {
    log.head().unwrap().stream
}

#[test]
fn watched_entry_has_a_link_if_no_entry_before_it_is_missing() {
    let workspace = Workspace::new(5, 1 << 20);
    let log = workspace.log(1);
    for n in 0..4 {
        log.append(&tag(n), Durability::Flush).unwrap();
    }
    let stream = stream_of(&log);
    let links = || {
        let storage = workspace.disk.process(9);
        let mut reader = StreamReader::open(&storage, &workspace.log_dir(), stream, ScanMode::Full).unwrap();
        (0..6).for_each(|seq| reader.watch(Seq(seq)));
        while reader.next_item().unwrap().is_some() {}
        (0..6).map(|seq| reader.watched(Seq(seq))).collect::<Vec<_>>()
    };
    let whole = links();
    assert_eq!(whole[0], Some(Chain::ORIGIN));
    assert_eq!(whole.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, true, true, true, false]);
    let frame = workspace.scan(stream, ScanMode::Full).frames[1];
    workspace.flip(&workspace.segments()[0], (frame.bytes.0 as usize + 60) * 8);
    assert_eq!(links(), [whole[0], whole[1], None, None, None, None]);
}

/// The checksums of each mark are valid, and its payload is not.
#[test]
fn mark_that_cannot_be_decoded_is_unreadable_and_mark_before_the_end_doubled() {
    let workspace = Workspace::new(5, 1 << 20);
    let log = workspace.log(1);
    for n in 0..3 {
        log.append(&tag(n), Durability::Flush).unwrap();
    }
    let stream = stream_of(&log);
    workspace.kill(log);
    let path = workspace.segments()[0].clone();
    let mut bytes = workspace.disk.read(&path).unwrap();
    let whole = workspace.scan(stream, ScanMode::Full);
    bytes.truncate(whole.frames[2].bytes.1 as usize);
    let salt = SegmentHeader::decode_one(&bytes).unwrap().salt;
    for (next, kind) in
        [(3, FindingKind::Doubled), (4, FindingKind::Unreadable), (5, FindingKind::Unreadable)]
    {
        let (mut changed, at) = (bytes.clone(), bytes.len() as u64);
        put_mark(&mut changed, FLAG_CLOSE, Seq(next), 1, &[7; 31], frame_salt(salt, at));
        let len = changed.len() as u64 - at;
        workspace.disk.overwrite(&path, changed);
        let scan = workspace.scan(stream, ScanMode::Full);
        let [found] = scan.findings[..] else { panic!("mark at {next}: {scan:#?}") };
        assert_eq!((found.kind, found.offset, found.len), (kind, at, len), "mark at {next}");
        assert_eq!(scan.entries, whole.entries);
    }
}

#[test]
fn idle_stream_is_continued_and_copied_one_is_not() {
    let workspace = Workspace::new(1, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(1), Durability::Flush).unwrap();
    let stream = stream_of(&log);
    // The lock is held.
    let other = workspace.log(2);
    other.append(&tag(2), Durability::Flush).unwrap();
    assert_ne!(stream_of(&other), stream);
    workspace.kill(other);
    workspace.kill(log);
    // A copy of the workspace.
    let copy = workspace.copy_to("/copy");
    let elsewhere = copy.log(3);
    elsewhere.append(&tag(3), Durability::Flush).unwrap();
    assert!(!workspace.streams().contains(&stream_of(&elsewhere)));
    // In the original directory both streams are free; one of them is continued.
    let log = workspace.log(4);
    log.append(&tag(4), Durability::Flush).unwrap();
    assert!(copy.streams().contains(&stream_of(&log)));
    assert_eq!(workspace.streams().len(), 2);
    drop(log);
    // Another boot.
    workspace.disk.reboot();
    let log = workspace.log(5);
    log.append(&tag(5), Durability::Flush).unwrap();
    assert_eq!(workspace.streams().len(), 3);
}

/// A process is killed at each of its operations: the streams are complete up to their ends, and the next process
/// continues.
#[test]
fn kill_at_any_operation_tears_at_most_the_end() {
    for durability in [Durability::Flush, Durability::Fsync] {
        for at in 0.. {
            let workspace = Workspace::new(5, SMALL);
            let mut acked = Acknowledgements::default();
            let process = workspace.disk.spawn(1);
            process.plan(Moment::Operation(at), Fault::Kill);
            let log = workspace.log_on(process.clone());
            for n in 0..12 {
                let _ = acked.append(&log, &tag(n), durability);
            }
            drop(log);
            let mut side = Side { workspace, first: 0, logs: vec![None], acked };
            side.check(true);
            assert!(side.append(0, &tag(99), durability));
            side.check(true);
            if !process.has_passed_plans() {
                break;
            }
        }
    }
}

/// Each operation fails once while the process continues to run.
#[test]
fn failure_of_any_operation_loses_no_acknowledged_entry() {
    for durability in [Durability::Flush, Durability::Fsync] {
        for at in 0.. {
            let workspace = Workspace::new(5, SMALL);
            let mut acked = Acknowledgements::default();
            let process = workspace.disk.spawn(1);
            process.plan(Moment::Operation(at), Fault::Error(io::ErrorKind::Other));
            let log = workspace.log_on(process.clone());
            for n in 0..12 {
                let _ = acked.append(&log, &tag(n), durability);
            }
            assert!(acked.entries.len() >= 11, "one failure cost more than one append");
            let _ = log.close();
            drop(log);
            Side { workspace, first: 0, logs: vec![], acked }.check(true);
            if !process.has_passed_plans() {
                break;
            }
        }
    }
}

#[test]
fn stream_that_lost_its_last_segments_is_not_continued() {
    let workspace = Workspace::new(3, SMALL);
    let log = workspace.log(1);
    for n in 0..30 {
        log.append(&tag(n), Durability::Flush).unwrap();
    }
    let stream = stream_of(&log);
    drop(log);
    let last = workspace.segments().pop().unwrap();
    workspace.disk.remove_tree(&last);
    // With these options, the last remaining segment would have space.
    let log = Workspace { segment_bytes_max: 1 << 20, ..workspace }.log(2);
    log.append(&tag(99), Durability::Flush).unwrap();
    assert_ne!(stream_of(&log), stream);
}

#[test]
fn append_after_failed_sync_starts_new_segment_and_stream_is_not_continued() {
    let workspace = Workspace::new(3, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(1), Durability::Flush).unwrap();
    let stream = stream_of(&log);
    workspace.disk.set_failing_syncs(true);
    assert!(log.append(&tag(2), Durability::Fsync).is_err());
    assert!(log.append(&tag(3), Durability::Flush).is_err(), "appended to a segment with a failed sync");
    workspace.disk.set_failing_syncs(false);
    assert_eq!(workspace.segments().len(), 1);
    let position = log.append(&tag(4), Durability::Fsync).unwrap().position(0);
    assert_eq!((position.stream, workspace.segments().len()), (stream, 2));
    assert!(log.sync().is_err(), "the loss of flushed entries was not reported");
    log.sync().unwrap();
    workspace.kill(log);
    let other = workspace.log(2);
    other.append(&tag(5), Durability::Fsync).unwrap();
    assert_ne!(stream_of(&other), stream);
    workspace.kill(other);
    workspace.disk.cut_power(1);
    assert!(workspace.entries().contains_key(&position));
}

#[test]
fn appends_to_a_full_disk_leave_at_most_one_folder() {
    let workspace = Workspace::new(3, 1 << 20);
    workspace.disk.set_free_bytes(Some(100));
    let log = workspace.log(1);
    for n in 0..20 {
        assert!(log.append(&tag(n), Durability::Flush).is_err());
    }
    assert!(workspace.streams().len() <= 1);
    workspace.disk.set_free_bytes(None);
    log.append(&tag(50), Durability::Flush).unwrap();
    assert_eq!(workspace.streams().len(), 1);
    assert_eq!(workspace.entries().len(), 1);
}

#[test]
fn rotation_removes_no_existing_file() {
    let workspace = Workspace::new(3, SMALL);
    let log = workspace.log(1);
    log.append(&tag(1), Durability::Flush).unwrap();
    let stream = stream_of(&log);
    let paths: Vec<PathBuf> =
        (2..40).map(|n| names::segment_path(&workspace.log_dir(), stream, Seq(n))).collect();
    paths.iter().for_each(|path| workspace.disk.overwrite(path, b"somebody's".to_vec()));
    (2..30).for_each(|n| assert!(log.append(&tag(n), Durability::Flush).is_ok()));
    assert!(paths.iter().all(|path| workspace.disk.read(path).is_some_and(|b| b == b"somebody's")));
    assert_eq!(workspace.scan(stream, ScanMode::Full).entries.len(), 29);
}

/// The search counts only bytes that exist, so headers that claim more bytes than the file holds do not end it: a small
/// file is searched to its end.
#[test]
fn frames_after_many_false_headers_are_found() {
    let workspace = Workspace::new(3, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(1), Durability::Flush).unwrap();
    let stream = stream_of(&log);
    let first = workspace.scan(stream, ScanMode::Full).frames[0].bytes;
    // Ten frames in place of one, each with a valid header that claims 16 MiB.
    log.append(&[Toy::Tag { key: vec![7; 2_000] }], Durability::Flush).unwrap();
    log.append(&tag(3), Durability::Flush).unwrap();
    workspace.kill(log);
    let path = workspace.segments().pop().unwrap();
    let mut bytes = workspace.disk.read(&path).unwrap();
    let salt = SegmentHeader::decode_one(&bytes).unwrap().salt;
    for n in 0..10 {
        let at = first.1 as usize + n * 64;
        let mut header = bytes[first.0 as usize..first.0 as usize + FRAME_HEADER_LEN].to_vec();
        header[4..8].copy_from_slice(&(16u32 << 20).to_le_bytes());
        let sum =
            salted_crc32(frame_salt(salt, at as u64).rotate_left(17), &[&header[..FRAME_HEADER_LEN - 4]]);
        header[FRAME_HEADER_LEN - 4..].copy_from_slice(&sum.to_le_bytes());
        assert!(FrameHeader::decode(&header, frame_salt(salt, at as u64)).is_some());
        bytes[at..at + FRAME_HEADER_LEN].copy_from_slice(&header);
    }
    workspace.disk.overwrite(&path, bytes);
    let scan = workspace.scan(stream, ScanMode::Full);
    assert_eq!((scan.entries.len(), scan.missing()), (2, vec![(2, 2)]), "{scan:#?}");
}

/// A whole log stored as the payload of an entry is not read as frames, even if the frame around it is destroyed. The
/// same holds for a copy of the bytes of this segment.
#[test]
fn log_inside_a_payload_is_not_read_as_a_log() {
    let inner = Workspace::new(4, 1 << 20);
    let log = inner.log(1);
    for n in 0..20 {
        log.append(&tag(n), Durability::Flush).unwrap();
    }
    inner.kill(log);
    let foreign = inner.disk.read(&inner.segments()[0]).unwrap();
    let workspace = Workspace::new(3, 1 << 20);
    let log = workspace.log(1);
    for n in 100..110 {
        log.append(&tag(n), Durability::Flush).unwrap();
    }
    let stream = stream_of(&log);
    let own = workspace.disk.read(&workspace.segments()[0]).unwrap();
    for copy in [foreign, own] {
        // Each of the eight alignments of a payload in its frame, so that one of them is aligned.
        for shift in 0..8 {
            let key = [vec![0xa5; shift], copy.clone()].concat();
            log.append(&[Toy::Tag { key }], Durability::Flush).unwrap();
        }
    }
    log.append(&tag(120), Durability::Flush).unwrap();
    workspace.kill(log);
    let path = workspace.segments().pop().unwrap();
    let whole = workspace.scan(stream, ScanMode::Full);
    assert!(whole.is_clean() && whole.entries.len() == 27, "{:?}", whole.tail);
    for frame in whole.frames[10..26].iter().copied() {
        // The header of the outer frame, then also its first rows.
        for bit in [frame.bytes.0 * 8 + 33, (frame.bytes.0 + FRAME_HEADER_LEN as u64 + 20) * 8] {
            workspace.flip(&path, bit as usize);
            let scan = workspace.scan(stream, ScanMode::Full);
            let expected = whole.entries.iter().filter(|e| !holds(&frame, e.stamp.seq));
            assert!(scan.entries.iter().eq(expected), "{:?}", scan.findings);
            assert_eq!(scan.missing(), [(frame.seqs.0.0, frame.seqs.1.0)]);
            workspace.flip(&path, bit as usize);
        }
    }
}
