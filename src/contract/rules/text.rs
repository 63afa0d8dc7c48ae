//! Rules for texts and maps of texts.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::space::trim;
use std::collections::BTreeMap;

/// Trims a text in place. A blank text is an error.
pub(crate) fn text(issues: &mut Issues, field: &str, value: &mut String) {
    let trimmed = trim(value);
    if trimmed.is_empty() {
        issues.error(ErrorCode::String, field, "must not be blank");
    } else if trimmed.len() != value.len() {
        *value = trimmed.to_owned();
    }
}

/// Trims a text in place. The text may be blank; it is then empty after the call.
pub(crate) fn free_text(value: &mut String) {
    let trimmed = trim(value);
    if trimmed.len() != value.len() {
        *value = trimmed.to_owned();
    }
}

/// Applies [`text`] unless the value is `None`.
pub(crate) fn optional_text(issues: &mut Issues, field: &str, value: &mut Option<String>) {
    if let Some(value) = value {
        text(issues, field, value);
    }
}

/// Trims the keys and values of a map. A blank value becomes the empty text. If several keys are equal after trimming,
/// only the last of these entries in the order of `map` is kept. Adds an error for a blank key.
pub(crate) fn text_map(issues: &mut Issues, field: &str, map: &mut BTreeMap<String, String>) {
    let is_trimmed = |text: &String| trim(text).len() == text.len();
    if map.iter().all(|(k, v)| !k.is_empty() && is_trimmed(k) && is_trimmed(v)) {
        return;
    }
    let mut normalized = BTreeMap::new();
    for (key, value) in std::mem::take(map) {
        let (k, v) = (trim(&key), trim(&value));
        if k.is_empty() {
            issues.error_in(ErrorCode::Mapping, field, &key, "the key is blank");
        }
        normalized.insert(k.to_owned(), v.to_owned());
    }
    *map = normalized;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_values_of_a_map_are_kept_as_empty_texts() {
        let mut issues = Issues::default();
        let mut map = BTreeMap::from([("a".to_owned(), " ".to_owned()), (" b".to_owned(), String::new())]);
        text_map(&mut issues, "tags", &mut map);
        assert_eq!(map, BTreeMap::from([("a".to_owned(), String::new()), ("b".to_owned(), String::new())]));
        assert!(!issues.has_errors());
        text_map(&mut issues, "tags", &mut BTreeMap::from([("\t".to_owned(), "x".to_owned())]));
        assert_eq!(issues.into_result().unwrap_err().field.as_deref(), Some("tags.\t"));
    }

    #[test]
    fn a_blank_text_is_an_error_of_its_field() {
        let mut issues = Issues::default();
        text(&mut issues, "name", &mut " \u{85}".to_owned());
        assert_eq!(issues.into_result().unwrap_err().field.as_deref(), Some("name"));
    }
}
