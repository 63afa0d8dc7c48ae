//! The value of a metric: the order of the points of a series, the series of a run, and the values that queries,
//! comparisons and rankings derive from them.

use crate::support::{import_lines, open_sim};
use contexta::capture::{MetricEmission, SeriesSpec};
use contexta::config::LoadInputs;
use contexta::contract::MetricValue;
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{
    AlertRule, Comparison, RankedRun, Selection, SeriesRow, StepSeries, StepSeriesQuery,
};
use contexta::store::Attempts;
use contexta::{BestRunOptions, Contexta, Goal, ImportSettings, ImportSource, MergeSettings, Options};
use serde_json::json;

const SECOND: i64 = 1_000_000_000;

fn open() -> (SimDisk, Contexta) {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    (disk, contexta)
}

fn series_of(contexta: &Contexta, run: &str) -> Vec<SeriesRow> {
    contexta.run_snapshot(run).unwrap().metrics
}

/// Returns the steps and values of a series.
fn values(series: &StepSeries) -> Vec<(i64, String)> {
    series.points.iter().map(|point| (point.step, point.value.to_string())).collect()
}

fn codes(series: &StepSeries) -> Vec<&str> {
    series.notes.iter().map(|note| note.code).collect()
}

/// Returns the value by which a run is ranked.
fn ranked(contexta: &Contexta, metric: &str, stage: Option<&str>) -> Option<String> {
    let options = BestRunOptions { stage_name: stage.map(str::to_owned), ..BestRunOptions::default() };
    let best = contexta.select_best_run(metric, options).unwrap();
    best.best().map(|best| best.measured.value.to_string())
}

/// Returns an imported point of the metric `loss` of a run of project `p`. `envelope` and `payload` are further members.
fn line(
    record: &str,
    second: u32,
    value: serde_json::Value,
    envelope: serde_json::Value,
    payload: serde_json::Value,
) -> String {
    let run = record.split('.').next().unwrap();
    let mut object = json!({
        "envelope": {
            "completeness_marker": "complete", "correlation_refs": {}, "degradation_marker": "none", "extensions": [],
            "observed_at": format!("2024-01-01T00:00:{second:02}Z"), "producer_ref": "x",
            "record_ref": format!("record:p.{record}"), "record_type": "metric",
            "recorded_at": "2024-01-01T01:00:00Z", "run_ref": format!("run:p.{run}"), "schema_version": "1.0.0"
        },
        "payload": {
            "aggregation_scope": "step", "metric_key": "loss", "tags": {}, "value": value,
            "value_type": if value.is_i64() { "int" } else { "float" }
        }
    });
    for (part, members) in [("envelope", envelope), ("payload", payload)] {
        object[part].as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    }
    json!({"kind": "record", "object": object}).to_string()
}

/// Imports a project `p`, a run `r` with a stage `train`, and these records.
fn import(contexta: &Contexta, records: &[String]) {
    let run = json!({"kind": "run", "object": {
        "extensions": [], "name": "r", "project_ref": "project:p", "run_ref": "run:p.r", "schema_version": "1.0.0",
        "started_at": "2024-01-01T00:00:00Z", "status": "open"
    }});
    let stage = json!({"kind": "stage", "object": {
        "extensions": [], "run_ref": "run:p.r", "schema_version": "1.0.0", "stage_execution_ref": "stage:p.r.train",
        "stage_name": "train", "started_at": "2024-01-01T00:00:00Z", "status": "open"
    }});
    let text = [&[run.to_string(), stage.to_string()], records].concat().join("\n");
    let source = ImportSource::Reader("x", &mut text.as_bytes());
    let report = contexta.import_jsonl(source, ImportSettings::default()).unwrap();
    assert!(report.is_complete(), "{report:?}");
}

