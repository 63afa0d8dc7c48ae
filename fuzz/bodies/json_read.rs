//! JSON from arbitrary text: an accepted value is within the limits and has one canonical text, which reads back to the
//! same value.

use contexta::contract::Value;
use contexta::contract::json::read::{DEPTH_MAX, parse};
use contexta::contract::json::write::{canonical, pretty};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(value) = parse(text) else { return };
    // The tokens `NaN` and `Infinity` are read, and canonical text has a text in their place.
    if has_non_finite(&value) {
        return;
    }
    assert_eq!(value.unwritable(DEPTH_MAX + 1), None, "an accepted value cannot be written");
    assert!(depth(&value) <= DEPTH_MAX, "deeper than the limit");
    let written = canonical(&value).expect("an accepted value is finite");
    let again = parse(&written).expect("canonical text is JSON");
    assert_eq!(canonical(&again).expect("finite"), written, "canonical text does not read back to itself");
    // Indented text keeps members that are null, and otherwise differs in white space only.
    let indented = pretty(&value).expect("finite");
    let back = parse(&indented).expect("indented text is JSON");
    assert_eq!(pretty(&back).expect("finite"), indented);
    assert_eq!(canonical(&back).expect("finite"), written);
    assert!(back == value, "indented text differs");
    // White space around the value changes nothing; a second value is an error.
    assert!(parse(&format!(" \t\r\n{text} \n")).is_ok_and(|v| v == value));
    assert!(parse(&format!("{text} 0")).is_err());
}

fn has_non_finite(value: &Value) -> bool {
    match value {
        Value::Float(number) => !number.is_finite(),
        Value::List(items) => items.iter().any(has_non_finite),
        Value::Map(members) => members.values().any(has_non_finite),
        _ => false,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::List(items) => items.iter().map(|v| depth(v) + 1).max().unwrap_or(0),
        Value::Map(members) => members.values().map(|v| depth(v) + 1).max().unwrap_or(0),
        _ => 0,
    }
}
