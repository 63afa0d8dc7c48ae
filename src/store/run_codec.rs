//! Bytes of the kept rows of all runs, for the data that is derived from a generation ([`View::save_derived`]).
//!
//! The bytes are read only by the same version of this crate, because another version may derive rows in another way.
//!
//! [`View::save_derived`]: crate::engine::projection::View::save_derived

use crate::contract::json::read::parse;
use crate::contract::json::write::canonical;
use crate::contract::{ProjectRef, RunRef, RunStatus, Timestamp, Value};
use crate::engine::bytes::{Reader, put_length_prefixed, put_varint};
use crate::engine::codec;
use crate::engine::entry::{Seq, Stamp, StreamId};
use crate::engine::parallel;
use crate::store::lifecycle::Superseding;
use crate::store::rows::RunRow;
use crate::store::run_catalog::DerivedRun;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the bytes and of the derivation of rows. Increase the version whenever the content of a row changes.
const ROWS_VERSION: u16 = 1;
/// The minimum length of an encoded row in bytes: each member takes at least one byte.
const ROW_LEN_MIN: usize = 25;
/// The minimum number of rows that one core decodes.
const PIECE_ROWS: usize = 512;

/// A run, as it is encoded.
#[derive(Debug, Serialize, Deserialize)]
struct RunV1 {
    run_ref: String,
    project_ref: String,
    project_name: String,
    name: String,
    status: u8,
    interrupted_at: Option<i64>,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    end_message: Option<String>,
    end_reason: Option<String>,
    attempts: u64,
    description: Option<String>,
    notes: Vec<(i64, String)>,
    params: BTreeMap<String, ValueV1>,
    tags: BTreeMap<String, String>,
    is_archived: bool,
    is_starred: bool,
    metadata: BTreeMap<String, ValueV1>,
    code_revision: Option<String>,
    dataset_ref: Option<String>,
    command: Option<String>,
    conflicts: Vec<String>,
    bytes: u64,
    has_open_writers: bool,
    /// For each resume, the time, stream and sequence number of its stamp, and its first step.
    supersedings: Vec<(u64, [u8; 16], u64, i64)>,
}

/// A value, as it is encoded.
#[derive(Debug, Serialize, Deserialize)]
enum ValueV1 {
    Null,
    Bool(bool),
    Int(i64),
    Big(String),
    Float(u64),
    Text(String),
    /// The canonical JSON text of a list or map. The parser of the text limits the depth.
    Json(String),
}

/// Encodes rows. Returns `None` if a row is too large, or if a list or map contains a number that is not finite.
pub(super) fn encode_runs(runs: impl ExactSizeIterator<Item = DerivedRun>) -> Option<Vec<u8>> {
    let mut out = header();
    put_varint(&mut out, runs.len() as u64);
    let mut encoded = Vec::new();
    for run in runs {
        encoded.clear();
        codec::encode(&RunV1::of(run)?, &mut encoded).ok()?;
        put_length_prefixed(&mut out, &encoded);
    }
    Some(out)
}

/// Decodes the bytes of [`encode_runs`]. Returns `None` for other bytes, and for bytes of another version.
pub(super) fn decode_runs(bytes: &[u8]) -> Option<Vec<DerivedRun>> {
    let header = header();
    let mut reader = Reader::new(bytes.strip_prefix(header.as_slice())?);
    let count = reader.varint()?;
    let mut encoded = Vec::new();
    while reader.remaining() > 0 {
        // The limit on the length of a row also limits the number of rows.
        encoded.push(reader.length_prefixed().filter(|row| row.len() >= ROW_LEN_MIN)?);
    }
    if encoded.len() as u64 != count {
        return None;
    }
    let decode = |bytes: &[u8]| codec::decode::<RunV1>(bytes).ok()?.into_run();
    parallel::map_owned(encoded, PIECE_ROWS, decode).into_iter().collect()
}

/// Returns the index of a status among all statuses.
fn status_byte(status: RunStatus) -> u8 {
    RunStatus::ALL.iter().position(|other| *other == status).unwrap_or(0) as u8
}

fn header() -> Vec<u8> {
    let mut header = ROWS_VERSION.to_le_bytes().to_vec();
    put_length_prefixed(&mut header, env!("CARGO_PKG_VERSION").as_bytes());
    header
}

