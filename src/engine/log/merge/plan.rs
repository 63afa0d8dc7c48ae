//! One stream of the target as a merge wants it: which of its segments stay, which are copied, which are written anew.
//!
//! Invariants:
//! 1. A segment file is replaced as a whole, by a rename, and never changed: others may have the old one mapped.
//! 2. The file that replaces another holds every entry of it, but for those that were written elsewhere before. Bounds of
//!    segments are kept, so files of the old and the new sort never overlap, wherever a crash falls between.
//! 3. Numbers that are known to be missing stay known: by a base, a mark, or bytes that nobody can read.
//! 4. Files that are no segments (neither a header of their own nor an entry) begin and bound nothing. They stay in the target
//!    until a segment needs their name, or until what follows them is removed; then they go to quarantine.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::header::Origin;
use crate::engine::log::format::names;
use crate::engine::log::merge::content::files_of;
use crate::engine::log::merge::end::{End, Lost};
use crate::engine::log::merge::fork::Branch;
use crate::engine::log::merge::history::HistoryReader;
use crate::engine::log::merge::outline::{Outline, Tally, damaged_of};
use crate::engine::log::merge::sides::{Part, Side, Sides};
use crate::engine::log::read::directory::read_headers;
use crate::engine::log::read::source::content_len;
use crate::engine::storage::OpenMode;
use std::collections::BTreeSet;
use std::io;

/// What becomes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The target's file stays as it is.
    Keep,
    /// The source's file is copied as it is.
    Copy,
    /// A new file is written.
    Encode,
}

/// A run of entries that has a segment file of its own.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) base: Seq,
    /// Where the next one begins.
    pub(super) until: Option<Seq>,
    pub(super) action: Action,
    tally: Tally,
}

/// What shall be done to one stream of the target.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) id: StreamId,
    pub(super) origin: Option<Origin>,
    pub(super) parts: Vec<Part>,
    /// Segments of the target that go: their entries are somewhere else.
    pub(super) remove: Vec<Seq>,
    /// Those of them that hold bytes nobody can read.
    pub(super) remove_damaged: Vec<Seq>,
    pub(super) ranges: Vec<Range>,
    pub(super) target: Outline,
    pub(super) source: Outline,
    /// The number that a mark at the end names as the next, if there shall be one.
    pub(super) mark: Option<Seq>,
    /// Unreadable bytes that shall stand at the end, so that it stays known that something is lost there.
    pub(super) lost: Option<Lost>,
    /// Entries that the target's stream of this id did not have.
    pub(super) added: u64,
    /// Those of them that were missing between others.
    pub(super) filled: u64,
}

impl Plan {
    /// What is to be done so that the target has this branch; `None`: nothing. Reads, and changes nothing.
    pub(super) fn of(sides: &Sides<'_>, branch: &Branch) -> Result<Option<Plan>> {
        let Branch { id, origin, parts, .. } = branch;
        if parts.is_empty() || parts.as_slice() == [Part::whole(Side::Target, *id)] {
            return Ok(None);
        }
        let own = |side| parts.iter().find(move |p| p.side == side && p.stream == *id);
        let target = Outline::of(sides, own(Side::Target))?;
        let source = Outline::of(sides, own(Side::Source))?;
        let end_of_own = own(Side::Target).and_then(|part| part.end);
        let kept = |base: &Seq| own(Side::Target).is_some() && end_of_own.is_none_or(|end| *base < end);
        // If the end of the stream goes, a stray file must not become its last one, which would look like a loss.
        let is_removed = |base: &Seq| !kept(base) || (end_of_own.is_some() && target.strays.contains(base));
        let remove: Vec<Seq> = files_of(sides, Side::Target, *id)?.into_iter().filter(is_removed).collect();
        let mut plan = Plan {
            id: *id,
            origin: *origin,
            parts: parts.clone(),
            remove_damaged: damaged_of(sides, *id, &remove)?,
            remove,
            ranges: Vec::new(),
            target,
            source,
            mark: None,
            lost: None,
            added: 0,
            filled: 0,
        };
        plan.target.files.retain(|file| kept(&file.base));
        plan.target.strays.retain(|base| !plan.remove.contains(base));
        let source_end = own(Side::Source).and_then(|part| part.end);
        plan.read(sides, &plan.cuts(source_end))?;
        let keeps = plan.remove.is_empty() && plan.ranges.iter().all(|r| r.action == Action::Keep);
        Ok((!keeps).then_some(plan))
    }

    /// Whether entries of this stream of the target go into it.
    pub(super) fn takes_from(&self, stream: StreamId) -> bool {
        self.id != stream && self.parts.iter().any(|part| (part.side, part.stream) == (Side::Target, stream))
    }

    /// Where segments begin: where the target's do; and where the source's do if no file of the target reaches behind it.
    fn cuts(&self, source_end: Option<Seq>) -> BTreeSet<Seq> {
        let mut cuts: BTreeSet<Seq> = self.target.files.iter().map(|file| file.base).collect();
        for file in &self.source.files {
            let before = self.target.files.iter().filter(|t| t.base < file.base);
            let free = before.filter_map(|t| t.tally.last).max() < Some(file.base);
            if free && source_end.is_none_or(|end| file.base < end) {
                cuts.insert(file.base);
            }
        }
        if let Some(last) = self.target.files.last()
            && let Some(seq) = last.tally.last
            && !(last.damaged || last.over)
            && self.source.file(last.base).is_none()
        {
            // A file that the source does not have stays, and what is new goes behind it.
            cuts.insert(seq.next());
        }
        cuts
    }

