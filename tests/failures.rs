//! Failures in the middle of a training: a full disk, a workspace that becomes read-only, a failed write at any moment,
//! and a sink that fails; for a metric, an event, an artifact and the end of the run, under both failure modes.

use crate::sinks::{Flaky, TwoDisks, options, outbox, positions, start, values};
use contexta::capture::{
    ArtifactRegistration, CaptureResult, DeliveryStatus, IngestMode, MemorySink, ReplayOptions, ResultStatus,
    RunScope,
};
use contexta::contract::{AnyRecord, ArtifactRef, RunStatus, Value};
use contexta::engine::entry::{Position, StreamId};
use contexta::engine::storage::sim::{Fault, Moment, SimDisk};
use contexta::store::ArtifactRow;
use contexta::{Contexta, IngestCommit, IngestSettings, VerifyOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

const CONTENT: &[u8] = b"the weights of a model";
const MODEL: &str = "/model.bin";

/// The capture during which the failure occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Metric,
    Event,
    Artifact,
    End,
}

const WHAT: [What; 4] = [What::Metric, What::Event, What::Artifact, What::End];

/// Captures a fact. Returns the result of the capture; `None` for the end of the run, which has no result.
fn capture(run: &RunScope, what: What) -> contexta::capture::Result<Option<CaptureResult>> {
    match what {
        What::Metric => run.metric_at("loss", 1, 0.5).map(Some),
        What::Event => run.event("epoch", "one").map(Some),
        What::Artifact => run.register(model()).map(|registered| Some(registered.result())),
        What::End => run.complete().map(|_| None),
    }
}

fn model() -> ArtifactRegistration {
    ArtifactRegistration::output("model_bundle", MODEL).key("m")
}

/// A machine with two disks: one for the workspace and one for the outbox.
struct Machine {
    main: SimDisk,
    other: SimDisk,
}

impl Machine {
    fn new(seed: u64) -> Machine {
        let machine = Machine { main: SimDisk::new(seed), other: SimDisk::new(seed + 100) };
        machine.main.overwrite(Path::new(MODEL), CONTENT.to_vec());
        machine
    }

    fn storage(&self) -> Arc<TwoDisks> {
        Arc::new(TwoDisks { main: self.main.process(1), other: self.other.process(1) })
    }

    /// Makes the disk of the workspace full or read-only. Then captures until the log takes not even a metric, because
    /// the log has reserved space.
    fn fail(&self, is_full: bool, run: &RunScope) {
        if is_full {
            self.main.set_free_bytes(Some(0));
        } else {
            self.main.set_read_only(true);
        }
        let is_refused = |result: contexta::capture::Result<CaptureResult>| {
            result.map_or(true, |result| result.recovered_to_outbox())
        };
        let noise = "x".repeat(9000);
        assert!((0..1000).any(|_| is_refused(run.event("noise", &noise))));
        assert!((0..1000).any(|_| is_refused(run.metric("noise", 1))));
    }

    fn repair(&self) {
        self.main.set_free_bytes(None);
        self.main.set_read_only(false);
        self.tick();
    }

    /// Moves the clock, so that the next capture is later than all captures so far.
    fn tick(&self) {
        self.main.advance(1_000_000);
    }
}

fn artifact(contexta: &Contexta) -> Option<ArtifactRow> {
    let own = ArtifactRef::parse("artifact:wine.a.m").unwrap();
    contexta.store().read(|view| view.artifact(&own)).unwrap()
}

/// Returns the issue keys of the degraded markers of all runs, and the number of facts that the markers
/// `capture.log_failed` report as spilled.
fn markers(contexta: &Contexta) -> (Vec<String>, i64) {
    let (mut keys, mut spilled) = (Vec::new(), 0);
    for run in contexta.list_runs(None).unwrap().runs {
        for row in contexta.run_snapshot(run.run.run_ref.as_str()).unwrap().events {
            let AnyRecord::Degraded(marker) = row.record else { continue };
            keys.push(marker.payload.issue_key.clone());
            if let Some(Value::Int(count)) = marker.payload.attributes.get("spilled") {
                spilled += count;
            }
        }
    }
    (keys, spilled)
}