#[test]
fn last_value_has_the_greatest_step_even_if_an_earlier_step_arrives_later() {
    let (disk, contexta) = open();
    for (id, values) in [("late", [(1, 0.5), (3, 0.3), (2, 0.4)]), ("other", [(1, 0.6), (2, 0.6), (3, 0.6)])]
    {
        let run = contexta.run(id).run_id(id).start().unwrap();
        for (step, value) in values {
            disk.advance(SECOND);
            run.metric_at("loss", step, value).unwrap();
        }
        run.complete().unwrap();
    }
    let row = &series_of(&contexta, "late")[0];
    assert_eq!((row.first.step, row.last.step), (Some(1), Some(3)));
    assert_eq!((&row.last.value, row.count), (&MetricValue::Float(0.3), 3));
    let series = contexta.step_series("late", "loss", None).unwrap();
    let expected = [(1, "0.5"), (2, "0.4"), (3, "0.3")].map(|(step, value)| (step, value.to_owned()));
    assert_eq!((values(&series), series.has_steps), (expected.to_vec(), true));
    assert!(series.points[1].observed_at > series.points[2].observed_at);
    // All services use the same value.
    let options = BestRunOptions { goal: Goal::Minimize, ..BestRunOptions::default() };
    let best = contexta.select_best_run("loss", options).unwrap();
    assert_eq!(best.ranking[0].measured.value, MetricValue::Float(0.3));
    assert_eq!((best.ranking[0].measured.step, best.ranking[1].measured.step), (Some(3), Some(3)));
    let compared = contexta.compare_runs("other", "late").unwrap();
    let delta = &compared.metric_deltas[0];
    assert_eq!(delta.right.as_ref().unwrap().value, MetricValue::Float(0.3));
    assert_eq!(delta.notes, []);
}

#[test]
fn points_without_a_step_come_first_and_are_numbered_if_there_are_no_steps() {
    let (disk, contexta) = open();
    let run = contexta.run("a").run_id("a").start().unwrap();
    run.metric_at("mixed", 0, 0.1).unwrap();
    for value in [0.5, 0.25] {
        disk.advance(SECOND);
        run.metric("mixed", value).unwrap();
        run.metric("plain", value).unwrap();
    }
    let rows = series_of(&contexta, "a");
    let lasts: Vec<_> =
        rows.iter().map(|row| (row.key.metric_key.as_str(), row.last.value.as_f64())).collect();
    assert_eq!(lasts, [("mixed", 0.1), ("plain", 0.25)]);
    let plain = contexta.step_series("a", "plain", None).unwrap();
    assert!(!plain.has_steps);
    assert_eq!(values(&plain), [(0, "0.5".to_owned()), (1, "0.25".to_owned())]);
    assert!(contexta.step_series("a", "mixed", None).unwrap().has_steps);
    let unknown = contexta.step_series("a", "acc", None).unwrap();
    assert_eq!((unknown.points.len(), unknown.series.len()), (0, 0));
    assert_eq!(unknown.completeness_notes[0].summary, "step_series_empty:acc");
    assert_eq!(codes(&unknown), ["metric_unknown"]);
}

#[test]
fn nan_can_be_the_last_value_and_is_ignored_for_the_extremes() {
    let (_disk, contexta) = open();
    let run = contexta.run("a").run_id("a").start().unwrap();
    let points = [f64::INFINITY, 0.5, f64::NEG_INFINITY, 0.25, f64::NAN];
    for (step, value) in (0..).zip(points) {
        run.metric_at("loss", step, value).unwrap();
        run.metric_at("acc", step, f64::NAN).unwrap();
    }
    let rows = series_of(&contexta, "a");
    let [acc, loss] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((loss.count, loss.non_finite, loss.last.value.to_string().as_str()), (5, 3, "nan"));
    assert_eq!((&loss.min, &loss.max), (&Some(0.25.into()), &Some(0.5.into())));
    assert_eq!((acc.count, acc.non_finite, &acc.min, &acc.max), (5, 5, &None, &None));
    let other = contexta.run("b").run_id("b").start().unwrap();
    other.metric("loss", -1e300).unwrap();
    // NaN is ranked last, whichever values are better.
    for goal in [Goal::Maximize, Goal::Minimize] {
        let best = contexta.select_best_run("loss", BestRunOptions { goal, ..Default::default() }).unwrap();
        let ids: Vec<_> = best.ranking.iter().map(|ranked| ranked.run.name.as_str()).collect();
        assert_eq!(ids, ["b", "a"]);
    }
}

#[test]
fn whole_numbers_whose_floats_are_equal_are_different() {
    const LARGE: i64 = 1 << 53;
    let (disk, contexta) = open();
    for (id, values) in [("less", [LARGE + 1, LARGE]), ("more", [LARGE, LARGE + 1])] {
        let run = contexta.run(id).run_id(id).start().unwrap();
        for (step, value) in (0..).zip(values) {
            run.metric_at("tokens", step, value).unwrap();
        }
        run.complete().unwrap();
        disk.advance(SECOND);
        let row = &series_of(&contexta, id)[0];
        assert_eq!(row.last.value, MetricValue::Int(values[1]));
        assert_eq!((&row.min, &row.max), (&Some(LARGE.into()), &Some((LARGE + 1).into())), "{id}");
    }
    let delta = &contexta.compare_runs("less", "more").unwrap().metric_deltas[0];
    assert_eq!(delta.delta, Some(MetricValue::Int(1)));
    assert_eq!(ranked(&contexta, "tokens", None), Some((LARGE + 1).to_string()));
    assert!(contexta.compare_runs("less", "less").unwrap().metric_deltas.is_empty());
}

