//! The history of a stream: every intact entry that any copy of the stream holds, and every range of erased entries.
//! The copies are read side by side in bounded memory.
//!
//! An entry can be erased in one copy and present in another. Then the target decides: a merge neither adds erased
//! entries of the target again, nor removes entries of the target.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Entry, GapCause, Seq};
use crate::engine::error::Result;
use crate::engine::log::format::erased::ErasedRange;
use crate::engine::log::merge::content::{Content, content_of};
use crate::engine::log::merge::digest::content_digest;
use crate::engine::log::merge::end::{End, EndWatch};
use crate::engine::log::merge::links::contradiction;
use crate::engine::log::merge::sides::{Part, Side, Sides};
use crate::engine::log::read::directory::{ResumePoint, list_segments};
use crate::engine::log::read::item::Item;
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// An element of the history of a stream.
#[derive(Debug)]
pub(super) enum Past {
    Entry(Entry),
    Erased(ErasedRange),
}

impl Past {
    /// Returns the first sequence number of the element.
    pub(super) fn first(&self) -> Seq {
        match self {
            Past::Entry(entry) => entry.stamp.seq,
            Past::Erased(range) => range.first,
        }
    }

    /// Returns the time of the entry. For a range, returns the time of the last entry that its copy has before the
    /// range, or 0 if no such entry was read.
    pub(super) fn time(&self) -> u64 {
        match self {
            Past::Entry(entry) => entry.stamp.time,
            Past::Erased(range) => range.time,
        }
    }

    fn last(&self) -> Seq {
        match self {
            Past::Entry(entry) => entry.stamp.seq,
            Past::Erased(range) => range.last(),
        }
    }

    /// Returns the part of the element from `first` on.
    pub(super) fn from(self, first: Seq) -> Option<Past> {
        match self {
            Past::Entry(entry) => (entry.stamp.seq >= first).then_some(Past::Entry(entry)),
            Past::Erased(range) => range.from(first).map(Past::Erased),
        }
    }

    /// Returns the part of the element before `end`.
    pub(super) fn until(self, end: Seq) -> Option<Past> {
        match self {
            Past::Entry(entry) => (entry.stamp.seq < end).then_some(Past::Entry(entry)),
            Past::Erased(range) => range.until(end).map(Past::Erased),
        }
    }
}

#[derive(Debug)]
struct PartReader {
    part: Part,
    reader: StreamReader,
    ready: VecDeque<Past>,
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
            let Part { first, end, .. } = self.part;
            let wanted = |past: Past| {
                let past = past.from(first)?;
                if let Some(end) = end { past.until(end) } else { Some(past) }
            };
            match item {
                Item::Commit(commit) => {
                    self.ready.extend(commit.entries.into_iter().map(Past::Entry).filter_map(wanted));
                }
                Item::Gap(gap) if gap.cause == GapCause::Erased => {
                    let time = self.reader.last_time();
                    let range = gap.last.and_then(|last| ErasedRange::between(gap.first, last, time));
                    self.ready.extend(range.map(Past::Erased).and_then(wanted));
                }
                Item::Gap(_) | Item::Finding(_) => continue,
            }
            self.done = end.is_some_and(|end| self.reader.next_seq() >= end);
        }
        Ok(())
    }

    /// Skips the sequence numbers before `next`.
    fn skip_before(&mut self, next: Seq) -> Result<()> {
        loop {
            self.fill()?;
            let Some(front) = self.ready.pop_front() else { return Ok(()) };
            if let Some(rest) = front.from(next) {
                self.ready.push_front(rest);
                return Ok(());
            }
        }
    }

    /// Returns the rank of the next element. If several parts have elements with the same sequence number, the element
    /// with the lowest rank is used.
    fn rank(&self) -> (bool, bool) {
        (self.part.side == Side::Source, matches!(self.ready.front(), Some(Past::Erased(_))))
    }
}

/// A reader of the union of several [`Part`]s (ranges of the entries of a stream). The parts must not hold different
/// entries with the same sequence number.
#[derive(Debug)]
pub(super) struct HistoryReader {
    parts: Vec<PartReader>,
    /// The sequence number after the last element that was returned.
    next: Seq,
    /// True if a range of erased entries was returned.
    has_erased: bool,
}

