//! Reports of an open workspace: their sections, the settings that change them, and text from outside in each rendering.

use crate::support::{TempDir, open_sim, two_runs};
use contexta::config::{LoadInputs, load_config};
use contexta::contract::RelationType;
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{AlertRule, Comparison, ReportDocument, RunListQuery};
use contexta::{Contexta, Direction, Options, csv, to_html, to_markdown};
use std::path::Path;

fn titles(report: &ReportDocument) -> Vec<&str> {
    report.sections.iter().map(|section| section.title.as_str()).collect()
}

fn body(report: &ReportDocument, title: &str) -> String {
    report.sections.iter().find(|section| section.title == title).unwrap().body()
}

#[test]
fn reports_have_the_sections_and_lines_of_the_python_package() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    two_runs(&contexta);
    let (good, bad) = (contexta.find_run("good").unwrap(), contexta.find_run("bad").unwrap());
    let report = contexta.build_snapshot_report("good").unwrap();
    assert_eq!(report.title, format!("Run Snapshot Report: {good}"));
    let sections = ["Run Summary", "Stages", "Artifacts", "Batches", "Deployments", "Samples", "Diagnostics"];
    assert_eq!(titles(&report), [&sections[..], &["Completeness Notes"]].concat());
    let summary = body(&report, "Run Summary");
    assert!(
        summary.starts_with(&format!("run_id: {good}\nname: good\nstatus: completed\nproject: ")),
        "{summary}"
    );
    let stage = good.as_str().replacen("run:", "stage:", 1) + ".train";
    assert_eq!(body(&report, "Stages"), format!("train: status=completed, stage_id={stage}"));
    assert_eq!(body(&report, "Batches"), "No batches.");
    let notes = body(&report, "Completeness Notes");
    assert_eq!(notes.matches("deployment_list_empty").count(), 1, "{notes}");

    let report = contexta.build_run_report("good", "bad").unwrap();
    let sections = ["Summary", "Metric Deltas", "Artifact Changes", "Diagnostics", "Completeness Notes"];
    assert_eq!(titles(&report), sections);
    let deltas = body(&report, "Metric Deltas");
    assert!(deltas.starts_with("run/accuracy: left=0.8, right="), "{deltas}");
    assert!(deltas.contains("\ntrain/loss: left="), "{deltas}");

    let report = contexta.build_trend_report("loss", Some("train"), RunListQuery::oldest_first()).unwrap();
    assert!(body(&report, "Series").contains(&format!("{good}: value=0.3")), "{report:?}");
    let report = contexta.build_multi_run_report(&["good".into(), "bad".into()]).unwrap();
    assert_eq!(titles(&report), ["Summary", "Run IDs", "Metric Table", "Completeness Notes"]);
    assert_eq!(body(&report, "Run IDs"), format!("{good}\n{bad}"));
    let report = contexta.build_project_summary_report("none").unwrap();
    assert_eq!(body(&report, "Runs"), "No runs.");
    assert_eq!(body(&report, "Completeness Notes"), "info: project_runs_empty");
    let report = contexta.build_health_report().unwrap();
    assert_eq!(body(&report, "Runs By Status"), "completed: 2");
    let report = contexta.build_lineage_report(good.as_str(), Direction::Both, 2).unwrap();
    assert_eq!(titles(&report), ["Root", "Edges", "Visited Refs", "Completeness Notes"]);
    assert_eq!(contexta.build_health_report().unwrap(), contexta.build_health_report().unwrap());
}

