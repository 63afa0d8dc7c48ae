//! The new items of one stream.
//!
//! Invariants:
//! 1. The position moves behind an item only when the item is taken. Before that, the position moves only over entries
//!    that the filter by kind excludes.
//! 2. Before a stream is read from a position, or beyond the end of a segment, the last entry that was read is looked
//!    up again: the log must still contain this entry with the same checksum.

use crate::engine::domain::Domain;
use crate::engine::entry::{Entry, Gap, Kind, Seq, Stamp, StreamId};
use crate::engine::error::Result;
use crate::engine::log::directory::{ResumePoint, list_streams, origin_of};
use crate::engine::log::moved::is_in_derived_stream;
use crate::engine::log::{Commit, Item, StreamReader};
use crate::engine::storage::Storage;
use crate::engine::subscribe::position::{Passed, StreamPosition};
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// Access of a subscription to the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogAccess<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    pub(super) log: &'a Path,
    pub(super) domain: Domain,
    pub(super) kinds: Option<&'a BTreeSet<Kind>>,
}

/// The next item of a stream.
#[derive(Debug)]
pub(super) enum NextItem {
    Entry(Entry),
    Gap(Gap),
    /// The stream no longer contains the last entry that was read. Reading continues at this sequence number.
    Diverged(Seq),
}

/// The result of reading up to the next item.
#[derive(Debug)]
pub(super) enum Peeked {
    /// There is an item with this sort key. The key of an entry is its stamp. The key of any other item has the time of
    /// the entry before the item.
    Item(Stamp),
    /// The stream has no further item.
    End,
    /// Files of the stream were replaced while they were read. The stream must be opened again.
    Stale,
}

/// A stream that is being read. At most one commit of the stream is in memory.
#[derive(Debug)]
pub(super) struct Flow {
    stream: StreamId,
    reader: StreamReader,
    /// The point at which the frame of `commit` begins.
    frame: ResumePoint,
    commit: VecDeque<Entry>,
    next: Option<NextItem>,
    /// The time of the last entry that was read; 0 before the first entry.
    time: u64,
}

/// The result of searching a stream for an entry by its number: the stream has the same entry, a different entry with
/// this number, or no readable entry with this number.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Same,
    Different,
    Missing,
}

impl Flow {
    /// Opens a stream behind `position`, to read it up to the end of the segment that begins with `last`. First
    /// searches for the last entry that was read (`position.passed`). If this entry is now in another frame, corrects
    /// the frame in `position`. If the entry is damaged or lost, removes the entry from `position`. If a merge moved or
    /// replaced the entry, the first item is [`NextItem::Diverged`].
    pub(super) fn open(
        access: LogAccess<'_>,
        stream: StreamId,
        position: &mut StreamPosition,
        last: Seq,
    ) -> Result<Flow> {
        let open = |at| Flow::open_at(access, stream, at, last);
        let Some(passed) = position.passed else { return open(ResumePoint::START) };
        let mut found = Found::Missing;
        for at in [passed.frame, ResumePoint::START] {
            let mut flow = open(at)?;
            found = flow.search(passed)?;
            if found == Found::Same {
                position.passed = Some(Passed { frame: flow.frame, ..passed });
                return Ok(flow);
            }
        }
        let moved = is_in_derived_stream(access.storage, access.log, stream, (passed.seq, passed.checksum))?;
        if moved || found == Found::Different {
            let restart = if moved { first_fork(access, stream)? } else { None };
            let mut flow = open(ResumePoint::START)?;
            flow.next = Some(NextItem::Diverged(restart.unwrap_or(Seq::FIRST)));
            return Ok(flow);
        }
        // The entry is damaged or lost. The entries behind the entry are not affected.
        position.passed = None;
        open(ResumePoint::START)
    }

    fn open_at(access: LogAccess<'_>, stream: StreamId, at: ResumePoint, last: Seq) -> Result<Flow> {
        let reader = StreamReader::open_until(access.storage, access.log, stream, at, last)?;
        let reader = reader.of_domain(access.domain)?;
        Ok(Flow { stream, reader, frame: at, commit: VecDeque::new(), next: None, time: 0 })
    }

    /// Searches for the entry `passed`: reads up to the sequence number of the entry, and compares the checksums.
    fn search(&mut self, passed: Passed) -> Result<Found> {
        while let Some(item) = self.reader.next_item()? {
            let Item::Commit(commit) = item else { continue };
            self.set_commit(commit);
            while self.commit.front().is_some_and(|entry| entry.stamp.seq <= passed.seq) {
                let Some(entry) = self.commit.pop_front() else { break };
                self.time = entry.stamp.time;
                if entry.stamp.seq == passed.seq {
                    let is_same = entry.checksum == passed.checksum;
                    return Ok(if is_same { Found::Same } else { Found::Different });
                }
            }
            if !self.commit.is_empty() {
                break;
            }
        }
        Ok(Found::Missing)
    }

