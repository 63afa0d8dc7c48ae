//! Checks, backups and compactions of a workspace.
//!
//! Run this benchmark with `cargo bench --bench recovery`. The table at the end shows rates and targets. See
//! docs/PERFORMANCE.md.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

mod ratio;

use contexta::capture::MetricEmission;
use contexta::engine::entry::Seq;
use contexta::engine::log::directory::{ResumePoint, list_segments, list_streams};
use contexta::engine::log::{Item, ScanMode, StreamReader};
use contexta::engine::storage::os::OsStorage;
use contexta::recovery::{BackupOptions, CompactionOptions, Progress, RebuildOptions};
use contexta::store::Durability;
use contexta::{Backups, Contexta, Options};
use ratio::{Scratch, Table, median, sized};
use std::path::Path;
use std::time::{Duration, Instant};

const KEYS: [&str; 5] = ["loss", "accuracy", "lr", "grad_norm", "val/loss"];
/// The maximum number of log bytes per metric point after a compaction.
const POINT_BYTES_MAX: f64 = 12.0;
/// The smallest rate of a compaction, in MB of the old log per second.
const COMPACTION_RATE_MIN: f64 = 200.0;
/// The maximum ratio of two times: of a rebuild after a compaction, and of a rebuild before the compaction.
const REBUILD_RATIO_MAX: f64 = 1.0;

fn open(workspace: &Path, durability: Durability) -> Contexta {
    let options = Options::new(workspace).project("bench").detect_code_revision(false);
    options.durability(durability).open().unwrap()
}

/// Returns the total length of all segments in bytes.
fn log_bytes(workspace: &Path) -> u64 {
    let mut bytes = 0;
    for stream in std::fs::read_dir(workspace.join("log")).unwrap() {
        for file in std::fs::read_dir(stream.unwrap().path()).unwrap() {
            bytes += file.unwrap().metadata().unwrap().len();
        }
    }
    bytes
}

/// Captures points of five series one by one. The bytes of their values look random.
fn capture_points(workspace: &Path, points: usize, durability: Durability) {
    let contexta = open(workspace, durability);
    let run = contexta.run("bench").start().unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for step in 0..points / KEYS.len() {
        for key in KEYS {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let value = (state >> 11) as f64 / (1u64 << 53) as f64;
            run.emit(MetricEmission::new(key, value).step(step as i64)).unwrap();
        }
    }
    run.complete().unwrap();
    contexta.close().unwrap();
}

fn compact(workspace: &Path) -> Duration {
    let contexta = Contexta::open_existing(workspace).unwrap();
    let plan = contexta.compaction_plan(&CompactionOptions::default()).unwrap();
    let begun = Instant::now();
    contexta.compact(&plan, Progress::none()).unwrap();
    begun.elapsed()
}

/// Reads the log in this scan mode. Returns the time that the scan took.
fn scan(workspace: &Path, mode: ScanMode) -> Duration {
    let storage = OsStorage::shared();
    let log = workspace.join("log");
    let begun = Instant::now();
    let mut entries = 0;
    for stream in list_streams(storage.as_ref(), &log).unwrap() {
        let segments = list_segments(storage.as_ref(), &log, stream).unwrap();
        assert!(segments.first() == Some(&Seq::FIRST));
        let mut reader = StreamReader::open_at(&storage, &log, stream, mode, ResumePoint::START).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            if let Item::Commit(commit) = item {
                entries += commit.entries.len();
            }
        }
    }
    assert!(entries > 0);
    begun.elapsed()
}

fn rebuild(workspace: &Path) -> Duration {
    let contexta = Contexta::open_existing(workspace).unwrap();
    let begun = Instant::now();
    contexta.rebuild(RebuildOptions::default()).unwrap();
    begun.elapsed()
}

fn times(count: usize, mut run: impl FnMut() -> Duration) -> Duration {
    median((0..count).map(|_| run()).collect())
}

fn compaction(table: &mut Table, name: &str, durability: Durability, points: usize) {
    let scratch = Scratch::new("compaction");
    let workspace = scratch.path().join("w");
    capture_points(&workspace, points, durability);
    let rounds = sized(5, 1);
    let before = log_bytes(&workspace);
    let rebuild_before = times(rounds, || rebuild(&workspace));
    let scan_before = times(rounds, || scan(&workspace, ScanMode::Full));
    let time = compact(&workspace);
    let after = log_bytes(&workspace);
    let rebuild_after = times(rounds, || rebuild(&workspace));
    let scan_after = times(rounds, || scan(&workspace, ScanMode::Full));

    let each = |bytes: u64| format!("{:.1} B", bytes as f64 / points as f64);
    let is_met = sized(Some(after as f64 / points as f64 <= POINT_BYTES_MAX), None);
    let what = format!("log for a point, {name}, compacted");
    table.row([&what, &each(after), &each(before), "", "<= 12 B"], is_met);
    let rate = before as f64 / 1e6 / time.as_secs_f64();
    let what = format!("compaction, {name}");
    table.row([&what, &format!("{rate:.0} MB/s"), "", "", ">= 200 MB/s"], Some(rate >= COMPACTION_RATE_MIN));
    for (what, old, new, target) in [
        ("rebuild", rebuild_before, rebuild_after, Some(REBUILD_RATIO_MAX)),
        ("full scan", scan_before, scan_after, None),
    ] {
        let ratio = new.as_secs_f64() / old.as_secs_f64();
        let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        let what = format!("{what} after compaction, {name}, against before");
        let text = if target.is_some() { "<= 1.0" } else { "" };
        let row = [&what, &milliseconds(new), &milliseconds(old), &format!("{ratio:.2}"), text];
        table.row(row, target.map(|max| ratio <= max));
    }
}

/// Measures a backup of a workspace that has not changed since the last backup.
fn unchanged_backup(table: &mut Table, files: usize) {
    let scratch = Scratch::new("backup");
    let workspace = scratch.path().join("w");
    let contexta = open(&workspace, Durability::Batched);
    let run = contexta.run("bench").start().unwrap();
    for n in 0..files {
        let path = scratch.path().join(format!("file-{n}"));
        std::fs::write(&path, format!("content {n}")).unwrap();
        run.register_artifact("model", &path).unwrap();
    }
    run.complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    let backups = Backups::new(&workspace);
    let create = || {
        let plan = backups.plan(&BackupOptions::default()).unwrap();
        let begun = Instant::now();
        backups.create(&plan, Progress::none()).unwrap();
        begun.elapsed()
    };
    create();
    let time = times(sized(5, 1), create);
    let each = time.as_secs_f64() * 1e6 / files as f64;
    let what = format!("backup of {files} unchanged bodies");
    table.row([&what, &format!("{each:.1} us a body"), "", "", ""], None);
}

fn main() {
    let mut table = Table::new("Recovery");
    compaction(&mut table, "flush", Durability::Flush, sized(1_000_000, 5_000));
    compaction(&mut table, "batched", Durability::Batched, sized(1_000_000, 5_000));
    for files in [sized(1_000, 5), sized(10_000, 10)] {
        unchanged_backup(&mut table, files);
    }
}
