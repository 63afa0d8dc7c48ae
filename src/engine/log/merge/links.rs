//! Links of the chain as evidence of different entries in ranges of erased entries.
//!
//! An erasure keeps the links of a segment. The links are in the header of the segment, in its marks, and in the header
//! of the next segment. A link covers all entries of the segment up to its position. If two copies of a segment
//! begin with equal links and have different links at a later position, they had different entries before this position.

use crate::engine::checksum::Digest;
use crate::engine::entry::{GapCause, Seq};
use crate::engine::error::Result;
use crate::engine::log::merge::content::{Content, content_of, files_of};
use crate::engine::log::merge::sides::{Part, Sides};
use crate::engine::log::read::item::Item;
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use std::collections::{BTreeMap, BTreeSet};

/// The known links of one copy of a stream.
#[derive(Debug, Default)]
struct Links {
    /// The link in the header of each segment, by the first sequence number of the segment. `None` if it is unknown.
    headers: BTreeMap<Seq, Option<Digest>>,
    /// The link after each of these entries.
    after: BTreeMap<Seq, Digest>,
    /// The ranges of erased entries.
    erased: Vec<(Seq, Seq)>,
}

/// Returns the position of a link that contradicts the other copy; `None` if there is none. Compares each pair of copies of
/// one stream in `a` and `b`. Only positions before `end` are compared, and only positions after erased entries in the same
/// segment. The caller has found no different entries before `end`. Cost: reads each copy twice, in memory that grows with
/// the number of segments and erased ranges.
pub(super) fn contradiction(
    sides: &Sides<'_>,
    a: &[Part],
    b: &[Part],
    end: Option<Seq>,
) -> Result<Option<Seq>> {
    for own in a {
        for other in b.iter().filter(|other| other.stream == own.stream) {
            let is_compared = |seq: Seq| {
                let is_in = |part: &Part| seq >= part.first && part.end.is_none_or(|end| seq < end);
                is_in(own) && is_in(other) && end.is_none_or(|end| seq < end)
            };
            let mut x = Links::read(sides, own, &BTreeSet::new())?;
            let y = Links::read(sides, other, &x.positions())?;
            if x.erased.is_empty() && y.erased.is_empty() {
                continue;
            }
            x.after.extend(Links::read(sides, own, &y.positions())?.after);
            let contradicts = |seq: &Seq| is_compared(*seq) && x.contradicts(&y, *seq);
            if let Some(seq) = x.after.keys().copied().find(contradicts) {
                return Ok(Some(seq));
            }
        }
    }
    Ok(None)
}

impl Links {
    /// Reads a copy. Computes the links after the entries `wanted` too, as far as all entries before them in their segments
    /// are present.
    fn read(sides: &Sides<'_>, part: &Part, wanted: &BTreeSet<Seq>) -> Result<Links> {
        let log = sides.log(part.side);
        let mut links = Links::default();
        for base in files_of(sides, part.side, part.stream)? {
            if let Content::Own(header) = content_of(sides.storage.as_ref(), log, part.stream, base)? {
                links.headers.insert(base, header.known_chain());
                links.after.extend(header.known_chain().map(|link| (base.previous(), link)));
            }
        }
        let mut reader = StreamReader::open(sides.storage, log, part.stream, ScanMode::Full)?;
        wanted.iter().for_each(|seq| reader.watch(*seq));
        while let Some(item) = reader.next_item()? {
            links.after.extend(reader.last_mark());
            if let Item::Gap(gap) = item
                && gap.cause == GapCause::Erased
                && let Some(last) = gap.last
            {
                links.erased.push((gap.first, last));
            }
        }
        links.after.extend(reader.last_mark());
        let computed = wanted.iter().filter_map(|seq| Some((*seq, reader.watched(*seq)?)));
        for (seq, link) in computed {
            links.after.entry(seq).or_insert(link);
        }
        Ok(links)
    }

    fn positions(&self) -> BTreeSet<Seq> {
        self.after.keys().copied().collect()
    }

    /// Returns the first sequence number of the segment with an entry, and the link in the header of the segment.
    fn segment_of(&self, seq: Seq) -> Option<(Seq, Digest)> {
        let (base, link) = self.headers.range(..=seq).next_back()?;
        Some((*base, (*link)?))
    }

    /// Returns true if the links after an entry differ, the links at the beginning of its segment are equal, and entries
    /// between both positions are erased in a copy.
    fn contradicts(&self, other: &Links, seq: Seq) -> bool {
        let (Some(own), Some(theirs)) = (self.after.get(&seq), other.after.get(&seq)) else { return false };
        let Some(segment) = self.segment_of(seq).filter(|segment| other.segment_of(seq) == Some(*segment))
        else {
            return false;
        };
        let is_within = |(first, last): &(Seq, Seq)| *first <= seq && *last >= segment.0;
        own != theirs && self.erased.iter().chain(&other.erased).any(is_within)
    }
}
