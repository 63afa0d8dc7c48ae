//! The quotation of values in errors.

use crate::config::value::ConfigValue;

/// Longest value that an error quotes.
pub(super) const QUOTED_CHARS_MAX: usize = 80;

/// Quotes a value in at most one line.
pub(super) fn quoted(value: &ConfigValue) -> String {
    match value {
        ConfigValue::List(items) if items.len() > QUOTED_CHARS_MAX => format!("a list of {}", items.len()),
        ConfigValue::Map(_) => "a section".to_owned(),
        value => short(&value.to_json()),
    }
}

/// Cuts a text to the length that an error quotes.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
