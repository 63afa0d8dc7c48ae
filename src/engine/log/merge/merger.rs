//! Copying the streams of another log in.
//!
//! Guarantees: the source is only read. Merging again changes nothing. In whatever order logs are merged, the same entries
//! come out: an entry is its (stream, sequence), and a stream with two histories is forked by a rule that follows from the
//! entries alone ([`crate::engine::log::merge::fork`]). Intact goes over gap, longer over shorter; no entry that either side can
//! read is lost, and what was known to be missing stays known. A merge that was interrupted is finished by repeating it.
//!
//! Left to others: bodies that entries refer to (copy them first), and projections (they notice by themselves).
//! docs/design/005-merge-and-forks.md.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::header::{HeaderFault, Origin};
use crate::engine::log::format::names;
use crate::engine::log::merge::apply::{carry_out, copy_segment, prepare, remove_segments};
use crate::engine::log::merge::compare::{Likeness, compare};
use crate::engine::log::merge::content::content_of;
use crate::engine::log::merge::fork::{Branch, derived_id, unite};
use crate::engine::log::merge::history::{Part, Side, Sides};
use crate::engine::log::merge::plan::{Plan, damaged_of, files_of, segments_of};
use crate::engine::log::merge::quarantine::{Quarantined, keep_segment, remove_leftovers};
use crate::engine::log::read::directory::{list_segments, list_streams, log_bytes, origin_of, read_headers};
use crate::engine::storage::{File, OpenMode, Storage};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The lock of whoever merges, in the directory for quarantine.
const LOCK_NAME: &str = "merge.lock";
/// Forks of forks of forks: deeper than this nothing that happens by itself goes.
const DEPTH_MAX: usize = 64;

/// What to merge.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// The log that is copied from. It is not changed, and may be on a disk that cannot be written.
    pub from: PathBuf,
    /// The log that is copied into; created where it is missing.
    pub into: PathBuf,
    /// Where copies of damaged segments go before others take their place.
    pub quarantine: PathBuf,
    /// About how large a new segment may become.
    pub segment_bytes_max: u64,
}

impl MergeOptions {
    /// Merges `from` into `into`.
    pub fn new(from: &Path, into: &Path, quarantine: &Path) -> MergeOptions {
        MergeOptions {
            from: from.to_path_buf(),
            into: into.to_path_buf(),
            quarantine: quarantine.to_path_buf(),
            segment_bytes_max: 64 << 20,
        }
    }
}

/// What became of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The target did not have it: its segments were copied, damage included.
    Copied,
    /// The target had all of it.
    Unchanged,
    /// The source had the same bytes and more behind them.
    Extended,
    /// The target's stream was made of both: entries that it did not have before, and those of them that filled gaps.
    United {
        /// New entries.
        added: u64,
        /// Those of them that were missing between others.
        filled: u64,
    },
    /// Its entries are under other ids now, as the stream it branched off from was forked before that.
    Moved,
    /// It was left as it is.
    Skipped(SkipReason),
}

/// Why a stream was left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// A living writer holds it in the target, or there are no locks that would tell. Merge again later.
    Held,
    /// A segment of it was written in a newer format.
    Newer,
    /// The source could not be read.
    Unreadable,
    /// It is forked over and over.
    TooDeep,
}

impl SkipReason {
    /// A stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            SkipReason::Held => "held_by_a_writer",
            SkipReason::Newer => "newer_format",
            SkipReason::Unreadable => "source_unreadable",
            SkipReason::TooDeep => "forked_too_deep",
        }
    }
}

impl Change {
    /// A stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Change::Copied => "copied",
            Change::Unchanged => "unchanged",
            Change::Extended => "extended",
            Change::United { .. } => "united",
            Change::Moved => "moved",
            Change::Skipped(_) => "skipped",
        }
    }
}

/// One stream of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamMerge {
    /// Its id.
    pub stream: StreamId,
    /// What became of it.
    pub change: Change,
    /// Bytes written for it.
    pub bytes: u64,
}

/// A stream that had two histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    /// The stream.
    pub stream: StreamId,
    /// The first number with two meanings.
    pub first: Seq,
    /// Whose entries keep the id from there on.
    pub kept: Side,
    /// The id under which the other entries are from there on.
    pub derived: StreamId,
}

/// What a merge did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MergeReport {
    /// Every stream of the source, and every other one that was written or moved.
    pub streams: Vec<StreamMerge>,
    /// Every fork found.
    pub forks: Vec<Fork>,
    /// Damaged segments of the target that were replaced, as they were.
    pub quarantined: Vec<Quarantined>,
}

