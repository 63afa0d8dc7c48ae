//! Small interchange files with unusual content: names, blank texts, numbers that are not finite, and times in the wrong
//! order. Each file can be imported, and the library and the command then return the expected answers.

use crate::support::open_sim;
use contexta::contract::{AnyRecord, MetricValue, Value};
use contexta::engine::storage::sim::SimDisk;
use contexta::{Answer, BestRunOptions, Contexta, Goal, ImportReport, ImportSettings, ImportSource};

/// Returns the text of a file of `tests/data/cases`.
fn case(name: &str) -> String {
    let path = format!("{}/tests/data/cases/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// Imports a file twice into a new workspace. The second import must change nothing.
fn imported(name: &str) -> (Contexta, ImportReport) {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let text = case(name);
    let import = || {
        let source = ImportSource::Reader(name, &mut text.as_bytes());
        contexta.import_jsonl(source, ImportSettings::default()).unwrap()
    };
    let report = import();
    let before = contexta.digest().unwrap().0;
    assert_eq!(import().total().new, 0, "{name}");
    assert_eq!(contexta.digest().unwrap().0, before, "{name}");
    round_trip(&contexta, name);
    (contexta, report)
}

/// Exports the workspace and imports the export into another workspace. Asserts that an export of the other workspace
/// is equal.
fn round_trip(contexta: &Contexta, name: &str) {
    let export = |contexta: &Contexta| {
        let mut out = Vec::new();
        contexta.export_jsonl(&mut out, &Default::default()).unwrap();
        String::from_utf8(out).unwrap()
    };
    let text = export(contexta);
    for line in text.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{name}: {line}");
    }
    let other = open_sim(&SimDisk::new(2), 1, "/w");
    let source = ImportSource::Reader(name, &mut text.as_bytes());
    let report = other.import_jsonl(source, ImportSettings::default()).unwrap();
    assert!(report.is_complete(), "{name}: {report:?}");
    assert_eq!(export(&other), text, "{name}");
}

fn in_project(project: &str, goal: Goal) -> BestRunOptions {
    BestRunOptions { project: Some(project.to_owned()), goal, ..BestRunOptions::default() }
}

/// Returns the codes of the notes of a run.
fn note_codes(contexta: &Contexta, run: &str) -> Vec<&'static str> {
    contexta.run_snapshot(run).unwrap().notes.iter().map(|note| note.code).collect()
}

const METRIC_NAMES: &[&str] =
    &["01: running time in mins", "mAP@0.5", "f1 (macro)", "Loss", "val loss", "系统", "accuracy%", "loss"];

#[test]
fn metrics_with_any_name_are_imported_and_found() {
    let (contexta, report) = imported("01_metric_names");
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.warnings["record_invalid_metric_key"], 7);
    let snapshot = contexta.run_snapshot("r").unwrap();
    let found: Vec<&str> = snapshot.metrics.iter().map(|row| row.key.metric_key.as_str()).collect();
    assert_eq!(found.len(), METRIC_NAMES.len(), "{found:?}");
    for name in METRIC_NAMES {
        assert!(found.contains(name), "{name}");
        let series = contexta.step_series("r", name, None).unwrap();
        assert_eq!(series.points[0].value, MetricValue::Float(0.5), "{name}");
        let best = contexta.select_best_run(name, in_project("names", Goal::Maximize)).unwrap();
        assert_eq!(best.ranking.len(), 1, "{name}");
    }
    assert!(snapshot.events.is_empty());
}

#[test]
fn blank_texts_and_null_parameters_cost_nothing_else() {
    let (contexta, report) = imported("02_blank_strings");
    assert!(report.is_complete() && report.dropped.is_empty(), "{report:?}");
    let run = |name: &str| {
        let run = contexta.run_snapshot(name).unwrap().run;
        assert_eq!((run.name.as_str(), run.status.as_str()), (name, "completed"));
        run
    };
    assert_eq!(run("tag").tags["note"], "");
    assert_eq!(run("desc").description.as_deref(), Some(""));
    assert_eq!(run("param").params["CUDA_VISIBLE_DEVICES"], Value::from(""));
    assert_eq!(run("none").params["max_depth"], Value::Null);
    assert_eq!(run("list").params["betas"], Value::list([0.9, 0.999]));
    assert!(!run("tag").params.contains_key("max_depth"));
    let environment = &contexta.run_snapshot("envrun").unwrap().environments[0].snapshot;
    assert_eq!(environment.environment_variables["CUDA_VISIBLE_DEVICES"], "");
    assert_eq!(environment.environment_variables["LANG"], "C");
    assert_eq!(environment.packages["torch"], "2.3.0");

    // A parameter that is null differs from a missing parameter.
    let compared = contexta.compare_runs("none", "tag").unwrap();
    assert_eq!(compared.params.len(), 1);
    assert_eq!((&compared.params[0].left, &compared.params[0].right), (&Some(Value::Null), &None));
}

