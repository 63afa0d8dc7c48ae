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
        match note {
            EngineNote::Rebuilt { reason, entries } => {
                let name = match reason {
                    RebuildReason::Absent => "absent",
                    RebuildReason::Requested => "requested",
                    RebuildReason::Version => "version",
                    RebuildReason::Damaged(_) => "damaged",
                    RebuildReason::Unreadable(_) => "unreadable",
                    RebuildReason::History(_) => "history",
                    RebuildReason::Divided(_) => "divided",
                    RebuildReason::Completed(_) => "completed",
                };
                let (why, severity) = match reason {
                    RebuildReason::Absent => ("there were no tables".to_owned(), Severity::Info),
                    RebuildReason::Requested => ("as requested".to_owned(), Severity::Info),
                    RebuildReason::Version => {
                        ("another version of contexta made the old tables".to_owned(), Severity::Info)
                    }
                    RebuildReason::Damaged(what) => {
                        (format!("the old tables were damaged: {what}"), Severity::Warning)
                    }
                    RebuildReason::Unreadable(what) => {
                        (format!("the old tables could not be read: {what}"), Severity::Warning)
                    }
                    RebuildReason::History(stream) => (
                        format!(
                            "stream {stream} of the log no longer contains the entries that the old tables were made from"
                        ),
                        Severity::Warning,
                    ),
                    RebuildReason::Completed(stream) => {
                        (format!("missing entries of stream {stream} are in the log again"), Severity::Info)
                    }
                    RebuildReason::Divided(stream) => {
                        let why = format!("a merge moved entries of stream {stream} to a derived stream");
                        (why, Severity::Info)
                    }
                };
                let message = format!("projections rebuilt from the log (entries: {entries}): {why}");
                Note::new(severity, "projections_rebuilt", message)
                    .with("entries", entries)
                    .with("reason", name)
            }
            EngineNote::Gap(gap) => {
                let message = format!("entries are missing: {gap} ({})", gap.cause.name().replace('_', " "));
                let note = Note::new(Severity::Error, "log_gap", message)
                    .with("stream", gap.stream)
                    .with("first", gap.first)
                    .with("cause", gap.cause.name());
                match gap.last {
                    Some(last) => note.with("last", last),
                    None => note,
                }
            }
            EngineNote::Unfinished { stream, after } => {
                let message = format!(
                    "stream {stream} ends in an incomplete entry; an unknown number of entries after {after} may be missing"
                );
                Note::new(Severity::Warning, "log_unfinished", message)
                    .with("stream", stream)
                    .with("after", after)
            }
            EngineNote::Newer { stream, version } => {
                let message = format!(
                    "a segment of stream {stream} is in format {version}, which needs a newer contexta"
                );
                Note::new(Severity::Error, "log_newer_format", message)
                    .with("stream", stream)
                    .with("version", version)
            }
            EngineNote::StreamUnreadable { stream, reason } => {
                let message = format!("stream {stream} could not be read: {reason}");
                Note::new(Severity::Error, "stream_unreadable", message).with("stream", stream)
            }
            EngineNote::ClockAhead { stream, time } => {
                let message = format!(
                    "the clock of stream {stream} was far ahead of this machine's clock, so the entries of the stream \
                     sort after newer entries"
                );
                Note::new(Severity::Warning, "clock_ahead", message).with("stream", stream).with("time", time)
            }
            EngineNote::UnknownKind { kind, count } => {
                let message = format!(
                    "entries of kind {} are ignored, because this version does not know the kind (entries: {count}); \
                     the entries stay in the log",
                    kind.0
                );
                Note::new(Severity::Warning, "entry_unknown_kind", message)
                    .with("kind", kind.0)
                    .with("count", count)
            }
            EngineNote::UnreadableEntry { position } => {
                let message =
                    format!("entry {position} is intact, but its payload is not valid for its kind");
                Note::new(Severity::Error, "entry_unreadable", message).with("position", position)
            }
            EngineNote::NotPublished { reason } => Note::new(
                Severity::Info,
                "projections_not_saved",
                format!("projections could not be saved: {reason}"),
            ),
        }
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
