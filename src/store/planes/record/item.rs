//! The values that a scan and a replay of records return.

use crate::contract::{AnyRecord, Canonical, RecordRef, RecordType, RunRef, Timestamp, Value};
use crate::engine::entry::{Position, Seq, StreamId};
use crate::store::planes::record::gap::KnownGap;

/// A record and its position in the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// The record.
    pub record: AnyRecord,
    /// The stream and the sequence number of the record's entry.
    pub position: Position,
    /// The time at which the entry was appended.
    pub appended_at: Timestamp,
}

impl StoredRecord {
    /// Returns the ref of the record.
    pub fn record_ref(&self) -> &RecordRef {
        &self.record.envelope().record_ref
    }

    /// Returns the run of the record.
    pub fn run_ref(&self) -> &RunRef {
        &self.record.envelope().observation.run_ref
    }

    /// Returns the family of the record.
    pub fn record_type(&self) -> RecordType {
        self.record.record_type()
    }
}

impl Canonical for StoredRecord {
    fn to_value(&self) -> Value {
        Value::map([
            ("record", self.record.to_value()),
            ("stream", Value::text(self.position.stream)),
            ("sequence", self.position.seq.0.into()),
            ("appended_at", Value::text(self.appended_at)),
        ])
    }
}

/// An intact entry that cannot be read as a record. The payload cannot be decoded, breaks a rule of records,
/// or has a kind or version that is unknown to this build.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MalformedRecord {
    /// The stream and the sequence number of the entry.
    pub position: Position,
    /// The time at which the entry was appended.
    pub appended_at: Timestamp,
    /// The name of the kind, or the number of an unknown kind.
    pub kind: String,
    /// `true` if the kind or the version of the payload is unknown to this build.
    pub is_unknown: bool,
    /// The reason why the record cannot be read.
    pub reason: String,
    /// The bytes of the payload.
    pub payload: Vec<u8>,
}

/// An entry that was found in damaged bytes of the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SalvagedRecord {
    /// The stream.
    pub stream: StreamId,
    /// The sequence number.
    pub seq: Seq,
    /// The time at which the entry was appended.
    pub appended_at: Timestamp,
    /// The record; `None` if the payload cannot be decoded as a record.
    pub record: Option<AnyRecord>,
    /// The bytes of the payload.
    pub payload: Vec<u8>,
}

/// A value that a scan of records returns.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ScanItem {
    /// A record that the filter accepts.
    Record(Box<StoredRecord>),
    /// Entries that are missing in the log. Some of the missing entries may be records that the filter
    /// accepts.
    Gap(Box<KnownGap>),
    /// An entry that cannot be read, but may be a record.
    Malformed(Box<MalformedRecord>),
}