    /// Reads what the stream shall hold, and decides about each segment.
    fn read(&mut self, sides: &Sides<'_>, cuts: &BTreeSet<Seq>) -> Result<()> {
        let range = |base| Range { base, until: None, action: Action::Encode, tally: Tally::default() };
        let mut upcoming = cuts.iter().copied().peekable();
        let mut ranges: Vec<Range> = Vec::new();
        let target_next = self.target.end.map_or(Seq(0), |end| end.next);
        let (mut total, mut within) = (0u64, 0u64);
        let mut reader = HistoryReader::open(sides, &self.parts)?;
        while let Some(entry) = reader.next_entry()? {
            let seq = entry.stamp.seq;
            if ranges.is_empty() && upcoming.peek().is_none_or(|base| *base > seq) {
                ranges.push(range(self.origin.map_or(seq, |origin| origin.first)));
            }
            while let Some(base) = upcoming.next_if(|base| *base <= seq) {
                ranges.push(range(base));
            }
            if let Some(range) = ranges.last_mut() {
                range.tally.push(&entry);
            }
            total += 1;
            within += u64::from(seq < target_next);
        }
        // The cut behind the target's last file is for entries; the others say by themselves how far the stream went.
        let is_file = |base: &Seq| self.target.file(*base).is_some() || self.source.file(*base).is_some();
        ranges.extend(upcoming.filter(is_file).map(range));
        let bases: Vec<Seq> = ranges.iter().skip(1).map(|range| range.base).collect();
        for (range, next) in ranges.iter_mut().zip(bases) {
            range.until = Some(next);
        }
        let ends: Vec<End> = reader.ends().copied().collect();
        let last = ranges.iter().filter_map(|range| range.tally.last).max();
        let next = ends.iter().map(|end| end.next).max().unwrap_or(Seq(0));
        let closed = ends.iter().any(|end| end.closed && end.next == next);
        let beyond = next > last.map_or(Seq::FIRST, Seq::next);
        self.mark = (closed || beyond).then_some(next);
        // Of a commit that was cut short the first entry is enough to say that it is there.
        let is_there = |lost: &Lost| lost.torn && last >= Some(lost.next);
        // A stray file that stays in the target goes on saying that something is lost.
        let stays = |lost: &Lost| {
            let is_stray = self.target.strays.contains(&lost.segment)
                && !ranges.iter().any(|range| range.base == lost.segment);
            is_stray && (lost.side, lost.stream) == (Side::Target, self.id)
        };
        let lost = ends.iter().filter_map(|end| end.lost).filter(|lost| !is_there(lost) && !stays(lost));
        let lost: Vec<Lost> = lost.collect();
        let says_all = |outline: &Outline| match &outline.end {
            Some(end) => Ok::<bool, Error>(end.next >= next && knows_of(sides, end, &lost)?),
            None => Ok(false),
        };
        // Of the source the last segment is copied, not a stray file behind it.
        let last_base = ranges.last().map(|range| range.base);
        let lost_of_source = self.source.end.as_ref().and_then(|end| end.lost);
        let is_copied = lost_of_source.is_none_or(|lost| Some(lost.segment) == last_base);
        let says_all = [says_all(&self.target)?, is_copied && says_all(&self.source)?];
        let target_count = self.target.count();
        self.added = total.saturating_sub(target_count);
        self.filled = within.saturating_sub(target_count);
        for range in &mut ranges {
            range.action = self.action(range, says_all);
        }
        self.lost = lost.first().copied();
        self.ranges = ranges;
        Ok(())
    }

    /// `says_all`: whether the end of the target's stream, and of the source's, says all that is known of the end.
    fn action(&self, range: &Range, says_all: [bool; 2]) -> Action {
        let fits = |outline: &Outline, says_all: bool| {
            let Some(file) = outline.file(range.base) else { return false };
            !file.over && file.tally.same(&range.tally) && (range.until.is_some() || says_all)
        };
        let [target, source] = says_all;
        let readable = |outline: &Outline| outline.file(range.base).is_some_and(|f| f.header.is_some());
        match () {
            () if fits(&self.target, target) => Action::Keep,
            () if fits(&self.source, source) && readable(&self.source) => Action::Copy,
            () => Action::Encode,
        }
    }
}

/// Whether a stream that ends so makes it known that these are lost, or has what stood there: in the same file, whole
/// frames up to behind the last byte of what nobody can read in the other.
fn knows_of(sides: &Sides<'_>, end: &End, all: &[Lost]) -> Result<bool> {
    if end.lost.is_some() {
        return Ok(true);
    }
    for lost in all {
        let ours = salt_and_len(sides, end.side, end.stream, lost.segment)?;
        let theirs = salt_and_len(sides, lost.side, lost.stream, lost.segment)?;
        let (Some((ours, _)), Some((theirs, len))) = (ours, theirs) else { return Ok(false) };
        let reaches = (end.point.segment, end.point.offset) >= (lost.segment, len);
        if ours != theirs || !reaches {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The salt of a segment, and how long it is without zeros at its end. `None`: it is not there, or its header is lost.
fn salt_and_len(sides: &Sides<'_>, side: Side, stream: StreamId, base: Seq) -> Result<Option<(u64, u64)>> {
    let path = names::segment_path(sides.log(side), stream, base);
    let wrap = |e| Error::io("read segment", &path, e);
    let file = match sides.storage.open(&path, OpenMode::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(wrap(e)),
    };
    let header = read_headers(file.as_ref(), stream, base).map_err(wrap)?.header.ok();
    let len = content_len(file.as_ref()).map_err(wrap)?;
    Ok(header.map(|header| (header.salt, len)))
}
