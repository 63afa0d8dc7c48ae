//! Groups of runs, curves, differences from a baseline, and pages of lists of runs.

use crate::support::{TempDir, import_lines, open_sim};
use contexta::config::LoadInputs;
use contexta::contract::json::read::parse;
use contexta::contract::{MetricValue, Value};
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{
    AnomalyQuery, BaselineDifference, GroupColumn, GroupQuery, RunColumn, RunListQuery, Selection, Smoothing,
    StepSeriesQuery,
};
use contexta::store::Attempts;
use contexta::{Contexta, Options, run_cli_captured};
use std::ffi::OsString;

/// Captures a finished run with parameters and the points of the metric `loss` of the stage `train`.
fn capture(contexta: &Contexta, id: &str, params: &[(&str, Value)], losses: &[(i64, MetricValue)]) {
    let mut run = contexta.run(id).run_id(id);
    for (name, value) in params {
        run = run.param(name, value.clone());
    }
    let run = run.start().unwrap();
    let train = run.stage("train").unwrap();
    for (step, loss) in losses {
        train.metric_at("loss", *step, loss.clone()).unwrap();
    }
    train.complete().unwrap();
    run.complete().unwrap();
}

fn columns(names: &[&str]) -> Vec<GroupColumn> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn codes(notes: &[contexta::Note]) -> Vec<&'static str> {
    notes.iter().map(|note| note.code).collect()
}

/// Returns a shorter form of a difference: the metric, the difference and the percentage.
fn short(found: &BaselineDifference) -> (String, Option<String>, Option<f64>) {
    (found.metric_key.clone(), found.difference.as_ref().map(ToString::to_string), found.percent)
}

#[test]
fn seeds_form_groups_by_the_value_of_a_parameter() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    let float = MetricValue::from;
    capture(&contexta, "a", &[("lr", Value::Int(1))], &[(0, float(9.0)), (1, float(0.1))]);
    capture(&contexta, "b", &[("lr", Value::Float(1.0))], &[(1, float(0.2))]);
    capture(&contexta, "c", &[("lr", Value::Float(1.0))], &[(1, float(0.3))]);
    capture(&contexta, "nan", &[("lr", Value::Int(1))], &[(1, float(f64::NAN))]);
    capture(&contexta, "none", &[("lr", Value::Int(1))], &[]);
    capture(&contexta, "text", &[("lr", Value::text("1"))], &[(0, float(5.0))]);
    capture(&contexta, "absent", &[], &[(0, float(7.0))]);
    let groups = contexta.group_by("loss", &GroupQuery::by(columns(&["params.lr"]))).unwrap();
    assert_eq!(groups.groups.len(), 3);
    let one = &groups.groups[0];
    let names: Vec<&str> = one.runs.iter().map(|run| run.last_component()).collect();
    assert_eq!((one.values.clone(), names), (vec![Some(Value::Int(1))], vec!["a", "b", "c", "nan"]));
    assert_eq!(one.without.len(), 1);
    let found = &one.statistics;
    assert_eq!((found.count, found.non_finite, found.mean), (3, 1, Some(0.2)));
    assert!((found.std.unwrap() - (0.02f64 / 3.0).sqrt()).abs() < 1e-15);
    assert_eq!((found.min.clone(), found.max.clone()), (Some(float(0.1)), Some(float(0.3))));
    assert_eq!(groups.groups[1].values, [Some(Value::text("1"))]);
    assert_eq!((groups.groups[2].values[0].clone(), groups.groups[2].statistics.mean), (None, Some(7.0)));
    let named = groups.notes.iter().find(|note| note.code == "metric_not_finite").unwrap();
    assert!(named.message.contains("run:wine.nan"), "{named:?}");

    let mut query = GroupQuery::by(columns(&["params.lr", "name"]));
    query.runs.filter = Some("params.lr = 1".parse().unwrap());
    let groups = contexta.group_by("loss", &query).unwrap().groups;
    assert_eq!(groups.len(), 5);
    assert_eq!(
        contexta.group_by("loss", &GroupQuery::by([])).unwrap_err().code(),
        "query_invalid_group_query"
    );
    assert_eq!("params.".parse::<GroupColumn>().unwrap_err().code(), "query_invalid_group_query");
}

