//! The two logs of a merge, and ranges of the entries of their streams ([`Part`]).

use crate::engine::domain::Domain;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::storage::Storage;
use std::path::Path;
use std::sync::Arc;

/// One of the two logs of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The log that is changed.
    Target,
    /// The log that is copied and only read.
    Source,
}

/// Both logs of a merge.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::log) struct Sides<'a> {
    pub(in crate::engine::log) storage: &'a Arc<dyn Storage>,
    pub(in crate::engine::log) domain: Domain,
    pub(in crate::engine::log) from: &'a Path,
    pub(in crate::engine::log) into: &'a Path,
}

impl Sides<'_> {
    pub(super) fn log(&self, side: Side) -> &Path {
        match side {
            Side::Target => self.into,
            Side::Source => self.from,
        }
    }
}

/// The entries of a stream in one log, from the sequence number `first` on and before `end`. Without `end`, the part
/// has no upper limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) side: Side,
    pub(super) stream: StreamId,
    pub(super) first: Seq,
    pub(super) end: Option<Seq>,
}

impl Part {
    /// Returns the [`Part`] with all entries of a stream in one log.
    pub(super) fn whole(side: Side, stream: StreamId) -> Part {
        Part { side, stream, first: Seq::FIRST, end: None }
    }

    /// Returns the part without the entries before `seq`; `None` if every entry of the part comes before `seq`.
    pub(super) fn from(&self, seq: Seq) -> Option<Part> {
        Some(Part { first: self.first.max(seq), ..*self }).filter(|p| p.end.is_none_or(|end| p.first < end))
    }

    /// Returns the part without the entries from `seq` on; `None` if no entry of the part comes before `seq`.
    pub(super) fn until(&self, seq: Seq) -> Option<Part> {
        let end = self.end.map_or(seq, |end| end.min(seq));
        Some(Part { end: Some(end), ..*self }).filter(|p| p.first < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_is_divided_at_any_number() {
        let entries = |first, end: Option<u64>| {
            let (side, stream) = (Side::Source, StreamId([1; 16]));
            Part { side, stream, first: Seq(first), end: end.map(Seq) }
        };
        let divided = |part: &Part, at| (part.until(Seq(at)), part.from(Seq(at)));
        let bounded = entries(3, Some(6));
        assert_eq!(divided(&bounded, 2), (None, Some(bounded)));
        assert_eq!(divided(&bounded, 3), (None, Some(bounded)));
        assert_eq!(divided(&bounded, 5), (Some(entries(3, Some(5))), Some(entries(5, Some(6)))));
        assert_eq!(divided(&bounded, 6), (Some(bounded), None));
        assert_eq!(divided(&bounded, 9), (Some(bounded), None));
        assert_eq!(divided(&entries(3, None), 9), (Some(entries(3, Some(9))), Some(entries(9, None))));
    }
}
