//! Diagnoses of runs: missing entries of the log, values that are not finite, diverging metrics, and failed sinks.

use crate::sinks::{Flaky, options, outbox};
use crate::support::{TempDir, import_lines, open_sim};
use contexta::Contexta;
use contexta::capture::{PayloadFamily, ReplayOptions, Sink, SinkError, SinkReceipt, SinkRequest};
use contexta::config::LoadInputs;
use contexta::contract::{Timestamp, Value};
use contexta::engine::checksum::salted_crc32;
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{DiagnosticsIssue, Severity};
use std::path::PathBuf;
use std::sync::Arc;

/// Returns the findings of a run that have the code `code`.
fn found(contexta: &Contexta, run: &str, code: &str) -> Vec<DiagnosticsIssue> {
    let findings = contexta.diagnose_run(run).unwrap().findings;
    findings.into_iter().filter(|finding| finding.code == code).collect()
}

/// Captures a run with an event whose message can be found in the bytes of the log.
fn run_with_event(contexta: &Contexta, id: &str, message: &str) {
    let run = contexta.run(id).run_id(id).start().unwrap();
    run.event("epoch", message).unwrap();
    run.metric_at("acc", 1, 0.5).unwrap();
    run.complete().unwrap();
}

/// Returns the segment files of the log.
fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let is_segment =
        |path: &PathBuf| path.starts_with("/w/log") && path.extension().is_some_and(|e| e == "seg");
    disk.paths().into_iter().filter(is_segment).collect()
}

/// Returns the segment file with a text, and the position of the text in the file.
fn find_text(disk: &SimDisk, text: &str) -> (PathBuf, usize) {
    let at = |path: &PathBuf| {
        disk.read(path).unwrap().windows(text.len()).position(|part| part == text.as_bytes())
    };
    let found = segments(disk).into_iter().find_map(|path| at(&path).map(|at| (path, at)));
    found.unwrap_or_else(|| panic!("{text} is not in the log"))
}

/// Changes the first byte of `text` in the log.
fn damage(disk: &SimDisk, text: &str) {
    let (path, at) = find_text(disk, text);
    let mut bytes = disk.read(&path).unwrap();
    bytes[at] ^= 1;
    disk.overwrite(&path, bytes);
}

#[test]
fn damaged_entry_is_a_finding_of_the_run_that_was_captured_around_it() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    // One process captures the three runs into one stream.
    for (id, message) in [("before", "first-marker"), ("hit", "second-marker"), ("after", "third-marker")] {
        run_with_event(&contexta, id, message);
    }
    contexta.close().unwrap();
    drop(contexta);
    assert_eq!(segments(&disk).len(), 1);
    damage(&disk, "second-marker");
    let contexta = open_sim(&disk, 2, "/w");
    // Another process captures a run into another stream.
    run_with_event(&contexta, "elsewhere", "fourth-marker");
    let gaps = found(&contexta, "hit", "log_gap");
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((gaps[0].severity, gaps[0].subject_ref.as_str()), (Severity::Error, "run:wine.hit"));
    assert!(gaps[0].details.contains_key("stream") && gaps[0].details.contains_key("first"), "{gaps:?}");
    for run in ["before", "after", "elsewhere"] {
        assert_eq!(found(&contexta, run, "log_gap"), [], "{run}");
    }
    assert_eq!(contexta.diagnose_run("hit").unwrap().severity(), Some(Severity::Error));
    assert_eq!(contexta.run_snapshot("hit").unwrap().events.len(), 0);
}

#[test]
fn damaged_entry_of_an_import_is_a_finding_of_the_imported_run() {
    let disk = SimDisk::new(2);
    let contexta = open_sim(&disk, 1, "/w");
    let time = "2024-01-31T12:00:00Z";
    let envelope = |n: usize| {
        format!(
            r#""record_ref":"record:p.r.{n}","record_type":"event","recorded_at":"{time}","observed_at":"{time}","producer_ref":"x","run_ref":"run:p.r""#
        )
    };
    let event = |n: usize| {
        format!(
            r#"{{"kind":"record","object":{{"envelope":{{{}}},"payload":{{"event_key":"k","level":"info","message":"marker-{n}-{}"}}}}}}"#,
            envelope(n),
            "x".repeat(4000)
        )
    };
    let project = format!(
        r#"{{"kind":"project","object":{{"project_ref":"project:p","name":"p","created_at":"{time}"}}}}"#
    );
    let run = format!(
        r#"{{"kind":"run","object":{{"run_ref":"run:p.r","project_ref":"project:p","name":"R","status":"open","started_at":"{time}"}}}}"#
    );
    let lines: Vec<String> = [project, run].into_iter().chain((0..600).map(event)).collect();
    import_lines(&contexta, &lines.join("\n"));
    contexta.close().unwrap();
    drop(contexta);
    assert_eq!(found(&open_sim(&disk, 2, "/w"), "r", "log_gap"), []);
    damage(&disk, "marker-590-");
    let contexta = open_sim(&disk, 3, "/w");
    assert_eq!(found(&contexta, "r", "log_gap").len(), 1);
    assert!(contexta.run_snapshot("r").unwrap().records.total < 600);
}

