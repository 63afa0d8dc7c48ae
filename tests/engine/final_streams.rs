//! Tests of final streams: their segments are not examined at each view, and everything that a merge, a repair or a
//! writer adds to such a stream is nevertheless in the next view.

use crate::jobs::{Job, added, jobs, on, options};
use contexta::engine::Engine;
use contexta::engine::log::Durability;
use contexta::engine::progress::Progress;
use contexta::engine::projection::Note;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess};
use contexta::engine::verify::{LogCheck, Outcome};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More than the age from which on a change time is trusted.
const LONG: i64 = 3_000_000_000;

fn at(dir: &str, process: Arc<SimProcess>) -> Engine<Job> {
    options(dir).storage(process).open().unwrap()
}

/// Appends one job in the directory `from`, and merges the log into `/q`. The stream in `/q` has no lock file.
fn append_and_merge(disk: &SimDisk, from: &str, id: u32) {
    let engine = at(from, disk.spawn(100 + id));
    engine.append(&added(id)).unwrap();
    engine.close().unwrap();
    on(disk.process(200 + id)).merge(from, Progress::none()).unwrap();
}

/// Returns the number of operations of a view of `/q` that applies nothing.
fn operations_of_a_view(disk: &SimDisk) -> u64 {
    let process = disk.spawn(50);
    let engine = on(process.clone());
    engine.view().unwrap();
    let before = process.operations();
    engine.view().unwrap();
    process.operations() - before
}

fn segment_of(disk: &SimDisk, dir: &str) -> PathBuf {
    let is_segment = |path: &PathBuf| path.starts_with(dir) && path.extension().is_some_and(|e| e == "seg");
    disk.paths().into_iter().find(is_segment).unwrap()
}

#[test]
fn view_reads_the_metadata_of_one_directory_for_each_final_stream() {
    let disk = SimDisk::new(40);
    let mut operations = Vec::new();
    for id in 1..=3 {
        append_and_merge(&disk, &format!("/s{id}"), id);
        disk.advance(LONG);
        on(disk.process(9)).rebuild(Progress::none()).unwrap();
        operations.push(operations_of_a_view(&disk));
    }
    assert_eq!([operations[1] - operations[0], operations[2] - operations[1]], [1, 1]);
    // A writer could continue this stream, so its segment is examined too.
    on(disk.process(10)).append(&added(9)).unwrap();
    disk.advance(LONG);
    on(disk.process(9)).rebuild(Progress::none()).unwrap();
    assert_eq!(operations_of_a_view(&disk) - operations[2], 2);
}

#[test]
fn merge_that_extends_a_final_stream_is_noticed() {
    let disk = SimDisk::new(41);
    let open = on(disk.process(1));
    for id in 1..=4 {
        append_and_merge(&disk, "/s", id);
        disk.advance(LONG);
        // The process with open tables, a process with the published tables, and a rebuild.
        let expected: Vec<u32> = (1..=id).collect();
        assert_eq!(jobs(&open.view().unwrap()), expected);
        assert_eq!(jobs(&on(disk.process(2)).view().unwrap()), expected);
        on(disk.process(3)).rebuild(Progress::none()).unwrap();
        assert_eq!(jobs(&on(disk.process(4)).view().unwrap()), expected);
    }
    let streams = open.view().unwrap().log_position().unwrap().len();
    assert_eq!(streams, 1, "every merge has extended the same stream");
}

/// Begins a view, and performs a change at each operation of the view, on a new disk each time. The next views of this
/// process and of a new process contain the jobs 1 and 2. `prepare` returns the disk and the change.
fn check_change_at_any_operation_of_a_view(prepare: impl Fn() -> (SimDisk, Box<dyn FnOnce() + Send>)) {
    for at in 0.. {
        let (disk, change) = prepare();
        let process = disk.spawn(8);
        process.plan(Moment::Operation(at), Fault::Meanwhile(change));
        let engine = on(process.clone());
        engine.view().unwrap();
        if !process.has_passed_plans() {
            break;
        }
        disk.advance(LONG);
        assert_eq!(jobs(&engine.view().unwrap()), [1, 2], "operation {at}");
        assert_eq!(jobs(&on(disk.process(9)).view().unwrap()), [1, 2], "operation {at}");
    }
}

