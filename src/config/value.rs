//! A value of a setting, as read from files, variables and code.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// The key of the map that the TOML parser returns for a date. Such a map is refused with an error of its own.
const DATE_KEY: &str = "$__toml_private_datetime";

/// A value of a configuration file or patch, or a tree of such values. Deserialization refuses a repeated key and a
/// TOML date without quotes.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfigValue {
    /// No value: disables an optional setting, or resets a path to its derived value.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer. The type can represent every integer that a setting accepts.
    Int(i128),
    /// A number that is not an integer.
    Float(f64),
    /// A text. Numbers and booleans may also be written as texts.
    Text(String),
    /// A list.
    List(Vec<ConfigValue>),
    /// Settings and sections by name.
    Map(BTreeMap<String, ConfigValue>),
}

impl ConfigValue {
    /// Creates a tree that sets only the setting of this dotted key.
    pub fn at(key: &str, value: impl Into<ConfigValue>) -> ConfigValue {
        let nest = |inner, name: &str| ConfigValue::Map(BTreeMap::from([(name.to_owned(), inner)]));
        key.rsplit('.').fold(value.into(), nest)
    }

    /// Reads the text of a variable or of `--set`. `null` and `none` denote the absence of a value. A text that begins
    /// with `"`, `[` or `{` is parsed as JSON if it is valid JSON. The setting converts any other text to its own type.
    pub(super) fn of_text(text: &str) -> ConfigValue {
        let text = text.trim();
        if is_nothing(text) {
            return ConfigValue::Null;
        }
        let json = text.starts_with(['"', '[', '{']).then(|| serde_json::from_str(text).ok()).flatten();
        json.unwrap_or_else(|| ConfigValue::Text(text.to_owned()))
    }

    /// Returns `true` for a value that disables an optional setting: null, or the text `null` or `none`.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            ConfigValue::Null => true,
            ConfigValue::Text(text) => is_nothing(text.trim()),
            _ => false,
        }
    }

    /// Returns the value as JSON, on one line.
    pub fn to_json(&self) -> String {
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
        match self {
            ConfigValue::Null => "null".to_owned(),
            ConfigValue::Bool(b) => b.to_string(),
            ConfigValue::Int(n) => n.to_string(),
            ConfigValue::Float(x) => format!("{x:?}"),
            ConfigValue::Text(text) => quoted(text),
            ConfigValue::List(items) => {
                let items: Vec<String> = items.iter().map(ConfigValue::to_json).collect();
                format!("[{}]", items.join(", "))
            }
            ConfigValue::Map(members) => {
                let members: Vec<String> =
                    members.iter().map(|(k, v)| format!("{}: {}", quoted(k), v.to_json())).collect();
                format!("{{{}}}", members.join(", "))
            }
        }
    }
}

/// Tells whether a text denotes the absence of a value: `null` or `none`, in upper or lower case.
fn is_nothing(text: &str) -> bool {
    text.eq_ignore_ascii_case("null") || text.eq_ignore_ascii_case("none")
}

/// Writes a text without quotes, and any other value as JSON.
impl fmt::Display for ConfigValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigValue::Text(text) => f.write_str(text),
            other => f.write_str(&other.to_json()),
        }
    }
}

macro_rules! from {
    ($($from:ty => |$v:ident| $to:expr;)*) => {
        $(impl From<$from> for ConfigValue {
            fn from($v: $from) -> ConfigValue {
                $to
            }
        })*
    };
}

from! {
    bool => |v| ConfigValue::Bool(v);
    i32 => |v| ConfigValue::Int(v.into());
    i64 => |v| ConfigValue::Int(v.into());
    u64 => |v| ConfigValue::Int(v.into());
    f64 => |v| ConfigValue::Float(v);
    &str => |v| ConfigValue::Text(v.to_owned());
    String => |v| ConfigValue::Text(v);
    Vec<String> => |v| ConfigValue::List(v.into_iter().map(ConfigValue::Text).collect());
}

impl<'de> Deserialize<'de> for ConfigValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ConfigValue, D::Error> {
        struct Tree;
        impl<'de> Visitor<'de> for Tree {
            type Value = ConfigValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("settings")
            }
            fn visit_unit<E>(self) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Null)
            }
            fn visit_none<E>(self) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<ConfigValue, D::Error> {
                ConfigValue::deserialize(from)
            }
            fn visit_bool<E>(self, v: bool) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Bool(v))
            }
            fn visit_i64<E>(self, v: i64) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Int(v.into()))
            }
            fn visit_u64<E>(self, v: u64) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Int(v.into()))
            }
            fn visit_i128<E>(self, v: i128) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Int(v))
            }
            fn visit_u128<E>(self, v: u128) -> Result<ConfigValue, E> {
                // A number that does not fit into `i128` is beyond the range of every setting, and so is `i128::MAX`.
                Ok(ConfigValue::Int(i128::try_from(v).unwrap_or(i128::MAX)))
            }
            fn visit_f64<E>(self, v: f64) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Float(v))
            }
            fn visit_str<E>(self, v: &str) -> Result<ConfigValue, E> {
                Ok(ConfigValue::Text(v.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<ConfigValue, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = from.next_element()? {
                    items.push(item);
                }
                Ok(ConfigValue::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<ConfigValue, A::Error> {
                let mut members = BTreeMap::new();
                while let Some(key) = from.next_key::<String>()? {
                    if key == DATE_KEY {
                        return Err(A::Error::custom("a date is not a value of a setting; put it in quotes"));
                    }
                    if members.contains_key(&key) {
                        return Err(A::Error::custom(format!("the key {key:?} is repeated")));
                    }
                    members.insert(key, from.next_value()?);
                }
                Ok(ConfigValue::Map(members))
            }
        }
        from.deserialize_any(Tree)
    }
}
