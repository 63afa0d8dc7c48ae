//! The contract: refs, models, extensions, canonical JSON and validation.
//!
//! A model of Python is passed as a name and a dictionary of its members, because every rule is in the library.

use crate::convert::{Unknown, text, to_python, to_value};
use crate::error::{contract as failed, refused};
use contexta::contract::json::{read, write};
use contexta::contract::validate::{check_value, deserialize};
use contexta::contract::{
    ArtifactAlias, ArtifactManifest, BatchExecution, Canonical, CodeState, CorrelationRefs, DegradedPayload,
    DegradedRecord, DeploymentExecution, Device, EnvironmentSnapshot, EventPayload, ExtensionFieldSet,
    ExtensionRegistry, ExtensionRegistryEntry, ExtensionTarget, HostDescription, LineageEdge, MetricPayload,
    MetricRecord, Model, ModelInput, OperationContext, Project, ProvenanceRecord, Readonly, RecordEnvelope,
    Run, Runtime, SampleObservation, StableRef, StageExecution, StructuredEventRecord, Timestamp,
    TraceSpanPayload, TraceSpanRecord, Valid, Value, deserialize_stable_ref, to_json, to_payload,
};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Calls a generic function for the model with the name `$kind`.
macro_rules! for_model {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            "Project" => $function::<Project>($($argument),*),
            "Run" => $function::<Run>($($argument),*),
            "DeploymentExecution" => $function::<DeploymentExecution>($($argument),*),
            "StageExecution" => $function::<StageExecution>($($argument),*),
            "BatchExecution" => $function::<BatchExecution>($($argument),*),
            "SampleObservation" => $function::<SampleObservation>($($argument),*),
            "OperationContext" => $function::<OperationContext>($($argument),*),
            "EnvironmentSnapshot" => $function::<EnvironmentSnapshot>($($argument),*),
            "Runtime" => $function::<Runtime>($($argument),*),
            "Device" => $function::<Device>($($argument),*),
            "HostDescription" => $function::<HostDescription>($($argument),*),
            "CodeState" => $function::<CodeState>($($argument),*),
            "RecordEnvelope" => $function::<RecordEnvelope>($($argument),*),
            "CorrelationRefs" => $function::<CorrelationRefs>($($argument),*),
            "StructuredEventRecord" => $function::<StructuredEventRecord>($($argument),*),
            "MetricRecord" => $function::<MetricRecord>($($argument),*),
            "TraceSpanRecord" => $function::<TraceSpanRecord>($($argument),*),
            "DegradedRecord" => $function::<DegradedRecord>($($argument),*),
            "StructuredEventPayload" => $function::<EventPayload>($($argument),*),
            "MetricPayload" => $function::<MetricPayload>($($argument),*),
            "TraceSpanPayload" => $function::<TraceSpanPayload>($($argument),*),
            "DegradedPayload" => $function::<DegradedPayload>($($argument),*),
            "ArtifactManifest" => $function::<ArtifactManifest>($($argument),*),
            "ArtifactAlias" => $function::<ArtifactAlias>($($argument),*),
            "LineageEdge" => $function::<LineageEdge>($($argument),*),
            "ProvenanceRecord" => $function::<ProvenanceRecord>($($argument),*),
            _ => Err(PyRuntimeError::new_err("there is no such model")),
        }
    };
}

type Any<'py> = Bound<'py, PyAny>;

/// Reads and normalizes a model from JSON text or a dictionary of its members. Returns all members; a member without a
/// value is `None`.
#[pyfunction]
#[pyo3(signature = (kind, data, registry = None))]
fn model_read<'py>(
    py: Python<'py>,
    kind: &str,
    data: &Any<'py>,
    registry: Option<&Any<'py>>,
) -> PyResult<Any<'py>> {
    let registry = registry.map(registry_of).transpose()?;
    to_python(py, &for_model!(kind, model_value(data, registry.as_ref()))?)
}

fn model_value<M: Model + Clone + Send + Sync>(
    data: &Any<'_>,
    registry: Option<&ExtensionRegistry>,
) -> PyResult<Value> {
    model::<M>(data, registry).map(|model| model.to_value())
}

fn model<M: Model + Clone + Send + Sync>(
    data: &Any<'_>,
    registry: Option<&ExtensionRegistry>,
) -> PyResult<Valid<M>> {
    let py = data.py();
    match data.cast::<PyString>() {
        Ok(json) => {
            let json = json_text(json)?;
            py.detach(|| deserialize::<M>(ModelInput::Text(&json), registry).map_err(failed))
        }
        Err(_) => {
            let value = value(data)?;
            py.detach(|| deserialize::<M>(ModelInput::Value(value), registry).map_err(failed))
        }
    }
}

/// Returns the canonical JSON text of a model.
#[pyfunction]
fn model_json(kind: &str, data: &Any<'_>) -> PyResult<String> {
    for_model!(kind, model_text(data))
}