#[test]
fn groups_keep_whole_numbers_and_name_different_units() {
    let contexta = open_sim(&SimDisk::new(2), 1, "/w");
    let big = 1i64 << 53;
    capture(&contexta, "a", &[], &[(0, MetricValue::Int(big + 1))]);
    capture(&contexta, "b", &[], &[(0, MetricValue::Int(big + 3))]);
    let group = contexta.group_by("loss", &GroupQuery::by(columns(&["project"]))).unwrap().groups.remove(0);
    assert_eq!(group.statistics.max, Some(MetricValue::Int(big + 3)));
    assert_eq!((group.statistics.mean, group.statistics.std), (Some((big + 2) as f64), Some(1.0)));
    for (id, unit) in [("s", "s"), ("ms", "ms")] {
        let run = contexta.run(id).run_id(id).start().unwrap();
        let emission = contexta::capture::MetricEmission::new("time", 1.0).unit(unit);
        run.emit(emission).unwrap();
        run.complete().unwrap();
    }
    let groups = contexta.group_by("time", &GroupQuery::by(columns(&["project"]))).unwrap();
    assert!(codes(&groups.notes).contains(&"metric_units_differ"), "{:?}", groups.notes);
}

#[test]
fn trend_names_values_without_a_unit_among_values_with_a_unit() {
    let contexta = open_sim(&SimDisk::new(14), 1, "/w");
    let capture = |id: &str, unit: Option<&str>| {
        let run = contexta.run(id).run_id(id).start().unwrap();
        let emission = contexta::capture::MetricEmission::new("latency", 1.0);
        run.emit(unit.map_or(emission.clone(), |unit| emission.unit(unit))).unwrap();
        run.complete().unwrap();
    };
    let found = || {
        let notes = contexta.metric_trend("latency", None, RunListQuery::oldest_first()).unwrap().notes;
        let found = notes.into_iter().find(|note| note.code == "metric_units_differ");
        found.map(|note| note.message)
    };
    capture("a", Some("ms"));
    capture("b", Some("ms"));
    assert_eq!(found(), None);
    capture("c", None);
    let message = "the runs measured latency in different units: ms, no unit";
    assert_eq!(found().as_deref(), Some(message));
}

#[test]
fn trend_names_the_number_of_runs_outside_its_window() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let found = |notes: &[contexta::Note]| -> Option<String> {
        notes.iter().find(|note| note.code == "trend_window").map(|note| note.message.clone())
    };
    let trend = || contexta.metric_trend("loss", None, RunListQuery::oldest_first()).unwrap();
    for n in 0..22 {
        if n == 20 {
            assert_eq!((trend().points.len(), found(&trend().notes)), (20, None));
        }
        disk.advance(1_000_000);
        capture(&contexta, &format!("r{n}"), &[], &[(0, MetricValue::Int(n))]);
    }
    let trend = trend();
    let values: Vec<_> = trend.points.iter().map(|point| point.measured.value.clone()).collect();
    assert_eq!(values, (2..22).map(MetricValue::Int).collect::<Vec<_>>());
    let message = found(&trend.notes).unwrap();
    assert!(message.contains("the 20 runs that started last of the 22 runs"), "{message}");
    let durations = contexta.stage_duration_trend("train", RunListQuery::oldest_first()).unwrap();
    assert_eq!((durations.points.len(), found(&durations.notes)), (20, Some(message.clone())));
    let sizes = contexta.artifact_size_trend("model", RunListQuery::oldest_first()).unwrap();
    assert_eq!(found(&sizes.notes), Some(message));
}

