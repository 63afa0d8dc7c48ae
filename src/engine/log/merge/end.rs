//! The end of a stream in one of the logs of a merge.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::merge::sides::Side;
use crate::engine::log::read::directory::ResumePoint;
use crate::engine::log::read::item::{FindingKind, Item, Tail};
use crate::engine::log::read::reader::StreamReader;

/// Bytes at the end of a stream that nobody can read: an unknown number of entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost {
    pub(super) side: Side,
    pub(super) stream: StreamId,
    pub(super) segment: Seq,
    pub(super) offset: u64,
    /// Whether it looks like one commit that a crash cut short.
    pub(super) torn: bool,
    /// The number expected there.
    pub(super) next: Seq,
}

/// How a stream ended that was read to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) side: Side,
    pub(super) stream: StreamId,
    /// All entries before this one are read or known to be missing.
    pub(super) next: Seq,
    /// Whether a mark says so.
    pub(super) closed: bool,
    pub(super) lost: Option<Lost>,
    /// Behind the last whole frame.
    pub(super) point: ResumePoint,
}

/// Watches a stream being read for what its end has lost.
#[derive(Debug)]
pub(super) struct EndWatch {
    side: Side,
    stream: StreamId,
    last_finding: Option<(FindingKind, Seq, u64)>,
    lost: Option<Lost>,
}

impl EndWatch {
    pub(super) fn new(side: Side, stream: StreamId) -> EndWatch {
        EndWatch { side, stream, last_finding: None, lost: None }
    }

    pub(super) fn see(&mut self, item: &Item) {
        match item {
            // A foreign file says nothing about this stream, and a segment whose headers were never finished never held an
            // entry. What was damaged before them counts.
            Item::Finding(f) if f.kind == FindingKind::Foreign => {}
            Item::Finding(f) if f.kind == FindingKind::Torn && f.offset == 0 => {}
            Item::Finding(f) => self.last_finding = Some((f.kind, f.segment, f.offset)),
            Item::Gap(gap) if gap.last.is_none() => self.lose(gap.first),
            // What follows the damage bounds what it lost.
            Item::Gap(_) | Item::Commit(_) => self.last_finding = None,
        }
    }

    fn lose(&mut self, next: Seq) {
        let Some((kind, segment, offset)) = self.last_finding else { return };
        let torn = kind == FindingKind::Torn;
        let EndWatch { side, stream, .. } = *self;
        self.lost = Some(Lost { side, stream, segment, offset, torn, next });
    }

    /// How the stream ended, once `reader` gave everything.
    pub(super) fn end(&self, reader: &StreamReader) -> End {
        End {
            side: self.side,
            stream: self.stream,
            next: reader.next_seq(),
            closed: reader.tail() == Tail::Closed,
            lost: self.lost,
            point: reader.resume_point(),
        }
    }
}
