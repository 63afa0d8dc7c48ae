//! A whole workspace: the first query after opening, many streams whose writers have ended, a rebuild in bounded
//! memory.
//!
//! `cargo bench --bench workspace`; `-- --full` also creates 10,000 retired streams and merges them. See
//! docs/PERFORMANCE.md.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]
#![expect(clippy::print_stdout, reason = "the child prints its results")]

#[path = "ratio/memory.rs"]
mod memory;
mod ratio;

use contexta::capture::MetricEmission;
use contexta::engine::domain::Domain;
use contexta::engine::log::directory::list_streams;
use contexta::engine::log::merge::{MergeOptions, merge};
use contexta::engine::log::names::{LOCK_NAME, stream_dir};
use contexta::engine::progress::Progress;
use contexta::engine::storage::os::OsStorage;
use contexta::recovery::RebuildOptions;
use contexta::store::Durability;
use contexta::{Contexta, Options};
use memory::peak_mib;
use ratio::{Scratch, Table, median, sized};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The environment variable with the path of the workspace that a child process rebuilds.
const REBUILD: &str = "CONTEXTA_BENCH_REBUILD";
const EMITTED_AT_ONCE: usize = 1000;
const FIRST_ANSWER_MAX: Duration = Duration::from_millis(40);
const STREAM_KIB_MAX: f64 = 64.0;
const REBUILD_MIB_MAX: f64 = 512.0;

fn open(workspace: &Path) -> Contexta {
    let options = Options::new(workspace).project("bench").detect_code_revision(false);
    options.durability(Durability::Batched).open().unwrap()
}

/// Records a run with this number of points of one metric.
fn capture_run(contexta: &Contexta, points: usize) {
    let run = contexta.run("bench").start().unwrap();
    for first in (0..points).step_by(EMITTED_AT_ONCE) {
        let steps = first..points.min(first + EMITTED_AT_ONCE);
        let metric =
            |step: usize| MetricEmission::new("train/loss", 1.0 / (step + 1) as f64).step(step as i64);
        run.emit_all(steps.map(metric)).unwrap();
    }
    run.complete().unwrap();
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// Measures the first query of a newly opened workspace: a list of the runs.
fn first_answer(table: &mut Table, what: &str, workspace: &Path, runs: usize) {
    // Builds and publishes the tables, then waits: the projector examines recently changed files more closely.
    assert_eq!(open(workspace).list_runs(None).unwrap().runs.len(), runs);
    std::thread::sleep(sized(Duration::from_millis(2500), Duration::ZERO));
    open(workspace).list_runs(None).unwrap();
    let times = (0..sized(21, 1)).map(|_| {
        let begun = Instant::now();
        let contexta = Contexta::open_existing(workspace).unwrap();
        let list = contexta.list_runs(None).unwrap();
        let time = begun.elapsed();
        assert_eq!(list.runs.len(), runs);
        time
    });
    let time = median(times.collect());
    let texts = [what, &milliseconds(time), "", "", &format!("<= {}", milliseconds(FIRST_ANSWER_MAX))];
    table.row(texts, Some(time <= FIRST_ANSWER_MAX));
}

fn clean(table: &mut Table) {
    let scratch = Scratch::new("clean");
    let workspace = scratch.path().join("w");
    let points = sized(100_000, 500);
    let contexta = open(&workspace);
    (0..10).for_each(|_| capture_run(&contexta, points));
    contexta.close().unwrap();
    drop(contexta);
    first_answer(table, &format!("first answer, {} points in 10 runs", 10 * points), &workspace, 10);
}

/// Disk usage of the files in and below `path`, in KiB.
#[cfg(unix)]
fn used(path: &Path) -> f64 {
    use std::os::unix::fs::MetadataExt;
    let own = std::fs::symlink_metadata(path).unwrap().blocks() as f64 / 2.0;
    let within = std::fs::read_dir(path).into_iter().flatten().map(|entry| used(&entry.unwrap().path()));
    own + within.sum::<f64>()
}

#[cfg(not(unix))]
fn used(path: &Path) -> f64 {
    let own = std::fs::symlink_metadata(path).unwrap().len() as f64 / 1024.0;
    let within = std::fs::read_dir(path).into_iter().flatten().map(|entry| used(&entry.unwrap().path()));
    own + within.sum::<f64>()
}

/// Streams that are not continued, each with one run.
fn retired(table: &mut Table, streams: usize) {
    let scratch = Scratch::new("retired");
    let workspace = scratch.path().join("w");
    let storage = OsStorage::shared();
    let log = open(&workspace).paths().log();
    for _ in 0..streams {
        let contexta = open(&workspace);
        capture_run(&contexta, 100);
        let head = contexta.close().unwrap().unwrap();
        drop(contexta);
        // Without a lock file, no later writer continues this stream.
        std::fs::remove_file(stream_dir(&log, head.stream).join(LOCK_NAME)).unwrap();
    }
    assert_eq!(list_streams(storage.as_ref(), &log).unwrap().len(), streams);
    first_answer(table, &format!("first answer, {streams} retired streams"), &workspace, streams);
    let each = used(&log) / streams as f64;
    let texts = ["disk for a retired stream", &format!("{each:.1} KiB"), "", "", "<= 64 KiB"];
    table.row(texts, Some(each <= STREAM_KIB_MAX));
    for what in ["an empty log", "an equal log"] {
        if !std::env::args().any(|arg| arg == "--full") {
            break;
        }
        let options = MergeOptions::new(
            Domain::new("contexta-ml", 1).unwrap(),
            &log,
            &scratch.path().join("into"),
            &scratch.path().join("aside"),
        );
        let begun = Instant::now();
        assert_eq!(merge(&storage, &options, Progress::none()).unwrap().streams.len(), streams);
        let texts =
            [&format!("merge of {streams} streams into {what}"), &milliseconds(begun.elapsed()), "", "", ""];
        table.row(texts.map(|text| text as &str), None);
    }
}

fn rebuild_here(workspace: &Path) {
    let contexta = Contexta::open_existing(workspace).unwrap();
    let begun = Instant::now();
    let report = contexta.rebuild(RebuildOptions::default()).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} {seconds} {}", report.entries, peak_mib().unwrap_or(f64::NAN));
}

