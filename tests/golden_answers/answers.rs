//! Models of the answers about runs and metrics, in the form of the reference.

use crate::golden_answers::asks::{Ask, Baseline, Metric, Policy, Population, Rule};
use crate::golden_answers::lineage::Lineage;
use crate::golden_answers::metrics::{Metrics, Point, Selection as Representative, time, unit};
use crate::golden_answers::object::{link, note};
use crate::golden_answers::outcome::{Answer, Outcome};
use crate::golden_answers::parts::Parts;
use crate::golden_answers::rules::Rules;
use crate::golden_answers::runs::{Run, Runs, Selection};
use crate::golden_answers::statistics::{deviation, mean, quantile};
use contexta::contract::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A model that answers questions about one workspace by given rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model<'a> {
    pub(super) runs: &'a Runs,
    pub(super) metrics: &'a Metrics,
    pub(super) parts: &'a Parts,
    pub(super) lineage: &'a Lineage,
    pub(super) rules: Rules,
}

/// An exception of the reference that has no code.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exception(pub(super) &'static str);

pub(super) type Result<T> = std::result::Result<T, Exception>;

impl Model<'_> {
    /// Returns the outcome of a question, with the answer as JSON. Returns `None` if the question names an
    /// unknown run.
    pub(super) fn answer(&self, ask: &Ask) -> Option<Outcome> {
        let value = match ask {
            Ask::Runs(selection) => Ok(Value::list(self.list(selection).into_iter().map(row))),
            Ask::Search { text, selection } => {
                Ok(Value::list(self.search(text, selection).into_iter().map(row)))
            }
            Ask::Trend { metric, selection, window } => Ok(self.trend(metric, selection, *window)),
            Ask::Aggregate { metric, selection } => self.aggregate(metric, selection),
            Ask::ByStage(selection) => Ok(self.by_stage(selection)),
            Ask::Baseline { metric, selection } => {
                let values = self.values(&self.list(selection), metric);
                self.baseline(&metric.key, &values).map(|found| found.to_value(&values))
            }
            Ask::Detect { run, baseline } => {
                let policy = Policy { threshold: 2.5, runs_min: 3 };
                let run = self.runs.find(run)?;
                let value = self.value(run, &Metric::of_all_stages(&baseline.metric));
                Ok(Value::list(value.map(|value| self.judged(run, value, baseline, policy))))
            }
            Ask::Anomalies { run, metrics, monitored, metric, project, policy } => {
                let run = self.runs.find(run)?;
                let names = match (metrics.is_empty(), monitored.is_empty()) {
                    (false, _) => metrics.clone(),
                    (true, true) => self.metrics.names(&run.run, metric.stage.as_deref(), self.rules),
                    (true, false) => monitored.clone(),
                };
                self.anomalies(run, names, metric, project.as_ref(), *policy)
            }
            Ask::Alerts { population, rules, by } => Ok(match population {
                Population::Run(run) => self.alerts(self.runs.find(run)?, rules, *by),
                Population::Fleet(selection) => self.fleet(selection, rules, *by),
            }),
            Ask::Series { run, metric, stage } => {
                Ok(self.series(self.runs.find(run)?, metric, stage.as_deref()))
            }
            Ask::Best { runs, metric, is_greater_better } => {
                let known: Vec<&Run> = runs.iter().map(|run| self.runs.find(run)).collect::<Option<_>>()?;
                self.best(&known, metric, *is_greater_better)
            }
            Ask::Provenance(run) => Ok(self.provenance(self.runs.find(run)?)),
            Ask::Audit(run) => Ok(self.audit(self.runs.find(run)?)),
            Ask::Environments(left, right) => {
                Ok(self.environment_diff(self.runs.find(left)?, self.runs.find(right)?))
            }
            Ask::Compare { .. } | Ask::Many { .. } | Ask::Diagnosis { .. } | Ask::Show(_) => return None,
            Ask::Report(_) | Ask::Documents(..) => return None,
            Ask::Durations { stage, selection } => Ok(self.durations(stage, selection)),
            Ask::Sizes { kind, selection } => Ok(self.sizes(kind, selection)),
        };
        Some(match value {
            Ok(value) => Outcome { exit: 0, answer: Answer::Json(value) },
            Err(Exception(name)) => Outcome::error(name),
        })
    }

    fn list(&self, selection: &Selection) -> Vec<&Run> {
        self.runs.list(selection, self.metrics, self.rules)
    }

    /// Returns the runs in which a text occurs. The newest run is first. The reference searches only the
    /// newest runs (G13).
    fn search(&self, text: &str, selection: &Selection) -> Vec<&Run> {
        let newest = Selection {
            sort: Some("started_at".to_owned()),
            is_descending: true,
            limit: None,
            ..selection.clone()
        };
        let (mut runs, text) = (self.list(&newest), text.to_lowercase());
        let limit = selection.limit.unwrap_or(if self.rules.mends("G13") { 50 } else { 20 });
        if !self.rules.mends("G13") {
            runs.truncate(limit);
        }
        runs.retain(|run| {
            let status = if self.rules.mends("G13") { run.status.as_str() } else { "" };
            [&run.run, &run.name, &run.project_name, status]
                .iter()
                .any(|field| field.to_lowercase().contains(&text))
        });
        runs.truncate(limit);
        runs
    }

    fn value(&self, run: &Run, metric: &Metric) -> Option<f64> {
        metric.by.value(&self.metrics.answering(&run.run, &metric.key, metric.stage.as_deref(), self.rules))
    }

    fn values(&self, runs: &[&Run], metric: &Metric) -> Vec<f64> {
        runs.iter().filter_map(|run| self.value(run, metric)).collect()
    }

    /// Returns the standard deviation. The reference fails if the computation overflows (G16).
    fn deviation(&self, values: &[f64]) -> Result<f64> {
        match deviation(values) {
            Some(deviation) => Ok(deviation),
            None if self.rules.mends("G16") => {
                let scale = values.iter().fold(0.0f64, |scale, value| scale.max(value.abs()));
                let scaled: Vec<f64> = values.iter().map(|value| value / scale).collect();
                Ok(deviation(&scaled).unwrap() * scale)
            }
            None => Err(Exception("OverflowError")),
        }
    }

    pub(super) fn trend(&self, metric: &Metric, selection: &Selection, window: usize) -> Value {
        let runs = self.runs.window(selection, window, self.metrics, self.rules);
        let (mut points, mut notes) = (Vec::new(), Vec::new());
        for run in &runs {
            let answering =
                self.metrics.answering(&run.run, &metric.key, metric.stage.as_deref(), self.rules);
            match metric.by.value(&answering) {
                Some(value) => points.push(Value::map([
                    ("run_id", Value::text(&run.run)),
                    ("run_name", Value::text(&run.name)),
                    ("value", value.into()),
                    ("captured_at", Value::text(&answering.last().unwrap().observed_at)),
                    ("stage_name", metric.stage.clone().into()),
                ])),
                None => {
                    let stage = ("stage_name", metric.stage.clone().into());
                    notes.push(warning(&format!("missing_metric_for_run:{}", metric.key), run, Some(stage)));
                }
            }
        }
        Value::map([
            ("metric_key", Value::text(&metric.key)),
            ("project_name", project_of(&runs, selection)),
            ("points", Value::list(points)),
            ("completeness_notes", Value::list(notes)),
        ])
    }

    fn aggregate(&self, metric: &Metric, selection: &Selection) -> Result<Value> {
        let runs = self.list(selection);
        let values = self.values(&runs, metric);
        let without = runs.iter().filter(|run| self.value(run, metric).is_none());
        let code = format!("missing_metric_for_aggregate:{}", metric.key);
        let missing = |run: &&Run| warning(&code, run, Some(("stage_name", metric.stage.clone().into())));
        let mut notes: Vec<Value> = without.map(missing).collect();
        if values.is_empty() {
            let details = Value::map([
                ("project_name", project_of(&runs, selection)),
                ("stage_name", metric.stage.clone().into()),
            ]);
            notes.push(note("warning", &format!("aggregate_population_empty:{}", metric.key), details));
        }
        let of =
            |number: fn(&[f64]) -> f64| Value::from(if values.is_empty() { 0.0 } else { number(&values) });
        Ok(Value::map([
            ("metric_key", Value::text(&metric.key)),
            ("project_name", project_of(&runs, selection)),
            ("count", values.len().into()),
            ("mean", of(mean)),
            ("std", self.deviation(&values)?.into()),
            ("min", quantile(&values, 0.0).into()),
            ("p25", quantile(&values, 0.25).into()),
            ("p50", quantile(&values, 0.5).into()),
            ("p75", quantile(&values, 0.75).into()),
            ("p90", quantile(&values, 0.9).into()),
            ("p95", quantile(&values, 0.95).into()),
            ("p99", quantile(&values, 0.99).into()),
            ("max", quantile(&values, 1.0).into()),
            ("completeness_notes", Value::list(notes)),
        ]))
    }

    fn by_stage(&self, selection: &Selection) -> Value {
        let runs = self.list(selection);
        let mut groups: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
        for point in runs.iter().flat_map(|run| self.metrics.of_run(&run.run)) {
            let stage = point.stage.clone().unwrap_or_else(|| "_unassigned".to_owned());
            groups.entry((stage, point.series(self.rules))).or_default().push(point.value);
        }
        let group = |((stage, series), values): ((String, String), Vec<f64>)| {
            Value::map([
                ("stage_name", Value::text(stage)),
                ("metric_key", Value::text(series)),
                ("count", values.len().into()),
                ("mean", mean(&values).into()),
                ("min", quantile(&values, 0.0).into()),
                ("max", quantile(&values, 1.0).into()),
            ])
        };
        Value::map([
            ("project_name", project_of(&runs, selection)),
            ("total_runs", runs.len().into()),
            ("by_stage", Value::list(groups.into_iter().map(group))),
            ("completeness_notes", Value::list(Vec::<Value>::new())),
        ])
    }

    fn baseline(&self, metric: &str, values: &[f64]) -> Result<Baseline> {
        Ok(Baseline {
            metric: metric.to_owned(),
            mean: if values.is_empty() { 0.0 } else { mean(values) },
            deviation: self.deviation(values)?,
            runs: values.len(),
        })
    }

    /// Compares a value with a baseline. If all values of the baseline are equal, the reference reports
    /// neither the sign nor the severity of the distance (G10).
    fn judged(&self, run: &Run, value: f64, baseline: &Baseline, policy: Policy) -> Value {
        let distance = value - baseline.mean;
        let is_mended = self.rules.mends("G10");
        let z = match () {
            () if baseline.deviation != 0.0 => distance / baseline.deviation,
            () if distance == 0.0 => 0.0,
            () => {
                if is_mended {
                    distance.signum() * f64::INFINITY
                } else {
                    f64::INFINITY
                }
            }
        };
        let severity = match z.abs() {
            z if z.is_infinite() => {
                if is_mended {
                    "error"
                } else {
                    "info"
                }
            }
            z if z < policy.threshold => "info",
            z if z < 1.5 * policy.threshold => "warning",
            _ => "error",
        };
        let code = format!("baseline_population_small:{}", baseline.metric);
        let small = Value::map([("computed_from_n_runs", baseline.runs.into())]);
        let notes = (baseline.runs < policy.runs_min).then(|| note("warning", &code, small));
        let margin = policy.threshold * baseline.deviation;
        let mut result = Value::map([
            ("metric_key", Value::text(&baseline.metric)),
            ("run_id", Value::text(&run.run)),
            ("actual_value", value.into()),
            ("expected_range", Value::list([baseline.mean - margin, baseline.mean + margin])),
            ("z_score", z.into()),
            ("severity", Value::text(severity)),
            ("evidence_links", links(run)),
            ("completeness_notes", Value::list(notes)),
        ]);
        result.name_non_finite();
        result
    }

    /// Compares the metrics of a run with the metrics of the other runs of its project. The reference also
    /// uses runs that started later (G10).
    fn anomalies(
        &self,
        run: &Run,
        names: Vec<String>,
        metric: &Metric,
        project: Option<&String>,
        policy: Policy,
    ) -> Result<Value> {
        // The reference looks up the name of the project, which several projects may have (G8).
        let own = if self.rules.mends("G8") { &run.project } else { &run.project_name };
        let project = project.unwrap_or(own).clone();
        let mut others = self.list(&Selection { project: Some(project), ..Selection::default() });
        let start = |run: &Run| time(&run.started_at, self.rules);
        others
            .retain(|other| other.run != run.run && (!self.rules.mends("G10") || start(other) <= start(run)));
        let mut results = Vec::new();
        for key in names {
            let metric = Metric { key: key.clone(), ..metric.clone() };
            let values = self.values(&others, &metric);
            let Some(value) = self.value(run, &metric).filter(|_| values.len() >= 2) else { continue };
            results.push(self.judged(run, value, &self.baseline(&key, &values)?, policy));
        }
        Ok(Value::list(results))
    }

    pub(super) fn alerts(&self, run: &Run, rules: &[Rule], by: Representative) -> Value {
        let result = |rule: &Rule| {
            let condition = &rule.condition;
            let metric = Metric { key: condition.metric.clone(), stage: condition.stage.clone(), by };
            let value = self.value(run, &metric);
            let stage = condition.stage.as_ref().map_or_else(String::new, |stage| format!("@{stage}"));
            // The reference rounds a whole number to a float (R7).
            let threshold = rule.digits.clone().filter(|_| self.rules.mends("R7"));
            let threshold = threshold.unwrap_or_else(|| python(condition.threshold));
            let name = format!("{}{stage}:{}:{threshold}", metric.key, condition.operator);
            let code = format!("alert_metric_missing:{}", metric.key);
            let missing = || warning(&code, run, Some(("stage_name", condition.stage.clone().into())));
            let mut result = Value::map([
                ("rule_name", Value::text(rule.name.clone().unwrap_or(name))),
                ("metric_key", Value::text(&metric.key)),
                ("run_id", Value::text(&run.run)),
                ("actual_value", value.map_or(Value::Null, Value::from)),
                ("threshold", condition.threshold.into()),
                ("operator", Value::text(&condition.operator)),
                ("triggered", value.is_some_and(|value| condition.holds(value)).into()),
                ("severity", Value::text(&rule.severity)),
                ("stage_name", condition.stage.clone().into()),
                ("evidence_links", links(run)),
                ("completeness_notes", Value::list(value.is_none().then(missing))),
            ]);
            result.name_non_finite();
            result
        };
        Value::list(rules.iter().map(result))
    }

    fn fleet(&self, selection: &Selection, rules: &[Rule], by: Representative) -> Value {
        let runs = self.list(selection);
        let of_run = |run: &&Run| self.alerts(run, rules, by).as_list().unwrap().to_vec();
        let details = Value::map([("project_name", selection.project.clone().into())]);
        let notes = runs.is_empty().then(|| note("info", "alert_population_empty", details));
        Value::map([
            ("run_ids", Value::list(runs.iter().map(|run| run.run.as_str()))),
            ("results", Value::list(runs.iter().flat_map(of_run))),
            ("completeness_notes", Value::list(notes)),
        ])
    }

    fn series(&self, run: &Run, metric: &str, stage: Option<&str>) -> Value {
        let known = stage.and_then(|stage| self.parts.stage(&run.run, stage)).map(|known| known.own.clone());
        // For an unknown name of a stage, the reference uses all stages (G8).
        let is_unknown = stage.is_some() && known.is_none();
        let asked = if is_unknown && !self.rules.mends("G8") { None } else { stage };
        let points = self.metrics.answering(&run.run, metric, asked, self.rules);
        let unit = match self.rules.mends("G14") {
            true => unit(&points),
            false => points.first().and_then(|point| point.unit.clone()),
        };
        let details = Value::map([("run_id", Value::text(&run.run)), ("stage_id", known.clone().into())]);
        let empty = points.is_empty().then(|| note("info", &format!("step_series_empty:{metric}"), details));
        let point = |(step, point): (usize, &&Point)| {
            Value::map([
                ("step", step.into()),
                ("value", point.value.into()),
                ("observed_at", Value::text(&point.observed_at)),
            ])
        };
        Value::map([
            ("run_id", Value::text(&run.run)),
            ("metric_key", Value::text(metric)),
            ("stage_id", known.into()),
            ("points", Value::list(points.iter().enumerate().map(point))),
            ("completeness_notes", Value::list(empty)),
            ("unit", unit.into()),
        ])
    }

    /// Returns the best run. The reference fails if metrics exist in stages and outside stages (G4). If no
    /// stage is given, the reference uses only metrics outside stages.
    fn best(&self, runs: &[&Run], metric: &Metric, is_greater_better: bool) -> Result<Value> {
        let tables = runs.iter().map(|run| self.metrics.table(&run.run, metric.by, self.rules));
        let is_outside: BTreeSet<bool> =
            tables.flat_map(|t| t.into_keys().map(|(stage, _)| stage.is_none())).collect();
        if is_outside.len() == 2 && !self.rules.mends("G4") {
            return Err(Exception("TypeError"));
        }
        let mut best: Option<(&str, f64)> = None;
        for run in runs {
            let value = match (&metric.stage, self.rules.mends("G18")) {
                (None, false) => {
                    let table = self.metrics.table(&run.run, metric.by, self.rules);
                    table.get(&(None, metric.key.clone())).map(|(value, _)| *value)
                }
                _ => self.value(run, metric),
            };
            let Some(value) = value else { continue };
            let is_better = |best: f64| if is_greater_better { value > best } else { value < best };
            if best.is_none_or(|(_, best)| is_better(best)) {
                best = Some((&run.run, value));
            }
        }
        Ok(best.map(|(run, _)| run.to_owned()).into())
    }

    fn durations(&self, stage: &str, selection: &Selection) -> Value {
        let runs = self.runs.window(selection, 20, self.metrics, self.rules);
        let (mut points, mut notes) = (Vec::new(), Vec::new());
        for run in &runs {
            let Some(found) = self.parts.stage(&run.run, stage) else {
                notes.push(warning(&format!("missing_stage_for_duration:{stage}"), run, None));
                continue;
            };
            match found.seconds() {
                Some(seconds) => points.push(Value::map([
                    ("run_id", Value::text(&run.run)),
                    ("run_name", Value::text(&run.name)),
                    ("stage_name", Value::text(stage)),
                    ("duration_seconds", seconds.into()),
                    ("started_at", Value::text(found.text("started_at"))),
                ])),
                None => {
                    let code = format!("stage_duration_unavailable:{stage}");
                    notes.push(warning(&code, run, Some(("stage_id", Value::text(&found.own)))));
                }
            }
        }
        Value::map([
            ("stage_name", Value::text(stage)),
            ("project_name", project_of(&runs, selection)),
            ("points", Value::list(points)),
            ("completeness_notes", Value::list(notes)),
        ])
    }

    fn sizes(&self, kind: &str, selection: &Selection) -> Value {
        let runs = self.runs.window(selection, 20, self.metrics, self.rules);
        let (mut points, mut notes) = (Vec::new(), Vec::new());
        for run in &runs {
            let mut of_run = self.parts.artifacts_of(&run.run);
            of_run.retain(|artifact| artifact.kind == kind);
            if of_run.is_empty() {
                notes.push(warning(&format!("missing_artifact_kind:{kind}"), run, None));
            }
            for artifact in of_run {
                points.push(Value::map([
                    ("run_id", Value::text(&run.run)),
                    ("run_name", Value::text(&run.name)),
                    ("artifact_kind", Value::text(kind)),
                    ("size_bytes", artifact.body.len().into()),
                    ("artifact_ref", Value::text(&artifact.artifact)),
                    ("created_at", Value::text("<ingested-at>")),
                ]));
            }
        }
        Value::map([
            ("artifact_kind", Value::text(kind)),
            ("project_name", project_of(&runs, selection)),
            ("points", Value::list(points)),
            ("completeness_notes", Value::list(notes)),
        ])
    }
}

