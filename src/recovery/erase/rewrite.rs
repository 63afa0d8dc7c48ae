//! The removal of the bytes of erased entries from the log.

use crate::contract::fact::RewrittenSegment;
use crate::engine::entries::EntryRef;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::compact::{CompactedLog, SegmentCompaction, erase_segments};
use crate::engine::log::merge::MergeLock;
use crate::engine::progress::Progress;
use crate::projections::DOMAIN;
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::Result;
use std::collections::BTreeSet;

/// The result of the removal.
#[derive(Debug, Default)]
pub(super) struct RewrittenLog {
    /// The segments that were written anew without the erased entries.
    pub(super) segments: Vec<RewrittenSegment>,
    /// The segments that were left unchanged, each with the reason. They contain erased entries, or may
    /// contain erased entries.
    pub(super) skipped: Vec<(StreamId, Seq, String)>,
    /// The number of bytes by which the segments became smaller.
    pub(super) bytes: u64,
}

/// Writes the segments with erased entries anew without these entries. The caller has appended the erasure durably.
/// `segments` names the segments with entries of the runs.
pub(super) fn rewrite_segments(
    site: &EraseSite<'_>,
    lock: &MergeLock,
    segments: &BTreeSet<(StreamId, Seq)>,
    is_erased: &(dyn Fn(EntryRef<'_>) -> bool + Sync),
    progress: Progress<'_>,
) -> Result<RewrittenLog> {
    let log = CompactedLog { storage: site.storage, log: &site.dirs.log, domain: DOMAIN };
    let streams: BTreeSet<StreamId> = segments.iter().map(|(stream, _)| *stream).collect();
    let streams: Vec<StreamId> = streams.into_iter().collect();
    log.remove_leftovers(&streams)?;
    let report = erase_segments(&log, lock, &streams, is_erased, progress)?;
    let skipped =
        report.skipped.iter().filter(|skipped| segments.contains(&(skipped.stream, skipped.segment)));
    Ok(RewrittenLog {
        skipped: skipped.map(|s| (s.stream, s.segment, s.reason.to_string())).collect(),
        bytes: report.bytes_before().saturating_sub(report.bytes_after()),
        segments: report.segments.iter().map(rewritten).collect(),
    })
}

fn rewritten(segment: &SegmentCompaction) -> RewrittenSegment {
    RewrittenSegment {
        stream: segment.stream.0,
        base: segment.segment.0,
        entries: segment.erased,
        old_digest: segment.digest_before.0,
        new_digest: segment.digest_after.0,
    }
}
