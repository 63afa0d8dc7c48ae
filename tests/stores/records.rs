//! The record store.

use super::{damage, event, metric, open, run_ref};
use contexta::contract::{Canonical, Value, to_payload};
use contexta::engine::codec::CodecError;
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Event, Kind, PayloadVersion};
use contexta::engine::log::{Log, LogOptions};
use contexta::engine::storage::sim::SimDisk;
use contexta::store::records::{IntegrityState, RecordStore, ReplayMode, ScanFilter, ScanItem};
use contexta::store::{Durability, Error, PlaneError};
use std::path::Path;

const NOON: &str = "2024-01-01T12:00:00Z";

/// Returns the last components of the refs of the records that a scan returns.
fn scanned(store: &RecordStore, filter: &ScanFilter) -> Vec<String> {
    let key = |item| match item {
        ScanItem::Record(stored) => stored.record_ref().last_component().to_owned(),
        other => panic!("{other:?}"),
    };
    store.scan(filter).unwrap().map(|item| key(item.unwrap())).collect()
}

#[test]
fn repeated_append_adds_nothing_and_another_record_with_the_ref_is_rejected() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    let store = contexta.record_store();
    // As a number, NaN differs from itself. The record is the same nevertheless.
    let nan = metric("run:p.r", "m", NOON, "\"NaN\"");
    let large = metric("run:p.r", "n", NOON, "9007199254740993");
    let first = store.append_many([nan.clone(), large.clone()]).unwrap();
    assert!(first.success() && first.accepted.iter().all(|receipt| receipt.is_new), "{first:?}");
    let other = metric("run:p.r", "m", NOON, "1.0");
    let again = store.append_many([nan.clone(), other, large.clone(), nan.clone()]).unwrap();
    let positions: Vec<_> = again.accepted.iter().map(|r| (r.position, r.is_new)).collect();
    let (m, n) = (first.accepted[0].position, first.accepted[1].position);
    assert_eq!(positions, [(m, false), (n, false), (m, false)]);
    let rejected: Vec<_> = again.rejected.iter().map(|r| (r.index, r.code)).collect();
    assert_eq!(rejected, [(1, "record_store_ref_conflict")]);
    let replay = store.replay(&ScanFilter::default(), ReplayMode::Strict).unwrap();
    let records: Vec<Value> = replay.records.iter().map(|stored| stored.record.to_value()).collect();
    assert_eq!(
        records.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>(),
        [nan, large].map(|r| format!("{:?}", r.to_value()))
    );
    assert_eq!(replay.integrity_state.as_str(), "HEALTHY");
}

#[test]
fn duplicate_within_one_append_is_recorded_once() {
    let disk = SimDisk::new(1);
    let store = open(&disk, 1).record_store();
    let record = event("run:p.r", "a", NOON, "同じ");
    let done = store.append_many([record.clone(), record]).unwrap();
    assert_eq!(done.accepted.iter().map(|r| r.is_new).collect::<Vec<_>>(), [true, false]);
    assert_eq!(done.accepted[0].position, done.accepted[1].position);
    assert_eq!(scanned(&store, &ScanFilter::default()), ["a"]);
}

