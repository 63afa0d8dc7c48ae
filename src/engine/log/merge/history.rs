//! The history of a stream: every intact entry that any copy of the stream holds. The copies are read side by side in
//! bounded memory.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Entry, Seq};
use crate::engine::error::Result;
use crate::engine::log::merge::content::{Content, content_of};
use crate::engine::log::merge::digest::content_digest;
use crate::engine::log::merge::end::{End, EndWatch};
use crate::engine::log::merge::sides::{Part, Sides};
use crate::engine::log::read::directory::{ResumePoint, list_segments};
use crate::engine::log::read::item::Item;
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Debug)]
struct PartReader {
    part: Part,
    reader: StreamReader,
    ready: VecDeque<Entry>,
    watch: EndWatch,
    done: bool,
    end: Option<End>,
}

impl PartReader {
    fn open(sides: &Sides<'_>, part: Part) -> Result<PartReader> {
        let log = sides.log(part.side);
        let at = PartReader::start(sides, part)?;
        let reader = StreamReader::open_at(sides.storage, log, part.stream, ScanMode::Full, at)?;
        Ok(PartReader {
            part,
            reader,
            ready: VecDeque::new(),
            watch: EndWatch::new(part.side, part.stream),
            done: false,
            end: None,
        })
    }

    /// Returns the point at which reading begins: the last segment that begins at or before the first entry of the
    /// part, or the beginning of the stream. A file whose header does not match the name of the file is not chosen,
    /// because the first entry in the file may have another sequence number than the name says.
    fn start(sides: &Sides<'_>, part: Part) -> Result<ResumePoint> {
        let (storage, log) = (sides.storage.as_ref(), sides.log(part.side));
        if part.first == Seq::FIRST {
            return Ok(ResumePoint::START);
        }
        let bases = list_segments(storage, log, part.stream)?;
        for base in bases.into_iter().rev().filter(|base| *base <= part.first) {
            if matches!(content_of(storage, log, part.stream, base)?, Content::Own(_)) {
                return Ok(ResumePoint { segment: base, offset: 0, next: base });
            }
        }
        Ok(ResumePoint::START)
    }

    fn fill(&mut self) -> Result<()> {
        while self.ready.is_empty() && !self.done {
            let Some(item) = self.reader.next_item()? else {
                self.done = true;
                self.end = Some(self.watch.end(&self.reader));
                break;
            };
            self.watch.observe(&item);
            if let Item::Commit(commit) = item {
                let Part { first, end, .. } = self.part;
                let wanted = commit.entries.into_iter().filter(|e| e.stamp.seq >= first);
                self.ready.extend(wanted.filter(|e| end.is_none_or(|end| e.stamp.seq < end)));
                self.done = end.is_some_and(|end| self.reader.next_seq() >= end);
            }
        }
        Ok(())
    }
}

/// A reader of the union of several [`Part`]s (ranges of the entries of a stream). The parts must not hold different
/// entries with the same sequence number.
#[derive(Debug)]
pub(super) struct HistoryReader {
    parts: Vec<PartReader>,
}

impl HistoryReader {
    pub(super) fn open(sides: &Sides<'_>, parts: &[Part]) -> Result<HistoryReader> {
        let parts = parts.iter().map(|part| PartReader::open(sides, *part)).collect::<Result<_>>()?;
        Ok(HistoryReader { parts })
    }

    /// Returns the next entry of the union; `None` at the end. If several parts hold the entry, the stream in its stamp
    /// is the stream of one of these parts.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>> {
        for part in &mut self.parts {
            part.fill()?;
        }
        let fronts = self.parts.iter().filter_map(|part| part.ready.front());
        let Some(seq) = fronts.map(|entry| entry.stamp.seq).min() else { return Ok(None) };
        let mut found = None;
        for part in &mut self.parts {
            if part.ready.front().is_some_and(|entry| entry.stamp.seq == seq) {
                found = part.ready.pop_front();
            }
        }
        Ok(found)
    }

    /// Returns one [`End`] for each part that was read to the end of its stream. Call it only after every entry was
    /// read.
    pub(super) fn ends(&self) -> impl Iterator<Item = &End> {
        self.parts.iter().filter_map(|part| part.end.as_ref())
    }
}

/// Returns true if two entries with the same sequence number are equal apart from their streams.
fn is_equal(a: &Entry, b: &Entry) -> bool {
    (a.stamp.time, a.kind, a.version) == (b.stamp.time, b.kind, b.version) && a.payload == b.payload
}

/// Returns the first sequence number under which two histories hold different entries, and the digests of both entries;
/// `None` if there is no such sequence number.
pub(super) fn difference(sides: &Sides<'_>, a: &[Part], b: &[Part]) -> Result<Option<(Seq, Digest, Digest)>> {
    let (mut a, mut b) = (HistoryReader::open(sides, a)?, HistoryReader::open(sides, b)?);
    let (mut x, mut y) = (a.next_entry()?, b.next_entry()?);
    while let (Some(left), Some(right)) = (&x, &y) {
        let order = left.stamp.seq.cmp(&right.stamp.seq);
        if order.is_eq() && !is_equal(left, right) {
            return Ok(Some((left.stamp.seq, content_digest(left), content_digest(right))));
        }
        if order.is_le() {
            x = a.next_entry()?;
        }
        if order.is_ge() {
            y = b.next_entry()?;
        }
    }
    Ok(None)
}

/// Returns the content digests of the entries of `parts` that have the sequence numbers `seqs`. Entries that cannot be
/// read are omitted.
pub(super) fn digests_at(
    sides: &Sides<'_>,
    parts: &[Part],
    seqs: &BTreeSet<Seq>,
) -> Result<BTreeMap<Seq, Digest>> {
    let mut found = BTreeMap::new();
    let Some(last) = seqs.last() else { return Ok(found) };
    let parts: Vec<Part> = parts.iter().filter_map(|part| part.until(last.next())).collect();
    let mut reader = HistoryReader::open(sides, &parts)?;
    while let Some(entry) = reader.next_entry()? {
        if seqs.contains(&entry.stamp.seq) {
            found.insert(entry.stamp.seq, content_digest(&entry));
        }
    }
    Ok(found)
}
