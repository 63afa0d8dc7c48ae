//! The results of captures.

use crate::convert::to_python;
use contexta::capture::{BatchCaptureResult, CaptureResult, ResultStatus};
use pyo3::prelude::*;

/// The result of one capture. The Python class `CaptureResult` reads the members from here when they are asked for.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct Captured {
    result: CaptureResult,
}

impl Captured {
    pub(crate) fn new(result: CaptureResult) -> Captured {
        Captured { result }
    }
}

#[pymethods]
impl Captured {
    /// Returns the status, such as `SUCCESS`.
    fn status(&self) -> &'static str {
        self.result.status().as_str()
    }

    /// Returns the ref of the captured record; `None` if no record was captured.
    fn record_ref(&self) -> Option<String> {
        self.result.record_ref().ok().map(|record| record.to_string())
    }

    /// Returns all members as a dictionary.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.result.to_value())
    }
}

/// The result of a capture of several payloads.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct CapturedBatch {
    results: BatchCaptureResult,
}

impl CapturedBatch {
    pub(crate) fn new(results: BatchCaptureResult) -> CapturedBatch {
        CapturedBatch { results }
    }
}

#[pymethods]
impl CapturedBatch {
    /// Returns the status, such as `SUCCESS`.
    fn status(&self) -> &'static str {
        self.results.status().as_str()
    }

    fn __len__(&self) -> usize {
        self.results.results().len()
    }

    /// Returns the results of the captures that did not succeed completely.
    fn problems(&self) -> Vec<Captured> {
        let results = self.results.results().iter();
        let problems = results.filter(|result| result.status() != ResultStatus::Success);
        problems.cloned().map(Captured::new).collect()
    }

    /// Returns the results of the single captures.
    fn items(&self) -> Vec<Captured> {
        self.results.results().iter().cloned().map(Captured::new).collect()
    }

    /// Returns all members as a dictionary.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.results.to_value())
    }
}
