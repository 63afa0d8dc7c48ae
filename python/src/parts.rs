//! Named arguments from Python, such as the members of a query.

use crate::convert::{Unknown, to_members};
use crate::error::refused;
use contexta::contract::{MetricValue, Value};
use pyo3::prelude::*;
use std::collections::BTreeMap;

/// Named arguments. A member that is null is absent.
pub(crate) struct Parts(BTreeMap<String, Value>);

impl Parts {
    /// Reads a mapping. `None` has no members.
    pub(crate) fn of(object: Option<&Bound<'_, PyAny>>) -> PyResult<Parts> {
        Ok(Parts(to_members(object, Unknown::Refuse)?))
    }

    /// Reads the members of an object.
    pub(crate) fn of_value(value: &Value) -> PyResult<Parts> {
        match value {
            Value::Map(members) => Ok(Parts(members.clone())),
            _ => Err(refused("query_invalid_argument", "a mapping is expected")),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !matches!(value, Value::Null))
    }

    pub(crate) fn text(&self, name: &str) -> PyResult<Option<String>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(other) => Err(invalid(name, "a text", other)),
        }
    }

    /// Reads a text that must be present.
    pub(crate) fn required(&self, name: &str) -> PyResult<String> {
        self.text(name)?
            .ok_or_else(|| refused("query_invalid_argument", &format!("the argument {name} is missing")))
    }

    pub(crate) fn count(&self, name: &str) -> PyResult<Option<usize>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Int(number)) => {
                let count = usize::try_from(*number);
                count.map(Some).map_err(|_| invalid(name, "a count", &Value::Int(*number)))
            }
            Some(other) => Err(invalid(name, "a count", other)),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> PyResult<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(invalid(name, "true or false", other)),
        }
    }

    /// Sets a flag if the argument is present.
    pub(crate) fn set_flag(&self, name: &str, flag: &mut bool) -> PyResult<()> {
        if let Some(given) = self.flag(name)? {
            *flag = given;
        }
        Ok(())
    }

    /// Sets a count if the argument is present.
    pub(crate) fn set_count(&self, name: &str, count: &mut usize) -> PyResult<()> {
        if let Some(given) = self.count(name)? {
            *count = given;
        }
        Ok(())
    }

    pub(crate) fn float(&self, name: &str) -> PyResult<Option<f64>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match number(value) {
                Some(number) => Ok(Some(number.as_f64())),
                None => Err(invalid(name, "a number", value)),
            },
        }
    }

    /// Reads a number that must be present. No digit is lost.
    pub(crate) fn number(&self, name: &str) -> PyResult<MetricValue> {
        let value = self.get(name).unwrap_or(&Value::Null);
        number(value).ok_or_else(|| invalid(name, "a number", value))
    }

    pub(crate) fn texts(&self, name: &str) -> PyResult<Option<Vec<String>>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let items = value.as_list().ok_or_else(|| invalid(name, "a list of texts", value))?;
        let item =
            |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| invalid(name, "a text", item));
        items.iter().map(item).collect::<PyResult<Vec<_>>>().map(Some)
    }

    pub(crate) fn list(&self, name: &str) -> PyResult<&[Value]> {
        match self.get(name) {
            None => Ok(&[]),
            Some(value) => value.as_list().ok_or_else(|| invalid(name, "a list", value)),
        }
    }

    /// Reads a member that is a mapping.
    pub(crate) fn parts(&self, name: &str) -> PyResult<Option<Parts>> {
        self.get(name).map(Parts::of_value).transpose()
    }

    /// Reads a mapping from text to text.
    pub(crate) fn text_members(&self, name: &str) -> PyResult<BTreeMap<String, String>> {
        let Some(value) = self.get(name) else { return Ok(BTreeMap::new()) };
        let Value::Map(members) = value else { return Err(invalid(name, "a mapping", value)) };
        let member = |(key, value): (&String, &Value)| match value {
            Value::Text(text) => Ok((key.clone(), text.clone())),
            other => Err(invalid(name, "a mapping to texts", other)),
        };
        members.iter().map(member).collect()
    }
}

fn number(value: &Value) -> Option<MetricValue> {
    match value {
        Value::Text(text) => match text.as_str() {
            "NaN" => Some(MetricValue::Float(f64::NAN)),
            "Infinity" => Some(MetricValue::Float(f64::INFINITY)),
            "-Infinity" => Some(MetricValue::Float(f64::NEG_INFINITY)),
            _ => None,
        },
        other => MetricValue::try_from(other.clone()).ok(),
    }
}

pub(crate) fn invalid(name: &str, expected: &str, value: &Value) -> PyErr {
    let message = format!("the argument {name} must be {expected}, and is {}", value.type_name());
    refused("query_invalid_argument", &message)
}
