//! The metric points of a workspace, read from the interchange file. Deviations compute expected answers from them,
//! without the tables of contexta.

use contexta::contract::{Timestamp, Value};
use std::collections::BTreeMap;

/// A metric point.
#[derive(Debug)]
struct Point {
    run: String,
    /// The name of the stage; `None` outside any stage.
    stage: Option<String>,
    key: String,
    observed_at: String,
    value: f64,
}

/// The order in which points are compared to find the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By the time of observation.
    Time,
    /// By the text of the time of observation, as in the reference.
    Text,
}

/// A series: the key of a metric, in the stage with a name or outside any stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series<'a> {
    pub(super) key: &'a str,
    pub(super) stage: Option<&'a str>,
}

/// The metric points of a workspace, in the order of append.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    points: Vec<Point>,
    /// The names of stages, by ref.
    stages: BTreeMap<String, String>,
}

impl Metrics {
    /// Adds the point or the stage in a line of the interchange file. Stages precede records.
    pub(super) fn add(&mut self, line: &Value) {
        let object = line.get("object").unwrap();
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        match line.get("kind").and_then(Value::as_str) {
            Some("stage") => {
                let (stage, name) = (text(object, "stage_execution_ref"), text(object, "stage_name"));
                self.stages.insert(stage.unwrap(), name.unwrap());
            }
            Some("record") => {
                let (envelope, payload) = (object.get("envelope").unwrap(), object.get("payload").unwrap());
                let value = match payload.get("value") {
                    Some(Value::Int(n)) => *n as f64,
                    Some(Value::Big(digits)) => digits.parse().unwrap(),
                    Some(Value::Float(x)) => *x,
                    _ => return,
                };
                let Some(key) = text(payload, "metric_key") else { return };
                let stage = text(envelope, "stage_execution_ref").map(|stage| self.stages[&stage].clone());
                let (run, observed_at) = (text(envelope, "run_ref"), text(envelope, "observed_at"));
                let (run, observed_at) = (run.unwrap(), observed_at.unwrap());
                self.points.push(Point { run, stage, key, observed_at, value });
            }
            _ => {}
        }
    }

    /// Returns the value of the last point of a series in a run. Of points with equal times, the last appended one is
    /// the last.
    pub(super) fn last(&self, run: &str, series: Series<'_>, order: Order) -> Option<f64> {
        let is_of_series = |point: &&Point| {
            (point.run.as_str(), point.key.as_str(), point.stage.as_deref())
                == (run, series.key, series.stage)
        };
        let points = self.points.iter().filter(is_of_series);
        let last = match order {
            Order::Time => points.max_by_key(|point| point.observed_at.parse::<Timestamp>().unwrap()),
            Order::Text => points.max_by_key(|point| point.observed_at.as_str()),
        };
        Some(last?.value)
    }

    /// Returns the run with the greatest or the smallest last value; the first of these runs if there are several.
    pub(super) fn best<'r>(
        &self,
        runs: &[&'r str],
        series: Series<'_>,
        is_greater_better: bool,
        order: Order,
    ) -> Option<&'r str> {
        let mut best: Option<(&str, f64)> = None;
        for run in runs {
            let Some(value) = self.last(run, series, order) else { continue };
            let is_better = best.is_none_or(|(_, best)| match is_greater_better {
                true => value > best,
                false => value < best,
            });
            if is_better {
                best = Some((run, value));
            }
        }
        best.map(|(run, _)| run)
    }
}

#[test]
fn last_and_best_values_are_found() {
    let mut metrics = Metrics::default();
    for line in [
        r#"{"kind": "stage", "object": {"stage_execution_ref": "stage:p.a.s", "stage_name": "train"}}"#
            .to_owned(),
        metric("a", Some("s"), "2024-01-01T00:00:05Z", "1"),
        metric("a", Some("s"), "2024-01-01T00:00:05.500000Z", "3.0"),
        metric("a", None, "2024-01-01T00:00:09Z", "9"),
        r#"{"kind": "stage", "object": {"stage_execution_ref": "stage:p.b.s", "stage_name": "train"}}"#
            .to_owned(),
        metric("b", Some("s"), "2024-01-01T00:00:00Z", "0"),
        metric("b", Some("s"), "2024-01-01T00:00:00Z", "2"),
    ] {
        metrics.add(&contexta::contract::json::read::parse(&line).unwrap());
    }
    let series = Series { key: "loss", stage: Some("train") };
    assert_eq!(metrics.last("run:p.a", series, Order::Time), Some(3.0));
    assert_eq!(metrics.last("run:p.a", series, Order::Text), Some(1.0));
    assert_eq!(metrics.last("run:p.a", Series { stage: None, ..series }, Order::Time), Some(9.0));
    assert_eq!(metrics.last("run:p.b", series, Order::Time), Some(2.0));
    let best = |greater, order| metrics.best(&["run:p.a", "run:p.b"], series, greater, order);
    assert_eq!(best(true, Order::Time), Some("run:p.a"));
    assert_eq!(best(false, Order::Time), Some("run:p.b"));
    assert_eq!(best(true, Order::Text), Some("run:p.b"));
    assert_eq!(metrics.best(&["run:p.a"], Series { key: "auc", ..series }, true, Order::Time), None);
}

fn metric(run: &str, stage: Option<&str>, at: &str, value: &str) -> String {
    let stage =
        stage.map(|stage| format!(r#""stage_execution_ref": "stage:p.{run}.{stage}","#)).unwrap_or_default();
    format!(
        r#"{{"kind": "record", "object": {{"envelope": {{{stage} "run_ref": "run:p.{run}", "observed_at": "{at}"}},
        "payload": {{"metric_key": "loss", "value": {value}}}}}}}"#
    )
}
