//! Effects of the contract settings: each setting changes the result of a capture or of an import.

use crate::support::open_sim;
use contexta::capture::{CaptureResult, Emission, EventEmission, MetricEmission, ResultStatus};
use contexta::config::LoadInputs;
use contexta::contract::{AnyRecord, DegradedCategory, DegradedPayload, Value};
use contexta::engine::storage::sim::SimDisk;
use contexta::{Contexta, ImportReport, ImportSettings, ImportSource, IngestSettings, Options};

const LENIENT_VALIDATION: &str = "contract.validation_mode=lenient";
const LENIENT_COMPATIBILITY: &str = "contract.compatibility_mode=lenient";

/// Opens the workspace `/w` of a new disk with one setting.
fn open(setting: &str) -> Contexta {
    let disk = SimDisk::new(1);
    drop(open_sim(&disk, 1, "/w"));
    let inputs = LoadInputs::new().use_env(false).workspace("/w").set("project_name=wine").set(setting);
    Options::load(inputs).unwrap().storage(disk.process(2)).detect_code_revision(false).open().unwrap()
}

/// Returns the degraded records of a run that have the issue key `key`.
fn markers(contexta: &Contexta, run: &str, key: &str) -> Vec<DegradedPayload> {
    let events = contexta.run_snapshot(run).unwrap().events;
    let marker = |record: AnyRecord| match record {
        AnyRecord::Degraded(marker) => Some(marker.payload.clone()).filter(|marker| marker.issue_key == key),
        _ => None,
    };
    events.into_iter().filter_map(|row| marker(row.record)).collect()
}

/// Captures invalid records alone, and then a batch of one valid and two invalid records. Returns the
/// results.
fn capture(contexta: &Contexta) -> Vec<Result<CaptureResult, &'static str>> {
    let run = contexta.run("a").run_id("a").start().unwrap();
    let nameless = || MetricEmission::new(" ", 1.0);
    let alone = [run.metric(" ", 1.0), run.metric_at(" ", 1, 1.0), run.emit(nameless().tag("k", "v"))];
    let mut results: Vec<_> = alone.into_iter().map(|result| result.map_err(|error| error.code())).collect();
    let series = run.series(" ").and_then(|series| series.point_at(2, 1.0));
    results.push(series.map_err(|error| error.code()));
    let batch: [Emission; 3] =
        [nameless().into(), MetricEmission::new("acc", 0.5).into(), EventEmission::new(" ", "text").into()];
    match run.emit_all(batch) {
        Ok(batch) => results.extend(batch.into_results().into_iter().map(Ok)),
        Err(error) => results.push(Err(error.code())),
    }
    run.complete().unwrap();
    results
}

#[test]
fn strict_validation_refuses_an_invalid_record_and_its_batch() {
    let contexta = open("contract.validation_mode=strict");
    let results = capture(&contexta);
    let codes: Vec<&str> = results.iter().map(|result| *result.as_ref().unwrap_err()).collect();
    assert_eq!(codes, ["context_invalid_string"; 5]);
    assert_eq!(contexta.run_snapshot("a").unwrap().metrics.len(), 0);
    assert_eq!(markers(&contexta, "a", "capture.record_left_out"), []);
}

#[test]
fn lenient_validation_replaces_an_invalid_record_by_a_marker() {
    let contexta = open(LENIENT_VALIDATION);
    let results: Vec<CaptureResult> = capture(&contexta).into_iter().map(Result::unwrap).collect();
    let codes: Vec<Option<&str>> = results.iter().map(CaptureResult::error_code).collect();
    let code = Some("context_invalid_string");
    assert_eq!(codes, [code, code, code, code, code, None, code]);
    assert_eq!((results[0].status(), results[0].position()), (ResultStatus::Failure, None));
    assert_eq!(
        (results[5].status(), results[5].metadata()["record_type"].as_str()),
        (ResultStatus::Success, Some("metric"))
    );
    let metrics = contexta.run_snapshot("a").unwrap().metrics;
    let keys: Vec<&str> = metrics.iter().map(|series| series.key.metric_key.as_str()).collect();
    assert_eq!(keys, ["acc"]);
    // The result names the ref of the stored record, although the batch begins with an invalid record.
    let stored = contexta.run_snapshot("a").unwrap().records;
    let refs: Vec<String> =
        stored.records.iter().map(|row| row.record.envelope().record_ref.to_string()).collect();
    assert!(refs.contains(&results[5].record_ref().unwrap().to_string()), "{refs:?}");
    let left_out = markers(&contexta, "a", "capture.record_left_out");
    let types: Vec<&Value> = left_out.iter().map(|marker| &marker.attributes["record_type"]).collect();
    let (metric, event) = (&"metric".into(), &"event".into());
    assert_eq!(types, [metric, metric, metric, metric, metric, event]);
    assert_eq!(left_out[0].attributes["code"], "context_invalid_string".into());
}

