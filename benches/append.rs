//! Appending compared with a bare loop, which encodes and checksums the same events, and writes the same number of
//! bytes with the same system calls.
//!
//! `cargo bench --bench append`; the table at the end shows the ratios. See docs/PERFORMANCE.md.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

#[path = "ratio/metric.rs"]
mod metric;
mod ratio;
#[path = "ratio/rounds.rs"]
mod rounds;

use contexta::engine::checksum::salted_crc32;
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Seq, StreamId};
use contexta::engine::log::frame::put_entries;
use contexta::engine::log::pending::PendingEntries;
use contexta::engine::log::{Durability, Log, LogOptions};
use contexta::engine::storage::os::OsStorage;
use contexta::engine::storage::{File, OpenMode, Storage, write_all_at};
use criterion::{Criterion, Throughput};
use metric::{Metric, frame_len, metrics, put_bare};
use ratio::{Scratch, Table, median, sized};
use rounds::{Ratio, interleaved};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Number of entries in a batch of the default size.
const BATCH_ENTRIES: usize = 3000;
const WRITE_BYTES: usize = 64 << 10;

/// Creates a log that has already created its stream.
fn log_in(dir: &Path) -> Log {
    let _ = std::fs::remove_dir_all(dir);
    let log =
        Log::new(OsStorage::shared(), dir.to_path_buf(), LogOptions::new(Domain::new("bench", 1).unwrap()));
    log.append(&metrics(1), Durability::Fsync).unwrap();
    log
}

/// A file that is written sequentially.
struct Bare {
    file: Arc<dyn File>,
    at: u64,
}

impl Bare {
    fn new(path: &Path) -> Bare {
        let _ = std::fs::remove_file(path);
        Bare { file: OsStorage.open(path, OpenMode::CreateNew).unwrap(), at: 0 }
    }

    fn write(&mut self, bytes: &[u8]) {
        write_all_at(self.file.as_ref(), self.at, bytes).unwrap();
        self.at += bytes.len() as u64;
    }

    /// Checksums and writes the content of `frame`, extended to `len` bytes: the number that the engine writes for it.
    fn write_frame(&mut self, frame: &mut Vec<u8>, len: usize) {
        frame.resize(len, 0);
        black_box(salted_crc32(self.at, &[frame]));
        self.write(frame);
        frame.clear();
    }
}

/// Appends all events in commits of `size`, and writes the rest of the batch.
fn append_all(log: &Log, events: &[Metric], size: usize, durability: Durability) -> Duration {
    let begun = Instant::now();
    for commit in events.chunks(size) {
        log.append(commit, durability).unwrap();
    }
    log.flush().unwrap();
    begun.elapsed()
}

fn batched(table: &mut Table) {
    let scratch = Scratch::new("batched");
    let (dir, path) = (scratch.path().join("log"), scratch.path().join("bare"));
    let events = metrics(sized(300_000, 5000));
    // The number of bytes per entry in the frames of the engine.
    let each = frame_len(&metrics(BATCH_ENTRIES)) as f64 / BATCH_ENTRIES as f64;
    let in_a_write = (WRITE_BYTES as f64 / each) as usize;
    for size in [1, 100, 1000] {
        let found = interleaved(
            sized(9, 1),
            || append_all(&log_in(&dir), &events, size, Durability::Batched),
            || {
                let mut bare = Bare::new(&path);
                let (mut frame, mut payload) = (Vec::new(), Vec::new());
                let begun = Instant::now();
                for (events, first) in events.chunks(in_a_write).zip((0u64..).step_by(in_a_write)) {
                    events.iter().zip(first..).for_each(|(e, n)| put_bare(&mut frame, e, &mut payload, n));
                    bare.write_frame(&mut frame, (events.len() as f64 * each) as usize);
                }
                begun.elapsed()
            },
        );
        let what = format!("append batched, {size} a commit (an entry)");
        found.put(table, &what, events.len() as u64, Some(0.5));
    }
}

