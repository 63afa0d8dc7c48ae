//! The types that a setting can have, and the rules that its value keeps.

use crate::config::value::ConfigValue;
use std::path::PathBuf;

/// A setting's type: reads a value, shows itself, says in words what it takes.
pub(super) trait Leaf {
    /// Takes the value, or says that it is none of this type.
    fn read(&mut self, value: &ConfigValue) -> bool;
    /// Itself as a value.
    fn shown(&self) -> ConfigValue;
    /// What it takes, in words.
    fn kind(&self) -> String;
    /// That it can be nothing.
    fn nullable(&self) -> bool {
        false
    }
    /// Itself, if it is a path.
    fn path(&mut self) -> Option<&mut PathBuf> {
        None
    }
}

/// What a value must keep beyond its type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Limit {
    /// Nothing.
    Any,
    /// Not only white space.
    Filled,
    /// An integer of this range, both ends included.
    Int(i128, i128),
    /// A number above the first, up to the second.
    Above(f64, f64),
    /// A number of this range, both ends included.
    Float(f64, f64),
    /// Exactly one ASCII character.
    OneAscii,
    /// This value and no other: what the reference lets one choose, and we do not.
    Only(&'static str),
    /// A path that, unless somebody sets it, follows from the setting of this key: this name under it.
    Under(&'static str, &'static str),
}

/// A limit, and the code of what does not keep it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    pub(super) limit: Limit,
    pub(super) code: &'static str,
}

pub(super) const INVALID_VALUE: &str = "invalid_config_value";

impl Rule {
    pub(super) const fn new(limit: Limit) -> Rule {
        Rule { limit, code: INVALID_VALUE }
    }

    /// The same with a code of the store that would refuse it.
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
            (Limit::OneAscii, ConfigValue::Text(text)) => {
                text.len() == 1 && !matches!(text.as_str(), "\n" | "\r" | "\"")
            }
            _ => true,
        }
    }

    /// The limit in words, to stand behind the type's.
    pub(super) fn words(&self) -> Option<String> {
        match self.limit {
            Limit::Any | Limit::Under(..) => None,
            Limit::Filled => Some("not blank".to_owned()),
            Limit::Int(min, max) => Some(format!("from {min} to {max}")),
            Limit::Above(min, max) => Some(format!("above {min}, up to {max}")),
            Limit::Float(min, max) => Some(format!("from {min} to {max}")),
            Limit::OneAscii => Some("one ASCII character, no quote or line end".to_owned()),
            Limit::Only(only) => Some(format!("only `{only}`")),
        }
    }
}

impl Leaf for bool {
    fn read(&mut self, value: &ConfigValue) -> bool {
        let read = match value {
            ConfigValue::Bool(b) => Some(*b),
            ConfigValue::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        };
        read.map(|b| *self = b).is_some()
    }

    fn shown(&self) -> ConfigValue {
        ConfigValue::Bool(*self)
    }

    fn kind(&self) -> String {
        "true or false".to_owned()
    }
}

/// The digits of a number as text, in which single `_` may stand between digits.
fn digits(text: &str) -> Option<String> {
    let text = text.trim();
    let between = |n: usize| {
        let digit =
            |at: Option<usize>| at.and_then(|n| text.as_bytes().get(n)).is_some_and(u8::is_ascii_digit);
        digit(n.checked_sub(1)) && digit(n.checked_add(1))
    };
    text.match_indices('_').all(|(n, _)| between(n)).then(|| text.replace('_', ""))
}

macro_rules! integers {
    ($($int:ty),*) => {
        $(impl Leaf for $int {
            fn read(&mut self, value: &ConfigValue) -> bool {
                let read = match value {
                    ConfigValue::Int(n) => Some(*n),
                    ConfigValue::Text(text) => digits(text).and_then(|t| t.parse().ok()),
                    _ => None,
                };
                read.and_then(|n| <$int>::try_from(n).ok()).map(|n| *self = n).is_some()
            }

            fn shown(&self) -> ConfigValue {
                ConfigValue::Int((*self).into())
            }

            fn kind(&self) -> String {
                "an integer".to_owned()
            }
        })*
    };
}

integers!(u16, u32, u64);

impl Leaf for f64 {
    fn read(&mut self, value: &ConfigValue) -> bool {
        let read = match value {
            ConfigValue::Float(x) => Some(*x),
            ConfigValue::Int(n) => Some(*n as f64),
            ConfigValue::Text(text) => digits(text).and_then(|t| t.parse().ok()),
            _ => None,
        };
        read.filter(|x: &f64| x.is_finite()).map(|x| *self = x).is_some()
    }

    fn shown(&self) -> ConfigValue {
        ConfigValue::Float(*self)
    }

    fn kind(&self) -> String {
        "a number".to_owned()
    }
}

impl Leaf for String {
    fn read(&mut self, value: &ConfigValue) -> bool {
        let ConfigValue::Text(text) = value else { return false };
        self.clone_from(text);
        true
    }

    fn shown(&self) -> ConfigValue {
        ConfigValue::Text(self.clone())
    }

    fn kind(&self) -> String {
        "a text".to_owned()
    }
}

impl Leaf for PathBuf {
    fn read(&mut self, value: &ConfigValue) -> bool {
        let ConfigValue::Text(text) = value else { return false };
        // No system has a name with it.
        if text.contains('\0') {
            return false;
        }
        *self = PathBuf::from(text);
        true
    }

    fn shown(&self) -> ConfigValue {
        ConfigValue::Text(self.display().to_string())
    }

    fn kind(&self) -> String {
        "a path".to_owned()
    }

    fn path(&mut self) -> Option<&mut PathBuf> {
        Some(self)
    }
}

impl Leaf for Vec<String> {
    fn read(&mut self, value: &ConfigValue) -> bool {
        let items = match value {
            ConfigValue::List(items) => items
                .iter()
                .map(|item| match item {
                    ConfigValue::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            ConfigValue::Text(text) => Some(
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect(),
            ),
            _ => None,
        };
        items.map(|items| *self = items).is_some()
    }

    fn shown(&self) -> ConfigValue {
        ConfigValue::from(self.clone())
    }

    fn kind(&self) -> String {
        "a list of texts, or one text with commas between".to_owned()
    }
}

impl<T: Leaf + Default> Leaf for Option<T> {
    fn read(&mut self, value: &ConfigValue) -> bool {
        // TOML has no null; `none` says it there.
        if value.is_nothing() {
            *self = None;
            return true;
        }
        let mut inner = T::default();
        let read = inner.read(value);
        if read {
            *self = Some(inner);
        }
        read
    }

    fn shown(&self) -> ConfigValue {
        self.as_ref().map_or(ConfigValue::Null, Leaf::shown)
    }

    fn kind(&self) -> String {
        format!("{} or none", T::default().kind())
    }

    fn nullable(&self) -> bool {
        true
    }
}
