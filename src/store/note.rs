//! Notes on answers, such as notes on missing entries or on a rebuild. Every incomplete answer has a note.

use crate::contract::Severity;
use crate::engine::projection::{Note as EngineNote, RebuildReason};
use crate::engine::verify::{LogNote, Severity as LogSeverity};

/// A remark that comes with an answer and reports missing or unusual data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The severity.
    pub severity: Severity,
    /// A stable code.
    pub code: &'static str,
    /// The text for the user.
    pub message: String,
    /// Further values, each with its name.
    pub details: Vec<(&'static str, String)>,
}

impl Note {
    /// Creates a note without details.
    #[must_use]
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Note {
        Note { severity, code, message: message.into(), details: Vec::new() }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Note {
        self.details.push((name, value.to_string()));
        self
    }
}

impl From<&EngineNote> for Note {
    fn from(note: &EngineNote) -> Note {
        let shown = Note::new(severity_of(note), note.code(), note.to_string());
        match note {
            EngineNote::Rebuilt { reason, entries } => {
                shown.with("entries", entries).with("reason", reason.name())
            }
            EngineNote::Gap(gap) => {
                let shown =
                    shown.with("stream", gap.stream).with("first", gap.first).with("cause", gap.cause.name());
                match gap.last {
                    Some(last) => shown.with("last", last),
                    None => shown,
                }
            }
            EngineNote::Unfinished { stream, after } => shown.with("stream", stream).with("after", after),
            EngineNote::Newer { stream, version } => shown.with("stream", stream).with("version", version),
            EngineNote::StreamUnreadable { stream, .. } => shown.with("stream", stream),
            EngineNote::ClockAhead { stream, time } => shown.with("stream", stream).with("time", time),
            EngineNote::UnknownKind { kind, count } => shown.with("kind", kind.0).with("count", count),
            EngineNote::UnreadableEntry { position } => shown.with("position", position),
            EngineNote::EntriesErased { stream, count } => shown.with("stream", stream).with("count", count),
            EngineNote::NotPublished { .. } => shown,
        }
    }
}

fn severity_of(note: &EngineNote) -> Severity {
    match note {
        EngineNote::Gap(_)
        | EngineNote::Newer { .. }
        | EngineNote::StreamUnreadable { .. }
        | EngineNote::UnreadableEntry { .. } => Severity::Error,
        EngineNote::Unfinished { .. } | EngineNote::ClockAhead { .. } | EngineNote::UnknownKind { .. } => {
            Severity::Warning
        }
        EngineNote::Rebuilt { reason, .. } => match reason {
            RebuildReason::Damaged(_) | RebuildReason::Unreadable(_) | RebuildReason::History(_) => {
                Severity::Warning
            }
            RebuildReason::Absent
            | RebuildReason::Requested
            | RebuildReason::Version
            | RebuildReason::Divided(_)
            | RebuildReason::Completed(_)
            | RebuildReason::Erased => Severity::Info,
        },
        EngineNote::EntriesErased { .. } | EngineNote::NotPublished { .. } => Severity::Info,
    }
}

impl From<&LogNote> for Note {
    fn from(note: &LogNote) -> Note {
        let severity = match note.severity() {
            LogSeverity::Info => Severity::Info,
            LogSeverity::Warning => Severity::Warning,
            LogSeverity::Error => Severity::Error,
        };
        Note::new(severity, note.code(), note.to_string()).with("stream", note.stream())
    }
}