#[test]
fn incomplete_frame_of_a_killed_process_is_no_missing_entry() {
    let disk = SimDisk::new(7);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("cut").run_id("cut").start().unwrap();
    run.metric_at("loss", 1, 0.5).unwrap();
    run.metric_at("loss", 2, 0.5).unwrap();
    std::mem::forget((run, contexta));
    disk.kill(1);
    let path = segments(&disk).pop().unwrap();
    let mut bytes = disk.read(&path).unwrap();
    let last = bytes.windows(4).rposition(|bytes| bytes == b"CxF1").unwrap();
    bytes.truncate(last + 20);
    disk.overwrite(&path, bytes);
    let contexta = open_sim(&disk, 2, "/w");
    assert_eq!(found(&contexta, "cut", "run_interrupted").len(), 1);
    assert_eq!(found(&contexta, "cut", "log_gap"), []);
    let notes = contexta.diagnose_run("cut").unwrap().notes;
    assert!(notes.iter().any(|note| note.code == "log_unfinished"), "{notes:?}");
}

#[test]
fn segment_of_a_newer_format_is_no_finding_of_a_run_that_ended_before_the_segment() {
    let disk = SimDisk::new(8);
    let inputs = LoadInputs::new().use_env(false).workspace("/w").set("records.max_segment_bytes=65536");
    let options = contexta::Options::load(inputs).unwrap().project("wine").storage(disk.process(1));
    let contexta = options.detect_code_revision(false).open().unwrap();
    run_with_event(&contexta, "old", "first-marker");
    let run = contexta.run("open").run_id("open").start().unwrap();
    while segments(&disk).len() < 2 {
        run.event("epoch", &"x".repeat(1000)).unwrap();
    }
    run.event("epoch", "second-marker").unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    drop((run, contexta));
    let (old, (path, _)) = (find_text(&disk, "first-marker").0, find_text(&disk, "second-marker"));
    assert!(old != path && old.parent() == path.parent(), "{old:?} {path:?}");
    disk.remove_tree(std::path::Path::new("/w/projections"));
    let mut bytes = disk.read(&path).unwrap();
    for at in [0usize, 4096] {
        // Format 7, which this build cannot read, with a valid checksum.
        bytes[at + 8..at + 12].copy_from_slice(&[7, 0, 7, 0]);
        let salt = u64::from_le_bytes(*b"CTXASEG\0");
        let checksum = salted_crc32(salt, &[&bytes[at..at + 252]]);
        bytes[at + 252..at + 256].copy_from_slice(&checksum.to_le_bytes());
    }
    disk.overwrite(&path, bytes);
    let contexta = open_sim(&disk, 3, "/w");
    let diagnosis = contexta.diagnose_run("old").unwrap();
    assert!(diagnosis.notes.iter().any(|note| note.code == "log_newer_format"), "{:?}", diagnosis.notes);
    assert_eq!(found(&contexta, "old", "log_gap"), []);
    assert!(!found(&contexta, "open", "log_gap").is_empty());
}

#[test]
fn damaged_start_of_a_run_is_a_finding_although_only_later_entries_are_known() {
    let disk = SimDisk::new(9);
    let contexta = open_sim(&disk, 1, "/w");
    run_with_event(&contexta, "before", "first-marker");
    let run = contexta.run("name-of-hit").run_id("hit").start().unwrap();
    run.event("epoch", "early-marker").unwrap();
    run.event("epoch", "late-marker").unwrap();
    run.complete().unwrap();
    run_with_event(&contexta, "after", "last-marker");
    contexta.close().unwrap();
    drop(contexta);
    damage(&disk, "name-of-hit");
    let contexta = open_sim(&disk, 2, "/w");
    assert_eq!(found(&contexta, "hit", "log_gap").len(), 1);
    for run in ["before", "after"] {
        assert_eq!(found(&contexta, run, "log_gap"), [], "{run}");
    }
    drop(contexta);
    // The second loss is between a record of the run and its end.
    damage(&disk, "late-marker");
    assert_eq!(found(&open_sim(&disk, 3, "/w"), "hit", "log_gap").len(), 2);
}

