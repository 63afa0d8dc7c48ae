//! The search for records in damaged bytes of the log.

use crate::contract::Timestamp;
use crate::engine::entry::StreamId;
use crate::engine::log::names;
use crate::engine::repair::{Certainty, salvage};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::store::error::Result;
use crate::store::planes::record::gap::KnownGap;
use crate::store::planes::record::item::SalvagedRecord;
use crate::store::planes::shared::Planes;
use crate::store::record_ref::record_at;
use std::collections::BTreeSet;

/// The greatest number of salvaged entries in a result. Further entries are counted.
const SALVAGED_MAX: usize = 10_000;

/// Returns entries that were found in damaged bytes of the log. An entry is returned if it is lost according
/// to `gaps` and has a valid checksum. At most [`SALVAGED_MAX`] entries are returned. The number in the
/// result counts the other entries that were found. The search begins at every byte of a segment with damage.
pub(super) fn salvaged(planes: &Planes, gaps: &[KnownGap]) -> Result<(Vec<SalvagedRecord>, u64)> {
    let places: BTreeSet<_> = gaps.iter().filter_map(|gap| Some((gap.stream?, gap.segment?))).collect();
    let (mut found, mut further) = (Vec::new(), 0);
    for (stream, segment) in places {
        let path = names::segment_path(planes.journal().log_dir(), stream, segment);
        // The file of a missing segment does not exist.
        let Ok(entries) = salvage::<Captured>(planes.storage(), &path, DOMAIN) else { continue };
        let mut seen = BTreeSet::new();
        // The search continues after a block that cannot be read.
        for entry in entries.flatten() {
            let Some(stamp) = entry.stamp().filter(|_| entry.certainty != Certainty::Neighbour) else {
                continue;
            };
            if stamp.stream != stream || !is_lost(gaps, stream, stamp.seq.0) || !seen.insert(stamp.seq) {
                continue;
            }
            let fact = entry.event.ok().flatten().map(|captured| captured.fact);
            if fact.as_ref().is_some_and(|fact| fact.family().is_none()) {
                continue;
            }
            if found.len() == SALVAGED_MAX {
                further += 1;
                continue;
            }
            let record = fact.and_then(|fact| record_at(fact, stamp).ok().flatten());
            let appended_at = Timestamp::from_nanos(stamp.time);
            found.push(SalvagedRecord {
                stream,
                seq: stamp.seq,
                appended_at,
                record,
                payload: entry.payload,
            });
        }
    }
    Ok((found, further))
}

fn is_lost(gaps: &[KnownGap], stream: StreamId, seq: u64) -> bool {
    gaps.iter().filter(|gap| gap.stream == Some(stream)).any(|gap| {
        let from = gap.start_sequence.is_some_and(|first| first.0 <= seq);
        from && gap.end_sequence.is_none_or(|last| seq <= last.0)
    })
}
