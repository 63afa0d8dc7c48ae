//! The reader of many streams, which returns their entries in the order of the stamps, in bounded memory.
//!
//! A stream is opened when its first entry is the next entry to return, and dropped at its end. The memory therefore
//! depends on the number of streams that overlap in time. Entries of one stream are returned in the order of the
//! stream, whatever their times are.

use crate::engine::entry::{Entry, Gap, Seq, Stamp, StreamId};
use crate::engine::error::Result;
use crate::engine::log::read::item::Item;
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use crate::engine::storage::Storage;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A value that an ordered reader returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ordered {
    /// An entry.
    Entry(Entry),
    /// Missing entries of a stream, before its next entry or at its end.
    Gap(Gap),
}

/// A stream that is being read.
#[derive(Debug)]
struct Flow {
    reader: StreamReader,
    last: Seq,
    commit: VecDeque<Entry>,
}

/// A reader of several streams, which returns their entries in the order of the stamps. As an iterator it returns the
/// values of [`OrderedReader::next_item`].
#[derive(Debug)]
pub struct OrderedReader {
    storage: Arc<dyn Storage>,
    log: PathBuf,
    /// The streams that are not open, sorted by the stamp of the first entry, each with the last sequence number to
    /// read.
    waiting: BinaryHeap<Reverse<(Stamp, Seq)>>,
    /// The open streams, sorted by the stamp of the next entry, each as an index in `flows`.
    next: BinaryHeap<Reverse<(Stamp, usize)>>,
    flows: Vec<Option<Flow>>,
    gaps: VecDeque<Gap>,
}

impl Flow {
    fn open(storage: &Arc<dyn Storage>, log: &Path, stream: StreamId, last: Seq) -> Result<Flow> {
        let reader = StreamReader::open(storage, log, stream, ScanMode::Follow)?;
        Ok(Flow { reader, last, commit: VecDeque::new() })
    }

    /// Returns the stamp of the next entry; `None` if there is no further entry to return. Adds the gaps before this
    /// entry to `gaps`.
    fn peek(&mut self, gaps: &mut VecDeque<Gap>) -> Result<Option<Stamp>> {
        loop {
            if let Some(entry) = self.commit.front() {
                return Ok(Some(entry.stamp).filter(|stamp| stamp.seq <= self.last));
            }
            match self.reader.next_item()? {
                Some(Item::Commit(commit)) => self.commit = commit.entries.into_iter().collect(),
                Some(Item::Gap(gap)) if gap.first <= self.last => gaps.push_back(gap),
                Some(Item::Gap(_) | Item::Finding(_)) => {}
                None => return Ok(None),
            }
        }
    }
}

impl OrderedReader {
    /// Opens a reader of some streams of a log. Each stream is read up to and including the given sequence number.
    /// Reads the beginning of each stream.
    pub fn open(
        storage: &Arc<dyn Storage>,
        log: &Path,
        streams: impl IntoIterator<Item = (StreamId, Seq)>,
    ) -> Result<OrderedReader> {
        let mut waiting = BinaryHeap::new();
        let mut gaps = VecDeque::new();
        for (stream, last) in streams {
            let mut first_gaps = VecDeque::new();
            match Flow::open(storage, log, stream, last)?.peek(&mut first_gaps)? {
                // The gaps before the first entry are read again when the stream is opened.
                Some(first) => waiting.push(Reverse((first, last))),
                None => gaps.extend(first_gaps),
            }
        }
        let (storage, log) = (Arc::clone(storage), log.to_path_buf());
        Ok(OrderedReader { storage, log, waiting, next: BinaryHeap::new(), flows: Vec::new(), gaps })
    }

    /// Returns the next value; `None` at the end.
    pub fn next_item(&mut self) -> Result<Option<Ordered>> {
        loop {
            if let Some(gap) = self.gaps.pop_front() {
                return Ok(Some(Ordered::Gap(gap)));
            }
            let upcoming = self.next.peek().map(|Reverse((stamp, _))| *stamp);
            if let Some(Reverse((first, last))) = self.waiting.peek().copied()
                && upcoming.is_none_or(|stamp| first <= stamp)
            {
                self.waiting.pop();
                let flow = Flow::open(&self.storage, &self.log, first.stream, last)?;
                let free = self.flows.iter().position(Option::is_none).unwrap_or(self.flows.len());
                if free == self.flows.len() {
                    self.flows.push(None);
                }
                self.enqueue(free, flow)?;
                continue;
            }
            let Some(Reverse((_, n))) = self.next.pop() else { return Ok(None) };
            let Some(mut flow) = self.flows.get_mut(n).and_then(Option::take) else { continue };
            let entry = flow.commit.pop_front();
            self.enqueue(n, flow)?;
            if let Some(entry) = entry {
                return Ok(Some(Ordered::Entry(entry)));
            }
        }
    }

    /// Adds a stream to the open streams, or drops the stream if it has no further entry.
    fn enqueue(&mut self, n: usize, mut flow: Flow) -> Result<()> {
        if let Some(stamp) = flow.peek(&mut self.gaps)? {
            self.next.push(Reverse((stamp, n)));
            if let Some(slot) = self.flows.get_mut(n) {
                *slot = Some(flow);
            }
        }
        Ok(())
    }
}

impl Iterator for OrderedReader {
    type Item = Result<Ordered>;

    fn next(&mut self) -> Option<Result<Ordered>> {
        self.next_item().transpose()
    }
}