impl MergeReport {
    /// Whether the target is as it was.
    pub fn is_unchanged(&self) -> bool {
        self.streams.iter().all(|s| matches!(s.change, Change::Unchanged | Change::Skipped(_)))
    }
}

/// Streams that may have to do with each other: an id, and what branched off from it.
#[derive(Debug, Default)]
struct Family {
    source: BTreeSet<StreamId>,
    target: BTreeSet<StreamId>,
    /// Where each of them that branches off does so.
    origins: BTreeMap<StreamId, Origin>,
    too_deep: bool,
}

impl Family {
    /// What a stream branched off from, and what that did, and so on.
    fn line(&self, id: StreamId) -> Vec<StreamId> {
        let parent = |id: &StreamId| self.origins.get(id).map(|origin| origin.parent);
        std::iter::successors(parent(&id), parent).take(DEPTH_MAX).collect()
    }
}

/// Merges a log into another. `progress` hears of bytes of the source done and in all.
///
/// Durability: what the report says is on disk. Cost: streams that are the same in both are compared byte by byte; what
/// is only in the source is copied; the others are decoded some three times. Constant memory for each stream.
/// Errors: the target could not be read or written; what was merged until then stays, and merging again goes on from
/// there. [`Error::MergeBusy`]: another merge with the same quarantine is running. A stream of the source that cannot be read
/// is skipped.
pub fn merge(
    storage: &Arc<dyn Storage>,
    options: &MergeOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<MergeReport> {
    merge_locked(&MergeLock::acquire(storage.as_ref(), &options.quarantine)?, storage, options, progress)
}

/// Merges as [`merge`] does, under a lock that was acquired before.
pub fn merge_locked(
    _lock: &MergeLock,
    storage: &Arc<dyn Storage>,
    options: &MergeOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<MergeReport> {
    let sides = Sides { storage, from: &options.from, into: &options.into };
    storage.create_dir_all(&options.into).map_err(|e| Error::io("create", &options.into, e))?;
    let streams = list_streams(storage.as_ref(), &options.from)?;
    let total = log_bytes(storage.as_ref(), &options.from, &streams);
    let mut merger = Merger { sides, options, report: MergeReport::default() };
    let families = merger.families(&streams)?;
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
        progress(done, total.max(done));
    }
    merger.report.streams.sort_by_key(|s| s.stream);
    Ok(merger.report)
}

/// The lock of a merge. It is released when the value is dropped or the process ends.
#[derive(Debug)]
pub struct MergeLock {
    _file: Arc<dyn File>,
}

impl MergeLock {
    /// Acquires the lock for merges with this quarantine directory, and removes what an interrupted merge left there.
    ///
    /// Where the file system has no locks, the caller must run one merge at a time. Errors: [`Error::MergeBusy`] if another
    /// merge has the lock; the directory could not be written.
    pub fn acquire(storage: &dyn Storage, quarantine: &Path) -> Result<MergeLock> {
        storage.create_dir_all(quarantine).map_err(|e| Error::io("create", quarantine, e))?;
        let path = quarantine.join(LOCK_NAME);
        let file = storage.open(&path, OpenMode::Create).map_err(|e| Error::io("open", &path, e))?;
        if matches!(file.try_lock(), Ok(false)) {
            return Err(Error::MergeBusy { path });
        }
        remove_leftovers(storage, quarantine)?;
        Ok(MergeLock { _file: file })
    }
}

struct Merger<'a> {
    sides: Sides<'a>,
    options: &'a MergeOptions,
    report: MergeReport,
}