#[test]
fn whole_numbers_beyond_64_bits_are_compared_without_rounding() {
    let (_disk, contexta) = open();
    // The floats of these numbers are equal.
    let big = |last: &str| MetricValue::Big(format!("{}{last}", "8".repeat(299)).into());
    let run = contexta.run("a").run_id("a").start().unwrap();
    for (step, value) in (0..).zip([big("7"), f64::INFINITY.into(), big("9"), big("6")]) {
        run.metric_at("n", step, value).unwrap();
    }
    let row = &series_of(&contexta, "a")[0];
    assert_eq!((&row.min, &row.max, row.non_finite), (&Some(big("6")), &Some(big("9")), 1));
}

#[test]
fn series_with_different_tags_are_different_metrics() {
    let (_disk, contexta) = open();
    let run = contexta.run("a").run_id("a").start().unwrap();
    run.metric_at("acc", 1, 0.5).unwrap();
    for (subset, value) in [("val", 0.25), ("test", 0.125)] {
        let point = MetricEmission::new("acc", value).step(9).tag("subset", subset);
        run.emit(point).unwrap();
        run.emit(MetricEmission::new("f1", value).step(9).tag("subset", subset)).unwrap();
    }
    let labels: Vec<String> = series_of(&contexta, "a").iter().map(SeriesRow::label).collect();
    assert_eq!(labels, ["acc", "acc{subset=test}", "acc{subset=val}", "f1{subset=test}", "f1{subset=val}"]);
    let values_of = |metric: &str| values(&contexta.step_series("a", metric, None).unwrap());
    assert_eq!(values_of("acc"), [(1, "0.5".to_owned())]);
    assert_eq!(values_of("acc{subset=val}"), [(9, "0.25".to_owned())]);
    assert_eq!(values_of("acc{subset=train}"), []);
    assert_eq!(ranked(&contexta, "acc", None).as_deref(), Some("0.5"));
    assert_eq!(ranked(&contexta, "acc{subset=test}", None).as_deref(), Some("0.125"));
    // Without a series without tags, all series answer, and notes say so.
    let f1 = contexta.step_series("a", "f1", None).unwrap();
    assert_eq!(f1.points.len(), 2);
    assert_eq!(codes(&f1), ["metric_tags_mixed", "step_series_joined"]);
    let other = contexta.run("b").run_id("b").start().unwrap();
    other.emit(MetricEmission::new("acc", 0.75).tag("subset", "val")).unwrap();
    let compared = contexta.compare_runs("a", "b").unwrap();
    let deltas: Vec<_> =
        compared.metric_deltas.iter().map(|d| (d.metric_key.as_str(), d.delta.clone())).collect();
    let missing = ["acc", "acc{subset=test}", "f1{subset=test}", "f1{subset=val}"].map(|key| (key, None));
    let mut expected = missing.to_vec();
    expected.insert(2, ("acc{subset=val}", Some(0.5.into())));
    assert_eq!(deltas, expected);
}

#[test]
fn series_of_parts_stand_for_a_stage_only_if_it_has_no_series_of_its_own() {
    let (disk, contexta) = open();
    let run = contexta.run("a").run_id("a").start().unwrap();
    let stage = run.stage("train").unwrap();
    stage.metric_at("own", 1, 0.5).unwrap();
    let batch = stage.batch("epoch").unwrap();
    let sample = batch.sample("row").unwrap();
    for (metric, value) in [("own", 0.1), ("parts", 0.2)] {
        disk.advance(SECOND);
        batch.metric_at(metric, 7, value).unwrap();
        sample.metric_at(metric, 8, value / 2.0).unwrap();
    }
    let rows = series_of(&contexta, "a");
    let within = |row: &SeriesRow| row.key.within.as_ref().map(|within| within.kind().to_owned());
    let within: Vec<_> = rows.iter().map(|row| (row.key.metric_key.as_str(), within(row))).collect();
    let (batch, sample) = (Some("batch".to_owned()), Some("sample".to_owned()));
    assert_eq!(
        within,
        [("own", None), ("own", batch.clone()), ("own", sample.clone()), ("parts", batch), ("parts", sample)]
    );
    assert_eq!(ranked(&contexta, "own", Some("train")).as_deref(), Some("0.5"));
    assert_eq!(ranked(&contexta, "own", None).as_deref(), Some("0.5"));
    let own = contexta.step_series("a", "own", Some("train")).unwrap();
    assert_eq!((values(&own), codes(&own)), (vec![(1, "0.5".to_owned())], vec![]));
    let parts = contexta.step_series("a", "parts", Some("train")).unwrap();
    assert_eq!(values(&parts), [(7, "0.2".to_owned()), (8, "0.1".to_owned())]);
    assert_eq!(codes(&parts), ["metric_of_parts", "step_series_joined"]);
    let best = contexta.select_best_run("parts", BestRunOptions::default()).unwrap();
    assert!(best.notes.iter().any(|note| note.code == "metric_of_parts"), "{:?}", best.notes);
}

