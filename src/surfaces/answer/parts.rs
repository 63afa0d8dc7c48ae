//! Parts that several answers have in common.

use crate::contract::Value;
use crate::interpretation::Note;
use std::collections::BTreeMap;

pub(super) fn list<T>(items: &[T], f: impl Fn(&T) -> Value) -> Value {
    Value::List(items.iter().map(f).collect())
}

pub(super) fn text<T: ToString>(value: &Option<T>) -> Value {
    value.as_ref().map_or(Value::Null, |v| Value::Text(v.to_string()))
}

/// Adds members to the JSON object `value` and returns the object. If `value` is not an object, returns `value`
/// unchanged.
pub(super) fn with(value: Value, more: Vec<(&str, Value)>) -> Value {
    match value {
        Value::Map(mut members) => {
            members.extend(more.into_iter().map(|(k, v)| (k.to_owned(), v)));
            Value::Map(members)
        }
        other => other,
    }
}

pub(super) fn note(n: &Note) -> Value {
    let details: BTreeMap<String, Value> =
        n.details.iter().map(|(k, v)| ((*k).to_owned(), Value::text(v))).collect();
    Value::map([
        ("severity", n.severity.as_str().into()),
        ("code", n.code.into()),
        ("message", Value::text(&n.message)),
        ("details", Value::Map(details)),
    ])
}

pub(super) fn notes(all: &[Note]) -> Value {
    list(all, note)
}