    fn set_commit(&mut self, commit: Commit) {
        let first = commit.entries.first().map_or(Seq(0), |entry| entry.stamp.seq);
        self.frame = ResumePoint { segment: commit.segment, offset: commit.offset, next: first };
        self.commit = commit.entries.into_iter().collect();
    }

    /// Reads up to the next item, and moves the position over entries that the filter by kind excludes. Does not take
    /// the item.
    pub(super) fn peek(&mut self, access: LogAccess<'_>, position: &mut StreamPosition) -> Result<Peeked> {
        while self.next.is_none() {
            if let Some(entry) = self.commit.pop_front() {
                self.pass_or_keep(entry, access, position);
                continue;
            }
            match self.reader.next_item()? {
                Some(Item::Commit(commit)) => {
                    let is_new_segment = commit.segment != self.frame.segment;
                    if is_new_segment && !self.is_confirmed(access, position)? {
                        return Ok(Peeked::Stale);
                    }
                    self.set_commit(commit);
                }
                Some(Item::Gap(gap)) => self.next = new_part(gap, position).map(NextItem::Gap),
                // If a finding concerns entries, a gap reports the entries.
                Some(Item::Finding(_)) => {}
                None => return Ok(Peeked::End),
            }
        }
        Ok(self.next.as_ref().map_or(Peeked::End, |next| Peeked::Item(self.key_of(next))))
    }

    /// Moves the position over an entry that the filter by kind excludes. Any other entry becomes the next item, unless
    /// the entry is before the position.
    fn pass_or_keep(&mut self, entry: Entry, access: LogAccess<'_>, position: &mut StreamPosition) {
        self.time = entry.stamp.time;
        if entry.stamp.seq < position.next {
            return;
        }
        if access.kinds.is_none_or(|kinds| kinds.contains(&entry.kind)) {
            self.next = Some(NextItem::Entry(entry));
        } else {
            position.pass(&entry, self.frame);
        }
    }

    /// Returns true if the log still contains the last entry that was read. If not, a merge has replaced this entry's
    /// segment, and the next segment can belong to another history. Call this function after the next segment was
    /// opened. A merge replaces segments in the order of their numbers, so the segment of the last entry is replaced
    /// before the next segment.
    fn is_confirmed(&self, access: LogAccess<'_>, position: &StreamPosition) -> Result<bool> {
        let Some(passed) = position.passed else { return Ok(true) };
        let mut flow = Flow::open_at(access, self.stream, passed.frame, passed.frame.segment)?;
        Ok(flow.search(passed)? == Found::Same)
    }

    fn key_of(&self, next: &NextItem) -> Stamp {
        let (stream, time) = (self.stream, self.time);
        match next {
            NextItem::Entry(entry) => entry.stamp,
            NextItem::Gap(gap) => Stamp { time, stream, seq: gap.first },
            NextItem::Diverged(restart) => Stamp { time, stream, seq: *restart },
        }
    }

    /// Takes the item that [`Flow::peek`] found, and moves `position` to the item after it. After
    /// [`NextItem::Diverged`], the caller must open the stream again.
    pub(super) fn take(&mut self, position: &mut StreamPosition) -> Option<NextItem> {
        let next = self.next.take()?;
        match &next {
            NextItem::Entry(entry) => position.pass(entry, self.frame),
            NextItem::Gap(gap) => position.skip(gap),
            NextItem::Diverged(restart) => *position = StreamPosition::at(*restart),
        }
        Some(next)
    }

    /// Returns the segment that contains the last frame that was read.
    pub(super) fn segment(&self) -> Seq {
        self.frame.segment
    }
}

/// Returns the part of a gap that is behind the position. Returns `None` if no part is behind the position, or if the
/// gap has no last number and such a gap was returned before.
fn new_part(gap: Gap, position: &StreamPosition) -> Option<Gap> {
    let is_known = match gap.last {
        Some(last) => last < position.next,
        None => position.has_open_gap,
    };
    (!is_known).then_some(Gap { first: gap.first.max(position.next), ..gap })
}

/// Returns the least sequence number at which another stream branches off from `stream`; `None` if no stream does.
fn first_fork(access: LogAccess<'_>, stream: StreamId) -> Result<Option<Seq>> {
    let mut first = None;
    for other in list_streams(access.storage.as_ref(), access.log)? {
        let origin = origin_of(access.storage.as_ref(), access.log, other)?;
        if let Some(origin) = origin.filter(|origin| origin.parent == stream) {
            first = Some(first.map_or(origin.first, |first: Seq| first.min(origin.first)));
        }
    }
    Ok(first)
}
