//! Rules for JSON objects in the fields of models.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::json::limits::{DEPTH_MAX, VALUES_MAX};
use crate::contract::json::value::Value;
use crate::contract::space::trim;
use std::collections::BTreeMap;

/// The greatest depth of a value in a field of a model. The limit of the JSON reader is greater, because a line of an
/// interchange file nests the value in other objects.
const JSON_DEPTH_MAX: usize = DEPTH_MAX - 6;

/// The greatest number of values in one field of a model. The limit is small enough that the JSON reader accepts a line
/// of an interchange file with several such fields.
const JSON_VALUES_MAX: usize = VALUES_MAX / 4;

/// Normalizes a JSON object: trims its top-level keys, removes members that are null, and replaces numbers that are not
/// finite by their text forms. Canonical text contains neither such members nor such numbers, so the object is now
/// equal to the object that is read from its text. Adds an error for a blank key, and for a value that the JSON reader
/// would refuse because it is nested too deeply or too large.
pub(crate) fn json_map(issues: &mut Issues, field: &str, map: &mut BTreeMap<String, Value>) {
    let mut normalized = BTreeMap::new();
    let mut values = 0;
    for (key, mut value) in std::mem::take(map) {
        let k = trim(&key);
        values += value.count();
        if values > JSON_VALUES_MAX {
            let message = format!("contains more than {JSON_VALUES_MAX} values");
            return issues.error(ErrorCode::ExtensionValue, field, message);
        }
        if k.is_empty() {
            issues.error_in(ErrorCode::RecordMapping, field, &key, "a key is blank");
        }
        json_value(issues, field, Some(&key), &mut value);
        if value != Value::Null {
            normalized.insert(k.to_owned(), value);
        }
    }
    *map = normalized;
}

/// Removes object members that are null from a value, and replaces numbers that are not finite by their text forms. The
/// value is the member `key` of the field `field`, or this field itself if `key` is `None`. Adds an error if the JSON
/// reader would refuse the value because it is nested too deeply or too large.
pub(crate) fn json_value(issues: &mut Issues, field: &str, key: Option<&str>, value: &mut Value) {
    match writable(value) {
        Ok(()) => value.drop_nulls(),
        Err(what) => issues.error_at(ErrorCode::ExtensionValue, field, key, what),
    }
}

/// Replaces numbers in a value that are not finite by their text forms. Errors: the JSON reader would refuse the value.
/// The error is the reason.
pub(crate) fn writable(value: &mut Value) -> Result<(), String> {
    if value.count() > JSON_VALUES_MAX {
        return Err(format!("contains more than {JSON_VALUES_MAX} values"));
    }
    value.name_non_finite();
    value.unwritable(JSON_DEPTH_MAX).map_or(Ok(()), |what| Err(what.to_owned()))
}
