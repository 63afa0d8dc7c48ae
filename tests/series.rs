//! Handles of metric series: options, ends of scopes, redaction, sinks, a full disk, and commits of several points.

use crate::support::open_sim;
use contexta::capture::{Durability, Error, MemorySink, MetricSeries, ResultStatus, SeriesSpec, Step};
use contexta::contract::json::write::canonical;
use contexta::contract::{AggregationScope, MetricValue, Value};
use contexta::engine::storage::sim::SimDisk;
use contexta::{Contexta, DumpItem, DumpedEntry, Options};
use std::sync::Arc;

/// Returns the payloads of all metrics, in the order of capture.
fn metrics(contexta: &Contexta) -> Vec<Value> {
    let payload = |item| match item {
        DumpItem::Entry(DumpedEntry { kind, object: Some(Value::Map(mut members)), .. })
            if kind == "metric" =>
        {
            members.remove("payload")
        }
        _ => None,
    };
    contexta.dump_log(None).unwrap().filter_map(|item| payload(item.unwrap())).collect()
}

/// Returns the steps and the values of a series of run `a`.
fn points(contexta: &Contexta, key: &str) -> Vec<(i64, String)> {
    let series = contexta.step_series("a", key, None).unwrap();
    series.points.iter().map(|point| (point.step, point.value.to_string())).collect()
}

#[test]
fn series_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<MetricSeries>();
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let series = run.series("loss").unwrap();
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let series = series.clone();
            threads.spawn(move || (0..50).for_each(|n| drop(series.point_at(thread * 50 + n, n).unwrap())));
        }
    });
    run.complete().unwrap();
    let mut steps: Vec<_> = points(&contexta, "loss").into_iter().map(|(step, _)| step).collect();
    steps.sort_unstable();
    assert_eq!(steps, (0..200).collect::<Vec<_>>());
}

