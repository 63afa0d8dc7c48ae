//! Properties of projections: the content of the tables depends on the entries alone, in whatever order and place the
//! tables were built, and whatever happened to the log or to the generations in between.

use crate::domain::{
    Acknowledgements, PlainTables, Scan, Toy, Workspace, cases, domain, durability, event, events,
};
use crate::log::{Harm, harm};
use crate::merge::merged;
use contexta::engine::checksum::Digest;
use contexta::engine::entry::{Entry, Gap, GapCause, Kind, Position, Seq, Stamp, StreamId};
use contexta::engine::error::Error;
use contexta::engine::log::header::FRAMES_AT;
use contexta::engine::log::ordered::Ordered;
use contexta::engine::log::{Durability, Log, ScanMode};
use contexta::engine::progress::Progress;
use contexta::engine::projection::{
    Applied, Note, Point, PointOrder, Projection, Projector, ProjectorOptions, ProjectorPaths, RebuildReason,
    TableKind, TableSpec, Tables,
};
use contexta::engine::storage::OpenMode;
use contexta::engine::storage::sim::{Fault, Moment};
use proptest::prelude::*;
use proptest::sample::Index;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;

const SMALL: u64 = FRAMES_AT + 500;
/// Longer than the time for which files count as fresh.
const LONG: i64 = 10_000_000_000;

fn digest_of(projector: &Projector<Toy>) -> Digest {
    projector.digest().unwrap().digest
}

fn from_scratch(workspace: &Workspace) -> Digest {
    workspace.projector(77, false).digest_from_scratch(Progress::none()).unwrap().digest
}

/// Compares the tables with the tables of a rebuild and with those of the oracle, and looks up entries by their
/// positions.
fn check(workspace: &Workspace, projector: &Projector<Toy>) {
    assert_eq!(digest_of(projector), from_scratch(workspace), "tables and rebuild differ");
    check_plain(projector, &workspace.plain_tables());
    for stream in workspace.streams() {
        let scan = workspace.scan(stream, ScanMode::Follow);
        // All numbers below the next one, newest first.
        let positions: Vec<Position> =
            (1..=scan.next.0).rev().map(|n| Position { stream, seq: Seq(n) }).collect();
        let found = projector.read(|view| view.entries(&positions)).unwrap();
        for (position, found) in positions.iter().zip(found) {
            let known = scan.entries.iter().find(|e| e.stamp.position() == *position);
            assert_eq!(found.as_ref(), known, "{position}");
        }
    }
}

fn check_plain(projector: &Projector<Toy>, plain: &PlainTables) {
    let tables = projector.read(PlainTables::read).unwrap();
    assert_eq!(tables.text(), plain.text());
}

fn gaps_of(projector: &Projector<Toy>) -> Vec<Gap> {
    let notes = projector.catch_up().unwrap();
    let gap = |n: &Note| if let Note::Gap(gap) = n { Some(*gap) } else { None };
    let mut gaps: Vec<Gap> = notes.iter().filter_map(gap).collect();
    gaps.sort();
    gaps
}

/// Asserts that the notes name exactly the gaps that a scan of the log finds.
fn check_notes(workspace: &Workspace, projector: &Projector<Toy>) {
    let truth: Vec<Gap> =
        workspace.streams().into_iter().flat_map(|s| workspace.scan(s, ScanMode::Follow).gaps).collect();
    assert_eq!(gaps_of(projector), truth);
}

// ---- splits, processes, orders

/// Actions between the appends.
#[derive(Debug, Clone)]
enum Act {
    Append { writer: usize, events: Vec<Toy>, durability: Durability },
    Close { writer: usize },
    Kill { writer: usize },
    Read { reader: usize },
    Restart { reader: usize },
    Rebuild { reader: usize },
    Wait,
    Reboot,
    FullDisk { reader: usize, free: u64 },
    ReadOnly { reader: usize },
}

const WRITERS: usize = 3;
const READERS: usize = 3;

fn act() -> impl Strategy<Value = Act> {
    let reader = || 0..READERS;
    prop_oneof![
        12 => (0..WRITERS, events(), durability())
            .prop_map(|(writer, events, durability)| Act::Append { writer, events, durability }),
        2 => (0..WRITERS).prop_map(|writer| Act::Close { writer }),
        1 => (0..WRITERS).prop_map(|writer| Act::Kill { writer }),
        6 => reader().prop_map(|reader| Act::Read { reader }),
        2 => reader().prop_map(|reader| Act::Restart { reader }),
        1 => reader().prop_map(|reader| Act::Rebuild { reader }),
        2 => Just(Act::Wait),
        1 => Just(Act::Reboot),
        1 => (reader(), 0u64..30_000).prop_map(|(reader, free)| Act::FullDisk { reader, free }),
        1 => reader().prop_map(|reader| Act::ReadOnly { reader }),
    ]
}

fn perform(acts: &[Act], order: &[Index]) {
    let workspace = Workspace::new(3, SMALL);
    let mut acked = Acknowledgements::default();
    let mut logs: Vec<Option<Log>> = (0..WRITERS).map(|_| None).collect();
    // The last reader never publishes.
    let reader = |n: usize| workspace.projector(20 + n as u32, n + 1 < READERS);
    let mut readers: Vec<Projector<Toy>> = (0..READERS).map(reader).collect();
    for act in acts {
        match act {
            Act::Append { writer, events, durability } => {
                let log = logs[*writer].get_or_insert_with(|| workspace.log(*writer as u32));
                acked.append(log, events, *durability).unwrap();
            }
            Act::Close { writer } => drop(logs[*writer].take()),
            Act::Kill { writer } => logs[*writer].take().into_iter().for_each(|log| workspace.kill(log)),
            Act::Read { reader } => check_plain(&readers[*reader], &acked.plain_tables()),
            Act::Restart { reader: n } => readers[*n] = reader(*n),
            Act::Rebuild { reader } => drop(readers[*reader].rebuild(Progress::none()).unwrap()),
            Act::Wait => workspace.disk.advance(LONG),
            Act::Reboot => {
                logs.iter_mut().filter_map(Option::take).for_each(|log| workspace.kill(log));
                workspace.disk.reboot();
            }
            Act::FullDisk { reader, free } => {
                workspace.disk.set_free_bytes(Some(*free));
                check_plain(&readers[*reader], &acked.plain_tables());
                workspace.disk.set_free_bytes(None);
            }
            Act::ReadOnly { reader } => {
                workspace.disk.set_read_only(true);
                check_plain(&readers[*reader], &acked.plain_tables());
                workspace.disk.set_read_only(false);
            }
        }
    }
    let digest = from_scratch(&workspace);
    for reader in &readers {
        check_plain(reader, &acked.plain_tables());
        assert_eq!(digest_of(reader), digest);
        assert_eq!(gaps_of(reader), []);
    }
    // In another workspace the streams arrive one after the other, in another order, segment by segment.
    let elsewhere = Workspace { root: PathBuf::from("/elsewhere"), ..workspace.clone() };
    let other = elsewhere.projector(40, true);
    let mut paths: Vec<PathBuf> = workspace.disk.paths();
    paths.retain(|p| p.starts_with(workspace.log_dir()));
    for place in order {
        if !paths.is_empty() {
            let path = paths.remove(place.index(paths.len()));
            let to = elsewhere.root.join(path.strip_prefix(&workspace.root).unwrap());
            elsewhere.disk.overwrite(&to, workspace.disk.read(&path).unwrap());
            check(&elsewhere, &other);
            check_notes(&elsewhere, &other);
        }
    }
    for path in paths.into_iter().rev() {
        let to = elsewhere.root.join(path.strip_prefix(&workspace.root).unwrap());
        elsewhere.disk.overwrite(&to, workspace.disk.read(&path).unwrap());
    }
    assert_eq!(digest_of(&other), digest);
    assert_eq!(gaps_of(&other), []);
    check_plain(&other, &acked.plain_tables());
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn tables_do_not_depend_on_the_arrival_of_entries(
        acts in prop::collection::vec(act(), 1..30),
        order in prop::collection::vec(any::<Index>(), 0..8),
    ) {
        perform(&acts, &order);
    }

    /// Long series have many chunks whose borders depend on the order of arrival; the digest must not depend on it.
    #[test]
    fn digest_does_not_depend_on_borders_of_chunks(
        events in prop::collection::vec(event(), 5..40),
        repeat in 1usize..60,
        every in 1usize..40,
        writers in 1usize..4,
    ) {
        let workspace = Workspace::new(3, 1 << 20);
        let mut acked = Acknowledgements::default();
        let logs: Vec<Log> = (0..writers).map(|n| workspace.log(n as u32)).collect();
        let reader = workspace.projector(20, true);
        for n in 0..repeat {
            acked.append(&logs[n % writers], &events, Durability::Flush).unwrap();
            if n % every == 0 {
                reader.catch_up().unwrap();
            }
        }
        check_plain(&reader, &acked.plain_tables());
        check(&workspace, &reader);
    }
}