#[test]
fn filters_of_a_scan_hold_together_and_times_are_instants() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    let store = contexta.record_store();
    let records = [
        event("run:p.a", "e1", "2024-01-01T00:00:00Z", "1"),
        metric("run:p.b", "m1", "2024-01-01T00:00:00.5Z", "1.0"),
        event("run:p.a", "e2", "2024-01-01T00:00:01Z", "2"),
        metric("run:p.a", "m2", "2024-01-01T00:00:02Z", "2.0"),
    ];
    store.append_many(records).unwrap();
    let with = |members: &[(&str, &str)]| {
        members.iter().fold(ScanFilter::default(), |filter, (name, text)| filter.with(name, text).unwrap())
    };
    assert_eq!(scanned(&store, &with(&[])), ["e1", "m1", "e2", "m2"]);
    assert_eq!(scanned(&store, &with(&[("run_ref", "run:p.a")])), ["e1", "e2", "m2"]);
    assert_eq!(scanned(&store, &with(&[("run_ref", "run:p.a"), ("record_type", "EVENT")])), ["e1", "e2"]);
    // As text, `…00.5Z` sorts before `…00Z`.
    assert_eq!(
        scanned(
            &store,
            &with(&[("start_time", "2024-01-01T00:00:00Z"), ("end_time", "2024-01-01T01:00:00.5+01:00")])
        ),
        ["e1", "m1"]
    );
    assert_eq!(scanned(&store, &with(&[("run_ref", "run:p.none")])), Vec::<String>::new());
    let reversed = with(&[("start_time", "2024-01-01T00:00:01Z"), ("end_time", "2024-01-01T00:00:00Z")]);
    assert_eq!(store.scan(&reversed).unwrap_err().code(), "record_store_invalid_time_range");
    assert_eq!(
        store.replay(&reversed, ReplayMode::Lenient).unwrap_err().code(),
        "record_store_invalid_time_range"
    );
}

#[test]
fn captured_records_are_scanned_by_deployment_batch_sample_and_operation() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    let run = contexta.run("r").run_id("r").start().unwrap();
    let stage = run.stage("train").unwrap();
    let batch = stage.batch("b").unwrap();
    let sample = batch.sample("s").unwrap();
    let operation = batch.operation("o").unwrap();
    run.event("in.run", "1").unwrap();
    stage.event("in.stage", "2").unwrap();
    batch.metric("loss", 3.0).unwrap();
    sample.event("in.sample", "4").unwrap();
    operation.event("in.operation", "5").unwrap();
    let store = contexta.record_store();
    let count = |name: &str, of: &str| {
        let filter = ScanFilter::default().with(name, of).unwrap();
        store.replay(&filter, ReplayMode::Strict).unwrap().record_count
    };
    assert_eq!(count("run_ref", "run:wine.r"), 5);
    assert_eq!(count("stage_execution_ref", stage.object_ref().as_str()), 4);
    assert_eq!(count("batch_execution_ref", batch.object_ref().as_str()), 3);
    assert_eq!(count("sample_observation_ref", sample.object_ref().as_str()), 1);
    assert_eq!(count("operation_context_ref", operation.object_ref().as_str()), 1);
    assert_eq!(count("deployment_execution_ref", "deployment:wine.none"), 0);
}

#[test]
fn scan_of_many_records_returns_each_once_with_and_without_a_run() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    let store = contexta.record_store();
    let records = (0..1500).map(|n| event("run:p.r", &format!("k{n}"), NOON, "x"));
    // The same records again, as an import of an earlier export would append them.
    assert_eq!(store.append_many(records.clone()).unwrap().accepted.len(), 1500);
    assert_eq!(store.append_many(records).unwrap().accepted.iter().filter(|r| r.is_new).count(), 0);
    let expected: Vec<String> = (0..1500).map(|n| format!("k{n}")).collect();
    assert_eq!(scanned(&store, &ScanFilter::default()), expected);
    assert_eq!(scanned(&store, &ScanFilter::of_run(run_ref("run:p.r"))), expected);
    // Records that are appended during a scan belong to the next scan.
    let mut scan = store.scan(&ScanFilter::default()).unwrap();
    scan.next().unwrap().unwrap();
    store.append(event("run:p.r", "late", NOON, "x")).unwrap();
    assert_eq!(scan.count(), 1499);
}

/// Appends five events. The second, third and fourth event are appended in one commit.
fn five_events(disk: &SimDisk) {
    let contexta = open(disk, 1);
    let store = contexta.record_store();
    store.append(event("run:p.r", "k0", NOON, "first-event")).unwrap();
    let middle = ["alpha-centauri", "quartz-crystal", "zirconium-tube"].into_iter().zip(1..);
    let middle = middle.map(|(message, n)| event("run:p.r", &format!("k{n}"), NOON, message));
    store.append_many(middle).unwrap();
    store.append(event("run:p.r", "k4", NOON, "last-event")).unwrap();
    contexta.close().unwrap();
}

