//! The end of a stream in one of the logs of a merge.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::merge::sides::Side;
use crate::engine::log::read::directory::ResumePoint;
use crate::engine::log::read::item::{FindingKind, Item, Tail};
use crate::engine::log::read::reader::StreamReader;

/// Unreadable bytes at the end of a stream, which held an unknown number of entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost {
    pub(super) side: Side,
    pub(super) stream: StreamId,
    pub(super) segment: Seq,
    pub(super) offset: u64,
    /// True if the bytes look like one commit that a crash interrupted.
    pub(super) torn: bool,
    /// The sequence number of the first entry that the bytes may have held.
    pub(super) next: Seq,
}

/// The end of a stream that was read completely.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) side: Side,
    pub(super) stream: StreamId,
    /// The sequence number after the last entry that was read or is known to be missing.
    pub(super) next: Seq,
    /// True if the stream ends with a close mark or a seal.
    pub(super) closed: bool,
    pub(super) lost: Option<Lost>,
    /// The point after the last complete frame.
    pub(super) point: ResumePoint,
}

/// A search for unreadable bytes at the end of a stream. It examines each item while the stream is read.
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

    /// Examines the next item that the reader of the stream returned.
    pub(super) fn observe(&mut self, item: &Item) {
        match item {
            // A stray file is not part of the stream, and a segment with an unfinished header never held an entry. If
            // entries are missing at the end, earlier damage is therefore the cause.
            Item::Finding(f) if f.kind == FindingKind::Foreign => {}
            Item::Finding(f) if f.kind == FindingKind::Torn && f.offset == 0 => {}
            Item::Finding(f) => self.last_finding = Some((f.kind, f.segment, f.offset)),
            Item::Gap(gap) if gap.last.is_none() => self.lose(gap.first),
            // A later entry shows how many entries the damage lost.
            Item::Gap(_) | Item::Commit(_) => self.last_finding = None,
        }
    }

    fn lose(&mut self, next: Seq) {
        let Some((kind, segment, offset)) = self.last_finding else { return };
        let torn = kind == FindingKind::Torn;
        let EndWatch { side, stream, .. } = *self;
        self.lost = Some(Lost { side, stream, segment, offset, torn, next });
    }

    /// Returns the end of the stream. Call it only after `reader` has returned its last item.
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
