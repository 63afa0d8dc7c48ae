//! Appending, beside the bare limit: the same number of bytes written with the same number of calls.
//!
//! `cargo bench --bench append`. Compare `flush/log` with `flush/bare` in one run; absolute times are the machine's.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run may stop")]

use contexta::engine::codec::{self, CodecError};
use contexta::engine::entry::{Event, Kind, PayloadVersion};
use contexta::engine::log::{Durability, Log, LogOptions};
use contexta::engine::storage::os::OsStorage;
use contexta::engine::storage::{File, OpenMode, Storage, write_all_at};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

/// A metric as small as they come.
struct Measured {
    name: String,
    step: u64,
    value: f64,
}

impl Event for Measured {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(1)
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(&(&self.name, self.step, self.value), out)
    }

    fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> Result<Option<Measured>, CodecError> {
        let (name, step, value) = codec::decode(payload)?;
        Ok(Some(Measured { name, step, value }))
    }
}

fn events(count: u64) -> Vec<Measured> {
    (0..count)
        .map(|step| Measured { name: "train/loss".into(), step, value: 1.0 / (step + 1) as f64 })
        .collect()
}

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("contexta-bench-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// One commit a call: a log, and a file that gets as many bytes with one write.
fn flush(c: &mut Criterion) {
    for count in [1u64, 100] {
        let dir = scratch("flush");
        let mut group = c.benchmark_group(format!("flush, {count} entries a commit"));
        group.throughput(Throughput::Elements(count));
        let log = Log::new(OsStorage::shared(), dir.join("log"), LogOptions::default());
        group.bench_function("log", |b| {
            b.iter_batched(
                || events(count),
                |events| log.append(&events, Durability::Flush).unwrap(),
                BatchSize::SmallInput,
            );
        });
        // What a commit of this shape takes on disk: header, first row, short rows.
        let len = 48 + 40 + (count as usize - 1) * 24;
        let file: Arc<dyn File> = OsStorage.open(&dir.join("bare"), OpenMode::CreateNew).unwrap();
        let bytes = vec![7u8; len];
        let mut at = 0;
        group.bench_function("bare", |b| {
            b.iter(|| {
                let checksum = contexta::engine::checksum::salted_crc32(at, &[black_box(&bytes)]);
                write_all_at(file.as_ref(), at, &bytes).unwrap();
                at += bytes.len() as u64;
                checksum
            });
        });
        group.finish();
        drop(log);
        let _ = std::fs::remove_dir_all(dir);
    }
}

criterion_group!(benches, flush);
criterion_main!(benches);