#[test]
fn curves_of_groups_have_one_point_per_step() {
    let contexta = open_sim(&SimDisk::new(3), 1, "/w");
    let points = |from: f64, steps: i64| -> Vec<(i64, MetricValue)> {
        (0..steps).map(|step| (step, MetricValue::from(from + step as f64))).collect()
    };
    capture(&contexta, "a", &[], &points(0.0, 8));
    capture(&contexta, "b", &[], &points(1.0, 6));
    let mut query = GroupQuery::by(columns(&["project"]));
    query.curve_points_max = Some(100);
    let groups = contexta.group_by("loss", &query).unwrap();
    let curve = &groups.groups[0].curve;
    assert_eq!(groups.ranges.unwrap().width(), 1);
    let means: Vec<_> =
        curve.iter().map(|p| (p.step, p.statistics.count, p.statistics.mean.unwrap())).collect();
    assert_eq!(means[..2], [(0, 2, 0.5), (1, 2, 1.5)]);
    assert_eq!(means[6..], [(6, 1, 6.0), (7, 1, 7.0)]);
    // With at most four points, a range contains two steps. Each run contributes its last value.
    query.curve_points_max = Some(4);
    let groups = contexta.group_by("loss", &query).unwrap();
    let curve: Vec<_> = groups.groups[0].curve.iter().map(|p| (p.step, p.statistics.mean.unwrap())).collect();
    assert_eq!(curve, [(0, 1.5), (2, 3.5), (4, 5.5), (6, 7.0)]);
    assert!(codes(&groups.notes).contains(&"curve_steps_joined"));
}

#[test]
fn curves_that_join_stages_have_a_note_and_prefer_the_greatest_step() {
    let disk = SimDisk::new(13);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    // The stage `eval` has the lower steps, and is measured later.
    for (stage, points) in [("train", [(2, 20.0), (3, 30.0)]), ("eval", [(1, 1.0), (2, 2.0)])] {
        let stage = run.stage(stage).unwrap();
        for (step, value) in points {
            disk.advance(1_000_000);
            stage.metric_at("loss", step, value).unwrap();
        }
        stage.complete().unwrap();
    }
    run.complete().unwrap();
    let mut query = GroupQuery::by(columns(&["project"]));
    query.curve_points_max = Some(2);
    let mut ask = |stage: Option<&str>| {
        query.stage = stage.map(str::to_owned);
        let groups = contexta.group_by("loss", &query).unwrap();
        let curve = groups.groups[0].curve.iter().map(|p| (p.step, p.statistics.mean.unwrap()));
        (curve.collect::<Vec<_>>(), groups.notes)
    };
    let (curve, notes) = ask(None);
    assert_eq!(curve, [(0, 1.0), (2, 30.0)]);
    let joined = notes.iter().find(|note| note.code == "step_series_joined").unwrap();
    assert!(["run:wine.a", "train/loss", "eval/loss"].iter().all(|name| joined.message.contains(name)));
    let (curve, notes) = ask(Some("eval"));
    assert_eq!(curve, [(1, 1.0), (2, 2.0)]);
    assert!(!codes(&notes).contains(&"step_series_joined"), "{notes:?}");
}

#[test]
fn long_series_are_smoothed_and_then_sampled() {
    let contexta = open_sim(&SimDisk::new(4), 1, "/w");
    let value = |step: i64| match step {
        333 => f64::NAN,
        555 => 1e6,
        _ => (step % 7) as f64,
    };
    let points: Vec<_> = (0..1000).map(|step| (step, MetricValue::from(value(step)))).collect();
    capture(&contexta, "a", &[], &points);
    let smoothing = Some(Smoothing::new(0.9).unwrap());
    let ask = |points_max| {
        let query = StepSeriesQuery { points_max, smoothing, ..StepSeriesQuery::default() };
        contexta.step_series_of("a", "loss", &query).unwrap()
    };
    let (all, sampled) = (ask(None), ask(Some(60)));
    assert_eq!((all.points.len(), all.step_width), (1000, None));
    assert_eq!((sampled.points_total, sampled.step_width), (1000, Some(128)));
    assert!(sampled.points.len() <= 60, "{}", sampled.points.len());
    // The averages of the selected points are computed from all points.
    for point in &sampled.points {
        let same = &all.points[point.step as usize];
        assert_eq!((point.smoothed, &point.value), (same.smoothed, &same.value));
    }
    for step in [0, 333, 555, 999] {
        assert!(sampled.points.iter().any(|point| point.step == step), "{step}");
    }
    assert_eq!(all.points[333].smoothed, None);
    let (mut biased, mut n) = (0.0, 0);
    for step in (0..=400).filter(|step| *step != 333) {
        (biased, n) = (0.9 * biased + 0.1 * value(step), n + 1);
    }
    let expected = biased / (1.0 - 0.9f64.powi(n));
    assert!((all.points[400].smoothed.unwrap() - expected).abs() < 1e-9);
    assert!(codes(&sampled.notes).contains(&"step_series_sampled"));
    let few = StepSeriesQuery { points_max: Some(5), ..StepSeriesQuery::default() };
    let error = contexta.step_series_of("a", "loss", &few).unwrap_err();
    assert_eq!(error.code(), "query_invalid_step_series_query");
}

