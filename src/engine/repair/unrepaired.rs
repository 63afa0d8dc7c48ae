//! Damage that a repair leaves, and parts of a log that it does not examine.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::FindingKind;
use crate::engine::log::merge::Left;
use std::fmt;

/// Damage that a repair leaves, or a stream that it does not examine. The text form is a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unrepaired {
    /// A writer holds the stream, so it is neither examined nor changed.
    Held {
        /// The stream.
        stream: StreamId,
    },
    /// The stream cannot be read.
    Unreadable {
        /// The stream.
        stream: StreamId,
        /// The error, with its source.
        reason: String,
    },
    /// A part of the stream was written by a newer version of the program.
    Newer {
        /// The stream.
        stream: StreamId,
    },
    /// The entries differ from those that the chain or a seal covers, although all their checksums are valid. A repair
    /// would hide this. A merge with an intact copy of the log keeps both versions.
    Contradiction {
        /// The stream.
        stream: StreamId,
        /// The segment, by its first sequence number.
        segment: Seq,
        /// The kind of the finding: `kind.name()` is `chain_broken` or `seal_broken`.
        kind: FindingKind,
    },
    /// All files in the directory of the stream belong to other streams or segments, as after renaming the directory.
    NotOwn {
        /// The stream.
        stream: StreamId,
    },
    /// The number of entries that are lost at the end of the stream is unknown. The unreadable bytes are the only
    /// evidence of the loss, and stay.
    EndUnknown {
        /// The stream.
        stream: StreamId,
        /// The segment with the unreadable bytes.
        segment: Seq,
        /// The last entry that can be read or is named as missing.
        after: Seq,
    },
}

impl Unrepaired {
    pub(super) fn of(stream: StreamId, left: Left) -> Unrepaired {
        match left {
            Left::Newer => Unrepaired::Newer { stream },
            Left::Contradiction { segment, kind } => Unrepaired::Contradiction { stream, segment, kind },
            Left::NotOwn => Unrepaired::NotOwn { stream },
            Left::EndUnknown { segment, after } => Unrepaired::EndUnknown { stream, segment, after },
        }
    }

    /// Returns the stable lower-case name: `held_by_a_writer`, `unreadable`, `newer_format`, `chain_broken`,
    /// `seal_broken`, `foreign_stream` or `end_unknown`.
    pub fn code(&self) -> &'static str {
        match self {
            Unrepaired::Held { .. } => "held_by_a_writer",
            Unrepaired::Unreadable { .. } => "unreadable",
            Unrepaired::Newer { .. } => "newer_format",
            Unrepaired::Contradiction { kind, .. } => kind.name(),
            Unrepaired::NotOwn { .. } => "foreign_stream",
            Unrepaired::EndUnknown { .. } => "end_unknown",
        }
    }

    /// Returns the stream.
    pub fn stream(&self) -> StreamId {
        match self {
            Unrepaired::Held { stream }
            | Unrepaired::Unreadable { stream, .. }
            | Unrepaired::Newer { stream }
            | Unrepaired::Contradiction { stream, .. }
            | Unrepaired::NotOwn { stream }
            | Unrepaired::EndUnknown { stream, .. } => *stream,
        }
    }
}

impl fmt::Display for Unrepaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = self.stream();
        match self {
            Unrepaired::Held { .. } => write!(f, "stream {stream} is not repaired while a writer holds it"),
            Unrepaired::Unreadable { reason, .. } => write!(f, "stream {stream} cannot be read: {reason}"),
            Unrepaired::Newer { .. } => {
                write!(f, "stream {stream} has parts in a newer format; repair it with the newest version")
            }
            Unrepaired::Contradiction { segment, .. } => write!(
                f,
                "the entries of stream {stream} contradict a checksum over many entries in segment {segment}; compare \
                 them with a copy of the log"
            ),
            Unrepaired::NotOwn { .. } => write!(
                f,
                "no file in the directory of stream {stream} belongs to the stream; if the directory was renamed, \
                 restore its name"
            ),
            Unrepaired::EndUnknown { segment, after, .. } => write!(
                f,
                "an unknown number of entries of stream {stream} after {after} is lost; the unreadable bytes in \
                 segment {segment} stay as evidence"
            ),
        }
    }
}
