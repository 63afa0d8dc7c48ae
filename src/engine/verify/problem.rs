//! A problem: damage at one place, and the entries that are lost because of this damage.

use crate::engine::entry::{Seq, StreamId};
use std::fmt;

/// The code of a known loss: a repair or a merge wrote the segment anew when the entries were already missing.
pub(super) const KNOWN_LOSS: &str = "known_loss";

/// Damage at one place, and the entries that are lost because of this damage. Its text form is the code and the
/// message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The stable code. Later versions may add codes.
    ///
    /// | Code | Meaning |
    /// |---|---|
    /// | `damaged` | bytes that are not a frame |
    /// | `torn` | the end of a stream holds part of a frame: an interrupted write, or damage to the last frame |
    /// | `header_copy_damaged` | one of the two copies of a segment's header is damaged; no entry is lost |
    /// | `header_lost` | both copies of a segment's header are damaged |
    /// | `foreign_segment` | a segment belongs to another stream, or has another first entry than its file name says |
    /// | `newer_format` | a segment has a format that this build cannot read |
    /// | `doubled` | a frame repeats sequence numbers of an earlier frame |
    /// | `unreadable_frame` | the checksums of a frame are valid, but this build cannot decode its content |
    /// | `chain_broken` | the digest in a mark or header differs from the entries before it |
    /// | `seal_broken` | a seal disagrees with the bytes or the counts of its segment |
    /// | `segment_missing` | the segment with the entries does not exist |
    /// | `segment_unreadable` | the segment with the entries cannot be read |
    /// | `known_loss` | entries were already missing when a repair or a merge wrote the segment anew |
    /// | `entry_unreadable` | an intact entry of a known kind whose payload cannot be decoded |
    /// | `stream_missing` | a stream that an earlier read has seen, or that a saved head names, is not in the log |
    /// | `entries_missing` | a stream ends before a saved head, or before an entry that an earlier read has seen |
    /// | `head_differs` | the entries of a stream differ from those of a saved head, or from those of an earlier read |
    /// | `projections_damaged` | the saved tables were damaged, and were rebuilt for the check |
    /// | `log_changed` | the saved tables were made from other entries than the log has, and were rebuilt |
    /// | `projections_differ` | the tables differ from a rebuild |
    pub code: &'static str,
    /// The stream, for damage in the log.
    pub stream: Option<StreamId>,
    /// The segment, by its first sequence number.
    pub segment: Option<Seq>,
    /// The offset of the damage in the file of the segment.
    pub offset: Option<u64>,
    /// The number of damaged bytes.
    pub len: Option<u64>,
    /// The sequence numbers of the first and the last lost entry. The second number is `None` if an unknown number of
    /// entries is lost at the end of a stream.
    pub lost: Option<(Seq, Option<Seq>)>,
    /// A description for people.
    pub message: String,
}

impl Problem {
    /// Creates a problem that names no stream, segment, offset or lost entry.
    pub(crate) fn new(code: &'static str, message: String) -> Problem {
        Problem { code, stream: None, segment: None, offset: None, len: None, lost: None, message }
    }

    /// Returns true if the problem is a known loss.
    pub(crate) fn is_known_loss(&self) -> bool {
        self.code == KNOWN_LOSS
    }

    /// Returns true if an unknown number of entries is lost at the end of a stream.
    pub(super) fn is_at_end(&self) -> bool {
        matches!(self.lost, Some((_, None)))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
