//! Compaction and erasure of segments: no answer, head or digest changes, whatever interrupts the work.

use crate::jobs::{Job, added, options};
use contexta::engine::entry::{GapCause, Position, Seq, StreamId};
use contexta::engine::log::compact::{CompactedLog, erase_segments};
use contexta::engine::log::directory::{list_segments, list_streams};
use contexta::engine::log::header::FRAMES_AT;
use contexta::engine::log::merge::{MergeLock, MergeOptions};
use contexta::engine::log::{Item, ScanMode, StreamReader, names};
use contexta::engine::progress::Progress;
use contexta::engine::projection::Note;
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, Survival};
use contexta::engine::subscribe::{Item as SubscriptionItem, SubscribeOptions};
use contexta::engine::verify::{LogCheck, Outcome};
use contexta::engine::{
    CompactionOptions, CompactionReport, Digest, Domain, Engine, Head, Result, SegmentSkip,
};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

const LOG: &str = "/q/log";

pub(crate) fn engine(storage: Arc<dyn Storage>) -> Engine<Job> {
    options("/q").storage(storage).segment_bytes_max(FRAMES_AT + 3000).open().unwrap()
}

fn everything() -> CompactionOptions {
    let mut options = CompactionOptions::default();
    options.segment_bytes_min = 0;
    options
}

pub(crate) fn compact(engine: &Engine<Job>) -> Result<CompactionReport> {
    engine.compact(&engine.compaction_plan(&everything())?, Progress::none())
}

/// Two closed streams of several segments, and one stream of a killed process.
fn workspace() -> SimDisk {
    let disk = SimDisk::new(1);
    let engines = [1, 2, 3].map(|n| engine(disk.process(n)));
    for id in 0..360u32 {
        let request = (id % 3 == 0).then(|| format!("request {}", "r".repeat(id as usize % 40)));
        let events = [Job::Added { id, request }, Job::Claimed { id, worker: id % 7 }];
        engines[id as usize % 3].append_all(&events).unwrap();
    }
    let [one, two, _killed] = &engines;
    one.close().unwrap();
    two.close().unwrap();
    disk.kill(3);
    // Everything is on disk, so that a later crash loses only changes of the compaction.
    disk.crash(Survival::Kept);
    disk
}

type Entries = BTreeMap<Position, (u64, u16, Vec<u8>)>;

fn entries(disk: &SimDisk) -> Entries {
    let storage = disk.process(90);
    let mut all = Entries::new();
    for stream in list_streams(storage.as_ref(), Path::new(LOG)).unwrap() {
        let mut reader = StreamReader::open(&storage, Path::new(LOG), stream, ScanMode::Full).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            if let Item::Commit(commit) = item {
                all.extend(commit.entries.iter().map(|entry| {
                    (entry.stamp.position(), (entry.stamp.time, entry.kind.0, entry.payload.to_vec()))
                }));
            }
        }
    }
    all
}

/// The state that a compaction must not change.
fn state(disk: &SimDisk) -> (Entries, Vec<Head>, Digest, Outcome) {
    let engine = engine(disk.process(91));
    let heads = engine.heads().unwrap().heads;
    let outcome = engine.verify(&LogCheck::default()).unwrap().log.outcome();
    let rebuilt = engine.rebuild(Progress::none()).unwrap();
    drop(rebuilt);
    (entries(disk), heads, engine.digest().unwrap().digest, outcome)
}

fn log_len(disk: &SimDisk) -> u64 {
    let storage = disk.process(92);
    let streams = list_streams(storage.as_ref(), Path::new(LOG)).unwrap();
    let mut len = 0;
    for stream in streams {
        for base in list_segments(storage.as_ref(), Path::new(LOG), stream).unwrap() {
            len += storage.info(&names::segment_path(Path::new(LOG), stream, base)).unwrap().len;
        }
    }
    len
}

