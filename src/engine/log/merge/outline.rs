//! The segments of a stream, as a full scan finds them.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Entry, GapCause, Seq, StreamId};
use crate::engine::error::Result;
use crate::engine::log::format::erased::ErasedRange;
use crate::engine::log::format::header::SegmentHeader;
use crate::engine::log::merge::content::{Content, content_of, files_of};
use crate::engine::log::merge::digest::content_digest;
use crate::engine::log::merge::end::{End, EndWatch};
use crate::engine::log::merge::quarantine::is_damage;
use crate::engine::log::merge::sides::{Part, Sides};
use crate::engine::log::read::item::Item;
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use std::collections::{BTreeMap, BTreeSet};

/// The number of entries, and a running digest of entries and ranges of erased entries. They show whether two files
/// hold the same entries.
#[derive(Debug, Default)]
pub(super) struct Tally {
    hasher: blake3::Hasher,
    pub(super) count: u64,
    pub(super) last: Option<Seq>,
    /// The erased entries after the last entry. Their range can grow.
    erased: Option<ErasedRange>,
}

impl Tally {
    pub(super) fn push(&mut self, entry: &Entry<impl AsRef<[u8]>>) {
        self.end_range();
        self.hasher.update(&content_digest(entry).0);
        self.count += 1;
        self.last = Some(entry.stamp.seq);
    }

    pub(super) fn push_erased(&mut self, range: ErasedRange) {
        if !self.erased.as_mut().is_some_and(|erased| erased.extend(range)) {
            self.end_range();
            self.erased = Some(range);
        }
        self.last = Some(range.last());
    }

    fn end_range(&mut self) {
        if let Some(range) = self.erased.take() {
            // The digest of an entry has another length.
            self.hasher.update(&range.first.0.to_le_bytes()).update(&range.count.to_le_bytes());
        }
    }

    /// Returns true if neither an entry nor a range was added.
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    pub(super) fn is_equal(&self, other: &Tally) -> bool {
        let range = |tally: &Tally| tally.erased.map(|range| (range.first, range.count));
        (self.count, range(self)) == (other.count, range(other))
            && self.hasher.finalize() == other.hasher.finalize()
    }
}

/// A segment file, as a full scan reads it.
#[derive(Debug)]
pub(super) struct FileOutline {
    pub(super) base: Seq,
    pub(super) header: Option<SegmentHeader>,
    pub(super) damaged: bool,
    pub(super) tally: Tally,
    /// True if the file also holds entries at or after the end of the [`Part`] that was to be scanned.
    pub(super) exceeds_part: bool,
}

/// A stream, as a full scan reads it.
#[derive(Debug)]
pub(super) struct Outline {
    /// The segments: the files whose header matches the name of the file, and all other files with entries.
    pub(super) files: Vec<FileOutline>,
    /// The stray files: the files that have the name of a segment but are not in `files`, except files whose creation
    /// was interrupted.
    pub(super) strays: BTreeSet<Seq>,
    /// The links in the marks, each with the sequence number of the entry before the mark.
    pub(super) links: BTreeMap<Seq, Digest>,
    pub(super) end: Option<End>,
}

impl Outline {
    pub(super) const NONE: Outline =
        Outline { files: Vec::new(), strays: BTreeSet::new(), links: BTreeMap::new(), end: None };

    pub(super) fn file(&self, base: Seq) -> Option<&FileOutline> {
        self.files.iter().find(|file| file.base == base)
    }

    /// Scans the stream that a part belongs to. Entries at or after the end of the part are not counted. If `part` is
    /// `None`, returns an empty outline.
    pub(super) fn of(sides: &Sides<'_>, part: Option<&Part>) -> Result<Outline> {
        let Some(part) = part else { return Ok(Outline::NONE) };
        let log = sides.log(part.side);
        let mut outline = Outline::NONE;
        for base in files_of(sides, part.side, part.stream)? {
            let header = match content_of(sides.storage.as_ref(), log, part.stream, base)? {
                Content::Own(header) => Some(*header),
                Content::Unknown | Content::Foreign => None,
                Content::Unfinished => continue,
            };
            let tally = Tally::default();
            outline.files.push(FileOutline { base, header, damaged: false, tally, exceeds_part: false });
        }
        let mut reader = StreamReader::open(sides.storage, log, part.stream, ScanMode::Full)?;
        let mut watch = EndWatch::new(part.side, part.stream);
        while let Some(item) = reader.next_item()? {
            watch.observe(&item);
            outline.links.extend(reader.last_mark());
            let base = match &item {
                Item::Commit(commit) => Some(commit.segment),
                Item::Finding(finding) => Some(finding.segment),
                Item::Gap(_) => reader.open_segment_base(),
            };
            let Some(base) = base else { continue };
            let Some(file) = outline.files.iter_mut().find(|file| file.base == base) else { continue };
            match item {
                Item::Commit(commit) => {
                    for entry in &commit.entries {
                        if part.end.is_some_and(|end| entry.stamp.seq >= end) {
                            file.exceeds_part = true;
                        } else {
                            file.tally.push(&entry);
                        }
                    }
                }
                Item::Finding(finding) => file.damaged |= is_damage(finding.kind),
                Item::Gap(gap) if gap.cause == GapCause::Erased => {
                    let range = gap.last.and_then(|last| ErasedRange::between(gap.first, last, 0));
                    let end = part.end.unwrap_or(Seq(u64::MAX));
                    file.exceeds_part |= gap.last >= Some(end);
                    if let Some(range) = range.and_then(|range| range.until(end)) {
                        file.tally.push_erased(range);
                    }
                }
                Item::Gap(_) => {}
            }
        }
        outline.links.extend(reader.last_mark());
        // Marks after the end of the part belong to another history.
        outline.links.retain(|last, _| part.end.is_none_or(|end| *last < end));
        let is_stray =
            |file: &mut FileOutline| file.header.is_none() && file.tally.is_empty() && !file.exceeds_part;
        outline.strays = outline.files.extract_if(.., is_stray).map(|file| file.base).collect();
        // The end of the stream does not concern a part that ends earlier.
        outline.end = part.end.is_none().then(|| watch.end(&reader));
        Ok(outline)
    }

    pub(super) fn count(&self) -> u64 {
        self.files.iter().map(|file| file.tally.count).sum()
    }
}

/// Returns those segments of `bases` that hold unreadable bytes. `bases` contains segments of `stream` in the target.
pub(super) fn damaged_of(sides: &Sides<'_>, stream: StreamId, bases: &[Seq]) -> Result<Vec<Seq>> {
    let mut damaged = BTreeSet::new();
    if !bases.is_empty() {
        let mut reader = StreamReader::open(sides.storage, sides.into, stream, ScanMode::Full)?;
        while let Some(item) = reader.next_item()? {
            if let Item::Finding(finding) = item
                && is_damage(finding.kind)
                && bases.contains(&finding.segment)
            {
                damaged.insert(finding.segment);
            }
        }
    }
    Ok(damaged.into_iter().collect())
}
