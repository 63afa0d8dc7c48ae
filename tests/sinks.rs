//! Sinks, failures of sinks and of the log, replays, and the object form of results.

use crate::support::open_sim;
use contexta::capture::{
    BatchCaptureResult, CaptureResult, CompositeSink, DeliveryStatus, EventEmission, FailureMode,
    JsonLinesSink, LineFile, MemorySink, MetricEmission, OperationResult, PayloadFamily, ReplayOptions,
    ResultFailure, ResultStatus, SeriesSpec, Sink, SinkError, SinkReceipt, SinkRequest, Step, WriterSink,
};
use contexta::contract::fact::Change;
use contexta::contract::{RunStatus, Value};
use contexta::engine::entry::Position;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk};
use contexta::engine::storage::{DirEntry, File, FileInfo, OpenMode, Storage};
use contexta::{Contexta, DumpItem, Options, RunScope};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A sink that fails on request, and stores the positions of the facts that it accepted.
#[derive(Debug, Default)]
pub(crate) struct Flaky {
    name: &'static str,
    /// The number of calls that fail from now on.
    failing: AtomicU32,
    /// The number of all calls.
    calls: AtomicU32,
    is_permanent: bool,
    panics: bool,
    taken: Mutex<Vec<Position>>,
}

impl Flaky {
    pub(crate) fn named(name: &'static str) -> Arc<Flaky> {
        Arc::new(Flaky { name, ..Flaky::default() })
    }

    pub(crate) fn fail(&self, calls: u32) {
        self.failing.store(calls, Ordering::SeqCst);
    }

    pub(crate) fn taken(&self) -> Vec<Position> {
        self.taken.lock().unwrap().clone()
    }
}

impl Sink for Flaky {
    fn name(&self) -> &str {
        self.name
    }

    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let left = self.failing.load(Ordering::SeqCst);
        if left > 0 {
            self.failing.store(left - 1, Ordering::SeqCst);
            assert!(!self.panics, "out of order");
            return Err(match self.is_permanent {
                true => SinkError::permanent("bad_payload", "not for me"),
                false => SinkError::retryable("down", "the service is down"),
            });
        }
        self.taken.lock().unwrap().push(request.position());
        Ok(SinkReceipt::success())
    }
}

/// A storage with two disks. Paths below `/outbox` are on the second disk.
#[derive(Debug)]
pub(crate) struct TwoDisks {
    pub(crate) main: Arc<dyn Storage>,
    pub(crate) other: Arc<dyn Storage>,
}

impl TwoDisks {
    fn at(&self, path: &Path) -> &dyn Storage {
        if path.starts_with("/outbox") { self.other.as_ref() } else { self.main.as_ref() }
    }
}

impl Storage for TwoDisks {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        self.at(path).open(path, mode)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.at(path).create_dir_all(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.at(path).sync_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.at(from).rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.at(path).remove_file(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.at(path).list(path)
    }
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.at(path).resolve(path)
    }
    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        self.at(path).info(path)
    }
    fn now(&self) -> u64 {
        self.main.now()
    }
    fn sleep(&self, time: Duration) {
        self.main.sleep(time);
    }
    fn entropy(&self, out: &mut [u8]) -> io::Result<()> {
        self.main.entropy(out)
    }
    fn process_id(&self) -> u32 {
        self.main.process_id()
    }
    fn boot_id(&self) -> Option<[u8; 16]> {
        self.main.boot_id()
    }
}

pub(crate) fn options(storage: Arc<dyn Storage>) -> Options {
    Options::new("/w").project("wine").storage(storage).detect_code_revision(false)
}

pub(crate) fn outbox(options: Options) -> Options {
    options.failure_mode(FailureMode::Outbox).outbox_dir("/outbox")
}

pub(crate) fn start(contexta: &Contexta) -> RunScope {
    contexta.run("a").run_id("a").start().unwrap()
}

/// Returns the positions of all entries, in the order of the streams.
pub(crate) fn positions(contexta: &Contexta) -> Vec<Position> {
    contexta
        .dump_log(None)
        .unwrap()
        .filter_map(|item| match item.unwrap() {
            // The fact of the process is not delivered.
            DumpItem::Entry(entry) if entry.kind != "process" => {
                Some(Position { stream: entry.stream, seq: entry.seq })
            }
            _ => None,
        })
        .collect()
}

