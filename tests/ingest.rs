//! `contexta ingest`: short lines, interchange objects, acknowledgements, problems and the end of the input.

use crate::sinks::{TwoDisks, options, outbox};
use crate::support::open_sim;
use contexta::capture::{Durability, FailureMode, Sink, SinkError, SinkReceipt, SinkRequest};
use contexta::contract::{AnyRecord, RunStatus, Value};
use contexta::engine::storage::sim::{SimDisk, Survival};
use contexta::{Contexta, IngestCommit, IngestSettings, Options, RunSnapshot};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ingests a text into a workspace in memory.
fn ingest(contexta: &Contexta, text: &str, keep_open: bool) -> Vec<IngestCommit> {
    let settings = IngestSettings { name: "-".to_owned(), keep_open, ..IngestSettings::default() };
    let mut ingest = contexta.ingest(Box::new(text.as_bytes()), settings).unwrap();
    std::iter::from_fn(|| ingest.next_commit().unwrap()).collect()
}

/// Returns line, code and message of each problem.
fn problems(commits: &[IngestCommit]) -> Vec<(u64, &'static str, &str)> {
    let all = commits.iter().flat_map(|commit| &commit.problems);
    all.map(|problem| (problem.line, problem.code, problem.message.as_str())).collect()
}

fn memory() -> (SimDisk, Contexta) {
    let disk = SimDisk::new(11);
    let contexta = open_sim(&disk, 1, "/w");
    (disk, contexta)
}

fn events(snapshot: &RunSnapshot) -> Vec<(String, String, String)> {
    let event = |row: &contexta::store::RecordRow| match &row.record {
        AnyRecord::Event(event) => {
            let payload = &event.payload;
            Some((payload.event_key.clone(), payload.level.to_string(), payload.message.clone()))
        }
        _ => None,
    };
    snapshot.events.iter().filter_map(event).collect()
}

#[test]
fn short_lines_record_everything_of_a_run() {
    let (disk, contexta) = memory();
    disk.overwrite(Path::new("/in/model.bin"), b"weights".to_vec());
    let text = r#"{"start":"run","run":"ridge","id":"one","params":{"alpha":0.1},"tags":{"team":"a"},"dataset":"wine.csv"}
{"param":"depth","value":3}

{"start":"stage","stage":"train"}
{"metric":"loss","value":0.5,"step":1}
{"metrics":{"loss":0.25,"acc":{"top1":0.7}},"step":2}
{"event":"epoch.done","message":"first","level":"WARN","attributes":{"epoch":1}}
{"span":"load","seconds":1.5,"kind":"io","status":"error"}
{"end":"stage"}
{"metric":"score","value":1}
{"artifact":"/in/model.bin","kind":"model","key":"best"}
{"end":"run"}
"#;
    let commits = ingest(&contexta, text, false);
    assert_eq!(problems(&commits), []);
    let last = commits.last().unwrap();
    assert_eq!((last.lines, last.refused, last.is_durable), (12, 0, true));
    let started = &commits[0].started;
    assert_eq!((started[0].0.as_str(), started[0].1.to_string().as_str()), ("ridge", "run:wine.one"));

    let snapshot = contexta.run_snapshot("one").unwrap();
    let run = &snapshot.run;
    assert_eq!((run.name.as_str(), run.status), ("ridge", RunStatus::Completed));
    assert_eq!(
        (run.params["alpha"].clone(), run.params["depth"].clone()),
        (Value::Float(0.1), Value::Int(3))
    );
    assert_eq!((run.tags["team"].as_str(), run.dataset_ref.as_deref()), ("a", Some("wine.csv")));
    assert_eq!(
        (snapshot.stages[0].name.as_str(), snapshot.stages[0].status),
        ("train", RunStatus::Completed)
    );
    let series = |key: &str| {
        let row = snapshot.metrics.iter().find(|row| row.key.metric_key == key).unwrap();
        (row.key.stage_ref.is_some(), row.count, row.last.step, row.last.value.as_f64())
    };
    assert_eq!(series("loss"), (true, 2, Some(2), 0.25));
    assert_eq!(series("acc/top1"), (true, 1, Some(2), 0.7));
    assert_eq!(series("score"), (false, 1, None, 1.0));
    let event = ("epoch.done".to_owned(), "warning".to_owned(), "first".to_owned());
    assert_eq!(events(&snapshot), [event]);
    let spans = snapshot.events.iter().filter_map(|row| match &row.record {
        AnyRecord::Span(span) => Some(&span.payload),
        _ => None,
    });
    let spans: Vec<(String, i64, String)> = spans
        .map(|span| {
            (span.span_name.clone(), span.ended_at.micros_since(span.started_at), span.status.to_string())
        })
        .collect();
    assert_eq!(spans, [("load".to_owned(), 1_500_000, "error".to_owned())]);
    let artifact = &snapshot.artifacts[0];
    assert_eq!(artifact.manifest.artifact_ref.to_string(), "artifact:wine.one.best");
    assert!(artifact.body_present && artifact.manifest.artifact_kind == "model");
}

