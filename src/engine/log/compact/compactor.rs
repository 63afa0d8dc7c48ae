//! The compaction of a log, and the erasure of entries.

use crate::engine::checksum::Digest;
use crate::engine::entries::EntryRef;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::compact::plan::{CompactionPlan, PlannedSegment, plan_all};
use crate::engine::log::compact::report::{CompactionReport, SegmentCompaction, SegmentSkip, SkippedSegment};
use crate::engine::log::compact::rewriting::{IsErased, Rewriting, Rewritten};
use crate::engine::log::compact::site::CompactedLog;
use crate::engine::log::format::names;
use crate::engine::log::merge::{Hold, MergeLock, Sides, digest_of, is_leftover, remove_names};
use crate::engine::log::read::directory::{list_segments, read_headers};
use crate::engine::parallel;
use crate::engine::progress::Progress;
use crate::engine::storage::OpenMode;
use std::collections::{BTreeMap, BTreeSet};

/// The number of segments that are written at the same time. A compaction needs disk space for at most this
/// number of segments.
const PARALLEL_SEGMENTS: usize = 4;

/// Compacts the planned segments. Other processes may read the log and append to it.
///
/// The caller holds the lock of merges, so no merge, repair or other compaction changes the log. A segment
/// that cannot be compacted is left unchanged, and the report names the segment. If the last segment of a
/// stream without a writer is compacted, the stream is never continued.
///
/// Durability: every segment in the report is on disk. Cost: reads each planned segment once, writes its new
/// form once, and reads the new form once. `progress` receives the number of bytes of the planned segments.
pub fn compact(
    log: &CompactedLog<'_>,
    _lock: &MergeLock,
    plan: &CompactionPlan,
    progress: Progress<'_>,
) -> Result<CompactionReport> {
    let total = plan.bytes();
    let (mut report, mut done) = (CompactionReport::default(), 0);
    for segments in plan.segments.chunks(PARALLEL_SEGMENTS) {
        let holds = log.hold(segments);
        let write = |planned: PlannedSegment| (planned, log.write_anew(&planned, &holds, None));
        for (planned, result) in parallel::map_owned(segments.to_vec(), 1, write) {
            report.add(&planned, result);
            done += planned.bytes;
            progress.report(done, total);
        }
    }
    Ok(report)
}

