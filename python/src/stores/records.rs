//! The record store: appends, scans, replays and checks of records.

use crate::convert::{Unknown, to_python, to_value};
use crate::error::raised;
use crate::released::Released;
use contexta::contract::validate::deserialize;
use contexta::contract::{
    AnyRecord, Canonical, DegradedRecord, MetricRecord, RecordType, StructuredEventRecord, TraceSpanRecord,
    Value,
};
use contexta::store::Durability;
use contexta::store::records::{
    self as library, AppendReceipt, AppendRejection, AppendResult, KnownGap, MalformedRecord, ReplayMode,
    ScanFilter, ScanItem,
};
use contexta::{Answer, Error};
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The record store of a workspace.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct RecordStore {
    pub(crate) store: Released<library::RecordStore>,
}

/// A running scan of records.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct RecordScan {
    scan: Released<Mutex<library::RecordScan>>,
}

#[pymethods]
impl RecordStore {
    /// Appends records. Records that break a rule of the contract are rejected.
    fn append_many<'py>(
        &self,
        py: Python<'py>,
        records: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut values = Vec::with_capacity(records.len());
        for record in &records {
            values.push(to_value(record, Unknown::Refuse)?);
        }
        let result = py.detach(|| append(&self.store, values)).map_err(raised)?;
        to_python(py, &result)
    }

    /// Begins a scan. `filter` has the members of the filter as texts.
    fn scan(&self, py: Python<'_>, filter: BTreeMap<String, String>) -> PyResult<RecordScan> {
        let scan = py.detach(|| Ok::<_, Error>(self.store.scan(&scan_filter(&filter)?)?)).map_err(raised)?;
        Ok(RecordScan { scan: Released::new(Mutex::new(scan)) })
    }

    /// Replays the records that the filter accepts.
    fn replay<'py>(
        &self,
        py: Python<'py>,
        filter: BTreeMap<String, String>,
        mode: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let replay = || {
            let mode: ReplayMode = mode.parse()?;
            Ok::<_, Error>(self.store.replay(&scan_filter(&filter)?, mode)?)
        };
        let result = py.detach(replay).map_err(raised)?;
        to_python(py, &result.to_value())
    }

    /// Writes the records that the filter accepts to a file.
    fn export_jsonl<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        filter: BTreeMap<String, String>,
        mode: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let export = || {
            let mode: ReplayMode = mode.parse()?;
            Ok::<_, Error>(self.store.export_jsonl(path, &scan_filter(&filter)?, mode)?)
        };
        let result = py.detach(export).map_err(raised)?;
        to_python(py, &result.to_value())
    }

    /// Checks the log.
    fn check_integrity<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let report = py.detach(|| self.store.check_integrity()).map_err(raised)?;
        to_python(py, &report.to_value())
    }

    /// Plans a repair of the log and the tables. Returns the lines that describe the plan.
    fn plan_repairs(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let plan = py.detach(|| self.store.plan_repairs()).map_err(raised)?;
        if plan.is_empty() {
            return Ok(Vec::new());
        }
        Ok(plan.to_string().lines().map(str::to_owned).collect())
    }
}

#[pymethods]
impl RecordScan {
    /// Returns the next item of the scan: the kind (`record`, `gap` or `malformed`) and the plain form. Returns `None`
    /// at the end.
    fn next_item<'py>(&self, py: Python<'py>) -> PyResult<Option<(&'static str, Bound<'py, PyAny>)>> {
        let next = py.detach(|| self.scan.lock().unwrap_or_else(PoisonError::into_inner).next());
        let Some(item) = next.transpose().map_err(raised)? else { return Ok(None) };
        let (kind, form) = match &item {
            ScanItem::Record(record) => ("record", record.to_value()),
            ScanItem::Gap(gap) => ("gap", known_gap(gap)),
            ScanItem::Malformed(entry) => ("malformed", malformed(entry)),
            _ => ("other", Value::Null),
        };
        Ok(Some((kind, to_python(py, &form)?)))
    }
}

/// Creates a filter from its members.
fn scan_filter(members: &BTreeMap<String, String>) -> Result<ScanFilter, Error> {
    let mut filter = ScanFilter::default();
    for (name, text) in members {
        filter = filter.with(name, text)?;
    }
    Ok(filter)
}

