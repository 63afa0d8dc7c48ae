//! Assembly of objects of the contract from their attributes.

use crate::contract::{ErrorCode, Members, Object, ObjectKind, RunStatus, Severity, StableRef, Value};
use crate::projections::metadata::{
    EXTENSION_PREFIX, METADATA_PREFIX, NEWER_PREFIX, NOTE_PREFIX, PARAM_PREFIX, TAG_PREFIX,
};
use crate::store::attributes::Attributes;
use crate::store::note::Note;

/// Assembles an object from its attributes. Returns a note instead if a required attribute is missing, or if attributes
/// contradict each other.
pub(super) fn object_of(
    kind: ObjectKind,
    own: StableRef,
    attributes: Attributes,
) -> std::result::Result<Object, Note> {
    let mut members = Members::new();
    let mut insert = |member: &str, key: &str, value: Value| {
        let slot = members.entry(member.to_owned()).or_insert_with(|| Value::Map(Members::new()));
        if let Value::Map(map) = slot {
            map.insert(key.to_owned(), value);
        }
    };
    let mut plain = Vec::new();
    let mut sets = Vec::new();
    for (name, value) in attributes.into_values() {
        let strip = |prefix: &str| name.strip_prefix(prefix);
        if let Some(key) = strip(PARAM_PREFIX) {
            insert("params", key, value);
        } else if let Some(key) = strip(TAG_PREFIX) {
            insert("tags", key, value);
        } else if let Some(key) = strip(METADATA_PREFIX) {
            insert("metadata", key, value);
        } else if let Some(key) = strip(NOTE_PREFIX) {
            insert("notes", key, value);
        } else if strip(EXTENSION_PREFIX).is_some() {
            sets.push(value);
        } else {
            plain.push((strip(NEWER_PREFIX).unwrap_or(&name).to_owned(), value));
        }
    }
    members.extend(plain);
    if members.get("status").and_then(Value::as_str) == Some(RunStatus::Open.as_str()) {
        // A later import can replace the status of an ended object with `open`.
        members.remove("ended_at");
    }
    members.insert("extensions".into(), Value::List(sets));
    members.insert(kind.ref_member().to_owned(), Value::from(own.as_str()));
    Object::from_value(kind, Value::Map(members)).map_err(|e| {
        let (severity, code, what) = match e.code {
            ErrorCode::MissingField => (Severity::Warning, "object_incomplete", "missing attributes of"),
            _ => (Severity::Error, "object_contradictory", "contradictory attributes of"),
        };
        Note::new(severity, code, format!("{what} {own}: {e}")).with("subject", own)
    })
}
