//! The plan for one stream of the target: segments are kept, copied from the source, or written anew.
//!
//! Invariants:
//! 1. A segment file is replaced as a whole, by a rename, and never changed: other processes may have the file mapped.
//! 2. A new file holds every entry of the file that it replaces, except for entries that were written to another stream
//!    before. Segments begin with the same sequence numbers as before, so old and new files never overlap after a
//!    crash.
//! 3. Entries that are known to be missing stay known to be missing: the name of a segment, a mark, or unreadable bytes
//!    show that they are missing.
//! 4. Stray files have neither a header that names the segment nor an entry, so they do not show where a segment ends.
//!    A stray file stays in the target until a segment needs its name, or the end of the stream is removed. The file is
//!    then copied to quarantine.

use crate::engine::checksum::Digest;
use crate::engine::codec::CODEC_COLUMNS;
use crate::engine::domain::Domain;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::FrameHeader;
use crate::engine::log::format::header::{FRAMES_AT, Origin};
use crate::engine::log::format::limits::FRAME_HEADER_LEN;
use crate::engine::log::format::names;
use crate::engine::log::merge::content::files_of;
use crate::engine::log::merge::digest::digest_of;
use crate::engine::log::merge::end::{End, Lost};
use crate::engine::log::merge::fork::Branch;
use crate::engine::log::merge::history::{HistoryReader, Past};
use crate::engine::log::merge::outline::{Outline, Tally, damaged_of};
use crate::engine::log::merge::sides::{Part, Side, Sides};
use crate::engine::log::read::directory::read_headers;
use crate::engine::log::read::source::content_len;
use crate::engine::storage::{OpenMode, read_full_at};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// The action that a plan takes for a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The file of the target is kept.
    Keep,
    /// The file of the source is copied.
    Copy,
    /// A new file is written.
    Encode,
}

/// One planned segment file: the sequence numbers of its entries, and the action that creates or keeps the file.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) base: Seq,
    /// The first sequence number of the next segment; `None` for the last segment.
    pub(super) until: Option<Seq>,
    pub(super) action: Action,
    tally: Tally,
}

/// The planned changes of one stream of the target.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) id: StreamId,
    pub(super) origin: Option<Origin>,
    pub(super) parts: Vec<Part>,
    /// Segments of the target that are removed: their entries are stored elsewhere.
    pub(super) remove: Vec<Seq>,
    /// Removed segments that hold unreadable bytes.
    pub(super) remove_damaged: Vec<Seq>,
    pub(super) ranges: Vec<Range>,
    pub(super) target: Outline,
    pub(super) source: Outline,
    /// The sequence number of the next entry, for the mark at the end; `None` if no mark is written.
    pub(super) mark: Option<Seq>,
    /// Segments that get a seal when they are written anew, each with the sequence number after its last entry.
    pub(super) seals: BTreeMap<Seq, Seq>,
    /// Unreadable bytes that are copied to the end, so that the loss stays known.
    pub(super) lost: Option<Lost>,
    /// Number of entries that the stream of the target did not have.
    pub(super) added: u64,
    /// Number of added entries that fill gaps.
    pub(super) filled: u64,
}

impl Plan {
    /// Plans the changes after which the target holds this branch; `None` if no change is needed. Writes nothing.
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
        // If the end of the stream is removed, a stray file must not become the last file: it would look like a loss.
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
            seals: BTreeMap::new(),
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

    /// Creates the plan that writes the segments `rewritten` of one stream anew from its own entries. `target` holds
    /// all segments of the stream.
    pub(super) fn rewriting(
        id: StreamId,
        origin: Option<Origin>,
        target: Outline,
        rewritten: &BTreeSet<Seq>,
    ) -> Plan {
        let bases: Vec<Seq> = target.files.iter().map(|file| file.base).collect();
        let ends = bases.iter().skip(1).map(|base| Some(*base)).chain([None]);
        let range = |(base, until): (&Seq, Option<Seq>)| {
            let action = if rewritten.contains(base) { Action::Encode } else { Action::Keep };
            Range { base: *base, until, action, tally: Tally::default() }
        };
        Plan {
            id,
            origin,
            parts: vec![Part::whole(Side::Target, id)],
            remove: Vec::new(),
            remove_damaged: Vec::new(),
            ranges: bases.iter().zip(ends).map(range).collect(),
            target,
            source: Outline::NONE,
            mark: None,
            seals: BTreeMap::new(),
            lost: None,
            added: 0,
            filled: 0,
        }
    }

