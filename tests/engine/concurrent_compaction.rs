//! A compaction or an erasure by another process at each operation of a catch-up: the tables are right, and no note
//! reports a loss.

use crate::compaction::{compact, engine, erase};
use crate::jobs::{CLAIMS, Job, added, jobs};
use contexta::engine::progress::Progress;
use contexta::engine::projection::Note;
use contexta::engine::projection::view::View;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, Survival};
use contexta::engine::{Digest, Engine};
use std::ops::Range;

/// The age in nanoseconds at which a catch-up trusts the change times of files.
const LONG: i64 = 3_000_000_000;
const JOBS: u32 = 90;
const ERASED: Range<u32> = 20..75;

/// Appends small commits, so that a compaction combines many frames.
fn append(writer: &Engine<Job>, ids: Range<u32>) {
    for id in ids {
        writer.append(&added(id)).unwrap();
        writer.append(&Job::Claimed { id, worker: id % 7 }).unwrap();
    }
}

/// A closed stream of several segments. The published tables contain two thirds of its jobs. `before_close` is called
/// before the stream is closed.
fn behind(before_close: impl FnOnce(&SimDisk)) -> SimDisk {
    let disk = SimDisk::new(7);
    let writer = engine(disk.process(1));
    append(&writer, 0..60);
    engine(disk.process(2)).rebuild(Progress::none()).unwrap();
    append(&writer, 60..JOBS);
    before_close(&disk);
    writer.close().unwrap();
    disk.advance(LONG);
    disk
}

/// The files have only grown since the tables were published. The catch-up reads only the frame before its cursor.
fn grown() -> SimDisk {
    behind(|_| {})
}

/// The sealed segments were compacted since the tables were published. The catch-up reads the whole stream to find the
/// frame of its cursor.
fn partly_compacted() -> SimDisk {
    behind(|disk| drop(compact(&engine(disk.process(3))).unwrap()))
}

/// All segments were compacted since the tables were published. The cursor is inside a frame.
fn compacted() -> SimDisk {
    let disk = grown();
    compact(&engine(disk.process(3))).unwrap();
    disk.advance(LONG);
    disk
}

/// The tables were published before a reboot. The catch-up reads the whole stream again.
fn rebooted() -> SimDisk {
    let disk = grown();
    disk.crash(Survival::Kept);
    disk
}

/// There are no tables. The catch-up reads the whole stream.
fn without_tables() -> SimDisk {
    let disk = SimDisk::new(8);
    let writer = engine(disk.process(1));
    append(&writer, 0..JOBS);
    writer.close().unwrap();
    disk.advance(LONG);
    disk
}

fn claims(view: &View) -> Vec<(u32, u32)> {
    let claim = |id: u32| (id, CLAIMS.get(view, &id).unwrap().map(|claim| *claim.value()));
    jobs(view).into_iter().map(claim).map(|(id, worker)| (id, worker.unwrap())).collect()
}

fn rebuilt_digest(disk: &SimDisk) -> Digest {
    let engine = engine(disk.process(91));
    engine.rebuild(Progress::none()).unwrap();
    engine.digest().unwrap().digest
}

/// Takes a view in a new process. At each operation in turn, `change` is performed first by another process, on a copy
/// of `base` each time. `check` examines the view, and receives the number of the operation. The digest of the next
/// view equals the digest of rebuilt tables. Returns the number of operations.
fn check_at_each_operation(base: &SimDisk, change: fn(&SimDisk), check: impl Fn(u64, &View)) -> u64 {
    for at in 0.. {
        let disk = base.fork();
        let process = disk.spawn(50);
        let other = disk.clone();
        process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(move || change(&other))));
        let engine = engine(process.clone());
        check(at, &engine.view().unwrap());
        if !process.has_passed_plans() {
            return at;
        }
        assert_eq!(engine.digest().unwrap().digest, rebuilt_digest(&disk), "operation {at}");
        let notes = engine.view().unwrap().notes().to_vec();
        assert!(
            notes.iter().all(|note| matches!(note, Note::EntriesErased { .. })),
            "operation {at}: {notes:?}"
        );
    }
    0
}

fn compact_all(disk: &SimDisk) {
    let report = compact(&engine(disk.process(60))).unwrap();
    assert!(!report.segments.is_empty() && report.skipped.is_empty(), "{report:?}");
}

#[test]
fn compaction_at_any_operation_of_a_catch_up_changes_no_answer() {
    let bases = [("grown", grown()), ("partly compacted", partly_compacted()), ("rebooted", rebooted())];
    for (name, base) in bases {
        let expected = (0..JOBS).map(|id| (id, id % 7)).collect::<Vec<_>>();
        let operations = check_at_each_operation(&base, compact_all, |at, view| {
            assert!(view.notes().is_empty(), "{name}, operation {at}: {:?}", view.notes());
            assert!(claims(view) == expected, "{name}, operation {at}: {:?}", claims(view));
        });
        assert!(operations > 20, "{name}: {operations}");
    }
}

#[test]
fn compaction_at_any_operation_of_the_first_view_changes_no_answer() {
    let expected = (0..JOBS).map(|id| (id, id % 7)).collect::<Vec<_>>();
    let operations = check_at_each_operation(&without_tables(), compact_all, |at, view| {
        let is_rebuilt = |note: &Note| matches!(note, Note::Rebuilt { .. });
        assert!(view.notes().iter().all(is_rebuilt), "operation {at}: {:?}", view.notes());
        assert!(claims(view) == expected, "operation {at}: {:?}", claims(view));
    });
    assert!(operations > 20, "{operations}");
}

/// A view that is taken during an erasure contains all entries that are not erased. Its only notes name erased entries
/// and the rebuild that removes them.
#[test]
fn erasure_at_any_operation_of_a_catch_up_hides_no_other_entry() {
    let bases = [grown(), partly_compacted(), compacted(), rebooted(), without_tables()];
    let kept: Vec<u32> = (0..JOBS).filter(|id| !ERASED.contains(id)).collect();
    for (n, base) in bases.iter().enumerate() {
        let change = |disk: &SimDisk| {
            let report = erase(&disk.process(60), ERASED).unwrap();
            assert!(report.skipped.is_empty(), "{report:?}");
        };
        let operations = check_at_each_operation(base, change, |at, view| {
            let is_right = |note: &Note| matches!(note, Note::Rebuilt { .. } | Note::EntriesErased { .. });
            assert!(view.notes().iter().all(is_right), "log {n}, operation {at}: {:?}", view.notes());
            let found = jobs(view);
            assert!(kept.iter().all(|id| found.contains(id)), "log {n}, operation {at}: {found:?}");
            let reports_erased = view.notes().iter().any(|note| matches!(note, Note::EntriesErased { .. }));
            assert!(reports_erased || found.len() == JOBS as usize, "log {n}, operation {at}: {found:?}");
        });
        assert!(operations > 20, "log {n}: {operations}");
    }
}
