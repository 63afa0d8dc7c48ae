//! The streams of a log: the damage of copied segments, and the entries that are known to be missing.

use crate::engine::entry::{Entry, GapCause, Seq, StreamId};
use crate::engine::log::directory::list_streams;
use crate::engine::log::{FindingKind, Item, ScanMode, StreamReader};
use crate::engine::storage::Storage;
use crate::recovery::error::Result;
use crate::recovery::salvage::report::{MissingEntries, SalvagedStream};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Returns the damaged segments of a log: their bytes may contain entries that a reader of the stream does not return.
pub(super) fn damaged_segments(storage: &Arc<dyn Storage>, log: &Path) -> Result<BTreeSet<(StreamId, Seq)>> {
    let mut damaged = BTreeSet::new();
    for stream in list_streams(storage.as_ref(), log)? {
        let mut reader = StreamReader::open(storage, log, stream, ScanMode::Full)?;
        while let Some(item) = reader.next_item()? {
            if let Item::Finding(finding) = item
                && !matches!(
                    finding.kind,
                    FindingKind::HeaderCopy | FindingKind::ChainBroken | FindingKind::SealBroken
                )
            {
                damaged.insert((stream, finding.segment));
            }
        }
    }
    Ok(damaged)
}

/// Calls `visit` with each entry of a log.
pub(super) fn visit_entries(
    storage: &Arc<dyn Storage>,
    log: &Path,
    mut visit: impl FnMut(&Entry<&[u8]>),
) -> Result<()> {
    for stream in list_streams(storage.as_ref(), log)? {
        let mut reader = StreamReader::open(storage, log, stream, ScanMode::Full)?;
        while let Some(item) = reader.next_item()? {
            if let Item::Commit(commit) = item {
                commit.entries.iter().for_each(|entry| visit(&entry));
            }
        }
    }
    Ok(())
}

/// Reads all streams of a log. Returns the number of entries and the missing sequence numbers of each stream.
/// Erased entries are not missing. `ends` contains the last sequence number of each stream that a backup
/// contains. `new` contains the streams that were created for entries of unknown streams.
pub(super) fn read_streams(
    storage: &Arc<dyn Storage>,
    log: &Path,
    ends: &BTreeMap<StreamId, Seq>,
    new: &BTreeSet<StreamId>,
) -> Result<Vec<SalvagedStream>> {
    let mut streams = Vec::new();
    for stream in list_streams(storage.as_ref(), log)? {
        let mut found = SalvagedStream {
            stream,
            entries: 0,
            last: Seq(0),
            missing: Vec::new(),
            is_new: new.contains(&stream),
        };
        let mut erased = Seq(0);
        let mut reader = StreamReader::open(storage, log, stream, ScanMode::Full)?;
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Commit(commit) => {
                    found.entries += commit.entries.len() as u64;
                    found.last =
                        commit.entries.iter().map(|entry| entry.stamp.seq).max().unwrap_or(found.last);
                }
                Item::Gap(gap) if gap.cause == GapCause::Erased => {
                    erased = gap.last.unwrap_or(gap.first).max(erased);
                }
                Item::Gap(gap) => found.missing.push(MissingEntries { first: gap.first, last: gap.last }),
                Item::Finding(_) => {}
            }
        }
        add_known_end(&mut found, erased, ends.get(&stream).copied());
        streams.push(found);
    }
    let present: BTreeSet<StreamId> = streams.iter().map(|found| found.stream).collect();
    for (stream, last) in ends.iter().filter(|(stream, last)| last.0 > 0 && !present.contains(stream)) {
        let missing = vec![MissingEntries { first: Seq::FIRST, last: Some(*last) }];
        streams.push(SalvagedStream { stream: *stream, entries: 0, last: Seq(0), missing, is_new: false });
    }
    streams.sort_by_key(|found| found.stream);
    Ok(streams)
}

/// Adds the entries up to `end` that are missing at the end of a stream. `erased` is the last erased entry.
fn add_known_end(found: &mut SalvagedStream, erased: Seq, end: Option<Seq>) {
    let present = found.last.max(erased);
    let Some(end) = end.filter(|end| *end > present) else { return };
    let known = found.missing.iter().filter_map(|gap| gap.last).max().unwrap_or(Seq(0)).max(present);
    match found.missing.last_mut().filter(|gap| gap.last.is_none() && gap.first <= end) {
        Some(gap) => gap.last = Some(end),
        None if end > known => found.missing.push(MissingEntries { first: known.next(), last: Some(end) }),
        None => {}
    }
}
