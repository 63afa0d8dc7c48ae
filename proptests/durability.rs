//! What each durability promises, what threads share, and what is kept back on a full disk.

use crate::domain::{PlainTables, Toy, Workspace, domain};
use contexta::engine::clock::AHEAD_MAX;
use contexta::engine::log::merge::{Change, MergeOptions, SkipReason, merge};
use contexta::engine::log::{BatchOptions, Durability, Log, LogOptions, ScanMode};
use contexta::engine::storage::os::OsStorage;
use contexta::engine::storage::sim::{Fault, Moment};
use contexta::engine::storage::{File, OpenMode, Storage};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

fn tag(n: u32) -> Vec<Toy> {
    vec![Toy::Tag { key: n.to_le_bytes().to_vec() }]
}

/// The tags that a scan of all streams finds, by number.
fn tags(workspace: &Workspace) -> BTreeSet<u32> {
    let streams = workspace.streams().into_iter();
    let entries = streams.flat_map(|stream| workspace.scan(stream, ScanMode::Full).entries);
    let number = |payload: &[u8]| u32::from_le_bytes(*payload.last_chunk::<4>().unwrap());
    entries.map(|entry| number(&entry.payload)).collect()
}

#[test]
fn batched_entries_are_handed_over_by_size_by_age_and_by_whatever_promises_more() {
    let workspace = Workspace::new(1, 1 << 20);
    let log = workspace.log(1);
    let mut seen = Vec::new();
    for n in 0..40 {
        let done = log.append(&tag(n), Durability::Batched).unwrap();
        assert_eq!(done.durability, Durability::Batched);
        // Its number is certain at once.
        assert_eq!(done.first.seq.0, u64::from(n) + 1);
        seen.push(tags(&workspace).len());
    }
    assert_eq!(seen[0], 0, "handed over alone");
    assert!(*seen.last().unwrap() > 0, "never handed over by size");
    log.flush().unwrap();
    assert_eq!(tags(&workspace).len(), 40);
    log.append(&tag(40), Durability::Batched).unwrap();
    workspace.disk.advance(BatchOptions::default().age_max as i64);
    log.append(&tag(41), Durability::Batched).unwrap();
    assert_eq!(tags(&workspace).len(), 42, "not handed over by age");
    log.append(&tag(42), Durability::Batched).unwrap();
    log.append(&tag(43), Durability::Flush).unwrap();
    assert_eq!(tags(&workspace).len(), 44, "an append that promises more left earlier ones behind");
    log.append(&tag(44), Durability::Batched).unwrap();
    log.close().unwrap();
    assert_eq!(tags(&workspace).len(), 45);
    log.append(&tag(45), Durability::Batched).unwrap();
    drop(log);
    assert_eq!(tags(&workspace).len(), 46);
}