#[test]
fn slice_is_a_series_of_its_own() {
    let (_disk, contexta) = open();
    let place = json!({"stage_execution_ref": "stage:p.r.train"});
    let slice = |record: &str, second, key: &str, value: f64| {
        line(
            record,
            second,
            json!(value),
            place.clone(),
            json!({"metric_key": key, "slice_ref": "day.night"}),
        )
    };
    let whole = line("r.k1", 1, json!(0.5), place.clone(), json!({"metric_key": "acc"}));
    import(&contexta, &[whole, slice("r.k2", 2, "acc", 0.25), slice("r.k3", 3, "f1", 0.125)]);
    let rows = series_of(&contexta, "r");
    let labels: Vec<String> = rows.iter().map(SeriesRow::label).collect();
    assert_eq!(labels, ["train/acc", "train/acc{slice=day.night}", "train/f1{slice=day.night}"]);
    let values_of = |metric: &str| values(&contexta.step_series("r", metric, Some("train")).unwrap());
    assert_eq!(values_of("acc"), [(0, "0.5".to_owned())]);
    assert_eq!(values_of("acc{slice=day.night}"), [(0, "0.25".to_owned())]);
    assert_eq!(values_of("f1"), [(0, "0.125".to_owned())]);
}

#[test]
fn names_of_metrics_with_tags_find_the_series_of_slices() {
    let (_disk, contexta) = open();
    let place = json!({"stage_execution_ref": "stage:p.r.train"});
    let point = |record: &str, second, value: f64, tags: serde_json::Value, slice: Option<&str>| {
        let mut payload = json!({"metric_key": "acc", "tags": tags});
        payload.as_object_mut().unwrap().extend(slice.map(|slice| ("slice_ref".to_owned(), json!(slice))));
        line(record, second, json!(value), place.clone(), payload)
    };
    let (fold, list) = (json!({"fold": "1"}), json!({"classes": "a,b=c"}));
    import(
        &contexta,
        &[
            point("r.k1", 1, 0.5, fold.clone(), Some("eu")),
            point("r.k2", 2, 0.25, fold, Some("us")),
            point("r.k3", 3, 0.125, list, None),
        ],
    );
    let values_of = |metric: &str| -> Vec<String> {
        let series = contexta.step_series("r", metric, None).unwrap();
        series.points.iter().map(|point| point.value.to_string()).collect()
    };
    assert_eq!(values_of("acc{fold=1}"), ["0.5", "0.25"]);
    assert_eq!(values_of("acc{slice=us,fold=1}"), ["0.25"]);
    assert_eq!(values_of("acc{classes=a,b=c}"), ["0.125"]);
    assert_eq!(values_of("acc{fold=2}"), Vec::<String>::new());
    for row in series_of(&contexta, "r") {
        assert!(!values_of(&row.key.metric()).is_empty(), "{}", row.label());
    }
}

