//! Capturing metric points, compared with a bare loop that writes the same number of bytes with the same system calls.
//!
//! `cargo bench --bench capture`; the table at the end shows the ratios. See docs/PERFORMANCE.md.
//!
//! `-- --only ROW --points N` captures N points once, for a profiler, and with `--rebuild` also rebuilds the tables. The
//! difference between two runs with different numbers of points is the cost of a point.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]
#![expect(clippy::print_stdout, reason = "the number of bytes of a single run is printed")]

mod ratio;
#[path = "ratio/rounds.rs"]
mod rounds;

use contexta::capture::RunScope;
use contexta::engine::storage::os::OsStorage;
use contexta::engine::storage::{OpenMode, Storage, write_all_at};
use contexta::recovery::RebuildOptions;
use contexta::store::Durability;
use contexta::{Contexta, Options};
use ratio::{Scratch, Table, sized};
use rounds::interleaved;
use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

const KEYS: [&str; 5] = ["loss", "accuracy", "lr", "grad_norm", "val/loss"];
const WRITE_BYTES: usize = 64 << 10;

/// One row of the table.
struct Row {
    name: &'static str,
    what: &'static str,
    durability: Durability,
    ratio_min: Option<f64>,
    capture: fn(&RunScope, &[f64]),
}

/// Returns numbers in the range from 0 to 1 whose bytes look random.
fn values(count: usize) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count).map(next).collect()
}

/// Captures the values one by one, alternating between the keys.
fn metric_at(run: &RunScope, values: &[f64]) {
    for (step, values) in values.chunks(KEYS.len()).enumerate() {
        for (key, value) in KEYS.iter().zip(values) {
            run.metric_at(key, step, *value).unwrap();
        }
    }
}

/// Captures the values one by one with the handles of the series, alternating between the series.
fn handles(run: &RunScope, values: &[f64]) {
    let all = KEYS.map(|key| run.series(key).unwrap());
    for (step, values) in values.chunks(all.len()).enumerate() {
        for (series, value) in all.iter().zip(values) {
            series.point_at(step, *value).unwrap();
        }
    }
}

/// Captures the values of one series after the other, 1000 in a commit.
fn extended(run: &RunScope, values: &[f64]) {
    for (key, values) in KEYS.iter().zip(values.chunks(values.len().div_ceil(KEYS.len()).max(1))) {
        let series = run.series(*key).unwrap();
        for (values, first) in values.chunks(1000).zip((0..).step_by(1000)) {
            series.extend(first..first + values.len(), values.iter().copied()).unwrap();
        }
    }
}

const ROWS: [Row; 4] = [
    Row {
        name: "flush",
        what: "metric_at, flush (a point)",
        durability: Durability::Flush,
        ratio_min: Some(0.5),
        capture: metric_at,
    },
    Row {
        name: "batched",
        what: "metric_at, batched (a point)",
        durability: Durability::Batched,
        ratio_min: None,
        capture: metric_at,
    },
    Row {
        name: "series",
        what: "point_at of a series, batched (a point)",
        durability: Durability::Batched,
        ratio_min: None,
        capture: handles,
    },
    Row {
        name: "extend",
        what: "extend of a series, 1000 at once, batched (a point)",
        durability: Durability::Batched,
        ratio_min: None,
        capture: extended,
    },
];

fn open(workspace: &Path, durability: Durability) -> Contexta {
    let _ = std::fs::remove_dir_all(workspace);
    let options = Options::new(workspace).project("bench").detect_code_revision(false);
    options.durability(durability).open().unwrap()
}

/// Returns the number of bytes of all segments.
fn log_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => log_bytes(&entry.path()),
            false if entry.path().extension().is_some_and(|e| e == "seg") => entry.metadata().unwrap().len(),
            false => 0,
        })
        .sum()
}

/// Captures the values in a new workspace. Returns the time, and the number of bytes of the log for each point.
fn capture(workspace: &Path, row: &Row, values: &[f64]) -> (Duration, f64) {
    let bytes_of = |values: &[f64]| {
        let contexta = open(workspace, row.durability);
        let run = contexta.run("bench").start().unwrap();
        // The first points create the stream, the thread that writes old batches, and buffers.
        (row.capture)(&run, values.get(..KEYS.len()).unwrap());
        let begun = Instant::now();
        (row.capture)(&run, values.get(KEYS.len()..).unwrap());
        let time = begun.elapsed();
        run.complete().unwrap();
        contexta.close().unwrap();
        (time, log_bytes(workspace))
    };
    let (_, before) = bytes_of(values.get(..KEYS.len()).unwrap());
    let (time, after) = bytes_of(values);
    (time, after.saturating_sub(before) as f64 / (values.len() - KEYS.len()) as f64)
}

/// Writes as many bytes as the points take: with one write for each point, or with writes of 64 KiB.
fn bare(path: &Path, row: &Row, count: usize, each: f64) -> Duration {
    let _ = std::fs::remove_file(path);
    let file = OsStorage.open(path, OpenMode::CreateNew).unwrap();
    let point = vec![7u8; each.round() as usize];
    let (mut buffer, mut at) = (Vec::with_capacity(WRITE_BYTES + point.len()), 0);
    let limit = if row.durability == Durability::Flush { 1 } else { WRITE_BYTES };
    let begun = Instant::now();
    for n in 0..count {
        buffer.extend_from_slice(&point);
        if buffer.len() >= limit || n + 1 == count {
            write_all_at(file.as_ref(), at, &buffer).unwrap();
            at += buffer.len() as u64;
            buffer.clear();
        }
    }
    begun.elapsed()
}

fn argument(name: &str) -> Option<String> {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1)
}

fn main() {
    let scratch = Scratch::new("capture");
    let (workspace, path) = (scratch.path().join("w"), scratch.path().join("bare"));
    if let Some(only) = argument("--only") {
        let row = ROWS.iter().find(|row| row.name == only).unwrap();
        let values = values(argument("--points").unwrap().parse().unwrap());
        let contexta = open(&workspace, row.durability);
        let run = contexta.run("bench").start().unwrap();
        (row.capture)(&run, &values);
        println!("{} points, {} bytes", values.len(), log_bytes(&workspace));
        run.complete().unwrap();
        contexta.close().unwrap();
        if std::env::args().any(|arg| arg == "--rebuild") {
            Contexta::open(&workspace).unwrap().rebuild(RebuildOptions::default()).unwrap();
        }
        return;
    }
    let mut table = Table::new("Capturing metric points");
    for row in ROWS {
        let count = sized(if row.durability == Durability::Flush { 100_000 } else { 500_000 }, 500);
        let values = values(count);
        let each = Cell::new(1.0f64);
        let found = interleaved(
            sized(9, 1),
            || {
                let (time, bytes) = capture(&workspace, &row, &values);
                each.set(bytes.max(1.0));
                time
            },
            || bare(&path, &row, count, each.get()),
        );
        let what = format!("{}, {:.1} bytes", row.what, each.get());
        found.put(&mut table, &what, (count - KEYS.len()) as u64, row.ratio_min);
    }
}