#[test]
fn compacted_log_has_the_same_entries_heads_and_tables_in_less_room() {
    let disk = workspace();
    let before = state(&disk);
    let len = log_len(&disk);
    let first = engine(disk.process(4));
    first.view().unwrap();
    let report = compact(&first).unwrap();
    assert!(report.segments.len() > 6 && report.skipped.is_empty(), "{report:?}");
    assert!(report.bytes_after() < report.bytes_before());
    assert_eq!(len - log_len(&disk), report.bytes_before() - report.bytes_after());
    assert!(state(&disk) == before);
    assert_eq!(before.3, Outcome::Whole);
    // A second compaction has nothing to do.
    let plan = first.compaction_plan(&everything()).unwrap();
    assert_eq!((plan.segments.len(), plan.compacted as usize), (0, report.segments.len()));
}

#[test]
fn tables_are_not_rebuilt_after_a_compaction() {
    let disk = workspace();
    let old = engine(disk.process(4));
    let digest = old.digest().unwrap().digest;
    compact(&engine(disk.process(5))).unwrap();
    for engine in [&old, &engine(disk.process(6))] {
        let view = engine.view().unwrap();
        assert!(!view.notes().iter().any(|note| matches!(note, Note::Rebuilt { .. })), "{:?}", view.notes());
        assert_eq!(engine.digest().unwrap().digest, digest);
    }
}

/// The tables of a process contain only a part of the entries of a stream when the stream is compacted.
#[test]
fn tables_in_the_middle_of_a_compacted_frame_are_not_rebuilt() {
    let disk = workspace();
    let behind = engine(disk.process(4));
    let writer = engine(disk.process(5));
    for id in 2000..2010 {
        writer.append(&added(id)).unwrap();
    }
    behind.view().unwrap();
    for id in 2010..2020 {
        writer.append(&added(id)).unwrap();
    }
    writer.close().unwrap();
    let report = compact(&engine(disk.process(6))).unwrap();
    assert!(report.skipped.is_empty(), "{:?}", report.skipped);
    let view = behind.view().unwrap();
    assert!(!view.notes().iter().any(|note| matches!(note, Note::Rebuilt { .. })), "{:?}", view.notes());
    assert!((2000..2020).all(|id| crate::jobs::jobs(&view).contains(&id)));
    drop(view);
    let fresh = engine(disk.process(7));
    fresh.rebuild(Progress::none()).unwrap();
    assert_eq!(behind.digest().unwrap().digest, fresh.digest().unwrap().digest);
}

/// The tables contain the offsets of frames, which a compaction changes.
#[test]
fn every_entry_is_found_by_its_position_after_a_compaction() {
    let disk = SimDisk::new(1);
    let large =
        |process| options("/q").storage(disk.process(process)).segment_bytes_max(1 << 17).open().unwrap();
    let writer = large(1);
    for id in 0..3000u32 {
        writer.append(&Job::Added { id, request: Some(format!("request {id} {}", "r".repeat(60))) }).unwrap();
    }
    let behind = large(2);
    behind.view().unwrap();
    for id in 3000..3300u32 {
        writer.append(&added(id)).unwrap();
    }
    writer.close().unwrap();
    let old = large(3);
    old.view().unwrap();
    let expected = entries(&disk);
    let report = compact(&large(4)).unwrap();
    assert!(report.segments.len() > 2, "{report:?}");
    let positions: Vec<Position> = expected.keys().copied().collect();
    for engine in [&behind, &old, &large(5)] {
        let view = engine.view().unwrap();
        for positions in [&positions[..], &positions[3100..], &positions[1500..1501], &positions[3299..]] {
            let found = view.entries(positions).unwrap();
            for (position, entry) in positions.iter().zip(found) {
                let entry = entry.map(|entry| (entry.stamp.time, entry.kind.0, entry.payload));
                assert_eq!(entry.as_ref(), expected.get(position), "{position}");
            }
        }
    }
}

#[test]
fn subscription_continues_after_a_compaction() {
    let disk = workspace();
    let engine = engine(disk.process(4));
    let all = engine.subscribe(SubscribeOptions::default());
    let is_entry = |item: &Result<SubscriptionItem<Job>>| matches!(item, Ok(SubscriptionItem::Entry { .. }));
    let expected = all.take_while(|item| !matches!(item, Ok(SubscriptionItem::CaughtUp(_))));
    let expected = expected.filter(is_entry).count();
    let mut half = engine.subscribe(SubscribeOptions::default());
    let seen = half.by_ref().filter(is_entry).take(expected / 2).count();
    let options = SubscribeOptions { from: half.current_position().clone(), ..SubscribeOptions::default() };
    compact(&engine).unwrap();
    let rest = engine.subscribe(options);
    let rest = rest.take_while(|item| !matches!(item, Ok(SubscriptionItem::CaughtUp(_)))).filter(is_entry);
    assert_eq!(seen + rest.count(), expected);
}