pub(crate) fn values(contexta: &Contexta) -> Vec<f64> {
    let series = contexta.step_series("a", "loss", None).unwrap();
    series.points.iter().map(|point| point.value.to_string().parse().unwrap()).collect()
}

fn degraded_keys(contexta: &Contexta) -> Vec<String> {
    let records = contexta.run_snapshot("a").unwrap().events;
    let key = |record: &contexta::contract::AnyRecord| match record {
        contexta::contract::AnyRecord::Degraded(marker) => Some(marker.payload.issue_key.clone()),
        _ => None,
    };
    records.iter().filter_map(|row| key(&row.record)).collect()
}

fn first_deliveries(taken: &[Position]) -> Vec<Position> {
    let mut seen = BTreeSet::new();
    taken.iter().copied().filter(|position| seen.insert(*position)).collect()
}

#[test]
fn sinks_receive_all_families_in_the_order_of_the_log() {
    let disk = SimDisk::new(1);
    let memory = Arc::new(MemorySink::default());
    let contexta = options(disk.process(1)).sink(memory.clone()).open().unwrap();
    let run = start(&contexta);
    let metric = run.metric("loss", 0.5).unwrap();
    run.degraded("input.missing", "no labels").unwrap();
    run.param("lr", 0.1).unwrap();
    disk.overwrite(Path::new("/model.bin"), b"weights".to_vec());
    let artifact = run.register_artifact("model", "/model.bin").unwrap();
    run.complete().unwrap();
    let entries = memory.entries();
    assert_eq!(entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), positions(&contexta));
    let types: Vec<(&str, &str)> = entries.iter().map(|e| (e.family.as_str(), e.payload_type)).collect();
    assert_eq!(
        types,
        [
            ("CONTEXT", "Project"),
            ("CONTEXT", "Run"),
            ("CONTEXT", "EnvironmentSnapshot"),
            ("CONTEXT", "RunWriter"),
            ("RECORD", "MetricRecord"),
            ("DEGRADATION", "DegradedRecord"),
            ("CONTEXT", "Param"),
            ("ARTIFACT", "ArtifactManifest"),
            ("CONTEXT", "LineageEdge"),
            ("CONTEXT", "Ended"),
        ]
    );
    assert_eq!(metric.status(), ResultStatus::Success);
    assert_eq!(metric.payload(), Some(&entries[4].payload));
    assert_eq!(entries[4].payload_ref.as_deref(), Some(metric.record_ref().unwrap().as_str()));
    assert_eq!(metric.deliveries()[0].status, DeliveryStatus::Success);
    let result = artifact.result();
    assert_eq!((result.family(), result.position()), (PayloadFamily::Artifact, Some(entries[7].position)));
    assert_eq!(result.payload(), Some(&entries[7].payload));
}

#[test]
fn changes_of_recorded_objects_reach_the_sinks_and_need_the_log() {
    let disk = SimDisk::new(15);
    let memory = Arc::new(MemorySink::default());
    let contexta = outbox(options(disk.process(1)).sink(memory.clone())).open().unwrap();
    let run = start(&contexta);
    disk.overwrite(Path::new("/model.bin"), b"weights".to_vec());
    let artifact = run.register_artifact("model", "/model.bin").unwrap();
    let own = run.run_ref().clone();
    run.complete().unwrap();
    let change = || Change::Note("better than the baseline".to_owned());
    contexta.annotate_run(&own, change()).unwrap();
    contexta.alias(&artifact.manifest.artifact_ref, "model:best").unwrap();
    contexta.end_run(&own, RunStatus::Failed, "wrong data").unwrap();
    let entries = memory.entries();
    assert_eq!(entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), positions(&contexta));
    let types: Vec<&str> = entries.iter().rev().take(3).rev().map(|entry| entry.payload_type).collect();
    assert_eq!(types, ["Annotation", "ArtifactAlias", "Ended"]);
    // A person waits for the result, so it must not depend on a replay.
    disk.set_read_only(true);
    let refused = contexta.annotate_run(&own, change()).unwrap_err();
    assert_eq!(refused.code(), "storage_read_only");
    assert_eq!(contexta.session().dispatch_counts().spilled, 0);
}

