//! Scanning a log with all checks, compared with a bare loop that checksums the same bytes in pieces of the same size.
//!
//! `cargo bench --bench scan`; the table at the end shows the ratios. See docs/PERFORMANCE.md.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

#[path = "ratio/metric.rs"]
mod metric;
mod ratio;
#[path = "ratio/rounds.rs"]
mod rounds;

use contexta::engine::domain::Domain;
use contexta::engine::entry::{StreamId, canonical_head, entry_checksum};
use contexta::engine::log::directory::{list_segments, list_streams};
use contexta::engine::log::names::segment_path;
use contexta::engine::log::source::Source;
use contexta::engine::log::{Durability, Item, Log, LogOptions, ScanMode, StreamReader};
use contexta::engine::storage::os::OsStorage;
use contexta::engine::storage::{OpenMode, Storage};
use metric::{frame_len, metrics, put_bare};
use ratio::{Scratch, Table, sized};
use rounds::interleaved;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const COMMIT_ENTRIES: usize = 100;

fn make(storage: &Arc<dyn Storage>, dir: &Path, entries: usize) -> StreamId {
    let log =
        Log::new(Arc::clone(storage), dir.to_path_buf(), LogOptions::new(Domain::new("bench", 1).unwrap()));
    for commit in metrics(entries).chunks(COMMIT_ENTRIES) {
        log.append(commit, Durability::Flush).unwrap();
    }
    log.close().unwrap();
    *list_streams(storage.as_ref(), dir).unwrap().first().unwrap()
}

fn scan(storage: &Arc<dyn Storage>, dir: &Path, stream: StreamId, mode: ScanMode) -> (Duration, usize) {
    let begun = Instant::now();
    let mut reader = StreamReader::open(storage, dir, stream, mode).unwrap();
    let mut entries = 0;
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Commit(commit) = item {
            entries += black_box(commit).entries.len();
        }
    }
    (begun.elapsed(), entries)
}

/// Reads the files as the reader does, and passes pieces with the length of a frame to `f`.
fn pieces(storage: &Arc<dyn Storage>, files: &[PathBuf], len: usize, mut f: impl FnMut(&[u8])) -> Duration {
    let begun = Instant::now();
    for path in files {
        let file = storage.open(path, OpenMode::Read).unwrap();
        let mut source = Source::new(file, false).unwrap();
        let mut at = 0;
        while at < source.file_len() {
            f(source.bytes(at, len).unwrap());
            at += len as u64;
        }
    }
    begun.elapsed()
}

fn main() {
    let scratch = Scratch::new("scan");
    let storage = OsStorage::shared();
    let entries = sized(1_000_000, 5000);
    let dir = scratch.path().join("log");
    let stream = make(&storage, &dir, entries);
    let segments = list_segments(storage.as_ref(), &dir, stream).unwrap();
    let files: Vec<PathBuf> = segments.into_iter().map(|base| segment_path(&dir, stream, base)).collect();
    let len = frame_len(&metrics(COMMIT_ENTRIES));
    // The payload of an entry, because each entry has a checksum of its own.
    let mut payload = Vec::new();
    put_bare(&mut Vec::new(), metrics(1).first().unwrap(), &mut payload, 1);
    let entry = {
        let mut reader = StreamReader::open(&storage, &dir, stream, ScanMode::Follow).unwrap();
        let Some(Item::Commit(commit)) = reader.next_item().unwrap() else { return };
        commit.entries.into_iter().next().unwrap()
    };
    let rounds = sized(11, 1);
    let mut table = Table::new(&format!("Scanning {entries} entries in commits of {COMMIT_ENTRIES}"));
    for (mode, name) in [(ScanMode::Follow, "follow"), (ScanMode::Full, "full")] {
        let ours = || {
            let (time, count) = scan(&storage, &dir, stream, mode);
            assert_eq!(count, entries);
            time
        };
        let frames = || pieces(&storage, &files, len, |piece| _ = black_box(crc32fast::hash(piece)));
        let all = || {
            pieces(&storage, &files, len, |piece| {
                black_box(crc32fast::hash(piece));
                for _ in 0..COMMIT_ENTRIES {
                    let entry = black_box(&entry);
                    let head = canonical_head(&entry.stamp, entry.kind, entry.version, payload.len());
                    black_box(entry_checksum(&head, &payload));
                }
            })
        };
        let target = (mode == ScanMode::Follow).then_some(0.6);
        let found = interleaved(rounds, ours, frames);
        found.put(&mut table, &format!("{name}, against frame checksums (an entry)"), entries as u64, target);
        let found = interleaved(rounds, ours, all);
        found.put(
            &mut table,
            &format!("{name}, against frame and entry checksums (an entry)"),
            entries as u64,
            None,
        );
    }
}
