//! The merge of one log (the source) into another (the target).
//!
//! Guarantees:
//! 1. The source is only read.
//! 2. A repeated merge changes nothing. An interrupted merge is completed by repeating it.
//! 3. The result does not depend on the order in which logs are merged: (stream, sequence number) identifies an entry,
//!    and a stream with two histories is forked by a rule that depends on the entries alone
//!    ([`crate::engine::log::merge::derived_id`]). docs/RELIABILITY.md names an exception, a gap at the position of a
//!    fork.
//! 4. Every entry that can be read in either log can be read in the target, except for entries that are erased in the
//!    target: they stay erased. Entries that are known to be missing in both logs are still known to be missing.
//!
//! A merge does not copy the bodies that entries refer to; the caller copies the bodies first. Projections detect the
//! new entries at their next read. docs/design/005-merge-and-forks.md gives the reasons for the rules.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::header::HeaderFault;
use crate::engine::log::format::names;
use crate::engine::log::merge::apply::apply;
use crate::engine::log::merge::compare::{Comparison, compare};
use crate::engine::log::merge::content::{files_of, segments_of};
use crate::engine::log::merge::family::{Families, Family};
use crate::engine::log::merge::fork::unite;
use crate::engine::log::merge::lock::{Hold, MergeLock};
use crate::engine::log::merge::options::MergeOptions;
use crate::engine::log::merge::outline::damaged_of;
use crate::engine::log::merge::plan::Plan;
use crate::engine::log::merge::quarantine::quarantine_segment;
use crate::engine::log::merge::report::{Change, LogMerge, SkipReason, StreamMerge};
use crate::engine::log::merge::sides::{Side, Sides};
use crate::engine::log::merge::staged::{copy_segment, prepare, remove_segments};
use crate::engine::log::read::directory::{list_streams, log_bytes, read_headers};
use crate::engine::progress::Progress;
use crate::engine::storage::{OpenMode, Storage};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Merges a log into another. `progress` receives the number of processed bytes of the source, and the total.
///
/// Durability: every change in the report is on disk. Cost: streams that both logs have are compared byte by byte;
/// streams that only the source has are copied; streams that differ are decoded about three times. The memory per
/// stream is constant. A stream of the source that cannot be read is skipped. Errors: the source could not be listed,
/// or the target or the quarantine directory could not be read or written; streams that were merged before the error
/// stay merged. [`Error::MergeBusy`]: another merge with the same quarantine directory is running.
/// [`Error::ForeignDomain`]: one of the logs has a stream of another domain; nothing was written.
pub fn merge(storage: &Arc<dyn Storage>, options: &MergeOptions, progress: Progress<'_>) -> Result<LogMerge> {
    merge_locked(&MergeLock::acquire(storage.as_ref(), options)?, storage, options, progress)
}

/// Merges as [`merge`] does. The caller has acquired `lock` with the same options before.
pub fn merge_locked(
    lock: &MergeLock,
    storage: &Arc<dyn Storage>,
    options: &MergeOptions,
    progress: Progress<'_>,
) -> Result<LogMerge> {
    let streams = list_streams(storage.as_ref(), &options.from)?;
    merge_streams(lock, storage, options, &streams, progress)
}

/// Merges these streams of the source as [`merge_locked`] does. Other streams of the source are ignored.
pub(crate) fn merge_streams(
    _lock: &MergeLock,
    storage: &Arc<dyn Storage>,
    options: &MergeOptions,
    streams: &[StreamId],
    progress: Progress<'_>,
) -> Result<LogMerge> {
    let sides = Sides { storage, domain: options.domain, from: &options.from, into: &options.into };
    storage.create_dir_all(&options.into).map_err(|e| Error::io("create", &options.into, e))?;
    let total = log_bytes(storage.as_ref(), &options.from, streams);
    let mut merger = Merger { sides, options, report: LogMerge::default() };
    let Families { families, unreadable } = Families::find(&merger.sides, streams)?;
    for id in unreadable {
        merger.record(id, Change::Skipped(SkipReason::Unreadable), 0);
    }
    let mut done = 0;
    for family in families {
        let before = (merger.report.streams.len(), merger.report.forks.len());
        match merger.family(&family) {
            Ok(()) => {}
            Err(Error::Io { path, .. }) if path.starts_with(&options.from) => {
                merger.report.streams.truncate(before.0);
                merger.report.forks.truncate(before.1);
                merger.skip(&family, SkipReason::Unreadable);
            }
            Err(e) => return Err(e),
        }
        let ids: Vec<StreamId> = family.source.iter().copied().collect();
        done += log_bytes(storage.as_ref(), &options.from, &ids);
        progress.report(done, total.max(done));
    }
    merger.report.streams.sort_by_key(|s| s.stream);
    Ok(merger.report)
}