#[test]
fn lines_of_several_runs_are_told_apart_by_name() {
    let (_disk, contexta) = memory();
    let text = r#"{"start":"run","run":"a","id":"a"}
{"start":"run","run":"b","id":"b","project":"other"}
{"metric":"x","value":1}
{"run":"a","metric":"x","value":2}
{"run":"a","start":"stage","stage":"s"}
{"run":"a","metric":"x","value":3}
{"run":"a","stage":null,"metric":"x","value":4}
{"run":"b","end":"run","status":"cancelled"}
{"metric":"y","value":5}
{"end":"run","message":"out of memory"}
"#;
    assert_eq!(problems(&ingest(&contexta, text, false)), []);
    let a = contexta.run_snapshot("run:wine.a").unwrap();
    let b = contexta.run_snapshot("run:other.b").unwrap();
    assert_eq!((a.run.status, b.run.status), (RunStatus::Failed, RunStatus::Cancelled));
    let values = |snapshot: &RunSnapshot| {
        let row = |row: &contexta::store::SeriesRow| {
            (row.key.metric_key.clone(), row.key.stage_ref.is_some(), row.count, row.last.value.as_f64())
        };
        snapshot.metrics.iter().map(row).collect::<Vec<_>>()
    };
    let x = |stage, count, last| ("x".to_owned(), stage, count, last);
    assert_eq!(values(&a), [x(false, 2, 4.0), x(true, 1, 3.0), ("y".to_owned(), true, 1, 5.0)]);
    assert_eq!(values(&b), [x(false, 1, 1.0)]);
}

#[test]
fn bad_lines_and_members_cost_only_themselves() {
    let (_disk, contexta) = memory();
    let text = r#"{"metric":"loss","value":1}
not JSON
{"start":"run","run":"r","id":"r","colour":"red"}
{"start":"run","run":"r"}
{"metrics":{"good":1,"bad":"x","none":null},"step":"two"}
{"run":"typo","metric":"loss","value":1}
{"stage":"typo","metric":"loss","value":1}
{"event":"e","level":"loud"}
{"hello":1}
[1]
{"end":"stage"}
{"artifact":"/no/such/file"}
{"metric":"last","value":1}
{"end":"run"}
"#;
    let commits = ingest(&contexta, text, false);
    let found: Vec<(u64, &str)> =
        problems(&commits).into_iter().map(|(line, code, _)| (line, code)).collect();
    let expected = [
        (1, "ingest_run_required"),
        (2, "deserialize_invalid_json"),
        (3, "ingest_unknown_member"),
        (4, "ingest_run_open"),
        (5, "ingest_invalid_member"),
        (5, "ingest_invalid_member"),
        (5, "ingest_invalid_member"),
        (6, "ingest_run_not_open"),
        (7, "ingest_stage_not_open"),
        (8, "ingest_invalid_member"),
        (9, "ingest_nothing_to_record"),
        (10, "ingest_invalid_line"),
        (11, "ingest_stage_not_open"),
        (12, "artifact_source_missing"),
    ];
    assert_eq!(found, expected);
    assert_eq!(commits.last().unwrap().refused, 12);
    let snapshot = contexta.run_snapshot("r").unwrap();
    assert_eq!(snapshot.run.status, RunStatus::Completed);
    let keys: Vec<&str> = snapshot.metrics.iter().map(|row| row.key.metric_key.as_str()).collect();
    assert_eq!(keys, ["good", "last"]);
    assert_eq!(events(&snapshot), [("e".to_owned(), "info".to_owned(), "e".to_owned())]);
}

