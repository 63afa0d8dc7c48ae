//! The handle of a series of metric points.

use crate::convert::{metric_value, step};
use crate::error::{raised, refused};
use crate::released::Released;
use crate::result::{Captured, CapturedBatch};
use contexta::capture::{MetricSeries, Step};
use contexta::contract::MetricValue;
use pyo3::prelude::*;

/// The handle of a series of metric points in a scope.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct Series {
    series: Released<MetricSeries>,
}

impl Series {
    pub(crate) fn new(series: MetricSeries) -> Series {
        Series { series: Released::new(series) }
    }
}

#[pymethods]
impl Series {
    /// The key of the metric.
    #[getter]
    fn key(&self) -> &str {
        self.series.key()
    }

    /// Captures a point, with a step or without.
    #[pyo3(signature = (value, step_number = None))]
    fn point(
        &self,
        py: Python<'_>,
        value: &Bound<'_, PyAny>,
        step_number: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Captured> {
        let (value, at) = (metric_value(value)?, step_number.map(step).transpose()?);
        let series: &MetricSeries = &self.series;
        let captured = py.detach(|| match at {
            Some(at) => series.point_at(Step(at), value),
            None => series.point(value),
        });
        captured.map(Captured::new).map_err(raised)
    }

    /// Captures points from the bytes of two arrays in native byte order: steps of 64-bit integers, and values of
    /// 64-bit floats, or of 64-bit integers if `are_integers` is true.
    fn extend(
        &self,
        py: Python<'_>,
        steps: &[u8],
        values: &[u8],
        are_integers: bool,
    ) -> PyResult<CapturedBatch> {
        if steps.len() != values.len() || !steps.len().is_multiple_of(8) {
            return Err(refused("metric_steps_and_values_differ", "the numbers of steps and values differ"));
        }
        let series: &MetricSeries = &self.series;
        let captured = py.detach(|| {
            let steps = words(steps).map(|word| Step(i64::from_ne_bytes(word)));
            if are_integers {
                series.extend(steps, words(values).map(|word| MetricValue::Int(i64::from_ne_bytes(word))))
            } else {
                series.extend(steps, words(values).map(|word| MetricValue::Float(f64::from_ne_bytes(word))))
            }
        });
        captured.map(CapturedBatch::new).map_err(raised)
    }

    /// Captures points from lists of numbers.
    fn extend_numbers(
        &self,
        py: Python<'_>,
        steps: Vec<Bound<'_, PyAny>>,
        values: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<CapturedBatch> {
        let steps = steps.iter().map(|number| Ok(Step(step(number)?))).collect::<PyResult<Vec<_>>>()?;
        let values = values.iter().map(metric_value).collect::<PyResult<Vec<_>>>()?;
        let series: &MetricSeries = &self.series;
        py.detach(|| series.extend(steps, values)).map(CapturedBatch::new).map_err(raised)
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> + '_ {
    bytes.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok())
}