#[test]
fn a_kill_takes_what_was_batched_and_nothing_else() {
    let workspace = Workspace::new(2, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    log.append(&tag(1), Durability::Batched).unwrap();
    workspace.kill(log);
    assert_eq!(tags(&workspace), BTreeSet::from([0]));
}

#[test]
fn the_times_of_a_batch_are_those_of_its_appends() {
    let workspace = Workspace::new(3, 1 << 20);
    let log = workspace.log(1);
    let first = log.append(&tag(0), Durability::Batched).unwrap().first;
    workspace.disk.advance(1_000);
    let second = log.append(&tag(1), Durability::Batched).unwrap().first;
    log.flush().unwrap();
    assert!(second.time - first.time >= 1_000);
    let scan = workspace.scan(first.stream, ScanMode::Full);
    assert_eq!(scan.frames.len(), 1, "one frame for the batch");
    assert_eq!(scan.entries.iter().map(|e| e.stamp).collect::<Vec<_>>(), [first, second]);
}

#[test]
fn a_forked_child_leaves_stream_and_batch_to_its_parent() {
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

#[test]
fn on_a_full_disk_the_end_of_a_run_can_still_be_recorded() {
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
    assert_eq!(batched.code(), "storage_full", "a full disk is said when it can be");
    for end in 0..8 {
        log.append_end(&tag(1_000 + end)).unwrap();
    }
    let head = log.close().unwrap().unwrap();
    assert_eq!(head.seq.0, u64::from(n) + 8);
    assert_eq!(workspace.scan(head.stream, ScanMode::Full).tail, contexta::engine::log::Tail::Closed);
    assert_eq!(tags(&workspace).len() as u32, n + 8);
}

#[test]
fn a_closed_stream_takes_no_more_room_than_it_needs() {
    let workspace = Workspace::new(6, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    let path = workspace.segments().pop().unwrap();
    let len = || workspace.disk.read(&path).unwrap().len();
    let live = len();
    log.close().unwrap();
    assert!(len() < live && len() < 5_000, "{} of {live}", len());
}

/// Whatever operation fails while several threads wait for the same sync, each is told the truth.
#[test]
fn threads_share_syncs_and_each_hears_of_a_failure() {
    for at in 0..60 {
        let workspace = Workspace::new(7, 1 << 20);
        let process = workspace.disk.spawn(1);
        process.plan(Moment::Operation(at), Fault::Error(std::io::ErrorKind::Other));
        let log = workspace.log_on(Arc::clone(&process) as Arc<dyn Storage>);
        let barrier = Barrier::new(4);
        let told: Vec<u32> = std::thread::scope(|scope| {
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
        assert!(told.iter().all(|n| kept.contains(n)), "operation {at}: {told:?} but {kept:?}");
        assert!(
            told.len() >= 20 - 4 || !process.came_past_plans(),
            "operation {at}: one failure, {} told",
            told.len()
        );
    }
}

#[test]
fn many_threads_need_few_syncs() {
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
    assert!(used < 320, "{used} syncs for 320 commits: nothing was shared");
}

#[test]
fn a_batch_is_handed_over_by_age_without_another_append() {
    let dir = std::env::temp_dir().join(format!("contexta-age-{}", std::process::id()));
    let batch = BatchOptions { age_max: 1_000_000, ..BatchOptions::default() };
    let log =
        Log::new(OsStorage::shared(), dir.join("log"), LogOptions { batch, ..LogOptions::new(domain()) });
    let position = log.append(&tag(7), Durability::Batched).unwrap().position(0);
    let begun = Instant::now();
    while log.head().is_none_or(|head| head.seq < position.seq) {
        assert!(begun.elapsed() < Duration::from_secs(60), "never handed over");
        std::thread::yield_now();
    }
    drop(log);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_stream_whose_clock_was_far_ahead_is_not_continued_and_one_that_jumped_back_is() {
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

/// A file's time is as coarse as the kernel's tick, and its length does not change while there is room ahead.
#[test]
fn what_is_appended_in_the_tick_of_the_last_look_is_seen_by_the_next_question() {
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

/// A writer whose sync failed goes on; that nobody may continue its stream does not mean that it has no writer.
#[test]
fn a_merge_leaves_a_stream_alone_whose_writer_lives_after_a_failed_sync() {
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
    // The disk is bad: it loses something else too, and somebody fetches it from the backup.
    let path = workspace.segments().pop().unwrap();
    let frame = workspace.scan(workspace.streams()[0], ScanMode::Full).frames[3];
    workspace.flip(&path, (frame.bytes.0 as usize + 60) * 8);
    let quarantine = workspace.root.join("quarantine");
    let options = MergeOptions::new(domain(), &backup.log_dir(), &workspace.log_dir(), &quarantine);
    let report = merge(&workspace.disk.process(50), &options, &|_, _| {}).unwrap();
    log.append(&tag(5), Durability::Fsync).unwrap();
    log.append(&tag(6), Durability::Fsync).unwrap();
    assert_eq!(report.streams[0].change, Change::Skipped(SkipReason::Held));
    workspace.kill(log);
    merge(&workspace.disk.process(51), &options, &|_, _| {}).unwrap();
    let kept = tags(&workspace);
    assert!((0..7).all(|n| kept.contains(&n)), "{kept:?} after {report:?}");
}

/// The number was told to a caller: it must not come to mean something else.
#[test]
fn the_number_of_a_batched_entry_is_not_used_again_after_a_kill() {
    let workspace = Workspace::new(11, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    let told = log.append(&tag(1), Durability::Batched).unwrap().position(0);
    workspace.kill(log);
    let other = workspace.log(2).append(&tag(2), Durability::Fsync).unwrap().position(0);
    assert_ne!(told, other, "one number, two meanings");
}

/// A batch that has its number when a sync fails, and with it the creation of the next segment.
#[test]
fn a_batch_outlives_a_failed_sync_that_happened_beside_it() {
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
    // Change 0 is the write of the frame, 1 the sync.
    process.plan(Moment::Change(process.changes() + 1), Fault::Meanwhile(Box::new(meanwhile)));
    log.append(&tag(3), Durability::Fsync).unwrap_err();
    assert!(process.came_past_plans());
    workspace.disk.set_failing_syncs(false);
    // The disk is well again. What says that it hands over, or closes, does not try.
    let flushed = log.flush();
    let _ = log.close();
    drop(log);
    assert!(tags(&workspace).contains(&2), "an acknowledged batch is lost without need: {flushed:?}");
}

/// Invariant 2 of `active.rs`.
#[test]
fn a_segment_whose_sync_failed_is_not_synced_again() {
    let workspace = Workspace::new(13, 1 << 20);
    let log = workspace.log(1);
    log.append(&tag(0), Durability::Flush).unwrap();
    workspace.disk.set_failing_syncs(true);
    log.append(&tag(1), Durability::Fsync).unwrap_err();
    workspace.disk.set_failing_syncs(false);
    let _ = log.sync();
    assert_eq!(workspace.disk.syncs_after_failure(), 0);
}

/// A seal is written before the sync, a close mark after it; cursors take both for "all of it is on disk".
#[test]
fn a_seal_that_was_read_before_its_sync_proves_nothing_about_the_disk() {
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
            // Creation, header, two syncs, the seal; then it dies before the sync.
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

/// Without locks, or without a boot id, nobody can know that a stream is idle: each writer begins one of its own.
#[test]
fn where_there_are_no_locks_or_no_boot_ids_every_writer_begins_a_stream() {
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

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lacks {
    Locks,
    BootId,
}

/// A system that lacks something.
#[derive(Debug)]
struct Lacking {
    inner: Arc<dyn Storage>,
    lacks: Lacks,
}

impl Lacking {
    fn file(&self, inner: Arc<dyn File>) -> std::io::Result<Arc<dyn File>> {
        let locks = self.lacks != Lacks::Locks;
        Ok(Arc::new(CountedFile { inner, syncs: Arc::default(), locks }))
    }
}

/// A process that can change its id, as a fork does. Its files stay open: the parent has them still.
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

/// Times of change as a kernel keeps them: by ticks of 4 ms.
#[derive(Debug)]
struct CoarseTimes {
    inner: Arc<dyn Storage>,
}

/// The real system, counting syncs of files.
#[derive(Debug)]
struct CountingSyncs {
    inner: Arc<dyn Storage>,
    syncs: Arc<AtomicU32>,
}

#[derive(Debug)]
struct CountedFile {
    inner: Arc<dyn File>,
    syncs: Arc<AtomicU32>,
    locks: bool,
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
        self.inner.allocate(len)
    }
    fn sync(&self) -> std::io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.inner.sync()
    }
    fn try_lock(&self) -> std::io::Result<bool> {
        if self.locks { self.inner.try_lock() } else { Err(std::io::ErrorKind::Unsupported.into()) }
    }
    fn is_locked(&self) -> std::io::Result<bool> {
        if self.locks { self.inner.is_locked() } else { Err(std::io::ErrorKind::Unsupported.into()) }
    }
    fn map(&self) -> Option<Arc<dyn contexta::engine::storage::Mapping>> {
        self.inner.map()
    }
}

/// Everything but opening files and the process id goes to `inner`.
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
delegate_storage!(Forking, Forking::keep, |s: &Forking| s.id.load(Ordering::Relaxed));
delegate_storage!(
    CountingSyncs,
    |s: &CountingSyncs, inner| Ok(
        Arc::new(CountedFile { inner, syncs: Arc::clone(&s.syncs), locks: true }) as Arc<dyn File>
    ),
    |s: &CountingSyncs| s.inner.process_id()
);
delegate_storage!(
    CoarseTimes,
    |_: &CoarseTimes, file| Ok(file),
    |s: &CoarseTimes| s.inner.process_id(),
    |modified: u64| modified - modified % 4_000_000
);