impl RunV1 {
    fn of(run: DerivedRun) -> Option<RunV1> {
        let DerivedRun { row, bytes, supersedings, has_open_writers } = run;
        let values = |map: BTreeMap<String, Value>| -> Option<BTreeMap<String, ValueV1>> {
            map.into_iter().map(|(key, value)| Some((key, ValueV1::of(value)?))).collect()
        };
        let superseding = |resume: &Superseding| {
            let (Stamp { time, stream, seq }, from_step) = resume.parts();
            (time, stream.0, seq.0, from_step)
        };
        Some(RunV1 {
            run_ref: row.run_ref.as_str().to_owned(),
            project_ref: row.project_ref.as_str().to_owned(),
            project_name: row.project_name,
            name: row.name,
            status: status_byte(row.status),
            interrupted_at: row.interrupted_at.map(Timestamp::micros),
            started_at: row.started_at.map(Timestamp::micros),
            ended_at: row.ended_at.map(Timestamp::micros),
            end_message: row.end_message,
            end_reason: row.end_reason,
            attempts: row.attempts as u64,
            description: row.description,
            notes: row.notes.into_iter().map(|(time, text)| (time.micros(), text)).collect(),
            params: values(row.params)?,
            tags: row.tags,
            is_archived: row.is_archived,
            is_starred: row.is_starred,
            metadata: values(row.metadata)?,
            code_revision: row.code_revision,
            dataset_ref: row.dataset_ref,
            command: row.command,
            conflicts: row.conflicts,
            bytes: bytes as u64,
            has_open_writers,
            supersedings: supersedings.iter().map(superseding).collect(),
        })
    }

    fn into_run(self) -> Option<DerivedRun> {
        let time = |micros: Option<i64>| match micros {
            Some(micros) => Timestamp::from_micros(micros).map(Some),
            None => Some(None),
        };
        let note = |(micros, text)| Some((Timestamp::from_micros(micros)?, text));
        let values = |map: BTreeMap<String, ValueV1>| -> Option<BTreeMap<String, Value>> {
            map.into_iter().map(|(key, value)| Some((key, value.into_value()?))).collect()
        };
        let row = RunRow {
            run_ref: RunRef::parse(&self.run_ref).ok()?,
            project_ref: ProjectRef::parse(&self.project_ref).ok()?,
            project_name: self.project_name,
            name: self.name,
            status: RunStatus::ALL.get(usize::from(self.status)).copied()?,
            interrupted_at: time(self.interrupted_at)?,
            started_at: time(self.started_at)?,
            ended_at: time(self.ended_at)?,
            end_message: self.end_message,
            end_reason: self.end_reason,
            attempts: usize::try_from(self.attempts).ok()?,
            description: self.description,
            notes: self.notes.into_iter().map(note).collect::<Option<_>>()?,
            params: values(self.params)?,
            tags: self.tags,
            is_archived: self.is_archived,
            is_starred: self.is_starred,
            metadata: values(self.metadata)?,
            code_revision: self.code_revision,
            dataset_ref: self.dataset_ref,
            command: self.command,
            conflicts: self.conflicts,
        };
        let superseding = |(time, stream, seq, from_step)| {
            Superseding::of(Stamp { time, stream: StreamId(stream), seq: Seq(seq) }, from_step)
        };
        Some(DerivedRun {
            row,
            bytes: usize::try_from(self.bytes).ok()?,
            supersedings: self.supersedings.into_iter().map(superseding).collect(),
            has_open_writers: self.has_open_writers,
        })
    }
}

impl ValueV1 {
    fn of(value: Value) -> Option<ValueV1> {
        Some(match value {
            Value::Null => ValueV1::Null,
            Value::Bool(value) => ValueV1::Bool(value),
            Value::Int(value) => ValueV1::Int(value),
            Value::Big(digits) => ValueV1::Big(digits),
            Value::Float(value) => ValueV1::Float(value.to_bits()),
            Value::Text(text) => ValueV1::Text(text),
            value @ (Value::List(_) | Value::Map(_)) => ValueV1::Json(canonical(&value).ok()?),
        })
    }

    fn into_value(self) -> Option<Value> {
        Some(match self {
            ValueV1::Null => Value::Null,
            ValueV1::Bool(value) => Value::Bool(value),
            ValueV1::Int(value) => Value::Int(value),
            ValueV1::Big(digits) => Value::Big(digits),
            ValueV1::Float(bits) => Value::Float(f64::from_bits(bits)),
            ValueV1::Text(text) => Value::Text(text),
            ValueV1::Json(text) => parse(&text).ok()?,
        })
    }
}