/// Returns the positions of each stream, in their order.
fn by_stream(positions: &[Position]) -> BTreeMap<StreamId, Vec<Position>> {
    let mut streams: BTreeMap<StreamId, Vec<Position>> = BTreeMap::new();
    positions.iter().for_each(|position| streams.entry(position.stream).or_default().push(*position));
    streams
}

fn is_whole(contexta: &Contexta) -> bool {
    let problems = contexta.verify(VerifyOptions::default()).unwrap().problems;
    assert_eq!(problems, []);
    problems.is_empty()
}

#[test]
fn failed_disk_under_outbox_stops_no_capture_and_a_replay_completes_the_log() {
    for (what, is_full) in WHAT.into_iter().flat_map(|what| [(what, true), (what, false)]) {
        let at = format!("{what:?}, full: {is_full}");
        let machine = Machine::new(1);
        let sink = Flaky::named("sink");
        let contexta = outbox(options(machine.storage()).sink(sink.clone())).open().unwrap();
        let run = start(&contexta);
        run.metric_at("loss", 0, 1.0).unwrap();
        machine.tick();
        machine.fail(is_full, &run);
        machine.tick();
        let result = capture(&run, what).unwrap_or_else(|error| panic!("{at}: {error}"));
        if let Some(result) = &result {
            assert_eq!((result.status(), result.error_code()), (ResultStatus::Degraded, None), "{at}");
            assert!(result.recovered_to_outbox() && !result.degradation_emitted(), "{at}");
            assert_eq!(result.replay_refs(), [result.position().unwrap().to_string()], "{at}");
            assert!(result.deliveries().iter().all(|d| d.status == DeliveryStatus::Success), "{at}");
            let reasons = &["recovered_to_outbox", "artifact_body_not_stored"][..];
            let reasons = if what == What::Artifact { reasons } else { &reasons[..1] };
            assert_eq!(result.degradation_reasons(), reasons, "{at}");
        }
        // The training continues while the disk cannot be written, after the end with another run.
        machine.tick();
        let later =
            if what == What::End { contexta.run("b").run_id("b").start().unwrap() } else { run.clone() };
        let next = later.metric_at("loss", 2, 0.25).unwrap();
        assert!(next.recovered_to_outbox(), "{at}");

        // The first capture that the log takes is followed by the degraded marker.
        machine.repair();
        let last = later.metric_at("loss", 3, 0.125).unwrap();
        assert_eq!(last.status(), ResultStatus::Success, "{at}");
        let counts = contexta.session().dispatch_counts();
        assert_eq!((markers(&contexta).1 as u64, counts.lost), (counts.spilled, 0), "{at}");
        if what == What::Artifact && is_full {
            run.register(model()).unwrap();
        }
        let replay = contexta.session().replay_outbox().unwrap();
        assert_eq!((replay.added, replay.total), (counts.spilled, counts.spilled), "{at}");
        assert_eq!(contexta.session().replay_outbox().unwrap().added, 0, "{at}");
        if what == What::Artifact {
            assert_eq!(artifact(&contexta).unwrap().body_present, is_full, "{at}");
            run.register(model()).unwrap();
            let row = artifact(&contexta).unwrap();
            assert!(row.body_present && !row.conflict, "{at}: {row:?}");
        }
        if later.status() == RunStatus::Open {
            later.complete().unwrap();
        }

        // Each fact is in the log once, and the sink has received it once, in the order of its stream.
        let all = positions(&contexta);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{at}");
        for captured in result.iter().chain([&next, &last]) {
            assert!(all.contains(&captured.position().unwrap()), "{at}");
        }
        let replayed = contexta.session().replay_sinks(ReplayOptions::default()).unwrap();
        assert_eq!((replayed[0].delivered, replayed[0].waiting), (0, 0), "{at}");
        assert_eq!(by_stream(&sink.taken()), by_stream(&all), "{at}");
        let expected: &[f64] = match what {
            What::Metric => &[1.0, 0.5, 0.25, 0.125],
            What::Event | What::Artifact => &[1.0, 0.25, 0.125],
            What::End => &[1.0],
        };
        assert_eq!(values(&contexta), expected, "{at}");
        let snapshot = contexta.run_snapshot("a").unwrap();
        assert_eq!(snapshot.run.status, RunStatus::Completed, "{at}");
        let of_artifact =
            markers(&contexta).0.iter().filter(|key| *key == "artifact.body_not_stored").count();
        assert_eq!(of_artifact, usize::from(what == What::Artifact), "{at}");
        assert!(is_whole(&contexta), "{at}");
    }
}