#[test]
fn failing_sink_under_raise_returns_an_error_with_the_result() {
    let disk = SimDisk::new(2);
    let (sink, memory) = (Flaky::named("flaky"), Arc::new(MemorySink::default()));
    let contexta = options(disk.process(1)).sink(sink.clone()).open().unwrap();
    let run = start(&contexta);
    sink.fail(1);
    let error = run.metric_at("loss", 1, 0.5).unwrap_err();
    assert_eq!(error.code(), "dispatch_all_eligible_sinks_failed");
    assert!(error.is_recorded() && error.to_string().contains("the service is down"), "{error}");
    let result = &error.results().unwrap()[0];
    assert_eq!((result.status(), result.operation().applied()), (ResultStatus::Failure, true));
    assert!(result.payload().is_some() && result.position().is_some());
    assert_eq!(result.deliveries()[0].metadata.get("attempts"), Some(&Value::Int(1)));
    // The sink continues with the next fact.
    let next = run.metric_at("loss", 2, 0.4).unwrap();
    assert_eq!(sink.taken().last(), Some(&next.position().unwrap()));
    assert_eq!(values(&contexta), [0.5, 0.4]);
    assert!(degraded_keys(&contexta).is_empty());
    run.complete().unwrap();
    drop((run, contexta));

    let contexta = options(disk.process(2)).sink(sink.clone()).sink(memory.clone()).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    sink.fail(1);
    let error = run.metric_at("loss", 3, 0.3).unwrap_err();
    assert_eq!(error.code(), "dispatch_some_sinks_failed");
    assert!(error.results().unwrap()[0].degradation_emitted());
    assert_eq!(degraded_keys(&contexta), ["capture.delivery_failed"]);
    assert_eq!(memory.entries().last().unwrap().family, PayloadFamily::Degradation);
    // If a sink refuses the start of a stage, the start is in the log, and the stage is marked as failed when its
    // handle is dropped.
    sink.fail(1);
    assert!(run.stage("train").unwrap_err().is_recorded());
    let stages = contexta.run_snapshot("a").unwrap().stages;
    assert_eq!(stages[0].status.as_str(), "failed");
    // If a sink refuses an end, the end is in the log.
    sink.fail(1);
    assert!(run.complete().unwrap_err().is_recorded());
    assert_eq!(run.status().as_str(), "completed");
}

#[test]
fn failing_sink_under_outbox_waits_for_a_replay_and_keeps_the_order() {
    let disk = SimDisk::new(3);
    let (sink, memory) = (Flaky::named("flaky"), Arc::new(MemorySink::default()));
    let open = |process| {
        outbox(options(disk.process(process)).sink(sink.clone()).sink(memory.clone())).open().unwrap()
    };
    let contexta = open(1);
    let run = start(&contexta);
    sink.fail(1);
    let first = run.metric_at("loss", 1, 0.5).unwrap();
    assert_eq!(first.status(), ResultStatus::Degraded);
    assert!(first.recovered_to_outbox() && first.degradation_emitted());
    assert_eq!(first.replay_refs(), [first.position().unwrap().to_string()]);
    assert_eq!(first.degradation_reasons(), ["recovered_to_outbox"]);
    // The sink works again, but later facts wait until the first fact is delivered.
    let calls = sink.calls.load(Ordering::SeqCst);
    let second = run.metric_at("loss", 2, 0.4).unwrap();
    assert_eq!(second.status(), ResultStatus::Degraded);
    assert_eq!(second.deliveries()[0].metadata.get("error_code"), Some(&Value::from("sink_waiting")));
    assert_eq!(second.deliveries()[1].status, DeliveryStatus::Success);
    assert_eq!(sink.calls.load(Ordering::SeqCst), calls);
    // There is one marker for the failure of the sink, and no marker for a fact that waits.
    assert_eq!(degraded_keys(&contexta), ["capture.delivery_failed"]);
    drop((run, contexta));

    let contexta = open(2);
    let run = contexta.run("b").run_id("b").start().unwrap();
    assert!(run.metric("x", 1).unwrap().recovered_to_outbox());
    let session = contexta.session();
    let some = session.replay_sinks(ReplayOptions::default().limit(1)).unwrap();
    assert_eq!((some[0].delivered, some[0].waiting > 0, some[1].delivered), (1, true, 0));
    assert!(run.metric("x", 2).unwrap().recovered_to_outbox());
    let rest = session.replay_sinks(ReplayOptions::default()).unwrap();
    assert_eq!((rest[0].waiting, rest[0].error.is_none()), (0, true));
    assert_eq!(run.metric("x", 3).unwrap().status(), ResultStatus::Success);
    assert_eq!(sink.taken(), positions(&contexta));
    assert_eq!(memory.entries().iter().map(|e| e.position).collect::<Vec<_>>(), positions(&contexta));
}

