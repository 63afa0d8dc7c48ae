//! The report of a merge.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::merge::quarantine::Quarantined;
use crate::engine::log::merge::sides::Side;
use std::fmt;

/// The change of one stream of the target. Its text form is a phrase for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The target did not have the stream: its segments were copied, damage included. A stream that the merge derived
    /// from a fork was written anew.
    Copied,
    /// The target had all entries of the stream.
    Unchanged,
    /// The source had the bytes of the target and further bytes, which were copied.
    Extended,
    /// The target now has the entries of both logs. For this, segments of the stream were kept, copied or written anew.
    United {
        /// Number of entries that the target did not have.
        added: u64,
        /// Number of added entries that fill gaps of the target.
        filled: u64,
    },
    /// The entries of the stream are now stored under other stream ids. The usual reason is a fork in a stream from
    /// which this stream branches off, directly or indirectly.
    Moved,
    /// The stream was not merged.
    Skipped(SkipReason),
}

/// The reason why a stream was not merged. Its text form is the stable name. Normally all streams of a family are
/// skipped together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// A writer holds the stream or another stream of its family in the target, or the file system has no locks. A
    /// later merge may succeed.
    Held,
    /// A segment of the stream, or of another stream of its family, has a format that this build cannot read.
    Newer,
    /// The stream, or another stream of its family, could not be read in the source. Streams of the family may have
    /// been changed in the target before the read failed; the report does not contain these changes.
    Unreadable,
    /// The stream, or another stream of its family, has too many ancestors (streams that it branches off from, directly
    /// or indirectly).
    TooDeep,
    /// The copies of the stream, or of another stream of its family, have different entries, and a copy has erased these
    /// entries. The first different entry is therefore not known.
    ErasedFork,
}

impl SkipReason {
    /// Returns the stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            SkipReason::Held => "held_by_a_writer",
            SkipReason::Newer => "newer_format",
            SkipReason::Unreadable => "source_unreadable",
            SkipReason::TooDeep => "forked_too_deep",
            SkipReason::ErasedFork => "forked_in_erased_entries",
        }
    }
}

impl Change {
    /// Returns the stable lower-case name.
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

/// The result of the merge for one stream. Its text form is a line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamMerge {
    /// The id of the stream.
    pub stream: StreamId,
    /// The change of the stream.
    pub change: Change,
    /// Number of bytes written for the stream.
    pub bytes: u64,
}

/// A fork: a stream whose copies contain different entries with the same sequence number. Its text form is a line for
/// people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fork {
    /// The id of the stream whose copies differ.
    pub stream: StreamId,
    /// The first sequence number under which the entries differ.
    pub first: Seq,
    /// The log whose entries keep the id from `first` on.
    pub kept: Side,
    /// The new stream id of the entries of the other log from `first` on.
    pub derived: StreamId,
}

/// The report of a merge. Its text form has a line for each stream, for each fork and for each copy in quarantine. It
/// does not end with a newline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogMerge {
    /// Every stream of the source, and every other stream that was written or moved. If a family is skipped as
    /// [`SkipReason::Unreadable`], only its streams in the source are listed.
    pub streams: Vec<StreamMerge>,
    /// Every fork that was found.
    pub forks: Vec<Fork>,
    /// Copies of the damaged segments and stray files of the target that were replaced or removed.
    pub quarantined: Vec<Quarantined>,
}

impl LogMerge {
    /// Returns true if the report lists no change of a stream of the target.
    pub fn is_unchanged(&self) -> bool {
        self.streams.iter().all(|s| matches!(s.change, Change::Unchanged | Change::Skipped(_)))
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::United { added, filled } => {
                write!(f, "united (entries added: {added}, of which fill gaps: {filled})")
            }
            Change::Skipped(reason) => write!(f, "skipped ({reason})"),
            _ => f.write_str(self.name()),
        }
    }
}

impl fmt::Display for StreamMerge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {}: {}", self.stream, self.change)?;
        if self.bytes > 0 { write!(f, ", {} bytes written", self.bytes) } else { Ok(()) }
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fork { stream, first, kept, derived } = self;
        let other = match kept {
            Side::Source => "target",
            Side::Target => "source",
        };
        write!(
            f,
            "fork: the entries of stream {stream} from {first} on in the {other} are now stream {derived}"
        )
    }
}

impl fmt::Display for LogMerge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.streams.is_empty() {
            return f.write_str("no streams to merge");
        }
        let streams = self.streams.iter().map(ToString::to_string);
        let forks = self.forks.iter().map(ToString::to_string);
        let copies = self.quarantined.iter().map(|copy| format!("quarantined: {copy}"));
        let lines: Vec<String> = streams.chain(forks).chain(copies).collect();
        f.write_str(&lines.join("\n"))
    }
}
