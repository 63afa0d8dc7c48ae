//! The temporary repository with the backup of an archive.

use crate::engine::storage::Storage;
use crate::recovery::backup::archive::{Archive, CheckedArchive};
use crate::recovery::backup::repository::Repository;
use crate::recovery::backup::verify::BackupVerification;
use crate::recovery::error::Result;
use crate::recovery::status::RecoveryStatus;
use crate::recovery::temporary::TemporaryDir;
use crate::recovery::workspace_dirs::WorkspaceDirs;
use std::path::Path;
use std::sync::Arc;

/// A temporary repository. It is removed when the value is dropped.
#[derive(Debug)]
pub(crate) struct ArchiveStaging {
    dir: TemporaryDir,
}

impl ArchiveStaging {
    /// Extracts the backup of an archive into the staging directory of a workspace.
    pub(crate) fn extract(
        storage: &Arc<dyn Storage>,
        dirs: &WorkspaceDirs,
        archive: &CheckedArchive,
    ) -> Result<ArchiveStaging> {
        let dir = TemporaryDir::create(storage, dirs)?;
        archive.extract(&Repository::new(storage, dir.root()))?;
        Ok(ArchiveStaging { dir })
    }

    /// Returns the directory of the repository.
    pub(crate) fn root(&self) -> &Path {
        self.dir.root()
    }
}

/// Checks an archive, and returns the result as the verification of one backup. Errors: the archive is damaged or
/// incomplete.
pub(crate) fn verify_archive(archive: &Archive) -> Result<BackupVerification> {
    let checked = archive.check()?;
    let (objects, notes) = (checked.manifest.objects(), checked.manifest.degraded_notes());
    Ok(BackupVerification {
        status: RecoveryStatus::of(&notes),
        backups: vec![checked.manifest.backup_ref.clone()],
        objects: objects.len() as u64,
        bytes: objects.values().fold(0, |sum: u64, len| sum.saturating_add(*len)),
        problems: Vec::new(),
        healed: 0,
        unreadable: Vec::new(),
        notes,
    })
}
