//! The values that a reader of a stream returns: commits, gaps, findings, and the state of the end of the stream.

use crate::engine::entries::Entries;
use crate::engine::entry::{Gap, Seq, StreamId};
use std::fmt;

/// A commit that was read from a stream, with its segment and offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The first sequence number of the segment that contains the commit.
    pub segment: Seq,
    /// Offset in the segment at which the frame of the commit begins.
    pub offset: u64,
    /// Offset in the segment at which the frame of the commit ends.
    pub end: u64,
    /// The entries, at least one.
    pub entries: Entries,
}

/// The kind of a finding. Its text form is the stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// A range of bytes between or after frames is not a frame.
    Damaged,
    /// The end of the stream holds part of a frame: a write that a crash interrupted, or damage to the last frame.
    Torn,
    /// One of the two copies of the header is damaged, or a byte between the copies is not zero. No entry is lost.
    HeaderCopy,
    /// Both copies of the header are damaged.
    HeaderLost,
    /// The header names another stream than the directory, or another first sequence number than the file name.
    Foreign,
    /// The segment was written in a format that this build cannot read.
    Newer {
        /// The format version of the segment.
        version: u16,
    },
    /// A frame repeats sequence numbers of an earlier frame.
    Doubled,
    /// The checksums of a frame are valid, but this build cannot decode its content.
    Unreadable,
    /// The link in a mark or a segment header differs from the chain over the entries before the mark or header.
    ChainBroken,
    /// A seal disagrees with the bytes or the counts of its segment.
    SealBroken,
}

impl FindingKind {
    /// Returns the stable lower-case name.
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

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A finding: a byte range of the log that is damaged, or that this build cannot read. Its text form names the kind and
/// the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of the finding.
    pub kind: FindingKind,
    /// The stream.
    pub stream: StreamId,
    /// The first sequence number of the segment that contains the range.
    pub segment: Seq,
    /// Offset in the segment at which the range begins.
    pub offset: u64,
    /// Length of the range in bytes.
    pub len: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { kind, stream, segment, offset, len } = self;
        write!(f, "{kind}: {len} bytes at offset {offset} of segment {segment} of stream {stream}")
    }
}

/// A value that a reader of a stream returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The entries of one frame.
    Commit(Commit),
    /// Entries that are missing before the next commit or at the end of the stream.
    Gap(Gap),
    /// A fault in bytes. If entries were lost with the bytes, a gap with their sequence numbers follows.
    Finding(Finding),
}

/// The state of the end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// The stream ends with a close mark or a seal.
    Closed,
    /// The stream ends with a commit, or is empty. Its writer is still running, or ended without closing the stream.
    Open,
    /// The stream ends with bytes that are not a complete frame: a write in progress, an interrupted write, or damage.
    Unfinished {
        /// Offset in the last segment at which these bytes begin.
        offset: u64,
    },
}
