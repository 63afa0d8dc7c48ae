//! Questions to methods. [`METHODS`] assigns a function to each method of the Python package contexta 1.0.0.

mod stores;

use crate::golden_answers::outcome::{Answer, Outcome};
use crate::golden_answers::reports;
use contexta::contract::{MetricValue, Value};
use contexta::interpretation::{
    self, AlertRule, ArtifactSearch, Comparison, MetricBaseline, MetricCondition, RecordQuery, RunColumn,
    RunListQuery, TimeRange,
};
use contexta::{Answer as _, BestRunOptions, Contexta, Direction, Error, Goal};

/// The reason why a method has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error with this code.
    Code(String),
    /// An argument that contexta does not support yet.
    Unsupported,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Code(error.code().to_owned())
    }
}

impl From<interpretation::Error> for Failure {
    fn from(error: interpretation::Error) -> Failure {
        Failure::Code(error.code().to_owned())
    }
}

pub(super) type Result = std::result::Result<Value, Failure>;
pub(super) type Method = fn(&Contexta, &Value) -> Result;

/// The functions that call contexta and convert its answer to the form of the reference, by the name of the method.
const METHODS: &[(&str, Method)] = &[
    ("AggregationService.aggregate_by_stage", aggregate_by_stage),
    ("AggregationService.run_status_distribution", run_status_distribution),
    ("AnomalyService.compute_baseline", compute_baseline),
    ("AnomalyService.detect_anomalies", detect_anomalies),
    ("evaluate_alerts", evaluate_alerts),
    ("evaluate_alerts_fleet", evaluate_alerts_fleet),
    ("get_artifact_origin", artifact_origin),
    ("get_artifact_size_trend", artifact_size_trend),
    ("get_provenance", provenance),
    ("get_stage_duration_trend", stage_duration_trend),
    ("get_step_series", step_series),
    ("list_batches", list_batches),
    ("list_deployments", list_deployments),
    ("list_projects", list_projects),
    ("list_runs", list_runs),
    ("list_samples", list_samples),
    ("repository.list_artifacts", list_artifacts),
    ("repository.list_records", list_records),
    ("select_best_run", select_best_run),
    ("traverse_lineage", traverse_lineage),
];

/// Returns the functions of all methods, by the name of the method.
fn known() -> impl Iterator<Item = &'static (&'static str, Method)> {
    METHODS.iter().chain(reports::METHODS).chain(stores::METHODS)
}

/// Calls a method and returns its outcome.
pub(super) fn ask(contexta: &Contexta, method: &str, args: &Value) -> Outcome {
    let Some((_, function)) = known().find(|(name, _)| *name == method) else {
        return Outcome { exit: 1, answer: Answer::Missing };
    };
    match function(contexta, args) {
        // The rendered reports are texts.
        Ok(Value::Text(text)) if method.contains(".to_") => Outcome { exit: 0, answer: Answer::Text(text) },
        Ok(value) => Outcome { exit: 0, answer: Answer::Json(value) },
        Err(Failure::Code(code)) => Outcome::error(&code),
        Err(Failure::Unsupported) => Outcome { exit: 1, answer: Answer::Missing },
    }
}

/// Returns an error if there is an argument that is not null and not one of `supported`.
pub(super) fn only(args: &Value, supported: &[&str]) -> std::result::Result<(), Failure> {
    let Value::Map(args) = args else { return Err(Failure::Unsupported) };
    let is_supported =
        |(name, value): (&String, &Value)| supported.contains(&name.as_str()) || *value == Value::Null;
    if args.iter().all(is_supported) { Ok(()) } else { Err(Failure::Unsupported) }
}

fn list_projects(contexta: &Contexta, args: &Value) -> Result {
    only(args, &[])?;
    let mut projects = contexta.list_projects()?.projects;
    projects.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Value::list(projects.into_iter().map(|project| project.name)))
}

fn text<'a>(args: &'a Value, name: &str) -> Option<&'a str> {
    args.get(name).and_then(Value::as_str)
}

fn member(value: Value, name: &str) -> Result {
    Ok(value.get(name).cloned().unwrap_or(Value::Null))
}

fn size(args: &Value, name: &str) -> Option<usize> {
    match args.get(name) {
        Some(Value::Int(n)) => usize::try_from(*n).ok(),
        _ => None,
    }
}

