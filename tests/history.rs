//! The history of objects: entries, values, and their states.

use crate::support::{TempDir, import_lines, open_sim};
use contexta::contract::fact::Change;
use contexta::contract::json::read::parse;
use contexta::contract::{RunRef, RunStatus, Value};
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{History, HistoryQuery, ValueState};
use contexta::{Contexta, Options, run_cli_captured};
use std::ffi::OsString;

const LINES: &str = r#"
{"kind":"project","object":{"project_ref":"project:wine","name":"wine","created_at":"2026-01-01T00:00:00Z"}}
{"kind":"run","object":{"run_ref":"run:wine.r","project_ref":"project:wine","name":"ridge","status":"completed","started_at":"2026-01-01T00:00:00Z","ended_at":"2026-01-01T01:00:00Z"}}
{"kind":"deployment","object":{"deployment_execution_ref":"deployment:wine.d","deployment_name":"d","project_ref":"project:wine","run_ref":"run:wine.r","status":"open","started_at":"2026-01-02T00:00:00Z"}}
{"kind":"environment","object":{"environment_snapshot_ref":"environment:wine.r.e","run_ref":"run:wine.r","captured_at":"2026-01-01T00:00:00Z","platform":"linux"}}
{"kind":"stage","object":{"stage_execution_ref":"stage:wine.r.train","run_ref":"run:wine.r","stage_name":"训练","status":"open","started_at":"2026-01-01T00:00:00Z"}}
{"kind":"batch","object":{"batch_execution_ref":"batch:wine.r.train.b","batch_name":"b","run_ref":"run:wine.r","stage_execution_ref":"stage:wine.r.train","status":"open","started_at":"2026-01-01T00:00:00Z"}}
{"kind":"sample","object":{"sample_observation_ref":"sample:wine.r.train.b.s","run_ref":"run:wine.r","stage_execution_ref":"stage:wine.r.train","batch_execution_ref":"batch:wine.r.train.b","sample_name":"s","observed_at":"2026-01-01T00:00:30Z"}}
{"kind":"relation","object":{"relation_ref":"relation:wine.e","relation_type":"produced_by","source_ref":"artifact:wine.r.m","target_ref":"stage:wine.r.train","recorded_at":"2026-01-01T00:00:00Z","origin_marker":"explicit","confidence_marker":"medium"}}
{"kind":"provenance","object":{"provenance_ref":"provenance:wine.v","relation_ref":"relation:wine.e","assertion_mode":"explicit","asserted_at":"2026-01-01T00:00:00Z"}}
{"kind":"artifact","object":{"artifact_ref":"artifact:wine.r.m","artifact_kind":"model","run_ref":"run:wine.r","created_at":"2026-01-01T00:00:00Z","producer_ref":"t","location_ref":"m"}}
"#;

fn all(contexta: &Contexta, subject: &str) -> History {
    contexta.history(subject, &HistoryQuery::default()).unwrap()
}

/// Returns the kind of the entry, the value and its state for each recorded value of an attribute.
fn values(history: &History, name: &str) -> Vec<(&'static str, String, ValueState)> {
    let entries = history.entries.iter();
    let values = entries.flat_map(|entry| entry.values.iter().map(move |value| (entry, value)));
    let named = values.filter(|(_, value)| value.name == name);
    named.map(|(entry, value)| (entry.kind.unwrap(), value.value.to_string(), value.state)).collect()
}

