//! Checks of a log with parcels as its domain, on the simulated disk: damage is reported with the lost entries, and
//! appends during a check are not reported.

use super::*;
use crate::engine::chain::Head;
use crate::engine::checksum::Digest;
use crate::engine::codec::{self, CodecError};
use crate::engine::domain::Domain;
use crate::engine::entry::{Event, Kind, PayloadVersion, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::header::FRAMES_AT;
use crate::engine::log::{Durability, Log, LogOptions};
use crate::engine::progress::Progress;
use crate::engine::projection::{
    Applied, Projection, Projector, ProjectorOptions, ProjectorPaths, TableKind, TableSpec, Tables,
};
use crate::engine::storage::Storage;
use crate::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const LOG: &str = "/w/log";
const PARCELS: Domain = match Domain::new("parcels", 2) {
    Ok(domain) => domain,
    Err(_) => panic!("the name of the domain is invalid"),
};

#[derive(Serialize, Deserialize)]
enum Parcel {
    Scanned(String),
    /// An event of a known kind with a payload that cannot be decoded.
    Garbled,
    /// An event of a kind that is not in [`Event::KINDS`], with a payload that cannot be decoded.
    Strange,
}

const SCANNED: Kind = Kind(1);
const GARBLED: Kind = Kind(2);

impl Event for Parcel {
    const KINDS: &'static [(Kind, PayloadVersion)] =
        &[(SCANNED, PayloadVersion(1)), (GARBLED, PayloadVersion(1))];

    fn kind(&self) -> Kind {
        match self {
            Parcel::Scanned(_) => SCANNED,
            Parcel::Garbled => GARBLED,
            Parcel::Strange => Kind(3),
        }
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        match self {
            Parcel::Scanned(_) => codec::encode(self, out),
            Parcel::Garbled | Parcel::Strange => {
                out.extend([0xff; 3]);
                Ok(())
            }
        }
    }

    fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> std::result::Result<Option<Parcel>, CodecError> {
        codec::decode(payload).map(Some)
    }
}

fn scanned(n: usize) -> Parcel {
    Parcel::Scanned(format!("parcel {n} {}", "x".repeat(60)))
}

fn log(storage: Arc<dyn Storage>) -> Log {
    let options = LogOptions { segment_bytes_max: FRAMES_AT + 600, ..LogOptions::new(PARCELS) };
    Log::new(storage, LOG.into(), options)
}

/// Appends `count` parcels in commits of one, in several segments, and closes the stream. Returns its head.
fn write(disk: &SimDisk, process: u32, count: usize) -> Head {
    let log = log(disk.process(process));
    for n in 0..count {
        log.append(&[scanned(n)], Durability::Flush).unwrap();
    }
    log.close().unwrap().unwrap()
}

fn verified(storage: Arc<dyn Storage>, check: &LogCheck<'_>) -> Result<LogReport> {
    verify_log::<Parcel>(&storage, LOG.as_ref(), PARCELS, check)
}

fn check(disk: &SimDisk, heads: &[Head]) -> LogReport {
    let check = LogCheck { heads: heads.to_vec(), ..LogCheck::default() };
    verified(disk.process(99), &check).unwrap()
}

fn check_by(process: &Arc<SimProcess>) -> LogReport {
    verified(Arc::<SimProcess>::clone(process), &LogCheck::default()).unwrap()
}

fn codes(report: &LogReport) -> Vec<&'static str> {
    report.problems.iter().map(|problem| problem.code).collect()
}

fn note_codes(report: &LogReport) -> Vec<&'static str> {
    report.notes.iter().map(LogNote::code).collect()
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "seg");
    disk.paths().into_iter().filter(is_segment).collect()
}

