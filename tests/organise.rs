//! Archived and starred runs, notes as filters, declared directions, alert rules of the settings, and saved reports.

use crate::support::{TempDir, import_lines, open_sim, two_runs};
use contexta::config::LoadInputs;
use contexta::contract::fact::{Change, Mark};
use contexta::contract::{RunRef, Value};
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{Archived, Direction, RunListQuery, RunSearch};
use contexta::{Answer, BestRunOptions, Contexta, ExportSettings, ImportSettings, ImportSource, Options};

fn mark(contexta: &Contexta, run: &str, mark: Mark, is_set: bool) {
    let run = RunRef::parse(run).unwrap();
    contexta.annotate_run(&run, Change::Mark(mark, is_set)).unwrap();
}

/// Returns the ids of the runs that a query selects.
fn ids(contexta: &Contexta, change: impl FnOnce(&mut RunListQuery)) -> Vec<String> {
    let mut query = RunListQuery::oldest_first();
    change(&mut query);
    let runs = contexta.list_runs(query).unwrap().runs;
    runs.iter().map(|run| run.run.run_ref.last_component().to_owned()).collect()
}

#[test]
fn archived_runs_are_left_out_of_lists_until_they_are_unarchived() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    two_runs(&contexta);
    mark(&contexta, "run:wine.bad", Mark::Archived, true);
    assert_eq!(ids(&contexta, |_| ()), ["good"]);
    assert_eq!(ids(&contexta, |query| query.archived = Archived::Include), ["bad", "good"]);
    assert_eq!(ids(&contexta, |query| query.archived = Archived::Only), ["bad"]);
    let search = RunSearch { text: "bad".to_owned(), ..RunSearch::default() };
    assert_eq!(contexta.search_runs(&search).unwrap().total, 0);
    // Queries about many runs exclude archived runs. A query that names an archived run finds the run.
    assert_eq!(contexta.metric_trend("accuracy", None, RunListQuery::default()).unwrap().points.len(), 1);
    assert!(contexta.run_snapshot("bad").unwrap().run.is_archived);
    let best = |runs: &[&str]| {
        let runs = runs.iter().map(|run| (*run).to_owned()).collect();
        let best =
            contexta.select_best_run("accuracy", BestRunOptions { runs, ..Default::default() }).unwrap();
        let ids = best.ranking.iter().map(|ranked| ranked.run.run_ref.last_component().to_owned());
        let left_out = best.notes.iter().find(|note| note.code == "archived_runs_left_out");
        (ids.collect::<Vec<_>>(), best.without.len(), left_out.map(|note| note.message.clone()))
    };
    let left_out = Some("archived runs that are not ranked: 1".to_owned());
    assert_eq!(best(&[]), (vec!["good".to_owned()], 0, left_out));
    let named = best(&["good", "bad"]);
    assert_eq!((named.0.len(), named.2), (2, None));
    mark(&contexta, "run:wine.bad", Mark::Archived, false);
    assert_eq!(ids(&contexta, |_| ()), ["bad", "good"]);
    assert_eq!(contexta.run_snapshot("bad").unwrap().run.conflicts, Vec::<String>::new());
}

#[test]
fn starred_runs_and_notes_are_filters() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    two_runs(&contexta);
    mark(&contexta, "run:wine.good", Mark::Starred, true);
    let bad = RunRef::parse("run:wine.bad").unwrap();
    contexta.annotate_run(&bad, Change::Note("学习率 too high".to_owned())).unwrap();
    assert_eq!(ids(&contexta, |query| query.only_starred = true), ["good"]);
    let filtered = |text: &str| ids(&contexta, |query| query.filter = Some(text.parse().unwrap()));
    assert_eq!(filtered("starred = true"), ["good"]);
    assert_eq!(filtered("starred = false"), ["bad"]);
    assert_eq!(filtered("note ~ \"学习率\""), ["bad"]);
    assert_eq!(filtered("note is null"), ["good"]);
}