#[test]
fn run_without_end_fails_at_the_end_of_the_input_or_stays_open() {
    for (keep_open, status) in [(false, RunStatus::Failed), (true, RunStatus::Open)] {
        let (_disk, contexta) = memory();
        let text = r#"{"start":"run","run":"r","id":"r"}
{"start":"stage","stage":"s"}
{"metric":"loss","value":1}"#;
        let commits = ingest(&contexta, text, keep_open);
        assert_eq!((problems(&commits), commits.last().unwrap().lines), (vec![], 3));
        contexta.close().unwrap();
        let snapshot = contexta.run_snapshot("r").unwrap();
        assert_eq!((snapshot.run.status, snapshot.stages[0].status), (status, status));
        assert_eq!(snapshot.metrics[0].count, 1);
    }
}

#[test]
fn interchange_objects_are_imported_between_short_lines() {
    let (_disk, contexta) = memory();
    let project = r#"{"kind":"project","object":{"created_at":"2024-01-01T00:00:00Z","name":"p","project_ref":"project:p"}}"#;
    let run = r#"{"kind":"run","object":{"name":"old","project_ref":"project:p","run_ref":"run:p.old","started_at":"2024-01-01T00:00:00Z","status":"open"}}"#;
    let bad = r#"{"kind":"walk","object":{}}"#;
    let start = r#"{"start":"run","run":"new","id":"new"}"#;
    let end = r#"{"end":"run"}"#;
    let text = format!("{start}\n{project}\n{bad}\n{run}\n{end}\n");
    let commits = ingest(&contexta, &text, false);
    let found: Vec<(u64, &str)> =
        problems(&commits).into_iter().map(|(line, code, _)| (line, code)).collect();
    assert_eq!((found, commits.last().unwrap().refused), (vec![(3, "import_unknown_kind")], 1));
    assert_eq!(contexta.run_snapshot("run:p.old").unwrap().run.name, "old");
    assert_eq!(contexta.run_snapshot("run:wine.new").unwrap().run.status, RunStatus::Completed);
}

/// The text of a part at which the input ends.
const EOF: &str = "end of the input";

/// A source that changes the disk before it returns a part of the input. A part without text has nothing to read yet.
struct Parts<'a>(Vec<(&'a dyn Fn(), String)>);

impl std::io::Read for Parts<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let (change, text) = self.0.remove(0);
        change();
        match text.as_str() {
            "" => return Err(std::io::ErrorKind::WouldBlock.into()),
            EOF => return Ok(0),
            _ => {}
        }
        out[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
}

const START: &str = "{\"start\":\"run\",\"run\":\"r\",\"id\":\"r\"}\n";
const METRIC: &str = "{\"metric\":\"loss\",\"value\":1}\n";
const END: &str = "{\"end\":\"run\"}\n";

#[test]
fn full_disk_refuses_lines_and_loses_no_acknowledged_line() {
    let (disk, contexta) = memory();
    let unchanged = || {};
    let (full, freed) = (|| disk.set_free_bytes(Some(0)), || disk.set_free_bytes(None));
    let event = format!("{{\"event\":\"a\",\"message\":\"{}\"}}\n", "x".repeat(3000));
    let mut parts: Vec<(&dyn Fn(), String)> = vec![(&unchanged, START.to_owned())];
    parts.extend((0..50).map(|_| (&full as &dyn Fn(), event.clone())));
    parts.push((&freed, METRIC.to_owned() + END));
    let mut ingest = contexta.ingest(Box::new(Parts(parts)), IngestSettings::default()).unwrap();
    let commits: Vec<IngestCommit> = std::iter::from_fn(|| ingest.next_commit().unwrap()).collect();
    let last = commits.last().unwrap();
    assert!(problems(&commits).iter().all(|(_, code, _)| *code == "storage_full"));
    assert!(last.refused > 0 && last.refused < 50 && commits.iter().all(|commit| commit.is_durable));
    let snapshot = contexta.run_snapshot("r").unwrap();
    assert_eq!(events(&snapshot).len() as u64, 50 - last.refused);
    assert_eq!((snapshot.metrics[0].count, snapshot.run.status), (1, RunStatus::Completed));
}

