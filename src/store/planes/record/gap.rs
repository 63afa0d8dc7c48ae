//! Known gaps of the log, and the state of the records that is derived from the gaps.

use crate::engine::entry::{Gap, Seq, StreamId};
use crate::engine::verify::Problem;
use std::fmt;

/// The integrity state of a workspace's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntegrityState {
    /// Everything that was read is intact.
    Healthy,
    /// A repair or a merge has recorded missing entries as lost, a stream could not be read, or an entry has
    /// a kind or version that is unknown to this build.
    Degraded,
    /// The log is damaged, or entries are missing that no repair or merge has recorded as lost.
    Corrupted,
}

impl IntegrityState {
    /// Returns the stable name in upper case, as in the Python package contexta 1.0.0.
    pub fn as_str(self) -> &'static str {
        match self {
            IntegrityState::Healthy => "HEALTHY",
            IntegrityState::Degraded => "DEGRADED",
            IntegrityState::Corrupted => "CORRUPTED",
        }
    }
}

impl fmt::Display for IntegrityState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A damaged part of the log, and the entries that are lost because of the damage. The text form of a gap
/// consists of the code and the message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownGap {
    /// The stable code: a code of [`Problem`], `log_gap`, `record_unreadable` or `could_not_check`.
    pub code: &'static str,
    /// A description for people.
    pub message: String,
    /// The stream; `None` if the damage belongs to no stream.
    pub stream: Option<StreamId>,
    /// The first sequence number of the segment.
    pub segment: Option<Seq>,
    /// The offset of the damage in the segment file.
    pub offset: Option<u64>,
    /// The number of damaged bytes.
    pub len: Option<u64>,
    /// The first lost sequence number.
    pub start_sequence: Option<Seq>,
    /// The last lost sequence number; `None` if no entry is lost, or if an unknown number of entries is lost.
    pub end_sequence: Option<Seq>,
}

impl fmt::Display for KnownGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl KnownGap {
    /// Creates a gap without a place and without lost entries.
    pub(super) fn new(code: &'static str, message: String) -> KnownGap {
        KnownGap {
            code,
            message,
            stream: None,
            segment: None,
            offset: None,
            len: None,
            start_sequence: None,
            end_sequence: None,
        }
    }

    /// Returns `true` if both gaps have the same first lost entry.
    pub(super) fn is_same_loss(&self, other: &KnownGap) -> bool {
        self.stream == other.stream
            && self.start_sequence.is_some()
            && self.start_sequence == other.start_sequence
    }
}

impl From<&Problem> for KnownGap {
    fn from(problem: &Problem) -> KnownGap {
        KnownGap {
            code: problem.code,
            message: problem.message.clone(),
            stream: problem.stream,
            segment: problem.segment,
            offset: problem.offset,
            len: problem.len,
            start_sequence: problem.lost.map(|(first, _)| first),
            end_sequence: problem.lost.and_then(|(_, last)| last),
        }
    }
}

impl From<&Gap> for KnownGap {
    fn from(gap: &Gap) -> KnownGap {
        KnownGap {
            stream: Some(gap.stream),
            start_sequence: Some(gap.first),
            end_sequence: gap.last,
            ..KnownGap::new("log_gap", format!("entries are missing: {gap}"))
        }
    }
}
