//! The report of a merge.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::merge::quarantine::Quarantined;
use crate::engine::log::merge::sides::Side;

/// What became of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The target did not have it: its segments were copied, damage included.
    Copied,
    /// The target had all of it.
    Unchanged,
    /// The source had the same bytes and more behind them.
    Extended,
    /// The target's stream was made of both: entries that it did not have before, and those of them that filled gaps.
    United {
        /// New entries.
        added: u64,
        /// Those of them that were missing between others.
        filled: u64,
    },
    /// Its entries are under other ids now, as the stream it branched off from was forked before that.
    Moved,
    /// It was left as it is.
    Skipped(SkipReason),
}

/// Why a stream was left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// A living writer holds it in the target, or there are no locks that would tell. Merge again later.
    Held,
    /// A segment of it was written in a newer format.
    Newer,
    /// The source could not be read.
    Unreadable,
    /// It is forked over and over.
    TooDeep,
}

impl SkipReason {
    /// A stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            SkipReason::Held => "held_by_a_writer",
            SkipReason::Newer => "newer_format",
            SkipReason::Unreadable => "source_unreadable",
            SkipReason::TooDeep => "forked_too_deep",
        }
    }
}

impl Change {
    /// A stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Change::Copied => "copied",
            Change::Unchanged => "unchanged",
            Change::Extended => "extended",
            Change::United { .. } => "united",
            Change::Moved => "moved",
            Change::Skipped(_) => "skipped",
        }
    }
}

/// One stream of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamMerge {
    /// Its id.
    pub stream: StreamId,
    /// What became of it.
    pub change: Change,
    /// Bytes written for it.
    pub bytes: u64,
}

/// A stream that had two histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    /// The stream.
    pub stream: StreamId,
    /// The first number with two meanings.
    pub first: Seq,
    /// Whose entries keep the id from there on.
    pub kept: Side,
    /// The id under which the other entries are from there on.
    pub derived: StreamId,
}

/// What a merge did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MergeReport {
    /// Every stream of the source, and every other one that was written or moved.
    pub streams: Vec<StreamMerge>,
    /// Every fork found.
    pub forks: Vec<Fork>,
    /// Damaged segments of the target that were replaced, as they were.
    pub quarantined: Vec<Quarantined>,
}

impl MergeReport {
    /// Whether the target is as it was.
    pub fn is_unchanged(&self) -> bool {
        self.streams.iter().all(|s| matches!(s.change, Change::Unchanged | Change::Skipped(_)))
    }
}