/// Returns the first sequence number of a segment.
fn base(segment: &Path) -> Seq {
    segment.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

/// Flips a bit in the payload of the first frame of a segment.
fn flip(disk: &SimDisk, segment: &Path) {
    let mut bytes = disk.read(segment).unwrap();
    let at = bytes.windows(7).position(|window| window == b"parcel ").unwrap();
    bytes[at] ^= 1;
    disk.overwrite(segment, bytes);
}

#[test]
fn intact_log_has_a_report_for_each_stream_and_its_heads_are_confirmed() {
    let disk = SimDisk::new(1);
    // The second writer continues the stream of the first one.
    let heads = [write(&disk, 1, 22), write(&disk, 2, 3)];
    let before: Vec<_> = disk.paths().iter().map(|path| disk.read(path)).collect();
    let changes = disk.write_count();
    let report = check(&disk, &heads);
    assert_eq!((report.outcome(), codes(&report), note_codes(&report)), (Outcome::Whole, vec![], vec![]));
    assert_eq!((report.entries(), report.streams.len(), report.heads), (25, 1, 2));
    let stream = &report.streams[0];
    assert_eq!((stream.head, stream.live, stream.closed), (Some(heads[1]), false, true));
    assert_eq!(stream.segments, segments(&disk).len());
    assert!(stream.segments > 2);
    let after: Vec<_> = disk.paths().iter().map(|path| disk.read(path)).collect();
    assert!(before == after && disk.write_count() == changes, "the check changed the disk");
    assert_eq!(check(&SimDisk::new(2), &[]), LogReport::default(), "a missing directory has no streams");
}

#[test]
fn flipped_byte_and_removed_segment_are_reported_with_the_lost_entries() {
    let disk = SimDisk::new(3);
    let head = write(&disk, 1, 30);
    let paths = segments(&disk);
    let (flipped, removed) = (&paths[1], &paths[3]);
    flip(&disk, flipped);
    disk.remove_tree(removed);
    let report = check(&disk, &[head]);
    assert_eq!(report.outcome(), Outcome::Damaged);
    // The seal counts the damaged frame.
    assert_eq!(codes(&report), ["damaged", "seal_broken", "segment_missing"], "{:#?}", report.problems);
    assert!(report.problems.iter().all(|problem| problem.stream == Some(head.stream)));
    let place = |n: usize| {
        let problem: &Problem = &report.problems[n];
        (problem.segment.unwrap(), problem.offset, problem.lost)
    };
    let (first, last) = (base(removed), base(&paths[4]).previous());
    let damaged = base(flipped);
    assert_eq!(place(0), (damaged, Some(FRAMES_AT), Some((damaged, Some(damaged)))));
    assert_eq!((place(1).0, place(1).2), (damaged, None));
    assert_eq!(place(2), (first, None, Some((first, Some(last)))));
    let message = format!(
        "damaged at offset {FRAMES_AT} of segment {damaged}: lost stream {}, sequence number {damaged}",
        head.stream
    );
    assert_eq!(report.problems[0].message, message);
    let lost = 1 + last.0 - first.previous().0;
    assert_eq!((report.entries(), report.streams[0].segments), (30 - lost, paths.len() - 1));
    // The link in the header of a later segment confirms the entries after the loss.
    assert_eq!((report.heads, report.streams[0].head), (1, Some(head)));
}

#[test]
fn lost_end_is_found_by_a_saved_head_and_otherwise_noted() {
    let disk = SimDisk::new(4);
    let head = write(&disk, 1, 30);
    let last = segments(&disk).pop().unwrap();
    disk.remove_tree(&last);
    let report = check(&disk, &[head]);
    assert_eq!(codes(&report), ["entries_missing"]);
    assert_eq!(report.problems[0].lost, Some((base(&last), Some(head.seq))));
    assert_eq!((report.heads, report.outcome()), (0, Outcome::Damaged));
    // The segment before the removed segment ends with a seal.
    assert_eq!(note_codes(&check(&disk, &[])), [""; 0]);

    let other = Head { digest: Digest([7; 32]), seq: Seq(2), ..head };
    let missing = Head { stream: StreamId([7; 16]), ..head };
    let report = check(&disk, &[other, missing]);
    assert_eq!(codes(&report), ["stream_missing", "head_differs"]);
    assert_eq!(report.problems[0].lost, Some((Seq::FIRST, Some(head.seq))));

    flip(&disk, &segments(&disk)[0]);
    let report = check(&disk, &[other]);
    assert_eq!(codes(&report), ["damaged", "seal_broken"]);
    assert_eq!(report.notes, [LogNote::HeadUnchecked { head: other }]);
    assert_eq!(report.notes[0].severity(), Severity::Warning);
}

#[test]
fn stream_without_close_mark_is_noted() {
    let disk = SimDisk::new(5);
    let log = log(disk.process(1));
    let first = log.append(&[scanned(0)], Durability::Flush).unwrap().first;
    disk.kill(1);
    let report = check(&disk, &[]);
    let (stream, after) = (first.stream, first.seq);
    assert_eq!(report.notes, [LogNote::StreamNotClosed { stream, after }]);
    assert_eq!((report.outcome(), report.notes[0].severity()), (Outcome::Whole, Severity::Info));
}

#[test]
fn appends_at_every_operation_of_a_check_are_not_reported() {
    let base = SimDisk::new(6);
    write(&base, 1, 12);
    // The appends stay within a segment, or start new ones.
    for appends in [1, 8] {
        for at in 0.. {
            let disk = base.fork();
            let writing = Arc::new(log(disk.process(2)));
            writing.append(&[scanned(0)], Durability::Flush).unwrap();
            let process = disk.spawn(3);
            let meanwhile = Arc::clone(&writing);
            let append = move || {
                for n in 0..appends {
                    meanwhile.append(&[scanned(n)], Durability::Flush).unwrap();
                }
            };
            process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(append)));
            let report = check_by(&process);
            assert_eq!(report.outcome(), Outcome::Whole, "operation {at}: {:?}", report.problems);
            assert!(report.streams.iter().all(|stream| stream.head.is_some()), "operation {at}");
            assert!(report.entries() >= 13, "operation {at}");
            let is_in_flight = |note: &LogNote| matches!(note, LogNote::StreamInFlight { .. });
            assert!(report.notes.iter().all(is_in_flight), "operation {at}: {:?}", report.notes);
            if !process.has_passed_plans() {
                // No append happened during this check.
                assert!(report.streams[0].live && report.notes.is_empty(), "{report:?}");
                break;
            }
        }
    }
}

