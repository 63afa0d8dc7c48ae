//! The comparison of a stream with its copy in another log, before the copy heals the stream.
//!
//! A copy heals a stream only if the copy passes two checks. First, an entry that both logs contain must be
//! equal in both. Second, the chain of the copy must agree with the known links of the chain: the links in
//! the headers and in the last mark of the target, and the links that the caller knows. An entry that was
//! replaced in the copy therefore never heals a stream, even if its checksum is valid.

use crate::engine::checksum::Digest;
use crate::engine::domain::Domain;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::Result;
use crate::engine::log::merge::content::{Content, content_of, files_of};
use crate::engine::log::merge::history::{Difference, HistoryReader, Past, difference};
use crate::engine::log::merge::sides::{Part, Side, Sides};
use crate::engine::log::read::directory::origin_of;
use crate::engine::log::read::item::{FindingKind, Item};
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use crate::engine::storage::Storage;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The two logs of a comparison.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HealSite<'a> {
    pub(crate) storage: &'a Arc<dyn Storage>,
    pub(crate) domain: Domain,
    /// The log with the copy.
    pub(crate) from: &'a Path,
    /// The log with the stream to heal. The stream need not exist.
    pub(crate) into: &'a Path,
}

/// The result of comparing a stream with its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Healing {
    /// The stream contains every entry of the copy.
    Nothing,
    /// The copy has entries that are missing in the stream.
    Adds {
        /// The number of these entries.
        added: u64,
        /// The number of these entries that fill gaps: another entry of the stream follows, or an entry that
        /// is known to be missing.
        filled: u64,
        /// The number of entries that neither the stream nor the copy has.
        missing: u64,
    },
    /// The stream and the copy have different entries with this number.
    Differs(Seq),
    /// The entries of the stream or of the copy up to this number contradict the chain.
    Contradicts(Seq),
    /// A part of the stream or of the copy has a format that this build cannot read.
    Newer,
}

/// The scan of one log.
struct Scanned {
    reader: StreamReader,
    entries: u64,
    fault: Option<Healing>,
}

impl HealSite<'_> {
    /// Compares a stream with its copy. `known` contains sequence numbers of entries, each with the link
    /// after the entry. Changes nothing. Cost: reads the stream and the copy about three times, in constant
    /// memory.
    pub(crate) fn compare(&self, stream: StreamId, known: &[(Seq, Digest)]) -> Result<Healing> {
        let sides = Sides { storage: self.storage, domain: self.domain, from: self.from, into: self.into };
        let mut anchors = known.to_vec();
        let files = files_of(&sides, Side::Target, stream)?;
        for base in &files {
            if let Content::Own(header) = content_of(self.storage.as_ref(), self.into, stream, *base)? {
                anchors.extend(header.known_chain().map(|link| (base.previous(), link)));
            }
        }
        let target = if files.is_empty() { None } else { Some(scan(&sides, Side::Target, stream, &[])?) };
        anchors.extend(target.as_ref().and_then(|target| target.reader.last_mark()));
        let source = scan(&sides, Side::Source, stream, &anchors)?;
        let faults = [target.as_ref().and_then(|target| target.fault), source.fault];
        if let Some(fault) = faults.into_iter().flatten().next() {
            return Ok(fault);
        }
        for (seq, link) in &anchors {
            if source.reader.watched(*seq).is_some_and(|found| found != *link) {
                return Ok(Healing::Contradicts(*seq));
            }
        }
        let parts = [Side::Target, Side::Source].map(|side| Part::whole(side, stream));
        let (own, copy) = parts.split_at(1);
        let parts = match &target {
            Some(_) => match difference(&sides, own, copy)? {
                Difference::Entry(first, ..) => return Ok(Healing::Differs(first)),
                Difference::Erased(seq) => return Ok(Healing::Contradicts(seq)),
                Difference::None => &parts[..],
            },
            None => copy,
        };
        let next = target.as_ref().map_or(Seq(0), |target| target.reader.next_seq());
        let last_known = known.iter().map(|(seq, _)| seq.next()).max().unwrap_or(Seq(0));
        let end = source.reader.next_seq().max(next).max(last_known);
        count(&sides, stream, parts, (target.map_or(0, |target| target.entries), next, end))
    }
}

/// Reads a stream completely. Requests the links after the entries `anchors`.
fn scan(sides: &Sides<'_>, side: Side, stream: StreamId, anchors: &[(Seq, Digest)]) -> Result<Scanned> {
    let reader = StreamReader::open(sides.storage, sides.log(side), stream, ScanMode::Full)?;
    let mut reader = reader.of_domain(sides.domain)?;
    anchors.iter().for_each(|(seq, _)| reader.watch(*seq));
    let (mut entries, mut fault) = (0, None);
    let (mut damaged, mut unsealed) = (BTreeSet::new(), BTreeSet::new());
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Commit(commit) => entries += commit.entries.len() as u64,
            Item::Finding(finding) => match finding.kind {
                FindingKind::ChainBroken => fault = fault.or(Some(Healing::Contradicts(finding.segment))),
                FindingKind::SealBroken => {
                    unsealed.insert(finding.segment);
                }
                FindingKind::Newer { .. } => fault = fault.or(Some(Healing::Newer)),
                _ => {
                    damaged.insert(finding.segment);
                }
            },
            Item::Gap(_) => {}
        }
    }
    // The digest in a seal covers all bytes of its segment, so every damage of the segment also breaks the seal.
    let replaced = unsealed.difference(&damaged).next();
    let fault = fault.or(replaced.map(|segment| Healing::Contradicts(*segment)));
    Ok(Scanned { reader, entries, fault })
}

/// Counts the entries that the union of `parts` adds to the stream of the target. The target has `own` entries. The
/// target reaches up to the entry before `next`, and the stream up to the entry before `end`.
fn count(
    sides: &Sides<'_>,
    stream: StreamId,
    parts: &[Part],
    (own, next, end): (u64, Seq, Seq),
) -> Result<Healing> {
    let storage = sides.storage.as_ref();
    let mut origin = None;
    for part in parts {
        origin = origin.or(origin_of(storage, sides.log(part.side), stream)?);
    }
    let first = origin.map_or(Seq::FIRST, |origin| origin.first);
    let (mut total, mut within, mut erased) = (0u64, 0u64, 0u64);
    let mut reader = HistoryReader::open(sides, parts)?;
    while let Some(past) = reader.next_past()? {
        match past {
            Past::Entry(entry) => {
                total += 1;
                within += u64::from(entry.stamp.seq < next);
            }
            Past::Erased(range) => erased += range.count,
        }
    }
    let added = total.saturating_sub(own);
    if added == 0 {
        return Ok(Healing::Nothing);
    }
    let missing = end.0.saturating_sub(first.0).saturating_sub(total).saturating_sub(erased);
    Ok(Healing::Adds { added, filled: within.saturating_sub(own), missing })
}