/// Reads a record from its plain form. The member `record_type` of the envelope determines the type. The error has a
/// code and a message.
fn record(value: Value) -> Result<AnyRecord, (&'static str, String)> {
    let family = in_envelope(&value, "record_type");
    let Some(family) = RecordType::ALL.iter().find(|known| Some(known.as_str()) == family) else {
        let found = family.unwrap_or("missing");
        return Err(("unsupported_record_type", format!("the type of the record is {found}")));
    };
    let read = match family {
        RecordType::Event => {
            deserialize::<StructuredEventRecord>(value, None).map(|r| AnyRecord::Event(Box::new(r)))
        }
        RecordType::Metric => {
            deserialize::<MetricRecord>(value, None).map(|r| AnyRecord::Metric(Box::new(r)))
        }
        RecordType::Span => deserialize::<TraceSpanRecord>(value, None).map(|r| AnyRecord::Span(Box::new(r))),
        _ => deserialize::<DegradedRecord>(value, None).map(|r| AnyRecord::Degraded(Box::new(r))),
    };
    read.map_err(|error| (error.code.as_str(), error.message))
}

/// Returns the text of a member of the envelope of a record.
fn in_envelope<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    let Value::Map(members) = record else { return None };
    let Some(Value::Map(envelope)) = members.get("envelope") else { return None };
    envelope.get(name).and_then(Value::as_str)
}

/// Appends the valid records, and rejects the others.
fn append(store: &library::RecordStore, values: Vec<Value>) -> Result<Value, Error> {
    let (mut records, mut indexes, mut rejected) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (index, value) in values.into_iter().enumerate() {
        let stated = |name: &str| in_envelope(&value, name).map_or(Value::Null, Value::from);
        let (record_ref, record_type) = (stated("record_ref"), stated("record_type"));
        match record(value) {
            Ok(record) => {
                records.push(record);
                indexes.push(index);
            }
            Err((code, message)) => {
                rejected.insert(index, rejection(index, code, &message, record_ref, record_type));
            }
        }
    }
    let AppendResult { accepted, rejected: refused, durability, .. } = store.append_many(records)?;
    for AppendRejection { index, code, message, record_ref, record_type, .. } in refused {
        let index = indexes.get(index).copied().unwrap_or(index);
        let (record_ref, record_type) = (Value::text(record_ref), record_type.as_str().into());
        rejected.insert(index, rejection(index, code, &message, record_ref, record_type));
    }
    let durability = match durability {
        Durability::Fsync => "FSYNCED",
        Durability::Flush => "FLUSHED",
        _ => "ACCEPTED",
    };
    Ok(Value::map([
        ("accepted", Value::List(accepted.iter().map(|accepted| receipt(accepted, durability)).collect())),
        ("rejected", Value::List(rejected.into_values().collect())),
        ("durability_status", durability.into()),
    ]))
}

fn rejection(
    index: usize,
    code: &'static str,
    message: &str,
    record_ref: Value,
    record_type: Value,
) -> Value {
    Value::map([
        ("index", index.into()),
        ("code", code.into()),
        ("message", Value::text(message)),
        ("record_ref", record_ref),
        ("record_type", record_type),
    ])
}

fn receipt(receipt: &AppendReceipt, durability: &'static str) -> Value {
    Value::map([
        ("record_ref", Value::text(&receipt.record_ref)),
        ("record_type", receipt.record_type.as_str().into()),
        ("run_ref", Value::text(&receipt.run_ref)),
        ("stream", Value::text(receipt.position.stream)),
        ("sequence", receipt.position.seq.0.into()),
        ("is_new", receipt.is_new.into()),
        ("durability_status", durability.into()),
    ])
}

fn known_gap(gap: &KnownGap) -> Value {
    let number = |number: Option<u64>| Value::from(number);
    Value::map([
        ("code", gap.code.into()),
        ("message", Value::text(&gap.message)),
        ("stream", gap.stream.map_or(Value::Null, Value::text)),
        ("segment", number(gap.segment.map(|seq| seq.0))),
        ("offset", number(gap.offset)),
        ("len", number(gap.len)),
        ("start_sequence", number(gap.start_sequence.map(|seq| seq.0))),
        ("end_sequence", number(gap.end_sequence.map(|seq| seq.0))),
    ])
}

fn malformed(entry: &MalformedRecord) -> Value {
    Value::map([
        ("stream", Value::text(entry.position.stream)),
        ("sequence", entry.position.seq.0.into()),
        ("appended_at", Value::text(entry.appended_at)),
        ("kind", Value::text(&entry.kind)),
        ("is_unknown", entry.is_unknown.into()),
        ("reason", Value::text(&entry.reason)),
        ("payload_hex", Value::Text(entry.payload.iter().map(|byte| format!("{byte:02x}")).collect())),
    ])
}