#[test]
fn superseded_points_are_not_part_of_the_average() {
    let contexta = open_sim(&SimDisk::new(5), 1, "/w");
    let first = contexta.run("a").run_id("a").start().unwrap();
    for step in 0..4 {
        first.metric_at("loss", step, 100.0).unwrap();
    }
    first.fail("preempted").unwrap();
    let second = contexta.resume("a").unwrap().from_step(2u32).start().unwrap();
    second.metric_at("loss", 2, 0.0).unwrap();
    second.complete().unwrap();
    let query = StepSeriesQuery {
        attempts: Attempts::All,
        smoothing: Some(Smoothing::new(0.5).unwrap()),
        ..StepSeriesQuery::default()
    };
    let all = contexta.step_series_of("a", "loss", &query).unwrap().points;
    assert!(all.iter().all(|point| point.smoothed.is_none() == point.is_superseded), "{all:?}");
    let newest = StepSeriesQuery { attempts: Attempts::Newest, ..query };
    let newest = contexta.step_series_of("a", "loss", &newest).unwrap().points;
    let kept: Vec<_> = all.iter().filter(|point| !point.is_superseded).map(|p| p.smoothed).collect();
    assert_eq!(kept, newest.iter().map(|point| point.smoothed).collect::<Vec<_>>());
}

#[test]
fn baseline_gives_differences_in_lists_trends_and_comparisons() {
    let contexta = open_sim(&SimDisk::new(6), 1, "/w");
    capture(&contexta, "base", &[], &[(4, MetricValue::Float(2.0))]);
    capture(&contexta, "better", &[], &[(4, MetricValue::Float(1.5))]);
    capture(&contexta, "later", &[], &[(9, MetricValue::Float(3.0))]);
    let mut query = RunListQuery::oldest_first();
    query.baseline = Some("base".to_owned());
    let list = contexta.list_runs(query.clone()).unwrap();
    assert_eq!(list.baseline.as_ref().unwrap().last_component(), "base");
    let differences: Vec<_> = list.runs.iter().map(|run| short(&run.differences[0])).collect();
    let expected = [("0.0", 0.0), ("-0.5", -25.0), ("1.0", 50.0)];
    let expected = expected.map(|(d, percent)| ("loss".to_owned(), Some(d.to_owned()), Some(percent)));
    assert_eq!(differences, expected);
    let steps: Vec<_> = list.runs.iter().map(|run| run.differences[0].steps_differ()).collect();
    assert_eq!(steps, [false, false, true]);
    let note = list.notes.iter().find(|note| note.code == "baseline_steps_differ").unwrap();
    assert!(note.message.contains("run:wine.later") && note.message.contains("train/loss"), "{note:?}");

    let trend = contexta.metric_trend("loss", None, query.clone()).unwrap();
    let points: Vec<_> = trend.points.iter().map(|p| short(p.difference.as_ref().unwrap())).collect();
    assert_eq!(points, expected);
    assert!(codes(&trend.notes).contains(&"baseline_steps_differ"));
    let missing = contexta.metric_trend("accuracy", None, query).unwrap();
    assert!(codes(&missing.notes).contains(&"baseline_metric_missing"));

    let runs = ["better", "later"].map(str::to_owned);
    let compared = contexta.compare_with_baseline(&runs, "base").unwrap();
    assert_eq!((compared.runs.len(), compared.runs[0].run_ref.last_component()), (3, "base"));
    let row: Vec<_> =
        compared.metric_table[0].differences.iter().map(|d| short(d.as_ref().unwrap())).collect();
    assert_eq!(row, expected);
    assert!(contexta.compare_multiple_runs(&runs).unwrap().metric_table[0].differences.is_empty());
    let same = contexta.compare_with_baseline(&["base".to_owned()], "base").unwrap_err();
    assert_eq!(same.code(), "compare_requires_multiple_runs");
}

