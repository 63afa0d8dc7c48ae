//! Notes of a check: parts of a log that could not be checked, streams in use, and streams that were not closed.

use crate::engine::chain::Head;
use crate::engine::entry::{Seq, StreamId};
use std::fmt;

/// The severity of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A remark on a stream that is in use, or that its writer did not close. The remark is not a sign of damage.
    Info,
    /// A part of the check was not possible, because of damage that the report contains.
    Warning,
    /// A part of the log could not be read.
    Error,
}

/// A note of a check. The text form of a note is a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogNote {
    /// A writer has the stream open, and the end of the stream is not a whole frame: a write in progress.
    StreamInFlight {
        /// The stream.
        stream: StreamId,
    },
    /// The last segment of a stream has no entry, because its writer ended while it created the file.
    SegmentUnfinished {
        /// The stream.
        stream: StreamId,
        /// The segment, by its first sequence number.
        segment: Seq,
    },
    /// A stream without a writer ends neither in a close mark nor in a seal. If its last entries were lost, the check
    /// cannot detect the loss.
    StreamNotClosed {
        /// The stream.
        stream: StreamId,
        /// The last intact entry.
        after: Seq,
    },
    /// Entries of a stream were erased on request.
    EntriesErased {
        /// The stream.
        stream: StreamId,
        /// The number of erased entries.
        entries: u64,
    },
    /// A saved head could not be compared with its stream, because entries before the head are missing.
    HeadUnchecked {
        /// The saved head.
        head: Head,
    },
    /// A stream could not be read.
    StreamUnchecked {
        /// The stream.
        stream: StreamId,
        /// The error, with its source.
        reason: String,
    },
}

impl LogNote {
    /// Returns the stable code of the note.
    pub fn code(&self) -> &'static str {
        match self {
            LogNote::StreamInFlight { .. } => "stream_in_flight",
            LogNote::SegmentUnfinished { .. } => "segment_unfinished",
            LogNote::StreamNotClosed { .. } => "stream_not_closed",
            LogNote::EntriesErased { .. } => "entries_erased",
            LogNote::HeadUnchecked { .. } => "head_unchecked",
            LogNote::StreamUnchecked { .. } => "could_not_check",
        }
    }

    /// Returns the severity of the note.
    pub fn severity(&self) -> Severity {
        match self {
            LogNote::StreamInFlight { .. }
            | LogNote::SegmentUnfinished { .. }
            | LogNote::StreamNotClosed { .. }
            | LogNote::EntriesErased { .. } => Severity::Info,
            LogNote::HeadUnchecked { .. } => Severity::Warning,
            LogNote::StreamUnchecked { .. } => Severity::Error,
        }
    }

    /// Returns the stream that the note is about.
    pub fn stream(&self) -> StreamId {
        match self {
            LogNote::StreamInFlight { stream }
            | LogNote::SegmentUnfinished { stream, .. }
            | LogNote::StreamNotClosed { stream, .. }
            | LogNote::EntriesErased { stream, .. }
            | LogNote::StreamUnchecked { stream, .. } => *stream,
            LogNote::HeadUnchecked { head } => head.stream,
        }
    }
}

impl fmt::Display for LogNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = self.stream();
        match self {
            LogNote::StreamInFlight { .. } => {
                write!(f, "stream {stream} is being written; its end was not checked")
            }
            LogNote::SegmentUnfinished { segment, .. } => write!(
                f,
                "segment {segment} of stream {stream} has no entry: its writer ended while it created the file"
            ),
            LogNote::StreamNotClosed { after, .. } => write!(
                f,
                "stream {stream} has no close mark: if entries after {after} were lost, this check cannot detect it"
            ),
            LogNote::EntriesErased { entries, .. } => {
                write!(f, "{entries} entries of stream {stream} were erased on request")
            }
            LogNote::HeadUnchecked { head } => write!(
                f,
                "the saved head at entry {} of stream {stream} could not be checked: earlier entries are missing",
                head.seq
            ),
            LogNote::StreamUnchecked { reason, .. } => {
                write!(f, "stream {stream} could not be checked: {reason}")
            }
        }
    }
}
