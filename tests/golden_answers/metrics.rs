//! The metric points of a workspace, read from the interchange file, and the values that represent a metric. Models
//! compute expected answers from them, without the tables of contexta.

use crate::golden_answers::object::text;
use crate::golden_answers::rules::Rules;
use crate::golden_answers::statistics::mean;
use contexta::contract::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A metric point.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) run: String,
    /// The id of the stage: the last component of its ref. `None` outside any stage.
    pub(super) stage: Option<String>,
    /// The deployment of a point outside any stage.
    deployment: Option<String>,
    /// `true` for a point of a batch, a sample or a slice.
    is_part: bool,
    slice: Option<String>,
    tags: BTreeMap<String, String>,
    key: String,
    pub(super) unit: Option<String>,
    pub(super) observed_at: String,
    pub(super) value: f64,
}

impl Point {
    /// Returns the name of the metric, such as `acc{subset=val}`. The name contains the key and the tags. The
    /// reference ignores the tags (G14).
    pub(super) fn metric(&self, rules: Rules) -> String {
        let tags: Vec<String> = self.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        match rules.mends("G14") && !tags.is_empty() {
            true => format!("{}{{{}}}", self.key, tags.join(",")),
            false => self.key.clone(),
        }
    }

    /// Returns the name of the series. The name of the metric is used, with the slice as the first tag.
    pub(super) fn series(&self, rules: Rules) -> String {
        let (metric, slice) = (self.metric(rules), self.slice.as_ref().filter(|_| rules.mends("G14")));
        match (slice, metric.strip_suffix('}').and_then(|metric| metric.split_once('{'))) {
            (None, _) => metric,
            (Some(slice), None) => format!("{metric}{{slice={slice}}}"),
            (Some(slice), Some((key, tags))) => format!("{key}{{slice={slice},{tags}}}"),
        }
    }

    fn place(&self) -> impl PartialEq {
        (&self.run, &self.stage, &self.deployment, &self.key, &self.tags)
    }
}

/// Returns a time in the form in which times are compared. The reference compares texts of different lengths (gap G1).
pub(super) fn time(text: &str, rules: Rules) -> String {
    match text.strip_suffix('Z') {
        Some(whole) if rules.mends("G1") && !whole.contains('.') => format!("{whole}.000000Z"),
        _ => text.to_owned(),
    }
}

/// The rule that selects one value of several points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    Latest,
    Max,
    Min,
    Mean,
}

impl Selection {
    /// Reads the value of a setting. Returns `None` if the value is invalid.
    pub(super) fn parse(text: &str) -> Option<Selection> {
        match text {
            "latest" => Some(Selection::Latest),
            "max" => Some(Selection::Max),
            "min" => Some(Selection::Min),
            "mean" => Some(Selection::Mean),
            _ => None,
        }
    }

    /// Returns the value that represents points. The points must be in the order of their times. Returns
    /// `None` if there are no points.
    pub(super) fn value(self, points: &[&Point]) -> Option<f64> {
        let values: Vec<f64> = points.iter().map(|point| point.value).collect();
        let last = *values.last()?;
        Some(match self {
            Selection::Latest => last,
            Selection::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Selection::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Selection::Mean => mean(&values),
        })
    }
}

/// The metric points of a workspace, in the order of append.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    points: Vec<Point>,
}

