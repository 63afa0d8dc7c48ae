//! What a view lacks, and what was done to get it.

use crate::engine::entry::{Gap, Kind, Position, Seq, StreamId};

/// Why the tables were made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RebuildReason {
    /// There was no generation.
    Absent,
    /// It was asked for.
    Asked,
    /// Other projections, or other versions of them, made the generation.
    Version,
    /// The generation or the database in it is damaged.
    Damaged(String),
    /// The generation, or the directory of generations, could not be read.
    Unreadable(String),
    /// The log is not the one the generation was made from, or changed behind the cursor.
    History(StreamId),
    /// A merge divided a fork: entries of the stream that the generation was made from are in a derived stream now.
    Divided(StreamId),
}

/// What a view lacks, or what was done to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The tables were made anew from the log.
    Rebuilt {
        /// Why.
        reason: RebuildReason,
        /// How many entries were applied.
        entries: u64,
    },
    /// Entries are missing.
    Gap(Gap),
    /// A stream ends in bytes that are no whole frame, and no writer is at it.
    Unfinished {
        /// The stream.
        stream: StreamId,
        /// The last entry before those bytes.
        after: Seq,
    },
    /// A segment needs a newer reader.
    Newer {
        /// The stream.
        stream: StreamId,
        /// The format version it was written in.
        version: u16,
    },
    /// A stream could not be read at all this time.
    StreamUnreadable {
        /// The stream.
        stream: StreamId,
        /// What the file system said.
        reason: String,
    },
    /// A stream's clock was far ahead of this machine's: its entries sort behind others that are newer.
    ClockAhead {
        /// The stream.
        stream: StreamId,
        /// The time of its last entry.
        time: u64,
    },
    /// Entries of a kind this build does not know.
    UnknownKind {
        /// The kind.
        kind: Kind,
        /// How many.
        count: u64,
    },
    /// An entry whose payload is not what its kind says.
    UnreadableEntry {
        /// Which.
        position: Position,
    },
    /// The new generation could not be written; the answer is right all the same.
    NotPublished {
        /// Why.
        reason: String,
    },
}

/// What a catch-up or rebuild did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// Entries applied.
    pub entries: u64,
    /// What is missing, and what was done.
    pub notes: Vec<Note>,
}