fn model_text<M: Model + Clone + Send + Sync>(data: &Any<'_>) -> PyResult<String> {
    let model = model::<M>(data, None)?;
    data.py().detach(|| to_json(&*model).map_err(failed))
}

/// Returns the canonical JSON value of a model.
#[pyfunction]
fn model_payload<'py>(py: Python<'py>, kind: &str, data: &Any<'py>) -> PyResult<Any<'py>> {
    to_python(py, &for_model!(kind, model_canonical(data))?)
}

fn model_canonical<M: Model + Clone + Send + Sync>(data: &Any<'_>) -> PyResult<Value> {
    model::<M>(data, None).map(|model| to_payload(&*model))
}

/// Returns every issue of a model, given as JSON text or as a dictionary of its members.
#[pyfunction]
#[pyo3(signature = (kind, data, registry = None))]
fn model_report<'py>(
    py: Python<'py>,
    kind: &str,
    data: &Any<'py>,
    registry: Option<&Any<'py>>,
) -> PyResult<Any<'py>> {
    let registry = registry.map(registry_of).transpose()?;
    let value = match data.cast::<PyString>() {
        Ok(json) => read::parse(&json_text(json)?).map_err(failed)?,
        Err(_) => value(data)?,
    };
    to_python(py, &for_model!(kind, report(value, registry.as_ref()))?)
}

fn report<M: Model + Clone>(value: Value, registry: Option<&ExtensionRegistry>) -> PyResult<Value> {
    Ok(check_value::<M>(value, registry).1.to_value())
}

/// Converts a Python object to a value. An object without a JSON form is refused with the code of the contract.
fn value(object: &Any<'_>) -> PyResult<Value> {
    to_value(object, Unknown::Refuse).map_err(|error| {
        let py = object.py();
        let message = error.value(py).str().map(|message| message.to_string()).unwrap_or_default();
        refused("extension_invalid_value", &message)
    })
}

/// Returns JSON text. A lone surrogate is refused, because it cannot be part of JSON text.
fn json_text(json: &Bound<'_, PyString>) -> PyResult<String> {
    json.extract().map_err(|_| refused("deserialize_invalid_json", "the text contains a lone surrogate"))
}

/// A value whose canonical form is the value itself.
struct Plain(Value);

impl Canonical for Plain {
    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

/// Returns the canonical JSON text of any value.
#[pyfunction]
fn canonical_json(data: &Any<'_>) -> PyResult<String> {
    write::canonical(&value(data)?).map_err(failed)
}

/// Returns the canonical JSON value of any value.
#[pyfunction]
fn canonical_payload<'py>(py: Python<'py>, data: &Any<'py>) -> PyResult<Any<'py>> {
    let value = value(data)?;
    write::canonical(&value).map_err(failed)?;
    to_python(py, &to_payload(&Plain(value)))
}

/// Parses a ref. Returns its kind and its value.
#[pyfunction]
fn ref_parse(text: &str) -> PyResult<(String, String)> {
    StableRef::parse(text).map(parts).map_err(failed)
}

/// Reads a ref from plain text, from a JSON string in quotes, or from another value.
#[pyfunction]
fn ref_read(data: &Any<'_>) -> PyResult<(String, String)> {
    match data.cast::<PyString>() {
        Ok(_) => deserialize_stable_ref(text(data)?.as_str()),
        Err(_) => deserialize_stable_ref(value(data)?),
    }
    .map(parts)
    .map_err(failed)
}

fn parts(any: StableRef) -> (String, String) {
    (any.kind().to_owned(), any.value().to_owned())
}

/// Checks the number of components of a ref.
#[pyfunction]
fn ref_check_shape(text: &str) -> PyResult<()> {
    StableRef::parse(text).and_then(|any| any.check_shape()).map_err(failed)
}

/// Returns a time in the text form of the contract.
#[pyfunction]
fn time_text(text: &str) -> PyResult<String> {
    Timestamp::parse(text.trim()).map(|time| time.to_string()).map_err(failed)
}

/// Reads and normalizes an extension field set.
#[pyfunction]
fn extension_read<'py>(py: Python<'py>, data: &Any<'py>) -> PyResult<Any<'py>> {
    to_python(py, &set_of(data)?.to_value())
}

fn set_of(data: &Any<'_>) -> PyResult<ExtensionFieldSet> {
    let value = match data.cast::<PyString>() {
        Ok(json) => read::parse(&json_text(json)?).map_err(failed)?,
        Err(_) => value(data)?,
    };
    ExtensionFieldSet::from_value(value).map_err(failed)
}

/// Changes a field set: makes the fields `readonly` read-only, adds or replaces `updates`, and removes `without`.
#[pyfunction]
fn extension_change<'py>(
    py: Python<'py>,
    set: &Any<'py>,
    readonly: Vec<String>,
    updates: &Any<'py>,
    without: Vec<String>,
    allow_readonly: bool,
) -> PyResult<Any<'py>> {
    let rule = if allow_readonly { Readonly::Overridden } else { Readonly::Kept };
    let mut changed = set_of(set)?;
    match value(updates)? {
        Value::Map(updates) if updates.is_empty() => {}
        Value::Map(updates) => changed = changed.merge(updates, rule).map_err(failed)?,
        _ => return Err(refused("extension_invalid_fields", "the updates must be a mapping")),
    }
    if !without.is_empty() {
        let keys: Vec<&str> = without.iter().map(String::as_str).collect();
        changed = changed.without(&keys, rule).map_err(failed)?;
    }
    if !readonly.is_empty() {
        changed = changed.with_readonly(readonly).map_err(failed)?;
    }
    to_python(py, &changed.to_value())
}