#[test]
fn marks_survive_an_export_and_an_import() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    two_runs(&contexta);
    mark(&contexta, "run:wine.bad", Mark::Archived, true);
    mark(&contexta, "run:wine.good", Mark::Starred, true);
    let mut lines = Vec::new();
    contexta.export_jsonl(&mut lines, ExportSettings::default()).unwrap();
    let other = open_sim(&SimDisk::new(2), 1, "/w");
    let mut lines = lines.as_slice();
    other.import_jsonl(ImportSource::Reader("lines", &mut lines), ImportSettings::default()).unwrap();
    assert_eq!(ids(&other, |_| ()), ["good"]);
    assert!(other.run_snapshot("good").unwrap().run.is_starred);
    // An import of the export of the other workspace changes nothing.
    let mut again = Vec::new();
    other.export_jsonl(&mut again, ExportSettings::default()).unwrap();
    let text = String::from_utf8(again).unwrap();
    assert!(text.lines().any(|line| line.contains("run:wine.bad") && line.contains("\"archived\":true")));
    let marks = || {
        let run = |id: &str| contexta.run_snapshot(id).unwrap().run;
        ["good", "bad"].map(run).map(|run| (run.is_starred, run.is_archived, run.conflicts))
    };
    let before = marks();
    import_lines(&contexta, &text);
    assert_eq!(marks(), before);
}

/// Opens the workspace of [`two_runs`] with settings.
fn with_settings(disk: &SimDisk, settings: &[&str]) -> Contexta {
    let inputs = settings.iter().fold(LoadInputs::new().workspace("/w"), |inputs, text| inputs.set(text));
    Options::load(inputs).unwrap().storage(disk.process(2)).detect_code_revision(false).open().unwrap()
}

#[test]
fn declared_directions_decide_and_are_not_assumed() {
    let disk = SimDisk::new(1);
    two_runs(&open_sim(&disk, 1, "/w"));
    let runs = ["good".to_owned(), "bad".to_owned()];
    let best = |settings: &[&str]| {
        let comparison = with_settings(&disk, settings).compare_multiple_runs(&runs).unwrap();
        let row = comparison.metric_table.iter().find(|row| row.metric_key == "accuracy").unwrap();
        let assumed = comparison
            .notes
            .iter()
            .any(|note| note.code == "metric_direction_assumed" && note.message.contains("accuracy"));
        (row.best_run.as_ref().unwrap().last_component().to_owned(), assumed)
    };
    assert_eq!(best(&[]), ("good".to_owned(), true));
    assert_eq!(best(&["metrics.accuracy.better=lower"]), ("bad".to_owned(), false));
    assert_eq!(best(&["metrics.accuracy.better=higher"]), ("good".to_owned(), false));
    // The declarations of several sources are combined, and `none` removes all declarations.
    let both = ["metrics.accuracy.better=lower", "metrics.loss.better=lower"];
    assert_eq!(best(&both), ("bad".to_owned(), false));
    assert_eq!(best(&["metrics.accuracy.better=lower", "metrics=none"]), ("good".to_owned(), true));
}

#[test]
fn metrics_and_rules_of_a_file_are_read_and_wrong_ones_are_refused() {
    let dir = TempDir::new("organise-settings");
    let file = dir.path().join("contexta.toml");
    let load = |text: &str| {
        std::fs::write(&file, text).unwrap();
        contexta::config::load_config(&LoadInputs::new().use_env(false).base_dir(dir.path()).file(&file))
    };
    let loaded = load(
        "[metrics.\"val/loss.a\"]\nbetter = \"lower\"\n\n[[interpretation.alert.rules]]\nmetric = \"loss\"\noperator = \"gt\"\nthreshold = 9007199254740993\n",
    )
    .unwrap();
    let rules = &loaded.config.interpretation.alert.rules.0;
    assert_eq!(rules[0].threshold, contexta::config::AlertThreshold::Int(9_007_199_254_740_993));
    // The settings have the same meaning after they were written as TOML and loaded again.
    let shown = load(&loaded.config.to_toml()).unwrap();
    assert_eq!(
        (&shown.config.metrics, &shown.config.interpretation.alert.rules.0),
        (&loaded.config.metrics, rules)
    );
    for wrong in [
        "[metrics.loss]\nbetter = \"up\"\n",
        "[metrics.loss]\nworse = \"lower\"\n",
        "metrics = 3\n",
        "[[interpretation.alert.rules]]\nmetric = \"loss\"\noperator = \"above\"\nthreshold = 1\n",
        "[[interpretation.alert.rules]]\nmetric = \"loss\"\noperator = \"gt\"\nthreshold = \"1\"\n",
        "[[interpretation.alert.rules]]\nmetric = \"\"\noperator = \"gt\"\nthreshold = 1\n",
        "[[interpretation.alert.rules]]\nmetric = \"loss\"\noperator = \"gt\"\nthreshold = 1\nstep = 2\n",
        "[interpretation.alert]\nrules = \"loss > 1\"\n",
    ] {
        let error = load(wrong).unwrap_err();
        assert_eq!(error.code(), "invalid_config_value", "{wrong}: {error}");
    }
}

