//! Conversions between Python objects and values of the library.

use crate::error::refused;
use contexta::contract::{MetricValue, Value};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};
use std::collections::BTreeMap;

/// The greatest depth of nested values, which is also the limit of the library for JSON.
const DEPTH_MAX: usize = 64;

/// The treatment of an object that has no JSON form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The object is an error.
    Refuse,
    /// The object is replaced by its text, `str(object)`.
    AsText,
}

/// Converts a value of the library to a Python object.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Int(value) => value.into_pyobject(py)?.into_any(),
        Value::Big(digits) => py.get_type::<PyInt>().call1((digits.as_str(),))?,
        Value::Float(value) => PyFloat::new(py, *value).into_any(),
        Value::Text(text) => PyString::new(py, text).into_any(),
        Value::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Map(members) => members_to_python(py, members)?.into_any(),
    })
}

/// Converts members of an object to a Python dictionary.
pub(crate) fn members_to_python<'py>(
    py: Python<'py>,
    members: &BTreeMap<String, Value>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, value) in members {
        dict.set_item(key, to_python(py, value)?)?;
    }
    Ok(dict)
}

/// Converts a Python object to a value of the library. Numbers of numpy and torch, paths, times, dataclasses,
/// namespaces, sets and enumerations are accepted beside the types of JSON.
pub(crate) fn to_value(object: &Bound<'_, PyAny>, unknown: Unknown) -> PyResult<Value> {
    value_at(object, unknown, 0)
}

/// Converts a mapping to the members of an object. `None` has no members.
pub(crate) fn to_members(
    object: Option<&Bound<'_, PyAny>>,
    unknown: Unknown,
) -> PyResult<BTreeMap<String, Value>> {
    match object.map(|object| to_value(object, unknown)).transpose()? {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Map(members)) => Ok(members),
        Some(_) => Err(refused("capture_model_invalid_mapping", "a mapping is expected")),
    }
}

/// Returns the text of a string. Code points that are not characters (lone surrogates) are replaced by U+FFFD.
pub(crate) fn text(object: &Bound<'_, PyAny>) -> PyResult<String> {
    match object.cast::<PyString>() {
        Ok(text) => Ok(text.to_string_lossy().into_owned()),
        Err(_) => Ok(object.str()?.to_string_lossy().into_owned()),
    }
}

fn value_at(object: &Bound<'_, PyAny>, unknown: Unknown, depth: usize) -> PyResult<Value> {
    if depth > DEPTH_MAX {
        return Err(refused("capture_model_invalid_json_value", "the value has more than 64 nested levels"));
    }
    if object.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(value) = object.cast::<PyBool>() {
        return Ok(Value::Bool(value.is_true()));
    }
    if object.is_exact_instance_of::<PyFloat>() || object.is_instance_of::<PyFloat>() {
        return Ok(Value::Float(object.extract()?));
    }
    if object.is_instance_of::<PyInt>() && !is_enumeration(object)? {
        return integer(object);
    }
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(Value::Text(text.to_string_lossy().into_owned()));
    }
    if let Ok(items) = object.cast::<PyList>() {
        return sequence(items.iter().map(Ok), unknown, depth);
    }
    if let Ok(items) = object.cast::<PyTuple>() {
        return sequence(items.iter().map(Ok), unknown, depth);
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        return members(dict.iter().map(Ok), unknown, depth);
    }
    if let Ok(mapping) = object.cast::<PyMapping>() {
        let items = mapping.items()?;
        return members(items.iter().map(|item| item.extract()), unknown, depth);
    }
    foreign(object, unknown, depth)
}

/// Converts an object of a type outside the types of JSON, by its usual plain form.
fn foreign(object: &Bound<'_, PyAny>, unknown: Unknown, depth: usize) -> PyResult<Value> {
    let plain = plain_module(object.py())?.call_method1("plain_form", (object,));
    match (plain, unknown) {
        (Ok(plain), _) if !plain.is(object) => value_at(&plain, unknown, depth + 1),
        (Err(error), Unknown::Refuse) => Err(error),
        (_, Unknown::AsText) => Ok(Value::Text(shown(object))),
        (_, Unknown::Refuse) => {
            let kind = object.get_type().name()?;
            let message = format!("an object of type {kind} has no JSON form");
            Err(refused("capture_model_invalid_json_value", &message))
        }
    }
}

/// Returns the text of an object. If the object has no text, because its method `__str__` fails, returns its type.
fn shown(object: &Bound<'_, PyAny>) -> String {
    let kind = || object.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    text(object).unwrap_or_else(|_| format!("<{}>", kind()))
}

fn plain_module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("contexta._plain")
}

fn is_enumeration(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    object.hasattr("_value_")
}