    /// Returns the domain of a new segment: the domain of the stream's other segments, or `default` if all their
    /// headers are damaged.
    pub(super) fn domain(&self, default: Domain) -> Domain {
        let files = self.target.files.iter().chain(&self.source.files);
        files.filter_map(|file| file.header.as_ref()).map(|header| header.domain).next().unwrap_or(default)
    }

    /// Returns true if the plan takes entries from `stream` of the target and `stream` is not the planned stream.
    pub(super) fn takes_from(&self, stream: StreamId) -> bool {
        self.id != stream && self.parts.iter().any(|part| (part.side, part.stream) == (Side::Target, stream))
    }

    /// Returns the sequence numbers at which segments begin: the beginnings of the target's segments, and the
    /// beginnings of the source's segments that are not within a file of the target. If the last file of the target is
    /// undamaged and the source has no file of the same name, a segment also begins after the last entry of this file.
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
            && !(last.damaged || last.exceeds_part)
            && self.source.file(last.base).is_none()
        {
            // A file that only the target has stays; new entries go to a segment after that file.
            cuts.insert(seq.next());
        }
        cuts
    }

    /// Reads the entries of the planned stream, and chooses the action for each segment.
    fn read(&mut self, sides: &Sides<'_>, cuts: &BTreeSet<Seq>) -> Result<()> {
        let range = |base| Range { base, until: None, action: Action::Encode, tally: Tally::default() };
        let mut upcoming = cuts.iter().copied().peekable();
        let mut ranges: Vec<Range> = Vec::new();
        let target_next = self.target.end.map_or(Seq(0), |end| end.next);
        let (mut total, mut within) = (0u64, 0u64);
        let mut reader = HistoryReader::open(sides, &self.parts)?;
        while let Some(past) = reader.next_past()? {
            let seq = past.first();
            if ranges.is_empty() && upcoming.peek().is_none_or(|base| *base > seq) {
                ranges.push(range(self.origin.map_or(seq, |origin| origin.first)));
            }
            while let Some(base) = upcoming.next_if(|base| *base <= seq) {
                ranges.push(range(base));
            }
            match past {
                Past::Entry(entry) => {
                    if let Some(range) = ranges.last_mut() {
                        range.tally.push(&entry);
                    }
                    total += 1;
                    within += u64::from(seq < target_next);
                }
                Past::Erased(erased) => {
                    // A segment can begin within the range.
                    let mut rest = Some(erased);
                    while let Some(erased) = rest.take() {
                        let cut = upcoming.next_if(|base| *base <= erased.last());
                        if let Some(range) = ranges.last_mut()
                            && let Some(part) = cut.map_or(Some(erased), |cut| erased.until(cut))
                        {
                            range.tally.push_erased(part);
                        }
                        ranges.extend(cut.map(range));
                        rest = cut.and_then(|cut| erased.from(cut));
                    }
                }
            }
        }
        // A file without entries counts too, because its name shows how far the stream reaches. The cut after the last
        // file of the target does not count, because no file begins there.
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
        // A commit is atomic. If the first entry of the torn commit was read from another copy, that copy holds the
        // whole commit. A torn frame with columns contains many commits, so its last entry must be present.
        let mut present = Vec::new();
        for lost in ends.iter().filter_map(|end| end.lost).filter(|lost| lost.torn) {
            let last_of_frame = last_of_columns(sides, &lost)?.unwrap_or(lost.next);
            if last >= Some(last_of_frame) {
                present.push((lost.side, lost.stream));
            }
        }
        let is_present = |lost: &Lost| lost.torn && present.contains(&(lost.side, lost.stream));
        // A stray file that stays in the target still shows the loss.
        let is_shown = |lost: &Lost| {
            let is_stray = self.target.strays.contains(&lost.segment)
                && !ranges.iter().any(|range| range.base == lost.segment);
            is_stray && (lost.side, lost.stream) == (Side::Target, self.id)
        };
        let lost = ends.iter().filter_map(|end| end.lost).filter(|lost| !is_present(lost) && !is_shown(lost));
        let lost: Vec<Lost> = lost.collect();
        let shows_end = |outline: &Outline| match &outline.end {
            Some(end) => {
                // Behind unreadable bytes, a mark would not close the stream.
                let has_mark = end.closed || !closed || end.lost.is_some();
                Ok::<bool, Error>(end.next >= next && has_mark && covers_losses(sides, end, &lost)?)
            }
            None => Ok(false),
        };
        // A stray file after the last segment of the source is not copied, so a copy of the segment does not show a
        // loss in the stray file.
        let last_base = ranges.last().map(|range| range.base);
        let lost_of_source = self.source.end.as_ref().and_then(|end| end.lost);
        let is_copied = lost_of_source.is_none_or(|lost| Some(lost.segment) == last_base);
        let shows_end = [shows_end(&self.target)?, is_copied && shows_end(&self.source)?];
        let target_count = self.target.count();
        self.added = total.saturating_sub(target_count);
        self.filled = within.saturating_sub(target_count);
        for range in &mut ranges {
            range.action = self.action(range, shows_end);
        }
        self.lost = lost.first().copied();
        self.ranges = ranges;
        Ok(())
    }

    /// Returns the action for a segment. `shows_end` contains one value for the target and one for the source. The
    /// value is true if the stream in that log shows how far the stream reaches, whether it is closed, and which entries
    /// at its end are lost, as far as either log shows it.
    fn action(&self, range: &Range, shows_end: [bool; 2]) -> Action {
        let fits = |outline: &Outline, shows_end: bool| {
            let Some(file) = outline.file(range.base) else { return false };
            !file.exceeds_part && file.tally.is_equal(&range.tally) && (range.until.is_some() || shows_end)
        };
        let [target, source] = shows_end;
        let readable = |outline: &Outline| outline.file(range.base).is_some_and(|f| f.header.is_some());
        match () {
            () if fits(&self.target, target) => Action::Keep,
            () if fits(&self.source, source) && readable(&self.source) => Action::Copy,
            () => Action::Encode,
        }
    }
}

