//! The range of a setting's value.

use crate::config::value::ConfigValue;

/// The error code for a value that a setting does not accept.
pub(super) const INVALID_VALUE: &str = "invalid_config_value";

/// A condition on the value of a setting, in addition to the type of the setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Limit {
    /// No condition.
    Any,
    /// A text with at least one character other than white space.
    Filled,
    /// An integer in this range, both ends included.
    Int(i128, i128),
    /// A number greater than the first number and at most the second.
    Above(f64, f64),
    /// A number in this range, both ends included.
    Float(f64, f64),
    /// Exactly one ASCII character, other than a double quote or a line end.
    OneAscii,
    /// A list of sinks: `stdout`, `stderr`, or `jsonl:` and a path.
    Sinks,
    /// The only allowed value of a setting that has several values in the Python package contexta 1.0.0.
    Only(&'static str),
    /// A path. The two texts are a key and a name. If the path is not set, it is this name in the directory that the
    /// setting with this key names (that directory itself if the name is empty).
    Under(&'static str, &'static str),
}

/// A limit, and the error code for a value outside the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    pub(super) limit: Limit,
    pub(super) code: &'static str,
}

impl Rule {
    pub(super) const fn new(limit: Limit) -> Rule {
        Rule { limit, code: INVALID_VALUE }
    }

    /// Returns the rule with the error code `code` instead of [`INVALID_VALUE`]. Some settings have a
    /// specific error code.
    pub(super) const fn coded(self, code: &'static str) -> Rule {
        Rule { code, ..self }
    }

    pub(super) fn holds(&self, value: &ConfigValue) -> bool {
        match (self.limit, value) {
            (Limit::Only(only), value) => value.to_string() == only,
            (_, ConfigValue::Null) => true,
            (Limit::Filled, ConfigValue::Text(text)) => !text.trim().is_empty(),
            (Limit::Int(min, max), ConfigValue::Int(n)) => (min..=max).contains(n),
            (Limit::Above(min, max), ConfigValue::Float(x)) => *x > min && *x <= max,
            (Limit::Float(min, max), ConfigValue::Float(x)) => (min..=max).contains(x),
            (Limit::Sinks, ConfigValue::List(items)) => items.iter().all(is_sink),
            (Limit::OneAscii, ConfigValue::Text(text)) => {
                text.len() == 1 && !matches!(text.as_str(), "\n" | "\r" | "\"")
            }
            _ => true,
        }
    }

    /// Describes the limit in words, such as `from 1 to 100`. These words follow the description of the type in error
    /// messages. Returns `None` if the limit is [`Limit::Any`] or [`Limit::Under`].
    pub(super) fn words(&self) -> Option<String> {
        match self.limit {
            Limit::Any | Limit::Under(..) => None,
            Limit::Filled => Some("not blank".to_owned()),
            Limit::Int(min, max) => Some(format!("from {min} to {max}")),
            Limit::Above(min, max) => Some(format!("above {min}, up to {max}")),
            Limit::Float(min, max) => Some(format!("from {min} to {max}")),
            Limit::OneAscii => Some("one ASCII character, no double quote or line end".to_owned()),
            Limit::Sinks => Some("each `stdout`, `stderr` or `jsonl:PATH`".to_owned()),
            Limit::Only(only) => Some(format!("only `{only}`")),
        }
    }
}

/// Returns `true` if the value is the text of a sink.
fn is_sink(item: &ConfigValue) -> bool {
    let ConfigValue::Text(text) = item else { return false };
    let path = text.strip_prefix("jsonl:");
    matches!(text.as_str(), "stdout" | "stderr") || path.is_some_and(|path| !path.trim().is_empty())
}

pub(super) const fn any() -> Rule {
    Rule::new(Limit::Any)
}

pub(super) const fn filled() -> Rule {
    Rule::new(Limit::Filled)
}

pub(super) const fn only(word: &'static str) -> Rule {
    Rule::new(Limit::Only(word))
}

pub(super) const fn int(min: i128, max: i128) -> Rule {
    Rule::new(Limit::Int(min, max))
}

/// Returns the rule of a setting whose value is a path. If the setting is not set, the path is `name` in the directory
/// that the setting `key` names (that directory itself if `name` is empty).
pub(super) const fn under(key: &'static str, name: &'static str) -> Rule {
    Rule::new(Limit::Under(key, name))
}
