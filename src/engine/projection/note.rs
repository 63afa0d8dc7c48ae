//! Notes of a view: missing entries, unusual clocks, and the work that was done or failed while the view was made.

use crate::engine::entry::{Gap, Kind, Position, Seq, StreamId};

/// The reason for a rebuild of the tables.
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
}

/// A note of a view: missing entries, an unusual clock, or work that was done or failed while the view was made.
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

/// The result of a rebuild.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// The number of entries applied.
    pub entries: u64,
    /// The notes of a view of the rebuilt tables.
    pub notes: Vec<Note>,
}