impl Merger<'_> {
    /// The source's streams with all that may have to do with them, the oldest first.
    fn families(&mut self, streams: &[StreamId]) -> Result<Vec<Family>> {
        let mut origins = BTreeMap::new();
        let mut present: BTreeMap<StreamId, [bool; 2]> = BTreeMap::new();
        let target = list_streams(self.sides.storage.as_ref(), self.sides.into)?;
        for (side, ids) in [(Side::Target, &target[..]), (Side::Source, streams)] {
            for id in ids {
                let log = self.sides.log(side);
                // A folder of the source that cannot be listed is a stream that cannot be read.
                let listed = list_segments(self.sides.storage.as_ref(), log, *id);
                if side == Side::Source && matches!(listed, Err(Error::Io { .. })) {
                    self.say(*id, Change::Skipped(SkipReason::Unreadable), 0);
                    continue;
                }
                if !self.is_present(side, *id)? {
                    continue;
                }
                let [there, here] = present.entry(*id).or_default();
                *(if side == Side::Target { there } else { here }) = true;
                let origin = match origin_of(self.sides.storage.as_ref(), log, *id) {
                    // Whoever comes to this stream says that it cannot be read.
                    Err(Error::Io { .. }) if side == Side::Source => None,
                    origin => origin?,
                };
                // An origin that the name does not follow from is none.
                origins.extend(origin.filter(|o| derived_id(o) == *id).map(|o| (*id, o)));
            }
        }
        let mut families: BTreeMap<StreamId, Family> = BTreeMap::new();
        for (id, [there, here]) in present {
            let mut line = vec![id];
            let mut root = id;
            while let Some(origin) = origins.get(&root).filter(|_| line.len() <= DEPTH_MAX) {
                root = origin.parent;
                line.push(root);
            }
            let family = families.entry(root).or_default();
            family.too_deep |= line.len() > DEPTH_MAX;
            family.origins.extend(line.iter().filter_map(|id| Some((*id, *origins.get(id)?))));
            family.target.extend(there.then_some(id));
            family.source.extend(here.then_some(id));
        }
        Ok(families.into_values().filter(|family| !family.source.is_empty()).collect())
    }

    /// Returns whether a side has a stream: of the source only segments count, of the target any file that may be in the way.
    fn is_present(&self, side: Side, id: StreamId) -> Result<bool> {
        if side == Side::Target {
            return Ok(!files_of(&self.sides, side, id)?.is_empty());
        }
        for base in files_of(&self.sides, side, id)? {
            match content_of(self.sides.storage.as_ref(), self.sides.from, id, base) {
                Ok(content) if !content.is_segment() => {}
                // That it cannot be read is said where the stream is merged.
                Ok(_) | Err(Error::Io { .. }) => return Ok(true),
                Err(e) => return Err(e),
            }
        }
        Ok(false)
    }

    fn say(&mut self, stream: StreamId, change: Change, bytes: u64) {
        self.report.streams.push(StreamMerge { stream, change, bytes });
    }

    fn skip(&mut self, family: &Family, reason: SkipReason) {
        for stream in &family.source {
            self.say(*stream, Change::Skipped(reason), 0);
        }
    }

    fn family(&mut self, family: &Family) -> Result<()> {
        if family.target.is_empty() {
            return family.source.iter().try_for_each(|id| self.copy(*id, Change::Copied));
        }
        let alone = family.source == family.target && family.source.len() == 1 && family.origins.is_empty();
        let mut all_there = true;
        for id in &family.source {
            match compare(&self.sides, *id)? {
                Likeness::TargetHasAll => {}
                Likeness::SourceHasAll if alone => return self.extend(family, *id),
                Likeness::SourceHasAll | Likeness::Unlike => all_there = false,
            }
        }
        if all_there {
            family.source.iter().for_each(|id| self.say(*id, Change::Unchanged, 0));
            return Ok(());
        }
        self.unite(family)
    }

    /// Copies segments: all that the target does not have yet, and its last one, of which it may have the front.
    fn copy(&mut self, id: StreamId, change: Change) -> Result<()> {
        prepare(&self.sides, id)?;
        let files = files_of(&self.sides, Side::Target, id)?;
        let there = segments_of(&self.sides, Side::Target, id)?;
        let mut bytes = 0;
        for base in segments_of(&self.sides, Side::Source, id)? {
            if there.last().is_none_or(|last| base >= *last) {
                if files.contains(&base) && !there.contains(&base) {
                    self.quarantine(id, base)?;
                }
                bytes += copy_segment(&self.sides, id, base)?;
            }
        }
        self.say(id, change, bytes);
        Ok(())
    }

    fn extend(&mut self, family: &Family, id: StreamId) -> Result<()> {
        let lock = Hold::of(&self.sides, id)?;
        match compare(&self.sides, id)? {
            _ if lock.is_busy() => self.skip(family, SkipReason::Held),
            Likeness::SourceHasAll => self.copy(id, Change::Extended)?,
            // Its writer went on until just now.
            Likeness::TargetHasAll | Likeness::Unlike => self.unite(family)?,
        }
        Ok(())
    }

    /// The whole work: reads all, decides, and then writes.
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
            (Some(tree), None) | (None, Some(tree)) => tree,
            (None, None) => return Ok(()),
        };
        let mut branches = Vec::new();
        tree.flatten(0, &mut branches);
        let shall_be: BTreeSet<StreamId> =
            branches.iter().filter(|(_, b)| !b.parts.is_empty()).map(|(_, b)| b.id).collect();
        let gone: Vec<StreamId> = family.target.difference(&shall_be).copied().collect();
        // Entries only ever move to where the tree is deeper, so whoever takes some is written before they go.
        branches.sort_by_key(|(depth, branch)| (std::cmp::Reverse(*depth), branch.id));
        let mut plans = Vec::new();
        for (_, branch) in &branches {
            plans.extend(Plan::of(&self.sides, branch)?);
        }
        if plans.iter().map(|plan| &plan.id).chain(&gone).any(busy) {
            self.skip(family, SkipReason::Held);
            return Ok(());
        }
        let mut gone: Vec<StreamId> = gone;
        gone.sort_by_key(|id| std::cmp::Reverse(family.line(*id).len()));
        for (n, plan) in plans.iter().enumerate() {
            // What branched off from this stream's old entries, and stands under another name by now, goes before they do:
            // its origin would name entries that are not there any more.
            let todo = plans.get(n..).unwrap_or_default();
            let is_written = |id: &StreamId| !todo.iter().any(|plan| plan.takes_from(*id));
            for id in gone.extract_if(.., |id| family.line(*id).contains(&plan.id) && is_written(id)) {
                self.remove(id)?;
                self.say(id, Change::Moved, 0);
            }
            let done =
                carry_out(&self.sides, plan, &self.options.quarantine, self.options.segment_bytes_max)?;
            let change = match family.target.contains(&plan.id) {
                true => Change::United { added: plan.added, filled: plan.filled },
                false => Change::Copied,
            };
            self.report.quarantined.extend(done.quarantined);
            self.say(plan.id, change, done.bytes);
        }
        for id in &gone {
            self.remove(*id)?;
            self.say(*id, Change::Moved, 0);
        }
        let told: BTreeSet<StreamId> = self.report.streams.iter().map(|said| said.stream).collect();
        for id in family.source.difference(&told) {
            let moved = !shall_be.contains(id);
            self.say(*id, if moved { Change::Moved } else { Change::Unchanged }, 0);
        }
        self.report.forks.append(&mut forks);
        Ok(())
    }

    /// Removes a stream whose entries are under other ids, durably, by now. Its empty directory stays.
    fn remove(&mut self, id: StreamId) -> Result<()> {
        prepare(&self.sides, id)?;
        let bases = files_of(&self.sides, Side::Target, id)?;
        for base in damaged_of(&self.sides, id, &bases)? {
            self.quarantine(id, base)?;
        }
        remove_segments(&self.sides, id, &bases)
    }

    /// Copies a file of the target aside, before it is replaced or removed.
    fn quarantine(&mut self, id: StreamId, base: Seq) -> Result<()> {
        let (storage, into) = (self.sides.storage.as_ref(), self.sides.into);
        self.report.quarantined.extend(keep_segment(storage, into, id, base, &self.options.quarantine)?);
        Ok(())
    }

    /// Whether there are segments that this build cannot read, and so must not judge.
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