/// One frame for each commit, followed by `after`.
fn bare_commits(bare: &mut Bare, events: &[Metric], size: usize, sync: bool) -> Duration {
    let (mut frame, mut payload) = (Vec::new(), Vec::new());
    let len = frame_len(&metrics(size));
    let begun = Instant::now();
    for (commit, first) in events.chunks(size).zip((0u64..).step_by(size)) {
        commit.iter().zip(first..).for_each(|(event, n)| put_bare(&mut frame, event, &mut payload, n));
        bare.write_frame(&mut frame, len);
        if sync {
            bare.file.sync().unwrap();
        }
    }
    begun.elapsed()
}

fn flush(table: &mut Table) {
    let scratch = Scratch::new("flush");
    let (dir, path) = (scratch.path().join("log"), scratch.path().join("bare"));
    for (size, commits) in [(1, sized(50_000, 500)), (100, sized(3000, 30))] {
        let events = metrics(size * commits);
        let found = interleaved(
            sized(9, 1),
            || append_all(&log_in(&dir), &events, size, Durability::Flush),
            || bare_commits(&mut Bare::new(&path), &events, size, false),
        );
        let what = format!("append flush, {size} a commit (a commit)");
        found.put(table, &what, commits as u64, Some(0.5));
    }
}

fn fsync(table: &mut Table) {
    let scratch = Scratch::new("fsync");
    for size in [1, 100] {
        let commits = sized(10, 2);
        let events = metrics(size * commits);
        let rounds = sized(40, 1);
        let log = log_in(&scratch.path().join(format!("log-{size}")));
        let mut bare = Bare::new(&scratch.path().join(format!("bare-{size}")));
        let len = frame_len(&metrics(size)) * commits * (rounds + 1);
        // On file systems that cannot reserve space, the file of the engine has none reserved either.
        let _ = bare.file.allocate(len as u64);
        bare.file.sync().unwrap();
        let found = interleaved(
            rounds,
            || append_all(&log, &events, size, Durability::Fsync),
            || bare_commits(&mut bare, &events, size, true),
        );
        let what = format!("append fsync, {size} a commit (a commit)");
        found.put(table, &what, commits as u64, Some(0.9));
    }
}

/// Concurrent commits share syncs: commits per second, compared with a single thread.
fn group(table: &mut Table) {
    const THREADS: usize = 16;
    let scratch = Scratch::new("group");
    let log = log_in(&scratch.path().join("log"));
    let commits = sized(100, 2);
    let event = metrics(1);
    let commit_all = || (0..commits).for_each(|_| _ = log.append(&event, Durability::Fsync).unwrap());
    let mut times = Vec::new();
    for _ in 0..sized(9, 1) {
        let begun = Instant::now();
        commit_all();
        let one = begun.elapsed();
        let begun = Instant::now();
        std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(commit_all))));
        times.push((one, begun.elapsed() / THREADS as u32));
    }
    let ratio = Ratio {
        ours: median(times.iter().map(|(_, all)| *all).collect()),
        bare: median(times.iter().map(|(one, _)| *one).collect()),
        ratio: median(times.iter().map(|(one, all)| one.as_secs_f64() / all.as_secs_f64()).collect()),
    };
    ratio.put(table, "fsync, 16 threads against one (a commit)", commits as u64, Some(6.0));
}

/// The encoding alone, for analysis.
fn encoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("put_entries");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
    for count in [1, 100] {
        let rows = PendingEntries::of(&metrics(count)).unwrap();
        let (mut out, mut canonical) = (Vec::new(), Vec::new());
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} entries"), |b| {
            b.iter(|| {
                out.clear();
                canonical.clear();
                put_entries(&mut out, &mut canonical, &rows, StreamId([7; 16]), Seq::FIRST, 7);
            });
        });
    }
    group.finish();
}

fn main() {
    encoding(&mut Criterion::default().configure_from_args());
    let mut table = Table::new("Appending");
    batched(&mut table);
    flush(&mut table);
    fsync(&mut table);
    group(&mut table);
}