fn registry_of(entries: &Any<'_>) -> PyResult<ExtensionRegistry> {
    match value(entries)? {
        Value::List(entries) => {
            let entries =
                entries.iter().map(ExtensionRegistryEntry::from_value).collect::<Result<Vec<_>, _>>();
            entries.and_then(ExtensionRegistry::new).map_err(failed)
        }
        _ => Err(refused("extension_registry_invalid", "a registry is a list of entries")),
    }
}

/// Reads and normalizes the entry of a registry.
#[pyfunction]
fn registry_entry<'py>(py: Python<'py>, entry: &Any<'py>) -> PyResult<Any<'py>> {
    let entry = ExtensionRegistryEntry::from_value(&value(entry)?).map_err(failed)?;
    to_python(py, &entry.to_value())
}

/// Reads and sorts the entries of a registry.
#[pyfunction]
fn registry_read<'py>(py: Python<'py>, entries: &Any<'py>) -> PyResult<Any<'py>> {
    to_python(py, &registry_of(entries)?.to_value())
}

/// Checks that a namespace is registered. With `must_exist = false`, only its form is checked.
#[pyfunction]
fn registry_check(entries: &Any<'_>, namespace: &str, must_exist: bool) -> PyResult<bool> {
    let registry = registry_of(entries)?;
    match must_exist {
        true => registry.require(namespace).map(|_| true),
        false => registry.get(namespace).map(|entry| entry.is_some()),
    }
    .map_err(failed)
}

/// Returns the field sets of a model with the read-only fields of the registry.
#[pyfunction]
fn registry_normalize<'py>(
    py: Python<'py>,
    entries: &Any<'py>,
    sets: Vec<Any<'py>>,
    target: &str,
) -> PyResult<Any<'py>> {
    let (registry, target) = (registry_of(entries)?, target.parse::<ExtensionTarget>().map_err(failed)?);
    let sets = sets.iter().map(set_of).collect::<PyResult<Vec<_>>>()?;
    let sets = registry.normalize(&sets, target).map_err(failed)?;
    to_python(py, &Value::List(sets.iter().map(Canonical::to_value).collect()))
}

/// Returns every issue that a registry finds in a field set of a model.
#[pyfunction]
fn registry_report<'py>(
    py: Python<'py>,
    entries: &Any<'py>,
    set: &Any<'py>,
    target: &str,
) -> PyResult<Any<'py>> {
    let (registry, target) = (registry_of(entries)?, target.parse::<ExtensionTarget>().map_err(failed)?);
    to_python(py, &registry.check(&set_of(set)?, target).to_value())
}

/// Adds the functions to the native module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(model_read, module)?)?;
    module.add_function(wrap_pyfunction!(model_json, module)?)?;
    module.add_function(wrap_pyfunction!(model_payload, module)?)?;
    module.add_function(wrap_pyfunction!(model_report, module)?)?;
    module.add_function(wrap_pyfunction!(canonical_json, module)?)?;
    module.add_function(wrap_pyfunction!(canonical_payload, module)?)?;
    module.add_function(wrap_pyfunction!(ref_parse, module)?)?;
    module.add_function(wrap_pyfunction!(ref_read, module)?)?;
    module.add_function(wrap_pyfunction!(ref_check_shape, module)?)?;
    module.add_function(wrap_pyfunction!(time_text, module)?)?;
    module.add_function(wrap_pyfunction!(extension_read, module)?)?;
    module.add_function(wrap_pyfunction!(extension_change, module)?)?;
    module.add_function(wrap_pyfunction!(registry_entry, module)?)?;
    module.add_function(wrap_pyfunction!(registry_read, module)?)?;
    module.add_function(wrap_pyfunction!(registry_check, module)?)?;
    module.add_function(wrap_pyfunction!(registry_normalize, module)?)?;
    module.add_function(wrap_pyfunction!(registry_report, module)?)?;
    Ok(())
}