#[test]
fn lines_that_cannot_be_written_are_acknowledged_later() {
    let (disk, contexta) = memory();
    let parts = vec![
        (None, START.to_owned() + METRIC),
        (Some(true), METRIC.to_owned()),
        (Some(false), METRIC.to_owned() + END),
    ];
    let commits = ingest_on(&disk, &contexta, parts);
    let durable: Vec<bool> = commits.iter().map(|commit| commit.is_durable).collect();
    assert_eq!((durable, commits[2].refused), (vec![true, false, true], 0));
    assert_eq!(commits[1].problems.len(), 1);
    let snapshot = contexta.run_snapshot("r").unwrap();
    assert_eq!((snapshot.metrics[0].count, snapshot.run.status), (3, RunStatus::Completed));
}

#[test]
fn lost_records_are_reported_with_the_failure_mode_outbox() {
    let disk = SimDisk::new(12);
    let options = Options::new("/w").storage(disk.process(1)).detect_code_revision(false);
    let contexta = options.failure_mode(FailureMode::Outbox).open().unwrap();
    // The log buffers fewer bytes than the event has, so it must be written at once.
    let event = format!("{{\"event\":\"noise\",\"message\":\"{}\"}}\n", "x".repeat(200_000));
    let parts =
        vec![(None, START.to_owned() + METRIC), (Some(true), event), (Some(false), METRIC.to_owned() + END)];
    let commits = ingest_on(&disk, &contexta, parts);
    let codes: Vec<(u64, &str)> =
        commits.iter().flat_map(|commit| &commit.problems).map(|p| (p.line, p.code)).collect();
    assert!(codes.contains(&(3, "ingest_lost")), "{codes:?}");
    assert_eq!(commits.last().unwrap().refused, 1);
    let snapshot = contexta.run_snapshot("r").unwrap();
    assert_eq!((events(&snapshot), snapshot.metrics[0].count), (vec![], 2));
}

/// Ingests parts, and returns the commits.
fn ingest_parts(contexta: &Contexta, parts: Vec<(&dyn Fn(), String)>) -> Vec<IngestCommit> {
    let mut ingest = contexta.ingest(Box::new(Parts(parts)), IngestSettings::default()).unwrap();
    std::iter::from_fn(|| ingest.next_commit().unwrap()).collect()
}

/// Ingests parts, and returns the commits. Before a part with `Some`, the disk becomes read-only or writable.
fn ingest_on(disk: &SimDisk, contexta: &Contexta, parts: Vec<(Option<bool>, String)>) -> Vec<IngestCommit> {
    let change =
        |read_only: Option<bool>| move || read_only.into_iter().for_each(|on| disk.set_read_only(on));
    let changes: Vec<_> = parts.iter().map(|(read_only, _)| change(*read_only)).collect();
    let parts = changes.iter().zip(parts).map(|(change, (_, text))| (change as &dyn Fn(), text));
    ingest_parts(contexta, parts.collect())
}

#[test]
fn unwritten_lines_are_written_before_the_next_line_arrives() {
    let (disk, contexta) = memory();
    let parts = vec![
        // The first entry of a stream reserves numbers on the disk, so it would be refused instead of kept in memory.
        (None, START.to_owned() + METRIC),
        (None, String::new()),
        (Some(true), METRIC.to_owned()),
        (None, String::new()),
        (Some(false), String::new()),
        (None, String::new()),
        (None, END.to_owned()),
    ];
    let commits = ingest_on(&disk, &contexta, parts);
    let found: Vec<(u64, bool, usize)> =
        commits.iter().map(|commit| (commit.lines, commit.is_durable, commit.problems.len())).collect();
    assert_eq!(found, [(2, true, 0), (3, false, 1), (3, true, 0), (4, true, 0)]);
}

