//! Recorded questions, with the answers of the Python package contexta 1.0.0.

use crate::golden_answers::outcome::{Answer, Form, Outcome, error_code, error_code_of};
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A call: a method with arguments by name, or a command line without the option `--workspace`.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Method(String, Value),
    Command(Vec<String>),
}

/// A recorded question.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) workspace: String,
    /// The id, such as `cli.compare.004`. It is unique in a workspace.
    pub(super) id: String,
    pub(super) call: Call,
    /// The form of the answer.
    pub(super) form: Form,
    /// The outcome in the reference.
    pub(super) reference: Outcome,
    /// The message of the error in the reference; empty for an answer.
    pub(super) message: String,
    /// The outcome in the reference if it could read spans; `None` if this changes nothing.
    pub(super) with_spans: Option<Outcome>,
}

impl Question {
    /// Reads a line of an answers file.
    pub(super) fn read(workspace: &str, line: &str) -> Question {
        let line = parse(line).unwrap();
        let text_of = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap().to_owned();
        let question = line.get("question").unwrap();
        let (call, form) = if text_of(&line, "via") == "api" {
            let method = text_of(question, "method");
            let form = Form::of_method(&method);
            (Call::Method(method, question.get("args").unwrap().clone()), form)
        } else {
            let words = question.get("argv").and_then(Value::as_list).unwrap();
            let argv: Vec<String> = words.iter().map(|word| word.as_str().unwrap().to_owned()).collect();
            let form = Form::of_command(&argv);
            (Call::Command(argv), form)
        };
        let reference = outcome(&line, form);
        Question {
            workspace: workspace.to_owned(),
            id: text_of(&line, "id"),
            call,
            form,
            reference,
            message: message(&line),
            with_spans: None,
        }
    }

    /// Returns the outcome of the reference. If the reference cannot read a span, returns the outcome of a
    /// reference that reads spans.
    pub(super) fn recorded(&self) -> &Outcome {
        self.with_spans.as_ref().unwrap_or(&self.reference)
    }

    /// Returns the code of the error in the reference; `None` for an answer.
    pub(super) fn error_code(&self) -> Option<&str> {
        match &self.reference.answer {
            Answer::Error(code) => Some(code),
            _ => None,
        }
    }

    /// Returns the group: `api METHOD`, or `cli COMMAND FORM`.
    pub(super) fn group(&self) -> String {
        match &self.call {
            Call::Method(method, _) => format!("api {method}"),
            Call::Command(_) => {
                let command = self.id.split('.').nth(1).unwrap();
                format!("cli {command} {}", self.form.name())
            }
        }
    }

    /// Returns the call as a value, for the report of the differences.
    pub(super) fn call_value(&self) -> Value {
        match &self.call {
            Call::Method(method, args) => {
                Value::map([("method", Value::text(method)), ("args", args.clone())])
            }
            Call::Command(argv) => Value::list(argv.iter().map(String::as_str)),
        }
    }
}

/// Returns the outcome that a line records.
fn outcome(line: &Value, form: Form) -> Outcome {
    let Some(Value::Int(exit)) = line.get("exit") else { panic!("a line without exit code: {line:?}") };
    let recorded = line.get("answer").unwrap();
    let code = match recorded {
        _ if *exit == 0 => None,
        Value::Text(text) => error_code(text),
        value => error_code_of(value),
    };
    let is_command = line.get("via").and_then(Value::as_str) == Some("cli");
    let answer = match (code, recorded) {
        (Some(code), _) => Answer::Error(code),
        // Standard output, which is also a text if it is JSON and the option `--format json` is missing.
        (None, Value::Text(text)) if is_command || form != Form::Json => Answer::of_text(form, text.clone()),
        (None, value) => Answer::Json(value.clone()),
    };
    assert!(form != Form::Json || !matches!(answer, Answer::Text(_)), "an answer that is not JSON: {line:?}");
    Outcome { exit: *exit, answer }
}