#[test]
fn retryable_errors_are_retried_with_growing_waits_and_permanent_errors_are_not() {
    let disk = SimDisk::new(4);
    let sink = Flaky::named("flaky");
    let open = |process, sink: Arc<Flaky>| {
        options(disk.process(process)).sink(sink).retry(3, Duration::from_secs(1)).open().unwrap()
    };
    let contexta = open(1, sink.clone());
    let run = start(&contexta);
    let storage = disk.process(9);
    let before = storage.now();
    sink.fail(3);
    let result = run.metric("loss", 0.5).unwrap();
    assert_eq!(
        (result.status(), (storage.now() - before) / 1_000_000_000),
        (ResultStatus::Success, 1 + 2 + 4)
    );
    sink.fail(4);
    let calls = sink.calls.load(Ordering::SeqCst);
    let error = run.metric("loss", 0.4).unwrap_err();
    assert_eq!(sink.calls.load(Ordering::SeqCst) - calls, 4);
    assert_eq!(error.results().unwrap()[0].deliveries()[0].metadata.get("attempts"), Some(&Value::Int(4)));
    drop((run, contexta));
    for (n, panics) in [(2, false), (3, true)] {
        let sink = Arc::new(Flaky { name: "other", is_permanent: true, panics, ..Flaky::default() });
        let contexta = open(n, sink.clone());
        let run = start(&contexta);
        sink.fail(1);
        let calls = sink.calls.load(Ordering::SeqCst);
        let error = run.metric("loss", 0.4).unwrap_err();
        assert_eq!(sink.calls.load(Ordering::SeqCst) - calls, 1);
        let delivery = &error.results().unwrap()[0].deliveries()[0];
        let code = if panics { "unexpected_sink_error" } else { "bad_payload" };
        assert_eq!(delivery.metadata.get("error_code"), Some(&Value::from(code)));
        assert!(run.metric("loss", 0.3).is_ok());
    }
}

#[test]
fn fact_becomes_a_dead_letter_after_the_given_number_of_failures() {
    let disk = SimDisk::new(5);
    let sink = Flaky::named("flaky");
    let contexta = outbox(options(disk.process(1)).sink(sink.clone())).open().unwrap();
    let run = start(&contexta);
    sink.fail(1);
    let bad = run.metric("loss", 0.5).unwrap();
    run.metric("loss", 0.4).unwrap();
    // The first failed delivery is counted too, so the second failure of this fact is the last attempt.
    sink.fail(1);
    let replay =
        contexta.session().replay_sinks(ReplayOptions::default().dead_letter_after_failures(2)).unwrap();
    assert_eq!((replay[0].dead_letters, replay[0].delivered, replay[0].waiting), (1, 1, 0));
    let letters = String::from_utf8(disk.read(Path::new("/outbox/dead_letter.jsonl")).unwrap()).unwrap();
    assert!(letters.contains(&bad.replay_refs()[0]) && letters.contains("\"attempts\":2"), "{letters}");
    assert_eq!(run.metric("loss", 0.3).unwrap().status(), ResultStatus::Success);
}