#[test]
fn series_of_several_stages_are_joined_with_a_note() {
    let (disk, contexta) = open();
    let run = contexta.run("a").run_id("a").start().unwrap();
    for (stage, value) in [("train", 0.5), ("evaluate", 0.25)] {
        disk.advance(SECOND);
        run.stage(stage).unwrap().within(|stage| stage.metric_at("loss", 4, value)).unwrap();
    }
    disk.advance(SECOND);
    run.metric_at("loss", 1, 0.125).unwrap();
    assert_eq!(series_of(&contexta, "a").len(), 3);
    let joined = contexta.step_series("a", "loss", None).unwrap();
    let expected = [(4, "0.5"), (4, "0.25"), (1, "0.125")].map(|(step, value)| (step, value.to_owned()));
    assert_eq!((values(&joined), joined.stage_ref.clone()), (expected.to_vec(), None));
    assert_eq!(codes(&joined), ["step_series_joined"]);
    assert_eq!(joined.series.len(), 3);
    // The stage can be given by its name, its id and its ref.
    for stage in ["train", "stage:wine.a.train"] {
        let one = contexta.step_series("a", "loss", Some(stage)).unwrap();
        assert_eq!((values(&one), codes(&one)), (vec![(4, "0.5".to_owned())], vec![]), "{stage}");
    }
    // The series that was observed latest stands for the run.
    assert_eq!(ranked(&contexta, "loss", None).as_deref(), Some("0.125"));
    assert_eq!(ranked(&contexta, "loss", Some("evaluate")).as_deref(), Some("0.25"));
    let nowhere = contexta.select_best_run("f1", BestRunOptions::default()).unwrap();
    assert!(nowhere.ranking.is_empty() && nowhere.without == [run.run_ref().clone()]);
}

#[test]
fn points_with_different_units_are_one_series_with_a_note() {
    let (_disk, contexta) = open();
    let run = contexta.run("a").run_id("a").start().unwrap();
    for (step, unit) in [(1, "s"), (2, "ms"), (3, "s")] {
        let series = run.series(SeriesSpec::new("time").unit(unit)).unwrap();
        series.point_at(step, step).unwrap();
    }
    run.metric_at("one", 1, 1).unwrap();
    run.series(SeriesSpec::new("one").unit("s")).unwrap().point_at(2, 2).unwrap();
    let rows = series_of(&contexta, "a");
    let [one, time] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        (time.count, time.units.join(" "), time.has_points_without_unit),
        (3, "ms s".to_owned(), false)
    );
    assert_eq!((one.count, one.units.join(" "), one.has_points_without_unit), (2, "s".to_owned(), true));
    let series = contexta.step_series("a", "time", None).unwrap();
    assert_eq!((series.unit.clone(), codes(&series)), (None, vec!["metric_units_mixed"]));
    let series = contexta.step_series("a", "one", None).unwrap();
    assert_eq!((series.unit.as_deref(), codes(&series)), (Some("s"), vec![]));
    let best = contexta.select_best_run("time", BestRunOptions::default()).unwrap();
    assert_eq!(best.notes.iter().map(|note| note.code).collect::<Vec<_>>(), ["metric_units_mixed"]);
}

#[test]
fn summary_of_a_resumed_run_is_that_of_its_newest_attempt() {
    let (_disk, contexta) = open();
    let run = contexta.run("a").run_id("a").start().unwrap();
    for step in 0..5 {
        run.metric_at("loss", step, 10 + step).unwrap();
        run.metric_at("gone", 3 + step, 1.0).unwrap();
    }
    run.fail("preempted").unwrap();
    let run = contexta.resume("a").unwrap().from_step(2).start().unwrap();
    run.metric_at("loss", 2, f64::NAN).unwrap();
    run.metric_at("loss", 3, 5).unwrap();
    let summary = |row: &SeriesRow| {
        let (min, max) = (row.min.clone().unwrap(), row.max.clone().unwrap());
        (
            row.count,
            row.non_finite,
            row.last.step.unwrap(),
            row.last.value.to_string(),
            min.as_f64(),
            max.as_f64(),
        )
    };
    let rows = series_of(&contexta, "a");
    assert_eq!(rows.iter().map(|row| row.key.metric_key.as_str()).collect::<Vec<_>>(), ["loss"]);
    assert_eq!(summary(&rows[0]), (4, 1, 3, "5".to_owned(), 5.0, 11.0));
    let all = contexta.run_snapshot_of("a", Attempts::All).unwrap().metrics;
    assert_eq!(all.len(), 2);
    assert_eq!(summary(&all[1]), (7, 1, 4, "14".to_owned(), 5.0, 14.0));
    assert_eq!((all[1].first.is_superseded, all[1].last.is_superseded), (false, true));
    assert_eq!((all[0].count, all[0].first.is_superseded, all[0].last.is_superseded), (5, true, true));
    let query = StepSeriesQuery { attempts: Attempts::All, ..StepSeriesQuery::default() };
    let series = contexta.step_series_of("a", "loss", &query).unwrap();
    let superseded: Vec<_> = series.points.iter().map(|point| (point.step, point.is_superseded)).collect();
    let expected = [(0, false), (1, false), (2, true), (2, false), (3, true), (3, false), (4, true)];
    assert_eq!(superseded, expected);
}

