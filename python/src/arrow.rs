//! Export of series, trends and lists of runs through the Arrow C stream interface.

use crate::answers::{Answer, Held};
use crate::error::refused;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{ArrowError, Field, Schema};
use contexta::contract::{MetricValue, Timestamp, Value};
use contexta::interpretation::{MetricTrend, RunList, RunSummary, SeriesRow, StepSeries};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::collections::BTreeMap;
use std::sync::Arc;

#[pymethods]
impl Answer {
    /// Returns a capsule with an Arrow stream of one batch.
    fn arrow_stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let stream = py.detach(|| stream_of(&self.held)).map_err(|error| {
            refused("arrow_export_failed", &format!("the data cannot be exported to Arrow: {error}"))
        })?;
        let stream = stream.ok_or_else(|| {
            refused(
                "arrow_export_unsupported",
                "only series, trends of metrics and lists of runs have an Arrow form",
            )
        })?;
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }
}

fn stream_of(held: &Held) -> Result<Option<FFI_ArrowArrayStream>, ArrowError> {
    let columns = match held {
        Held::StepSeries(series) => series_columns(series),
        Held::MetricTrend(trend) => trend_columns(trend),
        Held::RunList(runs) => run_columns(runs),
        _ => return Ok(None),
    };
    let fields = columns
        .columns
        .iter()
        .map(|(name, array, is_nullable)| Field::new(name, array.data_type().clone(), *is_nullable));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.columns.into_iter().map(|(_, array, _)| array).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let batches = RecordBatchIterator::new([Ok(batch)], schema);
    Ok(Some(FFI_ArrowArrayStream::new(Box::new(batches))))
}

/// The columns of a batch. Each has a name, the values, and whether a value may be missing.
#[derive(Default)]
struct Columns {
    columns: Vec<(String, ArrayRef, bool)>,
}

impl Columns {
    /// Adds a column. Underscores are added to a name that is in use.
    fn add(&mut self, name: &str, array: impl arrow_array::Array + 'static, is_nullable: bool) {
        let mut name = name.to_owned();
        while self.columns.iter().any(|(used, _, _)| *used == name) {
            name.push('_');
        }
        self.columns.push((name, Arc::new(array), is_nullable));
    }

    fn texts<'a>(&mut self, name: &str, values: impl Iterator<Item = Option<&'a str>>) {
        self.add(name, values.collect::<StringArray>(), true);
    }

    fn required_texts(&mut self, name: &str, values: impl Iterator<Item = String>) {
        self.add(name, StringArray::from_iter_values(values), false);
    }

    fn times(&mut self, name: &str, values: impl Iterator<Item = Option<Timestamp>>, is_nullable: bool) {
        let array: TimestampMicrosecondArray = values.map(|time| time.map(Timestamp::micros)).collect();
        self.add(name, array.with_timezone("UTC"), is_nullable);
    }

    /// Adds a column of numbers: integers of 64 bits, if all numbers are such integers, otherwise floats. If a float
    /// does not have all digits of an integer, a second column has the digits of the integers as text.
    fn numbers(&mut self, name: &str, values: &[Option<MetricValue>], is_nullable: bool) {
        let all = |fits: &dyn Fn(&MetricValue) -> bool| values.iter().flatten().all(fits);
        if values.iter().flatten().next().is_some() && all(&|value| signed(value).is_some()) {
            let array: Int64Array = values.iter().map(|value| value.as_ref().and_then(signed)).collect();
            return self.add(name, array, is_nullable);
        }
        if values.iter().flatten().next().is_some() && all(&|value| unsigned(value).is_some()) {
            let array: UInt64Array = values.iter().map(|value| value.as_ref().and_then(unsigned)).collect();
            return self.add(name, array, is_nullable);
        }
        let array: Float64Array =
            values.iter().map(|value| value.as_ref().map(MetricValue::as_f64)).collect();
        self.add(name, array, is_nullable);
        if !all(&is_exact) {
            let digits = |value: &Option<MetricValue>| match value {
                Some(MetricValue::Float(_)) | None => None,
                Some(whole) => Some(whole.to_string()),
            };
            self.add(&format!("{name}_exact"), values.iter().map(digits).collect::<StringArray>(), true);
        }
    }

    /// Adds a column of values of any type: booleans, numbers, or texts. Values of several types become JSON text.
    fn values(&mut self, name: &str, values: &[Option<Value>]) {
        let present = || values.iter().flatten();
        if present().next().is_some() && present().all(|value| matches!(value, Value::Bool(_))) {
            let array: BooleanArray =
                values.iter().map(|value| value.as_ref().map(|value| *value == Value::Bool(true))).collect();
            return self.add(name, array, true);
        }
        let is_number = |value: &Value| matches!(value, Value::Int(_) | Value::Float(_) | Value::Big(_));
        if present().any(is_number) && present().all(|value| number(value).is_some()) {
            let numbers: Vec<_> = values.iter().map(|value| value.as_ref().and_then(number)).collect();
            return self.numbers(name, &numbers, true);
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let array: StringArray = values.iter().map(|value| value.as_ref().map(text)).collect();
        self.add(name, array, true);
    }
}

