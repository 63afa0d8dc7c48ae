//! The removal of the bytes of erased entries from the log and from the outbox.

use crate::contract::fact::RewrittenSegment;
use crate::engine::entries::EntryRef;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::log::compact::{
    CompactedLog, SegmentCompaction, SegmentSkip, SkippedSegment, erase_segments,
};
use crate::engine::log::merge::MergeLock;
use crate::engine::progress::Progress;
use crate::projections::DOMAIN;
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::Result;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// The number of attempts to write a segment that another process uses.
const ATTEMPTS: u32 = 4;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

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

/// Writes the segments with erased entries anew without these entries. `dir` is the directory of the log or of the outbox.
/// A replay of the outbox needs the lock of merges too. The caller has appended the erasure durably. `segments` names the
/// segments with entries of the runs.
pub(super) fn rewrite_segments(
    site: &EraseSite<'_>,
    dir: &Path,
    lock: &MergeLock,
    segments: &BTreeSet<(StreamId, Seq)>,
    is_erased: &(dyn Fn(EntryRef<'_>) -> bool + Sync),
    progress: Progress<'_>,
) -> Result<RewrittenLog> {
    let log = CompactedLog { storage: site.storage, log: dir, domain: DOMAIN };
    let streams: BTreeSet<StreamId> = segments.iter().map(|(stream, _)| *stream).collect();
    let streams: Vec<StreamId> = streams.into_iter().collect();
    log.remove_leftovers(&streams)?;
    let mut report = erase_segments(&log, lock, &streams, is_erased, progress)?;
    for _ in 1..ATTEMPTS {
        let is_busy = |skipped: &SkippedSegment| {
            skipped.reason == SegmentSkip::InUse && segments.contains(&(skipped.stream, skipped.segment))
        };
        let busy: BTreeSet<StreamId> =
            report.skipped.iter().filter(|s| is_busy(s)).map(|s| s.stream).collect();
        if busy.is_empty() {
            break;
        }
        // A new child process holds the locks of its parent until it starts its program.
        site.storage.sleep(PAUSE);
        report.skipped.retain(|skipped| !busy.contains(&skipped.stream));
        let streams: Vec<StreamId> = busy.into_iter().collect();
        let again = erase_segments(&log, lock, &streams, is_erased, Progress::none())?;
        report.segments.extend(again.segments);
        report.skipped.extend(again.skipped);
    }
    let skipped =
        report.skipped.iter().filter(|skipped| segments.contains(&(skipped.stream, skipped.segment)));
    let mut skipped: Vec<(StreamId, Seq, String)> =
        skipped.map(|s| (s.stream, s.segment, s.reason.to_string())).collect();
    // A segment that could not be listed or read during the removal was not rewritten.
    let is_reported = |segment: &(StreamId, Seq)| {
        report.segments.iter().any(|written| (written.stream, written.segment) == *segment)
            || skipped.iter().any(|(stream, base, _)| (*stream, *base) == *segment)
    };
    let unread: Vec<_> = segments.iter().copied().filter(|segment| !is_reported(segment)).collect();
    skipped
        .extend(unread.into_iter().map(|(stream, base)| (stream, base, "it could not be read".to_owned())));
    Ok(RewrittenLog {
        skipped,
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