// ---- a log that changes between two reads

/// Changes of a log between two reads.
#[derive(Debug, Clone)]
enum Turn {
    Append { writer: usize, events: Vec<Toy> },
    Close { writer: usize },
    Harm(Harm),
    Heal,
    RemoveStream(Index),
    Read { reader: usize },
    Restart { reader: usize },
    Wait,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        8 => (0..WRITERS, events()).prop_map(|(writer, events)| Turn::Append { writer, events }),
        2 => (0..WRITERS).prop_map(|writer| Turn::Close { writer }),
        4 => harm().prop_map(Turn::Harm),
        2 => Just(Turn::Heal),
        1 => any::<Index>().prop_map(Turn::RemoveStream),
        6 => (0..READERS).prop_map(|reader| Turn::Read { reader }),
        2 => (0..READERS).prop_map(|reader| Turn::Restart { reader }),
        2 => Just(Turn::Wait),
    ]
}

fn run_turns(turns: &[Turn]) {
    let workspace = Workspace::new(3, SMALL);
    let mut acked = Acknowledgements::default();
    let mut logs: Vec<Option<Log>> = (0..WRITERS).map(|_| None).collect();
    let reader = |n: usize| workspace.projector(20 + n as u32, n + 1 < READERS);
    let mut readers: Vec<Projector<Toy>> = (0..READERS).map(reader).collect();
    let mut harmed = None;
    for turn in turns {
        match turn {
            Turn::Append { writer, events } => {
                let log = logs[*writer].get_or_insert_with(|| workspace.log(*writer as u32));
                acked.append(log, events, Durability::Flush).unwrap();
            }
            Turn::Close { writer } => drop(logs[*writer].take()),
            Turn::Harm(harm) => {
                // The writers have ended, a damaged stream is not continued, and all readers have read to the end of
                // it: a later append could hide damage to entries that are already applied, as `cursor` documents.
                logs.iter_mut().for_each(|log| drop(log.take()));
                workspace.disk.reboot();
                readers[0].rebuild(Progress::none()).unwrap();
                readers.iter().for_each(|reader| drop(reader.catch_up().unwrap()));
                harmed.get_or_insert_with(|| workspace.copy_to("/backup"));
                harm.inflict(&workspace);
            }
            Turn::Heal => {
                if let Some(backup) = harmed.take() {
                    workspace.disk.copy_tree(&backup.log_dir(), &workspace.log_dir());
                    workspace.disk.remove_tree(&backup.root);
                }
            }
            Turn::RemoveStream(which) => {
                logs.iter_mut().for_each(|log| drop(log.take()));
                let streams = workspace.streams();
                if !streams.is_empty() {
                    let stream = which.get(&streams);
                    workspace.disk.remove_tree(&workspace.log_dir().join(stream.to_string()));
                }
            }
            Turn::Read { reader } => {
                check(&workspace, &readers[*reader]);
                check_notes(&workspace, &readers[*reader]);
            }
            Turn::Restart { reader: n } => readers[*n] = reader(*n),
            Turn::Wait => workspace.disk.advance(LONG),
        }
    }
    for reader in &readers {
        check(&workspace, reader);
        check_notes(&workspace, reader);
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn tables_equal_a_rebuild_after_any_change_of_the_log(
        turns in prop::collection::vec(turn(), 1..30),
    ) {
        run_turns(&turns);
    }
}

// ---- generations

/// Changes of the generation files.
#[derive(Debug, Clone)]
enum FileChange {
    Flip { which: Index, at: Index },
    Cut { which: Index, at: Index },
    Delete { which: Index },
    Older { which: Index },
    Foreign { which: Index },
    Junk { bytes: Vec<u8> },
}

fn file_change() -> impl Strategy<Value = FileChange> {
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), index()).prop_map(|(which, at)| FileChange::Flip { which, at }),
        1 => (index(), index()).prop_map(|(which, at)| FileChange::Cut { which, at }),
        1 => index().prop_map(|which| FileChange::Delete { which }),
        2 => index().prop_map(|which| FileChange::Older { which }),
        2 => index().prop_map(|which| FileChange::Foreign { which }),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| FileChange::Junk { bytes }),
    ]
}

/// Published generations, and the generations of a workspace with another history.
#[derive(Default)]
struct Archive {
    older: Vec<Vec<u8>>,
    foreign: Vec<Vec<u8>>,
}

