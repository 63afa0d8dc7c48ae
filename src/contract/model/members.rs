//! Functions that read and check the members of a JSON object.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::{Members, Value};
use crate::contract::model::field::Field;
use crate::contract::rules::object::json_value;
use crate::contract::version::is_newer;

/// Removes the member `name` and reads the value. If the member is missing, returns `absent`; if the member is missing
/// and `absent` is `None`, adds an error.
pub(crate) fn take<T: Field>(
    members: &mut Members,
    name: &'static str,
    code: ErrorCode,
    absent: Option<T>,
    issues: &mut Issues,
) -> Option<T> {
    match (members.remove(name), absent) {
        (Some(value), _) => issues.within(name, |issues| T::read(value, code, issues)),
        (None, None) => {
            issues.error(ErrorCode::MissingField, name, format!("the member {name} is missing"));
            None
        }
        (None, absent) => absent,
    }
}

/// Returns true if the member `schema_version` is newer than this build, in the minor version. Such an object can have
/// members that this build does not know.
pub(crate) fn are_newer(members: &Members) -> bool {
    members.get("schema_version").and_then(Value::as_str).is_some_and(is_newer)
}

/// The maximum number of unknown members of an object that have an error of their own.
const UNKNOWN_MAX: usize = 100;

/// Adds an error for each unknown member: a member whose name is not among the `known` names. If there are more than
/// [`UNKNOWN_MAX`] unknown members, a last error states the number of the others. Adds no error if the current object
/// has a newer minor version of the schema.
pub(crate) fn refuse_unknown(model: &str, members: &Members, known: &[&[&str]], issues: &mut Issues) {
    if issues.is_newer() {
        return;
    }
    let is_known = |key: &String| known.iter().any(|names| names.contains(&key.as_str()));
    let mut unknown = members.keys().filter(|key| !is_known(key));
    for name in unknown.by_ref().take(UNKNOWN_MAX) {
        issues.unknown_member(name, format!("{model} has no member {name:?}"));
    }
    let more = unknown.count();
    if more > 0 {
        let message = format!("{model} has {more} further members that it does not define");
        issues.error(ErrorCode::UnknownField, "", message);
    }
}

/// Checks the unknown members that a model keeps. They are an error unless the model has a newer minor version of the
/// schema. Their names must not be among the `known` names, and their values must be writable as JSON. Nulls are
/// removed.
pub(crate) fn check_unknown(model: &str, unknown: &mut Members, known: &[&str], issues: &mut Issues) {
    if unknown.is_empty() {
        return;
    }
    refuse_unknown(model, unknown, &[], issues);
    for (name, value) in unknown.iter_mut() {
        if known.contains(&name.as_str()) {
            issues.error(ErrorCode::UnknownField, "", format!("{name} is a known member of {model}"));
        }
        json_value(issues, "", Some(name), value);
    }
    unknown.retain(|_, value| *value != Value::Null);
}