impl Metrics {
    /// Adds the point in a line of the interchange file.
    pub(super) fn add(&mut self, line: &Value) {
        let object = line.get("object").unwrap();
        let (Some(envelope), Some(payload)) = (object.get("envelope"), object.get("payload")) else { return };
        let value = match payload.get("value") {
            Some(Value::Int(n)) => *n as f64,
            Some(Value::Big(digits)) => digits.parse().unwrap(),
            Some(Value::Float(x)) => *x,
            _ => return,
        };
        let Some(key) = text(payload, "metric_key") else { return };
        let stage = text(envelope, "stage_execution_ref");
        let stage = stage.map(|stage| stage.rsplit('.').next().unwrap().to_owned());
        let parts = ["batch_execution_ref", "sample_observation_ref"];
        let slice = text(payload, "slice_ref");
        let Some(Value::Map(tags)) = payload.get("tags") else { panic!("a metric without tags: {line:?}") };
        let tag = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap().to_owned());
        self.points.push(Point {
            run: text(envelope, "run_ref").unwrap(),
            deployment: text(envelope, "deployment_execution_ref").filter(|_| stage.is_none()),
            stage,
            is_part: slice.is_some() || parts.iter().any(|part| envelope.get(part).is_some()),
            slice,
            tags: tags.iter().map(tag).collect(),
            key,
            unit: text(payload, "unit"),
            observed_at: text(envelope, "observed_at").unwrap(),
            value,
        });
    }

    /// Returns the points of a run, in the order of append.
    pub(super) fn of_run(&self, run: &str) -> std::vec::IntoIter<&Point> {
        self.points.iter().filter(|point| point.run == run).collect::<Vec<_>>().into_iter()
    }

    /// Returns the points that represent the run and its stages, in the order of their times. The points of
    /// batches, samples and slices are returned only if the run or stage itself has no points (G14).
    pub(super) fn representing(&self, run: &str, rules: Rules) -> Vec<&Point> {
        let all: Vec<&Point> = self.of_run(run).collect();
        let has_own = |part: &Point| all.iter().any(|own| !own.is_part && own.place() == part.place());
        let is_used = |point: &&&Point| !rules.mends("G14") || !point.is_part || !has_own(point);
        let mut points: Vec<&Point> = all.iter().filter(is_used).copied().collect();
        points.sort_by_key(|point| time(&point.observed_at, rules));
        points
    }

    /// Returns the points to which the name of a metric refers, in the order of their times. If no stage is
    /// given, the points of all stages and the points outside stages are used. Points with tags are used only
    /// if the name has these tags, or if there are no other points (G14).
    pub(super) fn answering(
        &self,
        run: &str,
        metric: &str,
        stage: Option<&str>,
        rules: Rules,
    ) -> Vec<&Point> {
        let mut points = self.representing(run, rules);
        points.retain(|point| point.key == metric || point.metric(rules) == metric);
        points.retain(|point| stage.is_none() || point.stage.as_deref() == stage);
        if rules.mends("G14") && points.iter().any(|point| point.metric(rules) == metric) {
            points.retain(|point| point.metric(rules) == metric);
        }
        points
    }

    /// Returns the names of the metrics of a run, in the order in which they were first recorded.
    pub(super) fn names(&self, run: &str, stage: Option<&str>, rules: Rules) -> Vec<String> {
        let mut names = Vec::new();
        for point in self.of_run(run).filter(|point| stage.is_none() || point.stage.as_deref() == stage) {
            let name = point.metric(rules);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Returns a table of the metrics of a run. The table contains the value and the unit of each metric in
    /// each stage, and of each metric outside stages.
    pub(super) fn table(&self, run: &str, selection: Selection, rules: Rules) -> Table {
        let points = self.representing(run, rules);
        let name = |point: &&Point| (point.stage.clone(), point.metric(rules));
        let names: BTreeSet<_> = points.iter().map(name).collect();
        let value = |own: (Option<String>, String)| {
            let of: Vec<&Point> = points.iter().filter(|point| name(point) == own).copied().collect();
            (own, (selection.value(&of).unwrap(), unit(&of)))
        };
        names.into_iter().map(value).collect()
    }
}

/// Values and units by stage and metric.
pub(super) type Table = BTreeMap<(Option<String>, String), (f64, Option<String>)>;

/// Returns the unit of points. Returns `None` if the points have several units, or no unit.
pub(super) fn unit(points: &[&Point]) -> Option<String> {
    let units: BTreeSet<&String> = points.iter().filter_map(|point| point.unit.as_ref()).collect();
    units.first().filter(|_| units.len() == 1).map(|unit| (*unit).clone())
}

#[test]
fn values_represent_metrics() {
    let mut metrics = Metrics::default();
    let mut add = |envelope: &str, payload: &str| {
        let line = format!(
            r#"{{"kind": "record", "object": {{"envelope": {{"run_ref": "run:p.a", {envelope}}},
                "payload": {{"metric_key": "loss", {payload}}}}}}}"#
        );
        metrics.add(&contexta::contract::json::read::parse(&line).unwrap());
    };
    let stage = r#""stage_execution_ref": "stage:p.a.train""#;
    add(&format!(r#"{stage}, "observed_at": "2024-01-01T00:00:05Z""#), r#""value": 1, "tags": {}"#);
    add(&format!(r#"{stage}, "observed_at": "2024-01-01T00:00:05.500000Z""#), r#""value": 3.0, "tags": {}"#);
    add(&format!(r#"{stage}, "observed_at": "2024-01-01T00:00:06Z""#), r#""value": 7, "tags": {"s": "v"}"#);
    let batch = r#""batch_execution_ref": "batch:p.a.train.b""#;
    add(&format!(r#"{stage}, {batch}, "observed_at": "2024-01-01T00:00:07Z""#), r#""value": 9, "tags": {}"#);
    add(r#""observed_at": "2024-01-01T00:00:01Z""#, r#""value": 0, "slice_ref": "x", "tags": {"s": "v"}"#);
    let last = |metric: &str, stage: Option<&str>, rules: Rules| {
        Selection::Latest.value(&metrics.answering("run:p.a", metric, stage, rules))
    };
    assert_eq!(last("loss", Some("train"), Rules::REFERENCE), Some(9.0));
    assert_eq!(last("loss", Some("train"), Rules::CONTEXTA), Some(3.0));
    assert_eq!(last("loss{s=v}", None, Rules::CONTEXTA), Some(7.0));
    assert_eq!(last("auc", None, Rules::CONTEXTA), None);
    let first = metrics.answering("run:p.a", "loss", Some("train"), Rules::REFERENCE)[0];
    assert_eq!(first.value, 3.0, "as a text, a time with a fraction comes before the whole second");
    assert_eq!(metrics.names("run:p.a", None, Rules::CONTEXTA), ["loss", "loss{s=v}"]);
    let sliced = metrics.of_run("run:p.a").last().unwrap();
    assert_eq!(sliced.series(Rules::CONTEXTA), "loss{slice=x,s=v}");
    let table = metrics.table("run:p.a", Selection::Mean, Rules::CONTEXTA);
    let train = Some("train".to_owned());
    assert_eq!(table[&(train.clone(), "loss".to_owned())], (2.0, None));
    assert_eq!(table[&(None, "loss{s=v}".to_owned())].0, 0.0);
    assert_eq!(table[&(train, "loss{s=v}".to_owned())].0, 7.0);
}