impl FileChange {
    fn fall(&self, workspace: &Workspace, archive: &Archive) {
        let paths = workspace.generations();
        let disk = &workspace.disk;
        let newer = workspace.root.join(format!("projections/{:020}-{:016x}.gen", 900, 7));
        let place = |bytes: Option<&Vec<u8>>| {
            if let Some(bytes) = bytes {
                disk.overwrite(paths.last().unwrap_or(&newer), bytes.clone());
            }
        };
        let pick = |which: &Index, from: &[Vec<u8>]| (!from.is_empty()).then(|| which.index(from.len()));
        match self {
            FileChange::Flip { which, at } if !paths.is_empty() => {
                let path = which.get(&paths);
                let len = disk.read(path).unwrap().len();
                if len > 0 {
                    workspace.flip(path, at.index(len * 8));
                }
            }
            FileChange::Cut { which, at } if !paths.is_empty() => {
                let path = which.get(&paths);
                let mut bytes = disk.read(path).unwrap();
                bytes.truncate(at.index(bytes.len() + 1));
                disk.overwrite(path, bytes);
            }
            FileChange::Delete { which } if !paths.is_empty() => {
                disk.remove_tree(which.get::<PathBuf>(&paths));
            }
            FileChange::Older { which } => place(pick(which, &archive.older).map(|n| &archive.older[n])),
            FileChange::Foreign { which } => {
                place(pick(which, &archive.foreign).map(|n| &archive.foreign[n]))
            }
            FileChange::Junk { bytes } => disk.overwrite(&newer, bytes.clone()),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn damaged_old_or_foreign_generation_never_gives_a_wrong_answer(
        rounds in prop::collection::vec((events(), events(), file_change(), any::<bool>(), any::<bool>()), 1..8),
        damage in prop::option::of(harm()),
    ) {
        let workspace = Workspace::new(3, SMALL);
        let (mut acked, mut other_acked) = (Acknowledgements::default(), Acknowledgements::default());
        let mut archive = Archive::default();
        let log = workspace.log(1);
        acked.append(&log, &rounds[0].0, Durability::Flush).unwrap();
        // The other workspace begins as a copy, so that it has the first stream too, possibly damaged.
        let other = workspace.copy_to("/other");
        damage.iter().for_each(|harm| harm.inflict(&other));
        let other_log = other.log(2);
        let mut reader = workspace.projector(20, true);
        for (here, elsewhere, file_change, restart, wait) in &rounds {
            acked.append(&log, here, Durability::Flush).unwrap();
            other_acked.append(&other_log, elsewhere, Durability::Flush).unwrap();
            for (workspace, kept) in [(&workspace, &mut archive.older), (&other, &mut archive.foreign)] {
                check(workspace, &workspace.projector(21, true));
                kept.extend(workspace.generations().iter().filter_map(|p| workspace.disk.read(p)));
            }
            check_plain(&reader, &acked.plain_tables());
            if *restart {
                reader = workspace.projector(20, true);
            }
            file_change.fall(&workspace, &archive);
            if *wait {
                workspace.disk.advance(LONG);
            }
            check_plain(&reader, &acked.plain_tables());
            check(&workspace, &reader);
            check(&workspace, &workspace.projector(22, true));
        }
    }
}

// ---- during an operation

fn tag(n: u8) -> Vec<Toy> {
    vec![Toy::Tag { key: vec![n; 30] }]
}

fn append_tags(log: &Log, tags: Range<u8>) {
    for n in tags {
        log.append(&tag(n), Durability::Flush).unwrap();
    }
}

/// An append during any operation of a reader is visible to the next read at the latest.
#[test]
fn append_during_any_operation_of_a_reader_is_read() {
    // A segment with space, and a full one after which the append starts another.
    for before in [3, 8] {
        for at in 0.. {
            let workspace = Workspace::new(5, SMALL);
            let log = workspace.log(1);
            append_tags(&log, 0..before);
            let meanwhile = Fault::Meanwhile(Box::new(move || {
                log.append(&tag(100), Durability::Flush).unwrap();
                log.append(&tag(101), Durability::Flush).unwrap();
            }));
            let process = workspace.disk.spawn(2);
            process.plan(Moment::Operation(at), meanwhile);
            let reader = workspace.projector_on(process.clone(), true);
            for _ in 0..2 {
                reader.catch_up().unwrap();
                workspace.disk.advance(LONG);
            }
            if !process.has_passed_plans() {
                break;
            }
            check(&workspace, &reader);
            check_notes(&workspace, &reader);
        }
    }
}

/// An I/O error is not damage: the read returns an error or a view with a note, and the next read is complete.
#[test]
fn failure_of_any_operation_of_a_reader_is_reported_and_temporary() {
    for at in 0.. {
        let workspace = Workspace::new(5, SMALL);
        let first = workspace.log(1);
        let second = workspace.log(2);
        for n in 0..12 {
            first.append(&tag(n), Durability::Flush).unwrap();
            second.append(&tag(n + 100), Durability::Flush).unwrap();
        }
        let process = workspace.disk.spawn(3);
        process.plan(Moment::Operation(at), Fault::Error(io::ErrorKind::Other));
        let reader = workspace.projector_on(process.clone(), true);
        for round in 0..2 {
            let before = process.has_passed_plans();
            let answer = reader.read(PlainTables::read_with_notes);
            let failed = !before && process.has_passed_plans();
            if let Ok((tables, notes)) = answer {
                let whole = tables == workspace.plain_tables();
                let noted = notes.iter().any(|n| matches!(n, Note::StreamUnreadable { .. }));
                assert!(whole || noted, "operation {at}: {notes:?}");
                assert!(failed || !noted, "operation {at}: {notes:?}");
            } else {
                assert!(failed, "operation {at}: {answer:?}");
            }
            workspace.disk.advance(LONG);
            if round == 0 {
                first.append(&tag(200), Durability::Flush).unwrap();
                workspace.disk.advance(LONG);
            }
        }
        if !process.has_passed_plans() {
            break;
        }
        check(&workspace, &reader);
        check_notes(&workspace, &reader);
        check(&workspace, &workspace.projector(4, true));
    }
}

/// A process is killed at any of its operations; the next process answers correctly.
#[test]
fn kill_of_a_reader_at_any_operation_has_no_effect_on_the_next() {
    for at in 0.. {
        let workspace = Workspace::new(5, SMALL);
        let log = workspace.log(1);
        append_tags(&log, 0..6);
        workspace.projector(2, true).catch_up().unwrap();
        append_tags(&log, 6..12);
        let process = workspace.disk.spawn(3);
        process.plan(Moment::Operation(at), Fault::Kill);
        let dying = workspace.projector_on(process.clone(), true);
        let _ = dying.catch_up();
        drop(dying);
        check(&workspace, &workspace.projector(4, true));
        if !process.has_passed_plans() {
            break;
        }
    }
}

// ---- minimal failures

/// A workspace with one stream of `count` commits with one entry each, and its log.
fn one_stream(count: u8) -> (Workspace, Log) {
    let workspace = Workspace::new(5, 1 << 20);
    let log = workspace.log(1);
    append_tags(&log, 0..count);
    (workspace, log)
}

/// Flips a bit in the `n`th commit of the only segment.
fn damage_commit(workspace: &Workspace, n: usize) {
    let frame = workspace.scan(workspace.streams()[0], ScanMode::Full).frames[n];
    workspace.flip(&workspace.segments()[0], (frame.bytes.0 as usize + 60) * 8);
}

/// Copies the newest generation of one workspace to another.
fn copy_newest_generation(from: &Workspace, to: &Workspace) {
    let bytes = from.disk.read(from.generations().last().unwrap()).unwrap();
    to.disk.overwrite(&to.root.join(format!("projections/{:020}-{:016x}.gen", 900, 7)), bytes);
}

#[test]
fn generation_of_a_damaged_copy_without_its_lost_entries_is_not_used() {
    let (workspace, log) = one_stream(4);
    let copy = workspace.copy_to("/copy");
    damage_commit(&copy, 1);
    check(&copy, &copy.projector(2, true));
    log.append(&tag(50), Durability::Flush).unwrap();
    copy_newest_generation(&copy, &workspace);
    let reader = workspace.projector(3, true);
    check(&workspace, &reader);
    check_notes(&workspace, &reader);
}

#[test]
fn generation_with_entries_that_are_damaged_in_the_log_is_not_used() {
    let (workspace, log) = one_stream(4);
    let copy = workspace.copy_to("/copy");
    check(&copy, &copy.projector(2, true));
    damage_commit(&workspace, 1);
    log.append(&tag(50), Durability::Flush).unwrap();
    copy_newest_generation(&copy, &workspace);
    let reader = workspace.projector(3, true);
    check(&workspace, &reader);
    check_notes(&workspace, &reader);
}

#[test]
fn older_generation_from_before_a_repair_is_not_used() {
    let (workspace, log) = one_stream(4);
    let path = workspace.segments()[0].clone();
    let whole = workspace.disk.read(&path).unwrap();
    damage_commit(&workspace, 1);
    check(&workspace, &workspace.projector(2, true));
    workspace.disk.overwrite(&path, whole);
    log.append(&tag(50), Durability::Flush).unwrap();
    let reader = workspace.projector(3, true);
    check(&workspace, &reader);
    check_notes(&workspace, &reader);
}

#[test]
fn stream_continued_after_losing_its_close_mark_is_read() {
    let (workspace, log) = one_stream(4);
    let stream = log.head().unwrap().stream;
    let end = workspace.scan(stream, ScanMode::Follow).frames.last().unwrap().bytes.1 as usize;
    drop(log);
    let reader = workspace.projector(2, true);
    check(&workspace, &reader);
    let path = workspace.segments()[0].clone();
    let mut bytes = workspace.disk.read(&path).unwrap();
    assert!(bytes.len() > end);
    bytes.truncate(end);
    workspace.disk.overwrite(&path, bytes);
    let log = workspace.log(3);
    append_tags(&log, 20..24);
    assert_eq!(workspace.streams().len(), 1);
    check(&workspace, &reader);
    check_notes(&workspace, &reader);
}

#[test]
fn repaired_entries_before_a_close_mark_are_read() {
    for damaged in [vec![3], vec![0, 1, 2, 3]] {
        let (workspace, log) = one_stream(4);
        drop(log);
        let path = workspace.segments()[0].clone();
        let whole = workspace.disk.read(&path).unwrap();
        let frames = workspace.scan(workspace.streams()[0], ScanMode::Full).frames;
        for n in damaged {
            workspace.flip(&path, (frames[n].bytes.0 as usize + 60) * 8);
        }
        let reader = workspace.projector(2, true);
        check(&workspace, &reader);
        check_notes(&workspace, &reader);
        workspace.disk.overwrite(&path, whole);
        check(&workspace, &reader);
        check_notes(&workspace, &reader);
    }
}

#[test]
fn removed_torn_segment_is_removed_from_the_tables() {
    let (workspace, log) = one_stream(4);
    drop(log);
    let path = workspace.segments()[0].clone();
    let mut bytes = workspace.disk.read(&path).unwrap();
    bytes.push(1);
    workspace.disk.overwrite(&path, bytes);
    let reader = workspace.projector(2, true);
    check(&workspace, &reader);
    workspace.disk.remove_tree(&path);
    check(&workspace, &reader);
}

#[test]
fn entries_after_zeros_in_the_last_segment_are_read() {
    let (workspace, log) = one_stream(6);
    drop(log);
    let frames = workspace.scan(workspace.streams()[0], ScanMode::Full).frames;
    let path = workspace.segments()[0].clone();
    let mut bytes = workspace.disk.read(&path).unwrap();
    bytes[frames[2].bytes.0 as usize..frames[3].bytes.1 as usize].fill(0);
    workspace.disk.overwrite(&path, bytes);
    let reader = workspace.projector(2, true);
    let gaps = gaps_of(&reader);
    assert_eq!(gaps.iter().map(|g| (g.first.0, g.last.unwrap().0)).collect::<Vec<_>>(), [(3, 4)]);
    assert_eq!(workspace.scan(workspace.streams()[0], ScanMode::Follow).entries.len(), 4);
}

#[test]
fn scan_of_a_view_returns_its_entries_by_stamp_and_its_gaps() {
    let workspace = Workspace::new(5, 1 << 20);
    let (first, second) = (workspace.log(1), workspace.log(2));
    let append_to_both = |tags: Range<u8>| {
        for n in tags {
            first.append(&tag(n), Durability::Flush).unwrap();
            second.append(&tag(n + 100), Durability::Flush).unwrap();
            workspace.disk.advance(1_000);
        }
    };
    append_to_both(0..4);
    damage_commit(&workspace, 1);
    let streams = workspace.streams();
    let before: Vec<Scan> = streams.iter().map(|s| workspace.scan(*s, ScanMode::Follow)).collect();
    let reader = workspace.projector(3, true);
    let items = reader.read(|view| {
        append_to_both(4..6);
        damage_commit(&workspace, 3);
        view.scan()?.collect::<contexta::engine::Result<Vec<Ordered>>>()
    });
    let (mut entries, mut gaps) = (Vec::new(), Vec::new());
    for item in items.unwrap() {
        match item {
            Ordered::Entry(entry) => entries.push(entry),
            Ordered::Gap(gap) => {
                assert!(
                    entries.iter().all(|e: &Entry| e.stamp.stream != gap.stream || e.stamp.seq < gap.first)
                );
                gaps.push(gap);
            }
        }
    }
    let mut expected: Vec<Entry> = before.iter().flat_map(|scan| scan.entries.clone()).collect();
    expected.sort_by_key(|entry| entry.stamp);
    assert_eq!(entries, expected);
    assert_eq!(gaps, before[0].gaps);
    assert_eq!(gaps.len(), 1);
}

/// The rows of one series are between the chunks of another series, whose key is a prefix of the key of the first.
#[test]
fn digest_of_interleaved_series_does_not_depend_on_their_chunks() {
    let workspace = Workspace::new(5, 1 << 20);
    let log = workspace.log(1);
    let point = |series: &[u8], time| Toy::Measure { series: series.to_vec(), time, measure: Some(1.0) };
    let nested = [b"a".as_slice(), &300i64.to_be_bytes()].concat();
    let nested = [&[nested[0]], &[nested[1] ^ 0x80], &nested[2..]].concat();
    let reader = workspace.projector(2, true);
    for part in 0..10 {
        let points: Vec<Toy> =
            (0..100).map(|n| point(b"a", n * 10 + part)).chain([point(&nested, part)]).collect();
        log.append(&points, Durability::Flush).unwrap();
        reader.catch_up().unwrap();
    }
    check(&workspace, &reader);
}

#[test]
fn question_that_finds_damage_is_asked_again_after_a_rebuild() {
    #[derive(Debug, PartialEq)]
    struct Own;
    impl From<Error> for Own {
        fn from(_: Error) -> Own {
            Own
        }
    }
    let (workspace, _log) = one_stream(3);
    let reader = workspace.projector(2, true);
    let asked = Cell::new(0);
    let answer = reader.read(|view| {
        asked.set(asked.get() + 1);
        if asked.get() == 1 { Err(view.damaged("a malformed row").into()) } else { Ok(view.notes().to_vec()) }
    });
    let notes: Result<Vec<Note>, Own> = answer;
    let reason = RebuildReason::Damaged("a malformed row".into());
    assert!(matches!(&notes.unwrap()[..], [Note::Rebuilt { reason: r, .. }] if *r == reason));
    assert_eq!(asked.get(), 2);
    let refused = reader.read(|_| {
        asked.set(asked.get() + 1);
        Err::<(), Own>(Own)
    });
    assert_eq!((refused, asked.get()), (Err(Own), 3), "without damage the question is asked once");
}

#[test]
fn rebuild_counts_entries_and_reports_the_length_of_the_log() {
    let (workspace, log) = one_stream(6);
    drop(log);
    let len: u64 = workspace.segments().iter().map(|p| workspace.disk.read(p).unwrap().len() as u64).sum();
    let last = Mutex::new((0, 0));
    let progress = |done, total| *last.lock().unwrap() = (done, total);
    let report = workspace.projector(2, true).rebuild(Progress::new(&progress)).unwrap();
    assert_eq!((report.entries, last.into_inner().unwrap()), (6, (len, len)));
}

#[test]
fn no_generation_is_published_for_an_empty_log() {
    let workspace = Workspace::new(5, 1 << 20);
    workspace.disk.process(1).create_dir_all(&workspace.root).unwrap();
    workspace.projector(2, true).catch_up().unwrap();
    assert_eq!(workspace.generations(), Vec::<PathBuf>::new());
    append_tags(&workspace.log(1), 0..1);
    workspace.projector(2, true).catch_up().unwrap();
    assert_eq!(workspace.generations().len(), 1);
}

#[test]
fn few_entries_are_published_after_a_long_catch_up_only() {
    let is_published = |nanos: i64, at: u64| {
        let (workspace, log) = one_stream(50);
        workspace.projector(2, true).catch_up().unwrap();
        workspace.disk.advance(LONG);
        append_tags(&log, 50..51);
        let before = workspace.generations();
        let process = workspace.disk.spawn(3);
        let disk = workspace.disk.clone();
        process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(move || disk.advance(nanos))));
        check(&workspace, &workspace.projector_on(process, true));
        workspace.generations() != before
    };
    assert!((0..40).any(|at| is_published(1_000_000_000, at)));
    assert!(!(0..40).any(|at| is_published(1_000_000, at)));
}