fn integer(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    match object.extract::<i64>() {
        Ok(number) => Ok(Value::Int(number)),
        Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => Ok(Value::Big(digits(object)?)),
        Err(error) => Err(error),
    }
}

/// Returns the decimal digits of an integer. Errors: Python refuses to write integers of more than 4,300 digits.
fn digits(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let digits = object
        .str()
        .map_err(|_| refused("serialization_integer_too_long", "an integer has too many digits"))?;
    Ok(digits.to_string_lossy().into_owned())
}

fn sequence<'py>(
    items: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    unknown: Unknown,
    depth: usize,
) -> PyResult<Value> {
    let mut values = Vec::new();
    for item in items {
        values.push(value_at(&item?, unknown, depth + 1)?);
    }
    Ok(Value::List(values))
}

fn members<'py>(
    items: impl Iterator<Item = PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)>>,
    unknown: Unknown,
    depth: usize,
) -> PyResult<Value> {
    let mut members = BTreeMap::new();
    for item in items {
        let (key, value) = item?;
        let (name, value) = (text(&key)?, value_at(&value, unknown, depth + 1)?);
        if members.contains_key(&name) {
            let message = format!("two keys of a mapping have the same text {name:?}");
            return Err(refused("capture_model_invalid_mapping", &message));
        }
        members.insert(name, value);
    }
    Ok(Value::Map(members))
}

/// Converts a Python object to the value of a metric. Accepted are integers, floats, and objects that convert to a
/// number, such as scalars of numpy and torch. Refused are booleans, texts and arrays of more than one number.
pub(crate) fn metric_value(object: &Bound<'_, PyAny>) -> PyResult<MetricValue> {
    if object.is_exact_instance_of::<PyFloat>() {
        return Ok(MetricValue::Float(object.extract()?));
    }
    if object.is_instance_of::<PyBool>() {
        return Err(no_metric(object));
    }
    if object.is_instance_of::<PyInt>() {
        return Ok(match integer(object)? {
            Value::Int(number) => MetricValue::Int(number),
            other => MetricValue::try_from(other).map_err(|_| no_metric(object))?,
        });
    }
    if object.is_instance_of::<PyFloat>() {
        return Ok(MetricValue::Float(object.extract()?));
    }
    if object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>() {
        return Err(no_metric(object));
    }
    let number = plain_module(object.py())?.call_method1("plain_number", (object,))?;
    if number.is_none() {
        return Err(no_metric(object));
    }
    metric_value(&number)
}

fn no_metric(object: &Bound<'_, PyAny>) -> PyErr {
    let kind = object.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    let message = format!("the value of a metric is a number, and an object of type {kind} is not a number");
    refused("capture_model_invalid_metric_value", &message)
}

/// Converts a Python object to the number of a step. Accepted are integers and objects that convert to an integer.
pub(crate) fn step(object: &Bound<'_, PyAny>) -> PyResult<i64> {
    match object.extract::<i64>() {
        Ok(number) => Ok(number),
        Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => {
            let number = plain_module(object.py())?.call_method1("plain_step", (object,))?;
            if number.is_none() {
                let message =
                    format!("a step is a whole number, and {} is not", text(&object.repr()?.into_any())?);
                return Err(refused("record_invalid_metric_step", &message));
            }
            step(&number)
        }
        Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
            Err(refused("record_invalid_metric_step", "a step must be an integer that fits into 64 bits"))
        }
        Err(error) => Err(error),
    }
}

/// Converts an object to types of JSON: dictionaries, lists, texts, numbers, booleans and `None`. Objects without such
/// a form are refused, or with `as_text` replaced by their text.
#[pyfunction]
#[pyo3(signature = (object, *, as_text = false))]
pub(crate) fn plain<'py>(object: &Bound<'py, PyAny>, as_text: bool) -> PyResult<Bound<'py, PyAny>> {
    let unknown = if as_text { Unknown::AsText } else { Unknown::Refuse };
    to_python(object.py(), &to_value(object, unknown)?)
}

/// Returns the value of a metric as an integer or float.
#[pyfunction]
pub(crate) fn metric_number<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    match metric_value(object)? {
        MetricValue::Int(number) => to_python(py, &Value::Int(number)),
        MetricValue::Float(number) => to_python(py, &Value::Float(number)),
        MetricValue::Big(digits) => to_python(py, &Value::Big(digits.into())),
        #[expect(unreachable_patterns, reason = "the type may get more variants")]
        _ => Err(no_metric(object)),
    }
}

/// Returns the number of a step.
#[pyfunction]
pub(crate) fn step_number(object: &Bound<'_, PyAny>) -> PyResult<i64> {
    step(object)
}