#[test]
fn frame_that_is_being_written_is_noted_and_the_entries_before_it_are_checked() {
    let disk = SimDisk::new(14);
    let writing = log(disk.process(1));
    let stream = writing.append(&[scanned(0)], Durability::Flush).unwrap().first.stream;
    let before = check(&disk, &[]);
    let path = segments(&disk).remove(0);
    let mut bytes = disk.read(&path).unwrap();
    bytes.extend([1; 12]);
    disk.overwrite(&path, bytes);
    let report = check(&disk, &[]);
    assert_eq!((report.outcome(), &report.streams), (Outcome::Whole, &before.streams));
    assert_eq!(report.notes, [LogNote::StreamInFlight { stream }]);
    disk.kill(1);
    let report = check(&disk, &[]);
    assert_eq!((codes(&report), report.problems[0].lost), (vec!["damaged"], Some((Seq(2), None))));
    // Damage at the end is not subject to the limit, and a saved head shows the last lost entry.
    let heads = vec![Head { seq: Seq(4), ..before.streams[0].head.unwrap() }];
    let limited = LogCheck { heads, problems_max: 0, ..LogCheck::default() };
    let report = verified(disk.process(2), &limited).unwrap();
    assert_eq!((codes(&report), report.problems[0].lost), (vec!["damaged"], Some((Seq(2), Some(Seq(4))))));
    assert_eq!((report.omitted, report.heads), (0, 0));
}

#[test]
fn damage_in_a_stream_with_a_writer_is_reported_after_three_reads() {
    let disk = SimDisk::new(7);
    // The first of many segments is damaged, so the damage is found at the beginning of each read.
    write(&disk, 1, 62);
    let writing = log(disk.process(2));
    writing.append(&[scanned(0)], Durability::Flush).unwrap();
    let path = segments(&disk).remove(0);
    let whole = disk.read(&path).unwrap();
    flip(&disk, &path);
    let report = check(&disk, &[]);
    assert!(report.streams[0].live);
    assert_eq!((report.outcome(), codes(&report)), (Outcome::Damaged, vec!["damaged", "seal_broken"]));
    // A later read finds the bytes of the finished write.
    let process = disk.spawn(3);
    check_by(&process);
    // The log and the stream are listed, and the length of each segment is read, before the three reads.
    let listing = 2 + segments(&disk).len() as u64;
    let at_end_of_second_read = listing + (process.operations() - listing) * 2 / 3 - 1;
    let (healed, process) = (disk.clone(), disk.spawn(3));
    let heal = move || healed.overwrite(&path, whole);
    process.plan(Moment::Operation(at_end_of_second_read), Fault::Meanwhile(Box::new(heal)));
    assert_eq!(check_by(&process).outcome(), Outcome::Whole);
    assert!(process.has_passed_plans());
}