#[test]
fn full_and_read_only_disks_stop_a_training_under_raise_only() {
    for is_full in [true, false] {
        let (main, other) = (SimDisk::new(6), SimDisk::new(7));
        let storage = Arc::new(TwoDisks { main: main.process(1), other: other.process(1) });
        let broken = |on: bool| {
            if is_full {
                main.set_free_bytes(on.then_some(0));
            } else {
                main.set_read_only(on);
            }
        };
        let code = if is_full { "storage_full" } else { "storage_read_only" };
        {
            let contexta = options(storage.clone()).open().unwrap();
            let run = start(&contexta);
            broken(true);
            let refused = (0..1000).find_map(|_| run.event("noise", &"x".repeat(9000)).err()).unwrap();
            assert_eq!((refused.code(), refused.is_recorded()), (code, false));
            broken(false);
            run.complete().unwrap();
        }
        let sink = Flaky::named("flaky");
        let contexta = outbox(options(storage.clone()).sink(sink.clone())).open().unwrap();
        let run = contexta.run("b").run_id("b").start().unwrap();
        broken(true);
        let mut spilled = Vec::new();
        for step in 0..40 {
            // The log has reserved space, so the first captures may succeed.
            let result =
                run.emit(EventEmission::new("noise", "x".repeat(90_000)).attribute("step", step)).unwrap();
            if result.recovered_to_outbox() {
                assert_eq!(result.status(), ResultStatus::Degraded);
                assert_eq!(result.deliveries()[0].status, DeliveryStatus::Success);
                spilled.push(result.position().unwrap());
            }
        }
        let stage = run.stage("train").unwrap();
        assert!(spilled.len() > 1);
        assert!(contexta.session().dispatch_counts().spilled >= spilled.len() as u64);
        broken(false);
        assert_eq!(stage.metric_at("loss", 1, 0.5).unwrap().status(), ResultStatus::Success);
        stage.complete().unwrap();
        let keys = |name: &str| {
            let records = contexta.run_snapshot(name).unwrap().events;
            let keys = records.iter().map(|row| match &row.record {
                contexta::contract::AnyRecord::Degraded(marker) => marker.payload.issue_key.clone(),
                _ => "event".to_owned(),
            });
            keys.collect::<Vec<_>>()
        };
        assert_eq!(keys("b").iter().filter(|key| *key == "capture.log_failed").count(), 1);
        let replay = contexta.session().replay_outbox().unwrap();
        let counts = contexta.session().dispatch_counts();
        assert_eq!((replay.added, replay.total, counts.lost), (counts.spilled, counts.spilled, 0));
        assert_eq!(contexta.session().replay_outbox().unwrap().added, 0);
        run.complete().unwrap();
        assert_eq!(keys("b").iter().filter(|key| *key == "event").count(), 40);
        let all = positions(&contexta);
        assert!(spilled.iter().all(|position| all.contains(position)));
        let replayed = contexta.session().replay_sinks(ReplayOptions::default()).unwrap();
        assert_eq!((replayed[0].delivered, replayed[0].waiting), (0, 0));
        let own: BTreeSet<Position> = sink.taken().into_iter().collect();
        assert!(spilled.iter().all(|position| own.contains(position)));
    }
}

#[test]
fn points_of_a_series_that_the_log_refuses_wait_in_the_outbox() {
    let (main, other) = (SimDisk::new(10), SimDisk::new(11));
    let storage = Arc::new(TwoDisks { main: main.process(1), other: other.process(1) });
    let contexta = outbox(options(storage)).open().unwrap();
    let run = start(&contexta);
    let series = run.series(SeriesSpec::new("loss").tag("api_key", "hunter2hunter2")).unwrap();
    series.point_at(0, 0.5).unwrap();
    main.set_read_only(true);
    let one = series.point_at(1, 0.4).unwrap();
    let several = series.extend([2, 3], [0.3, 0.2]).unwrap();
    let plain = run.metric_at("loss", 4, 0.1).unwrap();
    let of_one_step = run.metrics(Some(Step(4)), [("acc", 0.1), ("auc", 0.2)]).unwrap();
    for result in [&one, &plain].into_iter().chain(several.iter()).chain(of_one_step.iter()) {
        assert_eq!((result.status(), result.recovered_to_outbox()), (ResultStatus::Degraded, true));
    }
    assert_eq!((one.redacted(), plain.redacted()), (&["tags.api_key".to_owned()][..], &[][..]));
    assert_eq!(several.results()[1].redacted(), ["tags.api_key"]);
    assert_eq!(contexta.session().dispatch_counts().spilled, 6);
    main.set_read_only(false);
    assert_eq!(series.point_at(5, 0.0).unwrap().status(), ResultStatus::Success);
    assert_eq!(degraded_keys(&contexta), ["capture.log_failed"]);
    assert_eq!(contexta.session().replay_outbox().unwrap().added, 6);
    run.complete().unwrap();
    assert_eq!(contexta.step_series("a", "auc", None).unwrap().points[0].step, 4);
    // The point without the tag belongs to another series.
    assert_eq!(values(&contexta), [0.1]);
    let tagged = contexta.step_series("a", "loss{api_key=[redacted]}", None).unwrap().points;
    let tagged: Vec<_> = tagged.iter().map(|point| (point.step, point.value.as_f64())).collect();
    assert_eq!(tagged, [(0, 0.5), (1, 0.4), (2, 0.3), (3, 0.2), (5, 0.0)]);
}

