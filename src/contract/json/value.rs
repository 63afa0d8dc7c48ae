//! A JSON value.

use crate::contract::json::limits::DIGITS_MAX;
use crate::contract::json::non_finite;
use std::collections::BTreeMap;

/// The members of an object, by name.
pub type Members = BTreeMap<String, Value>;

/// A JSON value. Integers and floats are different variants, and an integer beyond 64 bits keeps all digits.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The value `null`.
    Null,
    /// A boolean, `true` or `false`.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer beyond 64 bits: an optional minus sign, then digits without a leading zero.
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

impl Value {
    /// Creates an object of these members.
    pub fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
        Value::Map(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }

    /// Creates a text from the display form of `value`.
    pub fn text(value: impl ToString) -> Value {
        Value::Text(value.to_string())
    }

    /// Creates an array of these values.
    pub fn list<T: Into<Value>>(values: impl IntoIterator<Item = T>) -> Value {
        Value::List(values.into_iter().map(Into::into).collect())
    }

    /// Returns a reason why the strict reader would refuse the JSON text of the value; `None` if there is no reason.
    /// The reasons are a number that is not finite, a [`Value::Big`] with invalid or too many digits, and more than
    /// `depth` levels of nesting. The number of values is not checked.
    pub fn unwritable(&self, depth: usize) -> Option<&'static str> {
        let digits = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            digits.len() <= DIGITS_MAX
                && digits.bytes().all(|b| b.is_ascii_digit())
                && digits.bytes().next().is_some_and(|first| first != b'0')
        };
        let Some(below) = depth.checked_sub(1) else { return Some("is nested too deeply") };
        match self {
            Value::Float(f) if !f.is_finite() => Some("contains a number that is not finite"),
            Value::Big(text) if !digits(text) => Some("contains an integer with invalid or too many digits"),
            Value::List(items) => items.iter().find_map(|item| item.unwritable(below)),
            Value::Map(members) => members.values().find_map(|member| member.unwritable(below)),
            _ => None,
        }
    }

    /// Returns the number of values: this value and all values in it.
    pub fn count(&self) -> usize {
        match self {
            Value::List(items) => 1 + items.iter().map(Value::count).sum::<usize>(),
            Value::Map(members) => 1 + members.values().map(Value::count).sum::<usize>(),
            _ => 1,
        }
    }

    /// Replaces every number that is not finite by its text form: `NaN`, `Infinity` or `-Infinity`.
    pub fn name_non_finite(&mut self) {
        match self {
            Value::Float(number) => {
                if let Some(text) = non_finite::text_of(*number) {
                    *self = Value::Text(text.to_owned());
                }
            }
            Value::Map(members) => members.values_mut().for_each(Value::name_non_finite),
            Value::List(items) => items.iter_mut().for_each(Value::name_non_finite),
            _ => {}
        }
    }

    /// Returns `true` if an object member is null, at any depth.
    pub(crate) fn has_null_member(&self) -> bool {
        match self {
            Value::Map(members) => members.values().any(|m| *m == Value::Null || m.has_null_member()),
            Value::List(items) => items.iter().any(Value::has_null_member),
            _ => false,
        }
    }

    /// Removes every object member whose value is null, at every depth. Canonical text does not contain such members.
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

    /// Returns the name of the value's type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Big(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        }
    }

    /// Returns the member `key`; `None` if the value is not an object or does not have the member.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(members) => members.get(key),
            _ => None,
        }
    }

    /// Returns the text, if the value is a text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the items, if the value is an array.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }
}