#[test]
fn payload_of_a_known_kind_that_cannot_be_decoded_is_a_problem() {
    let disk = SimDisk::new(8);
    let log = log(disk.process(1));
    log.append(&[scanned(0), Parcel::Strange, Parcel::Garbled], Durability::Flush).unwrap();
    log.close().unwrap();
    let report = check(&disk, &[]);
    assert_eq!(codes(&report), ["entry_unreadable"]);
    let problem = &report.problems[0];
    assert_eq!(problem.lost, Some((Seq(3), Some(Seq(3)))));
    assert_eq!((problem.segment, problem.offset), (Some(Seq(1)), Some(FRAMES_AT)));
    // The bytes of the entry are intact.
    assert_eq!(report.entries(), 3);
}

#[test]
fn problems_beyond_the_limit_are_counted() {
    let disk = SimDisk::new(9);
    let log = log(disk.process(1));
    for _ in 0..5 {
        log.append(&[Parcel::Garbled, Parcel::Garbled], Durability::Flush).unwrap();
    }
    let head = log.close().unwrap().unwrap();
    let limited = |problems_max| {
        let heads = vec![Head { seq: head.seq.next(), ..head }];
        let check = LogCheck { heads, problems_max, ..LogCheck::default() };
        verified(disk.process(2), &check).unwrap()
    };
    for problems_max in [0, 4, 10, 11] {
        let report = limited(problems_max);
        let listed = problems_max.min(10);
        // The problem of the head is in the report in any case.
        assert_eq!((report.problems.len(), report.omitted), (listed + 1, 10 - listed as u64));
        assert_eq!(codes(&report).last(), Some(&"entries_missing"));
        assert_eq!(report.outcome(), Outcome::Damaged);
    }
}

#[test]
fn stream_that_cannot_be_read_is_a_note_and_others_are_checked() {
    let disk = SimDisk::new(10);
    let head = write(&disk, 1, 5);
    // A file in place of the directory of a stream.
    let unreadable = StreamId([7; 16]);
    disk.overwrite(&Path::new(LOG).join(unreadable.to_string()), Vec::new());
    let report = check(&disk, &[head]);
    assert_eq!((report.outcome(), report.heads, report.is_complete()), (Outcome::Unchecked, 1, false));
    assert_eq!((note_codes(&report), report.notes[0].stream()), (vec!["could_not_check"], unreadable));
    assert_eq!(report.notes[0].severity(), Severity::Error);
    let message = report.notes[0].to_string();
    assert!(message.contains("could not be checked: cannot list /w/log/"), "{message}");
}

#[test]
fn log_of_another_domain_is_one_typed_error() {
    let disk = SimDisk::new(11);
    let head = write(&disk, 1, 5);
    let letters = Domain::new("letters", 1).unwrap();
    for domain in [letters, Domain::new("parcels", 1).unwrap()] {
        let result =
            verify_log::<Parcel>(&disk.process(2), LOG.as_ref(), domain, &LogCheck::default()).map(drop);
        let Err(Error::ForeignDomain { expected, found, stream }) = result else { panic!("{result:?}") };
        assert_eq!((expected, found, stream), (domain, PARCELS, head.stream));
    }
}

#[test]
fn log_that_cannot_be_listed_is_an_error() {
    let disk = SimDisk::new(12);
    write(&disk, 1, 1);
    let process = disk.spawn(2);
    process.plan(Moment::Operation(0), Fault::Error(io::ErrorKind::PermissionDenied));
    let error = verified(process, &LogCheck::default()).unwrap_err();
    assert_eq!(error.code(), "storage_permission_denied");
}

#[test]
fn progress_ends_with_the_total() {
    let disk = SimDisk::new(13);
    write(&disk, 1, 20);
    let total: u64 = segments(&disk).iter().map(|path| disk.read(path).unwrap().len() as u64).sum();
    let reports = Mutex::new(Vec::new());
    let receiver = |done, total| reports.lock().unwrap().push((done, total));
    let check = LogCheck { progress: Progress::new(&receiver), ..LogCheck::default() };
    verified(disk.process(2), &check).unwrap();
    let reports = reports.into_inner().unwrap();
    assert!(reports.len() == 21 && reports.is_sorted(), "{reports:?}");
    assert_eq!(reports.last(), Some(&(total, total)));
}

// ---- tables

const PLACES: TableSpec = TableSpec::new("places", TableKind::Set);
const COUNTS: TableSpec = TableSpec::new("counts", TableKind::Set);