struct Merger<'a> {
    sides: Sides<'a>,
    options: &'a MergeOptions,
    report: LogMerge,
}

impl Merger<'_> {
    fn record(&mut self, stream: StreamId, change: Change, bytes: u64) {
        self.report.streams.push(StreamMerge { stream, change, bytes });
    }

    fn skip(&mut self, family: &Family, reason: SkipReason) {
        for stream in &family.source {
            self.record(*stream, Change::Skipped(reason), 0);
        }
    }

    fn family(&mut self, family: &Family) -> Result<()> {
        if family.target.is_empty() {
            return family.source.iter().try_for_each(|id| self.copy(*id, Change::Copied));
        }
        let alone = family.source == family.target && family.source.len() == 1 && family.origins.is_empty();
        let mut target_has_all = true;
        for id in &family.source {
            match compare(&self.sides, *id)? {
                Comparison::TargetHasAll => {}
                Comparison::SourceHasAll if alone => return self.extend(family, *id),
                Comparison::SourceHasAll | Comparison::Different => target_has_all = false,
            }
        }
        // A killed merge may have left entries in two streams of the target: such a family is united again.
        if target_has_all && family.target.is_subset(&family.source) {
            family.source.iter().for_each(|id| self.record(*id, Change::Unchanged, 0));
            return Ok(());
        }
        self.unite(family)
    }

    /// Copies segments of a stream to the target: all segments if the target has none, otherwise the last segment that
    /// the target has and all later segments. That segment is copied again because the target may have only its
    /// beginning.
    fn copy(&mut self, id: StreamId, change: Change) -> Result<()> {
        prepare(&self.sides, id)?;
        let files = files_of(&self.sides, Side::Target, id)?;
        let present = segments_of(&self.sides, Side::Target, id)?;
        let mut bytes = 0;
        for base in segments_of(&self.sides, Side::Source, id)? {
            if present.last().is_none_or(|last| base >= *last) {
                if files.contains(&base) && !present.contains(&base) {
                    self.quarantine(id, base)?;
                }
                bytes += copy_segment(&self.sides, id, base)?;
            }
        }
        self.record(id, change, bytes);
        Ok(())
    }

    fn extend(&mut self, family: &Family, id: StreamId) -> Result<()> {
        let lock = Hold::of(&self.sides, id)?;
        match compare(&self.sides, id)? {
            _ if lock.is_busy() => self.skip(family, SkipReason::Held),
            Comparison::SourceHasAll => self.copy(id, Change::Extended)?,
            // The writer of the stream appended between the first comparison and the lock.
            Comparison::TargetHasAll | Comparison::Different => self.unite(family)?,
        }
        Ok(())
    }

    /// Merges a family whose streams differ in the two logs. Reads all streams of the family and plans every change
    /// before the first write.
    fn unite(&mut self, family: &Family) -> Result<()> {
        if family.too_deep {
            self.skip(family, SkipReason::TooDeep);
            return Ok(());
        }
        if self.has_newer(family)? {
            self.skip(family, SkipReason::Newer);
            return Ok(());
        }
        let holds = family.target.iter().map(|id| Ok((*id, Hold::of(&self.sides, *id)?)));
        let holds: BTreeMap<StreamId, Hold> = holds.collect::<Result<_>>()?;
        let busy = |id: &StreamId| holds.get(id).is_some_and(Hold::is_busy);
        let mut forks = Vec::new();
        let (target, source) = (family.tree(Side::Target), family.tree(Side::Source));
        let tree = match (target, source) {
            (Some(target), Some(source)) => unite(&self.sides, target, source, &mut forks)?,
            (Some(tree), None) | (None, Some(tree)) => Some(tree),
            (None, None) => return Ok(()),
        };
        let Some(tree) = tree else {
            self.skip(family, SkipReason::ErasedFork);
            return Ok(());
        };
        let mut branches = Vec::new();
        tree.flatten(0, &mut branches);
        let remaining: BTreeSet<StreamId> =
            branches.iter().filter(|(_, b)| !b.parts.is_empty()).map(|(_, b)| b.id).collect();
        let replaced: Vec<StreamId> = family.target.difference(&remaining).copied().collect();
        // Entries move to deeper branches only. Deeper branches are written first, before the entries are removed
        // elsewhere.
        branches.sort_by_key(|(depth, branch)| (std::cmp::Reverse(*depth), branch.id));
        let mut plans = Vec::new();
        for (_, branch) in &branches {
            plans.extend(Plan::of(&self.sides, branch)?);
        }
        if plans.iter().map(|plan| &plan.id).chain(&replaced).any(busy) {
            self.skip(family, SkipReason::Held);
            return Ok(());
        }
        let mut replaced: Vec<StreamId> = replaced;
        replaced.sort_by_key(|id| std::cmp::Reverse(family.line(*id).len()));
        for (n, plan) in plans.iter().enumerate() {
            // Replaced streams that branch off from the planned stream are removed first. The plan may remove the
            // entries before the origin of such a stream, and the stream must not remain without them. A replaced
            // stream is removed only after all plans that read it were applied.
            let pending = plans.get(n..).unwrap_or_default();
            let is_written = |id: &StreamId| !pending.iter().any(|plan| plan.takes_from(*id));
            for id in replaced.extract_if(.., |id| family.line(*id).contains(&plan.id) && is_written(id)) {
                self.remove(id)?;
                self.record(id, Change::Moved, 0);
            }
            let done = apply(&self.sides, plan, &self.options.quarantine, self.options.segment_bytes_max)?;
            let change = match family.target.contains(&plan.id) {
                true => Change::United { added: plan.added, filled: plan.filled },
                false => Change::Copied,
            };
            self.report.quarantined.extend(done.quarantined);
            self.record(plan.id, change, done.bytes);
        }
        for id in &replaced {
            self.remove(*id)?;
            self.record(*id, Change::Moved, 0);
        }
        let reported: BTreeSet<StreamId> = self.report.streams.iter().map(|stream| stream.stream).collect();
        for id in family.source.difference(&reported) {
            let moved = !remaining.contains(id);
            self.record(*id, if moved { Change::Moved } else { Change::Unchanged }, 0);
        }
        self.report.forks.append(&mut forks);
        Ok(())
    }

    /// Removes a stream of the target whose entries are stored durably under other ids. Damaged segments are copied to
    /// quarantine first. The empty directory stays.
    fn remove(&mut self, id: StreamId) -> Result<()> {
        prepare(&self.sides, id)?;
        let bases = files_of(&self.sides, Side::Target, id)?;
        for base in damaged_of(&self.sides, id, &bases)? {
            self.quarantine(id, base)?;
        }
        remove_segments(&self.sides, id, &bases)
    }

    /// Copies a file of the target into quarantine, before the file is replaced or removed.
    fn quarantine(&mut self, id: StreamId, base: Seq) -> Result<()> {
        let (storage, into) = (self.sides.storage.as_ref(), self.sides.into);
        self.report.quarantined.extend(quarantine_segment(
            storage,
            into,
            id,
            base,
            &self.options.quarantine,
        )?);
        Ok(())
    }

    /// Returns true if a segment of the family has a format that this build cannot read.
    fn has_newer(&self, family: &Family) -> Result<bool> {
        for (side, ids) in [(Side::Target, &family.target), (Side::Source, &family.source)] {
            for id in ids {
                for base in segments_of(&self.sides, side, *id)? {
                    let path = names::segment_path(self.sides.log(side), *id, base);
                    let file = self.sides.storage.open(&path, OpenMode::Read);
                    let headers = file.and_then(|file| read_headers(file.as_ref(), *id, base));
                    let headers = headers.map_err(|e| Error::io("read segment", &path, e))?;
                    if matches!(headers.header, Err(HeaderFault::Newer { .. })) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }
}