#[test]
fn rules_without_a_metric_have_not_passed() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    two_runs(&contexta);
    let run = contexta.find_run("good").unwrap();
    let rules = [
        AlertRule::new("accuracy", Comparison::Greater, 0.5),
        AlertRule::new("accuracy", Comparison::Less, 0.5).named("low"),
    ];
    let report = contexta.build_alert_report("good", &rules).unwrap();
    assert_eq!(titles(&report), ["Triggered", "Passed"]);
    assert_eq!(body(&report, "Triggered"), format!("{run}: accuracy:gt:0.5 actual=0.8 threshold=0.5"));
    assert_eq!(body(&report, "Passed"), format!("{run}: low actual=0.8 threshold=0.5"));
    let missing = [AlertRule::new("none", Comparison::Less, 3i64)];
    let report = contexta.build_alert_report("good", &missing).unwrap();
    assert_eq!(body(&report, "Passed"), "No passing alerts.");
    assert_eq!(body(&report, "Not Evaluated"), format!("{run}: none:lt:3 actual=None threshold=3"));
}

fn open(root: &Path, sets: &[&str]) -> Contexta {
    let inputs = LoadInputs::new().use_env(false).base_dir(root).workspace("w").set("project_name=wine");
    let config = load_config(&sets.iter().fold(inputs, |inputs, set| inputs.set(set))).unwrap().config;
    Options::from_config(&config).unwrap().open().unwrap()
}

#[test]
fn each_setting_of_reports_leaves_out_its_content() {
    let dir = TempDir::new("reports-settings");
    let contexta = open(dir.path(), &[]);
    let run = contexta.run("one").run_id("one").start().unwrap();
    let (data, model) = (dir.path().join("wine.csv"), dir.path().join("model.bin"));
    std::fs::write(&data, "a,b").unwrap();
    std::fs::write(&model, "weights").unwrap();
    let data = run.register_artifact("dataset_snapshot", &data).unwrap();
    let model = run.register_artifact("model_bundle", &model).unwrap();
    run.relate(model.artifact_ref(), RelationType::EvaluatedOn, data.artifact_ref()).unwrap();
    run.complete().unwrap();
    drop(run);
    drop(contexta);
    let markdown = |sets: &[&str]| to_markdown(&open(dir.path(), sets).build_snapshot_report("one").unwrap());
    let parts = ["## Completeness Notes\n", "### Lineage\n", "\nEvidence:\n"];
    let all = markdown(&[]);
    assert!(parts.iter().all(|part| all.contains(part)), "{all}");
    let settings = ["completeness_notes", "lineage_summary", "evidence_summary"];
    for (n, setting) in settings.iter().enumerate() {
        let text = markdown(&[&format!("interpretation.reports.include_{setting}=false")]);
        let found: Vec<bool> = parts.iter().map(|part| text.contains(part)).collect();
        let expected: Vec<bool> = (0..parts.len()).map(|other| other != n).collect();
        assert_eq!(found, expected, "{setting}: {text}");
    }
}

#[test]
fn text_from_outside_forms_no_markup_and_no_formula() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    let name = "=1+1 <script>alert('x')</script> | **b** ~~s~~ \"q\"";
    let run = contexta.run(name).run_id("one").start().unwrap();
    run.metric("loss", -0.5).unwrap();
    run.complete().unwrap();
    let report = contexta.build_snapshot_report("one").unwrap();
    assert!(body(&report, "Run Summary").contains(name));
    let markdown = to_markdown(&report);
    let escaped = "=1+1 \\<script\\>alert('x')\\</script\\> \\| \\*\\*b\\*\\* \\~\\~s\\~\\~ \"q\"";
    assert!(markdown.contains(&format!("| Name | \\{escaped} |")), "{markdown}");
    assert!(!markdown.contains("<script>"), "{markdown}");
    let html = to_html(&report);
    assert!(html.contains("&lt;script&gt;alert(&#x27;x&#x27;)") && !html.contains("<script"), "{html}");
    let runs = csv::runs(&contexta.list_runs(RunListQuery::default()).unwrap(), ',');
    assert!(runs.contains(&format!(",\"'{}\",", name.replace('"', "\"\""))), "{runs}");
    let trend = csv::trend(&contexta.metric_trend("loss", None, RunListQuery::default()).unwrap(), None, ';');
    assert!(trend.contains(";-0.5;") && trend.starts_with("run_id;run_name;"), "{trend}");
}
