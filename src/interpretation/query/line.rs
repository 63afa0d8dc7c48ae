//! A record as one row of a table.

use crate::contract::{AnyRecord, Timestamp};

/// A record as one row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordLine {
    /// The time of observation.
    pub observed_at: Timestamp,
    /// The level, severity or status.
    pub level: String,
    /// The key or name.
    pub key: String,
    /// The message or value.
    pub message: String,
}

/// Converts a record to one row of a table.
pub fn record_line(record: &AnyRecord) -> RecordLine {
    let (level, key, message) = match record {
        AnyRecord::Event(e) => (e.payload.level.to_string(), &e.payload.event_key, e.payload.message.clone()),
        AnyRecord::Degraded(d) => {
            (format!("degraded {}", d.payload.severity), &d.payload.issue_key, d.payload.summary.clone())
        }
        AnyRecord::Span(s) => {
            let micros = s.payload.ended_at.micros_since(s.payload.started_at);
            let message = match micros {
                0.. => format!("{} ms", micros as f64 / 1000.0),
                _ => "unknown duration: the end is before the start".to_owned(),
            };
            (format!("span {}", s.payload.status), &s.payload.span_name, message)
        }
        AnyRecord::Metric(m) => ("metric".to_owned(), &m.payload.metric_key, m.payload.value.to_string()),
    };
    RecordLine { observed_at: record.envelope().observation.observed_at, level, key: key.clone(), message }
}
