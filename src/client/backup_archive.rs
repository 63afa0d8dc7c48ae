//! Methods that create, check and open a backup in one file.

use crate::client::backups::Backups;
use crate::client::error::Result;
use crate::recovery::{
    ARCHIVE_BYTES_MAX, Archive, ArchiveStaging, BackupPlan, BackupRef, BackupResult, BackupVerification,
    CheckedArchive, Progress, create_archive, verify_archive,
};
use std::path::Path;

impl Backups {
    /// Creates a backup in the new file `archive`. The file is a tar archive that is compressed with zstd.
    /// The archive contains the complete backup and does not depend on a repository. The backup is first
    /// created in a temporary directory beside `archive`. This directory needs space for the uncompressed
    /// backup. Errors: the file exists.
    pub fn create_archive(
        &self,
        archive: impl AsRef<Path>,
        plan: &BackupPlan,
        progress: Progress<'_>,
    ) -> Result<BackupResult> {
        self.check_exists()?;
        Ok(create_archive(&self.storage, archive.as_ref(), &self.dirs, plan, progress)?)
    }

    /// Reads an archive completely, and compares all data with its digests. Writes nothing. Errors: the archive is
    /// damaged or incomplete, or contains something other than one backup.
    pub fn verify_archive(&self, archive: impl AsRef<Path>) -> Result<BackupVerification> {
        Ok(verify_archive(&self.archive(archive.as_ref()))?)
    }

    /// Checks an archive, and extracts its backup into a temporary repository. The repository is in the
    /// staging directory of the workspace `target`. `None` means the workspace of the settings. The
    /// repository is removed when the returned value is dropped. Errors: as for [`Backups::verify_archive`].
    pub fn open_archive(&self, archive: impl AsRef<Path>, target: Option<&Path>) -> Result<OpenedArchive> {
        let checked = self.archive(archive.as_ref()).check()?;
        let dirs = self.dirs_at(target.unwrap_or(&self.dirs.root));
        let staging = ArchiveStaging::extract(&self.storage, &dirs, &checked)?;
        let backups = self.temporary_repository(staging.root());
        Ok(OpenedArchive { backups, backup_ref: CheckedArchive::backup(&checked).clone(), staging })
    }

    /// Returns `true` if `path` is a regular file and not a valid name of a backup. Such a path can name an archive.
    pub fn is_archive(&self, path: impl AsRef<Path>) -> bool {
        let path = path.as_ref();
        let is_name = path.to_str().is_some_and(|text| BackupRef::parse(text).is_some());
        !is_name && self.storage.info(path).is_ok_and(|info| info.is_file)
    }

    fn archive(&self, path: &Path) -> Archive {
        Archive::new(&self.storage, path, ARCHIVE_BYTES_MAX)
    }
}

/// An archive whose backup was extracted into a temporary repository. A restore with
/// [`OpenedArchive::backups`] writes its safety backup to the repository of the [`Backups`] that opened the
/// archive. The temporary repository is removed when this value is dropped.
#[derive(Debug)]
pub struct OpenedArchive {
    backups: Backups,
    backup_ref: BackupRef,
    staging: ArchiveStaging,
}

impl OpenedArchive {
    /// Returns access to the temporary repository.
    pub fn backups(&self) -> &Backups {
        &self.backups
    }

    /// Returns the directory of the temporary repository.
    pub fn repository(&self) -> &Path {
        self.staging.root()
    }

    /// Returns the name of the backup.
    pub fn backup_ref(&self) -> &BackupRef {
        &self.backup_ref
    }
}