/// Returns true if no loss in `all` is forgotten when only the stream with this `end` is kept. There are two such
/// cases. In the first, the stream itself ends with unreadable bytes. In the second, the stream holds the lost entries
/// of each loss: its copy of the segment has the same salt as the damaged copy, and its complete frames reach at least
/// to the last unreadable byte of the damaged copy.
fn covers_losses(sides: &Sides<'_>, end: &End, all: &[Lost]) -> Result<bool> {
    if end.lost.is_some() {
        return Ok(true);
    }
    for lost in all {
        let ours = salt_and_len(sides, end.side, end.stream, lost.segment)?;
        let theirs = salt_and_len(sides, lost.side, lost.stream, lost.segment)?;
        let (Some((ours, _)), Some((theirs, len))) = (ours, theirs) else { return Ok(false) };
        let reaches = (end.point.segment, end.point.offset) >= (lost.segment, len);
        // A compaction keeps the salt and changes the offsets. Offsets can be compared only if the bytes
        // before them are equal.
        if ours != theirs || !reaches || !is_equal_before(sides, end, lost)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns true if offsets in the two copies of a segment can be compared: neither copy was compacted, or
/// both copies have the same bytes before the lost bytes.
fn is_equal_before(sides: &Sides<'_>, end: &End, lost: &Lost) -> Result<bool> {
    let copies = [(end.side, end.stream), (lost.side, lost.stream)];
    let mut is_compacted = false;
    for (side, stream) in copies {
        let first = Lost { side, stream, offset: FRAMES_AT, ..*lost };
        is_compacted |= last_of_columns(sides, &first)?.is_some();
    }
    if !is_compacted {
        return Ok(true);
    }
    let digest = |side, stream| -> Result<Digest> {
        let path = names::segment_path(sides.log(side), stream, lost.segment);
        let file = sides.storage.open(&path, OpenMode::Read);
        file.and_then(|file| digest_of(file.as_ref(), lost.offset))
            .map_err(|e| Error::io("read segment", &path, e))
    };
    Ok(digest(end.side, end.stream)? == digest(lost.side, lost.stream)?)
}

/// Returns the last sequence number of the frame at the offset of the lost bytes. Returns `None` if the frame
/// has no columns, or if its header is unreadable.
fn last_of_columns(sides: &Sides<'_>, lost: &Lost) -> Result<Option<Seq>> {
    let path = names::segment_path(sides.log(lost.side), lost.stream, lost.segment);
    let mut bytes = [0; FRAME_HEADER_LEN];
    let file = sides.storage.open(&path, OpenMode::Read);
    let read = file.and_then(|file| read_full_at(file.as_ref(), lost.offset, &mut bytes));
    read.map_err(|e| Error::io("read segment", &path, e))?;
    let header = FrameHeader::parse(&bytes).map(|(header, _)| header);
    Ok(header.filter(|header| header.codec == CODEC_COLUMNS).map(|header| header.last()))
}

/// Returns the salt of a segment and its length in bytes without the zeros at its end; `None` if the segment is missing
/// or its header is damaged.
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
