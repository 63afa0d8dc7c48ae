//! Logs of another domain, or of a newer version: every operation fails with one typed error and writes nothing.

use crate::support::open_sim;
use contexta::engine::codec::{self, CodecError};
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Event, Kind, PayloadVersion, StreamId};
use contexta::engine::log::directory::{list_segments, list_streams};
use contexta::engine::log::header::{FRAMES_AT, SECOND_HEADER_AT, SegmentHeader};
use contexta::engine::log::merge::{MergeOptions, merge};
use contexta::engine::log::names::segment_path;
use contexta::engine::log::{Durability, FindingKind, Item, Log, LogOptions, ScanMode, StreamReader};
use contexta::engine::progress::Progress;
use contexta::engine::projection::{
    Applied, Projection, Projector, ProjectorOptions, ProjectorPaths, TableSpec, Tables,
};
use contexta::engine::storage::sim::SimDisk;
use contexta::engine::{Error, Result};
use contexta::recovery::{RebuildOptions, VerifyOptions};
use contexta::{ImportSettings, ImportSource, MergeSettings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The event type of all domains in this file.
struct Job;

impl Event for Job {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(1)
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        codec::encode(&1u8, out)
    }

    fn decode(_: Kind, _: PayloadVersion, _: &[u8]) -> std::result::Result<Option<Job>, CodecError> {
        Ok(Some(Job))
    }
}

struct NoTables;

impl Projection<Job> for NoTables {
    fn name(&self) -> &'static str {
        "none"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[]
    }

    fn wants(&self, _: Kind) -> bool {
        false
    }

    fn apply(&self, _: &Applied<'_, Job>, _: &mut Tables) -> Result<()> {
        Ok(())
    }
}

fn jobs(version: u32) -> Domain {
    Domain::new("jobs", version).unwrap()
}

fn log(disk: &SimDisk, process: u32, domain: Domain) -> Log {
    let options = LogOptions { segment_bytes_max: FRAMES_AT + 300, ..LogOptions::new(domain) };
    Log::new(disk.process(process), PathBuf::from("/w/log"), options)
}

/// Appends some entries, in several segments, to a new stream, which is closed afterwards or left open. Returns the
/// stream's id.
fn write(disk: &SimDisk, process: u32, domain: Domain, closed: bool) -> StreamId {
    let log = log(disk, process, domain);
    let mut stream = None;
    for _ in 0..6 {
        stream = Some(log.append(&[Job], Durability::Flush).unwrap().first.stream);
    }
    if closed {
        log.close().unwrap();
    } else {
        disk.kill(process);
    }
    stream.unwrap()
}

fn projector(disk: &SimDisk, process: u32, domain: Domain) -> Projector<Job> {
    let paths = ProjectorPaths { log: "/w/log".into(), generations: "/w/projections".into() };
    let options = ProjectorOptions::new(domain);
    Projector::new(disk.process(process), paths, options, vec![Box::new(NoTables)])
}

fn files(disk: &SimDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    disk.paths().into_iter().map(|path| (path.clone(), disk.read(&path).unwrap())).collect()
}

fn applied(projector: &Projector<Job>) -> Result<()> {
    projector.read(|_| Ok(()))
}

