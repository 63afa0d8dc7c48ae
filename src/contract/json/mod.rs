//! JSON values, their canonical text, and a strict reader.
//!
//! Canonical text is what the Python reference writes: keys in code point order, members that are null left out,
//! no spaces, integers of any size, floats in the shortest form that reads back, in Python's style.

pub mod read;
pub mod write;

use std::collections::BTreeMap;

/// A JSON value. Integers and floats stay apart; an integer beyond 64 bits keeps its digits.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A larger integer: an optional minus, then digits without a leading zero.
    Big(String),
    /// A number with a fraction or exponent.
    Float(f64),
    /// A text.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object.
    Map(BTreeMap<String, Value>),
}

/// A thing with a canonical JSON form.
pub trait Canonical {
    /// The form as a value; members that are absent may be null.
    fn to_value(&self) -> Value;

    /// The canonical text. Errors: a number that is not finite.
    fn to_json(&self) -> crate::contract::Result<String> {
        write::canonical(&self.to_value())
    }
}

impl Value {
    /// An object of these members.
    pub fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
        Value::Map(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }

    /// A text by its display form.
    pub fn text(value: impl ToString) -> Value {
        Value::Text(value.to_string())
    }

    /// An array of these values.
    pub fn list<T: Into<Value>>(values: impl IntoIterator<Item = T>) -> Value {
        Value::List(values.into_iter().map(Into::into).collect())
    }

    /// Why this value has no JSON text that the strict reader takes back, if so: a number that is not finite, digits that
    /// are no integer, lists and objects more than `depth` deep in each other.
    pub fn unwritable(&self, depth: usize) -> Option<&'static str> {
        let digits = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            digits.len() <= read::DIGITS_MAX
                && digits.bytes().all(|b| b.is_ascii_digit())
                && digits.bytes().next().is_some_and(|first| first != b'0')
        };
        let Some(below) = depth.checked_sub(1) else { return Some("is nested too deeply") };
        match self {
            Value::Float(f) if !f.is_finite() => Some("holds a number that is not finite"),
            Value::Big(text) if !digits(text) => Some("holds digits that are no integer"),
            Value::List(items) => items.iter().find_map(|item| item.unwritable(below)),
            Value::Map(members) => members.values().find_map(|member| member.unwritable(below)),
            _ => None,
        }
    }

    /// How many values this is: itself, and all in it.
    pub fn count(&self) -> usize {
        match self {
            Value::List(items) => 1 + items.iter().map(Value::count).sum::<usize>(),
            Value::Map(members) => 1 + members.values().map(Value::count).sum::<usize>(),
            _ => 1,
        }
    }

    /// Leaves out the members of objects that are null, at every depth, as the canonical text does.
    pub fn drop_nulls(&mut self) {
        match self {
            Value::Map(members) => {
                members.retain(|_, member| *member != Value::Null);
                members.values_mut().for_each(Value::drop_nulls);
            }
            Value::List(items) => items.iter_mut().for_each(Value::drop_nulls),
            _ => {}
        }
    }

    /// What sort of value this is, in words.
    pub fn sort(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a truth value",
            Value::Int(_) | Value::Big(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        }
    }

    /// A member of an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(members) => members.get(key),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if it is an array.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }
}

/// As people write it: a text without its quotes, anything else as canonical JSON.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Float(number) => f.write_str(&write::float(*number)),
            other => f.write_str(&write::canonical(other).unwrap_or_default()),
        }
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Value {
        Value::Bool(v)
    }
}

/// Number types that an integer or float holds without loss.
macro_rules! number_values {
    ($($variant:ident: $($type:ty),*;)*) => {$($(
        impl From<$type> for Value {
            fn from(v: $type) -> Value { Value::$variant(v.into()) }
        }
    )*)*};
}
number_values! {
    Int: i64, i32, i16, i8, u32, u16, u8;
    Float: f64;
}

/// The number that the shortest digits of the float say: 0.1, not 0.10000000149011612. It reads back to the same float.
impl From<f32> for Value {
    fn from(v: f32) -> Value {
        Value::Float(as_written(v))
    }
}

/// The number that the shortest digits of a single-precision float say.
pub(crate) fn as_written(v: f32) -> f64 {
    if v.is_finite() { v.to_string().parse().unwrap_or(f64::from(v)) } else { f64::from(v) }
}

impl From<u64> for Value {
    fn from(v: u64) -> Value {
        i64::try_from(v).map_or_else(|_| Value::Big(v.to_string()), Value::Int)
    }
}

impl From<usize> for Value {
    fn from(v: usize) -> Value {
        Value::from(v as u64)
    }
}

impl From<&str> for Value {
    fn from(v: &str) -> Value {
        Value::Text(v.to_owned())
    }
}

impl From<String> for Value {
    fn from(v: String) -> Value {
        Value::Text(v)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Value {
        v.map_or(Value::Null, Into::into)
    }
}

impl From<BTreeMap<String, String>> for Value {
    fn from(map: BTreeMap<String, String>) -> Value {
        Value::Map(map.into_iter().map(|(k, v)| (k, Value::Text(v))).collect())
    }
}

impl From<BTreeMap<String, Value>> for Value {
    fn from(map: BTreeMap<String, Value>) -> Value {
        Value::Map(map)
    }
}
