//! The application of a plan.

use crate::engine::entry::StreamId;
use crate::engine::error::{Error, Result};
use crate::engine::log::merge::{MergeLock, StreamRepair};
use crate::engine::log::names;
use crate::engine::progress::Progress;
use crate::engine::repair::plan::RepairPlan;
use crate::engine::repair::report::RepairReport;
use crate::engine::repair::site::RepairSite;
use crate::engine::repair::step::{RepairAction, RepairStep};
use crate::engine::repair::tables::{lock_tables, remove_all};
use crate::engine::repair::unrepaired::Unrepaired;
use crate::engine::storage::Storage;
use std::path::Path;
use std::sync::Arc;

/// Applies a plan that [`plan_repair`](super::plan_repair) made for the same [`RepairSite`]. `progress` receives
/// the number of steps that were applied, and their total.
///
/// Tables are removed first, so that no saved table contains positions in segments that were replaced; a reader rebuilds
/// them. Each stream is examined again under its lock before it is changed. A stream that a writer holds is not changed,
/// and is named in [`RepairReport::unrepaired`].
///
/// Durability: every change in the report is on disk. Cost: reads each stream in the plan about four times, and writes
/// its damaged segments twice, to quarantine and to the log. Errors: [`Error::RepairPlanOutdated`] if the files of a
/// stream are not as planned; nothing of this stream is changed. [`Error::MergeBusy`] if a merge or another repair with
/// the same quarantine directory is running. An I/O error if a file could not be read or written. After an error,
/// streams that were repaired before stay repaired, and a new plan contains the rest.
pub fn repair(
    storage: &Arc<dyn Storage>,
    site: &RepairSite,
    plan: &RepairPlan,
    progress: Progress<'_>,
) -> Result<RepairReport> {
    let mut report = RepairReport { unrepaired: plan.unrepaired.clone(), ..RepairReport::default() };
    if plan.is_empty() {
        return Ok(report);
    }
    // Acquiring the lock removes the temporary files in quarantine.
    let _lock = MergeLock::acquire(storage.as_ref(), &site.lock_options())?;
    let total = plan.steps.len() as u64;
    let tables = |step: &&RepairStep| step.action == RepairAction::RemoveTables;
    apply_files(storage.as_ref(), &site.generations, plan.steps.iter().filter(tables), &mut report)?;
    progress.report(report.applied.len() as u64, total);
    let mut done = 0;
    for stream in plan.streams() {
        apply_stream(storage, site, plan, stream, &mut report)?;
        done = report.applied.len() as u64;
        progress.report(done, total);
    }
    let leftovers: Vec<&RepairStep> = plan
        .steps
        .iter()
        .filter(|step| step.action == RepairAction::RemoveLeftover && step.stream.is_none())
        .collect();
    let (of_tables, others): (Vec<_>, Vec<_>) =
        leftovers.into_iter().partition(|step| step.path.starts_with(&site.generations));
    report.applied.extend(others.into_iter().cloned());
    if !of_tables.is_empty()
        && let Some(_lock) = lock_tables(storage.as_ref(), &site.generations)?
    {
        apply_files(storage.as_ref(), &site.generations, of_tables.into_iter(), &mut report)?;
    }
    progress.report(total.max(done), total);
    Ok(report)
}

/// Removes the files of steps in a directory.
fn apply_files<'a>(
    storage: &dyn Storage,
    dir: &Path,
    steps: impl Iterator<Item = &'a RepairStep> + Clone,
    report: &mut RepairReport,
) -> Result<()> {
    // A plan for another directory must not remove files there.
    if let Some(step) = steps.clone().find(|step| step.path.parent() != Some(dir)) {
        return Err(Error::RepairPlanOutdated { path: step.path.clone() });
    }
    remove_all(storage, dir, steps.clone().map(|step| step.path.as_path()))?;
    report.applied.extend(steps.cloned());
    Ok(())
}

fn apply_stream(
    storage: &Arc<dyn Storage>,
    site: &RepairSite,
    plan: &RepairPlan,
    stream: StreamId,
    report: &mut RepairReport,
) -> Result<()> {
    let planned = plan.files_of(stream);
    match site.repaired(storage).repair(stream, &planned, &site.quarantine)? {
        StreamRepair::Done { bytes, quarantined } => {
            report.bytes += bytes;
            report.quarantined.extend(quarantined);
            report.applied.extend(plan.steps.iter().filter(|step| step.stream == Some(stream)).cloned());
            Ok(())
        }
        StreamRepair::Outdated => {
            Err(Error::RepairPlanOutdated { path: names::stream_dir(&site.log, stream) })
        }
        StreamRepair::Held => {
            report.unrepaired.push(Unrepaired::Held { stream });
            Ok(())
        }
    }
}