#[test]
fn end_of_the_input_writes_unwritten_lines_in_a_final_commit() {
    let (disk, contexta) = memory();
    let parts = vec![
        (None, START.to_owned() + METRIC),
        (Some(true), METRIC.to_owned()),
        (Some(false), EOF.to_owned()),
    ];
    let commits = ingest_on(&disk, &contexta, parts);
    let found: Vec<(u64, bool)> = commits.iter().map(|commit| (commit.lines, commit.is_durable)).collect();
    assert_eq!(found, [(2, true), (3, false), (3, true)]);
    assert_eq!(contexta.run_snapshot("r").unwrap().metrics[0].count, 2);
}

#[test]
fn lines_after_a_failed_sync_are_never_acknowledged_with_fsync() {
    let object = r#"{"kind":"project","object":{"created_at":"2024-01-01T00:00:00Z","name":"p","project_ref":"project:p"}}"#;
    // The failed sync is the one of the group, of a short line that is synced itself, or of an import.
    for failing in [METRIC.to_owned(), END.to_owned(), format!("{METRIC}{object}\n")] {
        for durability in [Durability::Flush, Durability::Fsync] {
            let disk = SimDisk::new(11);
            let options = Options::new("/w").project("wine").storage(disk.process(1)).durability(durability);
            let contexta = options.detect_code_revision(false).open().unwrap();
            let unchanged = || {};
            let (failed, works) = (|| disk.set_failing_syncs(true), || disk.set_failing_syncs(false));
            let parts: Vec<(&dyn Fn(), String)> = vec![
                (&unchanged, START.to_owned() + METRIC),
                (&failed, failing.clone()),
                (&works, METRIC.to_owned()),
                (&unchanged, METRIC.to_owned() + METRIC),
            ];
            let commits = ingest_parts(&contexta, parts);
            let durable: Vec<bool> = commits.iter().map(|commit| commit.is_durable).collect();
            let is_flush = durability == Durability::Flush;
            assert_eq!(durable, [true, is_flush, is_flush, is_flush], "{durability:?} {failing}");
        }
    }
}

/// A sink that fails on request.
#[derive(Debug, Default)]
struct FailingSink(AtomicBool);

impl Sink for FailingSink {
    fn name(&self) -> &str {
        "remote"
    }

    fn capture(&self, _: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        match self.0.load(Ordering::SeqCst) {
            true => Err(SinkError::retryable("down", "the service is down")),
            false => Ok(SinkReceipt::success()),
        }
    }
}

#[test]
fn line_that_a_sink_does_not_take_is_recorded_and_not_refused() {
    let disk = SimDisk::new(11);
    let sink = Arc::new(FailingSink::default());
    let options = Options::new("/w").project("wine").storage(disk.process(1)).detect_code_revision(false);
    let contexta = options.sink(Arc::clone(&sink) as Arc<dyn Sink>).open().unwrap();
    let (works, fails) = (|| sink.0.store(false, Ordering::SeqCst), || sink.0.store(true, Ordering::SeqCst));
    let stage = "{\"start\":\"stage\",\"stage\":\"s\"}\n";
    let again = START.replace("\"id\":\"r\"", "\"id\":\"again\"");
    let parts: Vec<(&dyn Fn(), String)> = vec![
        (&works, START.to_owned() + stage),
        (&fails, format!("{METRIC}{{\"end\":\"stage\"}}\n{END}")),
        (&works, again),
        (&fails, EOF.to_owned()),
    ];
    let commits = ingest_parts(&contexta, parts);
    let found: Vec<(u64, &str, bool)> = commits
        .iter()
        .flat_map(|commit| &commit.problems)
        .map(|problem| (problem.line, problem.code, problem.is_recorded))
        .collect();
    let code = "dispatch_all_eligible_sinks_failed";
    assert_eq!(found, [3, 4, 5, 6].map(|line| (line, code, true)));
    assert_eq!(commits.last().unwrap().refused, 0);
    let snapshot = contexta.run_snapshot("r").unwrap();
    assert_eq!(
        (snapshot.run.status, snapshot.stages[0].status),
        (RunStatus::Completed, RunStatus::Completed)
    );
    assert_eq!(snapshot.metrics[0].count, 1);
    assert_eq!(contexta.run_snapshot("again").unwrap().run.status, RunStatus::Failed);
}

