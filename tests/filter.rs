//! Filters for runs, on a workspace.

use crate::support::{TempDir, open_sim};
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{Filter, RunListQuery};
use contexta::{Options, run_cli_captured};
use std::ffi::OsString;

#[test]
fn filters_select_runs_by_metrics_parameters_and_stages() {
    let dir = TempDir::new("filter");
    let contexta = Options::new(dir.path()).project("p").detect_code_revision(false).open().unwrap();
    for (id, lr, losses) in [("a", 0.1, &[0.9, 0.2, 0.4][..]), ("b", 0.01, &[0.5, 0.6]), ("c", 0.01, &[])] {
        let run = contexta.run(id).run_id(id).param("lr", lr).tag("env", "ci").start().unwrap();
        let stage = run.stage("train").unwrap();
        for loss in losses {
            stage.metric("loss", *loss).unwrap();
        }
        stage.complete().unwrap();
        if id == "c" {
            run.fail("no data").unwrap()
        } else {
            run.complete().unwrap()
        };
    }
    let selected = |text: &str| -> String {
        let mut query = RunListQuery::oldest_first();
        query.filter = Some(text.parse::<Filter>().unwrap());
        let runs = contexta.list_runs(query).unwrap().runs;
        runs.iter().map(|row| row.run.run_ref.last_component()).collect::<Vec<_>>().join(" ")
    };
    for (text, expected) in [
        ("metrics.loss < 0.5", "a"),
        ("min(metrics.loss) < 0.5", "a"),
        ("max(metrics.loss) < 0.7", "b"),
        ("first(metrics.loss) = 0.5", "b"),
        ("not has metric loss", "c"),
        ("params.lr <= 0.01 and tags.env in (\"prod\", \"ci\")", "b c"),
        ("status = failed or id ~ \"^a\"", "a c"),
        ("stage = train and duration >= 0", "a b c"),
        ("stage = other or project != p", ""),
        ("started_at > 2026-01-01T00:00:00Z and ended_at is not null and params.seed is null", "a b c"),
    ] {
        assert_eq!(selected(text), expected, "{text}");
    }
    contexta.close().unwrap();
    drop(contexta);
    let runs = |filter: &str| {
        let path = dir.path().to_str().unwrap();
        let argv = ["contexta", "--workspace", path, "runs", "--filter", filter, "--format", "json"];
        run_cli_captured(argv.map(OsString::from))
    };
    let output = runs("metrics.loss < 0.5");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.exit_code == 0 && text.contains("run:p.a") && !text.contains("run:p.b"), "{text}");
    let output = runs("metrics.loss < ");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.exit_code == 1 && text.contains("query_invalid_filter") && text.contains("column 16"),
        "{text}"
    );
}

#[test]
fn texts_are_compared_in_the_composed_form() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    // The two names look the same.
    let (decomposed, composed) = ("Mode\u{300}le", "Mod\u{e8}le");
    for (id, name) in [("a", decomposed), ("b", composed), ("c", "Modele")] {
        let run = contexta.run(name).run_id(id).tag("model", name).param("model", name).start().unwrap();
        run.stage(name).unwrap().complete().unwrap();
        run.complete().unwrap();
    }
    let selected = |change: &dyn Fn(&mut RunListQuery)| -> String {
        let mut query = RunListQuery::oldest_first();
        change(&mut query);
        let runs = contexta.list_runs(query).unwrap().runs;
        runs.iter().map(|row| row.run.run_ref.last_component()).collect::<Vec<_>>().join(" ")
    };
    for asked in [decomposed, composed] {
        for (text, expected) in [
            (format!("name = \"{asked}\""), "a b"),
            (format!("name != \"{asked}\""), "c"),
            (format!("name ~ \"^{asked}$\""), "a b"),
            (format!("tags.model in (\"{asked}\")"), "a b"),
            (format!("params.model = \"{asked}\" and stage = \"{asked}\""), "a b"),
        ] {
            let filter = text.parse::<Filter>().unwrap();
            assert_eq!(selected(&|query| query.filter = Some(filter.clone())), expected, "{text}");
        }
        let tag = ("model".to_owned(), asked.to_owned());
        assert_eq!(selected(&|query| drop(query.tags.insert(tag.0.clone(), tag.1.clone()))), "a b");
    }
}