impl Baseline {
    fn to_value(&self, values: &[f64]) -> Value {
        Value::map([
            ("metric_key", Value::text(&self.metric)),
            ("mean", self.mean.into()),
            ("std", self.deviation.into()),
            ("p5", quantile(values, 0.05).into()),
            ("p95", quantile(values, 0.95).into()),
            ("computed_from_n_runs", self.runs.into()),
        ])
    }
}

/// Returns a number as Python writes it.
pub(super) fn python(number: f64) -> String {
    if !number.is_finite() {
        return number.to_string().to_lowercase();
    }
    let text = format!("{number:?}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) =
                exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{}e{sign}{exponent:0>2}", digits.strip_suffix(".0").unwrap_or(digits))
        }
        None => text,
    }
}

fn row(run: &Run) -> Value {
    Value::map([
        ("run_id", Value::text(&run.run)),
        ("project_name", Value::text(&run.project_name)),
        ("name", Value::text(&run.name)),
        ("status", Value::text(&run.status)),
        ("started_at", Value::text(&run.started_at)),
        ("ended_at", run.ended_at.clone().into()),
        ("tags", Value::map([])),
        ("metadata", Value::map([])),
    ])
}

fn project_of(runs: &[&Run], selection: &Selection) -> Value {
    runs.first().map(|run| run.project_name.clone()).or_else(|| selection.project.clone()).into()
}

/// Returns a note on a run, possibly with one more detail.
fn warning(summary: &str, run: &Run, detail: Option<(&str, Value)>) -> Value {
    let details = [("run_id", Value::text(&run.run))].into_iter().chain(detail);
    note("warning", summary, Value::Map(details.map(|(name, detail)| (name.to_owned(), detail)).collect()))
}

/// Returns the list with a link to a run.
pub(super) fn links(run: &Run) -> Value {
    Value::list([link("run", &run.run, &run.name)])
}