fn number(value: &Value) -> std::result::Result<MetricValue, Failure> {
    match value {
        Value::Int(n) => Ok(MetricValue::Int(*n)),
        Value::Float(f) => Ok(MetricValue::Float(*f)),
        _ => Err(Failure::Unsupported),
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

const QUERY_MEMBERS: &[&str] = &[
    "project_name",
    "status",
    "tags",
    "time_range",
    "metric_conditions",
    "limit",
    "offset",
    "sort_by",
    "sort_desc",
];

/// Reads the members of a query for runs. `descending` is the default of the direction.
fn run_query(args: &Value, descending: bool) -> std::result::Result<RunListQuery, Failure> {
    only(args, QUERY_MEMBERS)?;
    let mut query = if descending { RunListQuery::default() } else { RunListQuery::oldest_first() };
    query.project = text(args, "project_name").map(str::to_owned);
    query.status = text(args, "status").map(str::to_owned);
    if let Some(Value::Map(tags)) = args.get("tags") {
        let tag = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        query.tags = tags.iter().filter_map(tag).collect();
    }
    if let Some(range) = args.get("time_range") {
        let (after, before) = (text(range, "started_after"), text(range, "started_before"));
        query.time_range = TimeRange::parse(after, before)?;
    }
    for condition in args.get("metric_conditions").and_then(Value::as_list).unwrap_or_default() {
        let operator: Comparison = text(condition, "operator").unwrap_or_default().parse()?;
        let threshold = number(condition.get("threshold").unwrap_or(&Value::Null))?;
        let key = text(condition, "metric_key").unwrap_or_default();
        let mut read = MetricCondition::new(key, operator, threshold)?;
        if let Some(stage) = text(condition, "stage_name") {
            read = read.in_stage(stage)?;
        }
        query.metric_conditions.push(read);
    }
    query.limit = size(args, "limit");
    query.offset = size(args, "offset").unwrap_or(0);
    if let Some(column) = text(args, "sort_by") {
        query.sort_by = Some(column.parse()?);
    }
    // A query object of the reference always sorts.
    if args.get("sort_by").is_some() {
        query.sort_by = query.sort_by.or(Some(RunColumn::StartedAt));
    }
    if let Some(Value::Bool(descending)) = args.get("sort_desc") {
        query.descending = *descending;
    }
    Ok(query)
}

/// Reads the population of a service: the member `query`, and the project that stands beside it.
pub(super) fn population(args: &Value) -> std::result::Result<RunListQuery, Failure> {
    let mut query = match args.get("query") {
        Some(query @ Value::Map(_)) => run_query(query, false)?,
        _ => RunListQuery::oldest_first(),
    };
    query.project = query.project.or_else(|| text(args, "project_name").map(str::to_owned));
    Ok(query)
}

fn list_runs(contexta: &Contexta, args: &Value) -> Result {
    let query = match args.get("query") {
        Some(query @ Value::Map(_)) => run_query(query, false)?,
        _ => run_query(args, true)?,
    };
    member(contexta.list_runs(query)?.to_value(), "runs")
}

fn list_batches(contexta: &Contexta, args: &Value) -> Result {
    let run = text(args, "run_id").unwrap_or_default();
    member(contexta.list_batches(run, text(args, "stage_id"))?.to_value(), "batches")
}

fn list_samples(contexta: &Contexta, args: &Value) -> Result {
    let run = text(args, "run_id").unwrap_or_default();
    let samples = contexta.list_samples(run, text(args, "stage_id"), text(args, "batch_id"))?;
    member(samples.to_value(), "samples")
}

fn list_deployments(contexta: &Contexta, args: &Value) -> Result {
    let deployments = contexta.list_deployments(text(args, "project_name"), text(args, "run_id"))?;
    member(deployments.to_value(), "deployments")
}

fn list_records(contexta: &Contexta, args: &Value) -> Result {
    let mut query = RecordQuery::default();
    query.limit = usize::MAX;
    query.stage = text(args, "stage_id").map(str::to_owned);
    query.family = match text(args, "record_type") {
        Some(family) => {
            Some(family.parse().map_err(|_| Failure::Code("record_store_invalid_record_type".to_owned()))?)
        }
        None => None,
    };
    let run = text(args, "run_id").unwrap_or_default();
    member(contexta.list_records(run, &query)?.to_value(), "records")
}

fn list_artifacts(contexta: &Contexta, args: &Value) -> Result {
    only(args, &[])?;
    let search = ArtifactSearch { limit: Some(usize::MAX), ..ArtifactSearch::default() };
    member(contexta.search_artifacts(&search)?.to_value(), "artifacts")
}

fn provenance(contexta: &Contexta, args: &Value) -> Result {
    let found = contexta.run_provenance(text(args, "run_id").unwrap_or_default())?;
    Ok(found.map_or(Value::Null, |found| found.to_value()))
}

fn artifact_origin(contexta: &Contexta, args: &Value) -> Result {
    let found = contexta.artifact_origin(text(args, "artifact_ref").unwrap_or_default())?;
    Ok(found.map_or(Value::Null, |found| found.to_value()))
}

fn traverse_lineage(contexta: &Contexta, args: &Value) -> Result {
    let direction = text(args, "direction").unwrap_or("both");
    let direction: Direction = direction.parse()?;
    let depth = size(args, "max_depth").unwrap_or(2);
    Ok(contexta.traverse_lineage(text(args, "subject_ref").unwrap_or_default(), direction, depth)?.to_value())
}

fn select_best_run(contexta: &Contexta, args: &Value) -> Result {
    let goal = match args.get("higher_is_better") {
        Some(Value::Bool(false)) => Goal::Minimize,
        _ => Goal::Maximize,
    };
    let options = BestRunOptions {
        runs: strings(args.get("run_ids")),
        stage_name: text(args, "stage_name").map(str::to_owned),
        goal,
        ..BestRunOptions::default()
    };
    let metric_key = text(args, "metric_key").unwrap_or_default();
    member(contexta.select_best_run(metric_key, options)?.to_value(), "best_run_id")
}

fn step_series(contexta: &Contexta, args: &Value) -> Result {
    let stage = text(args, "stage_id").or_else(|| text(args, "stage_name"));
    let (run, metric_key) = (text(args, "run_id").unwrap_or_default(), text(args, "metric_key"));
    Ok(contexta.step_series(run, metric_key.unwrap_or_default(), stage)?.to_value())
}

fn stage_duration_trend(contexta: &Contexta, args: &Value) -> Result {
    let stage = text(args, "stage_name").unwrap_or_default();
    Ok(contexta.stage_duration_trend(stage, population(args)?)?.to_value())
}

fn artifact_size_trend(contexta: &Contexta, args: &Value) -> Result {
    let kind = text(args, "artifact_kind").unwrap_or_default();
    Ok(contexta.artifact_size_trend(kind, population(args)?)?.to_value())
}

fn aggregate_by_stage(contexta: &Contexta, args: &Value) -> Result {
    Ok(contexta.aggregate_by_stage(population(args)?)?.to_value())
}

fn run_status_distribution(contexta: &Contexta, args: &Value) -> Result {
    Ok(contexta.run_status_distribution(population(args)?)?.to_value())
}

fn compute_baseline(contexta: &Contexta, args: &Value) -> Result {
    let metric_key = text(args, "metric_key").unwrap_or_default();
    let baseline = contexta.compute_baseline(metric_key, text(args, "stage_name"), population(args)?)?;
    Ok(baseline.to_value())
}

fn detect_anomalies(contexta: &Contexta, args: &Value) -> Result {
    let given = args.get("baseline").cloned().unwrap_or(Value::Null);
    let float = |name: &str| match given.get(name) {
        Some(Value::Float(f)) => *f,
        Some(Value::Int(n)) => *n as f64,
        _ => 0.0,
    };
    let baseline = MetricBaseline {
        metric_key: text(&given, "metric_key").unwrap_or_default().to_owned(),
        mean: float("mean"),
        std: float("std"),
        p5: float("p5"),
        p95: float("p95"),
        computed_from_n_runs: size(&given, "computed_from_n_runs").unwrap_or(0),
        median: None,
        mad: None,
    };
    let run = text(args, "run_id").unwrap_or_default();
    let found = contexta.detect_anomaly(run, &baseline, text(args, "stage_name"))?;
    Ok(Value::list(found.iter().map(contexta::Answer::to_value)))
}

/// Reads alert rules.
pub(super) fn rules(args: &Value) -> std::result::Result<Vec<AlertRule>, Failure> {
    let rule = |rule: &Value| {
        let metric_key = text(rule, "metric_key").unwrap_or_default();
        let operator = text(rule, "operator").unwrap_or_default();
        let threshold = number(rule.get("threshold").unwrap_or(&Value::Null))?;
        let mut read = AlertRule::parse(metric_key, operator, threshold, text(rule, "severity"))?;
        if let Some(stage) = text(rule, "stage_name") {
            read = read.in_stage(stage);
        }
        if let Some(name) = text(rule, "name") {
            read = read.named(name);
        }
        Ok(read)
    };
    args.get("rules").and_then(Value::as_list).unwrap_or_default().iter().map(rule).collect()
}

fn evaluate_alerts(contexta: &Contexta, args: &Value) -> Result {
    let run = text(args, "run_id").unwrap_or_default();
    member(contexta.evaluate_alerts(run, &rules(args)?)?.to_value(), "results")
}

fn evaluate_alerts_fleet(contexta: &Contexta, args: &Value) -> Result {
    Ok(contexta.evaluate_alerts_fleet(&rules(args)?, population(args)?)?.to_value())
}