#[test]
fn lists_and_comparisons_subtract_the_same_metrics() {
    let contexta = open_sim(&SimDisk::new(15), 1, "/w");
    // The name of the stage is `Modèle` in two spellings. Each run has two stages with this name.
    for (id, name, offset) in [("base", "Mod\u{e8}le", 0.0), ("other", "Mode\u{300}le", 1.0)] {
        let run = contexta.run(id).run_id(id).start().unwrap();
        for rank in [1.0, 2.0] {
            let stage = run.stage(name).unwrap();
            stage.metric_at("loss", 1, rank + offset).unwrap();
            stage.batch("first").unwrap().metric_at("of_batches", 1, 2.0 * rank + offset).unwrap();
            stage.complete().unwrap();
        }
        run.metric("acc", 0.5 + offset).unwrap();
        run.complete().unwrap();
    }
    let mut query = RunListQuery::oldest_first();
    query.baseline = Some("base".to_owned());
    let list = contexta.list_runs(query).unwrap();
    let listed: Vec<BaselineDifference> = list.runs[1].differences.clone();
    let compared = contexta.compare_with_baseline(&["other".to_owned()], "base").unwrap();
    let rows = compared.metric_table.iter();
    let compared: Vec<BaselineDifference> = rows.filter_map(|row| row.differences[1].clone()).collect();
    assert_eq!(listed, compared);
    let values: Vec<_> = listed.iter().map(|d| (d.metric_key.as_str(), d.value.value.as_f64())).collect();
    let expected = [("acc", 1.5), ("loss", 2.0), ("of_batches", 3.0), ("loss", 3.0), ("of_batches", 5.0)];
    assert_eq!(values, expected);
    assert!(listed.iter().all(|found| found.difference == Some(MetricValue::Float(1.0))), "{listed:?}");
    assert_eq!((&listed[0].stage_name, listed[1].stage_name.as_deref()), (&None, Some("Mod\u{e8}le")));
}

#[test]
fn pages_do_not_shift_when_runs_arrive() {
    let disk = SimDisk::new(7);
    let contexta = open_sim(&disk, 1, "/w");
    for n in 0..7 {
        disk.advance(1_000_000);
        let lr = if n == 3 { Value::Null } else { Value::Int(i64::from(n) % 2) };
        let params = if n == 5 { vec![] } else { vec![("lr", lr)] };
        let value = if n == 4 { f64::NAN } else { f64::from(n % 3) };
        capture(&contexta, &format!("r{n}"), &params, &[(0, MetricValue::Float(value))]);
    }
    let mut sorts = vec![(None, false), (None, true)];
    for column in ["started_at", "ended_at", "name", "status", "duration", "metrics.loss", "params.lr"] {
        let column = column.parse::<RunColumn>().unwrap();
        sorts.extend([(Some(column.clone()), false), (Some(column), true)]);
    }
    let ids = |query: &RunListQuery| -> Vec<String> {
        let runs = contexta.list_runs(query.clone()).unwrap().runs;
        runs.iter().map(|run| run.run.run_ref.last_component().to_owned()).collect()
    };
    for (n, (sort_by, descending)) in sorts.into_iter().enumerate() {
        let mut query = RunListQuery::default();
        (query.sort_by, query.descending) = (sort_by, descending);
        let before = ids(&query);
        let mut paged = Vec::new();
        query.limit = Some(2);
        loop {
            let page = contexta.list_runs(query.clone()).unwrap();
            paged.extend(page.runs.iter().map(|run| run.run.run_ref.last_component().to_owned()));
            // A new run arrives before the second page.
            if paged.len() == 2 {
                disk.advance(1_000_000);
                capture(&contexta, &format!("new-{n}"), &[], &[]);
            }
            match page.next_page {
                // The token also works in its text form.
                Some(token) => query.after = Some(token.to_string().parse().unwrap()),
                None => break,
            }
        }
        let old: Vec<String> = paged.iter().filter(|id| before.contains(id)).cloned().collect();
        assert_eq!(old, before, "{:?} {}", query.sort_by, query.descending);
        let mut unique = paged.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), paged.len(), "{paged:?}");
    }
}