#[test]
fn lenient_validation_does_not_hide_errors_that_are_not_of_a_record() {
    let contexta = open(LENIENT_VALIDATION);
    assert_eq!(contexta.run(" ").start().map(drop).unwrap_err().code(), "context_invalid_string");
    let run = contexta.run("b").run_id("b").start().unwrap();
    let closed = run.clone();
    run.complete().unwrap();
    assert_eq!(closed.metric(" ", 1.0).map(drop).unwrap_err().code(), "runtime_scope_closed");
}

#[test]
fn ingest_reports_a_record_that_is_replaced_by_a_marker() {
    let contexta = open(LENIENT_VALIDATION);
    let text = r#"{"start":"run","run":"a","id":"a"}
{"metrics":{" ":1,"loss":0.5}}
{"end":"run"}
"#;
    let mut ingest = contexta.ingest(Box::new(text.as_bytes()), IngestSettings::default()).unwrap();
    let commits: Vec<_> = std::iter::from_fn(|| ingest.next_commit().unwrap()).collect();
    let problems: Vec<(u64, &str)> = commits
        .iter()
        .flat_map(|commit| &commit.problems)
        .map(|problem| (problem.line, problem.code))
        .collect();
    assert_eq!(problems, [(2, "ingest_record_left_out")]);
    let metrics = contexta.run_snapshot("a").unwrap().metrics;
    assert_eq!(metrics.iter().map(|series| series.key.metric_key.as_str()).collect::<Vec<_>>(), ["loss"]);
    assert_eq!(markers(&contexta, "a", "capture.record_left_out").len(), 1);
}

/// Imports a run and two records. The schema version of the run and of the first record is 2.0.0.
fn import(contexta: &Contexta, strict: bool) -> contexta::Result<ImportReport> {
    let time = "2024-01-31T12:00:00Z";
    let record = |key: &str, version: &str| {
        let envelope = format!(
            r#""record_ref":"record:wine.r.{key}","record_type":"metric","recorded_at":"{time}","observed_at":"{time}","producer_ref":"x","run_ref":"run:wine.r""#
        );
        format!(
            r#"{{"kind":"record","object":{{"envelope":{{{envelope}{version}}},"payload":{{"metric_key":"{key}","value":1,"value_type":"int"}}}}}}"#
        )
    };
    let other = r#","schema_version":"2.0.0""#;
    let run = format!(
        r#"{{"kind":"run","object":{{"run_ref":"run:wine.r","project_ref":"project:wine","name":"R","status":"open","started_at":"{time}","colour":"red"{other}}}}}"#
    );
    let project = format!(
        r#"{{"kind":"project","object":{{"project_ref":"project:wine","name":"wine","created_at":"{time}"}}}}"#
    );
    let text = [project, run, record("acc", other), record("loss", "")].join("\n");
    let settings = ImportSettings { strict, ..ImportSettings::default() };
    contexta.import_jsonl(ImportSource::Reader("lines", &mut text.as_bytes()), settings)
}

#[test]
fn strict_compatibility_refuses_lines_of_another_schema_version() {
    let contexta = open("contract.compatibility_mode=strict");
    let report = import(&contexta, false).unwrap();
    let refused: Vec<(u64, &str, &str)> = report
        .refused
        .iter()
        .map(|line| (line.line, line.rejection.code, line.rejection.path.as_str()))
        .collect();
    let code = "schema.version_mismatch";
    let (run, record) = ("$.object.schema_version", "$.object.envelope.schema_version");
    assert_eq!(refused, [(2, code, run), (3, code, record)]);
    assert_eq!((report.total().new, report.members_dropped), (2, 0));
}

#[test]
fn lenient_compatibility_imports_lines_of_another_schema_version_with_a_degraded_record() {
    let contexta = open(LENIENT_COMPATIBILITY);
    let report = import(&contexta, false).unwrap();
    assert_eq!((report.total().new, report.total().refused, report.is_complete()), (4, 0, false));
    let dropped: Vec<(u64, &str)> =
        report.dropped.iter().map(|lossy| (lossy.line, lossy.member.path.as_str())).collect();
    let record = "$.object.envelope.schema_version";
    assert_eq!(dropped, [(2, "$.object.schema_version"), (2, "$.object.colour"), (3, record)]);
    let metrics = contexta.run_snapshot("r").unwrap().metrics;
    let keys: Vec<&str> = metrics.iter().map(|series| series.key.metric_key.as_str()).collect();
    assert_eq!(keys, ["acc", "loss"]);
    let markers = markers(&contexta, "r", "import.schema_version");
    let categories: Vec<DegradedCategory> = markers.iter().map(|marker| marker.category).collect();
    assert_eq!(categories, [DegradedCategory::Compatibility; 2]);
    assert!(markers[0].summary.contains("schema version 2.0.0"), "{}", markers[0].summary);
    // A second import changes nothing, and an import with `strict` refuses the version.
    let again = import(&contexta, false).unwrap().total();
    assert_eq!((again.new, again.unchanged), (0, 4));
    let refused = import(&contexta, true).unwrap_err();
    assert_eq!(refused.code(), "import_refused");
    assert!(refused.to_string().contains("line 2"), "{refused}");
}