#[test]
fn writer_goes_on_during_and_after_a_compaction() {
    let disk = workspace();
    let writer = engine(disk.process(7));
    for id in 1000..1400 {
        writer.append(&added(id)).unwrap();
    }
    let report = compact(&engine(disk.process(8))).unwrap();
    assert!(report.skipped.is_empty(), "{:?}", report.skipped);
    for id in 1400..1500 {
        writer.append(&added(id)).unwrap();
    }
    let (written, _, _, outcome) = state(&disk);
    assert_eq!((written.len(), outcome), (360 * 2 + 500, Outcome::Whole));
    // The stream of the writer is continued in the same segment.
    let plan = engine(disk.process(9)).compaction_plan(&everything()).unwrap();
    assert_eq!(plan.in_use, 1);
}

#[test]
fn damaged_segment_is_left_unchanged() {
    let disk = workspace();
    let storage = disk.process(90);
    let stream = list_streams(storage.as_ref(), Path::new(LOG)).unwrap()[0];
    let base = list_segments(storage.as_ref(), Path::new(LOG), stream).unwrap()[1];
    let path = names::segment_path(Path::new(LOG), stream, base);
    let mut bytes = disk.read(&path).unwrap();
    bytes[FRAMES_AT as usize + 60] ^= 4;
    disk.overwrite(&path, bytes.clone());
    let before = entries(&disk);
    let report = compact(&engine(disk.process(4))).unwrap();
    let skipped = &report.skipped[..];
    assert!(matches!(skipped, [s] if s.segment == base && matches!(s.reason, SegmentSkip::Damaged { .. })));
    assert_eq!(disk.read(&path).unwrap(), bytes);
    assert!(entries(&disk) == before);
}

#[test]
fn killed_compaction_changes_no_answer_and_can_be_repeated() {
    let disk = workspace();
    let before = state(&disk);
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Change(at), Fault::Kill);
        let result = options("/q").storage(process.clone()).open().and_then(|engine| compact(&engine));
        if process.is_alive() {
            result.unwrap();
            assert!(at > 30, "{at}");
            break;
        }
        disk.crash([Survival::Dropped, Survival::Kept][at as usize % 2]);
        assert!(state(&disk) == before, "{at}");
        compact(&engine(disk.process(51))).unwrap();
        assert!(state(&disk) == before, "{at}");
        let leftovers = disk.paths().into_iter().filter(|path| path.to_string_lossy().contains("segment-"));
        assert_eq!(leftovers.count(), 0, "{at}");
    }
}

#[test]
fn failed_operation_of_a_compaction_changes_no_answer() {
    let disk = workspace();
    let before = state(&disk);
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Operation(at), Fault::ErrorAfter(ErrorKind::StorageFull));
        let _ = options("/q").storage(process.clone()).open().and_then(|engine| compact(&engine));
        let is_last = process.operations() <= at;
        if at % 7 == 0 || is_last {
            assert!(state(&disk) == before, "{at}");
        } else {
            assert!(entries(&disk) == before.0, "{at}");
        }
        if is_last {
            return;
        }
    }
}

/// Erases the jobs whose ids are in `ids`.
pub(crate) fn erase(storage: &Arc<dyn Storage>, ids: std::ops::Range<u32>) -> Result<CompactionReport> {
    let domain = Domain::new("jobs", 1).unwrap();
    let log = Path::new(LOG);
    let options = MergeOptions::new(domain, log, log, Path::new("/q/recovery/quarantine"));
    let lock = MergeLock::acquire(storage.as_ref(), &options)?;
    let streams = list_streams(storage.as_ref(), log)?;
    let site = CompactedLog { storage, log, domain };
    site.remove_leftovers(&streams)?;
    let is_erased = |entry: contexta::engine::entries::EntryRef<'_>| {
        let id = match contexta::engine::codec::decode::<Job>(entry.payload) {
            Ok(Job::Added { id, .. } | Job::Claimed { id, .. }) => id,
            Err(_) => return false,
        };
        ids.contains(&id)
    };
    erase_segments(&site, &lock, &streams, &is_erased, Progress::none())
}

