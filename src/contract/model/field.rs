//! The JSON form of each field type.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::{Members, Value};
use crate::contract::space::trim;
use crate::contract::time::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A type that fields of models can have, with the conversions from and to JSON.
pub(crate) trait Field: Sized {
    /// The error code for a value that is not of this type. The declaration of a field can set another code.
    const CODE: ErrorCode;

    /// Reads the value. If the value is invalid, adds an error to `issues` and returns `None`. `code` is the error code
    /// for a value of the wrong JSON type.
    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<Self>;

    /// Returns the JSON value. If the value is null, the member is left out of the canonical text.
    fn write(&self) -> Value;

    /// Returns null for an empty list, an empty object and `false`, and otherwise the value of
    /// [`Field::write`]. The canonical text does not contain members whose value is null. Fields that the
    /// objects of the Python package contexta 1.0.0 do not have are written in this way.
    fn write_sparse(&self) -> Value {
        match self.write() {
            Value::Map(members) if members.is_empty() => Value::Null,
            Value::List(items) if items.is_empty() => Value::Null,
            value => value,
        }
    }
}

pub(super) fn wrong<T>(value: &Value, wanted: &str, code: ErrorCode, issues: &mut Issues) -> Option<T> {
    issues.error(code, "", format!("expected {wanted}, found {}", value.type_name()));
    None
}

impl Field for String {
    const CODE: ErrorCode = ErrorCode::String;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<String> {
        match value {
            Value::Text(text) => Some(text),
            other => wrong(&other, "a text", code, issues),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.as_str())
    }
}

/// A path has a text as its JSON form. In the text, bytes that are not UTF-8 are replaced.
impl Field for PathBuf {
    const CODE: ErrorCode = ErrorCode::String;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<PathBuf> {
        String::read(value, code, issues).map(PathBuf::from)
    }

    fn write(&self) -> Value {
        Value::Text(self.to_string_lossy().into_owned())
    }
}

impl Field for Timestamp {
    const CODE: ErrorCode = ErrorCode::Timestamp;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<Timestamp> {
        match value {
            Value::Text(text) => issues.take("", Timestamp::parse(trim(&text))),
            other => wrong(&other, "a time", code, issues),
        }
    }

    fn write(&self) -> Value {
        Value::text(self)
    }
}

impl Field for u64 {
    const CODE: ErrorCode = ErrorCode::OrderIndex;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<u64> {
        let number = match &value {
            Value::Int(n) => u64::try_from(*n).ok(),
            Value::Big(digits) => digits.parse().ok(),
            _ => None,
        };
        number.or_else(|| wrong(&value, "a whole number from 0 to 2^64 - 1", code, issues))
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

impl Field for i64 {
    const CODE: ErrorCode = ErrorCode::MetricStep;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<i64> {
        match value {
            Value::Int(n) => Some(n),
            other => wrong(&other, "a whole number of 64 bits", code, issues),
        }
    }

    fn write(&self) -> Value {
        Value::Int(*self)
    }
}

impl Field for bool {
    const CODE: ErrorCode = ErrorCode::JsonShape;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<bool> {
        match value {
            Value::Bool(b) => Some(b),
            other => wrong(&other, "a boolean", code, issues),
        }
    }

    fn write(&self) -> Value {
        Value::Bool(*self)
    }

    fn write_sparse(&self) -> Value {
        if *self { Value::Bool(true) } else { Value::Null }
    }
}

impl<T: Field> Field for Option<T> {
    const CODE: ErrorCode = T::CODE;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<Option<T>> {
        match value {
            Value::Null => Some(None),
            value => T::read(value, code, issues).map(Some),
        }
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::write)
    }
}

impl<T: Field> Field for Vec<T> {
    const CODE: ErrorCode = T::CODE;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<Vec<T>> {
        let items = match value {
            Value::Null => Vec::new(),
            Value::List(items) => items,
            other => return wrong(&other, "a list", ErrorCode::JsonShape, issues),
        };
        let count = items.len();
        let read = |(n, item)| issues.at_index(n, |issues| T::read(item, code, issues));
        let read: Vec<T> = items.into_iter().enumerate().filter_map(read).collect();
        (read.len() == count).then_some(read)
    }

    fn write(&self) -> Value {
        Value::List(self.iter().map(Field::write).collect())
    }
}

impl Field for BTreeMap<String, String> {
    const CODE: ErrorCode = ErrorCode::Mapping;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<BTreeMap<String, String>> {
        let members = match value {
            Value::Null => Members::new(),
            Value::Map(members) => members,
            other => return wrong(&other, "an object of texts", code, issues),
        };
        let mut texts = BTreeMap::new();
        let mut wrong = false;
        for (key, value) in members {
            match value {
                Value::Text(text) => drop(texts.insert(key, text)),
                other => {
                    wrong = true;
                    issues.error_in(code, "", &key, format!("expected a text, found {}", other.type_name()));
                }
            }
        }
        (!wrong).then_some(texts)
    }

    fn write(&self) -> Value {
        Value::from(self.clone())
    }
}

impl Field for Members {
    const CODE: ErrorCode = ErrorCode::RecordMapping;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<Members> {
        match value {
            Value::Null => Some(Members::new()),
            Value::Map(members) => Some(members),
            other => wrong(&other, "an object", code, issues),
        }
    }

    fn write(&self) -> Value {
        Value::Map(self.clone())
    }
}