#[test]
fn captures_are_failed_results_and_counted_if_outbox_and_log_fail() {
    let disk = SimDisk::new(8);
    let contexta = outbox(options(disk.process(1))).open().unwrap();
    let run = start(&contexta);
    disk.set_read_only(true);
    let result = run.metric_at("loss", 1, 0.5).unwrap();
    assert_eq!((result.status(), result.error_code()), (ResultStatus::Failure, Some("storage_read_only")));
    assert_eq!((result.position(), result.operation().applied()), (None, false));
    assert!(result.payload().is_some());
    let batch = run.emit_all([MetricEmission::new("a", 1), MetricEmission::new("b", 2)]).unwrap();
    assert_eq!((batch.status(), batch.counts().failure), (ResultStatus::Failure, 2));
    let stage = run.stage("train").unwrap();
    stage.metric("c", 3).unwrap();
    stage.complete().unwrap();
    assert_eq!(contexta.session().dispatch_counts().lost, 6);
    disk.set_read_only(false);
    assert_eq!(run.metric_at("loss", 2, 0.4).unwrap().status(), ResultStatus::Success);
    run.complete().unwrap();
    assert_eq!(values(&contexta), [0.4]);
    assert_eq!(degraded_keys(&contexta), ["capture.log_failed"]);
}

#[test]
fn kill_at_every_operation_loses_no_entry_for_a_sink() {
    let mut killed = 0;
    for operation in 0.. {
        let disk = SimDisk::new(9);
        let sink = Flaky::named("flaky");
        let process = disk.spawn(1);
        process.plan(Moment::Operation(operation), Fault::Kill);
        let training = |contexta: &Contexta| -> contexta::Result<()> {
            let run = contexta.run("a").run_id("a").start()?;
            for step in 0..3 {
                run.metric_at("loss", step, 0.5)?;
            }
            run.complete()?;
            contexta.close()?;
            Ok(())
        };
        let done =
            options(process.clone()).sink(sink.clone()).open().and_then(|contexta| training(&contexta));
        killed += u32::from(done.is_err());
        let contexta = options(disk.process(2)).sink(sink.clone()).open().unwrap();
        let replay = contexta.session().replay_sinks(ReplayOptions::default()).unwrap();
        assert_eq!((replay[0].waiting, replay[0].error.is_none()), (0, true), "operation {operation}");
        let run = contexta.run("b").run_id("b").start().unwrap();
        run.complete().unwrap();
        assert_eq!(first_deliveries(&sink.taken()), positions(&contexta), "operation {operation}");
        if done.is_ok() {
            break;
        }
    }
    assert!(killed > 30, "{killed}");
}

#[test]
fn kill_at_every_operation_of_a_replay_leaves_each_spilled_record_once() {
    for operation in 0.. {
        let (main, other) = (SimDisk::new(10), SimDisk::new(11));
        let storage = |n| Arc::new(TwoDisks { main: main.process(n), other: other.process(n) });
        let contexta = outbox(options(storage(1))).open().unwrap();
        let run = start(&contexta);
        main.set_read_only(true);
        let spilled: Vec<_> = (0..3)
            .map(|step| run.metric_at("loss", step, step as f64).unwrap().position().unwrap())
            .collect();
        main.set_read_only(false);
        let process = main.spawn(2);
        process.plan(Moment::Operation(operation), Fault::Kill);
        let killed = Arc::new(TwoDisks { main: process.clone(), other: other.process(2) });
        let done = outbox(options(killed)).open().and_then(|c| Ok(c.session().replay_outbox()?));
        let again = outbox(options(storage(3))).open().unwrap();
        let replay = again.session().replay_outbox().unwrap();
        assert_eq!(replay.total, 3, "operation {operation}");
        let all = positions(&again);
        for position in &spilled {
            assert_eq!(all.iter().filter(|p| *p == position).count(), 1, "operation {operation}");
        }
        assert_eq!(values(&again), [0.0, 1.0, 2.0]);
        if done.is_ok() {
            return;
        }
    }
}