fn is_foreign(result: Result<impl Sized>, expected: Domain, found: Domain, stream: StreamId) {
    match result {
        Err(Error::ForeignDomain { expected: e, found: f, stream: s }) => {
            assert_eq!((e, f, s), (expected, found, stream));
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a log of {found} was accepted as one of {expected}"),
    }
}

#[test]
fn appends_and_reads_of_another_domain_fail_and_write_nothing() {
    for closed in [true, false] {
        let disk = SimDisk::new(1);
        let stream = write(&disk, 1, jobs(1), closed);
        let before = files(&disk);
        let other = Domain::new("other", 7).unwrap();
        is_foreign(log(&disk, 2, other).append(&[Job], Durability::Fsync), other, jobs(1), stream);
        is_foreign(applied(&projector(&disk, 2, other)), other, jobs(1), stream);
        is_foreign(projector(&disk, 2, other).rebuild(Progress::none()), other, jobs(1), stream);
        assert_eq!(files(&disk), before);
        let error = applied(&projector(&disk, 2, other)).unwrap_err();
        assert_eq!(error.code(), "foreign_domain");
        assert_eq!(error.to_string(), format!("stream {stream} belongs to domain jobs/1, not to other/7"));
        assert!(error.hint().is_some());
        applied(&projector(&disk, 3, jobs(1))).unwrap();
    }
}

#[test]
fn newer_version_is_rejected_and_older_one_is_read_and_gets_a_new_stream() {
    let disk = SimDisk::new(2);
    let old = write(&disk, 1, jobs(1), true);
    applied(&projector(&disk, 1, jobs(1))).unwrap();
    // A process of the same version continues the stream.
    assert_eq!(write(&disk, 1, jobs(1), true), old);
    let new = write(&disk, 2, jobs(2), true);
    assert_ne!(old, new);
    applied(&projector(&disk, 2, jobs(2))).unwrap();
    let before = files(&disk);
    is_foreign(log(&disk, 3, jobs(1)).append(&[Job], Durability::Fsync), jobs(1), jobs(2), new);
    let error = applied(&projector(&disk, 3, jobs(1))).unwrap_err();
    let message =
        format!("stream {new} was written by version 2 of domain jobs; this program reads versions up to 1");
    assert_eq!((error.code(), error.to_string()), ("foreign_domain", message));
    assert_eq!(files(&disk), before);
}

#[test]
fn log_with_streams_of_two_domains_reports_the_foreign_one() {
    let disk = SimDisk::new(3);
    let own = write(&disk, 1, jobs(1), true);
    let other = Domain::new("other", 1).unwrap();
    // The files were copied by hand: no writer of another domain creates a stream in this log.
    let elsewhere = SimDisk::new(4);
    let foreign = write(&elsewhere, 1, other, true);
    for (path, bytes) in files(&elsewhere) {
        disk.overwrite(&path, bytes);
    }
    assert_eq!(list_streams(disk.process(2).as_ref(), "/w/log".as_ref()).unwrap().len(), 2);
    is_foreign(log(&disk, 2, jobs(1)).append(&[Job], Durability::Fsync), jobs(1), other, foreign);
    is_foreign(applied(&projector(&disk, 2, jobs(1))), jobs(1), other, foreign);
    is_foreign(applied(&projector(&disk, 2, other)), other, jobs(1), own);
}

#[test]
fn later_segment_of_another_domain_is_rejected_when_read() {
    let disk = SimDisk::new(5);
    let stream = write(&disk, 1, jobs(1), true);
    let storage = disk.process(2);
    let last = *list_segments(storage.as_ref(), "/w/log".as_ref(), stream).unwrap().last().unwrap();
    let path = segment_path("/w/log".as_ref(), stream, last);
    let mut bytes = disk.read(&path).unwrap();
    let other = Domain::new("other", 1).unwrap();
    let header = SegmentHeader { domain: other, ..SegmentHeader::decode_one(&bytes).unwrap() };
    bytes[..FRAMES_AT as usize].copy_from_slice(&header.encode());
    disk.overwrite(&path, bytes);
    let reader = StreamReader::open(&storage, "/w/log".as_ref(), stream, ScanMode::Full).unwrap();
    let mut reader = reader.of_domain(jobs(1)).unwrap();
    let result = std::iter::from_fn(|| reader.next_item().transpose()).find_map(Result::err);
    is_foreign(Err::<(), _>(result.unwrap()), jobs(1), other, stream);
    is_foreign(applied(&projector(&disk, 2, jobs(1))), jobs(1), other, stream);
}

#[test]
fn lost_header_is_damage_and_not_a_foreign_domain() {
    let disk = SimDisk::new(6);
    let stream = write(&disk, 1, jobs(1), true);
    let storage = disk.process(2);
    let first = list_segments(storage.as_ref(), "/w/log".as_ref(), stream).unwrap()[0];
    let path = segment_path("/w/log".as_ref(), stream, first);
    let mut bytes = disk.read(&path).unwrap();
    // The name of the domain is in both copies of the header.
    for copy in [0, SECOND_HEADER_AT as usize] {
        bytes[copy + 212] ^= 1;
    }
    disk.overwrite(&path, bytes);
    let reader = StreamReader::open(&storage, "/w/log".as_ref(), stream, ScanMode::Full).unwrap();
    let mut reader = reader.of_domain(jobs(1)).unwrap();
    let (mut entries, mut lost) = (0, 0);
    while let Some(item) = reader.next_item().unwrap() {
        match item {
            Item::Commit(commit) => entries += commit.entries.len(),
            Item::Finding(finding) => lost += usize::from(finding.kind == FindingKind::HeaderLost),
            Item::Gap(gap) => panic!("{gap}"),
        }
    }
    assert_eq!((entries, lost), (6, 1));
    applied(&projector(&disk, 2, jobs(1))).unwrap();
}

#[test]
fn merge_with_a_log_of_another_domain_writes_nothing() {
    let disk = SimDisk::new(7);
    let stream = write(&disk, 1, jobs(1), true);
    let before = files(&disk);
    let other = Domain::new("other", 1).unwrap();
    let [log, target, quarantine] = ["/w/log", "/t/log", "/t/quarantine"].map(Path::new);
    for (from, into) in [(log, target), (target, log)] {
        let options = MergeOptions::new(other, from, into, quarantine);
        is_foreign(merge(&disk.process(2), &options, Progress::none()), other, jobs(1), stream);
    }
    assert_eq!(files(&disk), before);
    let options = MergeOptions::new(jobs(1), log, target, quarantine);
    assert_eq!(merge(&disk.process(2), &options, Progress::none()).unwrap().streams.len(), 1);
}

#[test]
fn every_operation_of_a_workspace_rejects_a_log_of_another_domain() {
    let disk = SimDisk::new(8);
    write(&disk, 1, jobs(1), true);
    let before = files(&disk);
    let contexta = open_sim(&disk, 2, "/w");
    let line = r#"{"kind":"project"}"#;
    let mut lines = line.as_bytes();
    let import = contexta.import_jsonl(ImportSource::Reader("lines", &mut lines), ImportSettings::default());
    let codes = [
        ("run", contexta.run("r").start().err().map(|e| e.code().to_owned())),
        ("runs", contexta.list_runs(None).err().map(|e| e.code().to_owned())),
        ("verify", contexta.verify(VerifyOptions::default()).err().map(|e| e.code().to_owned())),
        ("rebuild", contexta.rebuild(RebuildOptions::default()).err().map(|e| e.code().to_owned())),
        ("digest", contexta.digest().err().map(|e| e.code().to_owned())),
        ("log ls", contexta.log_streams().err().map(|e| e.code().to_owned())),
        (
            "log dump",
            contexta.dump_log(None).unwrap().find_map(|item| item.err()).map(|e| e.code().to_owned()),
        ),
        ("import", import.err().map(|e| e.code().to_owned())),
    ];
    for (operation, code) in &codes {
        assert_eq!(code.as_deref(), Some("foreign_domain"), "{operation}");
    }
    // An import acquires its lock before it reads anything.
    disk.remove_tree(Path::new("/w/recovery"));
    let changed: Vec<_> = files(&disk).into_iter().filter(|(path, b)| before.get(path) != Some(b)).collect();
    assert!(changed.is_empty(), "{changed:?}");

    let target = open_sim(&disk, 3, "/target");
    let before = files(&disk);
    assert_eq!(target.merge("/w", MergeSettings::default()).unwrap_err().code(), "foreign_domain");
    let after = files(&disk);
    assert!(after == before, "{:?}", after.keys());
}
