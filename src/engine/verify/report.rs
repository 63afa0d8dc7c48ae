//! The report of a check of a log.

use crate::engine::chain::Head;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::verify::note::LogNote;
use crate::engine::verify::problem::Problem;
use std::fmt;

/// The verdict of a check. Its text form is the stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Everything that was checked is intact.
    Whole,
    /// Everything that was checked is intact, and the only missing entries are known losses: they were already missing
    /// when a repair or a merge wrote their segment anew. Each loss is a problem with the code `known_loss`.
    WholeExceptKnownLosses,
    /// Something is damaged, or entries are missing that are not known losses.
    Damaged,
    /// No damage was found, but something could not be read.
    Unchecked,
}

impl Outcome {
    /// Returns the stable name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Whole => "whole",
            Outcome::WholeExceptKnownLosses => "whole_except_known_losses",
            Outcome::Damaged => "damaged",
            Outcome::Unchecked => "unchecked",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The result for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamReport {
    /// The id of the stream.
    pub stream: StreamId,
    /// The number of segments that were read.
    pub segments: usize,
    /// The number of intact entries that were read.
    pub entries: u64,
    /// The sequence number of the last entry that was read or is known to be missing. The number is 0 if the
    /// end of the stream was not read.
    pub last: Seq,
    /// The last intact entry, and the digest of all entries up to this entry; `None` if the digest is not known because
    /// of a gap.
    pub head: Option<Head>,
    /// `true` if a writer has the stream open.
    pub live: bool,
    /// `true` if the stream ends in a close mark.
    pub closed: bool,
}

/// The result of a check of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogReport {
    /// The result for every stream that could be read.
    pub streams: Vec<StreamReport>,
    /// The damage that was found. Saved heads of missing streams are first. The problems of each stream follow: damage
    /// in the order of the entries, then problems of the saved heads.
    pub problems: Vec<Problem>,
    /// The number of problems beyond [`LogCheck::problems_max`](super::LogCheck::problems_max), which are not in
    /// `problems`.
    pub omitted: u64,
    /// The number of problems with the code `known_loss`, including those that are not in `problems`.
    pub known_losses: u64,
    /// Notes on parts that could not be checked, on streams in use, and on streams that were not closed.
    pub notes: Vec<LogNote>,
    /// The number of saved heads that were confirmed.
    pub heads: u64,
    /// The number of read segments, and the number of all segments of the log.
    pub segments: (u64, u64),
}

impl LogReport {
    /// Returns the verdict.
    pub fn outcome(&self) -> Outcome {
        let problems = self.problems.len() as u64 + self.omitted;
        if problems > self.known_losses {
            Outcome::Damaged
        } else if !self.is_complete() {
            Outcome::Unchecked
        } else if problems > 0 {
            Outcome::WholeExceptKnownLosses
        } else {
            Outcome::Whole
        }
    }

    /// Returns the number of intact entries in all streams.
    pub fn entries(&self) -> u64 {
        self.streams.iter().map(|stream| stream.entries).sum()
    }

    /// Returns true if every stream could be read.
    pub fn is_complete(&self) -> bool {
        !self.notes.iter().any(|note| matches!(note, LogNote::StreamUnchecked { .. }))
    }
}
