//! Questions to methods. [`METHODS`] assigns a function to each method of the Python package contexta 1.0.0.

use crate::golden_answers::outcome::{Answer, Outcome};
use crate::golden_answers::reports;
use contexta::contract::Value;
use contexta::{Contexta, Error};

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

pub(super) type Result = std::result::Result<Value, Failure>;
pub(super) type Method = fn(&Contexta, &Value) -> Result;

/// The functions that call contexta and convert its answer to the form of the reference, by the name of the method.
const METHODS: &[(&str, Method)] = &[("list_projects", list_projects)];

/// Calls a method and returns its outcome.
pub(super) fn ask(contexta: &Contexta, method: &str, args: &Value) -> Outcome {
    let Some((_, function)) = METHODS.iter().chain(reports::METHODS).find(|(name, _)| *name == method) else {
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
