//! Removal of duplicate records. A record is in the log several times if several imports contain the record, or if a
//! captured record was also imported.

use crate::contract::{RecordType, RunRef};
use crate::engine::entry::Stamp;
use crate::projections::keys;
use crate::store::error::Result;
use crate::store::record_ref::captured_ref;
use std::collections::HashMap;

/// Removes the duplicates from `items`, which are points of a metric series or positions of records in the log. Of the
/// items of one record, the captured item is kept or, without a captured item, the imported item with the lowest stamp.
///
/// `identity` returns the stamp of an item and, for an imported record, the digest of the record's ref. If `identity`
/// returns `None`, the item is malformed, and the result is `Ok(None)`.
pub(super) fn without_duplicates<T>(
    run: &RunRef,
    family: RecordType,
    items: Vec<T>,
    identity: impl Fn(&T) -> Option<(Stamp, Option<[u8; 8]>)>,
) -> Result<Option<Vec<T>>> {
    let mut has_imported = false;
    for item in &items {
        let Some((_, imported_ref)) = identity(item) else { return Ok(None) };
        has_imported |= imported_ref.is_some();
    }
    if !has_imported {
        return Ok(Some(items));
    }
    let all: Vec<_> = items.iter().filter_map(&identity).collect();
    let mut best: HashMap<[u8; 8], (bool, Stamp)> = HashMap::new();
    let mut ranks = Vec::with_capacity(all.len());
    for (stamp, imported_ref) in all {
        let digest = match imported_ref {
            Some(digest) => digest,
            None => keys::ref_digest(&captured_ref(run, family, stamp.position())?),
        };
        let rank = (imported_ref.is_some(), stamp);
        let least = best.entry(digest).or_insert(rank);
        *least = rank.min(*least);
        ranks.push((digest, rank));
    }
    let kept = ranks.iter().map(|(digest, rank)| best.get(digest) == Some(rank));
    Ok(Some(items.into_iter().zip(kept).filter_map(|(item, kept)| kept.then_some(item)).collect()))
}
