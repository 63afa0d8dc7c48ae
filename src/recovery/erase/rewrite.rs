//! The removal of the bytes of erased entries from the log.

use crate::contract::fact::RewrittenSegment;
use crate::engine::entries::EntryRef;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::merge::MergeLock;
use crate::engine::progress::Progress;
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::Result;

/// The result of the removal.
#[derive(Debug, Default)]
pub(super) struct RewrittenLog {
    /// The segments that were written anew without the erased entries.
    pub(super) segments: Vec<RewrittenSegment>,
    /// The segments with erased entries that were left unchanged, each with the reason.
    pub(super) skipped: Vec<(StreamId, Seq, String)>,
    /// The number of bytes by which the segments became smaller.
    pub(super) bytes: u64,
}

/// Writes the segments of the streams anew without the erased entries. The caller has appended the erasure durably.
///
/// This build does not rewrite segments: every segment is left unchanged.
pub(super) fn rewrite_segments(
    _site: &EraseSite<'_>,
    _lock: &MergeLock,
    segments: &[(StreamId, Seq)],
    _is_erased: &(dyn Fn(EntryRef<'_>) -> bool + Sync),
    _progress: Progress<'_>,
) -> Result<RewrittenLog> {
    let reason = "this version does not rewrite segments";
    let skipped = segments.iter().map(|(stream, base)| (*stream, *base, reason.to_owned())).collect();
    Ok(RewrittenLog { skipped, ..RewrittenLog::default() })
}
