//! The application of a plan.
//!
//! The order of the steps makes an interruption at any moment safe. After an interruption, a new plan
//! contains the remaining work. The steps are:
//!
//! 1. Streams are healed by a merge with the source. A merge copies a replaced segment to quarantine first.
//! 2. The remaining damage of the log and of the tables is repaired, and the tables are rebuilt.
//! 3. Bodies are healed or moved to quarantine.
//! 4. Losses are recorded. The refs of these records depend on the losses, so no loss is recorded twice.
//! 5. Known streams and bodies are forgotten.

use crate::contract::Timestamp;
use crate::engine::entry::{Gap, StreamId};
use crate::engine::log::merge::{Change, LogMerge, MergeLock, MergeOptions, SkipReason, merge_streams};
use crate::engine::progress::Progress;
use crate::engine::projection::Note as EngineNote;
use crate::engine::repair::{RepairReport as LogRepair, RepairStep, Unrepaired, repair as repair_log};
use crate::engine::verify::{LogCheck, Problem, verify_log};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::recovery::error::{Error, Result};
use crate::recovery::repair::bodies::{BodyAction, BodyRepair, BodySite, examine_bodies};
use crate::recovery::repair::losses::{RECORDS_MAX, record_losses};
use crate::recovery::repair::plan::{
    Forgotten, RepairPlan, RepairRequest, failed, plan_log_without, plan_repair,
};
use crate::recovery::repair::source::Copies;
use crate::recovery::status::RecoveryStatus;
use crate::store::{Journal, Note, Severity};
use std::path::PathBuf;

/// The greatest number of times that bodies are examined. A healed list of the files of a directory can show further
/// missing bodies.
const PASSES_MAX: usize = 3;

/// The result of a repair. Every change in the result is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairResult {
    /// `Degraded` if entries or bodies are missing, or if damage stays.
    pub status: RecoveryStatus,
    /// The description of the source; `None` if the repair used no source.
    pub source: Option<String>,
    /// The healed streams, each with the number of entries that were added.
    pub healed: Vec<(StreamId, u64)>,
    /// The steps that were applied to the log and to the tables.
    pub applied: Vec<RepairStep>,
    /// The damage that stays, and the streams that were not changed.
    pub unrepaired: Vec<Unrepaired>,
    /// The entries that are missing in the log after the repair.
    pub missing: Vec<Gap>,
    /// The damaged and missing bodies, with the applied action for each.
    pub bodies: Vec<BodyRepair>,
    /// The copies in quarantine.
    pub quarantined: Vec<PathBuf>,
    /// The known streams and bodies that were forgotten.
    pub forgotten: Vec<Forgotten>,
    /// The number of appended degraded records. Each record describes a loss.
    pub recorded_losses: u64,
    /// Notes about copies that were not used, and about parts that could not be repaired.
    pub notes: Vec<Note>,
}

/// Applies a plan that was made for the same request. `progress` receives the progress of each part of the
/// repair.
///
/// Durability: every change in the result is on disk. Errors: [`Error::RepairPlanOutdated`] if a new plan
/// differs from `plan`, or if a writer uses a stream that was to be healed; a merge or another repair is
/// running; a file could not be read or written. If a new plan differs, nothing was changed. After every
/// error, a new plan contains the remaining work.
pub(crate) fn repair(
    request: &RepairRequest<'_>,
    journal: &Journal,
    plan: &RepairPlan,
    progress: Progress<'_>,
) -> Result<RepairResult> {
    if plan_repair(request, progress)?.fingerprint != plan.fingerprint {
        return Err(Error::RepairPlanOutdated);
    }
    let mut result = RepairResult {
        status: RecoveryStatus::Success,
        source: plan.source.clone(),
        healed: Vec::new(),
        applied: Vec::new(),
        unrepaired: Vec::new(),
        missing: Vec::new(),
        bodies: Vec::new(),
        quarantined: Vec::new(),
        forgotten: Vec::new(),
        recorded_losses: 0,
        notes: plan.notes.clone(),
    };
    let copies = request.copies()?;
    if let Some(copies) = copies.as_ref().filter(|_| !plan.heals.is_empty()) {
        let merged = heal_streams(request, copies, plan, progress)?;
        result.add_merge(merged, plan, copies)?;
    }
    let log = plan_log_without(request, &plan.unread)?;
    let log = repair_log(request.storage, &request.site(), &log, progress)?;
    let is_changed = log.needs_rebuild() || !result.healed.is_empty();
    result.add_log(log);
    if is_changed {
        request.store.rebuild(progress)?;
    }
    repair_bodies(request, copies.as_ref(), &mut result)?;
    result.missing = missing_entries(request)?;
    result.record_losses(request, journal, &plan.unread)?;
    if !plan.forgets.is_empty() {
        request.known().forget(|known| {
            for forgotten in &plan.forgets {
                match forgotten {
                    Forgotten::Stream { stream, .. } => known.forget_stream(*stream),
                    Forgotten::Body { digest } => known.forget_body(digest),
                }
            }
        })?;
    }
    result.forgotten.clone_from(&plan.forgets);
    result.notes.extend(known_losses(request, progress)?);
    let is_lost = !result.missing.is_empty()
        || result.unrepaired.iter().any(|left| !matches!(left, Unrepaired::Held { .. }))
        || result.bodies.iter().any(|body| body.action != BodyAction::Heal);
    let noted = RecoveryStatus::of(&result.notes);
    result.status = if is_lost { RecoveryStatus::Degraded } else { noted };
    Ok(result)
}