/// A projection that breaks its rule if `is_pure` is false: its rows depend on the number of earlier calls.
struct Places {
    is_pure: bool,
    calls: AtomicU64,
}

impl Projection<Parcel> for Places {
    fn name(&self) -> &'static str {
        "places"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[PLACES, COUNTS]
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == SCANNED
    }

    fn apply(&self, entry: &Applied<'_, Parcel>, tables: &mut Tables) -> Result<()> {
        if let Parcel::Scanned(parcel) = entry.event {
            tables.insert(PLACES, parcel.clone().into_bytes());
        }
        if !self.is_pure {
            tables.insert(COUNTS, self.calls.fetch_add(1, Ordering::Relaxed).to_be_bytes().to_vec());
        }
        Ok(())
    }
}

fn projector(disk: &SimDisk, publish: bool, is_pure: bool) -> Projector<Parcel> {
    projector_of(disk.process(50), publish, is_pure)
}

fn projector_of(storage: Arc<dyn Storage>, publish: bool, is_pure: bool) -> Projector<Parcel> {
    let paths = ProjectorPaths { log: LOG.into(), generations: "/w/tables".into() };
    let options = ProjectorOptions { publish, ..ProjectorOptions::new(PARCELS) };
    let places = Places { is_pure, calls: AtomicU64::new(0) };
    Projector::new(storage, paths, options, vec![Box::new(places)])
}

/// Returns a disk with a log and its published tables, and the path of the tables.
fn published(seed: u64) -> (SimDisk, PathBuf) {
    let disk = SimDisk::new(seed);
    write(&disk, 1, 20);
    projector(&disk, true, true).catch_up().unwrap();
    let is_table = |path: &PathBuf| path.starts_with("/w/tables") && !disk.read(path).unwrap().is_empty();
    let path = disk.paths().into_iter().find(is_table).unwrap();
    (disk, path)
}

#[test]
fn tables_that_equal_a_rebuild_match() {
    let (disk, path) = published(20);
    let before = disk.read(&path);
    let report = verify_tables(&projector(&disk, false, true)).unwrap();
    assert_eq!(report, TablesReport { state: TablesState::Match, problems: vec![], notes: vec![] });
    // Entries that are newer than the saved tables are applied before the comparison.
    write(&disk, 2, 2);
    assert_eq!(verify_tables(&projector(&disk, false, true)).unwrap().state, TablesState::Match);
    assert_eq!(disk.read(&path), before);
}

#[test]
fn tables_that_differ_from_a_rebuild_are_named() {
    let (disk, _) = published(21);
    let report = verify_tables(&projector(&disk, false, false)).unwrap();
    // The saved tables have no counts, and no entry is applied to them again.
    assert_eq!(report.state, TablesState::Mismatch { tables: vec!["counts".to_owned()] });
    let codes: Vec<_> = report.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["projections_differ"]);
    assert_eq!(report.problems[0].message, "the projections differ from a rebuild in counts");
}

#[test]
fn log_that_changes_during_the_comparison_is_compared_again() {
    let (base, _) = published(24);
    for at in 0.. {
        let disk = base.fork();
        let (changed, process) = (disk.clone(), disk.spawn(3));
        let last = segments(&disk).pop().unwrap();
        let shorten = move || changed.remove_tree(&last);
        process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(shorten)));
        let storage = Arc::<SimProcess>::clone(&process);
        let report = verify_tables(&projector_of(storage, false, true)).unwrap();
        assert_eq!(report.state, TablesState::Match, "operation {at}");
        if !process.has_passed_plans() {
            break;
        }
    }
}

#[test]
fn damaged_tables_and_a_changed_log_are_problems_and_are_not_repaired() {
    let codes = |disk: &SimDisk| {
        let report = verify_tables(&projector(disk, false, true)).unwrap();
        assert_eq!(report.state, TablesState::Match);
        report.problems.iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    let (disk, path) = published(22);
    let mut bytes = disk.read(&path).unwrap();
    bytes.iter_mut().for_each(|byte| *byte ^= 0xff);
    disk.overwrite(&path, bytes.clone());
    assert_eq!(codes(&disk), ["projections_damaged"]);
    assert_eq!(disk.read(&path), Some(bytes));

    let (disk, _) = published(23);
    segments(&disk).iter().for_each(|segment| disk.remove_tree(segment));
    write(&disk, 2, 3);
    assert_eq!(codes(&disk), ["log_changed"]);
}