#[test]
fn artifact_whose_body_cannot_be_stored_refers_to_the_file_under_outbox() {
    for mode in [IngestMode::Copy, IngestMode::Move] {
        let machine = Machine::new(2);
        let contexta = outbox(options(machine.storage())).open().unwrap();
        let run = start(&contexta);
        // The log has reserved space for the manifest, and the disk has no space for the body.
        machine.main.set_free_bytes(Some(4));
        let registered = run.register(model().ingest_mode(mode)).unwrap();
        let result = registered.result();
        assert_eq!((result.status(), result.recovered_to_outbox()), (ResultStatus::Degraded, false));
        assert_eq!(result.degradation_reasons(), ["artifact_body_not_stored"]);
        let [note] = &registered.notes[..] else { panic!("{:?}", registered.notes) };
        assert_eq!((note.code, result.warnings()), ("artifact_body_not_stored", &[note.message.clone()][..]));
        let of = "the content of artifact:wine.a.m was not stored, and the file stays at /model.bin: ";
        assert!(
            note.message.starts_with(of) && note.message.contains("no storage space"),
            "{}",
            note.message
        );
        assert_eq!(machine.main.read(Path::new(MODEL)).as_deref(), Some(CONTENT));
        let row = artifact(&contexta).unwrap();
        assert!(row.is_referenced() && row.body.is_none());
        assert_eq!(
            (row.manifest.location_ref.as_str(), row.manifest.size_bytes),
            ("file:///model.bin", Some(22))
        );
        assert!(row.manifest.sha256().is_some());
        assert_eq!(markers(&contexta).0, ["artifact.body_not_stored"]);
        // Any other error still stops the registration.
        let missing = run.register(ArtifactRegistration::output("model_bundle", "/none")).unwrap_err();
        assert_eq!(missing.code(), "artifact_source_missing");
        machine.main.set_free_bytes(None);
        run.register(model().ingest_mode(mode)).unwrap();
        let row = artifact(&contexta).unwrap();
        assert!(row.body_present && !row.conflict, "{row:?}");
        assert_eq!(machine.main.read(Path::new(MODEL)).is_some(), mode == IngestMode::Copy);
    }
}

#[test]
fn directory_that_cannot_be_stored_is_a_reference_under_outbox_and_an_error_under_raise() {
    for is_outbox in [true, false] {
        let machine = Machine::new(10);
        machine.main.overwrite(Path::new("/model/weights"), CONTENT.to_vec());
        let options = options(machine.storage());
        let contexta = if is_outbox { outbox(options) } else { options }.open().unwrap();
        let run = start(&contexta);
        machine.main.set_free_bytes(Some(4));
        let registered = run.register(ArtifactRegistration::output("model_bundle", "/model").key("m"));
        if is_outbox {
            let result = registered.unwrap().result();
            assert_eq!(result.degradation_reasons(), ["artifact_body_not_stored"]);
            let manifest = artifact(&contexta).unwrap().manifest;
            assert_eq!((manifest.location_ref.as_str(), manifest.hash_value), ("file:///model", None));
        } else {
            assert_eq!(registered.unwrap_err().code(), "storage_full");
            assert_eq!(artifact(&contexta), None);
        }
    }
}

