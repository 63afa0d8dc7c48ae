//! The values that a reader of a stream returns: commits, gaps and findings, and the state of the end of the stream.

use crate::engine::entry::{Entry, Gap, Seq, StreamId};

/// One commit, with the place it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The segment, by its first sequence number.
    pub segment: Seq,
    /// Offset of its frame.
    pub offset: u64,
    /// Offset behind its frame.
    pub end: u64,
    /// Its entries, at least one.
    pub entries: Vec<Entry>,
}

/// What a scan noticed about bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// Bytes that should hold frames hold none.
    Damaged,
    /// The end of the stream holds part of a frame: a write that a crash cut short, or damage to the last frame.
    Torn,
    /// One of the two header copies, or the zeros between them, are damaged. No entry is lost by it.
    HeaderCopy,
    /// Neither header copy is whole.
    HeaderLost,
    /// The segment says it belongs elsewhere: another stream, or another base number than its name.
    Foreign,
    /// The segment was written in a format that needs a newer reader.
    Newer {
        /// The format version it was written in.
        version: u16,
    },
    /// A frame whose numbers came before: a copy of an earlier one.
    Doubled,
    /// A whole frame that does not hold entries as this build knows them.
    Unreadable,
    /// A mark or header disagrees with the chain over the entries before it.
    ChainBroken,
    /// A seal disagrees with its segment's bytes or counts.
    SealBroken,
}

impl FindingKind {
    /// A stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::Damaged => "damaged",
            FindingKind::Torn => "torn",
            FindingKind::HeaderCopy => "header_copy_damaged",
            FindingKind::HeaderLost => "header_lost",
            FindingKind::Foreign => "foreign_segment",
            FindingKind::Newer { .. } => "newer_format",
            FindingKind::Doubled => "doubled",
            FindingKind::Unreadable => "unreadable_frame",
            FindingKind::ChainBroken => "chain_broken",
            FindingKind::SealBroken => "seal_broken",
        }
    }
}

/// Something wrong at a place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// The stream.
    pub stream: StreamId,
    /// The segment, by its first sequence number.
    pub segment: Seq,
    /// Where in the segment's file it begins.
    pub offset: u64,
    /// How many bytes it concerns.
    pub len: u64,
}

/// A value in the flow of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Entries of one frame.
    Commit(Commit),
    /// Entries that are missing before the next commit.
    Gap(Gap),
    /// What is wrong with the bytes; the numbers lost by it follow as a gap.
    Finding(Finding),
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// The last thing in it is a close mark or seal.
    Closed,
    /// The last thing in it is a commit (or nothing at all): its writer is alive, or was killed between commits.
    Open,
    /// Bytes that are not a whole frame follow: a write in flight, a torn one, or damage.
    Unfinished {
        /// Where they begin.
        offset: u64,
    },
}