fn rebuild(table: &mut Table) {
    let scratch = Scratch::new("rebuild");
    let workspace = scratch.path().join("w");
    let points = sized(10_000_000, 20_000);
    let contexta = open(&workspace);
    let begun = Instant::now();
    capture_run(&contexta, points);
    let captured = begun.elapsed().as_secs_f64();
    contexta.close().unwrap();
    drop(contexta);
    let what = format!("capture of {points} points, {EMITTED_AT_ONCE} at once");
    table.row([&what, &format!("{:.0}/s", points as f64 / captured), "", "", ""], None);
    let child = Command::new(std::env::current_exe().unwrap()).env(REBUILD, &workspace).output().unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    let mut numbers = said.split_whitespace().map(|number| number.parse::<f64>().unwrap());
    let [entries, seconds, peak] = [(); 3].map(|()| numbers.next().unwrap());
    assert!(entries >= points as f64);
    let what = format!("rebuild of {entries} entries");
    table.row([&what, &format!("{:.0}/s", entries / seconds), "", "", ""], None);
    let texts = ["peak memory of the rebuild", &format!("{peak:.0} MiB"), "", "", "<= 512 MiB"];
    table.row(texts, Some(peak <= REBUILD_MIB_MAX));
}

fn main() {
    if let Some(workspace) = std::env::var_os(REBUILD) {
        return rebuild_here(Path::new(&workspace));
    }
    let mut table = Table::new("A workspace");
    clean(&mut table);
    retired(&mut table, sized(1000, 5));
    if std::env::args().any(|arg| arg == "--full") {
        retired(&mut table, sized(10_000, 10));
    }
    rebuild(&mut table);
}
