//! Notes of a view: missing entries, unusual clocks, and the work that was done or failed while the view was made.

use crate::engine::entry::{Gap, Kind, Position, Seq, StreamId};
use std::fmt;

/// The reason for a rebuild of the tables. Its text form is a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RebuildReason {
    /// There was no generation.
    Absent,
    /// The caller requested the rebuild.
    Requested,
    /// The generation was made by a build with other projections or other versions of them, with another layout of the
    /// engine's tables, for another domain, or for other kinds of entries.
    Version,
    /// The generation or the database in it is damaged.
    Damaged(String),
    /// The generation, or the directory of generations, could not be read.
    Unreadable(String),
    /// The generation was made from another log, or entries of this stream have changed in the log since the generation
    /// was made from them.
    History(StreamId),
    /// Entries of this stream that were missing are in the log again, for example after a merge with an intact copy.
    Completed(StreamId),
    /// A merge divided this stream at a fork: entries that the generation was made from are now in a derived stream.
    Divided(StreamId),
    /// The generation was made from events that are now erased.
    Erased,
}

impl RebuildReason {
    /// Returns the stable lower-case name.
    pub fn name(&self) -> &'static str {
        match self {
            RebuildReason::Absent => "absent",
            RebuildReason::Requested => "requested",
            RebuildReason::Version => "version",
            RebuildReason::Damaged(_) => "damaged",
            RebuildReason::Unreadable(_) => "unreadable",
            RebuildReason::History(_) => "history",
            RebuildReason::Completed(_) => "completed",
            RebuildReason::Divided(_) => "divided",
            RebuildReason::Erased => "erased",
        }
    }
}

impl fmt::Display for RebuildReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RebuildReason::Absent => f.write_str("there were no tables"),
            RebuildReason::Requested => f.write_str("as requested"),
            RebuildReason::Version => f.write_str("another version of the program made the old tables"),
            RebuildReason::Damaged(found) => write!(f, "the old tables were damaged: {found}"),
            RebuildReason::Unreadable(found) => write!(f, "the old tables could not be read: {found}"),
            RebuildReason::History(stream) => write!(
                f,
                "stream {stream} of the log no longer contains the entries that the old tables were made from"
            ),
            RebuildReason::Completed(stream) => {
                write!(f, "missing entries of stream {stream} are in the log again")
            }
            RebuildReason::Divided(stream) => {
                write!(f, "a merge moved entries of stream {stream} to a derived stream")
            }
            RebuildReason::Erased => f.write_str("entries in the old tables were erased"),
        }
    }
}

/// A note of a view: entries are missing, a clock is unusual, or work was done or failed while the view was created.
/// Its text form is a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The tables were rebuilt from the log.
    Rebuilt {
        /// The reason.
        reason: RebuildReason,
        /// The number of entries applied.
        entries: u64,
    },
    /// Entries are missing.
    Gap(Gap),
    /// The bytes of erased entries were removed from a stream.
    EntriesErased {
        /// The stream.
        stream: StreamId,
        /// The number of the entries.
        count: u64,
    },
    /// A stream ends with an incomplete frame, and no writer has the stream open.
    Unfinished {
        /// The stream.
        stream: StreamId,
        /// The last entry before the incomplete frame.
        after: Seq,
    },
    /// A segment was written in a newer format, which this build cannot read.
    Newer {
        /// The stream.
        stream: StreamId,
        /// The format version of the segment.
        version: u16,
    },
    /// A stream could not be read during this catch-up.
    StreamUnreadable {
        /// The stream.
        stream: StreamId,
        /// The error of the file system.
        reason: String,
    },
    /// The clock of a stream's writer was far ahead of this machine's clock. The entries of the stream therefore sort
    /// after newer entries of other streams.
    ClockAhead {
        /// The stream.
        stream: StreamId,
        /// The time of the stream's last entry, in nanoseconds since the epoch.
        time: u64,
    },
    /// Entries of a kind unknown to this build; they are not in the tables.
    UnknownKind {
        /// The kind.
        kind: Kind,
        /// The number of these entries.
        count: u64,
    },
    /// An entry whose payload could not be decoded; it is not in the tables.
    UnreadableEntry {
        /// The identity of the entry.
        position: Position,
    },
    /// The new generation could not be written. The view is not affected, but the next process repeats the work.
    NotPublished {
        /// The reason.
        reason: String,
    },
}