#[test]
fn damage_after_another_process_continued_the_stream_is_no_finding_of_an_interrupted_run() {
    let disk = SimDisk::new(10);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("dead").run_id("dead").start().unwrap();
    run.event("epoch", "first-marker").unwrap();
    run.event("epoch", "second-marker").unwrap();
    std::mem::forget((run, contexta));
    disk.kill(1);
    disk.advance(1_000_000_000);
    let contexta = open_sim(&disk, 2, "/w");
    run_with_event(&contexta, "next", "third-marker");
    contexta.close().unwrap();
    drop(contexta);
    let stream = |text| find_text(&disk, text).0.parent().unwrap().to_owned();
    assert_eq!(stream("first-marker"), stream("third-marker"));
    damage(&disk, "third-marker");
    let contexta = open_sim(&disk, 3, "/w");
    assert_eq!(found(&contexta, "dead", "run_interrupted").len(), 1);
    assert_eq!(found(&contexta, "next", "log_gap").len(), 1);
    assert_eq!(found(&contexta, "dead", "log_gap"), []);
    drop(contexta);
    damage(&disk, "second-marker");
    let contexta = open_sim(&disk, 4, "/w");
    assert_eq!(found(&contexta, "dead", "log_gap").len(), 1);
    assert_eq!(found(&contexta, "next", "log_gap").len(), 1);
}

#[test]
fn damage_after_the_moment_of_a_view_is_no_finding() {
    let disk = SimDisk::new(11);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    run.event("epoch", "first-marker").unwrap();
    disk.advance(1_000_000_000);
    let moment: Timestamp = contexta.session().now();
    disk.advance(1_000_000_000);
    run.event("epoch", "second-marker").unwrap();
    run.event("epoch", "third-marker").unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    drop((run, contexta));
    damage(&disk, "third-marker");
    let contexta = open_sim(&disk, 2, "/w");
    assert_eq!(found(&contexta, "a", "log_gap").len(), 1);
    assert_eq!(found(&contexta.as_of(moment), "a", "log_gap"), []);
    drop(contexta);
    damage(&disk, "first-marker");
    let contexta = open_sim(&disk, 3, "/w");
    assert_eq!(found(&contexta, "a", "log_gap").len(), 2);
    assert_eq!(found(&contexta.as_of(moment), "a", "log_gap").len(), 1);
}