#[test]
fn strict_replay_names_the_place_of_damage_and_tolerant_replay_reads_on() {
    let disk = SimDisk::new(1);
    five_events(&disk);
    let (path, offset) = damage(&disk, "quartz-crystal");
    let store = open(&disk, 2).record_store();
    let error = store.replay(&ScanFilter::default(), ReplayMode::Strict).unwrap_err();
    assert_eq!(error.code(), "record_replay_unhealthy_store");
    let Error::Plane(PlaneError::ReplayUnhealthy { stream, segment, offset: found, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(path.to_string_lossy().contains(&stream.unwrap().to_string()), "{path:?}");
    assert_eq!(segment.unwrap().0, 1);
    assert!(found.unwrap() as usize <= offset, "{found:?} {offset}");

    let replay = store.replay(&ScanFilter::default(), ReplayMode::Tolerant).unwrap();
    let keys: Vec<_> = replay.records.iter().map(|s| s.record_ref().last_component().to_owned()).collect();
    assert_eq!(keys, ["k0", "k4"]);
    assert_eq!((replay.record_count, replay.integrity_state), (2, IntegrityState::Corrupted));
    let [gap] = replay.known_gaps.as_slice() else { panic!("{:?}", replay.known_gaps) };
    let lost = gap.end_sequence.unwrap().0 - gap.start_sequence.unwrap().0 + 1;
    assert_eq!((gap.code, lost, replay.warnings.len()), ("damaged", 3, 1));
    assert!(replay.salvaged.is_empty());
    // The gap is reported for every filter, because the lost records are unknown.
    let other = ScanFilter::of_run(run_ref("run:p.other"));
    assert_eq!(store.replay(&other, ReplayMode::Strict).unwrap_err().code(), "record_replay_unhealthy_store");
}

#[test]
fn lenient_replay_returns_the_records_before_the_damage_in_a_commit() {
    let disk = SimDisk::new(1);
    five_events(&disk);
    damage(&disk, "zirconium-tube");
    let store = open(&disk, 2).record_store();
    let replay = store.replay(&ScanFilter::default(), ReplayMode::Lenient).unwrap();
    assert_eq!((replay.record_count, replay.integrity_state), (2, IntegrityState::Corrupted));
    let salvaged: Vec<_> = replay
        .salvaged
        .iter()
        .map(|found| found.record.as_ref().unwrap().envelope().record_ref.last_component().to_owned())
        .collect();
    assert_eq!(salvaged, ["k1", "k2"]);
}

#[test]
fn integrity_of_records_names_damage_and_counts_what_is_left() {
    let disk = SimDisk::new(1);
    five_events(&disk);
    let report = open(&disk, 2).record_store().check_integrity().unwrap();
    assert!(report.healthy && report.issues.is_empty(), "{report:?}");
    assert_eq!((report.state, report.record_count), (IntegrityState::Healthy, 5));
    damage(&disk, "quartz-crystal");
    let store = open(&disk, 3).record_store();
    let report = store.check_integrity().unwrap();
    assert!(!report.healthy);
    assert_eq!((report.state, report.record_count, report.issues.len()), (IntegrityState::Corrupted, 2, 1));
    assert!(report.recommendations.contains(&"plan_repairs"), "{report:?}");
    let before: Vec<_> = disk.paths().into_iter().filter(|path| path.starts_with("/w/log")).collect();
    let plan = store.plan_repairs().unwrap();
    assert!(!plan.is_empty(), "{plan}");
    assert_eq!(
        disk.paths().into_iter().filter(|path| path.starts_with("/w/log")).collect::<Vec<_>>(),
        before
    );
}

/// An entry with the kind of a metric, and a payload that is not a metric.
struct Garbage;

impl Event for Garbage {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(17), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(17)
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(b"\xff\xffgarbage");
        Ok(())
    }

    fn decode(_: Kind, _: PayloadVersion, _: &[u8]) -> Result<Option<Garbage>, CodecError> {
        Ok(Some(Garbage))
    }
}

#[test]
fn malformed_payload_is_a_warning_and_lenient_replay_returns_its_bytes() {
    let disk = SimDisk::new(1);
    five_events(&disk);
    let domain = Domain::new("contexta-ml", 1).unwrap();
    let log = Log::new(disk.process(2), "/w/log".into(), LogOptions::new(domain));
    log.append(&[Garbage], Durability::Fsync).unwrap();
    log.close().unwrap();
    let store = open(&disk, 3).record_store();
    let tolerant = store.replay(&ScanFilter::default(), ReplayMode::Tolerant).unwrap();
    assert_eq!((tolerant.record_count, tolerant.integrity_state), (5, IntegrityState::Corrupted));
    assert!(tolerant.malformed.is_empty() && !tolerant.warnings.is_empty(), "{tolerant:?}");
    let lenient = store.replay(&ScanFilter::default(), ReplayMode::Lenient).unwrap();
    let [malformed] = lenient.malformed.as_slice() else { panic!("{lenient:?}") };
    assert!(malformed.payload.ends_with(b"garbage"), "{malformed:?}");
    assert_eq!((malformed.kind.as_str(), malformed.is_unknown), ("metric", false));
    let strict = store.replay(&ScanFilter::default(), ReplayMode::Strict).unwrap_err();
    assert_eq!(strict.code(), "record_replay_unhealthy_store");
}

#[test]
fn export_writes_canonical_records_and_a_failed_export_keeps_the_earlier_file() {
    let disk = SimDisk::new(1);
    five_events(&disk);
    let out = Path::new("/out/records.jsonl");
    let store = open(&disk, 2).record_store();
    let result = store.export_jsonl(out, &ScanFilter::default(), ReplayMode::Strict).unwrap();
    assert_eq!((result.record_count, result.records.len()), (5, 0));
    let text = String::from_utf8(disk.read(out).unwrap()).unwrap();
    let lines: Vec<Value> =
        text.lines().map(|line| contexta::contract::json::read::parse(line).unwrap()).collect();
    let replay = store.replay(&ScanFilter::default(), ReplayMode::Strict).unwrap();
    assert_eq!(lines, replay.records.iter().map(|s| to_payload(&s.record)).collect::<Vec<_>>());
    damage(&disk, "quartz-crystal");
    let store = open(&disk, 3).record_store();
    store.export_jsonl(out, &ScanFilter::default(), ReplayMode::Strict).unwrap_err();
    assert_eq!(disk.read(out).unwrap(), text.as_bytes());
    let temporary = disk.paths().into_iter().filter(|path| path.starts_with("/out") && path != out);
    assert_eq!(temporary.count(), 0);
    let result = store.export_jsonl(out, &ScanFilter::default(), ReplayMode::Tolerant).unwrap();
    assert_eq!((result.record_count, result.known_gaps.len()), (2, 1));
}

#[test]
fn read_only_records_are_not_appended() {
    let disk = SimDisk::new(1);
    five_events(&disk);
    let options = contexta::Options::new("/w").storage(disk.process(2)).read_only();
    let contexta = options.open().unwrap();
    let error = contexta.record_store().append(event("run:p.r", "k9", NOON, "x")).unwrap_err();
    assert_eq!(error.code(), "record_store_read_only");
    assert_eq!(
        contexta.record_store().replay(&ScanFilter::default(), ReplayMode::Strict).unwrap().record_count,
        5
    );
    let project = contexta.metadata_store().projects();
    let written = project.put_project(contexta::contract::Project::new(
        super::r::<contexta::contract::ProjectRef>("project:q"),
        "q",
        super::at(NOON),
    ));
    assert_eq!(written.unwrap_err().code(), "metadata_store_read_only");
}
