//! Questions to methods. [`METHODS`] assigns a function to each method of the Python package contexta 1.0.0.

use crate::golden_answers::outcome::{Answer, Outcome};
use contexta::contract::Value;
use contexta::{BestRunOptions, Contexta, Error, Goal};

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

type Result = std::result::Result<Value, Failure>;
type Method = fn(&Contexta, &Value) -> Result;

/// The functions that call contexta and convert its answer to the form of the reference, by the name of the method.
const METHODS: &[(&str, Method)] = &[("list_projects", list_projects), ("select_best_run", select_best_run)];

/// Calls a method and returns its outcome.
pub(super) fn ask(contexta: &Contexta, method: &str, args: &Value) -> Outcome {
    let Some((_, function)) = METHODS.iter().find(|(name, _)| *name == method) else {
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
fn only(args: &Value, supported: &[&str]) -> std::result::Result<(), Failure> {
    let Value::Map(args) = args else { return Err(Failure::Unsupported) };
    let is_supported =
        |(name, value): (&String, &Value)| supported.contains(&name.as_str()) || *value == Value::Null;
    if args.iter().all(is_supported) { Ok(()) } else { Err(Failure::Unsupported) }
}

/// Returns a text argument; `None` if it is missing or null.
fn text<'a>(args: &'a Value, name: &str) -> Option<&'a str> {
    args.get(name).and_then(Value::as_str)
}

/// Returns the items of an argument that is a list of texts; no items if it is missing or null.
fn texts(args: &Value, name: &str) -> Vec<String> {
    let items = args.get(name).and_then(Value::as_list).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns a boolean argument; `default` if it is missing or null.
fn flag(args: &Value, name: &str, default: bool) -> bool {
    match args.get(name) {
        Some(Value::Bool(flag)) => *flag,
        _ => default,
    }
}

fn list_projects(contexta: &Contexta, args: &Value) -> Result {
    only(args, &[])?;
    let mut projects = contexta.list_projects()?.projects;
    projects.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Value::list(projects.into_iter().map(|project| project.name)))
}

fn select_best_run(contexta: &Contexta, args: &Value) -> Result {
    only(args, &["run_ids", "metric_key", "stage_name", "higher_is_better"])?;
    let options = BestRunOptions {
        runs: texts(args, "run_ids"),
        stage_name: text(args, "stage_name").map(str::to_owned),
        goal: if flag(args, "higher_is_better", true) { Goal::Maximize } else { Goal::Minimize },
        ..BestRunOptions::default()
    };
    match contexta.select_best_run(text(args, "metric_key").unwrap_or_default(), options) {
        Ok(best) => Ok(best.ranking.first().map(|ranked| ranked.run.run_ref.to_string()).into()),
        // The reference returns no run if no run has the metric.
        Err(error) if error.code() == "query_metric_not_found" => Ok(Value::Null),
        Err(error) => Err(error.into()),
    }
}
