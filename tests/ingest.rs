//! `contexta ingest`: short lines, interchange objects, acknowledgements, problems and the end of the input.

use crate::support::{TempDir, open_sim};
use contexta::contract::json::read::parse;
use contexta::contract::{AnyRecord, RunStatus, Value};
use contexta::engine::storage::sim::SimDisk;
use contexta::{Contexta, IngestCommit, IngestSettings, RunSnapshot};
use std::path::Path;

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
    snapshot.records.iter().filter_map(event).collect()
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
        let row = snapshot.metrics.iter().find(|row| row.metric_key == key).unwrap();
        (row.stage_ref.is_some(), row.count, row.last.step, row.last.value.as_f64())
    };
    assert_eq!(series("loss"), (true, 2, Some(2), 0.25));
    assert_eq!(series("acc/top1"), (true, 1, Some(2), 0.7));
    assert_eq!(series("score"), (false, 1, None, 1.0));
    let event = ("epoch.done".to_owned(), "warning".to_owned(), "first".to_owned());
    assert_eq!(events(&snapshot), [event]);
    let spans = snapshot.records.iter().filter_map(|row| match &row.record {
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
            (row.metric_key.clone(), row.stage_ref.is_some(), row.count, row.last.value.as_f64())
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
    let keys: Vec<&str> = snapshot.metrics.iter().map(|row| row.metric_key.as_str()).collect();
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

/// A source that changes the disk before it returns a part of the input.
struct Parts<'a>(Vec<(&'a dyn Fn(), String)>);

impl std::io::Read for Parts<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let (change, text) = self.0.remove(0);
        change();
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
    let unchanged = || {};
    let (locked, unlocked) = (|| disk.set_read_only(true), || disk.set_read_only(false));
    let parts: Vec<(&dyn Fn(), String)> = vec![
        (&unchanged, START.to_owned() + METRIC),
        (&locked, METRIC.to_owned()),
        (&unlocked, METRIC.to_owned() + END),
    ];
    let mut ingest = contexta.ingest(Box::new(Parts(parts)), IngestSettings::default()).unwrap();
    let commits: Vec<IngestCommit> = std::iter::from_fn(|| ingest.next_commit().unwrap()).collect();
    let durable: Vec<bool> = commits.iter().map(|commit| commit.is_durable).collect();
    assert_eq!((durable, commits[2].refused), (vec![true, false, true], 0));
    assert_eq!(commits[1].problems.len(), 1);
    let snapshot = contexta.run_snapshot("r").unwrap();
    assert_eq!((snapshot.metrics[0].count, snapshot.run.status), (3, RunStatus::Completed));
}

/// Tests of the command.
#[cfg(feature = "cli")]
mod command {
    use super::*;
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
        assert_eq!(contexta.run_snapshot("r").unwrap().metrics[0].metric_key, "after");
    }
}