#[test]
fn ingest_reports_an_artifact_whose_body_cannot_be_stored() {
    let machine = Machine::new(8);
    let contexta = outbox(options(machine.storage())).open().unwrap();
    // The first run creates the stream, which reserves space.
    start(&contexta).complete().unwrap();
    machine.main.set_free_bytes(Some(4));
    let lines = r#"{"start":"run","run":"b","id":"b"}
{"artifact":"/model.bin","key":"m"}
{"end":"run"}
"#;
    let mut ingest = contexta.ingest(Box::new(lines.as_bytes()), IngestSettings::default()).unwrap();
    let commits: Vec<IngestCommit> = std::iter::from_fn(|| ingest.next_commit().unwrap()).collect();
    let problems = commits.iter().flat_map(|commit| &commit.problems);
    let [problem] = &problems.collect::<Vec<_>>()[..] else { panic!("{commits:?}") };
    assert_eq!((problem.line, problem.code, problem.is_recorded), (2, "artifact_body_not_stored", true));
    assert!(problem.message.contains("the file stays at /model.bin"), "{problem:?}");
    assert!(problem.hint.as_ref().is_some_and(|hint| hint.contains("disk")), "{problem:?}");
    let last = commits.last().unwrap();
    assert_eq!((last.lines, last.refused, last.is_durable), (3, 0, true));
    assert!(contexta.run_snapshot("b").unwrap().artifacts[0].is_referenced());
}

#[test]
fn artifact_and_end_that_are_lost_under_outbox_do_not_stop_the_training() {
    let disk = SimDisk::new(3);
    disk.overwrite(Path::new(MODEL), CONTENT.to_vec());
    let contexta = outbox(options(disk.process(1))).open().unwrap();
    let run = start(&contexta);
    disk.set_read_only(true);
    let registered = run.register(model().ingest_mode(IngestMode::Move)).unwrap();
    let result = registered.result();
    assert_eq!((result.status(), result.error_code()), (ResultStatus::Failure, Some("storage_read_only")));
    assert_eq!((registered.durability, result.durability(), result.position()), (None, None, None));
    assert!(!result.operation().applied());
    assert_eq!(disk.read(Path::new(MODEL)).as_deref(), Some(CONTENT));
    let again = run.register(model()).unwrap();
    assert_eq!(again.result().status(), ResultStatus::Failure);
    run.complete().unwrap();
    // Manifest, edge and marker of each registration, and the end.
    assert_eq!(contexta.session().dispatch_counts().lost, 7);
    disk.set_read_only(false);
    assert_eq!(artifact(&contexta), None);
    let next = contexta.run("b").run_id("b").start().unwrap();
    assert_eq!(markers(&contexta).0, ["capture.log_failed"]);
    next.complete().unwrap();
}

#[test]
fn failed_disk_under_raise_returns_the_error_and_the_next_attempt_succeeds() {
    for (what, is_full) in WHAT.into_iter().flat_map(|what| [(what, true), (what, false)]) {
        let at = format!("{what:?}, full: {is_full}");
        let machine = Machine::new(4);
        let memory = Arc::new(MemorySink::default());
        let contexta = options(machine.storage()).sink(memory.clone()).open().unwrap();
        let run = start(&contexta);
        run.metric_at("loss", 0, 1.0).unwrap();
        machine.tick();
        machine.fail(is_full, &run);
        let before = memory.entries().len();
        let captured = capture(&run, what);
        if what == What::End && is_full {
            // The log reserves space for ends.
            captured.unwrap_or_else(|error| panic!("{at}: {error}"));
        } else {
            let error = captured.unwrap_err();
            let code = if is_full { "storage_full" } else { "storage_read_only" };
            assert_eq!((error.code(), error.is_recorded()), (code, false), "{at}");
            assert!(error.results().is_none() && run.status() == RunStatus::Open, "{at}");
            assert_eq!(memory.entries().len(), before, "{at}");
            machine.repair();
            let again = capture(&run, what).unwrap_or_else(|error| panic!("{at}: {error}"));
            assert!(again.is_none_or(|result| result.status() == ResultStatus::Success), "{at}");
        }
        machine.repair();
        if what != What::End {
            run.metric_at("loss", 2, 0.25).unwrap();
            run.complete().unwrap();
        }
        let expected: &[f64] = match what {
            What::Metric => &[1.0, 0.5, 0.25],
            What::Event | What::Artifact => &[1.0, 0.25],
            What::End => &[1.0],
        };
        assert_eq!(values(&contexta), expected, "{at}");
        assert_eq!(artifact(&contexta).is_some_and(|row| row.body_present), what == What::Artifact, "{at}");
        assert_eq!(contexta.run_snapshot("a").unwrap().run.status, RunStatus::Completed, "{at}");
        // Nothing was spilled, lost or marked.
        let counts = contexta.session().dispatch_counts();
        assert_eq!((counts.spilled, counts.lost, markers(&contexta).0.len()), (0, 0, 0), "{at}");
        assert!(machine.other.paths().is_empty(), "{at}: {:?}", machine.other.paths());
        let taken: Vec<Position> = memory.entries().iter().map(|entry| entry.position).collect();
        assert_eq!(taken, positions(&contexta), "{at}");
        assert!(is_whole(&contexta), "{at}");
    }
}