#[test]
fn later_values_supersede_earlier_ones() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("葡萄酒").run_id("a").param("lr", 0.1).tag("env", "ci").start().unwrap();
    for lr in [0.2, 0.1] {
        disk.advance(1_000);
        run.param("lr", lr).unwrap();
    }
    run.note("first").unwrap();
    run.rename("新名").unwrap();
    run.complete().unwrap();
    let run = RunRef::parse("run:wine.a").unwrap();
    disk.advance(1_000);
    contexta.annotate_run(&run, Change::Tag("env".into(), None)).unwrap();

    // The run is found by its name.
    let history = all(&contexta, "新名");
    assert_eq!(history.subject.as_str(), "run:wine.a");
    use ValueState::{Effective, Superseded};
    assert_eq!(
        values(&history, "param/lr"),
        [
            ("run", "0.1".into(), Superseded),
            ("param", "0.2".into(), Superseded),
            ("param", "0.1".into(), Effective)
        ]
    );
    assert_eq!(
        values(&history, "name"),
        [("run", "葡萄酒".into(), Superseded), ("annotation", "新名".into(), Effective)]
    );
    let removed = Value::Null.to_string();
    assert_eq!(
        values(&history, "tag/env"),
        [("run", "ci".into(), Superseded), ("annotation", removed, Effective)]
    );
    // The only writer has ended, and its end determines the status. The status in the first entry has no
    // effect.
    assert_eq!(values(&history, "status"), [("run", "open".into(), Superseded)]);
    let ends = history.entries.iter().flat_map(|entry| &entry.values);
    let ends: Vec<_> = ends.filter(|value| value.name.ends_with("/end/status")).collect();
    assert_eq!(ends.len(), 1);
    assert_eq!((ends[0].value.clone(), ends[0].state), (Value::text("completed"), Effective));
    assert!(history.entries.windows(2).all(|pair| pair[0].stamp < pair[1].stamp));
    assert!(history.entries.iter().all(|entry| !entry.is_imported && entry.origin.is_none()));
    let note = history.entries.iter().flat_map(|e| &e.values).find(|v| v.name.starts_with("note/")).unwrap();
    assert_eq!(note.value.get("text"), Some(&Value::text("first")));
}

#[test]
fn status_of_a_resumed_run_is_that_of_its_newest_writer() {
    let disk = SimDisk::new(2);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    drop(run);
    let own = RunRef::parse("run:wine.a").unwrap();
    disk.advance(1_000);
    contexta.end_run(&own, RunStatus::Cancelled, "by hand").unwrap();
    let ended = all(&contexta, "a");
    let status = values(&ended, "status");
    assert_eq!(status.last().unwrap(), &("ended", "cancelled".to_owned(), ValueState::Effective));
    let _second = contexta.resume("a").unwrap().start().unwrap();
    let resumed = all(&contexta, "a");
    assert!(values(&resumed, "status").iter().all(|(_, _, state)| *state == ValueState::Superseded));
    assert_eq!(values(&resumed, "end_message"), [("ended", "by hand".into(), ValueState::Superseded)]);
    assert_eq!(contexta.run_snapshot("a").unwrap().run.status, RunStatus::Open);
}

#[test]
fn imported_value_that_differs_from_a_captured_one_is_in_conflict() {
    let contexta = open_sim(&SimDisk::new(3), 1, "/w");
    let run = contexta.run("lasso").run_id("r").start().unwrap();
    run.complete().unwrap();
    import_lines(&contexta, LINES);
    let history = all(&contexta, "run:wine.r");
    use ValueState::{Conflicting, Effective};
    assert_eq!(
        values(&history, "name"),
        [("run", "lasso".into(), Effective), ("run", "ridge".into(), Conflicting)]
    );
    let imported = history.entries.iter().find(|entry| entry.is_imported).unwrap();
    assert_eq!((imported.origin.unwrap().line, imported.state()), (2, Conflicting));
    assert!(contexta.run_snapshot("r").unwrap().run.conflicts.contains(&"name".to_owned()));
}