#[test]
fn members_of_the_series_are_those_of_its_points() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let spec = SeriesSpec::new("loss").unit("nats").scope(AggregationScope::Run).summary_basis("mean");
    let series = run.series(spec.tag("split", "val").tag("api_key", "hunter2hunter2")).unwrap();
    let result = series.point_at(7u8, 0.5).unwrap();
    assert_eq!(
        (result.status(), result.redacted()),
        (ResultStatus::Success, &["tags.api_key".to_owned()][..])
    );
    assert_eq!(result.durability(), Some(Durability::Flush));
    let several = series.extend([8, 9], [1.5f32, f32::NAN]).unwrap();
    assert_eq!(several.len(), 2);
    assert!(several.iter().all(|result| result.redacted() == ["tags.api_key"]));
    series.point(3).unwrap();
    let texts: Vec<String> = metrics(&contexta).iter().map(|m| canonical(m).unwrap()).collect();
    let before = r#"{"aggregation_scope":"run","metric_key":"loss","#;
    let after =
        r#""summary_basis":"mean","tags":{"api_key":"[redacted]","split":"val"},"unit":"nats","value":"#;
    let subject = r#""subject_ref":"run:wine.a","#;
    let whole = |step: &str, value: &str, value_type: &str| {
        format!(r#"{before}{step}{subject}{after}{value},"value_type":"{value_type}"}}"#)
    };
    assert_eq!(
        texts,
        [
            whole(r#""step":7,"#, "0.5", "float"),
            whole(r#""step":8,"#, "1.5", "float"),
            whole(r#""step":9,"#, "\"NaN\"", "float"),
            whole("", "3", "int")
        ]
    );
}

#[test]
fn ended_scope_and_invalid_members_are_refused() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let stage = run.stage("train").unwrap();
    let series = stage.series("loss").unwrap();
    stage.metric("loss", 1.0).unwrap();
    series.point(1.0).unwrap();
    assert_eq!(stage.series("a\nb").unwrap_err().code(), "record_invalid_metric_key");
    let different = series.extend(0..3, [1.0, 2.0]).unwrap_err();
    assert_eq!(
        different.to_string(),
        "the numbers of steps and values of a metric differ: after 2 pairs, there are only steps"
    );
    let different = series.extend(0..1, [1.0, 2.0, 3.0]).unwrap_err();
    assert_eq!(
        different.to_string(),
        "the numbers of steps and values of a metric differ: after 1 pairs, there are only values"
    );
    // Endless iterators do not hang.
    let different = series.extend(0.., [1.0, 2.0]).unwrap_err();
    assert_eq!(different.code(), "metric_steps_and_values_differ");
    assert!(series.extend([1], std::iter::repeat(1.0)).is_err());
    assert!(series.extend(0..0, Vec::<f64>::new()).unwrap().is_empty());
    stage.complete().unwrap();
    assert!(matches!(series.point(1.0), Err(Error::ScopeClosed { .. })));
    assert!(matches!(series.extend([1], [1.0]), Err(Error::ScopeClosed { .. })));
    assert!(matches!(stage.metric("loss", 1.0), Err(Error::ScopeClosed { .. })));
    assert!(matches!(stage.series("loss"), Err(Error::ScopeClosed { .. })));
    assert_eq!(metrics(&contexta).len(), 2);
}

#[test]
fn commit_of_too_many_points_is_refused_as_a_whole() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let series = run.series("loss").unwrap();
    let error = series.extend(0..200_000, (0..200_000).map(MetricValue::Int)).unwrap_err();
    assert_eq!(error.code(), "commit_too_large");
    assert_eq!(metrics(&contexta).len(), 0);
    let long = run.series(SeriesSpec::new("loss").tag("long", &"x".repeat(5 << 20))).unwrap();
    assert_eq!(long.point(1).unwrap_err().code(), "entry_too_large");
}

#[test]
fn sinks_receive_the_points_of_a_series() {
    let disk = SimDisk::new(1);
    let memory = Arc::new(MemorySink::default());
    let options = Options::new("/w").project("wine").storage(disk.process(1)).detect_code_revision(false);
    let contexta = options.sink(memory.clone()).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    let series = run.series("loss").unwrap();
    let results = [series.point(0.5).unwrap(), run.metric("loss", 0.25).unwrap()];
    let several = series.extend([1, 2], [0.1, 0.2]).unwrap();
    let captured: Vec<_> = results.iter().chain(several.iter()).map(|r| r.position().unwrap()).collect();
    assert!(results.iter().chain(several.iter()).all(|result| result.deliveries().len() == 1));
    let entries = memory.entries();
    let received = entries.iter().filter(|entry| entry.payload_type == "MetricRecord");
    assert_eq!(received.map(|entry| entry.position).collect::<Vec<_>>(), captured);
}

#[test]
fn metrics_of_a_step_are_one_commit() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    run.metric_at("loss", 0, 0.5).unwrap();
    let big = MetricValue::from(u64::MAX);
    let cases = [
        vec![
            ("loss", MetricValue::Float(0.25)),
            ("acc", MetricValue::Int(1)),
            ("loss", MetricValue::Float(0.125)),
        ],
        vec![("loss", MetricValue::Float(f64::NAN)), ("seen", big)],
    ];
    for (step, values) in cases.into_iter().enumerate() {
        let count = values.len();
        let step = Some(Step(step as i64 + 1));
        let batch = run.metrics(step, values).unwrap();
        assert_eq!((batch.status(), batch.len()), (ResultStatus::Success, count));
        let commits: Vec<_> = batch.iter().map(|result| result.position().unwrap().seq.0).collect();
        assert!(commits.windows(2).all(|pair| pair[1] == pair[0] + 1));
    }
    assert_eq!(run.metrics(None, [("none", 1)]).unwrap().len(), 1);
    assert_eq!(run.metrics(None, Vec::<(String, f64)>::new()).unwrap().len(), 0);
    assert_eq!(points(&contexta, "loss"), [(0, "0.5"), (1, "0.25"), (1, "0.125"), (2, "nan")].map(text));
    assert_eq!(points(&contexta, "acc"), [(1, "1")].map(text));
    assert_eq!(points(&contexta, "seen"), [(2, "18446744073709551615")].map(text));
    // One invalid key: nothing is captured.
    let error = run.metrics(None, [("ok", 1.0), ("", 2.0)]).unwrap_err();
    assert_eq!(error.code(), "context_invalid_string");
    assert!(points(&contexta, "none").len() == 1 && metrics(&contexta).len() == 7);
    run.complete().unwrap();
    assert_eq!(run.metrics(None, [("ok", 1.0)]).unwrap_err().code(), "runtime_scope_closed");
}

#[test]
fn sinks_receive_the_metrics_of_a_step() {
    let disk = SimDisk::new(1);
    let memory = Arc::new(MemorySink::default());
    let options = Options::new("/w").project("wine").storage(disk.process(1)).detect_code_revision(false);
    let contexta = options.sink(memory.clone()).open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    let batch = run.metrics(Some(Step(3)), [("loss", 0.5), ("acc", 0.25)]).unwrap();
    let entries = memory.entries();
    let received = entries.iter().filter(|entry| entry.payload_type == "MetricRecord");
    let captured: Vec<_> = batch.iter().map(|result| result.position().unwrap()).collect();
    assert_eq!(received.map(|entry| entry.position).collect::<Vec<_>>(), captured);
}

fn text((step, value): (i64, &str)) -> (i64, String) {
    (step, value.to_owned())
}
