//! The types that a setting can have.

use crate::config::value::ConfigValue;
use std::path::PathBuf;

/// The type of a setting, with its conversions from and to a value.
pub(super) trait Leaf {
    /// Sets the setting to the value. Returns `false`, without a change, if the value is not of this type.
    fn read(&mut self, value: &ConfigValue) -> bool;
    /// Returns the setting as a value.
    fn shown(&self) -> ConfigValue;
    /// Describes the values that the setting accepts.
    fn kind(&self) -> String;
    /// Returns `true` if the setting accepts `none`, because the type of the setting is an `Option`.
    fn nullable(&self) -> bool {
        false
    }
    /// Tells whether the setting is a path.
    fn is_path(&self) -> bool {
        false
    }
    /// Returns the path, if the setting is a path and is set.
    fn path(&mut self) -> Option<&mut PathBuf> {
        None
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

/// Prepares the text of a number, such as `1_000`, for parsing: removes every `_` between two digits, and white space
/// at both ends. Returns `None` if a `_` is not between two digits.
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
        // No file system allows NUL in a name.
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

    fn is_path(&self) -> bool {
        true
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
        "a list of texts, or one text with its items separated by commas".to_owned()
    }
}

impl<T: Leaf + Default> Leaf for Option<T> {
    fn read(&mut self, value: &ConfigValue) -> bool {
        // TOML has no null; `none` replaces it.
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

    fn is_path(&self) -> bool {
        T::default().is_path()
    }

    fn path(&mut self) -> Option<&mut PathBuf> {
        self.as_mut().and_then(Leaf::path)
    }
}