/// Returns the message of the error that a line records.
fn message(line: &Value) -> String {
    let message = match line.get("answer") {
        Some(Value::Text(text)) => {
            text.strip_prefix("ERROR [").and_then(|text| text.split_once("]: ")?.1.into())
        }
        Some(answer) => answer.get("error").and_then(|error| error.get("message")).and_then(Value::as_str),
        None => None,
    };
    message.unwrap_or_default().to_owned()
}

/// Returns the text of a compressed file.
pub(super) fn gunzip(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// Returns the questions of a workspace, in the order of the file.
pub(super) fn questions(dir: &Path, workspace: &str) -> Vec<Question> {
    let read = |name: &str| -> Vec<Question> {
        let path = dir.join(workspace).join(name);
        if !path.exists() {
            return Vec::new();
        }
        gunzip(&path).lines().map(|line| Question::read(workspace, line)).collect()
    };
    let mut questions = read("answers.jsonl.gz");
    let patched = read("answers.spans-patched.jsonl.gz").into_iter();
    let mut patched: BTreeMap<_, _> = patched.map(|question| (question.id, question.reference)).collect();
    for question in &mut questions {
        question.with_spans = patched.remove(&question.id);
    }
    assert!(patched.is_empty(), "{workspace}: answers without a question: {:?}", patched.keys());
    questions
}

#[test]
fn questions_are_read_with_group_form_and_outcome() {
    let read = |question: &str, exit: i64, answer: &str| {
        let via = if question.contains("argv") { "cli" } else { "api" };
        let id = format!("{via}.run-show.001");
        Question::read(
            "w",
            &format!(
                r#"{{"id": "{id}", "via": "{via}", "question": {question}, "exit": {exit}, "answer": {answer}}}"#
            ),
        )
    };
    let command =
        |words: &str, exit: i64, answer: &str| read(&format!(r#"{{"argv": [{words}]}}"#), exit, answer);

    let method = read(r#"{"method": "m.to_csv", "args": {}}"#, 0, r#""a,b""#);
    assert_eq!((method.group().as_str(), method.form), ("api m.to_csv", Form::Csv));
    assert_eq!(method.reference.answer, Answer::Text("a,b".to_owned()));
    let method = read(r#"{"method": "m", "args": {}}"#, 0, r#""run:a.b""#);
    assert_eq!(method.reference.answer, Answer::Json(Value::text("run:a.b")));
    let method =
        read(r#"{"method": "m", "args": {}}"#, 1, r#"{"error": {"type": "LookupError", "message": "no"}}"#);
    assert_eq!((method.error_code(), method.message.as_str()), (Some("LookupError"), "no"));

    let json = command(
        r#""--format", "json", "run", "show", "r""#,
        1,
        r#"{"error": {"code": "c", "message": "m"}}"#,
    );
    assert_eq!((json.group().as_str(), json.error_code()), ("cli run-show json", Some("c")));
    let text = command(r#""run", "show", "r""#, 1, r#""ERROR [c]: m\n""#);
    assert_eq!((text.group().as_str(), text.error_code()), ("cli run-show text", Some("c")));
    let failing = command(r#""diagnostics", "r", "--fail-on", "error""#, 1, r#""Issues: 1""#);
    assert_eq!(failing.reference, Outcome { exit: 1, answer: Answer::Text("Issues: 1".to_owned()) });
    let rendered = command(r#""report", "snapshot", "r", "--render", "json""#, 0, r#""[1]""#);
    assert_eq!(rendered.reference.answer, Answer::Json(Value::list([1i64])));
    assert_eq!(command(r#""report", "snapshot", "r""#, 0, r##""# R""##).form, Form::Markdown);
    assert_eq!(command(r#""export", "csv", "runs""#, 0, r#""a""#).form, Form::Csv);
    assert_eq!(command(r#""export", "html", "--run", "r""#, 0, r#""a""#).form, Form::Html);
}
