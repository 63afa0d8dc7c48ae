//! Comparison of two outcomes, by the rules in the header of the parent module.

use crate::golden_answers::csv;
use crate::golden_answers::outcome::{Answer, Form, Outcome, one_line};
use crate::golden_answers::text::{self, Names};
use contexta::contract::{Timestamp, Value};

/// The first difference between two outcomes: its path in the answer, and a description.
#[derive(Debug, PartialEq)]
pub(super) struct Difference {
    pub(super) path: String,
    pub(super) message: String,
}

impl Difference {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Difference {
        Difference { path: path.into(), message: message.into() }
    }
}

/// The greatest difference of two equal floats, relative to the greater one.
const TOLERANCE: f64 = 1e-12;

/// Returns an error if the outcome of contexta differs from the expected outcome.
pub(super) fn outcomes(
    expected: &Outcome,
    got: &Outcome,
    form: Form,
    names: &Names,
) -> Result<(), Difference> {
    match (&expected.answer, &got.answer) {
        (Answer::Json(expected), Answer::Json(got)) => values("$", expected, got)?,
        (Answer::Text(expected), Answer::Text(got)) if form == Form::Csv => csv::tables(expected, got)?,
        (Answer::Text(expected), Answer::Text(got)) => text::occurs(expected, got, form, names)?,
        (Answer::Error(expected), Answer::Error(got)) if expected == got => {}
        (expected, got) => {
            let (expected, got) = (one_line(&expected.to_value()), one_line(&got.to_value()));
            return Err(Difference::new("$", format!("expected {}, got {}", brief(&expected), brief(&got))));
        }
    }
    match expected.exit == got.exit {
        true => Ok(()),
        false => Err(Difference::new("exit", format!("expected {}, got {}", expected.exit, got.exit))),
    }
}

/// Returns the beginning of a long text.
fn brief(text: &str) -> String {
    const CHARS_MAX: usize = 160;
    text.chars().take(CHARS_MAX).collect()
}

/// Returns an error if two JSON values differ. `got` may have additional members in objects.
pub(super) fn values(path: &str, expected: &Value, got: &Value) -> Result<(), Difference> {
    match (expected, got) {
        (Value::Map(expected), Value::Map(got)) => {
            for (key, expected) in expected {
                let path = format!("{path}.{key}");
                match got.get(key) {
                    Some(got) => values(&path, expected, got)?,
                    None => return Err(Difference::new(path, "missing")),
                }
            }
            Ok(())
        }
        (Value::List(expected), Value::List(got)) => {
            for (i, (expected, got)) in expected.iter().zip(got).enumerate() {
                values(&format!("{path}[{i}]"), expected, got)?;
            }
            match expected.len() == got.len() {
                true => Ok(()),
                false => Err(Difference::new(
                    path,
                    format!("expected {} items, got {}", expected.len(), got.len()),
                )),
            }
        }
        (Value::Text(expected), Value::Text(got)) if texts_equal(expected, got) => Ok(()),
        (expected, got) if expected == got || numbers_equal(expected, got) => Ok(()),
        (expected, got) => {
            let (expected, got) = (one_line(expected), one_line(got));
            Err(Difference::new(path, format!("expected {}, got {}", brief(&expected), brief(&got))))
        }
    }
}

/// Returns `true` for equal texts, and for a time that replaces a wildcard for a time.
pub(super) fn texts_equal(expected: &str, got: &str) -> bool {
    match expected {
        "<ingested-at>" | "<appended-at>" => got.parse::<Timestamp>().is_ok(),
        _ => expected == got,
    }
}

fn numbers_equal(expected: &Value, got: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Int(n) => Some(*n as f64),
        Value::Big(digits) => digits.parse().ok(),
        Value::Float(x) => Some(*x),
        _ => None,
    };
    // Two integers are compared exactly.
    let both_floats = matches!(expected, Value::Float(_)) || matches!(got, Value::Float(_));
    both_floats && number(expected).zip(number(got)).is_some_and(|(a, b)| floats_equal(a, b))
}

/// Returns `true` for floats that differ at most by the tolerance.
pub(super) fn floats_equal(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

#[test]
fn json_is_compared_field_by_field() {
    let compare = |expected: &str, got: &str| {
        let read = |text: &str| contexta::contract::json::read::parse(text).unwrap();
        values("$", &read(expected), &read(got)).err().map(|difference| difference.path)
    };
    let equal = |expected: &str, got: &str| assert_eq!(compare(expected, got), None, "{expected} {got}");
    let differs = |expected: &str, got: &str, path: &str| {
        assert_eq!(compare(expected, got).as_deref(), Some(path), "{expected} {got}");
    };
    equal(r#"{"a": 5, "b": null}"#, r#"{"a": 5.0, "b": null, "c": 1}"#);
    equal("[1.0000000000000002, -0.0]", "[1, 0]");
    equal(r#"["<ingested-at>", "Infinity"]"#, r#"["2024-01-01T00:00:00Z", "Infinity"]"#);
    differs(r#"{"a": {"b": null}}"#, r#"{"a": {}}"#, "$.a.b");
    differs("[[1, 2]]", "[[1, 2, 3]]", "$[0]");
    differs("[1, 2]", "[2, 1]", "$[0]");
    differs("[9007199254740993]", "[9007199254740992]", "$[0]");
    differs("[1.0]", "[1.00000000001]", "$[0]");
    differs(r#"["<ingested-at>"]"#, r#"["soon"]"#, "$[0]");
    differs("[5]", r#"["5"]"#, "$[0]");
    differs("[null]", "[0]", "$[0]");
}

#[test]
fn error_codes_and_exit_codes_are_compared() {
    let compare = |expected: &Outcome, got: &Outcome| {
        outcomes(expected, got, Form::Json, &Names::default()).map_err(|difference| difference.path)
    };
    let error = Outcome::error("query_run_not_found");
    assert_eq!(compare(&error, &error), Ok(()));
    assert_eq!(compare(&error, &Outcome::error("usage")), Err("$".to_owned()));
    assert_eq!(compare(&error, &Outcome { exit: 0, ..error.clone() }), Err("exit".to_owned()));
    let null = Outcome { exit: 0, answer: Answer::Json(Value::Null) };
    assert_eq!(compare(&null, &Outcome { exit: 0, answer: Answer::Missing }), Err("$".to_owned()));
}
