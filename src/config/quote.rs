//! Functions that quote values in error messages.

use crate::config::value::ConfigValue;

/// The greatest number of characters of a value that an error message quotes.
pub(super) const QUOTED_CHARS_MAX: usize = 80;

/// Returns the text of a value for an error message: one line of limited length.
pub(super) fn quoted(value: &ConfigValue) -> String {
    match value {
        ConfigValue::List(items) if items.len() > QUOTED_CHARS_MAX => {
            format!("a list of {} items", items.len())
        }
        ConfigValue::Map(_) => "a section".to_owned(),
        value => short(&value.to_json()),
    }
}

/// Cuts a text that is longer than [`QUOTED_CHARS_MAX`] characters, and appends `…`.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
