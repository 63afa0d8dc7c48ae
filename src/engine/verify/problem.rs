//! A problem: damage at one place, and the entries that are lost because of this damage.

use crate::engine::entry::{Seq, StreamId};

/// Damage at one place, and the entries that are lost because of this damage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The stable code. The documentation of [`verify`](super) lists the codes.
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

    /// Returns true if an unknown number of entries is lost at the end of a stream.
    pub(super) fn is_at_end(&self) -> bool {
        matches!(self.lost, Some((_, None)))
    }
}