/// After a reboot, and after the files were copied, the entries are read again.
#[test]
fn no_new_entries_are_published_after_a_long_catch_up_only_if_entries_were_read_again() {
    let reboot = |workspace: &Workspace| workspace.disk.reboot();
    let copy = |workspace: &Workspace| {
        let segment = workspace.segments().remove(0);
        let bytes = workspace.disk.read(&segment).unwrap();
        workspace.disk.remove_tree(&segment);
        workspace.disk.overwrite(&segment, bytes);
    };
    let nothing = |_: &Workspace| {};
    let is_published = |change: fn(&Workspace), nanos: i64, at: u64| {
        let (workspace, log) = one_stream(5);
        workspace.kill(log);
        workspace.projector(2, true).catch_up().unwrap();
        change(&workspace);
        workspace.disk.advance(LONG);
        let before = workspace.generations();
        let process = workspace.disk.spawn(3);
        let disk = workspace.disk.clone();
        process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(move || disk.advance(nanos))));
        check(&workspace, &workspace.projector_on(process, true));
        workspace.generations() != before
    };
    assert!((0..40).any(|at| is_published(reboot, 1_000_000_000, at)));
    assert!((0..40).any(|at| is_published(copy, 1_000_000_000, at)));
    assert!(!(0..40).any(|at| is_published(nothing, 1_000_000_000, at)));
    assert!(!(0..40).any(|at| is_published(reboot, 1_000_000, at)));
    assert!(!(0..40).any(|at| is_published(copy, 1_000_000, at)));
}