#[test]
fn first_value_that_is_not_finite_is_named_with_its_step() {
    let contexta = open_sim(&SimDisk::new(3), 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    // The points are not captured in the order of their steps.
    for (step, loss) in [(9, f64::INFINITY), (7, f64::NAN), (5, 0.5), (8, 0.25)] {
        run.metric_at("loss", step, loss).unwrap();
    }
    run.metric("stepless", f64::NEG_INFINITY).unwrap();
    run.complete().unwrap();
    let findings = found(&contexta, "a", "metric_not_finite");
    let details: Vec<_> =
        findings.iter().map(|finding| (&finding.details["metric"], &finding.details["first_step"])).collect();
    let (loss, stepless) = (Value::from("loss"), Value::from("stepless"));
    assert_eq!(details, [(&loss, &Value::Int(7)), (&stepless, &Value::Null)]);
    let summary = "2 of 4 values of loss are NaN or infinite; the first of them has step 7";
    assert_eq!(findings[0].summary, summary);
}

#[test]
fn metric_whose_last_value_is_worse_than_its_first_value_diverges() {
    let disk = SimDisk::new(4);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let curves: [(&str, [f64; 4]); 11] = [
        ("train/loss", [1.0, 0.5, 2.0, 3.0]),
        ("val_loss", [1.0, 3.0, 2.0, 0.9]),
        // The name is not the name of a loss, and no direction is declared.
        ("lr", [0.1, 0.01, 0.001, 0.0001]),
        ("reward", [5.0, 6.0, 4.0, 3.0]),
        ("equal.loss", [1.0, 0.5, 2.0, 1.0]),
        ("nan.loss", [1.0, 0.5, 2.0, f64::NAN]),
        // The names contain a word for a loss, but are not names of losses.
        ("amp/loss_scale", [1.0, 2.0, 4.0, 8.0]),
        ("loss_weight", [0.0, 0.5, 0.75, 1.0]),
        ("neg_log_loss", [-3.0, -2.0, -1.0, -0.5]),
        // The difference is within the tolerance.
        ("flat.loss", [0.5, 0.25, 0.5, 0.500_000_1]),
        ("zero.loss", [0.0, 0.0, 0.0, 0.0]),
    ];
    for (key, values) in curves {
        for (step, value) in [1, 2, 3, 4].into_iter().zip(values) {
            run.metric_at(key, step, value).unwrap();
        }
    }
    for (step, loss) in [(1, 1.0), (2, 2.0)] {
        run.metric_at("short.loss", step, loss).unwrap();
    }
    for loss in [1.0, 2.0, 3.0] {
        run.metric("stepless.loss", loss).unwrap();
    }
    run.complete().unwrap();
    drop(run);
    contexta.close().unwrap();
    let diverging = |settings: &[&str]| {
        let inputs = LoadInputs::new().use_env(false).workspace("/w");
        let inputs = settings.iter().fold(inputs, |inputs, setting| inputs.set(setting));
        let contexta = contexta::Options::load(inputs).unwrap().storage(disk.process(2)).open().unwrap();
        let findings = found(&contexta, "a", "metric_diverging");
        let row = |finding: DiagnosticsIssue| {
            let value = |name: &str| finding.details[name].to_string();
            assert_eq!(finding.severity, Severity::Warning);
            (
                value("metric"),
                value("first_value"),
                value("last_value"),
                value("best_value"),
                value("last_step"),
            )
        };
        findings.into_iter().map(row).collect::<Vec<_>>()
    };
    let row = |cells: [&str; 5]| {
        let [metric, first, last, best, step] = cells.map(str::to_owned);
        (metric, first, last, best, step)
    };
    let loss = row(["train/loss", "1.0", "3.0", "0.5", "4"]);
    assert_eq!(diverging(&[]), std::slice::from_ref(&loss));
    let reward = row(["reward", "5.0", "3.0", "6.0", "4"]);
    assert_eq!(diverging(&["metrics.reward.better=higher"]), [reward.clone(), loss]);
    let declared = ["metrics.reward.better=higher", "metrics.train/loss.better=higher"];
    assert_eq!(diverging(&declared), [reward]);
}

#[test]
fn sink_that_missed_facts_of_a_run_is_a_finding_of_this_run() {
    let disk = SimDisk::new(5);
    let (works, fails) = (Flaky::named("works"), Flaky::named("fails"));
    let contexta = options(disk.process(1)).sink(works).sink(fails.clone()).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    for loss in [0.5, 0.25] {
        fails.fail(1);
        assert!(run.metric("loss", loss).is_err());
    }
    run.complete().unwrap();
    contexta.run("b").run_id("b").start().unwrap().complete().unwrap();
    let findings = found(&contexta, "a", "sink_failed");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].details["sink"], "fails".into());
    assert_eq!(findings[0].details["commits"], 2.into());
    assert_eq!(found(&contexta, "b", "sink_failed"), []);
}

#[test]
fn facts_that_wait_for_a_delivery_are_a_finding_until_they_are_replayed() {
    let disk = SimDisk::new(6);
    let sink = Flaky::named("only");
    let contexta = outbox(options(disk.process(1))).sink(sink.clone()).open().unwrap();
    contexta.run("before").run_id("before").start().unwrap().complete().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    sink.fail(1);
    assert!(run.metric("loss", 0.5).unwrap().recovered_to_outbox());
    run.complete().unwrap();
    let findings = found(&contexta, "a", "sink_waiting");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((&findings[0].details["sink"], &findings[0].details["failures"]), (&"only".into(), &1.into()));
    assert_eq!(found(&contexta, "before", "sink_waiting"), []);
    // The state of the delivery is not in the log, so a report does not contain this finding.
    assert!(!contexta::to_markdown(&contexta.build_snapshot_report("a").unwrap()).contains("sink_waiting"));
    contexta.session().replay_sinks(ReplayOptions::default()).unwrap();
    assert_eq!(found(&contexta, "a", "sink_waiting"), []);
}

/// A sink that refuses all facts of the families it accepts.
#[derive(Debug)]
struct Refusing(&'static str, &'static [PayloadFamily]);

