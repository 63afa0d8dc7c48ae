//! The error for a value that a setting does not accept.

use crate::config::error::ConfigError;
use crate::config::field::Field;
use crate::config::limit::{INVALID_VALUE, Limit};
use crate::config::quote::quoted;
use crate::config::source::Source;
use crate::config::value::ConfigValue;

/// Returns the error for a value that the setting does not accept.
pub(super) fn refused(field: &Field<'_>, value: &ConfigValue, source: Source) -> ConfigError {
    // If the value has the right type, the error has the code of the setting. Otherwise the error has the
    // general code.
    let typed = match (field.rule.limit, value) {
        (Limit::Only(_), ConfigValue::Text(_)) | (Limit::Int(..), ConfigValue::Int(_)) => true,
        (Limit::Int(..), ConfigValue::Text(text)) => text.trim().parse::<i128>().is_ok(),
        (Limit::Above(..) | Limit::Float(..), ConfigValue::Int(_) | ConfigValue::Float(_)) => true,
        (Limit::Above(..) | Limit::Float(..), ConfigValue::Text(text)) => text.trim().parse::<f64>().is_ok(),
        _ => false,
    };
    let words = field.rule.words();
    let expected = match (field.rule.limit, words) {
        (Limit::Only(only), _) => format!("`{only}` and nothing else"),
        (Limit::Under(..), _) => "a path".to_owned(),
        (_, Some(words)) => format!("{}, {words}", field.leaf.kind()),
        (_, None) => field.leaf.kind(),
    };
    ConfigError::InvalidValue {
        code: if typed { field.rule.code } else { INVALID_VALUE },
        key: field.key.to_owned(),
        value: quoted(value),
        expected,
        source_of: source,
    }
}