#[test]
fn generation_with_notes_of_every_cause_is_used() {
    let workspace = Workspace::new(5, SMALL);
    let log = workspace.log(1);
    append_tags(&log, 0..40);
    log.append(&[Toy::Broken(1), Toy::Broken(2), Toy::Strange(3)], Durability::Flush).unwrap();
    drop(log);
    let segments = workspace.segments();
    // Damaged entries, a missing segment, and the file of another segment.
    workspace.flip(&segments[0], (FRAMES_AT as usize + 60) * 8);
    workspace.disk.remove_tree(&segments[2]);
    let other = workspace.disk.read(&segments[0]).unwrap();
    workspace.disk.overwrite(&segments[4], other);
    let notes = workspace.projector(2, true).catch_up().unwrap();
    let causes: BTreeSet<GapCause> =
        notes.iter().filter_map(|n| if let Note::Gap(gap) = n { Some(gap.cause) } else { None }).collect();
    assert_eq!(causes.len(), 3, "{notes:?}");
    let unreadable = notes.iter().filter(|n| matches!(n, Note::UnreadableEntry { .. }));
    assert_eq!(unreadable.count(), 2, "{notes:?}");
    assert!(notes.contains(&Note::UnknownKind { kind: Kind(400), count: 1 }), "{notes:?}");
    let again = workspace.projector(3, true).catch_up().unwrap();
    let is_rebuilt = |note: &Note| matches!(note, Note::Rebuilt { .. });
    assert!(!again.iter().any(is_rebuilt), "{again:?}");
    let others = |notes: Vec<Note>| notes.into_iter().filter(|n| !is_rebuilt(n)).collect::<Vec<_>>();
    assert_eq!(others(again), others(notes));
}

#[test]
fn digest_depends_on_the_rows_of_every_table() {
    let digest = |events: &[Toy]| {
        let workspace = Workspace::new(5, 1 << 20);
        let log = workspace.log(1);
        // The same stamps, whatever the events are.
        log.append(&[events, &[Toy::Tag { key: vec![0] }]].concat(), Durability::Flush).unwrap();
        digest_of(&workspace.projector(2, false))
    };
    let put = |value| Toy::Put { key: vec![1], value, replaces: Vec::new() };
    let point = |time, measure| Toy::Measure { series: vec![1], time, measure };
    let events = [
        put(1),
        put(2),
        point(1, Some(1.0)),
        point(1, Some(2.0)),
        point(2, Some(1.0)),
        Toy::Tag { key: vec![2] },
    ];
    let digests: BTreeSet<Digest> = events.iter().map(|event| digest(std::slice::from_ref(event))).collect();
    assert_eq!(digests.len(), events.len());
    // Registers that are equal, and series that are not.
    let series = |middle| digest(&[point(1, Some(1.0)), point(2, Some(middle)), point(3, Some(9.0))]);
    assert_ne!(series(4.0), series(5.0));
}

