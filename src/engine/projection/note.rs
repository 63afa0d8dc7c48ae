//! Notes of a view: missing entries, and the work that was done to make the view.

use crate::engine::entry::{Gap, Kind, Position, Seq, StreamId};

/// The reason for a rebuild of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RebuildReason {
    /// There was no generation.
    Absent,
    /// The caller requested it.
    Asked,
    /// The generation was made by other projections, or by other versions of them.
    Version,
    /// The generation or the database in it is damaged.
    Damaged(String),
    /// The generation, or the directory of generations, could not be read.
    Unreadable(String),
    /// The log is not the one that the generation was made from, or entries before the cursor changed.
    History(StreamId),
    /// A merge divided a forked stream: entries that the generation was made from are now in a derived stream.
    Divided(StreamId),
}

/// A note of a view: something that is missing, or the work that was done to make the view.
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
    /// A stream ends with an incomplete frame, and no writer holds it.
    Unfinished {
        /// The stream.
        stream: StreamId,
        /// The last entry before those bytes.
        after: Seq,
    },
    /// A segment was written in a newer format, which this build cannot read.
    Newer {
        /// The stream.
        stream: StreamId,
        /// The format version of the segment.
        version: u16,
    },
    /// A stream could not be read this time.
    StreamUnreadable {
        /// The stream.
        stream: StreamId,
        /// The error of the file system.
        reason: String,
    },
    /// The clock of a stream's writer was far ahead of this machine's, so its entries sort after newer entries of other
    /// streams.
    ClockAhead {
        /// The stream.
        stream: StreamId,
        /// The time of its last entry.
        time: u64,
    },
    /// Entries of a kind unknown to this build; they are not in the tables.
    UnknownKind {
        /// The kind.
        kind: Kind,
        /// Their number.
        count: u64,
    },
    /// An entry whose payload could not be decoded; it is not in the tables.
    UnreadableEntry {
        /// The identity of the entry.
        position: Position,
    },
    /// The new generation could not be written. The view is complete, but the next process repeats the work.
    NotPublished {
        /// The reason.
        reason: String,
    },
}

/// The result of a rebuild.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// The number of entries applied.
    pub entries: u64,
    /// Notes about missing entries, and about the work that was done.
    pub notes: Vec<Note>,
}