impl Note {
    /// Returns the stable code of the note.
    pub fn code(&self) -> &'static str {
        match self {
            Note::Rebuilt { .. } => "projections_rebuilt",
            Note::Gap(_) => "log_gap",
            Note::EntriesErased { .. } => "log_erased",
            Note::Unfinished { .. } => "log_unfinished",
            Note::Newer { .. } => "log_newer_format",
            Note::StreamUnreadable { .. } => "stream_unreadable",
            Note::ClockAhead { .. } => "clock_ahead",
            Note::UnknownKind { .. } => "entry_unknown_kind",
            Note::UnreadableEntry { .. } => "entry_unreadable",
            Note::NotPublished { .. } => "projections_not_saved",
        }
    }

    /// Returns true if appended entries are not in the tables, because they are missing in the log or this build cannot
    /// read them. Returns false for an incomplete frame that a killed writer left ([`Note::Unfinished`]), because the
    /// append of this frame had not returned.
    pub fn is_missing_entries(&self) -> bool {
        match self {
            Note::Gap(_)
            | Note::Newer { .. }
            | Note::StreamUnreadable { .. }
            | Note::UnknownKind { .. }
            | Note::UnreadableEntry { .. } => true,
            Note::Rebuilt { .. }
            | Note::EntriesErased { .. }
            | Note::Unfinished { .. }
            | Note::ClockAhead { .. }
            | Note::NotPublished { .. } => false,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Rebuilt { reason, entries } => {
                write!(f, "projections rebuilt from the log (entries: {entries}): {reason}")
            }
            Note::Gap(gap) => {
                write!(f, "entries are missing: {gap} ({})", gap.cause.name().replace('_', " "))
            }
            Note::EntriesErased { stream, count } => {
                write!(f, "entries of stream {stream} were erased on request (entries: {count})")
            }
            Note::Unfinished { stream, after } => write!(
                f,
                "stream {stream} ends in an incomplete entry; an unknown number of entries after {after} may be missing"
            ),
            Note::Newer { stream, version } => write!(
                f,
                "a segment of stream {stream} is in format {version}, which needs a newer version of the program"
            ),
            Note::StreamUnreadable { stream, reason } => {
                write!(f, "stream {stream} could not be read: {reason}")
            }
            Note::ClockAhead { stream, .. } => write!(
                f,
                "the clock of stream {stream} was far ahead of this machine's clock, so the entries of the stream sort \
                 after newer entries"
            ),
            Note::UnknownKind { kind, count } => write!(
                f,
                "entries of kind {} are ignored, because this version does not know the kind (entries: {count}); the \
                 entries stay in the log",
                kind.0
            ),
            Note::UnreadableEntry { position } => {
                write!(f, "entry {position} is intact, but its payload is not valid for its kind")
            }
            Note::NotPublished { reason } => write!(f, "projections could not be saved: {reason}"),
        }
    }
}

/// The result of a rebuild.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// The number of entries applied.
    pub entries: u64,
    /// The notes of a view of the rebuilt tables.
    pub notes: Vec<Note>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::GapCause;

    #[test]
    fn notes_say_whether_entries_are_missing() {
        let stream = StreamId([7; 16]);
        let gap = Gap { stream, first: Seq(3), last: Some(Seq(4)), cause: GapCause::SegmentMissing };
        let missing = Note::Gap(gap);
        assert_eq!(
            missing.to_string(),
            format!("entries are missing: stream {stream}, sequence numbers 3 to 4 (segment missing)")
        );
        assert!(missing.is_missing_entries());
        assert!(Note::UnknownKind { kind: Kind(9), count: 2 }.is_missing_entries());
        assert!(Note::StreamUnreadable { stream, reason: "denied".into() }.is_missing_entries());
        let first = Note::Rebuilt { reason: RebuildReason::Absent, entries: 2 };
        assert_eq!(first.to_string(), "projections rebuilt from the log (entries: 2): there were no tables");
        assert!(!first.is_missing_entries());
        assert!(!Note::Unfinished { stream, after: Seq(3) }.is_missing_entries());
    }
}