impl HistoryReader {
    pub(super) fn open(sides: &Sides<'_>, parts: &[Part]) -> Result<HistoryReader> {
        let parts = parts.iter().map(|part| PartReader::open(sides, *part)).collect::<Result<_>>()?;
        Ok(HistoryReader { parts, next: Seq(0), has_erased: false })
    }

    /// Returns the next element of the union; `None` at the end. If several parts hold an entry, the stream in its
    /// stamp is the stream of one of these parts. A range of erased entries can be returned in several pieces.
    pub(super) fn next_past(&mut self) -> Result<Option<Past>> {
        for part in &mut self.parts {
            part.skip_before(self.next)?;
        }
        let fronts = || self.parts.iter().filter_map(|part| part.ready.front());
        let Some(first) = fronts().map(Past::first).min() else { return Ok(None) };
        // Another part can have a higher or lower rank where its element begins or ends.
        let change = |front: &Past| if front.first() > first { front.first() } else { front.last().next() };
        let end = fronts().map(change).min().unwrap_or(first.next());
        self.next = end;
        let at_first =
            |part: &&mut PartReader| part.ready.front().is_some_and(|front| front.first() == first);
        let chosen = self.parts.iter_mut().filter(at_first).min_by_key(|part| part.rank());
        let Some((chosen, past)) = chosen.and_then(|part| part.ready.pop_front().map(|past| (part, past)))
        else {
            return Ok(None);
        };
        if let Past::Erased(range) = past {
            self.has_erased = true;
            if let Some(rest) = range.from(end) {
                chosen.ready.push_front(Past::Erased(rest));
            }
        }
        Ok(past.until(end))
    }

    /// Returns the next entry of the union; `None` at the end. Ranges of erased entries are left out.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>> {
        loop {
            match self.next_past()? {
                Some(Past::Entry(entry)) => return Ok(Some(entry)),
                Some(Past::Erased(_)) => {}
                None => return Ok(None),
            }
        }
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

/// The result of comparing two histories: the first entry that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// No entry is known to differ.
    None,
    /// Both histories hold an entry with this sequence number, and the entries differ. Contains the digests of both entries.
    Entry(Seq, Digest, Digest),
    /// Entries differ up to this sequence number, and a history has erased them.
    Erased(Seq),
}

/// Returns the first difference of two histories.
pub(super) fn difference(sides: &Sides<'_>, a: &[Part], b: &[Part]) -> Result<Difference> {
    let (entries, has_erased) = different_entries(sides, a, b)?;
    if has_erased && let Some(seq) = contradiction(sides, a, b, entries.map(|(first, ..)| first))? {
        return Ok(Difference::Erased(seq));
    }
    Ok(entries.map_or(Difference::None, |(first, of_a, of_b)| Difference::Entry(first, of_a, of_b)))
}

/// Different entries with one sequence number: the number, and the digest of each entry.
type DifferentEntries = (Seq, Digest, Digest);

/// Returns the first sequence number under which two histories hold different entries, and the digests of both entries. Also
/// returns `true` if entries are erased before this number.
fn different_entries(sides: &Sides<'_>, a: &[Part], b: &[Part]) -> Result<(Option<DifferentEntries>, bool)> {
    let (mut a, mut b) = (HistoryReader::open(sides, a)?, HistoryReader::open(sides, b)?);
    let (mut x, mut y) = (a.next_entry()?, b.next_entry()?);
    while let (Some(left), Some(right)) = (&x, &y) {
        let order = left.stamp.seq.cmp(&right.stamp.seq);
        if order.is_eq() && !is_equal(left, right) {
            let entries = (left.stamp.seq, content_digest(left), content_digest(right));
            return Ok((Some(entries), a.has_erased || b.has_erased));
        }
        if order.is_le() {
            x = a.next_entry()?;
        }
        if order.is_ge() {
            y = b.next_entry()?;
        }
    }
    Ok((None, a.has_erased || b.has_erased))
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