#[test]
fn points_with_equal_steps_are_in_the_order_of_observation() {
    let (_disk, contexta) = open();
    // The latest observation is imported first.
    let points = [("r.k1", 30, 0.3), ("r.k2", 10, 0.1), ("r.k3", 20, 0.2)];
    let records = points
        .map(|(record, second, value)| line(record, second, json!(value), json!({}), json!({"step": 5})));
    import(&contexta, &records);
    let row = &series_of(&contexta, "r")[0];
    assert_eq!((row.first.value.as_f64(), row.last.value.as_f64()), (0.1, 0.3));
    let series = contexta.step_series("r", "loss", None).unwrap();
    let expected = ["0.1", "0.2", "0.3"].map(|value| (5, value.to_owned()));
    assert_eq!(values(&series), expected);
}

#[test]
fn import_that_repeats_captured_points_changes_no_summary() {
    let disk = SimDisk::new(1);
    let (one, two) = (open_sim(&disk, 1, "/one"), open_sim(&disk, 2, "/two"));
    let run = one.run("a").run_id("a").start().unwrap();
    for (step, value) in (0..).zip([0.5, f64::NAN, 0.25]) {
        run.metric_at("loss", step, value).unwrap();
        run.emit(MetricEmission::new("acc", value).step(step).unit("ratio").tag("subset", "val")).unwrap();
    }
    run.complete().unwrap();
    let before = series_of(&one, "a");
    let mut text = Vec::new();
    one.export_jsonl(&mut text, &Default::default()).unwrap();
    one.close().unwrap();
    let import = |contexta: &Contexta| {
        let source = ImportSource::Reader("x", &mut text.as_slice());
        contexta.import_jsonl(source, ImportSettings::default()).unwrap()
    };
    assert!(import(&two).is_complete());
    two.merge("/one", MergeSettings::default()).unwrap();
    // The log contains each point twice: imported and captured.
    let metrics = two.dump_log(None).unwrap().filter(|item| format!("{item:?}").contains("kind: \"metric\""));
    assert_eq!(metrics.count(), 12);
    let after = series_of(&two, "a");
    let numbers = |row: &SeriesRow| {
        let (first, last) = (row.first.value.to_string(), row.last.value.to_string());
        (
            row.label(),
            row.count,
            row.non_finite,
            first,
            last,
            row.min.clone(),
            row.max.clone(),
            row.units.clone(),
        )
    };
    assert_eq!(after.iter().map(numbers).collect::<Vec<_>>(), before.iter().map(numbers).collect::<Vec<_>>());
    assert_eq!((after[0].count, after[0].non_finite), (3, 1));
    assert_eq!(two.step_series("a", "loss", None).unwrap().points.len(), 3);
    assert_eq!(import(&two).total().new, 0);
    assert_eq!(series_of(&two, "a"), after);
}

/// Captures two runs. Each run has the stage `train` and the batch `b0` with one sample. `b` has a second
/// stage with a batch of the same name and two samples.
fn runs_with_batches() -> Contexta {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    for id in ["a", "b"] {
        let run = contexta.run(id).run_id(id).start().unwrap();
        for (stage, samples) in [("train", 1), ("test", 2)].into_iter().take(1 + usize::from(id == "b")) {
            let stage = run.stage(stage).unwrap();
            stage.metric_at("loss", 1, 0.5).unwrap();
            let batch = stage.batch("b0").unwrap();
            for _ in 0..samples {
                batch.sample("s").unwrap().complete().unwrap();
            }
            batch.complete().unwrap();
            stage.complete().unwrap();
        }
        run.complete().unwrap();
    }
    contexta
}

#[test]
fn parts_of_another_run_are_not_accepted() {
    let contexta = runs_with_batches();
    let stage = "stage:wine.b.train";
    let of_b = contexta.list_batches("b", Some(stage)).unwrap();
    assert_eq!(of_b.batches.len(), 1);
    let batch = of_b.batches[0].batch_execution_ref.to_string();
    assert_eq!(contexta.list_samples("b", None, Some(&batch)).unwrap().samples.len(), 1);
    let code = |error: contexta::Error| error.code();
    assert_eq!(contexta.list_batches("a", Some(stage)).map_err(code).unwrap_err(), "query_part_not_found");
    assert_eq!(
        contexta.list_samples("a", None, Some(&batch)).map_err(code).unwrap_err(),
        "query_part_not_found"
    );
    let series = contexta.step_series("a", "loss", Some(stage)).unwrap();
    assert_eq!((series.points.len(), series.stage_ref), (0, None));
    let own = contexta.step_series("a", "loss", Some("stage:wine.a.train")).unwrap();
    assert_eq!((own.points.len(), own.stage_ref.unwrap().as_str()), (1, "stage:wine.a.train"));
}

