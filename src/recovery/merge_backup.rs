//! A merge of a backup into a workspace. The log of the backup is written into a temporary directory, and merged from
//! there.

use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::log::merge::{MergeLock, MergeOptions};
use crate::engine::progress::Progress;
use crate::recovery::backup::Repository;
use crate::recovery::error::Result;
use crate::recovery::merge::{MergeReport, merge_listed};
use crate::recovery::staged_log::StagedLog;

/// Copies the missing bodies of a backup into the workspace, then merges the staged log of the backup. The repository is
/// only read. Errors: the errors of a merge.
pub(crate) fn merge_backup(
    repository: &Repository,
    staged: &StagedLog,
    logs: &MergeOptions,
    into: &BlobStore,
    progress: Progress<'_>,
) -> Result<MergeReport> {
    let storage = &repository.storage;
    let lock = MergeLock::acquire(storage.as_ref(), logs)?;
    let bodies: Vec<Digest> = staged.manifest.bodies.iter().map(|body| body.digest).collect();
    let mut report = merge_listed(&lock, storage, logs, (&repository.objects(), &bodies, into), progress)?;
    report.notes.extend(staged.manifest.degraded_notes());
    Ok(report)
}
