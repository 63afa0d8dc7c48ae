//! Conversions of Rust values into JSON values.

use crate::contract::json::value::Value;
use std::collections::BTreeMap;

impl From<bool> for Value {
    fn from(v: bool) -> Value {
        Value::Bool(v)
    }
}

/// Implements the conversion to [`Value`] for number types that [`Value::Int`] or [`Value::Float`] represents exactly.
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

/// Converts the float to the `f64` that has the same shortest decimal text, so that 0.1 does not become
/// 0.10000000149011612. A conversion back to `f32` returns the same number.
impl From<f32> for Value {
    fn from(v: f32) -> Value {
        Value::Float(as_written(v))
    }
}

/// Converts an `f32` to the `f64` that has the same shortest decimal text, so that 0.1 does not become
/// 0.10000000149011612.
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

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Value {
        Value::list(items)
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
