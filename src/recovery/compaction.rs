//! Compaction of the log of a workspace. [`crate::engine::log::compact`] states the guarantees.

use crate::engine::log::compact::{CompactedLog, compact as compact_log, plan_compaction};
use crate::engine::log::directory::list_streams;
use crate::engine::log::merge::{MergeLock, MergeOptions};
use crate::engine::progress::Progress;
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::recovery::error::Result;
use crate::store::{Note, Severity, Store};
use std::path::Path;
use std::sync::Arc;

pub use crate::engine::log::compact::{
    CompactionOptions, CompactionPlan, CompactionReport, PlannedSegment, SegmentCompaction, SegmentSkip,
    SkippedSegment,
};

/// The result of a compaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionResult {
    /// The segments that were written anew, and the segments that were left unchanged.
    pub log: CompactionReport,
    /// A note for each segment that was left unchanged, except segments that would not become smaller.
    pub notes: Vec<Note>,
}

/// Plans the compaction of the log in the directory `log`. Changes nothing.
pub(crate) fn plan(
    storage: &Arc<dyn Storage>,
    log: &Path,
    options: &CompactionOptions,
) -> Result<CompactionPlan> {
    Ok(plan_compaction(&CompactedLog { storage, log, domain: DOMAIN }, options)?)
}

/// Compacts the planned segments of a log. `quarantine` is the directory with the lock of merges.
pub(crate) fn compact(
    storage: &Arc<dyn Storage>,
    (log, quarantine): (&Path, &Path),
    store: &Store,
    plan: &CompactionPlan,
    progress: Progress<'_>,
) -> Result<CompactionResult> {
    // All entries are applied to the tables first, so that each cursor is at the end of its stream. A new frame ends
    // there too, so the tables are not rebuilt.
    store.catch_up()?;
    let lock = MergeLock::acquire(storage.as_ref(), &MergeOptions::new(DOMAIN, log, log, quarantine))?;
    let site = CompactedLog { storage, log, domain: DOMAIN };
    site.remove_leftovers(&list_streams(storage.as_ref(), log)?)?;
    let report = compact_log(&site, &lock, plan, progress)?;
    drop(lock);
    store.save_tables()?;
    let notes = report.skipped.iter().filter(|s| s.reason != SegmentSkip::NotSmaller).map(note).collect();
    Ok(CompactionResult { log: report, notes })
}

fn note(skipped: &SkippedSegment) -> Note {
    let SkippedSegment { stream, segment, reason } = skipped;
    let severity = match reason {
        SegmentSkip::InUse | SegmentSkip::Changed | SegmentSkip::NotSmaller => Severity::Info,
        _ => Severity::Warning,
    };
    let message = format!("segment {segment} of stream {stream} was not compacted: {reason}");
    Note::new(severity, reason.code(), message).with("stream", stream)
}
