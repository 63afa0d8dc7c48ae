//! Answers of the Python package contexta 1.0.0 ("the reference"), compared with the answers of contexta.
//!
//! `tests/golden/reference` contains workspaces, questions and the answers of the reference. The test imports each
//! workspace, asks its questions through methods and in-process command lines, and compares the answers:
//!
//! - JSON, field by field. Objects of contexta may have additional members. Arrays have the same length and order. Two
//!   integers are equal exactly; other numbers may differ by 1e-12, relative to the greater one. `5` equals `5.0`.
//!   `<ingested-at>` and `<appended-at>` stand for any time.
//! - CSV, cell by cell. Tables of contexta may have additional columns at the end.
//! - Text, Markdown and HTML: each value in the text of the reference must occur in the text of contexta. A text is
//!   split into words at white space and at the characters `=,|()[]{}`, and punctuation around a word is removed. A
//!   word is a value if it contains a digit or `:`, or if it belongs to a name of the workspace in the text. So the values
//!   are refs, numbers, times and names. A number must occur as a word with an equal number. Hidden characters separate
//!   words. Labels, order and layout are not compared.
//! - Errors: the codes are equal. The messages are not compared.
//! - Exit codes are equal.
//!
//! If the reference has a gap, contexta must give another answer. `deviations.rs` lists the questions with
//! such answers. Models compute the expected answers from the imported objects (`answers.rs`,
//! `comparisons.rs`, `diagnoses.rs`, `provenance.rs`, `lineage.rs`, `replays.rs`, `snapshots.rs`), without
//! the functions of contexta. A model has rules (`rules.rs`). Without rules, a model gives the answer of the
//! reference. With all rules, a model gives the expected answer of contexta. If a model without rules does
//! not reproduce the recorded answer, the answer of the reference is expected. `metrics.rs` selects the
//! points and the value that represent a metric.
//!
//! A new method needs a function in `methods.rs` and a line in its table. When all questions of a group pass, the group
//! is added to [`ANSWERED`]. With `--nocapture`, the test prints the counts of all groups, and the groups to add.
//!
//! Environment variables for development:
//!
//! - `CONTEXTA_GOLDEN_GROUP=GROUP` asks the questions of one group only, and requires that all of them pass.
//! - `CONTEXTA_GOLDEN_REPORT=FILE` writes one line of JSON for each question that does not pass.

mod answers;
mod asks;
mod command;
mod compare;
mod comparisons;
mod csv;
mod deviations;
mod diagnoses;
mod lineage;
mod methods;
mod metrics;
mod object;
mod outcome;
mod parts;
mod provenance;
mod question;
mod replays;
mod report;
mod reports;
mod rules;
mod runs;
mod shapes;
mod snapshots;
mod statistics;
mod text;
mod workspace;

use compare::{Difference, outcomes};
use deviations::{Asked, Expected, deviation};
use outcome::{Answer, Outcome};
use question::{Call, Question, questions};
use report::{Class, Report};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use workspace::{WORKSPACES, Workspace, reference};

/// The groups whose questions must all pass: `api METHOD`, or `cli COMMAND FORM`. The questions of the other groups are
/// only counted.
const ANSWERED: &[&str] = &[
    "api AggregationService.aggregate_by_stage",
    "api AggregationService.run_status_distribution",
    "api AnomalyService.compute_baseline",
    "api AnomalyService.detect_anomalies",
    "api build_alert_report",
    "api build_alert_report.to_markdown",
    "api build_multi_run_report",
    "api build_multi_run_report.to_csv",
    "api build_multi_run_report.to_markdown",
    "api build_project_summary_report",
    "api build_project_summary_report.to_markdown",
    "api build_run_report",
    "api build_snapshot_report",
    "api build_snapshot_report.to_csv",
    "api build_trend_report",
    "api build_trend_report.to_markdown",
    "api compare_report_documents",
    "api evaluate_alerts",
    "api evaluate_alerts_fleet",
    "api get_artifact_origin",
    "api get_artifact_size_trend",
    "api get_provenance",
    "api get_stage_duration_trend",
    "api get_step_series",
    "api list_batches",
    "api list_deployments",
    "api list_projects",
    "api list_runs",
    "api list_samples",
    "api metadata_store.build_run_snapshot",
    "api record_store.replay",
    "api repository.list_artifacts",
    "api repository.list_records",
    "api repository.list_relations",
    "api select_best_run",
    "api traverse_lineage",
    "cli aggregate json",
    "cli aggregate text",
    "cli alert json",
    "cli alert text",
    "cli anomaly json",
    "cli anomaly text",
    "cli compare json",
    "cli compare text",
    "cli compare-multi json",
    "cli compare-multi text",
    "cli diagnostics json",
    "cli diagnostics text",
    "cli export-anomaly csv",
    "cli export-compare csv",
    "cli export-html html",
    "cli export-html json",
    "cli export-runs csv",
    "cli export-runs json",
    "cli export-trend csv",
    "cli lineage json",
    "cli lineage text",
    "cli provenance-audit json",
    "cli provenance-audit text",
    "cli provenance-diff json",
    "cli provenance-diff text",
    "cli report-compare csv",
    "cli report-compare html",
    "cli report-compare json",
    "cli report-compare markdown",
    "cli report-snapshot csv",
    "cli report-snapshot html",
    "cli report-snapshot json",
    "cli report-snapshot markdown",
    "cli run-show json",
    "cli run-show text",
    "cli replay json",
    "cli replay text",
    "cli runs json",
    "cli runs text",
    "cli search-artifacts json",
    "cli search-artifacts text",
    "cli search-runs json",
    "cli search-runs text",
    "cli trend json",
    "cli trend text",
];