#[test]
fn name_of_a_batch_is_looked_up_in_the_given_stage() {
    let contexta = runs_with_batches();
    let samples = |stage| contexta.list_samples("b", Some(stage), Some("b0")).unwrap().samples.len();
    assert_eq!((samples("train"), samples("test")), (1, 2));
}

#[test]
fn equal_numbers_with_different_units_are_a_difference() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    for (id, unit) in [("a", "ms"), ("b", "s")] {
        let run = contexta.run(id).run_id(id).start().unwrap();
        run.emit(contexta::capture::MetricEmission::new("latency", 5.0).unit(unit)).unwrap();
        run.complete().unwrap();
    }
    let comparison = contexta.compare_runs("a", "b").unwrap();
    let codes: Vec<_> = comparison.metric_deltas[0].notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, ["metric_units_differ"]);
    assert_eq!(contexta.compare_runs("a", "a").unwrap().metric_deltas, []);
}

#[test]
fn limited_baseline_contains_earlier_runs_only() {
    let contexta = open_sim(&SimDisk::new(1), 1, "/w");
    let mut lines = String::new();
    lines.push_str("{\"kind\":\"project\",\"object\":{\"project_ref\":\"project:p\",\"name\":\"p\",\"created_at\":\"2024-01-01T00:00:00Z\"}}\n");
    for n in 0..6 {
        let day = format!("2024-01-0{}T00:00:00Z", n + 1);
        lines.push_str(&format!(
            "{{\"kind\":\"run\",\"object\":{{\"run_ref\":\"run:p.r{n}\",\"project_ref\":\"project:p\",\"name\":\"r{n}\",\
             \"status\":\"completed\",\"started_at\":\"{day}\",\"ended_at\":\"{day}\"}}}}\n"
        ));
        lines.push_str(&format!(
            "{{\"kind\":\"record\",\"object\":{{\"envelope\":{{\"record_ref\":\"record:p.r{n}.m\",\"record_type\":\"metric\",\
             \"recorded_at\":\"{day}\",\"observed_at\":\"{day}\",\"producer_ref\":\"x\",\"run_ref\":\"run:p.r{n}\"}},\
             \"payload\":{{\"metric_key\":\"loss\",\"value\":{n}.0,\"value_type\":\"float\"}}}}}}\n"
        ));
    }
    import_lines(&contexta, &lines);
    let mut baseline = contexta::interpretation::RunListQuery::default();
    baseline.limit = Some(2);
    let query = contexta::interpretation::AnomalyQuery { baseline: Some(baseline), ..Default::default() };
    let found = contexta.detect_anomalies_in_run("r3", &query).unwrap().anomalies;
    // The newest two runs before r3 are r1 and r2.
    let [low, high] = found[0].expected_range;
    assert_eq!((low + high) / 2.0, 1.5);
}

#[test]
fn an_alert_on_nan_has_a_note() {
    let (_, contexta) = open();
    let run = contexta.run("r").run_id("r").start().unwrap();
    run.metric("loss", f64::NAN).unwrap();
    run.metric("lr", 0.1).unwrap();
    let rules =
        [AlertRule::new("loss", Comparison::Greater, 0.5), AlertRule::new("lr", Comparison::Greater, 0.5)];
    let report = contexta.evaluate_alerts("r", &rules).unwrap();
    let notes: Vec<Vec<&str>> = report
        .results
        .iter()
        .map(|result| result.completeness_notes.iter().map(|note| note.summary.as_str()).collect())
        .collect();
    assert_eq!(notes, [vec!["alert_metric_not_a_number:loss"], vec![]]);
    let written = contexta::to_markdown(&contexta.build_alert_report("r", &rules).unwrap());
    let (passed, missing) = written.split_once("## Not Evaluated").unwrap();
    assert!(passed.contains("lr:gt:0.5") && missing.contains("loss:gt:0.5"), "{written}");
    assert!(missing.contains("alert_metric_not_a_number:loss"), "{written}");
    assert!(report.results.iter().all(|result| !result.triggered));
}

#[test]
fn units_of_superseded_points_are_not_units_of_the_series() {
    let (_, contexta) = open();
    let run = contexta.run("r").run_id("r").start().unwrap();
    run.emit(MetricEmission::new("time", 5.0).step(0).unit("ms")).unwrap();
    run.emit(MetricEmission::new("time", 6.0).step(1).unit("s")).unwrap();
    assert_eq!(series_of(&contexta, "r")[0].units, ["ms", "s"]);
    let resumed = contexta.resume("run:wine.r").unwrap().from_step(1).start().unwrap();
    assert_eq!(series_of(&contexta, "r")[0].units, ["ms"]);
    resumed.complete().unwrap();
}

