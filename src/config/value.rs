//! A value on its way into a setting, whatever it was written in, and where it came from.

use crate::config::profile::{Overlay, Profile};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// What TOML's reader calls a date.
const DATE_KEY: &str = "$__toml_private_datetime";

/// A tree of values, as files and patches have it. A repeated key is refused while it is read.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfigValue {
    /// Nothing: the setting is not set.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer of any kind.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A text; also how numbers and truth values may be written.
    Text(String),
    /// A list.
    List(Vec<ConfigValue>),
    /// Settings by name.
    Map(BTreeMap<String, ConfigValue>),
}

impl ConfigValue {
    /// The tree in which only the setting of this dotted key is set.
    pub fn at(key: &str, value: impl Into<ConfigValue>) -> ConfigValue {
        let nest = |inner, name: &str| ConfigValue::Map(BTreeMap::from([(name.to_owned(), inner)]));
        key.rsplit('.').fold(value.into(), nest)
    }

    /// What a variable or `--set` says: `null` and `none` are nothing; what begins with `"`, `[` or `{` is JSON if it
    /// can be; everything else is text, which the setting reads as its own type.
    pub(super) fn of_text(text: &str) -> ConfigValue {
        let text = text.trim();
        if is_nothing(text) {
            return ConfigValue::Null;
        }
        let json = text.starts_with(['"', '[', '{']).then(|| serde_json::from_str(text).ok()).flatten();
        json.unwrap_or_else(|| ConfigValue::Text(text.to_owned()))
    }

    /// That it says, to a setting that can be nothing, to be nothing.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            ConfigValue::Null => true,
            ConfigValue::Text(text) => is_nothing(text.trim()),
            _ => false,
        }
    }

    /// As JSON, on one line.
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

/// How text says that a setting is not set.
fn is_nothing(text: &str) -> bool {
    text.eq_ignore_ascii_case("null") || text.eq_ignore_ascii_case("none")
}

/// Text as it is, everything else as JSON.
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
                // Beyond every range; which number it is does not matter any more.
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
                        return Err(A::Error::custom("no setting is a date; write it in quotes"));
                    }
                    if members.contains_key(&key) {
                        return Err(A::Error::custom(format!("the key {key:?} stands here twice")));
                    }
                    members.insert(key, from.next_value()?);
                }
                Ok(ConfigValue::Map(members))
            }
        }
        from.deserialize_any(Tree)
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Nobody said otherwise.
    Default,
    /// It follows from the setting of this key.
    Derived(&'static str),
    /// A profile.
    Profile(Profile),
    /// An overlay.
    Overlay(Overlay),
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A patch handed in by code.
    Patch,
    /// `key=value` on the command line.
    Set,
    /// An argument of its own: the workspace, the project's name, the profile, the overlays.
    Argument(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Derived(key) => write!(f, "from {key}"),
            Source::Profile(profile) => write!(f, "profile {profile}"),
            Source::Overlay(overlay) => write!(f, "overlay {overlay}"),
            Source::File(path) => write!(f, "file {}", path.display()),
            Source::Variable(name) => write!(f, "variable {name}"),
            Source::Patch => f.write_str("patch"),
            Source::Set => f.write_str("--set"),
            Source::Argument(name) => write!(f, "argument {name}"),
        }
    }
}