/// The number of questions in all workspaces.
const QUESTIONS: usize = 12_621;

/// The document that lists the classes of different answers.
const DEVIATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DEVIATIONS.md");

/// The number of workspaces that are asked at the same time.
const THREADS: usize = 2;

/// The greatest number of failures that are shown.
const SHOWN_MAX: usize = 10;

#[test]
fn questions_are_answered_like_the_reference() {
    let group = std::env::var("CONTEXTA_GOLDEN_GROUP").ok();
    let report = ask_all(group.as_deref());
    println!("{report}");
    let whole = report.whole_groups().into_iter().filter(|group| !ANSWERED.contains(group));
    println!("whole groups that ANSWERED does not contain: {:?}", Vec::from_iter(whole));
    if let Some(path) = std::env::var_os("CONTEXTA_GOLDEN_REPORT") {
        std::fs::write(path, report.lines()).unwrap();
    }
    let required = match &group {
        Some(group) => vec![group.as_str()],
        None => ANSWERED.to_vec(),
    };
    for group in &required {
        assert!(report.groups().any(|known| known == *group), "no questions of the group {group:?}");
        let failures = report.failures(group);
        let shown = failures.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join("\n");
        assert!(failures.is_empty(), "{group}: {} questions fail:\n{shown}", failures.len());
    }
    let documented = std::fs::read_to_string(DEVIATIONS).unwrap();
    let classes = documented.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let classes: Vec<&str> = classes.flat_map(|classes| classes.split(", ")).collect();
    for gap in report.gaps() {
        assert!(classes.contains(&gap), "{DEVIATIONS} does not list the class {gap}");
    }
    assert!(group.is_some() || report.questions() == QUESTIONS, "{} questions", report.questions());
}

/// Asks the questions of one group or of all groups in all workspaces.
fn ask_all(group: Option<&str>) -> Report {
    let waiting = Mutex::new(WORKSPACES.iter());
    let work = || {
        let mut report = Report::default();
        loop {
            let next = waiting.lock().unwrap().next();
            let Some(name) = next else { return report };
            let questions = questions(&reference(), name);
            let is_asked = |question: &&Question| group.is_none_or(|group| question.group() == group);
            let asked: Vec<&Question> = questions.iter().filter(is_asked).collect();
            if !asked.is_empty() {
                let workspace = Workspace::import(name);
                let context = Asked { questions: &questions, workspace: &workspace };
                ask_workspace(&workspace, &asked, |question, got| {
                    judge(question, got, &context, &mut report)
                });
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let mut report = Report::default();
        threads.into_iter().for_each(|thread| report.merge(thread.join().unwrap()));
        report
    })
}

/// Asks questions, and calls `judge` with each question and its outcome. The methods come first, because a command
/// opens the workspace itself.
fn ask_workspace(workspace: &Workspace, asked: &[&Question], mut judge: impl FnMut(&Question, &Outcome)) {
    let contexta = workspace.open();
    for question in asked {
        if let Call::Method(method, args) = &question.call {
            judge(question, &caught(|| methods::ask(&contexta, method, args)));
        }
    }
    contexta.close().unwrap();
    drop(contexta);
    for question in asked {
        if let Call::Command(argv) = &question.call {
            let got = caught(|| command::ask(workspace.path(), argv, question.form, question.reference.exit));
            judge(question, &got);
        }
    }
}

/// Returns the outcome of `ask`. A panic is an outcome too, so that the other questions are asked.
fn caught(ask: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome { exit: 101, answer: Answer::Panic(message.unwrap_or_default()) }
    })
}

/// Compares an outcome with the expected one, and adds the result to the report.
fn judge(question: &Question, got: &Outcome, asked: &Asked<'_>, report: &mut Report) {
    let names = &asked.workspace.names;
    let deviation = deviation(question, asked);
    let expected = match deviation.as_ref().map(|deviation| &deviation.expected) {
        None => Some(&question.reference),
        Some(Expected::Outcome(expected)) => Some(expected),
        Some(Expected::Check(_)) => None,
    };
    let result: Result<Class, Difference> = match &deviation {
        None => outcomes(&question.reference, got, question.form, names).map(|()| Class::Equal),
        Some(deviation) => deviation.check(question, got, names).map(|()| Class::Deviates(deviation.gap)),
    };
    report.add(question, expected, got, result);
}