#[test]
fn failed_sink_under_raise_misses_only_the_fact_that_it_refused() {
    for what in WHAT {
        let machine = Machine::new(5);
        let (sink, memory) = (Flaky::named("flaky"), Arc::new(MemorySink::default()));
        let contexta = options(machine.storage()).sink(sink.clone()).sink(memory.clone()).open().unwrap();
        let run = start(&contexta);
        run.metric_at("loss", 0, 1.0).unwrap();
        machine.tick();
        sink.fail(1);
        let error = capture(&run, what).unwrap_err();
        assert_eq!((error.code(), error.is_recorded()), ("dispatch_some_sinks_failed", true), "{what:?}");
        let result = &error.results().unwrap()[0];
        assert_eq!(
            (result.status(), result.operation().applied()),
            (ResultStatus::Failure, true),
            "{what:?}"
        );
        assert!(result.degradation_emitted() && !result.recovered_to_outbox(), "{what:?}");
        let statuses: Vec<DeliveryStatus> = result.deliveries().iter().map(|d| d.status).collect();
        assert_eq!(statuses, [DeliveryStatus::Failure, DeliveryStatus::Success], "{what:?}");
        // The log has the fact: the artifact with its body, and the end of the run.
        assert_eq!(artifact(&contexta).is_some_and(|row| row.body_present), what == What::Artifact);
        let status = if what == What::End { RunStatus::Completed } else { RunStatus::Open };
        assert_eq!((run.status(), contexta.run_snapshot("a").unwrap().run.status), (status, status));
        let later = if what == What::End { contexta.run("b").run_id("b").start().unwrap() } else { run };
        assert_eq!(later.metric_at("loss", 2, 0.25).unwrap().status(), ResultStatus::Success, "{what:?}");
        later.complete().unwrap();
        assert_eq!(markers(&contexta).0, ["capture.delivery_failed"], "{what:?}");
        let mut expected = positions(&contexta);
        let all: Vec<Position> = memory.entries().iter().map(|entry| entry.position).collect();
        assert_eq!(all, expected, "{what:?}");
        expected.retain(|position| Some(*position) != result.position());
        assert_eq!(sink.taken(), expected, "{what:?}");
    }
}

