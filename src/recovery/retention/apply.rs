//! The application of a removal.

use crate::engine::progress::Progress;
use crate::recovery::compaction::{CompactionReport, compact};
use crate::recovery::erase::{EraseSite, remove_bodies};
use crate::recovery::error::{Error, Result};
use crate::recovery::retention::plan::{RetentionPlan, plan_retention};
use crate::recovery::status::RecoveryStatus;
use crate::store::{Note, Severity};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// The result of a removal.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RetentionResult {
    /// `Degraded` if a file could not be removed. Notes name the files.
    pub status: RecoveryStatus,
    /// The number of removed files.
    pub files: u64,
    /// The number of removed bodies.
    pub bodies: u64,
    /// The compaction of the log; `None` if the rules do not compact the log.
    pub compaction: Option<CompactionReport>,
    /// The number of bytes of the removed files and bodies.
    pub bytes: u64,
    /// Notes about files that could not be removed.
    pub notes: Vec<Note>,
}

/// Removes the files and bodies of a plan. Then compacts the log if the plan contains a compaction. Nothing
/// is written before the compaction, so the removal works on a full disk. The files are removed in the order
/// of the plan, cached files first. A note names each file that cannot be removed. The other files are
/// removed. Errors: files or bodies were changed or added since the plan was made. After this error, nothing
/// was removed.
pub(crate) fn retain(site: &EraseSite<'_>, plan: &RetentionPlan) -> Result<RetentionResult> {
    let now = u64::try_from(plan.planned_at.micros()).unwrap_or(0).saturating_mul(1_000);
    let current = plan_retention(site, plan.rules, now)?;
    if (&current.files, &current.bodies) != (&plan.files, &plan.bodies) {
        let reason = "files or bodies were changed since the plan was made".to_owned();
        return Err(Error::BackupPlanOutdated { reason });
    }
    let mut result = RetentionResult {
        status: RecoveryStatus::Success,
        files: 0,
        bodies: 0,
        compaction: None,
        bytes: 0,
        notes: current.notes,
    };
    for file in &plan.files {
        match remove(site, &file.path) {
            Ok(()) => {
                result.files += 1;
                result.bytes += file.bytes;
            }
            Err(e) => {
                let message = format!("{} could not be removed: {e}", file.path.display());
                result.notes.push(Note::new(Severity::Error, "retention_file_kept", message));
            }
        }
    }
    if plan.rules.removes_bodies && !plan.bodies.is_empty() {
        let candidates = plan.bodies.iter().map(|body| body.digest).collect();
        // A merge could add an artifact that uses one of the bodies.
        let lock = site.lock()?;
        let (bodies, notes) = remove_bodies(site, &candidates, &BTreeSet::new(), false)?;
        drop(lock);
        result.bodies = bodies.len() as u64;
        result.bytes += bodies.iter().map(|body| body.size).sum::<u64>();
        result.notes.extend(notes);
    }
    if let Some(plan) = &plan.compaction {
        let dirs = (site.dirs.log.as_path(), site.dirs.quarantine.as_path());
        let compacted = compact(site.storage, dirs, site.store, plan, Progress::none())?;
        result.notes.extend(compacted.notes);
        result.compaction = Some(compacted.log);
    }
    result.status = RecoveryStatus::of(&result.notes);
    Ok(result)
}

fn remove(site: &EraseSite<'_>, path: &Path) -> io::Result<()> {
    match site.storage.remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
