//! The two logs of a merge, and parts of the streams in them.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::storage::Storage;
use std::path::Path;
use std::sync::Arc;

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The one that is merged into.
    Target,
    /// The other one, which is only read.
    Source,
}

/// Both logs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    pub(super) from: &'a Path,
    pub(super) into: &'a Path,
}

impl Sides<'_> {
    pub(super) fn log(&self, side: Side) -> &Path {
        match side {
            Side::Target => self.into,
            Side::Source => self.from,
        }
    }
}

/// Some entries of one stream as it lies in one log: `first` and on, up to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) side: Side,
    pub(super) stream: StreamId,
    pub(super) first: Seq,
    pub(super) end: Option<Seq>,
}

impl Part {
    /// All of a stream.
    pub(super) fn whole(side: Side, stream: StreamId) -> Part {
        Part { side, stream, first: Seq::FIRST, end: None }
    }

    /// What of it lies at or behind `seq`.
    pub(super) fn from(&self, seq: Seq) -> Option<Part> {
        Some(Part { first: self.first.max(seq), ..*self }).filter(|p| p.end.is_none_or(|end| p.first < end))
    }

    /// What of it lies before `seq`.
    pub(super) fn until(&self, seq: Seq) -> Option<Part> {
        let end = self.end.map_or(seq, |end| end.min(seq));
        Some(Part { end: Some(end), ..*self }).filter(|p| p.first < end)
    }
}
