//! The lookup of entries that a merge moved to a derived stream.

use crate::engine::entry::{Seq, Stamp, StreamId, canonical_head, entry_checksum};
use crate::engine::error::Result;
use crate::engine::log::read::directory::{list_streams, origin_of};
use crate::engine::log::read::item::Item;
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use crate::engine::storage::Storage;
use std::path::Path;
use std::sync::Arc;

/// Returns true if a derived stream now holds the entry that had this sequence number and checksum in `stream`.
///
/// The checksum of an entry covers the id of its stream. For the comparison, the checksum of an entry of the derived
/// stream is therefore computed again with the id of `stream`.
pub(in crate::engine) fn is_in_derived_stream(
    storage: &Arc<dyn Storage>,
    log: &Path,
    stream: StreamId,
    (seq, checksum): (Seq, u32),
) -> Result<bool> {
    for derived in list_streams(storage.as_ref(), log)? {
        let origin = origin_of(storage.as_ref(), log, derived)?;
        if derived == stream || origin.is_none_or(|origin| origin.first > seq) {
            continue;
        }
        let mut reader = StreamReader::open(storage, log, derived, ScanMode::Follow)?;
        while let Some(item) = reader.next_item()? {
            let Item::Commit(commit) = item else { continue };
            let Some(entry) = commit.entries.into_iter().find(|entry| entry.stamp.seq >= seq) else {
                continue;
            };
            if entry.stamp.seq > seq {
                break;
            }
            let stamp = Stamp { stream, ..entry.stamp };
            let head = canonical_head(&stamp, entry.kind, entry.version, entry.payload.len());
            if entry_checksum(&head, &entry.payload) == checksum {
                return Ok(true);
            }
            break;
        }
    }
    Ok(false)
}
