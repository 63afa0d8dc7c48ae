//! Each setting of the interpretation has an effect: two workspaces that differ in one setting give different answers.

use crate::support::open_sim;
use contexta::config::LoadInputs;
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{
    AlertRule, AnomalyQuery, ArtifactSearch, Comparison, RunListQuery, RunSearch, Severity,
};
use contexta::{Answer, Contexta, Options};

/// Captures runs with different losses, stages, tags and a degraded record.
fn capture(disk: &SimDisk) {
    let contexta = open_sim(disk, 1, "/w");
    for (n, loss) in [0.5, 0.4, 0.6, 0.5, 9.0].iter().enumerate() {
        let run =
            contexta.run(&format!("Run {n}")).run_id(&format!("r{n}")).tag("env", "prod").start().unwrap();
        let stage = run.stage("train").unwrap();
        for step in 0..3 {
            stage.metric_at("loss", step, loss + f64::from(step as u8) / 10.0).unwrap();
        }
        stage.metric_at("lr", 0, 0.1).unwrap();
        stage.complete().unwrap();
        if n == 4 {
            run.stage("empty").unwrap().complete().unwrap();
            run.degraded("capture.lost", "a value was lost").unwrap();
        }
        run.complete().unwrap();
    }
}

/// Opens the workspace with one setting, and returns the answer.
fn with_setting(disk: &SimDisk, setting: &str, ask: &dyn Fn(&Contexta) -> String) -> String {
    let mut inputs = LoadInputs::new().workspace("/w");
    if !setting.is_empty() {
        inputs = inputs.set(setting);
    }
    let options = Options::load(inputs).unwrap().storage(disk.process(2)).detect_code_revision(false);
    ask(&options.open().unwrap())
}

#[test]
fn each_setting_of_the_interpretation_changes_an_answer() {
    let disk = SimDisk::new(1);
    capture(&disk);
    let compare = |c: &Contexta| c.compare_runs("r0", "r4").unwrap().to_json().unwrap();
    let diagnose = |c: &Contexta| c.diagnose_run("r4").unwrap().to_json().unwrap();
    let search = |text: &'static str| {
        move |c: &Contexta| {
            let search = RunSearch { text: text.to_owned(), ..RunSearch::default() };
            c.search_runs(&search).unwrap().runs.len().to_string()
        }
    };
    let artifacts = |c: &Contexta| c.search_artifacts(&ArtifactSearch::default()).unwrap().total.to_string();
    assert_eq!(with_setting(&disk, "", &artifacts), "0");
    let trend =
        |c: &Contexta| c.metric_trend("loss", None, RunListQuery::oldest_first()).unwrap().to_json().unwrap();
    let anomalies =
        |c: &Contexta| c.detect_anomalies_in_run("r4", &AnomalyQuery::default()).unwrap().to_json().unwrap();
    let alerts = |c: &Contexta| {
        let rules =
            [AlertRule::new("loss", Comparison::Greater, 0.0), AlertRule::new("lr", Comparison::Less, 1.0)];
        c.evaluate_alerts("r4", &rules).unwrap().to_json().unwrap()
    };
    type Ask<'a> = &'a dyn Fn(&Contexta) -> String;
    let many = |c: &Contexta| {
        c.compare_multiple_runs(&["r0".to_owned(), "r4".to_owned()]).unwrap().to_json().unwrap()
    };
    let rules = |c: &Contexta| c.alert_rules().len().to_string();
    let list = |c: &Contexta| {
        let mut query = RunListQuery::oldest_first();
        query.baseline = Some("r0".to_owned());
        c.list_runs(query).unwrap().to_json().unwrap()
    };
    let settings: [(&str, Ask<'_>); 19] = [
        ("interpretation.comparison.metric_selection=min", &compare),
        ("interpretation.comparison.metric_selection=min", &list),
        ("metrics.loss.better=higher", &diagnose),
        ("interpretation.comparison.include_unchanged_metrics=true", &compare),
        ("interpretation.comparison.missing_stage_severity=error", &compare),
        ("interpretation.diagnostics.require_metrics_for_completed_stages=false", &diagnose),
        ("interpretation.diagnostics.detect_degraded_records=false", &diagnose),
        ("interpretation.diagnostics.expected_terminal_stage_names=[\"deploy\"]", &diagnose),
        ("interpretation.search.default_limit=2", &search("run")),
        ("interpretation.search.text_match_fields=[\"status\"]", &search("prod")),
        ("interpretation.search.case_sensitive=true", &search("RUN")),
        ("interpretation.trend.default_window_runs=2", &trend),
        ("interpretation.trend.metric_aggregation=min", &trend),
        ("interpretation.anomaly.z_score_threshold=1000", &anomalies),
        ("interpretation.anomaly.min_baseline_runs=100", &anomalies),
        ("interpretation.anomaly.monitored_metrics=[\"lr\"]", &anomalies),
        ("interpretation.alert.default_severity=error", &alerts),
        ("interpretation.alert.rules=[{\"metric\":\"loss\",\"operator\":\"gt\",\"threshold\":1}]", &rules),
        ("metrics.loss.better=higher", &many),
    ];
    for (setting, ask) in settings {
        assert_ne!(with_setting(&disk, setting, ask), with_setting(&disk, "", ask), "{setting}");
    }
    let stopped = with_setting(&disk, "interpretation.alert.stop_on_first_trigger=true", &|c| {
        let rules =
            [AlertRule::new("loss", Comparison::Greater, 0.0), AlertRule::new("lr", Comparison::Less, 1.0)];
        c.evaluate_alerts("r4", &rules).unwrap().results.len().to_string()
    });
    assert_eq!(stopped, "1");
}

#[test]
fn settings_of_the_comparison_mean_what_they_say() {
    let disk = SimDisk::new(1);
    capture(&disk);
    let delta = |setting: &str| {
        with_setting(&disk, setting, &|c| {
            let comparison = c.compare_runs("r0", "r4").unwrap();
            let stage =
                comparison.stage_comparisons.iter().find(|stage| stage.stage_name == "train").unwrap();
            let delta = stage.metric_deltas.iter().find(|delta| delta.metric_key == "loss").unwrap();
            delta.left.as_ref().unwrap().value.to_string()
        })
    };
    assert_eq!(delta("interpretation.comparison.metric_selection=latest"), "0.7");
    assert_eq!(delta("interpretation.comparison.metric_selection=min"), "0.5");
    assert_eq!(delta("interpretation.comparison.metric_selection=mean"), "0.6");
    let severity = with_setting(&disk, "interpretation.comparison.missing_stage_severity=error", &|c| {
        let notes = c.compare_runs("r0", "r4").unwrap().completeness_notes;
        let note = notes.iter().find(|note| note.summary == "missing_stage:empty").unwrap();
        (note.severity == Severity::Error).to_string()
    });
    assert_eq!(severity, "true");
}