#[test]
fn merge_at_any_operation_of_a_view_is_noticed_by_the_next_view() {
    let base = SimDisk::new(42);
    append_and_merge(&base, "/s", 1);
    base.advance(LONG);
    at("/s", base.spawn(2)).append(&added(2)).unwrap();
    check_change_at_any_operation_of_a_view(|| {
        let disk = base.fork();
        let merging = on(disk.process(4));
        (disk, Box::new(move || drop(merging.merge("/s", Progress::none()).unwrap())))
    });
}

/// A writer with durability `batched` renames its lock file, and holds it. The stream is final only after its end.
#[test]
fn entries_of_a_writer_with_a_renamed_lock_file_are_noticed_until_its_end() {
    let base = SimDisk::new(43);
    let writer = on(base.process(1));
    writer.append_with(&[added(1)], Durability::Batched).unwrap();
    writer.sync().unwrap();
    assert!(base.paths().iter().any(|path| path.ends_with(Path::new("left"))));
    base.advance(LONG);
    let open = on(base.process(2));
    assert_eq!(jobs(&open.view().unwrap()), [1]);
    on(base.process(3)).rebuild(Progress::none()).unwrap();
    writer.append_with(&[added(2)], Durability::Batched).unwrap();
    writer.sync().unwrap();
    base.advance(LONG);
    assert_eq!(jobs(&open.view().unwrap()), [1, 2]);
    assert_eq!(jobs(&on(base.process(4)).view().unwrap()), [1, 2]);
    let held = operations_of_a_view(&base);
    base.kill(1);
    on(base.process(3)).rebuild(Progress::none()).unwrap();
    assert_eq!(held - operations_of_a_view(&base), 1, "the segment is not examined any more");
}

/// The writer appends its last entries and is killed while another process reads the stream.
#[test]
fn last_entries_of_a_writer_that_is_killed_during_a_view_are_in_the_next_view() {
    check_change_at_any_operation_of_a_view(|| {
        let disk = SimDisk::new(44);
        let writer = on(disk.process(1));
        writer.append_with(&[added(1)], Durability::Batched).unwrap();
        writer.sync().unwrap();
        disk.advance(LONG);
        let same = disk.clone();
        let end = move || {
            writer.append_with(&[added(2)], Durability::Batched).unwrap();
            writer.sync().unwrap();
            same.kill(1);
        };
        (disk, Box::new(end))
    });
}

/// An overwrite in place changes no directory: the tables keep their rows, a verification finds the damage, and the
/// repair is noticed.
#[test]
fn overwritten_final_stream_is_found_by_a_verification_and_its_repair_is_noticed() {
    let disk = SimDisk::new(45);
    append_and_merge(&disk, "/s1", 1);
    append_and_merge(&disk, "/s2", 2);
    disk.advance(LONG);
    let open = on(disk.process(1));
    open.rebuild(Progress::none()).unwrap();
    let segment = segment_of(&disk, "/q/log");
    let mut bytes = disk.read(&segment).unwrap();
    let frame = bytes.windows(4).position(|bytes| bytes == b"CxF1").unwrap();
    bytes[frame + 50] ^= 1;
    disk.overwrite(&segment, bytes);
    disk.advance(LONG);
    assert_eq!(jobs(&open.view().unwrap()), [1, 2]);
    let verified = on(disk.process(2)).verify(&LogCheck::default()).unwrap();
    assert_eq!(verified.outcome(), Outcome::Damaged, "{verified:?}");
    let repairing = on(disk.process(3));
    let plan = repairing.repair_plan().unwrap();
    repairing.repair(&plan, Progress::none()).unwrap();
    for engine in [open, on(disk.process(4))] {
        let view = engine.view().unwrap();
        assert_eq!(jobs(&view).len(), 1);
        assert!(view.notes().iter().any(|note| matches!(note, Note::Gap(_))), "{:?}", view.notes());
    }
}