#[test]
fn numbers_that_are_not_finite_are_points_of_their_series() {
    let (contexta, report) = imported("03_nan");
    // A metric value that is null is refused, because it is not a number.
    assert_eq!((report.total().refused, report.refused[0].line), (1, 10));
    assert_eq!(report.members_dropped, 0);
    let series = contexta.step_series("bad", "loss", None).unwrap();
    let points: Vec<(i64, String)> =
        series.points.iter().map(|point| (point.step, point.value.to_string())).collect();
    let expected = [(1, "0.1"), (2, "nan"), (3, "inf"), (4, "nan")];
    assert_eq!(points, expected.map(|(step, value)| (step, value.to_owned())));

    let snapshot = contexta.run_snapshot("bad").unwrap();
    let row = &snapshot.metrics[0];
    assert_eq!((row.count, row.non_finite, row.last.value.to_string()), (4, 3, "nan".to_owned()));
    assert_eq!((&row.min, &row.max), (&Some(0.1.into()), &Some(0.1.into())));
    assert!(note_codes(&contexta, "bad").contains(&"metric_not_finite"));
    assert!(!note_codes(&contexta, "good").contains(&"metric_not_finite"));

    // For both goals, a NaN is worse than every number, and the answer contains the run.
    for goal in [Goal::Maximize, Goal::Minimize] {
        let best = contexta.select_best_run("loss", in_project("nan", goal)).unwrap();
        let ranking: Vec<&str> = best.ranking.iter().map(|ranked| ranked.run.name.as_str()).collect();
        assert_eq!(ranking, ["good", "bad"]);
        assert_eq!(best.notes.iter().filter(|note| note.code == "metric_not_finite").count(), 1);
        assert!(best.to_json().unwrap().contains(r#""value": "NaN""#));
    }
    let compared = contexta.compare_runs("good", "bad").unwrap();
    let delta = &compared.metric_deltas[0];
    let is_nan = |value: &Option<MetricValue>| value.as_ref().is_some_and(|value| value.as_f64().is_nan());
    assert_eq!(delta.left.as_ref().unwrap().value, 0.3.into());
    assert!(is_nan(&delta.right.as_ref().map(|right| right.value.clone())) && is_nan(&delta.delta));
    assert!(delta.change_ratio.is_some_and(f64::is_nan));
    assert!(contexta.compare_runs("bad", "bad").unwrap().metric_deltas.is_empty());
}

/// The names of the runs, with the last components of their refs.
const RUN_NAMES: &[(&str, &str)] = &[
    ("exp: lr=0.1", "a"),
    ("2024-10-12 11:48:54", "b"),
    ("a/b/c", "c"),
    ("实验一 🚀", "d"),
    ("--help", "e"),
    ("cafe\u{301}", "g"),
    ("caf\u{e9}", "g"),
    ("x\u{1b}[31mred\u{202e}", "h"),
    ("深度學習深度學習", "wide1"),
    ("plain", "wide2"),
    // A prefix of a name, and refs.
    ("exp: l", "a"),
    ("实验", "d"),
    ("caf\u{e9}", "g"),
    ("run:rn.f", "f"),
    ("rn.f", "f"),
];

#[test]
fn runs_with_any_name_are_found_by_it() {
    let (contexta, report) = imported("09_run_names");
    assert!(report.is_complete(), "{report:?}");
    for (name, id) in RUN_NAMES {
        let run = contexta.run_snapshot(name).unwrap().run;
        assert_eq!(run.run_ref.last_component(), *id, "{name}");
    }
    let run = contexta.run_snapshot("wide1").unwrap().run;
    assert_eq!(run.params["模型"], Value::from("残差网络"));
    for unknown in ["run:rn.none", "run:rn.f.x", "stage:rn.f.s", "a: b"] {
        assert_eq!(contexta.run_snapshot(unknown).unwrap_err().code(), "query_run_not_found", "{unknown}");
    }
}

#[test]
fn times_in_the_wrong_order_are_kept_and_named() {
    let (contexta, report) = imported("10_clock");
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.warnings["context_invalid_time_order"], 1);
    assert_eq!(report.warnings["record_invalid_time_order"], 1);
    let snapshot = contexta.run_snapshot("back").unwrap();
    assert_eq!(snapshot.run.ended_at.unwrap().to_string(), "2025-01-01T09:59:59Z");
    assert_eq!(snapshot.metrics[0].count, 1);
    assert!(note_codes(&contexta, "back").contains(&"time_order"));
    assert!(!note_codes(&contexta, "ok").contains(&"time_order"));
    let named = |run: &str| {
        let records = contexta.run_snapshot(run).unwrap().events;
        let of_import = |record: &AnyRecord| match record {
            AnyRecord::Degraded(d) => Some((d.payload.issue_key.clone(), d.payload.summary.clone())),
            _ => None,
        };
        records.iter().filter_map(|row| of_import(&row.record)).collect::<Vec<_>>()
    };
    for (run, subject) in [("back", "run:clk.back (line 2)"), ("ok", "record:clk.ok.r00001 (line 5)")] {
        let named = named(run);
        assert_eq!(named.len(), 1, "{named:?}");
        assert_eq!(named[0].0, "import.time_order");
        assert!(named[0].1.contains(subject), "{named:?}");
    }
    assert_eq!(contexta.run_snapshot("ok").unwrap().metrics[0].count, 4);
}

#[test]
fn member_that_is_left_out_is_named_with_object_and_line() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    let run =
        case("02_blank_strings").lines().nth(1).unwrap().replace(r#"{"note": ""}"#, r#"{"a":5,"b":"c"}"#);
    let metric = case("02_blank_strings")
        .lines()
        .nth(2)
        .unwrap()
        .replace(r#""value_type""#, r#""unit":" ","value_type""#);
    let other = metric.replace("r00001", "r00002");
    let text = [run, metric, other].join("\n");
    let import = |strict: bool| {
        let source = ImportSource::Reader("x", &mut text.as_bytes());
        contexta.import_jsonl(source, ImportSettings { strict, ..ImportSettings::default() })
    };
    assert_eq!(import(true).unwrap_err().code(), "import_refused");
    let report = import(false).unwrap();
    assert_eq!((report.total().new, report.total().refused, report.members_dropped), (3, 0, 3));
    assert!(!report.is_complete());
    let paths: Vec<(u64, &str)> =
        report.dropped.iter().map(|dropped| (dropped.line, dropped.member.path.as_str())).collect();
    assert_eq!(paths, [(1, "$.object.tags.a"), (2, "$.object.payload.unit"), (3, "$.object.payload.unit")]);

    let snapshot = contexta.run_snapshot("tag").unwrap();
    assert_eq!(snapshot.run.tags.len(), 1);
    assert_eq!(snapshot.metrics[0].count, 2);
    // If several records of a run have the same fault, the summary names the first record.
    let summaries: Vec<String> = snapshot
        .events
        .iter()
        .filter_map(|row| match &row.record {
            AnyRecord::Degraded(d) if d.payload.issue_key == "import.member_dropped" => {
                Some(d.payload.summary.clone())
            }
            _ => None,
        })
        .collect();
    assert_eq!(summaries.len(), 2, "{summaries:?}");
    for part in [
        "$.object.tags.a of run:blank.tag (line 1)",
        "$.object.payload.unit of record:blank.tag.r00001 (line 2)",
    ] {
        assert!(summaries.iter().any(|summary| summary.contains(part)), "{summaries:?}");
    }
    assert_eq!(import(false).unwrap().total().new, 0);
}

#[cfg(feature = "cli")]
mod command {
    use super::{METRIC_NAMES, RUN_NAMES};
    use crate::support::TempDir;
    use std::path::Path;
    use std::process::Command;
    use unicode_width::UnicodeWidthStr as _;

    fn run(dir: &Path, args: &[&str]) -> String {
        let output =
            Command::new(env!("CARGO_BIN_EXE_contexta")).current_dir(dir).args(args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command, and returns its answer, which must be valid JSON (RFC 8259).
    fn json(dir: &Path, args: &[&str]) -> serde_json::Value {
        let (options, names) = args.split_at(args.iter().position(|arg| *arg == "--").unwrap_or(args.len()));
        let args = [options, &["--format", "json"], names].concat();
        serde_json::from_str(&run(dir, &args)).unwrap()
    }

    /// Imports a file into a new workspace. `exit` is the expected exit code.
    fn imported(name: &str, exit: i32) -> TempDir {
        let dir = TempDir::new(&format!("case-{name}"));
        let file = format!("{}/tests/data/cases/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_contexta"));
        let output = command.current_dir(dir.path()).args(["import", "jsonl", &file]).output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{}", String::from_utf8_lossy(&output.stderr));
        dir
    }

    #[test]
    fn run_show_and_compare_name_every_metric() {
        let dir = imported("01_metric_names", 0);
        let shown = run(dir.path(), &["run", "show", "r"]);
        let listed = json(dir.path(), &["run", "show", "r"]);
        for name in METRIC_NAMES {
            assert!(shown.contains(&format!("(run)  {name} ")), "{name}: {shown}");
            let metrics = listed["metrics"].as_array().unwrap();
            assert!(metrics.iter().any(|metric| metric["metric_key"] == *name), "{name}");
        }
        let compared = json(dir.path(), &["compare", "r", "r"]);
        assert_eq!(compared["metric_deltas"], serde_json::json!([]));
    }

    #[test]
    fn blank_texts_are_shown() {
        let dir = imported("02_blank_strings", 0);
        let run_of = |name: &str| json(dir.path(), &["run", "show", name])["run"].clone();
        assert_eq!(run_of("tag")["tags"]["note"], "");
        assert_eq!(run_of("none")["params"], serde_json::json!({"max_depth": null}));
        assert_eq!(run_of("list")["params"], serde_json::json!({"betas": [0.9, 0.999]}));
        let shown = run(dir.path(), &["run", "show", "none"]);
        assert!(shown.contains("max_depth  null"), "{shown}");
        let compared = run(dir.path(), &["compare", "none", "list"]);
        assert!(compared.contains("max_depth  null  -"), "{compared}");
    }

    #[test]
    fn numbers_that_are_not_finite_are_shown_and_written_as_json_texts() {
        let dir = imported("03_nan", 1);
        let shown = run(dir.path(), &["run", "show", "bad"]);
        assert!(shown.contains("(run)  loss    4       0.1    nan   0.1  0.1"), "{shown}");
        let metric = json(dir.path(), &["run", "show", "bad"])["metrics"][0].clone();
        assert_eq!((&metric["last"]["value"], &metric["value"]), (&"NaN".into(), &"NaN".into()));
        assert_eq!((&metric["max"], &metric["non_finite"]), (&0.1.into(), &3.into()));
        let delta = json(dir.path(), &["compare", "good", "bad"])["metric_deltas"][0].clone();
        assert_eq!((&delta["right_value"], &delta["delta"]), (&"NaN".into(), &"NaN".into()));
        for args in [&["runs"][..], &["log", "dump"], &["lineage", "run:nan.bad"]] {
            let args = [args, &["--format", "json"]].concat();
            for line in run(dir.path(), &args).lines().filter(|_| args[0] == "log") {
                assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
            }
            assert!(!run(dir.path(), &args).contains(": NaN"), "{args:?}");
        }
        let compared = run(dir.path(), &["compare", "good", "bad"]);
        assert!(compared.contains("run/loss  0.3   nan  nan    nan"), "{compared}");
    }

    #[test]
    fn runs_are_found_by_name_and_columns_are_aligned() {
        let dir = imported("09_run_names", 0);
        for (name, id) in RUN_NAMES {
            let found = json(dir.path(), &["run", "show", "--", name])["run"]["run_id"].clone();
            assert_eq!(found, format!("run:rn.{id}"), "{name}");
        }
        let compared = run(dir.path(), &["compare", "wide1", "wide2"]);
        // The columns of both runs begin at the same column of the terminal in the heading and in a row with a name of
        // wide characters.
        let column_of = |row: &str, cell: &str| {
            let line = compared.lines().find(|line| line.starts_with(row)).unwrap();
            line.split(cell).next().unwrap().width()
        };
        assert_eq!(column_of("Parameter ", "wide1"), column_of("模型", "残差网络"), "{compared}");
        assert_eq!(column_of("Parameter ", "wide2"), column_of("模型", "-"), "{compared}");
        assert_eq!(column_of("Parameter ", "wide2"), column_of("model", "resnet"), "{compared}");
    }

    #[test]
    fn durations_with_disagreeing_times_are_unknown() {
        let dir = imported("10_clock", 0);
        let shown = run(dir.path(), &["run", "show", "back"]);
        assert!(shown.lines().any(|line| line == "Duration  -"), "{shown}");
        assert!(shown.contains("import.time_order"), "{shown}");
        let listed = run(dir.path(), &["runs"]);
        let row = listed.lines().find(|line| line.starts_with("back")).unwrap();
        assert!(row.contains("  -  ") && !row.contains("-1"), "{listed}");
    }
}