#[test]
fn token_of_another_query_is_an_error() {
    let contexta = open_sim(&SimDisk::new(8), 1, "/w");
    for id in ["a", "b", "c"] {
        capture(&contexta, id, &[], &[]);
    }
    let mut query = RunListQuery::default();
    query.limit = Some(1);
    let page = contexta.list_runs(query.clone()).unwrap();
    assert_eq!((page.total, page.next_offset), (3, Some(1)));
    (query.after, query.limit) = (page.next_page, Some(5));
    let rest = contexta.list_runs(query.clone()).unwrap();
    assert_eq!((rest.runs.len(), rest.total, rest.next_offset, rest.next_page), (2, 3, None, None));
    query.descending = false;
    assert_eq!(contexta.list_runs(query.clone()).unwrap_err().code(), "query_page_token_of_other_query");
    (query.descending, query.offset) = (true, 1);
    assert_eq!(contexta.list_runs(query).unwrap_err().code(), "query_invalid_run_list_query");
}

#[test]
fn setting_selects_the_values_that_a_list_and_a_comparison_subtract() {
    let dir = TempDir::new("baseline-selection");
    let options = || Options::new(dir.path()).project("wine").detect_code_revision(false);
    let contexta = options().open().unwrap();
    let values =
        |values: [f64; 3]| [1, 2, 3].into_iter().zip(values.map(MetricValue::Float)).collect::<Vec<_>>();
    capture(&contexta, "base", &[], &values([1.0, 4.0, 2.0]));
    capture(&contexta, "other", &[], &values([3.0, 9.0, 6.0]));
    contexta.close().unwrap();
    drop(contexta);
    let expected = [
        ("latest", 4.0, "loss=6 (+"),
        ("min", 2.0, "loss=6 (3: +"),
        ("max", 5.0, "loss=6 (9: +"),
        ("mean", 6.0 - 7.0 / 3.0, "loss=6 (+"),
    ];
    for (setting, expected, shown) in expected {
        let set = format!("interpretation.comparison.metric_selection={setting}");
        let inputs = LoadInputs::new().use_env(false).workspace(dir.path()).set(&set);
        let contexta = Options::load(inputs).unwrap().open().unwrap();
        let mut query = RunListQuery::oldest_first();
        query.baseline = Some("base".to_owned());
        let list = contexta.list_runs(query.clone()).unwrap();
        let listed = &list.runs[1].differences[0];
        assert_eq!(listed.difference.as_ref().unwrap().as_f64(), expected, "{setting}");
        let compared = contexta.compare_with_baseline(&["other".to_owned()], "base").unwrap();
        assert_eq!(compared.metric_table[0].differences[1].as_ref(), Some(listed), "{setting}");
        // A query that names the selection does not depend on the setting.
        query.baseline_selection = Some(Selection::Max);
        let listed = &contexta.list_runs(query).unwrap().runs[1].differences[0];
        assert_eq!(listed.value.value.as_f64(), 9.0, "{setting}");
        let workspace = dir.path().to_str().unwrap();
        let argv = ["contexta", "--workspace", workspace, "--set", &set, "runs", "--baseline", "base"];
        let output = run_cli_captured(argv.into_iter().map(OsString::from));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(shown), "{setting}: {text}");
    }
}

