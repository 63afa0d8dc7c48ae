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

/// Trims the top-level keys of a JSON object, and removes members that are null: the canonical text does not contain
/// nulls, and the object must be equal after it was written and read. Errors: a blank key, or a value that the JSON
/// reader would refuse: a number is not finite, or the value is nested too deeply or too large.
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
            issues.error(ErrorCode::RecordMapping, field, "a key is blank");
        }
        json_value(issues, &format!("{field}.{k}"), &mut value);
        if value != Value::Null {
            normalized.insert(k.to_owned(), value);
        }
    }
    *map = normalized;
}

/// Removes nulls from a value in a JSON object or in an extension field. Adds an error for a value that the JSON reader
/// would refuse: a number is not finite, or the value is nested too deeply or too large.
pub(crate) fn json_value(issues: &mut Issues, field: &str, value: &mut Value) {
    if value.count() > JSON_VALUES_MAX {
        issues.error(
            ErrorCode::ExtensionValue,
            field,
            format!("contains more than {JSON_VALUES_MAX} values"),
        );
    } else if let Some(what) = value.unwritable(JSON_DEPTH_MAX) {
        issues.error(ErrorCode::ExtensionValue, field, what);
    } else {
        value.drop_nulls();
    }
}