#[test]
fn read_only_workspace_is_reported_by_a_requested_rebuild_only() {
    let (workspace, _log) = one_stream(4);
    workspace.disk.set_read_only(true);
    let is_reported = |notes: &[Note]| notes.iter().any(|n| matches!(n, Note::NotPublished { .. }));
    let reader = workspace.projector(2, true);
    assert!(!is_reported(&reader.catch_up().unwrap()));
    assert!(is_reported(&reader.rebuild(Progress::none()).unwrap().notes));
}

#[test]
fn panic_in_a_question_is_an_error_with_its_message() {
    let (workspace, _log) = one_stream(2);
    let reader = workspace.projector(2, true);
    let questions: [fn() -> contexta::engine::Result<()>; 2] =
        [|| panic!("an invalid page"), || panic!("an invalid {}", "page")];
    for question in questions {
        let error = reader.read(|_| question()).unwrap_err();
        assert!(error.to_string().contains("a panic: an invalid page"), "{error}");
    }
    check(&workspace, &reader);
}

#[test]
fn only_a_requested_rebuild_reports_that_another_process_publishes() {
    let (workspace, _log) = one_stream(4);
    workspace.projector(2, true).catch_up().unwrap();
    let lock = workspace.root.join("projections/lock");
    let lock = workspace.disk.process(3).open(&lock, OpenMode::Create).unwrap();
    assert!(lock.try_lock().unwrap());
    let is_reported = |notes: &[Note]| notes.iter().any(|n| matches!(n, Note::NotPublished { .. }));
    assert!(is_reported(&workspace.projector(4, true).rebuild(Progress::none()).unwrap().notes));
    for generation in workspace.generations() {
        workspace.disk.remove_tree(&generation);
    }
    let reader = workspace.projector(5, true);
    assert!(!is_reported(&reader.catch_up().unwrap()));
    assert_eq!(workspace.generations(), Vec::<PathBuf>::new());
    drop(lock);
    assert!(!is_reported(&reader.rebuild(Progress::none()).unwrap().notes));
    assert_eq!(workspace.generations().len(), 1);
}

#[test]
fn generation_is_published_while_views_of_the_previous_one_are_open() {
    let (workspace, log) = one_stream(3);
    let reader = workspace.projector(2, true);
    let outer = reader.read(|view| {
        let before = workspace.generations();
        let tables = PlainTables::read(view)?;
        append_tags(&log, 100..150);
        workspace.disk.advance(LONG);
        let inner = reader.read(PlainTables::read)?;
        assert_eq!(inner, workspace.plain_tables());
        assert_ne!(workspace.generations(), before, "no generation was published while a view was open");
        // The file of this view has no name any more; the content of the view is unchanged.
        assert_eq!(PlainTables::read(view)?, tables);
        Ok::<_, Error>(tables)
    });
    assert_ne!(outer.unwrap(), workspace.plain_tables());
    check(&workspace, &workspace.projector(3, true));
}

#[test]
fn unchanged_stream_is_not_listed_and_changed_one_is_read() {
    let (workspace, log) = one_stream(3);
    log.close().unwrap();
    let process = workspace.disk.spawn(2);
    let reader = workspace.projector_on(process.clone(), true);
    check(&workspace, &reader);
    workspace.disk.advance(LONG);
    check(&workspace, &reader);
    workspace.disk.advance(LONG);
    let operations = |reader: &Projector<Toy>| {
        let before = process.operations();
        reader.catch_up().unwrap();
        process.operations() - before
    };
    // The list of streams, the segment file, the directory of the stream; the directory of generations is not accessed.
    assert!(operations(&reader) <= 4, "{} operations for an unchanged stream", operations(&reader));
    // A segment that grows, then a second segment, then a removed one.
    append_tags(&log, 40..43);
    check(&workspace, &reader);
    let stream = log.close().unwrap().unwrap().stream;
    workspace.disk.advance(LONG);
    check(&workspace, &reader);
    workspace.disk.advance(LONG);
    let other = Workspace { segment_bytes_max: 4_400, ..workspace.clone() }.log(4);
    append_tags(&other, 50..53);
    drop(other);
    check(&workspace, &reader);
    workspace.disk.advance(LONG);
    workspace.disk.remove_tree(&workspace.log_dir().join(stream.to_string()));
    check(&workspace, &reader);
}

#[test]
fn second_segment_of_a_stream_is_read_although_its_first_one_is_unchanged() {
    let whole = Workspace::new(5, SMALL);
    let log = whole.log(1);
    append_tags(&log, 0..12);
    log.close().unwrap();
    let workspace = whole.copy_to("/copy");
    let later = workspace.segments().split_off(1);
    let content: Vec<Vec<u8>> = later.iter().map(|path| workspace.disk.read(path).unwrap()).collect();
    later.iter().for_each(|path| workspace.disk.remove_tree(path));
    let reader = workspace.projector(2, true);
    for _ in 0..3 {
        workspace.disk.advance(LONG);
        check(&workspace, &reader);
    }
    workspace.disk.advance(LONG);
    later.iter().zip(content).for_each(|(path, bytes)| workspace.disk.overwrite(path, bytes));
    workspace.disk.advance(LONG);
    check(&workspace, &reader);
    assert_eq!(workspace.entries().len(), 12);
}

/// Each operation of a catch-up over several streams fails once; nothing is counted twice afterwards.
#[test]
fn failure_at_any_operation_of_a_catch_up_counts_nothing_twice() {
    for at in 0.. {
        let workspace = Workspace::new(5, SMALL);
        let logs = [workspace.log(1), workspace.log(2)];
        for n in 0..24u8 {
            let point = Toy::Measure { series: vec![1; 60], time: i64::from(n), measure: Some(f64::from(n)) };
            logs[usize::from(n % 2)].append(&[point], Durability::Flush).unwrap();
        }
        let process = workspace.disk.spawn(3);
        process.plan(Moment::Operation(at), Fault::Error(io::ErrorKind::Other));
        let reader = workspace.projector_on(process.clone(), false);
        for _ in 0..3 {
            let _ = reader.catch_up();
            workspace.disk.advance(LONG);
        }
        if !process.has_passed_plans() {
            break;
        }
        check(&workspace, &reader);
    }
}

#[test]
fn partial_frame_at_the_end_is_noted_by_every_read() {
    let (workspace, log) = one_stream(3);
    workspace.kill(log);
    let frames = workspace.scan(workspace.streams()[0], ScanMode::Full).frames;
    let path = workspace.segments()[0].clone();
    let mut bytes = workspace.disk.read(&path).unwrap();
    // The first part of a frame and nothing after it.
    let end = frames[2].bytes.1 as usize;
    let front = bytes[frames[2].bytes.0 as usize..][..20].to_vec();
    bytes.truncate(end);
    bytes.extend(front);
    workspace.disk.overwrite(&path, bytes);
    let reader = workspace.projector(2, true);
    for _ in 0..3 {
        workspace.disk.advance(LONG);
        let notes = reader.catch_up().unwrap();
        assert!(notes.iter().any(|n| matches!(n, Note::Unfinished { .. })), "{notes:?}");
    }
}