#[test]
fn import_that_replaces_an_earlier_import_supersedes_all_its_values() {
    let contexta = open_sim(&SimDisk::new(4), 1, "/w");
    import_lines(&contexta, LINES);
    let changed = LINES.replace("\"platform\":\"linux\"", "\"platform\":\"macos\"");
    let ended = r#""status":"failed","ended_at":"2026-01-01T00:30:00Z""#;
    let (before, after) = changed.split_at(changed.find("训练").unwrap());
    import_lines(&contexta, &format!("{before}{}", after.replacen("\"status\":\"open\"", ended, 1)));
    use ValueState::{Effective, Superseded};
    assert_eq!(
        values(&all(&contexta, "environment:wine.r.e"), "platform"),
        [("environment", "linux".into(), Superseded), ("environment", "macos".into(), Effective)]
    );
    let stage = all(&contexta, "stage:wine.r.train");
    assert_eq!(
        values(&stage, "status"),
        [("stage", "open".into(), Superseded), ("stage", "failed".into(), Effective)]
    );
    assert_eq!(stage.entries[0].state(), Superseded);
}

#[test]
fn every_kind_of_object_has_a_history() {
    let contexta = open_sim(&SimDisk::new(5), 1, "/w");
    import_lines(&contexta, LINES);
    for (subject, kind, name, value) in [
        ("project:wine", "project", "name", "wine"),
        ("deployment:wine.d", "deployment", "run_ref", "run:wine.r"),
        ("batch:wine.r.train.b", "batch", "batch_name", "b"),
        ("sample:wine.r.train.b.s", "sample", "sample_name", "s"),
        ("relation:wine.e", "relation", "relation_type", "produced_by"),
        ("provenance:wine.v", "provenance", "assertion_mode", "explicit"),
        ("artifact:wine.r.m", "artifact", "artifact_kind", "model"),
    ] {
        let history = all(&contexta, subject);
        let found = values(&history, name);
        assert!(found.contains(&(kind, value.to_owned(), ValueState::Effective)), "{subject}: {found:?}");
        let members = history.entries.iter().flat_map(|entry| &entry.values);
        assert!(members.into_iter().all(|member| member.value != Value::text(subject)), "{subject}");
    }
    for unknown in ["stage:wine.r.other", "record:wine.r.x"] {
        let error = contexta.history(unknown, &HistoryQuery::default()).unwrap_err();
        assert_eq!(error.code(), "query_object_not_found", "{unknown}");
    }
    let error = contexta.history("nothing", &HistoryQuery::default()).unwrap_err();
    assert_eq!(error.code(), "query_run_not_found");
}

#[test]
fn pages_of_a_history_are_its_parts() {
    let dir = TempDir::new("history");
    let contexta = Options::new(dir.path()).project("wine").detect_code_revision(false).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    for n in 0..7 {
        run.param(&format!("p{n}"), i64::MAX - n).unwrap();
    }
    run.complete().unwrap();
    let whole = all(&contexta, "a");
    let (mut query, mut entries) = (HistoryQuery::default(), Vec::new());
    query.limit = 3;
    loop {
        let page = contexta.history("a", &query).unwrap();
        assert_eq!(page.total, whole.total);
        entries.extend(page.entries);
        match page.next_offset {
            Some(next) => query.offset = next,
            None => break,
        }
    }
    assert_eq!(entries, whole.entries);
    query.offset = 1_000;
    let beyond = contexta.history("a", &query).unwrap();
    assert!(beyond.entries.is_empty() && beyond.next_offset.is_none());

    contexta.close().unwrap();
    drop(contexta);
    let command = |format: &[&str]| {
        let path = dir.path().to_str().unwrap();
        let argv = [&["contexta", "--workspace", path, "history", "run:wine.a"], format].concat();
        let output = run_cli_captured(argv.into_iter().map(OsString::from));
        assert_eq!(output.exit_code, 0);
        String::from_utf8(output.stdout).unwrap()
    };
    let json = parse(&command(&["--format", "json", "--limit", "2", "--offset", "1"])).unwrap();
    let Some(Value::List(shown)) = json.get("entries") else { panic!("{json:?}") };
    assert_eq!((shown.len(), json.get("next_offset")), (2, Some(&Value::Int(3))));
    assert_eq!(
        shown[0].get("stream").unwrap().as_str(),
        Some(whole.entries[1].stamp.stream.to_string().as_str())
    );
    let text = command(&[]);
    assert!(text.contains("param/p0") && text.contains(&i64::MAX.to_string()), "{text}");
}
