//! Durability levels, syncs that several threads share, batches, and space reserved on a full disk.

use crate::domain::{PlainTables, Toy, Workspace, domain};
use contexta::engine::clock::AHEAD_MAX;
use contexta::engine::log::merge::{Change, MergeOptions, SkipReason, merge};
use contexta::engine::log::{BatchOptions, Durability, Log, LogOptions, ScanMode, Tail};
use contexta::engine::progress::Progress;
use contexta::engine::storage::os::OsStorage;
use contexta::engine::storage::sim::{Fault, Moment, SimProcess, Survival};
use contexta::engine::storage::{File, OpenMode, Storage};
use contexta::engine::{Engine, Error};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

fn tag(n: u32) -> Vec<Toy> {
    vec![Toy::Tag { key: n.to_le_bytes().to_vec() }]
}

/// The tags that a scan of all streams finds, as numbers.
fn tags(workspace: &Workspace) -> BTreeSet<u32> {
    let streams = workspace.streams().into_iter();
    let entries = streams.flat_map(|stream| workspace.scan(stream, ScanMode::Full).entries);
    let number = |payload: &[u8]| u32::from_le_bytes(*payload.last_chunk::<4>().unwrap());
    entries.map(|entry| number(&entry.payload)).collect()
}

#[test]
fn batch_is_written_at_its_size_at_its_age_and_before_higher_durability() {
    let workspace = Workspace::new(1, 1 << 20);
    let log = workspace.log(1);
    let mut seen = Vec::new();
    for n in 0..40 {
        let done = log.append(&tag(n), Durability::Batched).unwrap();
        assert_eq!(done.durability, Durability::Batched);
        // The sequence number of a batched entry is known at once.
        assert_eq!(done.first.seq.0, u64::from(n) + 1);
        seen.push(tags(&workspace).len());
    }
    assert_eq!(seen[0], 0, "written before the batch was full");
    assert!(*seen.last().unwrap() > 0, "never written by size");
    log.flush().unwrap();
    assert_eq!(tags(&workspace).len(), 40);
    log.append(&tag(40), Durability::Batched).unwrap();
    workspace.disk.advance(BatchOptions::default().age_max as i64);
    log.append(&tag(41), Durability::Batched).unwrap();
    assert_eq!(tags(&workspace).len(), 42, "not written by age");
    log.append(&tag(42), Durability::Batched).unwrap();
    log.append(&tag(43), Durability::Flush).unwrap();
    assert_eq!(tags(&workspace).len(), 44, "an append with a higher durability did not write the batch");
    log.append(&tag(44), Durability::Batched).unwrap();
    log.close().unwrap();
    assert_eq!(tags(&workspace).len(), 45);
    log.append(&tag(45), Durability::Batched).unwrap();
    drop(log);
    assert_eq!(tags(&workspace).len(), 46);
}