impl Sink for Refusing {
    fn name(&self) -> &str {
        self.0
    }
    fn families(&self) -> &[PayloadFamily] {
        self.1
    }
    fn capture(&self, _: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        Err(SinkError::retryable("down", "the service is down"))
    }
}

/// Imports the run `run:p.r`.
fn import_run(contexta: &Contexta) {
    let time = "2024-01-31T12:00:00Z";
    let lines = [
        format!(
            r#"{{"kind":"project","object":{{"project_ref":"project:p","name":"p","created_at":"{time}"}}}}"#
        ),
        format!(
            r#"{{"kind":"run","object":{{"run_ref":"run:p.r","project_ref":"project:p","name":"R","status":"open","started_at":"{time}"}}}}"#
        ),
        format!(
            r#"{{"kind":"record","object":{{"envelope":{{"record_ref":"record:p.r.1","record_type":"event","recorded_at":"{time}","observed_at":"{time}","producer_ref":"x","run_ref":"run:p.r"}},"payload":{{"event_key":"k","level":"info","message":"m"}}}}}}"#
        ),
    ];
    import_lines(contexta, &lines.join("\n"));
}

#[test]
fn facts_that_a_sink_does_not_receive_do_not_wait_for_it() {
    let disk = SimDisk::new(12);
    let records: Arc<dyn Sink> = Arc::new(Refusing("records", &[PayloadFamily::Record]));
    let artifacts: Arc<dyn Sink> = Arc::new(Refusing("artifacts", &[PayloadFamily::Artifact]));
    let contexta = outbox(options(disk.process(1))).sink(records).sink(artifacts).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    run.metric("loss", 0.5).unwrap();
    run.complete().unwrap();
    contexta.run("no-records").run_id("no-records").start().unwrap().complete().unwrap();
    let run = contexta.run("model").run_id("model").start().unwrap();
    disk.overwrite(std::path::Path::new("/model.bin"), b"weights".to_vec());
    run.register_artifact("model", "/model.bin").unwrap();
    run.complete().unwrap();
    import_run(&contexta);
    let sinks = |run: &str| {
        let sink = |finding: DiagnosticsIssue| finding.details["sink"].to_string();
        found(&contexta, run, "sink_waiting").into_iter().map(sink).collect::<Vec<_>>()
    };
    assert_eq!(sinks("a"), ["records"]);
    assert_eq!(sinks("model"), ["artifacts"]);
    assert_eq!((sinks("no-records"), sinks("r")), (vec![], vec![]));
}

#[test]
fn facts_that_wait_for_a_removed_sink_are_a_finding_of_another_code() {
    let disk = SimDisk::new(13);
    let removed: Arc<dyn Sink> = Arc::new(Refusing("Removed sink", PayloadFamily::ALL));
    let contexta = outbox(options(disk.process(1))).sink(Arc::clone(&removed)).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    run.complete().unwrap();
    let findings = found(&contexta, "a", "sink_waiting");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].details["sink"], "Removed sink".into());
    assert_eq!(found(&contexta, "a", "sink_not_attached"), []);
    contexta.close().unwrap();
    drop((run, contexta));
    let contexta = outbox(options(disk.process(2))).open().unwrap();
    assert_eq!(found(&contexta, "a", "sink_waiting"), []);
    let findings = found(&contexta, "a", "sink_not_attached");
    assert_eq!((findings.len(), findings[0].severity), (1, Severity::Info), "{findings:?}");
    drop(contexta);
    let contexta = outbox(options(disk.process(3))).sink(removed).open().unwrap();
    assert_eq!(found(&contexta, "a", "sink_waiting").len(), 1);
}

#[cfg(unix)]
#[test]
fn diagnosis_without_access_to_the_cursors_of_sinks_has_a_note() {
    let dir = TempDir::new("diagnosis-cursors");
    let contexta = contexta::Options::new(dir.path()).detect_code_revision(false).open().unwrap();
    contexta.run("a").run_id("a").start().unwrap().fail("out of memory").unwrap();
    std::fs::create_dir_all(contexta.paths().recovery()).unwrap();
    // A file replaces the directory of the cursors, so the directory cannot be listed.
    std::fs::write(contexta.paths().recovery().join("sinks"), "").unwrap();
    let diagnosis = contexta.diagnose_run("a").unwrap();
    assert!(diagnosis.notes.iter().any(|note| note.code == "deliveries_unreadable"), "{:?}", diagnosis.notes);
    assert!(diagnosis.findings.iter().any(|finding| finding.code == "run_failed"));
}
