//! The result of a compaction.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use std::fmt;

/// A segment that was written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentCompaction {
    /// The stream.
    pub stream: StreamId,
    /// The first sequence number of the segment, which identifies the segment.
    pub segment: Seq,
    /// The length of the old file in bytes.
    pub bytes_before: u64,
    /// The length of the new file in bytes.
    pub bytes_after: u64,
    /// The number of entries in the new file.
    pub entries: u64,
    /// The number of entries that were erased.
    pub erased: u64,
    /// The BLAKE3 digest of the old file.
    pub digest_before: Digest,
    /// The BLAKE3 digest of the new file.
    pub digest_after: Digest,
}

/// The reason why a segment was not written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentSkip {
    /// A writer may still change the segment, or the file system has no locks.
    InUse,
    /// The segment is damaged. A read of the segment has reported findings.
    Damaged {
        /// The number of findings.
        findings: u64,
    },
    /// The new file would not be smaller.
    NotSmaller,
    /// The file has changed since the plan was made.
    Changed,
    /// A new frame did not decode to the entries that were read, or the new file did not have the expected digest.
    NotVerified,
    /// The segment could not be read or written.
    Failed {
        /// The error, with its source.
        reason: String,
    },
}

impl SegmentSkip {
    /// Returns the stable code.
    pub fn code(&self) -> &'static str {
        match self {
            SegmentSkip::InUse => "segment_in_use",
            SegmentSkip::Damaged { .. } => "segment_damaged",
            SegmentSkip::NotSmaller => "segment_not_smaller",
            SegmentSkip::Changed => "segment_changed",
            SegmentSkip::NotVerified => "segment_not_verified",
            SegmentSkip::Failed { .. } => "segment_failed",
        }
    }
}

impl fmt::Display for SegmentSkip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SegmentSkip::InUse => f.write_str("a writer may still change the segment"),
            SegmentSkip::Damaged { findings } => write!(f, "the segment is damaged ({findings} findings)"),
            SegmentSkip::NotSmaller => f.write_str("the segment would not become smaller"),
            SegmentSkip::Changed => f.write_str("the segment has changed since the plan was made"),
            SegmentSkip::NotVerified => f.write_str("the new segment did not pass its verification"),
            SegmentSkip::Failed { reason } => f.write_str(reason),
        }
    }
}

/// A segment that was not written anew, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedSegment {
    /// The stream.
    pub stream: StreamId,
    /// The first sequence number of the segment, which identifies the segment.
    pub segment: Seq,
    /// The reason.
    pub reason: SegmentSkip,
}

/// The result of a compaction or an erasure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionReport {
    /// The segments that were written anew.
    pub segments: Vec<SegmentCompaction>,
    /// The segments that were left unchanged.
    pub skipped: Vec<SkippedSegment>,
}

impl CompactionReport {
    /// Returns the total length in bytes of the segments that were replaced.
    pub fn bytes_before(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes_before).sum()
    }

    /// Returns the total length in bytes of the new segments.
    pub fn bytes_after(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes_after).sum()
    }

    /// Returns the number of erased entries.
    pub fn erased(&self) -> u64 {
        self.segments.iter().map(|segment| segment.erased).sum()
    }
}