/// Merges the healed streams of the plan with their copies.
fn heal_streams(
    request: &RepairRequest<'_>,
    copies: &Copies,
    plan: &RepairPlan,
    progress: Progress<'_>,
) -> Result<LogMerge> {
    let dirs = request.dirs;
    let options = MergeOptions::new(DOMAIN, &copies.log, &dirs.log, &dirs.quarantine);
    let lock = MergeLock::acquire(copies.storage.as_ref(), &options)?;
    let streams: Vec<StreamId> = plan.heals.iter().map(|heal| heal.stream).collect();
    Ok(merge_streams(&lock, &copies.storage, &options, &streams, progress)?)
}

/// Applies the actions for damaged and missing bodies.
fn repair_bodies(
    request: &RepairRequest<'_>,
    copies: Option<&Copies>,
    result: &mut RepairResult,
) -> Result<()> {
    let known = request.known().load()?.into_known();
    let dirs = request.dirs;
    let site = BodySite {
        storage: request.storage,
        bodies: dirs.bodies(request.storage),
        staging: &dirs.body_staging,
        quarantine: &dirs.quarantine,
        source: copies.map(|copies| &copies.bodies),
    };
    for _ in 0..PASSES_MAX {
        let (bodies, notes) = examine_bodies(request.store, &known, site.source)?;
        let mut is_healed = false;
        for body in bodies {
            let is_done = result.bodies.iter().any(|done| done.digest == body.digest);
            if is_done || site_failed(&site, &body, result) {
                continue;
            }
            is_healed |= body.action == BodyAction::Heal;
            result.bodies.push(body);
        }
        if !is_healed {
            let is_new = |note: &Note| !result.notes.contains(note);
            let new: Vec<Note> = notes.into_iter().filter(is_new).collect();
            result.notes.extend(new);
            break;
        }
    }
    Ok(())
}

/// Applies the action for a body. Returns `true` and adds a note if the action fails. The other bodies are repaired
/// nevertheless.
fn site_failed(site: &BodySite<'_>, body: &BodyRepair, result: &mut RepairResult) -> bool {
    match site.apply(body) {
        Ok(copy) => {
            result.quarantined.extend(copy);
            false
        }
        Err(e) => {
            let what = format!("the body {} could not be repaired", body.digest);
            result.notes.push(failed("repair_body_failed", &what, &e));
            true
        }
    }
}

/// Returns a note for each known stream that is still missing, shorter than before, or different.
fn known_losses(request: &RepairRequest<'_>, progress: Progress<'_>) -> Result<Vec<Note>> {
    const CODES: [&str; 3] = ["stream_missing", "entries_missing", "head_differs"];
    let known = request.known().load()?.into_known();
    let check = LogCheck {
        known: known.all_ends().collect(),
        progress,
        problems_max: usize::MAX,
        ..LogCheck::default()
    };
    let found = verify_log::<Captured>(request.storage, &request.dirs.log, DOMAIN, &check)?;
    let lost = found.problems.into_iter().filter(|problem| CODES.contains(&problem.code));
    let note = |problem: Problem| {
        let message = format!(
            "{}; repair the workspace from a copy with `--from`, or accept the loss with `--forget`",
            problem.message
        );
        Note::new(Severity::Error, "repair_known_missing", message)
    };
    Ok(lost.map(note).collect())
}

/// Returns the entries that are missing in the log.
fn missing_entries(request: &RepairRequest<'_>) -> Result<Vec<Gap>> {
    let notes = request.store.catch_up()?;
    let gap = |note: EngineNote| match note {
        EngineNote::Gap(gap) => Some(gap),
        _ => None,
    };
    Ok(notes.into_iter().filter_map(gap).collect())
}

impl RepairResult {
    /// Adds the healed streams. Errors: a stream was not healed. The repair then ends, because it would
    /// otherwise record entries of the copy as lost.
    fn add_merge(&mut self, merged: LogMerge, plan: &RepairPlan, copies: &Copies) -> Result<()> {
        for stream in &merged.streams {
            match stream.change {
                // A writer has begun to use the stream after the plan was made.
                Change::Skipped(SkipReason::Held) => return Err(Error::RepairPlanOutdated),
                Change::Skipped(reason) => {
                    let reason = format!("stream {} was not healed: {}", stream.stream, reason.name());
                    return Err(Error::RepairSourceInvalid { path: copies.log.clone(), reason });
                }
                _ => {}
            }
            if let Some(heal) = plan.heals.iter().find(|heal| heal.stream == stream.stream) {
                self.healed.push((heal.stream, heal.added));
            }
        }
        self.quarantined.extend(merged.quarantined.into_iter().map(|copy| copy.path));
        Ok(())
    }

    fn add_log(&mut self, log: LogRepair) {
        self.applied = log.applied;
        self.unrepaired = log.unrepaired;
        self.quarantined.extend(log.quarantined.into_iter().map(|copy| copy.path));
    }

    /// Records the losses. A loss is not recorded if the copy of its stream cannot be read.
    fn record_losses(
        &mut self,
        request: &RepairRequest<'_>,
        journal: &Journal,
        unread: &[StreamId],
    ) -> Result<()> {
        let lost: Vec<BodyRepair> =
            self.bodies.iter().filter(|body| body.action != BodyAction::Heal).copied().collect();
        let at = Timestamp::from_nanos(request.storage.now());
        let (recorded, is_cut) = record_losses(request.store, journal, (&lost, unread), at)?;
        self.recorded_losses = recorded;
        if is_cut {
            let message =
                format!("the repair has recorded {RECORDS_MAX} losses; repeat the repair to record the rest");
            self.notes.push(Note::new(Severity::Warning, "repair_losses_limited", message));
        }
        Ok(())
    }
}