#[test]
fn failed_sink_under_outbox_receives_everything_in_order_by_a_replay() {
    for what in WHAT {
        let machine = Machine::new(6);
        let (sink, memory) = (Flaky::named("flaky"), Arc::new(MemorySink::default()));
        let contexta =
            outbox(options(machine.storage()).sink(sink.clone()).sink(memory.clone())).open().unwrap();
        let run = start(&contexta);
        run.metric_at("loss", 0, 1.0).unwrap();
        machine.tick();
        sink.fail(1);
        if let Some(result) = capture(&run, what).unwrap() {
            assert_eq!((result.status(), result.error_code()), (ResultStatus::Degraded, None), "{what:?}");
            assert!(result.recovered_to_outbox() && result.degradation_emitted(), "{what:?}");
            assert_eq!(result.replay_refs(), [result.position().unwrap().to_string()], "{what:?}");
            assert_eq!(result.degradation_reasons(), ["recovered_to_outbox"], "{what:?}");
        }
        // The log has the fact, and the training continues. Later facts of the sink wait.
        assert_eq!(artifact(&contexta).is_some_and(|row| row.body_present), what == What::Artifact);
        let status = if what == What::End { RunStatus::Completed } else { RunStatus::Open };
        assert_eq!((run.status(), contexta.run_snapshot("a").unwrap().run.status), (status, status));
        let later = if what == What::End { contexta.run("b").run_id("b").start().unwrap() } else { run };
        assert!(later.metric_at("loss", 2, 0.25).unwrap().recovered_to_outbox(), "{what:?}");
        later.complete().unwrap();
        assert_eq!(markers(&contexta).0, ["capture.delivery_failed"], "{what:?}");
        let counts = contexta.session().dispatch_counts();
        assert_eq!((counts.spilled, counts.lost), (0, 0), "{what:?}");
        let waiting = positions(&contexta).len() - sink.taken().len();
        let replay = contexta.session().replay_sinks(ReplayOptions::default()).unwrap();
        assert_eq!((replay[0].delivered, replay[0].waiting), (waiting as u64, 0), "{what:?}");
        assert_eq!(replay[1].delivered, 0, "{what:?}");
        let again = contexta.session().replay_sinks(ReplayOptions::default()).unwrap();
        assert_eq!(again[0].delivered, 0, "{what:?}");
        assert_eq!(sink.taken(), positions(&contexta), "{what:?}");
        let all: Vec<Position> = memory.entries().iter().map(|entry| entry.position).collect();
        assert_eq!(all, positions(&contexta), "{what:?}");
    }
}

#[test]
fn failed_change_at_any_moment_stops_no_training_under_outbox() {
    for kind in [ErrorKind::StorageFull, ErrorKind::PermissionDenied] {
        let mut spilled = 0;
        for at in 0.. {
            let machine = Machine::new(7);
            let process = machine.main.spawn(1);
            let storage = TwoDisks { main: process.clone(), other: machine.other.process(1) };
            let contexta = outbox(options(Arc::new(storage))).open().unwrap();
            let run = start(&contexta);
            process.plan(Moment::Change(process.changes() + at), Fault::Error(kind));
            let stopped =
                |what: &str, error: &dyn std::fmt::Display| -> ! { panic!("{kind} {at} {what}: {error}") };
            run.metric_at("loss", 0, 1.0).unwrap_or_else(|e| stopped("metric", &e));
            for what in [What::Metric, What::Event, What::Artifact, What::End] {
                machine.tick();
                capture(&run, what).unwrap_or_else(|e| stopped(&format!("{what:?}"), &e));
            }
            let has_passed = process.has_passed_plans();
            let counts = contexta.session().dispatch_counts();
            let replay = contexta.session().replay_outbox().unwrap();
            assert_eq!((replay.total, counts.lost), (counts.spilled, 0), "{kind} {at}");
            spilled += counts.spilled;
            let snapshot = contexta.run_snapshot("a").unwrap();
            assert_eq!(snapshot.run.status, RunStatus::Completed, "{kind} {at}");
            assert_eq!(values(&contexta), [1.0, 0.5], "{kind} {at}");
            let events = snapshot.events.iter().filter(|row| matches!(row.record, AnyRecord::Event(_)));
            assert_eq!(events.count(), 1, "{kind} {at}");
            let row = artifact(&contexta).unwrap();
            assert!((row.body_present || row.is_referenced()) && !row.conflict, "{kind} {at}: {row:?}");
            if !has_passed {
                assert!(at > 10 && spilled > 3, "{kind} {at} {spilled}");
                break;
            }
        }
    }
}