#[test]
fn kill_loses_only_batched_entries() {
    let workspace = Workspace::new(2, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    log.append(&tag(1), Durability::Batched).unwrap();
    workspace.kill(log);
    assert_eq!(tags(&workspace), BTreeSet::from([0]));
}

#[test]
fn batched_entries_keep_the_times_of_their_appends() {
    let workspace = Workspace::new(3, 1 << 20);
    let log = workspace.log(1);
    let first = log.append(&tag(0), Durability::Batched).unwrap().first;
    workspace.disk.advance(1_000);
    let second = log.append(&tag(1), Durability::Batched).unwrap().first;
    log.flush().unwrap();
    assert!(second.time - first.time >= 1_000);
    let scan = workspace.scan(first.stream, ScanMode::Full);
    assert_eq!(scan.frames.len(), 1, "the batch is not one frame");
    assert_eq!(scan.entries.iter().map(|e| e.stamp).collect::<Vec<_>>(), [first, second]);
}

#[test]
fn forked_child_does_not_write_stream_or_batch_of_its_parent() {
    let workspace = Workspace::new(4, 1 << 20);
    let (inner, id) = (workspace.disk.process(1), AtomicU32::new(1));
    let process = Arc::new(Forking { inner, id, files: Mutex::default() });
    let log = workspace.log_on(Arc::clone(&process) as Arc<dyn Storage>);
    let parents = log.append(&tag(0), Durability::Batched).unwrap().first.stream;
    process.id.store(2, Ordering::Relaxed);
    let childs = log.append(&tag(1), Durability::Flush).unwrap().first.stream;
    assert_ne!(parents, childs);
    drop(log);
    assert_eq!(tags(&workspace), BTreeSet::from([1]));
}

/// A forked child shares the open lock file with its parent. The child must not release the lock of the parent, and
/// must not use this lock as its own.
#[test]
fn forked_child_neither_releases_nor_uses_the_lock_of_its_parent() {
    let workspace = Workspace::new(32, 1 << 20);
    let (inner, id) = (workspace.disk.process(1), AtomicU32::new(1));
    let process = Arc::new(Forking { inner, id, files: Mutex::default() });
    let impatient = |storage: Arc<dyn Storage>| -> Engine<Toy> {
        let options = Engine::options("/engine").domain("toy", 1).storage(storage);
        options.transaction_wait(Duration::ZERO).open().unwrap()
    };
    let engine = impatient(Arc::clone(&process) as Arc<dyn Storage>);
    let other = impatient(workspace.disk.process(3));
    let nothing = |engine: &Engine<Toy>| engine.transact(|_, _| Ok::<(), Error>(()));
    for _ in 0..2 {
        nothing(&engine).unwrap();
        nothing(&other).unwrap();
    }
    let forked = engine.transact(|_, _| {
        process.id.store(2, Ordering::Relaxed);
        Ok::<(), Error>(())
    });
    assert_eq!(forked.unwrap_err().code(), "engine_misused");
    // The transaction of the parent has not ended.
    assert_eq!(nothing(&other).unwrap_err().code(), "transaction_busy");
    assert_eq!(nothing(&engine).unwrap_err().code(), "transaction_busy");
}

fn engine_on(storage: Arc<dyn Storage>) -> Engine<Toy> {
    Engine::options("/engine").domain("toy", 1).storage(storage).open().unwrap()
}

#[test]
fn forked_child_cannot_append_what_its_parent_judged() {
    let workspace = Workspace::new(31, 1 << 20);
    let (inner, id) = (workspace.disk.process(1), AtomicU32::new(1));
    let process = Arc::new(Forking { inner, id, files: Mutex::default() });
    let engine = engine_on(Arc::clone(&process) as Arc<dyn Storage>);
    let forked = engine.transact(|_, transaction| {
        tag(1).into_iter().for_each(|event| transaction.append(event));
        process.id.store(2, Ordering::Relaxed);
        Ok::<(), Error>(())
    });
    assert_eq!(forked.unwrap_err().code(), "engine_misused");
    assert_eq!(engine.heads().unwrap().heads, []);
}

#[test]
fn transaction_without_locks_is_refused() {
    let workspace = Workspace::new(32, 1 << 20);
    let lacking = Lacking { inner: workspace.disk.process(1), lacks: Lacks::Locks };
    let engine = engine_on(Arc::new(lacking));
    let error = engine.transact(|_, _| Ok::<(), Error>(())).unwrap_err();
    assert_eq!((error.code(), error.hint().is_some()), ("locks_unsupported", true));
}

#[test]
fn end_of_a_run_is_recorded_on_a_full_disk() {
    let workspace = Workspace::new(5, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    workspace.disk.set_free_bytes(Some(3_000));
    let mut n = 1;
    let error = loop {
        match log.append(&tag(n), Durability::Flush) {
            Ok(_) => n += 1,
            Err(e) => break e,
        }
    };
    assert_eq!(error.code(), "storage_full");
    let batched = log.append(&tag(n), Durability::Batched).unwrap_err();
    assert_eq!(batched.code(), "storage_full", "the full disk was not reported");
    for end in 0..8 {
        log.append_end(&tag(1_000 + end)).unwrap();
    }
    let head = log.close().unwrap().unwrap();
    assert_eq!(head.seq.0, u64::from(n) + 8);
    assert_eq!(workspace.scan(head.stream, ScanMode::Full).tail, contexta::engine::log::Tail::Closed);
    assert_eq!(tags(&workspace).len() as u32, n + 8);
}

#[test]
fn closed_stream_keeps_no_reserved_space() {
    let workspace = Workspace::new(6, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    let path = workspace.segments().pop().unwrap();
    let len = || workspace.disk.read(&path).unwrap().len();
    let live = len();
    log.close().unwrap();
    assert!(len() < live && len() < 5_000, "{} of {live}", len());
}

/// Several threads wait for the same sync while one operation fails: each of them receives the true result.
#[test]
fn threads_share_syncs_and_each_receives_a_failure() {
    for at in 0..60 {
        let workspace = Workspace::new(7, 1 << 20);
        let process = workspace.disk.spawn(1);
        process.plan(Moment::Operation(at), Fault::Error(std::io::ErrorKind::Other));
        let log = workspace.log_on(Arc::clone(&process) as Arc<dyn Storage>);
        let barrier = Barrier::new(4);
        let acked: Vec<u32> = std::thread::scope(|scope| {
            let spawn = |n: u32| {
                let (log, barrier) = (&log, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let numbers = (0..5).map(|m| n * 100 + m);
                    numbers.filter(|m| log.append(&tag(*m), Durability::Fsync).is_ok()).collect::<Vec<_>>()
                })
            };
            let threads: Vec<_> = (0..4).map(spawn).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        workspace.kill(log);
        workspace.disk.cut_power(at);
        let kept = tags(&workspace);
        assert!(acked.iter().all(|n| kept.contains(n)), "operation {at}: {acked:?} but {kept:?}");
        assert!(
            acked.len() >= 20 - 4 || !process.has_passed_plans(),
            "operation {at}: one failure, {} acked",
            acked.len()
        );
    }
}

#[test]
fn commits_of_many_threads_share_syncs() {
    let syncs = Arc::new(AtomicU32::new(0));
    let dir = std::env::temp_dir().join(format!("contexta-group-{}", std::process::id()));
    let log = Log::new(
        Arc::new(CountingSyncs { inner: OsStorage::shared(), syncs: Arc::clone(&syncs) }),
        dir.join("log"),
        LogOptions::new(domain()),
    );
    log.append(&tag(0), Durability::Fsync).unwrap();
    let before = syncs.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        for n in 0..16 {
            let log = &log;
            scope.spawn(move || {
                for m in 0..20 {
                    log.append(&tag(n * 50 + m), Durability::Fsync).unwrap();
                }
            });
        }
    });
    let used = syncs.load(Ordering::Relaxed) - before;
    drop(log);
    std::fs::remove_dir_all(dir).unwrap();
    assert!(used < 320, "{used} syncs for 320 commits: no sync was shared");
}

#[test]
fn unchanged_segment_is_not_synced_again() {
    let workspace = Workspace::new(47, 1 << 20);
    let syncs = Arc::new(AtomicU32::new(0));
    let inner = workspace.disk.process(1);
    let log = workspace.log_on(Arc::new(CountingSyncs { inner, syncs: Arc::clone(&syncs) }));
    let new_syncs = || syncs.swap(0, Ordering::Relaxed);
    log.append(&tag(0), Durability::Flush).unwrap();
    new_syncs();
    log.sync().unwrap();
    assert_eq!(new_syncs(), 1);
    log.sync().unwrap();
    assert_eq!(new_syncs(), 0);
    log.append(&tag(1), Durability::Fsync).unwrap();
    assert_eq!(new_syncs(), 1);
    log.sync().unwrap();
    assert_eq!(new_syncs(), 0);
    // One sync for the close mark and the new length of the file.
    log.close().unwrap();
    assert_eq!(new_syncs(), 1);
}

/// The batch thread holds the lock of the log from its start until it waits.
#[test]
fn batch_is_not_written_before_its_age() {
    let workspace = Workspace::new(48, 1 << 20);
    let storage =
        Arc::new(Observed { inner: workspace.disk.process(1), has_batch_thread: AtomicBool::new(false) });
    let batch = BatchOptions { age_max: u64::MAX, ..BatchOptions::default() };
    let options = LogOptions { batch, ..LogOptions::new(domain()) };
    let log = Log::new(Arc::clone(&storage) as Arc<dyn Storage>, workspace.log_dir(), options);
    log.append(&tag(0), Durability::Batched).unwrap();
    let begun = Instant::now();
    while !storage.has_batch_thread.load(Ordering::Relaxed) {
        assert!(begun.elapsed() < Duration::from_secs(60), "never started");
        std::thread::yield_now();
    }
    assert_eq!(log.head().unwrap().seq.0, 0);
    drop(log);
    assert_eq!(tags(&workspace), BTreeSet::from([0]));
}

#[test]
fn batch_is_written_at_its_age_without_another_append() {
    let dir = std::env::temp_dir().join(format!("contexta-age-{}", std::process::id()));
    let batch = BatchOptions { age_max: 1_000_000, ..BatchOptions::default() };
    let log =
        Log::new(OsStorage::shared(), dir.join("log"), LogOptions { batch, ..LogOptions::new(domain()) });
    let position = log.append(&tag(7), Durability::Batched).unwrap().position(0);
    let begun = Instant::now();
    while log.head().is_none_or(|head| head.seq < position.seq) {
        assert!(begun.elapsed() < Duration::from_secs(60), "never written");
        std::thread::yield_now();
    }
    drop(log);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn stream_with_clock_far_ahead_is_not_continued_and_slightly_ahead_is() {
    let workspace = Workspace::new(8, 1 << 20);
    let log = workspace.log(1);
    let first = log.append(&tag(0), Durability::Flush).unwrap().first;
    workspace.disk.advance(-3_600_000_000_000);
    let second = log.append(&tag(1), Durability::Flush).unwrap().first;
    assert!(second > first, "the clock of a stream ran backwards");
    drop(log);
    let log = workspace.log(2);
    let third = log.append(&tag(2), Durability::Flush).unwrap().first;
    assert_ne!(third.stream, first.stream, "the stream's clock is an hour ahead");
    drop(log);
    workspace.disk.advance(-(AHEAD_MAX as i64) / 2);
    let log = workspace.log(3);
    let fourth = log.append(&tag(3), Durability::Flush).unwrap().first;
    assert_eq!(fourth.stream, third.stream);
    assert!(fourth > third);
}

/// The change time of a file is as coarse as the clock tick of the kernel, and the length of the file is constant while
/// reserved space remains.
#[test]
fn append_in_the_clock_tick_of_the_last_read_is_seen_by_the_next_read() {
    let workspace = Workspace::new(9, 1 << 20);
    let log = workspace.log(1);
    let coarse = Arc::new(CoarseTimes { inner: workspace.disk.process(2) });
    let projector = workspace.projector_on(coarse, false);
    log.append(&tag(0), Durability::Flush).unwrap();
    projector.read(PlainTables::read).unwrap();
    log.append(&tag(1), Durability::Flush).unwrap();
    workspace.disk.advance(3_000_000_000);
    let seen = projector.read(PlainTables::read).unwrap();
    assert_eq!(seen.text(), workspace.plain_tables().text());
}

/// A writer continues after a failed sync. Other processes must not continue the stream, but the stream still has a
/// writer.
#[test]
fn merge_skips_stream_of_running_writer_after_failed_sync() {
    let workspace = Workspace::new(10, 5_000);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Fsync).unwrap();
    workspace.disk.set_failing_syncs(true);
    log.append(&tag(100), Durability::Fsync).unwrap_err();
    workspace.disk.set_failing_syncs(false);
    for n in 1..4 {
        log.append(&tag(n), Durability::Fsync).unwrap();
    }
    let backup = workspace.copy_to("/backup");
    log.append(&tag(4), Durability::Fsync).unwrap();
    // The faulty disk also loses another segment, which is to be restored from the backup.
    let path = workspace.segments().pop().unwrap();
    let frame = workspace.scan(workspace.streams()[0], ScanMode::Full).frames[3];
    workspace.flip(&path, (frame.bytes.0 as usize + 60) * 8);
    let quarantine = workspace.root.join("quarantine");
    let options = MergeOptions::new(domain(), &backup.log_dir(), &workspace.log_dir(), &quarantine);
    let report = merge(&workspace.disk.process(50), &options, Progress::none()).unwrap();
    log.append(&tag(5), Durability::Fsync).unwrap();
    log.append(&tag(6), Durability::Fsync).unwrap();
    assert_eq!(report.streams[0].change, Change::Skipped(SkipReason::Held));
    workspace.kill(log);
    merge(&workspace.disk.process(51), &options, Progress::none()).unwrap();
    let kept = tags(&workspace);
    assert!((0..7).all(|n| kept.contains(&n)), "{kept:?} after {report:?}");
}

/// The sequence number of a batched entry was returned to a caller and must not identify another entry.
#[test]
fn sequence_number_of_a_batched_entry_is_not_reused_after_a_kill() {
    let workspace = Workspace::new(11, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    let acked = log.append(&tag(1), Durability::Batched).unwrap().position(0);
    workspace.kill(log);
    let other = workspace.log(2).append(&tag(2), Durability::Fsync).unwrap().position(0);
    assert_ne!(acked, other, "one number with two entries");
}

/// The entries of a batch have sequence numbers when a sync fails, and the creation of the next segment fails too.
#[test]
fn batch_is_written_after_a_concurrent_sync_failed() {
    let workspace = Workspace::new(12, 1 << 20);
    let process = workspace.disk.spawn(1);
    let log = Arc::new(workspace.log_on(Arc::clone(&process) as Arc<dyn Storage>));
    log.append(&tag(0), Durability::Flush).unwrap();
    log.append(&tag(1), Durability::Flush).unwrap();
    let (other, disk) = (Arc::clone(&log), workspace.disk.clone());
    let meanwhile = move || {
        other.append(&tag(2), Durability::Batched).unwrap();
        disk.set_failing_syncs(true);
    };
    // Change 0 is the write of the frame, change 1 the sync.
    process.plan(Moment::Change(process.changes() + 1), Fault::Meanwhile(Box::new(meanwhile)));
    log.append(&tag(3), Durability::Fsync).unwrap_err();
    assert!(process.has_passed_plans());
    workspace.disk.set_failing_syncs(false);
    // The disk has recovered. A sync or close that reports success has written the batch.
    let flushed = log.flush();
    let _ = log.close();
    drop(log);
    assert!(tags(&workspace).contains(&2), "an acknowledged batch was lost: {flushed:?}");
}

/// Invariant 2 of `active.rs`: a segment with a failed sync is never synced again.
#[test]
fn segment_with_failed_sync_is_not_synced_again() {
    let workspace = Workspace::new(13, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    workspace.disk.set_failing_syncs(true);
    log.append(&tag(1), Durability::Fsync).unwrap_err();
    workspace.disk.set_failing_syncs(false);
    let _ = log.sync();
    assert_eq!(workspace.disk.syncs_after_failure(), 0);
}

/// A seal is written before the sync, a close mark after it; cursors treat either as proof that everything before it
/// is durable.
#[test]
fn seal_read_before_its_sync_does_not_prove_durability() {
    for (at, seed) in (0..40).flat_map(|at| (0..24).map(move |seed| (at, seed))) {
        let workspace = Workspace::new(14, 4_700);
        let writer = workspace.disk.spawn(1);
        let log = Arc::new(workspace.log_on(Arc::clone(&writer) as Arc<dyn Storage>));
        log.append(&tag(0), Durability::Fsync).unwrap();
        let stream = workspace.streams()[0];
        let mut n = 1;
        while workspace.scan(stream, ScanMode::Full).frames.last().unwrap().bytes.1 < 4_700 {
            log.append(&tag(n), Durability::Flush).unwrap();
            n += 1;
        }
        let (other, dies) = (Arc::clone(&log), Arc::clone(&writer));
        let rotates = move || {
            // Creation, header, two syncs, the seal; then the process is killed before the sync.
            dies.plan(Moment::Change(dies.changes() + 5), Fault::Kill);
            let _ = other.append(&tag(100), Durability::Flush);
        };
        let reader = workspace.disk.spawn(2);
        reader.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(rotates)));
        let projector = workspace.projector_on(Arc::clone(&reader) as Arc<dyn Storage>, true);
        projector.read(PlainTables::read).unwrap();
        drop(projector);
        drop(log);
        workspace.disk.crash(contexta::engine::storage::sim::Survival::Subset(seed));
        workspace.disk.advance(3_000_000_000);
        let seen = workspace.projector(3, false).read(PlainTables::read).unwrap();
        assert_eq!(seen.text(), workspace.plain_tables().text(), "operation {at}, survival {seed}");
    }
}

/// A process with planned faults, and a log that uses it.
fn faulty(workspace: &Workspace, id: u32) -> (Arc<SimProcess>, Arc<Log>) {
    let process = workspace.disk.spawn(id);
    let log = workspace.log_on(Arc::clone(&process) as Arc<dyn Storage>);
    (process, Arc::new(log))
}

/// Plans a fault for the `n`th change from now, counted from 0.
fn plan(process: &SimProcess, n: u64, fault: Fault) {
    process.plan(Moment::Change(process.changes() + n), fault);
}

fn other() -> Fault {
    Fault::Error(std::io::ErrorKind::Other)
}

/// The durable tags: those that remain after a power cut that keeps no unsynced change.
fn durable_tags(workspace: &Workspace) -> BTreeSet<u32> {
    let copy = Workspace { disk: workspace.disk.fork(), ..workspace.clone() };
    copy.disk.crash(Survival::Dropped);
    tags(&copy)
}

/// Appends until the next append starts another segment; returns the next tag.
fn fill_segment(workspace: &Workspace, log: &Log) -> u32 {
    for n in 0.. {
        log.append(&tag(n), Durability::Flush).unwrap();
        let scan = workspace.scan(workspace.streams()[0], ScanMode::Full);
        if scan.frames.last().unwrap().bytes.1 >= workspace.segment_bytes_max {
            return n + 1;
        }
    }
    unreachable!()
}

fn is_closed(workspace: &Workspace) -> bool {
    let stream = workspace.streams().pop().unwrap();
    workspace.scan(stream, ScanMode::Full).tail == Tail::Closed
}

#[test]
fn sync_covers_entries_appended_during_another_sync() {
    let workspace = Workspace::new(20, 1 << 20);
    let (process, log) = faulty(&workspace, 1);
    log.append(&tag(0), Durability::Fsync).unwrap();
    let same = Arc::clone(&log);
    let appends = move || {
        same.append(&tag(1), Durability::Flush).unwrap();
    };
    // Change 0 is the write of the frame, change 1 the sync.
    plan(&process, 1, Fault::Afterwards(Box::new(appends)));
    log.append(&tag(2), Durability::Fsync).unwrap();
    assert!(process.has_passed_plans());
    log.sync().unwrap();
    assert_eq!(durable_tags(&workspace), BTreeSet::from([0, 1, 2]));
}

/// A commit is written after the sync of another thread took effect and before this sync returns. The commit waits for
/// another sync.
#[test]
fn commit_written_during_a_sync_is_not_acknowledged_by_that_sync() {
    let workspace = Workspace::new(43, 1 << 20);
    let (process, log) = faulty(&workspace, 1);
    log.append(&tag(0), Durability::Fsync).unwrap();
    let (thread, disk) = (Arc::new(Mutex::new(None)), workspace.disk.clone());
    let (starts, same) = (Arc::clone(&thread), Arc::clone(&log));
    let (seen, acknowledged) = (workspace.clone(), Arc::new(Mutex::new(None)));
    let tells = Arc::clone(&acknowledged);
    let appends = move || {
        let writes = disk.write_count();
        let append = move || {
            same.append(&tag(1), Durability::Fsync).unwrap();
            *tells.lock().unwrap() = Some(durable_tags(&seen));
        };
        *starts.lock().unwrap() = Some(std::thread::spawn(append));
        while disk.write_count() == writes {
            std::thread::yield_now();
        }
    };
    plan(&process, 1, Fault::Afterwards(Box::new(appends)));
    log.append(&tag(2), Durability::Fsync).unwrap();
    thread.lock().unwrap().take().unwrap().join().unwrap();
    assert_eq!(*acknowledged.lock().unwrap(), Some(BTreeSet::from([0, 1, 2])));
}

#[test]
fn space_is_reserved_again_after_a_failed_write_is_undone() {
    let workspace = Workspace::new(44, 1 << 20);
    let (process, log) = faulty(&workspace, 1);
    log.append(&tag(0), Durability::Flush).unwrap();
    plan(&process, 0, other());
    log.append(&tag(1), Durability::Flush).unwrap_err();
    log.append(&tag(2), Durability::Flush).unwrap();
    workspace.disk.set_free_bytes(Some(0));
    log.append_end(&tag(3)).unwrap();
    assert_eq!(tags(&workspace), BTreeSet::from([0, 2, 3]));
}

#[test]
fn close_mark_is_visible_only_once_everything_before_it_is_durable() {
    for at in 0..8 {
        let workspace = Workspace::new(21, 1 << 20);
        let (process, log) = faulty(&workspace, 1);
        log.append(&tag(0), Durability::Fsync).unwrap();
        log.append(&tag(1), Durability::Flush).unwrap();
        let seen = workspace.clone();
        let check = move || assert!(!is_closed(&seen) || durable_tags(&seen).len() == 2, "change {at}");
        plan(&process, at, Fault::Afterwards(Box::new(check)));
        log.close().unwrap();
        assert!(is_closed(&workspace));
    }
}

#[test]
fn stream_with_a_failed_sync_gets_no_close_mark() {
    let workspace = Workspace::new(22, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    workspace.disk.set_failing_syncs(true);
    log.append(&tag(1), Durability::Fsync).unwrap_err();
    workspace.disk.set_failing_syncs(false);
    log.append(&tag(2), Durability::Fsync).unwrap();
    assert_eq!(log.close().unwrap_err().code(), "storage_io", "the failure was not reported again");
    assert!(!is_closed(&workspace));
    workspace.log(2).append(&tag(3), Durability::Fsync).unwrap();
    assert_eq!(workspace.streams().len(), 2, "a stream with a failed sync was continued");
}

#[test]
fn stream_with_failed_sync_at_close_is_not_continued() {
    let workspace = Workspace::new(23, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    workspace.disk.set_failing_syncs(true);
    log.close().unwrap_err();
    workspace.disk.set_failing_syncs(false);
    assert!(!is_closed(&workspace));
    workspace.log(2).append(&tag(1), Durability::Fsync).unwrap();
    assert_eq!(workspace.streams().len(), 2);
}

/// All bytes of the frame are written, the write returns an error, and the file cannot be truncated.
#[test]
fn frame_written_completely_by_a_failed_write_is_not_in_the_log() {
    let workspace = Workspace::new(24, 1 << 20);
    let (process, log) = faulty(&workspace, 1);
    log.append(&tag(0), Durability::Flush).unwrap();
    plan(&process, 0, Fault::ErrorAfter(std::io::ErrorKind::Other));
    // The truncation fails, and fails again in the next append.
    plan(&process, 1, other());
    plan(&process, 2, other());
    log.append(&tag(1), Durability::Flush).unwrap_err();
    let done = log.append(&tag(2), Durability::Flush).unwrap();
    assert!(process.has_passed_plans());
    assert_eq!((done.first.seq.0, workspace.segments().len()), (2, 2));
    let old = workspace.disk.read(&workspace.segments()[0]).unwrap();
    let whole_frames = old.windows(4).filter(|bytes| *bytes == b"CxF1").count();
    assert_eq!(whole_frames, 1, "the bytes of the failed frame are not readable");
    assert_eq!(tags(&workspace), BTreeSet::from([0, 2]));
    // The sync covers entries that were flushed before the failure, although they are in the previous segment.
    log.sync().unwrap();
    assert_eq!(durable_tags(&workspace), BTreeSet::from([0, 2]));
}

#[test]
fn events_of_a_failed_append_are_not_written_by_the_next_one() {
    for fault in [other(), Fault::ErrorAfter(std::io::ErrorKind::Other)] {
        let workspace = Workspace::new(25, 1 << 20);
        let (process, log) = faulty(&workspace, 1);
        log.append(&tag(0), Durability::Flush).unwrap();
        plan(&process, 0, fault);
        log.append(&tag(1), Durability::Flush).unwrap_err();
        assert_eq!(tags(&workspace), BTreeSet::from([0]));
        assert_eq!(log.append(&tag(2), Durability::Flush).unwrap().first.seq.0, 2);
        assert_eq!(tags(&workspace), BTreeSet::from([0, 2]));
    }
}

/// The process is killed in a rotation: the next segment exists, and the previous one is not synced.
#[test]
fn continued_stream_is_completely_durable_after_close() {
    for at in [4, 5] {
        let workspace = Workspace::new(26, 4_700);
        let (process, log) = faulty(&workspace, 1);
        let n = fill_segment(&workspace, &log);
        // Creation, header, two syncs, the seal, the sync.
        plan(&process, at, Fault::Kill);
        log.append(&tag(n), Durability::Flush).unwrap_err();
        assert!(!process.is_alive() && workspace.segments().len() == 2);
        drop(log);
        let last = workspace.entries().into_values().map(|entry| entry.stamp.time).max().unwrap();
        // The new segment has no entry yet, and the clock is behind the stream.
        workspace.disk.advance(-(AHEAD_MAX as i64) / 2);
        let next = workspace.log(2);
        let done = next.append(&tag(1_000), Durability::Fsync).unwrap();
        assert!(done.first.time > last, "the clock of the stream ran backwards");
        next.close().unwrap();
        assert_eq!(workspace.streams().len(), 1, "not continued");
        let expected: BTreeSet<u32> = (0..n).chain([1_000]).collect();
        assert_eq!(durable_tags(&workspace), expected, "killed at change {at} of the rotation");
    }
}

/// The first append of the process that continues a stream fails, and the process closes the stream. Entries of the
/// previous process, which may not be synced, are durable before the close mark is written.
#[test]
fn claimed_stream_without_appends_is_synced_before_its_close_mark() {
    for at in 4..9 {
        let workspace = Workspace::new(27, 1 << 20);
        let log = workspace.log(1);
        log.append(&tag(0), Durability::Fsync).unwrap();
        log.append(&tag(1), Durability::Flush).unwrap();
        workspace.kill(log);
        let (process, log) = faulty(&workspace, 2);
        let seen = workspace.clone();
        let check = move || assert!(!is_closed(&seen) || durable_tags(&seen).len() == 2, "change {at}");
        // Three directories are synced first, then the frame is written.
        plan(&process, 3, other());
        plan(&process, at, Fault::Afterwards(Box::new(check)));
        log.append(&tag(2), Durability::Flush).unwrap_err();
        log.close().unwrap();
        assert!(is_closed(&workspace));
        assert_eq!(durable_tags(&workspace), BTreeSet::from([0, 1]));
    }
}

#[test]
fn claimed_closed_stream_without_appends_gets_no_second_close_mark() {
    let workspace = Workspace::new(28, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Fsync).unwrap();
    log.close().unwrap();
    let path = workspace.segments().pop().unwrap();
    let before = workspace.disk.read(&path).unwrap();
    let (process, log) = faulty(&workspace, 2);
    // Three directories are synced first, then space is reserved twice: a whole step, and only the required bytes.
    plan(&process, 3, other());
    plan(&process, 4, other());
    log.append(&tag(2), Durability::Flush).unwrap_err();
    log.close().unwrap();
    drop(log);
    assert!(workspace.disk.read(&path).unwrap() == before, "the segment has changed");
}

/// The holder of a stream assigns sequence numbers to batched entries and is killed after another process has opened
/// the lock file and before that process locks it.
#[test]
fn stream_with_lock_file_renamed_before_locking_is_not_continued() {
    for at in 0..12 {
        let workspace = Workspace::new(29, 1 << 20);
        let holder = Arc::new(workspace.log(1));
        holder.append(&tag(0), Durability::Flush).unwrap();
        let (acked, disk) = (Arc::new(Mutex::new(None)), workspace.disk.clone());
        let (tells, holds) = (Arc::clone(&acked), Arc::clone(&holder));
        let batches = move || {
            *tells.lock().unwrap() = holds.append(&tag(1), Durability::Batched).ok();
            disk.kill(1);
        };
        let (process, log) = faulty(&workspace, 2);
        process.plan(Moment::Operation(at), Fault::Afterwards(Box::new(batches)));
        let own = log.append(&tag(2), Durability::Flush).unwrap();
        if let Some(acked) = *acked.lock().unwrap() {
            assert_ne!(own.position(0), acked.position(0), "operation {at}: one number with two entries");
        }
    }
}

#[test]
fn stream_with_failed_rename_of_lock_file_is_not_continued_by_the_same_process() {
    let workspace = Workspace::new(30, 1 << 20);
    let (process, log) = faulty(&workspace, 1);
    let first = log.append(&tag(0), Durability::Flush).unwrap().first.stream;
    // The write of the frame, its sync, the rename of the lock file.
    plan(&process, 1, other());
    plan(&process, 2, other());
    log.append(&tag(1), Durability::Fsync).unwrap_err();
    assert!(process.has_passed_plans());
    log.close().unwrap_err();
    assert_ne!(log.append(&tag(2), Durability::Flush).unwrap().first.stream, first);
}

#[test]
fn stream_without_its_last_segment_is_not_continued() {
    let workspace = Workspace::new(31, 4_700);
    let log = workspace.log(1);
    let mut n = 0;
    while workspace.segments().len() < 2 {
        log.append(&tag(n), Durability::Flush).unwrap();
        n += 1;
    }
    let (first, last) = (workspace.streams()[0], workspace.segments().pop().unwrap());
    log.close().unwrap();
    workspace.disk.remove_tree(&last);
    // The segment would have space, because this process uses larger segments.
    let next = Workspace { segment_bytes_max: 1 << 20, ..workspace.clone() }.log(2);
    assert_ne!(next.append(&tag(n), Durability::Flush).unwrap().first.stream, first);
}

#[test]
fn stream_that_ends_with_a_partial_frame_is_not_continued() {
    let workspace = Workspace::new(45, 1 << 20);
    let (process, log) = faulty(&workspace, 1);
    log.append(&tag(0), Durability::Flush).unwrap();
    plan(&process, 0, Fault::Kill);
    log.append(&tag(1), Durability::Flush).unwrap_err();
    drop(log);
    workspace.log(2).append(&tag(2), Durability::Flush).unwrap();
    assert_eq!(workspace.streams().len(), 2);
    assert_eq!(tags(&workspace), BTreeSet::from([0, 2]));
}

#[test]
fn segment_of_exactly_the_maximum_size_is_full() {
    let measure = Workspace::new(32, 1 << 20);
    measure.log(1).append(&tag(0), Durability::Flush).unwrap();
    let frame = measure.scan(measure.streams()[0], ScanMode::Full).frames[0];
    let end = frame.bytes.1;
    for (more, segments) in [(0, 2), (1, 1)] {
        let workspace = Workspace::new(32, end + more);
        let log = workspace.log(1);
        log.append(&tag(0), Durability::Flush).unwrap();
        log.append(&tag(1), Durability::Flush).unwrap();
        assert_eq!(workspace.segments().len(), segments, "{more} bytes more");
        // A stream with a full last segment is not continued.
        let workspace = Workspace::new(33, end + more);
        workspace.kill({
            let log = workspace.log(1);
            log.append(&tag(0), Durability::Flush).unwrap();
            log
        });
        workspace.log(2).append(&tag(1), Durability::Flush).unwrap();
        assert_eq!(workspace.streams().len(), segments, "{more} bytes more, continued");
    }
}

/// The digest of a seal covers the bytes of both processes.
#[test]
fn seal_covers_a_large_segment_continued_by_another_process() {
    let workspace = Workspace::new(46, 700_000);
    let event = |n: u32| [Toy::Tag { key: [vec![b't'; 5_000], n.to_le_bytes().to_vec()].concat() }];
    let log = workspace.log(1);
    for n in 0..60 {
        log.append(&event(n), Durability::Flush).unwrap();
    }
    workspace.kill(log);
    let log = workspace.log(2);
    for n in 60.. {
        log.append(&event(n), Durability::Flush).unwrap();
        if workspace.segments().len() == 2 {
            break;
        }
    }
    log.close().unwrap();
    assert_eq!(workspace.streams().len(), 1);
    let scan = workspace.scan(workspace.streams()[0], ScanMode::Full);
    assert!(scan.is_clean(), "{:?}", scan.findings);
    assert!(scan.entries.len() > 120);
}

/// The digest of a seal is computed from the file. If the file cannot be read, the segment gets no seal, and nothing is
/// lost.
#[test]
fn segment_that_cannot_be_read_at_its_end_gets_no_seal() {
    let mut sealed = [0; 2];
    for at in 0.. {
        let workspace = Workspace::new(47, 4_700);
        let (process, log) = faulty(&workspace, 1);
        let n = fill_segment(&workspace, &log);
        let stream = workspace.streams()[0];
        let end = workspace.scan(stream, ScanMode::Full).frames.last().unwrap().bytes.1;
        let path = workspace.segments().pop().unwrap();
        process.plan(Moment::Operation(process.operations() + at), other());
        let appended = log.append(&tag(n), Durability::Flush).is_ok();
        if !process.has_passed_plans() {
            break;
        }
        let _ = log.close();
        drop(log);
        let kept = tags(&workspace);
        assert!((0..n).all(|n| kept.contains(&n)) && (!appended || kept.contains(&n)), "{at}: {kept:?}");
        let scan = workspace.scan(stream, ScanMode::Full);
        assert!(scan.is_clean(), "{at}: {:?}", scan.findings);
        if appended && workspace.segments().len() == 2 {
            let is_sealed = workspace.disk.read(&path).unwrap()[end as usize..].iter().any(|b| *b != 0);
            sealed[usize::from(is_sealed)] += 1;
        }
    }
    let [without, with] = sealed;
    assert!(without > 0 && with > 0, "{sealed:?}");
}

/// The creation of the next segment fails: another process may have seen it and mapped the previous one.
#[test]
fn segment_that_may_be_mapped_is_never_truncated() {
    for (at, close_fails) in (1..5).flat_map(|at| [(at, false), (at, true)]) {
        let workspace = Workspace::new(34, 4_700);
        let (process, log) = faulty(&workspace, 1);
        let n = fill_segment(&workspace, &log);
        let path = workspace.segments().pop().unwrap();
        let len = || workspace.disk.read(&path).unwrap().len();
        let before = len();
        plan(&process, 0, other());
        plan(&process, at, Fault::ErrorAfter(std::io::ErrorKind::Other));
        let first = log.append(&tag(n), Durability::Flush).is_ok();
        assert!(len() >= before, "truncated after the write at change {at} failed");
        if close_fails {
            plan(&process, 0, other());
        }
        let _ = log.close();
        drop(log);
        assert!(len() >= before, "truncated by the close, change {at}");
        let kept = tags(&workspace);
        assert!((0..n).all(|n| kept.contains(&n)) && (!first || kept.contains(&n)), "change {at}: {kept:?}");
    }
}

#[test]
fn repeated_appends_to_a_full_disk_leave_one_stream_folder() {
    let workspace = Workspace::new(35, 1 << 20);
    workspace.disk.set_free_bytes(Some(1_000));
    let log = workspace.log(1);
    for n in 0..5 {
        assert_eq!(log.append(&tag(n), Durability::Flush).unwrap_err().code(), "storage_full");
    }
    assert_eq!(workspace.streams().len(), 1);
    workspace.disk.set_free_bytes(None);
    log.append(&tag(9), Durability::Flush).unwrap();
    assert_eq!(workspace.streams().len(), 1);
}

#[test]
fn batch_that_would_exceed_a_frame_is_written_before_the_next_append() {
    let workspace = Workspace::new(36, 1 << 30);
    let batch = BatchOptions { bytes_max: usize::MAX, age_max: u64::MAX, in_background: false };
    let options = LogOptions { segment_bytes_max: 1 << 30, batch, ..LogOptions::new(domain()) };
    let log = Log::new(workspace.disk.process(1), workspace.log_dir(), options);
    for n in 0..5u8 {
        let key = [vec![n; 4_000_000], u32::from(n).to_le_bytes().to_vec()].concat();
        log.append(&[Toy::Tag { key }], Durability::Batched).unwrap();
    }
    log.flush().unwrap();
    let scan = workspace.scan(workspace.streams()[0], ScanMode::Full);
    assert_eq!((scan.entries.len(), scan.frames.len()), (5, 2));
    assert!(scan.is_clean());
}

#[test]
fn batch_of_exactly_the_maximum_size_is_written() {
    for (len, written) in [(197, false), (198, true)] {
        let workspace = Workspace::new(42, 1 << 20);
        // The event is two bytes larger in the log; a batch has 200 entries.
        let event = Toy::Tag { key: vec![1; len] };
        workspace.log(1).append(std::slice::from_ref(&event), Durability::Flush).unwrap();
        let log = workspace.log(2);
        log.append(&[event], Durability::Batched).unwrap();
        let entries = workspace.entries();
        assert_eq!(entries.values().next().unwrap().payload.len(), len + 2);
        assert_eq!(entries.len() == 2, written, "{len} bytes");
    }
}

#[test]
fn age_of_a_batch_counts_from_its_first_entry() {
    let workspace = Workspace::new(37, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Batched).unwrap();
    log.flush().unwrap();
    workspace.disk.advance(BatchOptions::default().age_max as i64);
    log.append(&tag(1), Durability::Batched).unwrap();
    log.append(&tag(2), Durability::Batched).unwrap();
    assert_eq!(tags(&workspace).len(), 1, "written before its age was reached");
    workspace.disk.advance(BatchOptions::default().age_max as i64);
    log.append(&tag(3), Durability::Batched).unwrap();
    assert_eq!(tags(&workspace).len(), 4);
}

#[test]
fn stream_with_batch_is_continued_only_after_a_close_with_mark() {
    for (fails, streams) in [(false, 1), (true, 2)] {
        let workspace = Workspace::new(38, 1 << 20);
        let (process, log) = faulty(&workspace, 1);
        log.append(&tag(0), Durability::Flush).unwrap();
        log.append(&tag(1), Durability::Batched).unwrap();
        if fails {
            // The frame of the batch, the sync, the mark.
            plan(&process, 2, other());
            log.close().unwrap_err();
        } else {
            log.close().unwrap();
        }
        drop(log);
        workspace.log(2).append(&tag(2), Durability::Flush).unwrap();
        assert_eq!(workspace.streams().len(), streams);
        assert_eq!(tags(&workspace), BTreeSet::from([0, 1, 2]));
    }
}

#[test]
fn failed_sync_is_reported_once_by_the_next_sync() {
    let workspace = Workspace::new(39, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    workspace.disk.set_failing_syncs(true);
    log.append(&tag(1), Durability::Fsync).unwrap_err();
    workspace.disk.set_failing_syncs(false);
    assert_eq!(log.sync().unwrap_err().code(), "storage_io");
    log.sync().unwrap();
    log.append(&tag(2), Durability::Flush).unwrap();
    log.sync().unwrap();
    assert!(durable_tags(&workspace).contains(&2));
}

#[test]
fn empty_append_and_oversized_event_have_distinct_errors() {
    let workspace = Workspace::new(40, 1 << 20);
    let log = workspace.log(1);
    for durability in [Durability::Batched, Durability::Fsync] {
        assert_eq!(log.append::<Toy>(&[], durability).unwrap_err().code(), "commit_empty");
        let large = [Toy::Tag { key: vec![1; 5_000_000] }];
        let error = log.append(&large, durability).unwrap_err();
        assert_eq!(error.code(), "entry_too_large");
        let text = error.to_string();
        assert!(["kind 2", "5000006 bytes", "4194304"].iter().all(|part| text.contains(part)), "{text}");
        assert!(error.hint().unwrap().contains("body"));
        let many = vec![Toy::Tag { key: vec![1; 4_000_000] }; 5];
        assert_eq!(log.append(&many, durability).unwrap_err().code(), "commit_too_large");
    }
    assert!(workspace.streams().is_empty(), "a rejected append created a stream");
}

/// Sixteen threads append with every durability while the process is killed at one of its operations.
#[test]
fn kill_loses_no_acknowledged_entry_of_sixteen_threads() {
    for at in (0..400).step_by(9) {
        let workspace = Workspace::new(41, 6_000);
        let (process, log) = faulty(&workspace, 1);
        process.plan(Moment::Operation(at), Fault::Kill);
        let barrier = Barrier::new(16);
        let promised: Vec<(u32, Durability)> = std::thread::scope(|scope| {
            let spawn = |n: u32| {
                let (log, barrier) = (&log, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let levels = [Durability::Flush, Durability::Fsync, Durability::Batched];
                    let tried = (0..6).map(|m| (n * 100 + m, levels[((n + m) % 3) as usize]));
                    tried.filter(|(m, d)| log.append(&tag(*m), *d).is_ok()).collect::<Vec<_>>()
                })
            };
            let threads: Vec<_> = (0..16).map(spawn).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let closed = log.close();
        drop(log);
        let alive = process.is_alive();
        if alive {
            closed.unwrap();
        }
        let scans = workspace.streams().into_iter().map(|s| workspace.scan(s, ScanMode::Full));
        let found: Vec<_> = scans.flat_map(|scan| scan.entries).map(|e| e.payload).collect();
        let kept = tags(&workspace);
        assert_eq!(found.len(), kept.len(), "operation {at}: an entry is duplicated");
        let must = |d: &Durability| alive || *d > Durability::Batched;
        assert!(promised.iter().all(|(n, d)| !must(d) || kept.contains(n)), "operation {at}");
        let durable = durable_tags(&workspace);
        let must = |d: &Durability| alive || *d == Durability::Fsync;
        assert!(promised.iter().all(|(n, d)| !must(d) || durable.contains(n)), "operation {at}: power cut");
    }
}

/// Without locks or a boot id, a writer cannot know whether a stream is in use, so every writer starts a stream of its
/// own.
#[test]
fn every_writer_starts_a_stream_without_locks_or_boot_ids() {
    for lacks in [Lacks::Locks, Lacks::BootId] {
        let workspace = Workspace::new(14, 1 << 20);
        for n in 0..4 {
            let inner = workspace.disk.process(n);
            let log = workspace.log_on(Arc::new(Lacking { inner, lacks }));
            log.append(&tag(n), Durability::Fsync).unwrap();
            log.append(&tag(10 + n), Durability::Batched).unwrap();
            log.close().unwrap();
        }
        assert_eq!(workspace.streams().len(), 4, "{lacks:?}");
        assert_eq!(tags(&workspace), BTreeSet::from([0, 1, 2, 3, 10, 11, 12, 13]), "{lacks:?}");
        let projector = workspace.projector(9, true);
        assert_eq!(projector.read(PlainTables::read).unwrap(), workspace.plain_tables());
    }
}

/// Without preallocation each write extends the file.
#[test]
fn log_is_written_without_preallocation() {
    let workspace = Workspace::new(49, 5_000);
    let inner = workspace.disk.process(1);
    let log = workspace.log_on(Arc::new(Lacking { inner, lacks: Lacks::Preallocation }));
    for n in 0..20 {
        log.append(&tag(n), Durability::Flush).unwrap();
        let scan = workspace.scan(workspace.streams()[0], ScanMode::Full);
        let len = workspace.disk.read(workspace.segments().last().unwrap()).unwrap().len();
        assert_eq!(len as u64, scan.frames.last().unwrap().bytes.1, "bytes after the last frame");
    }
    log.close().unwrap();
    assert!(workspace.segments().len() > 1 && is_closed(&workspace));
    assert_eq!(tags(&workspace), (0..20).collect());
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lacks {
    Locks,
    BootId,
    Preallocation,
}

/// A storage without some features of the operating system.
#[derive(Debug)]
struct Lacking {
    inner: Arc<dyn Storage>,
    lacks: Lacks,
}

impl Lacking {
    fn file(&self, inner: Arc<dyn File>) -> std::io::Result<Arc<dyn File>> {
        Ok(Arc::new(CountedFile { inner, syncs: Arc::default(), lacks: Some(self.lacks) }))
    }
}

/// A process that changes its id, like a child after fork(2). Its files remain open in the parent.
#[derive(Debug)]
struct Forking {
    inner: Arc<dyn Storage>,
    id: AtomicU32,
    files: Mutex<Vec<Arc<dyn File>>>,
}

impl Forking {
    fn keep(&self, file: Arc<dyn File>) -> std::io::Result<Arc<dyn File>> {
        self.files.lock().unwrap().push(Arc::clone(&file));
        Ok(file)
    }
}

/// Change times in ticks of 4 ms, as the kernel records them.
#[derive(Debug)]
struct CoarseTimes {
    inner: Arc<dyn Storage>,
}

/// A storage that records whether the batch thread of a log has started. A thread asks for the id of its process
/// whenever it locks the log.
#[derive(Debug)]
struct Observed {
    inner: Arc<dyn Storage>,
    has_batch_thread: AtomicBool,
}

impl Observed {
    fn process_id(&self) -> u32 {
        if std::thread::current().name() == Some("contexta-batch") {
            self.has_batch_thread.store(true, Ordering::Relaxed);
        }
        self.inner.process_id()
    }
}

/// A storage with a counter for syncs of files.
#[derive(Debug)]
struct CountingSyncs {
    inner: Arc<dyn Storage>,
    syncs: Arc<AtomicU32>,
}

#[derive(Debug)]
struct CountedFile {
    inner: Arc<dyn File>,
    syncs: Arc<AtomicU32>,
    lacks: Option<Lacks>,
}

impl CountedFile {
    fn has(&self, feature: Lacks) -> std::io::Result<()> {
        if self.lacks == Some(feature) { Err(std::io::ErrorKind::Unsupported.into()) } else { Ok(()) }
    }
}

impl File for CountedFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read_at(offset, out)
    }
    fn write_at(&self, offset: u64, data: &[u8]) -> std::io::Result<usize> {
        self.inner.write_at(offset, data)
    }
    fn len(&self) -> std::io::Result<u64> {
        self.inner.len()
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.inner.set_len(len)
    }
    fn allocate(&self, len: u64) -> std::io::Result<()> {
        self.has(Lacks::Preallocation)?;
        self.inner.allocate(len)
    }
    fn sync(&self) -> std::io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.inner.sync()
    }
    fn try_lock(&self) -> std::io::Result<bool> {
        self.has(Lacks::Locks)?;
        self.inner.try_lock()
    }
    fn is_locked(&self) -> std::io::Result<bool> {
        self.has(Lacks::Locks)?;
        self.inner.is_locked()
    }
    fn map(&self) -> Option<Arc<dyn contexta::engine::storage::Mapping>> {
        self.inner.map()
    }
}

/// All operations except opening files and the process id are delegated to `inner`.
macro_rules! delegate_storage {
    ($type:ty, $open:expr, $process:expr) => {
        delegate_storage!($type, $open, $process, |modified: u64| modified);
    };
    ($type:ty, $open:expr, $process:expr, $modified:expr) => {
        delegate_storage!($type, $open, $process, $modified, |s: &$type| s.inner.boot_id());
    };
    ($type:ty, $open:expr, $process:expr, $modified:expr, $boot:expr) => {
        impl Storage for $type {
            fn open(&self, path: &std::path::Path, mode: OpenMode) -> std::io::Result<Arc<dyn File>> {
                $open(self, self.inner.open(path, mode)?)
            }
            fn create_dir_all(&self, path: &std::path::Path) -> std::io::Result<()> {
                self.inner.create_dir_all(path)
            }
            fn sync_dir(&self, path: &std::path::Path) -> std::io::Result<()> {
                self.inner.sync_dir(path)
            }
            fn rename(&self, from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
                self.inner.rename(from, to)
            }
            fn remove_file(&self, path: &std::path::Path) -> std::io::Result<()> {
                self.inner.remove_file(path)
            }
            fn list(
                &self,
                path: &std::path::Path,
            ) -> std::io::Result<Vec<contexta::engine::storage::DirEntry>> {
                self.inner.list(path)
            }
            fn resolve(&self, path: &std::path::Path) -> std::io::Result<std::path::PathBuf> {
                self.inner.resolve(path)
            }
            fn info(&self, path: &std::path::Path) -> std::io::Result<contexta::engine::storage::FileInfo> {
                let info = self.inner.info(path)?;
                Ok(contexta::engine::storage::FileInfo { modified: $modified(info.modified), ..info })
            }
            fn now(&self) -> u64 {
                self.inner.now()
            }
            fn sleep(&self, time: std::time::Duration) {
                self.inner.sleep(time)
            }

            fn entropy(&self, out: &mut [u8]) -> std::io::Result<()> {
                self.inner.entropy(out)
            }
            fn process_id(&self) -> u32 {
                $process(self)
            }
            fn boot_id(&self) -> Option<[u8; 16]> {
                $boot(self)
            }
        }
    };
}

delegate_storage!(
    Lacking,
    Lacking::file,
    |s: &Lacking| s.inner.process_id(),
    |modified: u64| modified,
    |s: &Lacking| s.inner.boot_id().filter(|_| s.lacks != Lacks::BootId)
);
delegate_storage!(Observed, |_: &Observed, file| Ok(file), Observed::process_id);
delegate_storage!(Forking, Forking::keep, |s: &Forking| s.id.load(Ordering::Relaxed));
delegate_storage!(
    CountingSyncs,
    |s: &CountingSyncs, inner| Ok(
        Arc::new(CountedFile { inner, syncs: Arc::clone(&s.syncs), lacks: None }) as Arc<dyn File>
    ),
    |s: &CountingSyncs| s.inner.process_id()
);
delegate_storage!(
    CoarseTimes,
    |_: &CoarseTimes, file| Ok(file),
    |s: &CoarseTimes| s.inner.process_id(),
    |modified: u64| modified - modified % 4_000_000
);
