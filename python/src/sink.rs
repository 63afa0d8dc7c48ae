//! Sinks that are Python objects.

use crate::convert::{Unknown, text, to_python, to_value};
use contexta::capture::{PayloadFamily, Sink, SinkError, SinkReceipt, SinkRequest};
use contexta::contract::Value;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::fmt;

/// A sink whose methods are those of a Python object.
pub(crate) struct PythonSink {
    name: String,
    families: Vec<PayloadFamily>,
    object: Py<PyAny>,
}

impl fmt::Debug for PythonSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonSink").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PythonSink {
    /// Creates the sink of an object with the attributes `name` and `supported_families` and the method
    /// `capture`.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<PythonSink> {
        let name = text(&object.getattr("name")?)?;
        let mut families = Vec::new();
        for family in object.getattr("supported_families")?.try_iter()? {
            let family = text(&family?)?.to_uppercase();
            let known = PayloadFamily::ALL.iter().find(|known| known.as_str() == family);
            families.extend(known);
        }
        Ok(PythonSink { name, families, object: object.clone().unbind() })
    }

    fn deliver(&self, py: Python<'_>, request: &SinkRequest<'_>) -> PyResult<SinkReceipt> {
        let parts = PyDict::new(py);
        parts.set_item("family", request.family().as_str())?;
        parts.set_item("payload_type", request.payload_type())?;
        parts.set_item("payload_ref", request.payload_ref())?;
        parts.set_item("position", request.position().to_string())?;
        parts.set_item("captured_at", request.captured_at().to_string())?;
        parts.set_item("payload", to_python(py, request.payload())?)?;
        let deliver = py.import("contexta._sinks")?.getattr("_deliver")?;
        let answer = deliver.call1((self.object.bind(py), parts))?;
        receipt(&to_value(&answer, Unknown::AsText)?)
    }
}

impl Sink for PythonSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn families(&self) -> &[PayloadFamily] {
        &self.families
    }

    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        Python::attach(|py| {
            self.deliver(py, request).map_err(|error| {
                let value = error.value(py);
                let code = value.getattr("code").and_then(|code| code.extract::<String>()).ok();
                let is_retryable = value
                    .getattr("retryable")
                    .and_then(|retryable| retryable.extract::<bool>())
                    .unwrap_or(false);
                let code = code.unwrap_or_else(|| "unexpected_sink_error".to_owned());
                if is_retryable {
                    SinkError::retryable(code, error.to_string())
                } else {
                    SinkError::permanent(code, error.to_string())
                }
            })
        })
    }
}

/// Reads the receipt that the Python function `_deliver` returned: status, detail and metadata.
fn receipt(answer: &Value) -> PyResult<SinkReceipt> {
    let empty = BTreeMap::new();
    let parts = if let Value::Map(parts) = answer { parts } else { &empty };
    let part = |name: &str| match parts.get(name) {
        Some(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    let mut receipt = match part("status") {
        "DEGRADED" => SinkReceipt::degraded(part("detail")),
        _ => SinkReceipt::success().detail(part("detail")),
    };
    if let Some(Value::Map(metadata)) = parts.get("metadata") {
        for (key, value) in metadata {
            receipt = receipt.metadata(key, value.clone());
        }
    }
    Ok(receipt)
}