#[test]
fn sixteen_threads_deliver_every_record_in_the_order_of_the_log() {
    let disk = SimDisk::new(12);
    let sink = Flaky::named("flaky");
    let contexta = options(disk.process(1)).sink(sink.clone()).open().unwrap();
    let run = start(&contexta);
    std::thread::scope(|threads| {
        for thread in 0..16 {
            let run = &run;
            threads.spawn(move || {
                for step in 0..25 {
                    run.metric_at(&format!("loss.{thread}"), step, 0.5).unwrap();
                }
            });
        }
    });
    run.complete().unwrap();
    assert_eq!(sink.taken(), positions(&contexta));
    assert!(sink.taken().len() >= 16 * 25);
}

#[test]
fn sink_may_capture_into_its_own_session() {
    struct Echo(Mutex<Option<RunScope>>);
    impl Sink for Echo {
        fn name(&self) -> &str {
            "echo"
        }
        fn families(&self) -> &[PayloadFamily] {
            &[PayloadFamily::Record]
        }
        fn capture(&self, _: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
            if let Some(run) = self.0.lock().unwrap().as_ref() {
                run.event("echo.seen", "x").unwrap();
            }
            Ok(SinkReceipt::success())
        }
    }
    let disk = SimDisk::new(13);
    let sink = Arc::new(Echo(Mutex::new(None)));
    let contexta = options(disk.process(1)).sink(sink.clone()).open().unwrap();
    let run = start(&contexta);
    *sink.0.lock().unwrap() = Some(run.clone());
    run.metric("loss", 0.5).unwrap();
    *sink.0.lock().unwrap() = None;
    run.complete().unwrap();
    assert_eq!(contexta.run_snapshot("a").unwrap().events.len(), 1);
}