/// Erases the entries of these streams that fulfil a condition. Each closed segment with such entries is
/// written anew without them. A frame that replaces the entries tells readers about the erasure.
///
/// The conditions and guarantees are those of [`compact`]. The segments are written one after another, so
/// disk space for one segment is enough. If a stream has a writer and its last segment contains such an
/// entry, this segment is left unchanged, and the report names the segment.
pub fn erase_segments(
    log: &CompactedLog<'_>,
    _lock: &MergeLock,
    streams: &[StreamId],
    is_erased: &(dyn Fn(EntryRef<'_>) -> bool + Sync),
    progress: Progress<'_>,
) -> Result<CompactionReport> {
    let planned = plan_all(log, streams);
    let total = planned.iter().map(|planned| planned.bytes).sum();
    let (mut report, mut done) = (CompactionReport::default(), 0);
    for planned in planned {
        let holds = log.hold(&[planned]);
        let result = log.write_anew(&planned, &holds, Some(is_erased));
        report.add(&planned, result);
        done += planned.bytes;
        progress.report(done, total);
    }
    Ok(report)
}

/// The result of writing one segment anew. `None` means that the segment contains no entry to erase.
type Written = std::result::Result<Option<SegmentCompaction>, SegmentSkip>;

/// For each stream with planned segments, the result of the attempt to lock the stream.
type Holds = BTreeMap<StreamId, Result<Hold>>;

impl CompactedLog<'_> {
    /// Locks the streams of these segments.
    fn hold(&self, segments: &[PlannedSegment]) -> Holds {
        let streams: BTreeSet<StreamId> = segments.iter().map(|planned| planned.stream).collect();
        let sides = self.sides();
        streams.into_iter().map(|stream| (stream, Hold::of(&sides, stream))).collect()
    }

    fn sides(&self) -> Sides<'_> {
        let CompactedLog { storage, log, domain } = *self;
        Sides { storage, domain, from: log, into: log }
    }

    /// Writes a segment anew and replaces the old file.
    fn write_anew(
        &self,
        planned: &PlannedSegment,
        holds: &Holds,
        is_erased: Option<IsErased<'_>>,
    ) -> Written {
        // Without a lock, a writer may hold the stream.
        let is_busy = !matches!(holds.get(&planned.stream), Some(Ok(hold)) if !hold.is_busy());
        self.try_write(planned, is_busy, is_erased).unwrap_or_else(|e| {
            let source = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
            Err(SegmentSkip::Failed { reason: format!("{e}{source}") })
        })
    }

    fn try_write(
        &self,
        planned: &PlannedSegment,
        is_busy: bool,
        is_erased: Option<IsErased<'_>>,
    ) -> Result<Written> {
        let CompactedLog { storage, log, domain } = *self;
        let sides = self.sides();
        let PlannedSegment { stream, segment, .. } = *planned;
        let path = names::segment_path(log, stream, segment);
        let wrap = |e| Error::io("read segment", &path, e);
        let is_last = self.is_last(stream, segment)?;
        let ready = match Rewriting::run(&sides, domain, (stream, segment), is_erased)? {
            Rewritten::NothingToErase => return Ok(Ok(None)),
            Rewritten::Skipped(reason) => return Ok(Err(reason)),
            Rewritten::Ready(ready) => ready,
        };
        let info = storage.info(&path).map_err(wrap).inspect_err(|_| ready.staged.discard())?;
        let refusal = if is_busy && (is_last || ready.is_open) {
            Some(SegmentSkip::InUse)
        } else if info != planned.file {
            Some(SegmentSkip::Changed)
        } else if is_erased.is_none() && ready.staged.len() >= planned.bytes {
            Some(SegmentSkip::NotSmaller)
        } else {
            None
        };
        if let Some(reason) = refusal {
            ready.staged.discard();
            return Ok(Err(reason));
        }
        let prepare = || -> Result<Digest> {
            let file = storage.open(&path, OpenMode::Read).map_err(wrap)?;
            let digest = digest_of(file.as_ref(), planned.bytes).map_err(wrap)?;
            if is_last {
                // Without a lock file, no writer continues the stream in the new segment.
                let is_lock = |name: &str| [names::LOCK_NAME, names::ABANDONED_LOCK_NAME].contains(&name);
                remove_names(&sides, stream, is_lock)?;
            }
            Ok(digest)
        };
        let digest_before = prepare().inspect_err(|_| ready.staged.discard())?;
        let bytes_after = ready.staged.publish()?;
        Ok(Ok(Some(SegmentCompaction {
            stream,
            segment,
            bytes_before: planned.bytes,
            bytes_after,
            entries: ready.entries,
            erased: ready.erased,
            digest_before,
            digest_after: ready.digest,
        })))
    }

    /// Returns true if no entry follows the segment. Segments after it can exist if their creation was
    /// interrupted.
    fn is_last(&self, stream: StreamId, segment: Seq) -> Result<bool> {
        let CompactedLog { storage, log, .. } = *self;
        for later in list_segments(storage.as_ref(), log, stream)?.into_iter().filter(|base| *base > segment)
        {
            let path = names::segment_path(log, stream, later);
            let headers = storage
                .open(&path, OpenMode::Read)
                .and_then(|file| read_headers(file.as_ref(), stream, later))
                .map_err(|e| Error::io("read segment", &path, e))?;
            if !headers.may_be_creation {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes the temporary files of interrupted compactions. The caller holds the lock of merges.
    pub fn remove_leftovers(&self, streams: &[StreamId]) -> Result<()> {
        let sides = self.sides();
        streams.iter().try_for_each(|stream| remove_names(&sides, *stream, is_leftover))
    }
}

impl CompactionReport {
    fn add(&mut self, planned: &PlannedSegment, result: Written) {
        match result {
            Ok(segment) => self.segments.extend(segment),
            Err(reason) => {
                let PlannedSegment { stream, segment, .. } = *planned;
                self.skipped.push(SkippedSegment { stream, segment, reason });
            }
        }
    }
}