impl Family {
    /// The streams of one side as a tree. A parent that is not there is a branch without parts.
    fn tree(&self, side: Side) -> Option<Branch> {
        let ids = if side == Side::Target { &self.target } else { &self.source };
        let mut children: BTreeMap<StreamId, BTreeSet<StreamId>> = BTreeMap::new();
        let mut root = None;
        for id in ids {
            let mut id = *id;
            while let Some(origin) = self.origins.get(&id) {
                children.entry(origin.parent).or_default().insert(id);
                id = origin.parent;
            }
            root = Some(id);
        }
        root.map(|root| self.branch(side, root, &children))
    }

    fn branch(&self, side: Side, id: StreamId, children: &BTreeMap<StreamId, BTreeSet<StreamId>>) -> Branch {
        let ids = if side == Side::Target { &self.target } else { &self.source };
        let parts = if ids.contains(&id) { vec![Part::whole(side, id)] } else { Vec::new() };
        let below = children.get(&id).into_iter().flatten();
        let below = below.map(|child| self.branch(side, *child, children)).collect();
        Branch { id, origin: self.origins.get(&id).copied(), parts, children: below }
    }
}

/// Keeps writers away from a stream of the target.
enum Hold {
    /// No writer can have it: there is no lock file, or it is held here.
    Free { _locks: Vec<Arc<dyn File>> },
    /// A writer has it, or nobody can say.
    Busy,
}

impl Hold {
    fn of(sides: &Sides<'_>, stream: StreamId) -> Result<Hold> {
        let mut locks = Vec::new();
        // A writer whose sync failed goes on under the other name.
        for name in [names::LOCK_NAME, names::LEFT_NAME] {
            let path = names::stream_dir(sides.into, stream).join(name);
            match sides.storage.open(&path, OpenMode::ReadWrite) {
                Ok(file) if matches!(file.try_lock(), Ok(true)) => locks.push(file),
                Ok(_) => return Ok(Hold::Busy),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("open", &path, e)),
            }
        }
        Ok(Hold::Free { _locks: locks })
    }

    fn is_busy(&self) -> bool {
        matches!(self, Hold::Busy)
    }
}
