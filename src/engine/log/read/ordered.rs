//! The entries of many streams as one flow, in the order of their stamps, in bounded memory.
//!
//! A stream is opened when the flow comes to its first entry and left when it ends, so that a thousand streams of the
//! past cost no more than those that overlap. Entries of one stream come in its own order, whatever their clocks say of
//! others.

use crate::engine::entry::{Entry, Gap, Seq, Stamp, StreamId};
use crate::engine::error::Result;
use crate::engine::log::read::item::Item;
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use crate::engine::storage::Storage;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A value in the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ordered {
    /// An entry.
    Entry(Entry),
    /// Entries that are missing in a stream; they come before the next entry of it.
    Gap(Gap),
}

/// A stream that the flow has come to.
#[derive(Debug)]
struct Flow {
    reader: StreamReader,
    last: Seq,
    commit: VecDeque<Entry>,
}

/// Reads several streams in the order of their stamps.
#[derive(Debug)]
pub struct OrderedReader {
    storage: Arc<dyn Storage>,
    log: PathBuf,
    /// Streams by the stamp of their first entry, and how far each is read.
    waiting: BinaryHeap<Reverse<(Stamp, Seq)>>,
    /// Streams by the stamp of their next entry.
    next: BinaryHeap<Reverse<(Stamp, usize)>>,
    flows: Vec<Option<Flow>>,
    gaps: VecDeque<Gap>,
}

impl Flow {
    fn open(storage: &Arc<dyn Storage>, log: &Path, stream: StreamId, last: Seq) -> Result<Flow> {
        let reader = StreamReader::open(storage, log, stream, ScanMode::Follow)?;
        Ok(Flow { reader, last, commit: VecDeque::new() })
    }

    /// The stamp of the next entry, if one is left; gaps on the way go to `gaps`.
    fn peek(&mut self, gaps: &mut VecDeque<Gap>) -> Result<Option<Stamp>> {
        loop {
            if let Some(entry) = self.commit.front() {
                return Ok(Some(entry.stamp).filter(|stamp| stamp.seq <= self.last));
            }
            match self.reader.next_item()? {
                Some(Item::Commit(commit)) => self.commit = commit.entries.into(),
                Some(Item::Gap(gap)) if gap.first <= self.last => gaps.push_back(gap),
                Some(Item::Gap(_) | Item::Finding(_)) => {}
                None => return Ok(None),
            }
        }
    }
}

impl OrderedReader {
    /// Reads these streams of a log, each up to the entry with this number. Reads the beginning of each.
    pub fn open(
        storage: &Arc<dyn Storage>,
        log: &Path,
        streams: impl IntoIterator<Item = (StreamId, Seq)>,
    ) -> Result<OrderedReader> {
        let mut waiting = BinaryHeap::new();
        let mut gaps = VecDeque::new();
        for (stream, last) in streams {
            let mut begun = VecDeque::new();
            match Flow::open(storage, log, stream, last)?.peek(&mut begun)? {
                // Its gaps are met again when the flow comes to it.
                Some(first) => waiting.push(Reverse((first, last))),
                None => gaps.extend(begun),
            }
        }
        let (storage, log) = (Arc::clone(storage), log.to_path_buf());
        Ok(OrderedReader { storage, log, waiting, next: BinaryHeap::new(), flows: Vec::new(), gaps })
    }

    /// The next value; `None` at the end.
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
                self.go_on(free, flow)?;
                continue;
            }
            let Some(Reverse((_, n))) = self.next.pop() else { return Ok(None) };
            let Some(mut flow) = self.flows.get_mut(n).and_then(Option::take) else { continue };
            let entry = flow.commit.pop_front();
            self.go_on(n, flow)?;
            if let Some(entry) = entry {
                return Ok(Some(Ordered::Entry(entry)));
            }
        }
    }

    /// Puts a stream in line for its next entry, or leaves it at its end.
    fn go_on(&mut self, n: usize, mut flow: Flow) -> Result<()> {
        if let Some(stamp) = flow.peek(&mut self.gaps)? {
            self.next.push(Reverse((stamp, n)));
            if let Some(slot) = self.flows.get_mut(n) {
                *slot = Some(flow);
            }
        }
        Ok(())
    }
}