#[test]
fn json_lines_stream_and_composite_sinks_write_the_documented_forms() {
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Shared {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(data);
            Ok(data.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let disk = SimDisk::new(14);
    let out = Shared::default();
    let lines = JsonLinesSink::to(LineFile::on(disk.process(1), "/out/records.jsonl"));
    let lines = lines.only(&[PayloadFamily::Record, PayloadFamily::Degradation]);
    let broken = Flaky::named("broken");
    broken.fail(u32::MAX);
    let composite =
        CompositeSink::new("both", [Arc::new(WriterSink::new("out", out.clone())) as Arc<dyn Sink>, broken]);
    let contexta = options(disk.process(1)).sink(Arc::new(lines)).sink(Arc::new(composite)).open().unwrap();
    let run = start(&contexta);
    let result = run.metric("loss", 0.5).unwrap();
    assert_eq!(
        (result.status(), result.degradation_reasons()),
        (ResultStatus::Degraded, &["sink_degraded:both".to_owned()][..])
    );
    assert_eq!(result.deliveries()[1].detail, "1 succeeded; 1 failed");
    run.complete().unwrap();
    let text = String::from_utf8(disk.read(Path::new("/out/records.jsonl")).unwrap()).unwrap();
    assert_eq!(text.lines().count(), 1);
    let line = contexta::contract::json::read::parse(text.trim()).unwrap();
    let Value::Map(members) = &line else { panic!("{line:?}") };
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["captured_at", "family", "payload", "payload_ref", "payload_type", "position", "sink_name"]
    );
    assert!(text.starts_with("{\"captured_at\":\"") && text.ends_with("\"sink_name\":\"local-jsonl\"}\n"));
    // Canonical text has no members that are null.
    let mut payload = result.payload().unwrap().clone();
    payload.drop_nulls();
    assert_eq!(members.get("payload"), Some(&payload));
    let out = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    let metric = out.lines().find(|line| line.contains("MetricRecord")).unwrap();
    assert!(metric.starts_with(
        "{\"sink\":\"out\",\"family\":\"RECORD\",\"payload_type\":\"MetricRecord\",\"payload_ref\":\"record:"
    ));
    // A name can be used once, and must not be blank.
    let twice = options(disk.process(1)).sink(Flaky::named("a")).sink(Flaky::named("a"));
    assert_eq!(twice.open().unwrap_err().code(), "sink_invalid");
    assert_eq!(options(disk.process(1)).sink(Flaky::named(" ")).open().unwrap_err().code(), "sink_invalid");
}

#[test]
fn results_have_the_object_form_of_the_python_package() {
    let names = |json: &str| {
        // The names of the members at depth one, in their order.
        let (mut depth, mut names, mut rest) = (0, Vec::new(), json);
        while let Some(c) = rest.chars().next() {
            match c {
                '{' | '[' => depth += 1,
                '}' | ']' => depth -= 1,
                '"' => {
                    let end = 1 + rest[1..].find('"').unwrap();
                    if depth == 1 && rest[end + 1..].starts_with(':') {
                        names.push(rest[1..end].to_owned());
                    }
                    rest = &rest[end..];
                }
                _ => {}
            }
            rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
        }
        names
    };
    let single = [
        "family",
        "status",
        "deliveries",
        "warnings",
        "degradation_reasons",
        "payload",
        "degradation_emitted",
        "degradation_payload",
        "recovered_to_outbox",
        "replay_refs",
        "error_code",
        "error_message",
        "messages",
        "degradation_notes",
        "failure",
        "applied",
        "planned_only",
        "metadata",
        "position",
        "durability",
        "redacted",
    ];
    let disk = SimDisk::new(15);
    let contexta = open_sim(&disk, 1, "/w");
    let run = start(&contexta);
    let success = run.metric("loss", 0.5).unwrap();
    assert_eq!(names(&success.to_json().unwrap()), single);
    assert_eq!((success.payload(), success.deliveries().len()), (None, 0));
    let metadata = success.metadata();
    assert_eq!(metadata.get("service"), Some(&Value::from("metric")));
    assert_eq!(metadata.get("dispatch_pending"), Some(&Value::Bool(false)));
    let value = success.to_value();
    assert_eq!(value.get("error_code"), Some(&Value::Null));
    let batch = run.emit_all([EventEmission::new("a", "b")]).unwrap();
    let of_batch = [
        "family",
        "status",
        "results",
        "messages",
        "degradation_notes",
        "failure",
        "applied",
        "planned_only",
        "metadata",
    ];
    assert_eq!(names(&batch.to_json().unwrap()), of_batch);

    let record = PayloadFamily::Record;
    let degraded = CaptureResult::with_degradation(record, Some(1.into()), ["slow", "slow", "late"]);
    assert_eq!(degraded.degradation_reasons(), ["slow", "late"]);
    let codes: Vec<&str> = degraded.operation().degradation_notes().iter().map(|n| n.code.as_str()).collect();
    assert_eq!(codes, ["capture_degradation_1", "capture_degradation_2"]);
    let bare = CaptureResult::with_degradation(record, None, Vec::<String>::new());
    assert_eq!(bare.operation().degradation_notes()[0].code, "capture_degraded");
    let failed = CaptureResult::failure_result(record, None, ResultFailure::new("x_failed", "no"));
    assert_eq!((failed.error_code(), failed.error_message()), (Some("x_failed"), Some("no")));
    assert!(!failed.operation().applied() && OperationResult::success().applied());
    assert!(!OperationResult::success().planned().applied());
    let status = |results: &[&CaptureResult]| {
        let results = results.iter().map(|result| (*result).clone()).collect();
        BatchCaptureResult::from_results(results).unwrap().status()
    };
    assert_eq!(status(&[]), ResultStatus::Success);
    assert_eq!(status(&[&failed, &failed]), ResultStatus::Failure);
    assert_eq!(status(&[&success, &failed]), ResultStatus::Degraded);
    assert_eq!(status(&[&success, &degraded]), ResultStatus::Degraded);
    let partial = BatchCaptureResult::from_results(vec![success, failed.clone()]).unwrap();
    assert_eq!(partial.operation().degradation_notes()[0].code, "capture_batch_partial_failure");
    let other = CaptureResult::success(PayloadFamily::Artifact, None);
    assert!(BatchCaptureResult::from_results(vec![failed, other]).is_err());
}