fn gaps(disk: &SimDisk) -> BTreeMap<(StreamId, Seq), (Option<Seq>, GapCause)> {
    let storage = disk.process(90);
    let mut gaps = BTreeMap::new();
    for stream in list_streams(storage.as_ref(), Path::new(LOG)).unwrap() {
        let mut reader = StreamReader::open(&storage, Path::new(LOG), stream, ScanMode::Full).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Gap(gap) => drop(gaps.insert((gap.stream, gap.first), (gap.last, gap.cause))),
                Item::Finding(finding) => panic!("{finding:?}"),
                Item::Commit(_) => {}
            }
        }
    }
    gaps
}

#[test]
fn erased_entries_are_gone_from_the_bytes_and_named_as_erased() {
    let disk = workspace();
    let (before, ..) = state(&disk);
    let process: Arc<dyn Storage> = disk.process(4);
    let report = erase(&process, 99..205).unwrap();
    assert!(report.skipped.is_empty(), "{report:?}");
    assert_eq!(report.erased(), 106 * 2);
    let (after, _, _, outcome) = state(&disk);
    assert_eq!((before.len() - after.len(), outcome), (106 * 2, Outcome::Whole));
    assert!(after.iter().all(|entry| before.get_key_value(entry.0) == Some(entry)));
    let gaps = gaps(&disk);
    assert!(gaps.values().all(|(last, cause)| last.is_some() && *cause == GapCause::Erased), "{gaps:?}");
    let missing: u64 = gaps.iter().map(|((_, first), (last, _))| last.unwrap().0 - first.0 + 1).sum();
    assert_eq!(missing, 106 * 2);
    let secret = format!("request {}", "r".repeat(120 % 40)).into_bytes();
    assert!(before.values().any(|entry| entry.2.windows(secret.len()).any(|w| w == secret)));
    // A second erasure with another range keeps the first one. Compaction keeps both.
    erase(&process, 0..50).unwrap();
    compact(&engine(disk.process(5))).unwrap();
    let (last, _, _, outcome) = state(&disk);
    assert_eq!((before.len() - last.len(), outcome), (156 * 2, Outcome::Whole));
    assert_eq!(erase(&process, 0..50).unwrap(), CompactionReport::default());
}

#[test]
fn killed_erasure_is_completed_by_the_next_one() {
    let disk = workspace();
    let whole = disk.fork();
    erase(&whole.process(4), 99..205).unwrap();
    let (before, expected) = (entries(&disk), entries(&whole));
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Change(at), Fault::Kill);
        let storage: Arc<dyn Storage> = process.clone();
        let result = erase(&storage, 99..205);
        if process.is_alive() {
            result.unwrap();
            assert!(at > 20, "{at}");
            return;
        }
        disk.crash([Survival::Dropped, Survival::Kept][at as usize % 2]);
        let present = entries(&disk);
        assert!(present.iter().all(|entry| before.get_key_value(entry.0) == Some(entry)), "{at}");
        assert!(expected.keys().all(|position| present.contains_key(position)), "{at}");
        erase(&disk.process(51), 99..205).unwrap();
        assert!(entries(&disk) == expected, "{at}");
        assert!(gaps(&disk).values().all(|(_, cause)| *cause == GapCause::Erased), "{at}");
    }
}

#[test]
fn merge_of_an_uncompacted_copy_changes_nothing() {
    let disk = workspace();
    disk.copy_tree(Path::new(LOG), Path::new("/other/log"));
    compact(&engine(disk.process(4))).unwrap();
    let before = state(&disk);
    let len = log_len(&disk);
    let merged = engine(disk.process(5)).merge("/other", Progress::none()).unwrap();
    assert!(merged.is_unchanged(), "{merged:?}");
    assert!((state(&disk), log_len(&disk)) == (before, len));
}