#[test]
fn acknowledged_lines_in_the_outbox_survive_a_power_cut_with_fsync() {
    let (main, other) = (SimDisk::new(14), SimDisk::new(15));
    let two = |n| Arc::new(TwoDisks { main: main.process(n), other: other.process(n) });
    let contexta = outbox(options(two(1)).durability(Durability::Fsync)).open().unwrap();
    let unchanged = || {};
    let locked = || main.set_read_only(true);
    // The log buffers fewer bytes than the event has, so the event is written at once.
    let event = format!("{{\"event\":\"noise\",\"message\":\"{}\"}}\n", "x".repeat(200_000));
    let parts: Vec<(&dyn Fn(), String)> = vec![(&unchanged, START.to_owned() + METRIC), (&locked, event)];
    let settings = IngestSettings { keep_open: true, ..IngestSettings::default() };
    let mut ingest = contexta.ingest(Box::new(Parts(parts)), settings).unwrap();
    let commits: Vec<IngestCommit> = std::iter::from_fn(|| ingest.next_commit().unwrap()).collect();
    assert_eq!((commits[1].lines, commits[1].is_durable, commits[1].refused), (3, true, 0));
    other.crash(Survival::Dropped);
    main.set_read_only(false);
    let contexta = outbox(options(two(2))).open().unwrap();
    assert_eq!(contexta.session().replay_outbox().unwrap().added, 1);
    assert_eq!(events(&contexta.run_snapshot("r").unwrap()).len(), 1);
}

#[test]
fn start_that_a_sink_does_not_take_is_refused_if_the_line_records_more() {
    let disk = SimDisk::new(13);
    let sink = Arc::new(FailingSink(AtomicBool::new(true)));
    let options = Options::new("/w").project("wine").storage(disk.process(1)).detect_code_revision(false);
    let contexta = options.sink(sink as Arc<dyn Sink>).open().unwrap();
    let bare = "{\"start\":\"run\",\"run\":\"a\"}\n";
    let more = "{\"start\":\"run\",\"run\":\"b\",\"params\":{\"lr\":0.1}}\n";
    let commits = ingest(&contexta, &format!("{bare}{more}"), false);
    let found: Vec<(u64, bool)> = commits
        .iter()
        .flat_map(|commit| &commit.problems)
        .map(|problem| (problem.line, problem.is_recorded))
        .collect();
    assert_eq!((&found[..2], commits.last().unwrap().refused), (&[(1, true), (2, false)][..], 1));
}

#[test]
fn bad_start_or_stage_costs_no_other_member_of_the_line() {
    let (_disk, contexta) = memory();
    let text = r#"{"start":"run","run":"r","id":"r"}
{"start":"walk","metric":"kept","value":1}
{"start":"stage","metric":"kept","value":2,"params":{"a":1}}
{"start":"stage","stage":"s"}
{"start":"stage","stage":"s","metric":"staged","value":1}
{"stage":"typo","metric":"m","value":1,"step":1,"params":{"b":2},"end":"run","status":"cancelled"}
"#;
    let commits = ingest(&contexta, text, false);
    let found: Vec<(u64, &str)> =
        problems(&commits).into_iter().map(|(line, code, _)| (line, code)).collect();
    let invalid = "ingest_invalid_member";
    assert_eq!(found, [(2, invalid), (3, invalid), (5, "ingest_stage_open"), (6, "ingest_stage_not_open")]);
    let snapshot = contexta.run_snapshot("r").unwrap();
    assert_eq!(snapshot.run.status, RunStatus::Cancelled);
    let metrics: Vec<(&str, u64)> =
        snapshot.metrics.iter().map(|row| (row.key.metric_key.as_str(), row.count)).collect();
    assert_eq!(metrics, [("kept", 2), ("staged", 1)]);
    assert_eq!(snapshot.run.params.len(), 2);
}