#[test]
fn commands_show_groups_series_baselines_and_pages() {
    let dir = TempDir::new("groups-cli");
    let contexta = Options::new(dir.path()).project("wine").detect_code_revision(false).open().unwrap();
    for (n, id) in ["甲", "乙", "丙"].iter().enumerate() {
        let losses: Vec<_> = (0..100).map(|step| (step, MetricValue::Float((n + 1) as f64))).collect();
        capture(&contexta, id, &[("lr", Value::Float(0.1))], &losses);
    }
    contexta.close().unwrap();
    drop(contexta);
    let run = |args: &[&str]| {
        let path = dir.path().to_str().unwrap();
        let argv = [&["contexta", "--workspace", path], args].concat();
        let output = run_cli_captured(argv.into_iter().map(OsString::from));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(output.exit_code, 0, "{args:?} {}", text(output.stderr));
        text(output.stdout)
    };
    let json = |args: &[&str]| parse(&run(&[args, &["--format", "json"]].concat())).unwrap();
    let list = |value: &Value, name: &str| match value.get(name) {
        Some(Value::List(items)) => items.clone(),
        other => panic!("{name}: {other:?}"),
    };
    let groups = list(&json(&["group", "loss", "--by", "params.lr", "--curve"]), "groups");
    assert_eq!((groups.len(), groups[0].get("mean")), (1, Some(&Value::Float(2.0))));
    assert_eq!(list(&groups[0], "curve").len(), 100);
    let text = run(&["group", "loss", "--by", "params.lr", "--by", "name"]);
    assert!(text.contains("params.lr") && text.contains("甲"), "{text}");
    let series = json(&["series", "乙", "loss", "--points", "20", "--smoothing", "0.6"]);
    let points = list(&series, "points");
    assert_eq!(series.get("points_total"), Some(&Value::Int(100)));
    assert!(points.len() <= 20 && points.iter().all(|p| p.get("smoothed") == Some(&Value::Float(2.0))));
    assert!(run(&["series", "乙", "loss", "--points", "20", "--smoothing", "0.6"]).contains("Smoothed"));
    let runs = list(&json(&["runs", "--baseline", "甲"]), "runs");
    let percents: Vec<_> =
        runs.iter().map(|run| list(run, "differences")[0].get("percent").unwrap().clone()).collect();
    assert_eq!(percents, [0.0, 100.0, 200.0].map(Value::Float));
    assert!(run(&["runs", "--baseline", "甲"]).contains("+100.0 %"));
    assert!(run(&["trend", "loss", "--baseline", "甲"]).contains("+200.0 %"));
    assert!(run(&["compare-multi", "乙", "--baseline", "甲"]).contains("+100.0 %"));
    // A limit selects the newest runs, and the oldest of them comes first.
    for (options, ids) in
        [(&[][..], ["乙", "丙"]), (&["--desc"], ["丙", "乙"]), (&["--offset", "1"], ["甲", "乙"])]
    {
        let options = [&["--limit", "2"], options].concat();
        let points = list(&json(&[&["trend", "loss"], &options[..]].concat()), "points");
        let names: Vec<_> = points.iter().map(|point| point.get("run_name").unwrap().clone()).collect();
        assert_eq!(names, ids.map(Value::from), "{options:?}");
        let mean = if options.contains(&"--offset") { 1.5 } else { 2.5 };
        let aggregate = json(&[&["aggregate", "loss"], &options[..]].concat());
        assert_eq!(aggregate.get("mean"), Some(&Value::Float(mean)), "{options:?}");
        let groups = list(&json(&[&["group", "loss", "--by", "project"], &options[..]].concat()), "groups");
        assert_eq!(groups[0].get("mean"), Some(&Value::Float(mean)), "{options:?}");
    }
    // With another order, a limit selects the first runs of this order.
    let by_name = list(&json(&["trend", "loss", "--sort", "name", "--limit", "1"]), "points");
    assert_eq!(by_name[0].get("run_name"), Some(&Value::from("丙")));
    let page = json(&["runs", "--limit", "2"]);
    let token = page.get("next_page").unwrap().as_str().unwrap().to_owned();
    let rest = list(&json(&["runs", "--limit", "2", "--page", &token]), "runs");
    assert_eq!((list(&page, "runs").len(), rest.len()), (2, 1));
    assert_eq!(rest[0].get("name"), Some(&Value::text("甲")));
}

