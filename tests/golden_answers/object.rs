//! Members of stored objects and arguments, and the objects that several answers of the reference contain.

use contexta::contract::Value;

/// Returns a member that is a text.
pub(super) fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// Returns a member that is a list of texts.
pub(super) fn texts(object: &Value, name: &str) -> Option<Vec<String>> {
    object.get(name)?.as_list()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// Returns a link to an object.
pub(super) fn link(kind: &str, own: &str, label: &str) -> Value {
    Value::map([("kind", Value::text(kind)), ("ref", Value::text(own)), ("label", Value::text(label))])
}

/// Returns a completeness note.
pub(super) fn note(severity: &str, summary: &str, details: Value) -> Value {
    Value::map([
        ("severity", Value::text(severity)),
        ("summary", Value::text(summary)),
        ("details", details),
        ("evidence_links", Value::list(Vec::<Value>::new())),
    ])
}