#[test]
fn artifact_has_a_step_and_metric_with_a_blank_unit_is_kept() {
    let (disk, contexta) = memory();
    disk.overwrite(Path::new("/in/model.bin"), b"weights".to_vec());
    let text = r#"{"start":"run","run":"r","id":"r"}
{"artifact":"/in/model.bin","kind":"checkpoint","step":7}
{"metric":"loss","value":1,"unit":" ","step":3}
{"end":"run"}
"#;
    let commits = ingest(&contexta, text, false);
    assert_eq!((problems(&commits), commits.last().unwrap().refused), (vec![], 0));
    let snapshot = contexta.run_snapshot("r").unwrap();
    assert_eq!(snapshot.artifacts[0].manifest.attributes.get("step"), Some(&Value::Int(7)));
    assert_eq!((snapshot.metrics[0].count, snapshot.metrics[0].last.step), (1, Some(3)));
}

#[test]
fn interchange_object_without_its_body_or_with_an_invalid_member_is_refused_in_part() {
    let (_disk, contexta) = memory();
    let text = r#"{"kind":"project","object":{"created_at":"2024-01-01T00:00:00Z","name":"p","project_ref":"project:p"}}
{"kind":"run","object":{"name":"old","project_ref":"project:p","run_ref":"run:p.r","started_at":"2024-01-01T00:00:00Z","status":"open"}}
{"body":"none","kind":"artifact","object":{"artifact_kind":"model","artifact_ref":"artifact:p.r.a","attributes":{},"created_at":"2024-01-01T00:00:00Z","extensions":[],"location_ref":"here","producer_ref":"x","run_ref":"run:p.r","schema_version":"1.0.0"}}
"#;
    let commits = ingest(&contexta, text, false);
    let found: Vec<(u64, &str)> =
        problems(&commits).into_iter().map(|(line, code, _)| (line, code)).collect();
    assert_eq!((found, commits.last().unwrap().refused), (vec![(3, "import.body_missing")], 1));
    assert_eq!(contexta.run_snapshot("run:p.r").unwrap().artifacts.len(), 1);
}

/// Tests of the command.
#[cfg(feature = "cli")]
mod command {
    use super::*;
    use crate::support::TempDir;
    use contexta::ExportSettings;
    use contexta::contract::json::read::parse;
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    fn contexta(dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_contexta"));
        command.current_dir(dir).arg("ingest").args(args);
        command
    }