/// Returns the query for the newest runs: at most `limit` runs, the oldest first.
fn newest(limit: usize) -> RunListQuery {
    let mut query = RunListQuery::oldest_first();
    (query.sort_by, query.limit, query.limit_to_newest) = (Some(RunColumn::StartedAt), Some(limit), true);
    query
}

#[test]
fn limit_and_window_of_a_trend_select_the_same_runs_of_a_tie() {
    let contexta = open_sim(&SimDisk::new(21), 1, "/w");
    let time = "2024-01-31T12:00:00Z";
    let project = format!(
        r#"{{"kind":"project","object":{{"project_ref":"project:p","name":"p","created_at":"{time}"}}}}"#
    );
    let run = |n: usize| {
        format!(
            r#"{{"kind":"run","object":{{"run_ref":"run:p.r{n:02}","project_ref":"project:p","name":"R{n}","status":"open","started_at":"{time}"}}}}
{{"kind":"record","object":{{"envelope":{{"record_ref":"record:p.r{n:02}.1","record_type":"metric","recorded_at":"{time}","observed_at":"{time}","producer_ref":"x","run_ref":"run:p.r{n:02}"}},"payload":{{"metric_key":"loss","value":0.5,"value_type":"float"}}}}}}"#
        )
    };
    let lines: Vec<String> = std::iter::once(project).chain((0..30).map(run)).collect();
    import_lines(&contexta, &lines.join("\n"));
    let runs = |query: RunListQuery| {
        let trend = contexta.metric_trend("loss", None, query).unwrap();
        trend.points.into_iter().map(|point| point.run_ref.to_string()).collect::<Vec<_>>()
    };
    let window = runs(RunListQuery::oldest_first());
    let refs = |range: std::ops::Range<usize>| range.map(|n| format!("run:p.r{n:02}")).collect::<Vec<_>>();
    assert_eq!(window, refs(10..30));
    assert_eq!(runs(newest(20)), window);
    let mut query = newest(3);
    query.offset = 4;
    assert_eq!(runs(query), refs(23..26));
}

#[test]
fn limit_of_the_baseline_of_an_anomaly_selects_the_newest_earlier_runs() {
    let disk = SimDisk::new(22);
    let contexta = open_sim(&disk, 1, "/w");
    for (id, loss) in [("a", 9.0), ("b", 8.0), ("c", 1.0), ("d", 1.0), ("e", 2.0), ("f", 7.0)] {
        disk.advance(1_000_000_000);
        capture(&contexta, id, &[], &[(1, MetricValue::from(loss))]);
    }
    let expected = |baseline: RunListQuery| {
        let query = AnomalyQuery {
            metric_keys: vec!["loss".to_owned()],
            baseline: Some(baseline),
            ..AnomalyQuery::default()
        };
        contexta.detect_anomalies_in_run("e", &query).unwrap().anomalies[0].expected_range
    };
    assert_eq!(expected(newest(2)), [1.0, 1.0]);
    let mut skipped = newest(2);
    skipped.offset = 1;
    let [low, high] = expected(skipped);
    assert_eq!((low + high) / 2.0, 4.5);
    // Without the member, the limit selects the first runs of the order.
    let mut oldest = newest(2);
    oldest.limit_to_newest = false;
    let [low, high] = expected(oldest);
    assert_eq!((low + high) / 2.0, 8.5);
}