#[test]
fn metrics_are_searched_for_anomalies_in_the_order_in_which_they_were_recorded() {
    let (_disk, contexta) = open();
    let point = |record: &str, second, key: &str| {
        line(record, second, json!(0.5), json!({}), json!({"metric_key": key}))
    };
    let mut lines = Vec::new();
    for (day, run) in [(1, "a"), (2, "b"), (3, "c")] {
        let start = format!("2024-01-0{day}T00:00:00Z");
        let run = json!({"kind": "run", "object": {
            "name": run, "project_ref": "project:p", "run_ref": format!("run:p.{run}"), "started_at": start,
            "status": "open"
        }});
        lines.push(run.to_string());
    }
    // The first recorded point of `loss` has the latest time.
    for run in ["a", "b", "c"] {
        for (record, second, key) in [("1", 9, "loss"), ("2", 5, "acc"), ("3", 1, "loss")] {
            lines.push(point(&format!("{run}.{record}"), second, key));
        }
    }
    let lines = lines.join("\n");
    let source = ImportSource::Reader("x", &mut lines.as_bytes());
    assert!(contexta.import_jsonl(source, ImportSettings::default()).unwrap().is_complete());
    let found = contexta.detect_anomalies_in_run("c", &Default::default()).unwrap().anomalies;
    assert_eq!(found.iter().map(|found| found.metric_key.as_str()).collect::<Vec<_>>(), ["loss", "acc"]);
}

#[test]
fn step_of_an_extreme_is_the_step_at_which_it_was_measured() {
    let (disk, contexta) = open();
    for (id, peak) in [("a", 3), ("b", 90)] {
        let run = contexta.run(id).run_id(id).start().unwrap();
        for step in [0, 3, 90, 100] {
            let value = if step == peak { 0.9 } else { 0.1 };
            run.metric_at("acc", step, value).unwrap();
            // The greatest value of `flat` was measured several times.
            run.metric_at("flat", step, if step == 0 { 0.0 } else { 1.0 }).unwrap();
            run.metric_at("nan", step, f64::NAN).unwrap();
        }
        run.complete().unwrap();
    }
    let steps = |metric: &str, selection: Selection| -> Vec<(String, Option<i64>)> {
        let options = BestRunOptions { selection, ..BestRunOptions::default() };
        let ranking = contexta.select_best_run(metric, options).unwrap().ranking;
        let row = |ranked: RankedRun| (ranked.measured.value.to_string(), ranked.measured.step);
        ranking.into_iter().map(row).collect()
    };
    let both = |first: (&str, Option<i64>), second: (&str, Option<i64>)| {
        vec![(first.0.to_owned(), first.1), (second.0.to_owned(), second.1)]
    };
    assert_eq!(steps("acc", Selection::Max), both(("0.9", Some(3)), ("0.9", Some(90))));
    assert_eq!(steps("acc", Selection::Min), both(("0.1", Some(100)), ("0.1", Some(100))));
    assert_eq!(steps("acc", Selection::Latest), both(("0.1", Some(100)), ("0.1", Some(100))));
    assert!(steps("acc", Selection::Mean).iter().all(|(_, step)| step.is_none()));
    assert_eq!(steps("flat", Selection::Max), both(("1.0", Some(100)), ("1.0", Some(100))));
    assert_eq!(steps("nan", Selection::Max), both(("nan", Some(100)), ("nan", Some(100))));
    // If the greatest values are compared, the comparison names their steps.
    let inputs = LoadInputs::new().workspace("/w").set("interpretation.comparison.metric_selection=max");
    let options = Options::load(inputs).unwrap().storage(disk.process(2)).detect_code_revision(false);
    let compared = options.open().unwrap().compare_with_baseline(&["b".to_owned()], "a").unwrap();
    let named = compared.notes.iter().find(|note| note.code == "baseline_steps_differ").unwrap();
    assert!(named.message.contains("acc") && named.message.contains("run:wine.b"), "{named:?}");
    let row = &compared.metric_table[0];
    let difference = row.differences[1].as_ref().unwrap();
    let steps = (difference.value.step, difference.baseline.step);
    assert_eq!((row.metric_key.as_str(), steps), ("acc", (Some(90), Some(3))));
}