    #[test]
    fn each_group_of_lines_is_acknowledged_before_the_next_one_is_written() {
        let dir = TempDir::new("ingest-ack");
        let mut child = contexta(dir.path(), &["--ack"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut acks = BufReader::new(child.stdout.take().unwrap());
        let mut send = |text: &str| {
            input.write_all(text.as_bytes()).unwrap();
            let mut ack = String::new();
            acks.read_line(&mut ack).unwrap();
            parse(&ack).unwrap()
        };
        let first = send("{\"start\":\"run\",\"run\":\"r\",\"id\":\"r\"}\n");
        assert_eq!((first.get("lines"), first.get("refused")), (Some(&Value::Int(1)), Some(&Value::Int(0))));
        let run = first.get("runs").and_then(|runs| runs.get("r"));
        assert_eq!(run.and_then(Value::as_str), Some("run:default.r"));
        let second = send("{\"metric\":\"loss\",\"value\":1}\n\n{\"metric\":\"loss\"}\n");
        assert_eq!(
            (second.get("lines"), second.get("refused")),
            (Some(&Value::Int(4)), Some(&Value::Int(1)))
        );
        assert_eq!(second.get("runs"), None);
        let third = send("{\"end\":\"run\"}\n");
        assert_eq!(third.get("lines"), Some(&Value::Int(5)));
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            errors,
            "ERROR [ingest_invalid_member]: line 4: the member \"metric\" needs the member \"value\"\n"
        );
    }

    #[test]
    fn file_is_ingested_and_reader_of_acknowledgements_may_leave() {
        let dir = TempDir::new("ingest-file");
        let mut text = "{\"start\":\"run\",\"run\":\"r\",\"id\":\"r\"}\n".to_owned();
        for step in 0..20_000 {
            text += &format!("{{\"metric\":\"loss\",\"value\":0.5,\"step\":{step}}}\n");
        }
        std::fs::write(dir.path().join("lines.jsonl"), text + "{\"end\":\"run\"}\n").unwrap();
        let mut child = contexta(dir.path(), &["lines.jsonl", "--ack", "--project", "p"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let contexta = Contexta::open(dir.path().join(".contexta")).unwrap();
        let snapshot = contexta.run_snapshot("run:p.r").unwrap();
        assert_eq!((snapshot.metrics[0].count, snapshot.run.status), (20_000, RunStatus::Completed));
    }

    #[test]
    fn own_export_is_ingested_with_the_bodies_beside_it() {
        let dir = TempDir::new("ingest-export");
        std::fs::write(dir.path().join("model.bin"), "weights").unwrap();
        // The uncommitted change of a repository would be a further artifact.
        let from = Options::new(dir.path().join("from")).detect_code_revision(false).open().unwrap();
        let run = from.run("r").run_id("r").start().unwrap();
        run.register_artifact("model", dir.path().join("model.bin")).unwrap();
        run.complete().unwrap();
        from.close().unwrap();
        std::fs::create_dir(dir.path().join("out")).unwrap();
        let lines = dir.path().join("out/lines.jsonl");
        from.export_jsonl_file(&lines, ExportSettings::default()).unwrap();
        let artifact = |workspace: &str| {
            let contexta = Contexta::open_existing(dir.path().join(workspace)).unwrap();
            contexta.run_snapshot("r").unwrap().artifacts[0].body_present
        };

        // Standard input has no directory.
        let piped = ["-", "--workspace", "piped"];
        let file = std::fs::File::open(&lines).unwrap();
        let output = contexta(dir.path(), &piped).stdin(Stdio::from(file)).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && errors.contains("import.body_missing"), "{errors}");
        assert!(errors.ends_with("1 with problems\n") && !artifact("piped"), "{errors}");

        let output = contexta(dir.path(), &["out/lines.jsonl", "--workspace", "to"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(artifact("to"));
    }

    #[test]
    fn files_of_artifacts_stay_where_they_are_whatever_the_default_mode_is() {
        let dir = TempDir::new("ingest-move");
        std::fs::write(dir.path().join("model.bin"), "weights").unwrap();
        let artifact = r#"{"artifact":"model.bin"}"#;
        std::fs::write(dir.path().join("lines.jsonl"), format!("{START}{artifact}\n{END}")).unwrap();
        let moved = ["lines.jsonl", "--set", "artifacts.default_ingest_mode=move"];
        let output = contexta(dir.path(), &moved).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(dir.path().join("model.bin").exists());
    }

    #[test]
    fn line_that_is_too_long_is_skipped() {
        let dir = TempDir::new("ingest-long");
        let mut child =
            contexta(dir.path(), &[]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"{\"start\":\"run\",\"run\":\"r\",\"id\":\"r\"}\n{\"event\":\"").unwrap();
        for _ in 0..17 {
            input.write_all(&[b'x'; 1 << 20]).unwrap();
        }
        input.write_all(b"\"}\n{\"metric\":\"after\",\"value\":1}\n{\"end\":\"run\"}\n").unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.starts_with("ERROR [ingest_line_too_long]: line 2: "), "{errors}");
        assert!(errors.ends_with("4 lines, 1 with problems\n"), "{errors}");
        let contexta = Contexta::open(dir.path().join(".contexta")).unwrap();
        assert_eq!(contexta.run_snapshot("r").unwrap().metrics[0].key.metric_key, "after");
    }
}