/// Returns a value as a number. `NaN`, `Infinity` and `-Infinity` are the texts of numbers that are not finite.
fn number(value: &Value) -> Option<MetricValue> {
    match value.as_str() {
        Some("NaN") => Some(MetricValue::Float(f64::NAN)),
        Some("Infinity") => Some(MetricValue::Float(f64::INFINITY)),
        Some("-Infinity") => Some(MetricValue::Float(f64::NEG_INFINITY)),
        _ => MetricValue::try_from(value.clone()).ok(),
    }
}

fn signed(value: &MetricValue) -> Option<i64> {
    match value {
        MetricValue::Int(number) => Some(*number),
        _ => None,
    }
}

fn unsigned(value: &MetricValue) -> Option<u64> {
    match value {
        MetricValue::Float(_) => None,
        whole => whole.to_string().parse().ok(),
    }
}

/// Returns `true` if a float has all digits of the value.
fn is_exact(value: &MetricValue) -> bool {
    match value {
        MetricValue::Float(_) => true,
        whole => format!("{:.0}", whole.as_f64()) == whole.to_string(),
    }
}

fn series_columns(series: &StepSeries) -> Columns {
    let points = &series.points;
    let mut columns = Columns::default();
    columns.add("step", Int64Array::from_iter_values(points.iter().map(|point| point.step)), false);
    let values: Vec<_> = points.iter().map(|point| Some(point.value.clone())).collect();
    columns.numbers("value", &values, false);
    columns.add("smoothed", points.iter().map(|point| point.smoothed).collect::<Float64Array>(), true);
    columns.times("observed_at", points.iter().map(|point| Some(point.observed_at)), false);
    let superseded: Vec<bool> = points.iter().map(|point| point.is_superseded).collect();
    columns.add("superseded", BooleanArray::from(superseded), false);
    columns
}

fn trend_columns(trend: &MetricTrend) -> Columns {
    let points = &trend.points;
    let mut columns = Columns::default();
    columns.required_texts("run_id", points.iter().map(|point| point.run_ref.to_string()));
    columns.required_texts("run_name", points.iter().map(|point| point.run_name.clone()));
    columns.texts("stage_name", points.iter().map(|point| point.stage_name.as_deref()));
    columns.add("step", points.iter().map(|point| point.measured.step).collect::<Int64Array>(), true);
    let values: Vec<_> = points.iter().map(|point| Some(point.measured.value.clone())).collect();
    columns.numbers("value", &values, false);
    columns.texts("unit", points.iter().map(|point| point.measured.unit.as_deref()));
    columns.times("captured_at", points.iter().map(|point| Some(point.measured.observed_at)), false);
    columns
}

fn run_columns(list: &RunList) -> Columns {
    let runs = &list.runs;
    let mut columns = Columns::default();
    columns.required_texts("run_id", runs.iter().map(|summary| summary.run.run_ref.to_string()));
    columns.required_texts("name", runs.iter().map(|summary| summary.run.name.clone()));
    columns.required_texts("project_name", runs.iter().map(|summary| summary.run.project_name.clone()));
    columns.required_texts("status", runs.iter().map(|summary| summary.run.shown_status().to_owned()));
    columns.times("started_at", runs.iter().map(|summary| summary.run.started_at), true);
    columns.times("ended_at", runs.iter().map(|summary| summary.run.ended_at), true);
    let rows = runs.len();
    let mut params: BTreeMap<&str, Vec<Option<Value>>> = BTreeMap::new();
    let mut tags: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    let mut metrics: BTreeMap<String, Vec<Option<&SeriesRow>>> = BTreeMap::new();
    for (row, RunSummary { run, metrics: series, .. }) in runs.iter().enumerate() {
        for (name, value) in &run.params {
            let value = (*value != Value::Null).then(|| value.clone());
            set(params.entry(name).or_insert_with(|| vec![None; rows]), row, value);
        }
        for (name, value) in &run.tags {
            set(tags.entry(name).or_insert_with(|| vec![None; rows]), row, Some(value));
        }
        for series in series {
            let column = metrics.entry(series.label()).or_insert_with(|| vec![None; rows]);
            let known = column.get(row).copied().flatten();
            if known.is_none_or(|known| known.last.observed_at <= series.last.observed_at) {
                set(column, row, Some(series));
            }
        }
    }
    for (name, values) in &params {
        columns.values(&format!("params.{name}"), values);
    }
    for (name, values) in tags {
        columns.texts(&format!("tags.{name}"), values.into_iter());
    }
    for (label, series) in metrics {
        let values: Vec<_> =
            series.into_iter().map(|series| series.map(|series| series.last.value.clone())).collect();
        columns.numbers(&format!("metrics.{label}"), &values, true);
    }
    columns
}

fn set<T>(column: &mut [T], row: usize, value: T) {
    if let Some(cell) = column.get_mut(row) {
        *cell = value;
    }
}
