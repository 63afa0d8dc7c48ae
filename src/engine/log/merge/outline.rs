//! The segments of a stream, as a full scan finds them.

use crate::engine::entry::{Entry, Seq, StreamId};
use crate::engine::error::Result;
use crate::engine::log::format::header::SegmentHeader;
use crate::engine::log::merge::content::{Content, content_of, files_of};
use crate::engine::log::merge::digest::content_digest;
use crate::engine::log::merge::end::{End, EndWatch};
use crate::engine::log::merge::quarantine::is_damage;
use crate::engine::log::merge::sides::{Part, Sides};
use crate::engine::log::read::item::Item;
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use std::collections::BTreeSet;

/// The count and a running digest of entries. They show whether two files hold the same entries.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) hasher: blake3::Hasher,
    pub(super) count: u64,
    pub(super) last: Option<Seq>,
}

impl Tally {
    pub(super) fn push(&mut self, entry: &Entry<impl AsRef<[u8]>>) {
        self.hasher.update(&content_digest(entry).0);
        self.count += 1;
        self.last = Some(entry.stamp.seq);
    }

    pub(super) fn is_equal(&self, other: &Tally) -> bool {
        self.count == other.count && self.hasher.finalize() == other.hasher.finalize()
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
    pub(super) end: Option<End>,
}

impl Outline {
    pub(super) const NONE: Outline = Outline { files: Vec::new(), strays: BTreeSet::new(), end: None };

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
            let base = match &item {
                Item::Commit(commit) => commit.segment,
                Item::Finding(finding) => finding.segment,
                Item::Gap(_) => continue,
            };
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
                Item::Gap(_) => {}
            }
        }
        let is_stray =
            |file: &mut FileOutline| file.header.is_none() && file.tally.count == 0 && !file.exceeds_part;
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
