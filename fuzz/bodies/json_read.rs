//! JSON from any text: what is read is within the limits and has one canonical text, which reads back to itself.

use contexta::contract::Value;
use contexta::contract::json::read::{DEPTH_MAX, parse};
use contexta::contract::json::write::{canonical, pretty};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(value) = parse(text) else { return };
    assert_eq!(value.unwritable(DEPTH_MAX + 1), None, "what was read can be written");
    assert!(depth(&value) <= DEPTH_MAX, "deeper than the limit");
    let written = canonical(&value).expect("what was read is finite");
    let again = parse(&written).expect("canonical text is JSON");
    assert_eq!(canonical(&again).expect("finite"), written, "canonical text reads back to itself");
    // Indented text keeps the members that are null; only the spaces differ.
    let indented = pretty(&value).expect("finite");
    let back = parse(&indented).expect("indented text is JSON");
    assert_eq!(pretty(&back).expect("finite"), indented);
    assert_eq!(canonical(&back).expect("finite"), written);
    assert!(back == value, "indented text says the same");
    // White space around and between changes nothing; a second value does.
    assert!(parse(&format!(" \t\r\n{text} \n")).is_ok_and(|v| v == value));
    assert!(parse(&format!("{text} 0")).is_err());
}

fn depth(value: &Value) -> usize {
    match value {
        Value::List(items) => items.iter().map(|v| depth(v) + 1).max().unwrap_or(0),
        Value::Map(members) => members.values().map(|v| depth(v) + 1).max().unwrap_or(0),
        _ => 0,
    }
}