#[test]
fn rules_of_the_settings_are_evaluated_in_their_order() {
    let disk = SimDisk::new(1);
    two_runs(&open_sim(&disk, 1, "/w"));
    let rules = r#"interpretation.alert.rules=[{"metric":"loss","operator":"gt","threshold":0.5,"stage":"train"},
        {"metric":"accuracy","operator":"lt","threshold":1,"severity":"error","name":"too low"}]"#;
    let contexta = with_settings(&disk, &[rules]);
    let report = contexta.evaluate_alerts("good", &contexta.alert_rules()).unwrap();
    let results: Vec<_> =
        report.results.iter().map(|r| (r.rule.rule_name(), r.triggered, r.severity.as_str())).collect();
    // The last loss of the run `good` is 0.3.
    assert_eq!(
        results,
        [("loss@train:gt:0.5".to_owned(), false, "warning"), ("too low".to_owned(), true, "error")]
    );
}

#[test]
fn a_registered_report_is_an_artifact_of_the_run_and_registered_once() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    disk.overwrite("/report.md".as_ref(), b"# Report\n".to_vec());
    let artifact = contexta.register_report("good", "/report.md").unwrap();
    assert_eq!(contexta.register_report("good", "/report.md").unwrap(), artifact);
    let snapshot = contexta.run_snapshot("good").unwrap();
    assert_eq!(snapshot.artifacts.len(), 1);
    let manifest = &snapshot.artifacts[0].manifest;
    assert_eq!((manifest.artifact_kind.as_str(), manifest.size_bytes), ("report_bundle", Some(9)));
    assert!(snapshot.artifacts[0].body_present && !snapshot.artifacts[0].conflict);
    let walked = contexta.traverse_lineage("run:wine.good", Direction::Outbound, 1).unwrap();
    let edge = &walked.edges[0].edge;
    assert_eq!((edge.relation_type.as_str(), edge.target_ref.as_str()), ("reported_by", artifact.as_str()));
    // The status of the ended run is unchanged.
    assert_eq!(snapshot.run.shown_status(), "completed");
    // A file with the same name and other content is another artifact.
    disk.overwrite("/report.md".as_ref(), b"# Other\n".to_vec());
    assert_ne!(contexta.register_report("good", "/report.md").unwrap(), artifact);
    assert_eq!(contexta.register_report("good", "/none.md").unwrap_err().code(), "storage_not_found");
}

#[test]
fn equal_states_give_equal_reports_and_json_shows_the_marks() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    two_runs(&contexta);
    // The first read has a note on the rebuild of the tables.
    contexta.list_projects().unwrap();
    let report = |run: &str| contexta.build_snapshot_report(run).unwrap();
    assert_eq!(report("good"), report("good"));
    mark(&contexta, "run:wine.good", Mark::Starred, true);
    let shown = contexta.run_snapshot("good").unwrap().to_value();
    let run = shown.get("run").unwrap();
    assert_eq!(
        (run.get("starred"), run.get("archived")),
        (Some(&Value::Bool(true)), Some(&Value::Bool(false)))
    );
}
