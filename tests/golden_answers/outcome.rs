//! The outcome of a question: an exit code, and an answer or an error.

use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::contract::json::write::pretty;

/// The form of an answer, which determines how two answers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Csv,
    Markdown,
    Html,
    Text,
}

impl Form {
    /// Returns the form of the answer to a command line.
    pub(super) fn of_command(argv: &[String]) -> Form {
        let follows = |option: &str, value: &str| {
            argv.windows(2).any(|pair| pair == [option, value]) || argv.contains(&format!("{option}={value}"))
        };
        let renders = |value: &str| follows("--render", value);
        let exports = |value: &str| argv.windows(2).any(|pair| pair == ["export", value]);
        match () {
            () if follows("--format", "json") || renders("json") => Form::Json,
            () if exports("csv") || renders("csv") => Form::Csv,
            () if exports("html") || renders("html") => Form::Html,
            () if argv.iter().any(|word| word == "report") => Form::Markdown,
            () => Form::Text,
        }
    }

    /// Returns the form of the result of a method.
    pub(super) fn of_method(method: &str) -> Form {
        match method {
            _ if method.ends_with(".to_csv") => Form::Csv,
            _ if method.ends_with(".to_markdown") => Form::Markdown,
            _ => Form::Json,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Form::Json => "json",
            Form::Csv => "csv",
            Form::Markdown => "markdown",
            Form::Html => "html",
            Form::Text => "text",
        }
    }
}

/// An answer, or the code of an error.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Json(Value),
    /// An answer in any other form.
    Text(String),
    /// The code of an error. Wrong usage has the code `usage`.
    Error(String),
    /// contexta does not have the method, the command or the option.
    Missing,
    /// contexta panicked, with this message.
    Panic(String),
}

impl Answer {
    /// Returns an answer in a form. A text that is not JSON, although JSON is expected, stays a text.
    pub(super) fn of_text(form: Form, text: String) -> Answer {
        match form {
            Form::Json => parse(&text).map(Answer::Json).unwrap_or(Answer::Text(text)),
            _ => Answer::Text(text),
        }
    }

    /// Returns the answer as one value, for the report of the differences.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Answer::Json(value) => value.clone(),
            Answer::Text(text) => Value::text(text),
            Answer::Error(code) => Value::map([("error", Value::map([("code", Value::text(code))]))]),
            Answer::Missing => Value::map([("error", Value::text("missing"))]),
            Answer::Panic(message) => Value::map([("panic", Value::text(message))]),
        }
    }
}

/// The outcome of a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    /// The exit code of the command. For a method: 0 for a result, 1 for an error.
    pub(super) exit: i64,
    pub(super) answer: Answer,
}

impl Outcome {
    pub(super) fn error(code: &str) -> Outcome {
        Outcome { exit: 1, answer: Answer::Error(code.to_owned()) }
    }
}

/// Returns the code in the first line `ERROR [code]: message` of a text.
pub(super) fn error_code(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("ERROR ["))?;
    Some(line.split_once(']')?.0.to_owned())
}

/// Returns the code of an object `{"error": {"code": …}}`; the name of the exception if it has no code.
pub(super) fn error_code_of(value: &Value) -> Option<String> {
    let error = value.get("error")?;
    let code = error.get("code").and_then(Value::as_str);
    Some(code.or_else(|| error.get("type").and_then(Value::as_str))?.to_owned())
}

/// Returns a value as one line of JSON, with nulls. Numbers that are not finite become texts.
pub(super) fn one_line(value: &Value) -> String {
    let mut value = value.clone();
    value.name_non_finite();
    // A text contains no line break, because the writer escapes it.
    pretty(&value).unwrap().lines().map(str::trim_start).collect()
}
