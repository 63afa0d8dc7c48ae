//! The catalogue of settings.

use crate::config::limit::Limit;
use crate::config::unified::UnifiedConfig;
use crate::config::value::ConfigValue;
use crate::config::variables::variable_of;
use std::sync::LazyLock;

/// The description of one setting.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Key {
    /// The dotted name.
    pub name: &'static str,
    /// The environment variable of the setting; `None` if no variable can set the setting.
    pub variable: Option<String>,
    /// Description of the values that the setting accepts.
    pub takes: String,
    /// Description of the range of values; `None` if the type is the only condition.
    pub range: Option<String>,
    /// The default value. The default of a derived path is relative to the current directory.
    pub default: ConfigValue,
    /// The purpose of the setting.
    pub doc: &'static str,
    /// True if the setting may be unset: the setting is optional, or is a path that is otherwise derived.
    pub nullable: bool,
    /// The key of the setting from which an unset path is derived; `None` if the setting is not such a path.
    pub derived_from: Option<&'static str>,
    /// True for a directory or file.
    pub is_path: bool,
    /// The only value that the setting accepts; `None` if the setting accepts several values.
    pub only: Option<&'static str>,
}

/// Returns every setting, in the order of the configuration reference.
pub fn keys() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
        let defaults = UnifiedConfig::default().settings();
        let mut defaults = defaults.into_iter().map(|(_, value)| value);
        let mut keys = Vec::new();
        UnifiedConfig::default().each(|field| {
            let limit = field.rule.limit;
            let derived_from = if let Limit::Under(from, _) = limit { Some(from) } else { None };
            keys.push(Key {
                name: field.key,
                variable: variable_of(field.key),
                takes: if derived_from.is_some() { "a path".to_owned() } else { field.leaf.kind() },
                range: field.rule.words(),
                default: defaults.next().unwrap_or(ConfigValue::Null),
                doc: field.doc.trim(),
                nullable: field.leaf.nullable(),
                derived_from,
                is_path: field.leaf.is_path(),
                only: if let Limit::Only(only) = limit { Some(only) } else { None },
            });
        });
        keys
    });
    &KEYS
}
