//! A round: the new items of all streams in the order of their stamps.
//!
//! A stream is opened twice: at the beginning of the round, to find its first new item, and again when this item is
//! due. The memory therefore depends on the number of streams that overlap in time. A round reads only segments that
//! existed when the round began, so it ends even if writers are faster than the reader.

use crate::engine::entry::{Seq, Stamp, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::subscribe::flow::{Flow, LogAccess, NextItem, Peeked};
use crate::engine::subscribe::position::{StreamPosition, SubscriptionPosition};
use crate::engine::subscribe::seen::SeenFiles;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// The maximum number of attempts to read one item of a stream. An attempt fails if the files of the stream are
/// replaced while they are read.
const OPENS_MAX: usize = 8;

/// The progress of a subscription.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) position: SubscriptionPosition,
    /// The state of the files of each stream that was read to its end. A stream whose files are unchanged is not read
    /// in the next round.
    pub(super) seen: BTreeMap<StreamId, SeenFiles>,
}

/// An item, and the position in the stream before the item.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) stream: StreamId,
    pub(super) before: StreamPosition,
    pub(super) item: NextItem,
}

/// A round of a subscription.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// The streams that were not opened again yet, sorted by the sort key of their first new item.
    waiting: BinaryHeap<Reverse<Stamp>>,
    /// The open streams, sorted by the sort key of their next item.
    next: BinaryHeap<Reverse<Stamp>>,
    flows: BTreeMap<StreamId, Flow>,
    /// For each stream that is read in this round, the state of its files before the stream was read.
    files: BTreeMap<StreamId, SeenFiles>,
    errors: VecDeque<Error>,
    has_moved: bool,
}

impl Round {
    /// Begins a round over these streams: reads each changed stream up to its first new item.
    pub(super) fn begin(access: LogAccess<'_>, streams: &[StreamId], progress: &mut Progress) -> Round {
        let mut round = Round::default();
        for stream in streams {
            if let Err(e) = round.add(access, *stream, progress) {
                round.errors.push_back(e);
            }
        }
        round
    }

    /// Returns a round whose only item is an error.
    pub(super) fn failed(error: Error) -> Round {
        Round { errors: VecDeque::from([error]), ..Round::default() }
    }

    /// Returns true if the position has moved in this round.
    pub(super) fn has_moved(&self) -> bool {
        self.has_moved
    }

    fn add(&mut self, access: LogAccess<'_>, stream: StreamId, progress: &mut Progress) -> Result<()> {
        let (storage, log) = (access.storage.as_ref(), access.log);
        if progress.seen.get(&stream).is_some_and(|seen| seen.is_unchanged(storage, log, stream)) {
            return Ok(());
        }
        let Some(files) = SeenFiles::of(storage, log, stream)? else { return Ok(()) };
        self.files.insert(stream, files);
        let first = self.advance(access, stream, None, progress)?;
        self.waiting.extend(first.map(|(stamp, _)| Reverse(stamp)));
        Ok(())
    }

    /// Reads up to the next item of a stream. Returns the sort key of the item and the open stream. Opens the stream if
    /// `flow` is `None`. At the end of the stream, records the files of the stream and returns `None`. Also returns
    /// `None` if the files were replaced again and again.
    fn advance(
        &mut self,
        access: LogAccess<'_>,
        stream: StreamId,
        mut flow: Option<Flow>,
        progress: &mut Progress,
    ) -> Result<Option<(Stamp, Flow)>> {
        for _ in 0..OPENS_MAX {
            let mut opened = match flow.take() {
                Some(flow) => flow,
                None => self.open(access, stream, progress)?,
            };
            let before = progress.position.get(stream);
            let mut after = before;
            let peeked = opened.peek(access, &mut after);
            self.set_position(stream, (before, after), progress);
            match peeked? {
                Peeked::Item(stamp) => return Ok(Some((stamp, opened))),
                Peeked::Stale => {}
                Peeked::End => {
                    let files = self.files.remove(&stream).filter(|files| files.last == opened.segment());
                    progress.seen.extend(files.map(|files| (stream, files)));
                    return Ok(None);
                }
            }
        }
        // The files change all the time. The next round tries again.
        Ok(None)
    }

    fn open(&self, access: LogAccess<'_>, stream: StreamId, progress: &mut Progress) -> Result<Flow> {
        let last = self.files.get(&stream).map_or(Seq(u64::MAX), |files| files.last);
        let mut position = progress.position.get(stream);
        let flow = Flow::open(access, stream, &mut position, last)?;
        progress.position.set(stream, position);
        Ok(flow)
    }

    fn set_position(
        &mut self,
        stream: StreamId,
        (before, after): (StreamPosition, StreamPosition),
        progress: &mut Progress,
    ) {
        if after != before {
            self.has_moved = true;
            progress.position.set(stream, after);
        }
    }

    /// Returns the next item and moves the position behind it; `None` at the end of the round. After an error, the
    /// other streams are still read.
    pub(super) fn next(&mut self, access: LogAccess<'_>, progress: &mut Progress) -> Option<Result<Taken>> {
        loop {
            if let Some(error) = self.errors.pop_front() {
                return Some(Err(error));
            }
            let upcoming = self.next.peek().map(|Reverse(stamp)| *stamp);
            if let Some(Reverse(first)) = self.waiting.peek().copied()
                && upcoming.is_none_or(|stamp| first <= stamp)
            {
                self.waiting.pop();
                self.enqueue(access, first.stream, None, progress);
                continue;
            }
            let Reverse(Stamp { stream, .. }) = self.next.pop()?;
            if let Some(flow) = self.flows.remove(&stream)
                && let Some(taken) = self.take(access, stream, flow, progress)
            {
                return Some(Ok(taken));
            }
        }
    }

    fn take(
        &mut self,
        access: LogAccess<'_>,
        stream: StreamId,
        mut flow: Flow,
        progress: &mut Progress,
    ) -> Option<Taken> {
        let before = progress.position.get(stream);
        let mut after = before;
        let item = flow.take(&mut after)?;
        self.set_position(stream, (before, after), progress);
        let is_usable = !matches!(item, NextItem::Diverged(_));
        self.enqueue(access, stream, Some(flow).filter(|_| is_usable), progress);
        Some(Taken { stream, before, item })
    }

    /// Adds a stream to the open streams, or drops the stream if it has no further item.
    fn enqueue(
        &mut self,
        access: LogAccess<'_>,
        stream: StreamId,
        flow: Option<Flow>,
        progress: &mut Progress,
    ) {
        match self.advance(access, stream, flow, progress) {
            Ok(Some((stamp, flow))) => {
                self.next.push(Reverse(stamp));
                self.flows.insert(stream, flow);
            }
            Ok(None) => {}
            Err(e) => self.errors.push_back(e),
        }
    }
}