#[test]
fn segment_overwritten_with_equal_length_and_modification_time_is_read_again() {
    // One segment, which is examined without listing the directory, and several, of which an earlier one is
    // overwritten.
    for segment_bytes_max in [1 << 20, SMALL] {
        let workspace = Workspace::new(5, segment_bytes_max);
        let log = workspace.log(1);
        append_tags(&log, 0..8);
        log.close().unwrap();
        workspace.disk.advance(LONG);
        let reader = workspace.projector(2, true);
        check(&workspace, &reader);
        workspace.disk.advance(LONG);
        assert_eq!(gaps_of(&reader), []);
        let path = workspace.segments()[0].clone();
        let frame = workspace.scan(workspace.streams()[0], ScanMode::Full).frames[0].bytes.0 as usize;
        let mut bytes = workspace.disk.read(&path).unwrap();
        bytes[frame + 60] ^= 1;
        workspace.disk.overwrite_with_old_time(&path, bytes);
        workspace.disk.advance(LONG);
        assert_eq!(gaps_of(&reader).len(), 1, "the damage was not detected");
        check(&workspace, &reader);
    }
}

/// The boot id is a file that is opened and read, so one read of the log must not read it for each frame.
#[test]
fn boot_id_is_read_once_per_catch_up() {
    let (workspace, _log) = one_stream(200);
    let reader = workspace.projector(2, false);
    let before = workspace.disk.boot_id_reads();
    reader.catch_up().unwrap();
    assert!(workspace.disk.boot_id_reads() - before <= 1);
}

// ---- mistakes of the embedder

/// A projection whose name, declared tables and writes may break the rules.
struct Misfit {
    name: &'static str,
    tables: &'static [TableSpec],
    writes: fn(&mut Tables, Stamp),
}

impl Projection<Toy> for Misfit {
    fn name(&self) -> &'static str {
        self.name
    }
    fn version(&self) -> u32 {
        1
    }
    fn tables(&self) -> &'static [TableSpec] {
        self.tables
    }
    fn wants(&self, _: Kind) -> bool {
        true
    }
    fn apply(&self, entry: &Applied<'_, Toy>, tables: &mut Tables) -> contexta::engine::Result<()> {
        (self.writes)(tables, entry.stamp);
        Ok(())
    }
}

const FIRST: TableSpec = TableSpec::new("first", TableKind::Set);
const SECOND: TableSpec = TableSpec::new("second", TableKind::Versions);
const OWN: TableSpec = TableSpec::new("_own", TableKind::Set);

fn misfits(workspace: &Workspace, misfits: Vec<Misfit>) -> Projector<Toy> {
    let boxed = misfits.into_iter().map(|m| Box::new(m) as Box<dyn Projection<Toy>>).collect();
    let storage = workspace.disk.process(2);
    let paths = ProjectorPaths { log: workspace.log_dir(), generations: workspace.root.join("projections") };
    Projector::new(storage, paths, ProjectorOptions::new(domain()), boxed)
}

#[test]
fn projection_that_writes_to_an_undeclared_table_is_rejected() {
    let (workspace, _log) = one_stream(2);
    type Write = fn(&mut Tables, Stamp);
    let writes: [(Write, &str); 4] = [
        (|tables, _| tables.insert(SECOND, vec![1]), "declared as Versions"),
        (
            |tables, _| tables.insert(TableSpec::new("third", TableKind::Set), vec![1]),
            "no table of this name",
        ),
        (|tables, stamp| tables.put_version(FIRST, &[1], stamp, &[], &[]), "declared as Set"),
        (
            |tables, stamp| {
                let order = PointOrder::new(1, stamp);
                tables.add_point(SECOND, &[1], Point { order, measure: None, value: Vec::new() });
            },
            "declared as Versions",
        ),
    ];
    for (writes, cause) in writes {
        let projector = misfits(&workspace, vec![Misfit { name: "a", tables: &[FIRST, SECOND], writes }]);
        for _ in 0..2 {
            let error = projector.catch_up().unwrap_err();
            let Error::ProjectionMisused { projection: "a", reason } = &error else { panic!("{error:?}") };
            assert!(reason.contains(cause), "{reason}");
        }
    }
}

#[test]
fn duplicate_projection_or_table_is_rejected_at_first_use() {
    let workspace = Workspace::new(5, 1 << 20);
    let misfit = |name, tables| Misfit { name, tables, writes: |_, _| {} };
    for (first, second) in [
        (misfit("a", &[FIRST]), misfit("a", &[SECOND])),
        (misfit("a", &[FIRST]), misfit("b", &[FIRST])),
        (misfit("a", &[FIRST]), misfit("b", &[OWN])),
        (misfit("a", &[FIRST]), misfit("b", &[SECOND, SECOND])),
    ] {
        let projector = misfits(&workspace, vec![first, second]);
        for result in [
            projector.catch_up().map(|_| ()),
            projector.digest_from_scratch(Progress::none()).map(|_| ()),
            projector.rebuild(Progress::none()).map(|_| ()),
        ] {
            assert!(matches!(result, Err(Error::ProjectionMisused { .. })), "{result:?}");
        }
    }
}

#[test]
fn keys_with_a_prefix_of_greatest_bytes_are_found() {
    let (workspace, _log) = one_stream(1);
    let writes: fn(&mut Tables, Stamp) = |tables, _| {
        for key in [&[0xfe][..], &[0xfe, 0xff], &[0xfe, 0xff, 1], &[0xff], &[0xff, 0xff], &[0xff, 0xff, 1]] {
            tables.insert(FIRST, key.to_vec());
        }
    };
    let projector = misfits(&workspace, vec![Misfit { name: "a", tables: &[FIRST], writes }]);
    let prefixes: [(&[u8], usize); 6] = [
        (&[], 6),
        (&[0xfe], 3),
        (&[0xfe, 0xff], 2),
        (&[0xff], 3),
        (&[0xff, 0xff], 2),
        (&[0xff, 0xff, 0xff], 0),
    ];
    for (prefix, count) in prefixes {
        let found = projector.read(|view| Ok::<_, Error>(view.keys(FIRST, prefix)?.count()));
        assert_eq!(found.unwrap(), count, "{prefix:?}");
    }
}

#[test]
fn undeclared_table_cannot_be_read() {
    let (workspace, _log) = one_stream(2);
    let misfit = Misfit { name: "a", tables: &[FIRST, SECOND], writes: |_, _| {} };
    let projector = misfits(&workspace, vec![misfit]);
    let third = TableSpec::new("third", TableKind::Set);
    let first_as_versions = TableSpec::new("first", TableKind::Versions);
    let results = projector
        .read(|view| {
            assert!(view.keys(FIRST, &[]).is_ok());
            assert!(view.versions_of(SECOND, &[1]).is_ok());
            Ok::<_, Error>([
                view.keys(third, &[]).map(drop),
                view.keys(SECOND, &[]).map(drop),
                view.rows(third, &[]).map(drop),
                view.versions(FIRST, &[]).map(drop),
                view.versions_of(first_as_versions, &[1]).map(drop),
                view.series(SECOND, &[1]).map(drop),
                view.chunks(SECOND, &[]).map(drop),
                view.registers(FIRST, &[]).map(drop),
            ])
        })
        .unwrap();
    for (n, result) in results.into_iter().enumerate() {
        assert!(matches!(result, Err(Error::TableUnknown { .. })), "{n}: {result:?}");
    }
}

#[test]
fn directory_of_generations_in_place_of_the_log_is_an_error() {
    let (workspace, _log) = one_stream(2);
    workspace.projector(3, true).catch_up().unwrap();
    let published = workspace.generations();
    let mistaken = || {
        let log = workspace.root.join("projections");
        let paths = ProjectorPaths { log, generations: workspace.root.join("other") };
        Projector::<Toy>::new(workspace.disk.process(2), paths, ProjectorOptions::new(domain()), Vec::new())
    };
    let error = mistaken().catch_up().unwrap_err();
    assert!(matches!(error, Error::DirectoryMixedUp { .. }), "{error:?}");
    assert!(mistaken().digest_from_scratch(Progress::none()).is_err());
    assert!(mistaken().rebuild(Progress::none()).is_err());
    assert_eq!(workspace.generations(), published);
}

/// There are so many streams that several threads list and examine them.
#[test]
fn new_entries_are_found_among_many_unchanged_streams() {
    let workspace = Workspace::new(5, 1 << 20);
    let append = |process: u32, tag: u8| {
        let log = workspace.log(process);
        append_tags(&log, tag..tag + 1);
        let stream = log.close().unwrap().unwrap().stream;
        workspace.disk.remove_tree(&workspace.log_dir().join(stream.to_string()).join("lock"));
    };
    for n in 0..300u32 {
        append(10 + n, (n % 200) as u8);
    }
    workspace.disk.advance(LONG);
    let reader = workspace.projector(2, true);
    check(&workspace, &reader);
    workspace.disk.advance(LONG);
    let streams = workspace.streams();
    assert_eq!(streams.len(), 300);
    append(900, 201);
    check(&workspace, &workspace.projector(3, true));
    workspace.disk.remove_tree(&workspace.log_dir().join(streams[150].to_string()));
    check(&workspace, &workspace.projector(4, true));
    assert_eq!(workspace.entries().len(), 300);
}

#[test]
fn swapped_directories_are_an_error() {
    let (workspace, _log) = one_stream(2);
    let exchanged = |workspace: &Workspace| {
        let paths =
            ProjectorPaths { log: workspace.root.join("projections"), generations: workspace.log_dir() };
        let storage = workspace.disk.process(2);
        Projector::<Toy>::new(storage, paths, ProjectorOptions::new(domain()), Vec::new())
    };
    // Once before projection files exist, and once afterwards.
    for _ in 0..2 {
        let error = exchanged(&workspace).catch_up().unwrap_err();
        assert!(matches!(error, Error::DirectoryMixedUp { .. }), "{error:?}");
        assert!(exchanged(&workspace).digest_from_scratch(Progress::none()).is_err());
        workspace.projector(3, true).catch_up().unwrap();
        assert!(!workspace.generations().is_empty());
    }
}

/// Returns true if the notes of a catch-up state that the tables were rebuilt.
fn is_rebuilt(notes: &[Note]) -> bool {
    notes.iter().any(|note| matches!(note, Note::Rebuilt { .. }))
}

#[test]
fn erased_events_stay_hidden_after_a_merge_of_an_old_copy_and_later_events_are_visible() {
    let workspace = Workspace::new(5, SMALL);
    let tag = |key: &[u8]| Toy::Tag { key: key.to_vec() };
    let log = workspace.log(1);
    log.append(&[tag(b"kept"), tag(b"gone"), tag(b"gone")], Durability::Flush).unwrap();
    let reader = workspace.projector(2, true);
    reader.catch_up().unwrap();
    drop(log);
    let old = workspace.copy_to("/old");
    // Another process adds events of the key to the copy before the erasure.
    old.log(9).append(&[tag(b"gone")], Durability::Flush).unwrap();
    workspace.disk.advance(LONG);
    let log = workspace.log(3);
    log.append(&[Toy::Erase { key: b"gone".to_vec() }], Durability::Fsync).unwrap();
    let notes = reader.catch_up().unwrap();
    let erased = |n: &Note| matches!(n, Note::Rebuilt { reason: RebuildReason::Erased, .. });
    assert!(notes.iter().any(erased), "{notes:?}");
    let tags = |keys: &[&[u8]]| {
        let events: Vec<Toy> = keys.iter().map(|key| tag(key)).collect();
        let stamps: Vec<Stamp> = (1..=events.len() as u64)
            .map(|n| Stamp { time: n, stream: StreamId([1; 16]), seq: Seq(n) })
            .collect();
        PlainTables::of(stamps.iter().zip(&events))
    };
    check_plain(&reader, &tags(&[b"kept"]));
    assert!(!is_rebuilt(&reader.catch_up().unwrap()));
    assert!(!is_rebuilt(&workspace.projector(4, true).catch_up().unwrap()), "the saved tables were not used");
    let streams = workspace.streams().len();
    merged(&old, &workspace);
    assert_eq!(workspace.streams().len(), streams + 1);
    check_plain(&reader, &tags(&[b"kept"]));
    check(&workspace, &reader);
    log.append(&[tag(b"gone"), tag(b"new")], Durability::Flush).unwrap();
    assert!(!is_rebuilt(&reader.catch_up().unwrap()));
    check_plain(&reader, &tags(&[b"kept", b"gone", b"new"]));
    check(&workspace, &reader);
    assert_eq!(digest_of(&workspace.projector(6, false)), digest_of(&reader));
}

#[test]
fn tables_of_a_log_without_the_erasure_contain_the_events_again() {
    let workspace = Workspace::new(5, SMALL);
    workspace.log(1).append(&[Toy::Tag { key: b"k".to_vec() }], Durability::Flush).unwrap();
    let before = workspace.copy_to("/before");
    let log = workspace.log(2);
    log.append(
        &[Toy::Erase { key: b"k".to_vec() }, Toy::Erase { key: b"other".to_vec() }],
        Durability::Fsync,
    )
    .unwrap();
    drop(log);
    let reader = workspace.projector(3, true);
    assert_eq!(reader.read(PlainTables::read).unwrap(), PlainTables::default());
    workspace.disk.remove_tree(&workspace.log_dir());
    workspace.disk.copy_tree(&before.log_dir(), &workspace.log_dir());
    workspace.disk.advance(LONG);
    check_plain(&reader, &workspace.plain_tables());
    assert_ne!(reader.read(PlainTables::read).unwrap(), PlainTables::default());
    check(&workspace, &reader);
}
