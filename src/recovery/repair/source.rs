//! The source of a repair: a backup or another workspace.

use crate::engine::blob::BlobStore;
use crate::engine::storage::{Storage, exists};
use crate::recovery::backup::{BackupRef, Manifest, Repository, io_error};
use crate::recovery::error::{Error, Result};
use crate::recovery::repair::backup_log::BackupLog;
use crate::recovery::workspace_dirs::{WorkspaceDirs, real_path};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The source of a repair. The source is only read.
#[derive(Debug, Clone)]
pub(crate) enum RepairSource {
    /// A backup in a repository.
    Backup(Repository, BackupRef),
    /// Another workspace.
    Workspace(Box<WorkspaceDirs>),
}

/// The intact copies of streams and bodies.
#[derive(Debug)]
pub(super) struct Copies {
    /// The description of the source for people.
    pub(super) name: String,
    /// The storage that contains both the log of the source and the workspace.
    pub(super) storage: Arc<dyn Storage>,
    pub(super) log: PathBuf,
    pub(super) bodies: BlobStore,
    /// `true` if the source is a backup of the same workspace.
    pub(super) is_backup_of_workspace: bool,
}

/// Returns the source that `from` names: a backup in `repository`, a directory with backups of the workspace
/// `dirs`, or a workspace. For a directory with backups, the source is the latest backup of the workspace.
/// `dirs_at` returns the directories of a workspace. Errors: there is no such source.
pub(crate) fn find_source(
    repository: &Repository,
    dirs: &WorkspaceDirs,
    from: &Path,
    dirs_at: impl Fn(&Path) -> WorkspaceDirs,
) -> Result<RepairSource> {
    let storage = &repository.storage;
    let named = from.to_str().and_then(BackupRef::parse);
    if let Some(backup) = named.filter(|backup| repository.contains(backup).unwrap_or(false)) {
        return Ok(RepairSource::Backup(repository.clone(), backup));
    }
    let invalid = |reason: &str| Error::RepairSourceInvalid { path: from.into(), reason: reason.into() };
    if !storage.info(from).is_ok_and(|info| info.is_dir) {
        return Err(invalid("there is no such backup or directory"));
    }
    let other = Repository::new(storage, from);
    if !other.names()?.is_empty() {
        let root = real_path(storage.as_ref(), &dirs.root).display().to_string();
        let latest = other.latest(&root, &[])?;
        let latest =
            latest.ok_or_else(|| invalid("the directory has no readable backup of this workspace"))?;
        return Ok(RepairSource::Backup(other, latest.backup_ref));
    }
    let source = dirs_at(from);
    if !exists(storage.as_ref(), &source.log).map_err(|e| io_error("read the metadata of", &source.log, e))? {
        return Err(invalid("the directory is neither a workspace nor a directory with backups"));
    }
    if real_path(storage.as_ref(), &source.log) == real_path(storage.as_ref(), &dirs.log) {
        return Err(invalid("it is the workspace that is to be repaired"));
    }
    Ok(RepairSource::Workspace(Box::new(source)))
}

impl RepairSource {
    /// Opens the source for the repair of the workspace `dirs`. Errors: the manifest of the backup cannot be used.
    pub(super) fn open(&self, storage: &Arc<dyn Storage>, dirs: &WorkspaceDirs) -> Result<Copies> {
        match self {
            RepairSource::Backup(repository, backup) => {
                let manifest: Manifest = repository.read(backup)?;
                let root = real_path(storage.as_ref(), &dirs.root).display().to_string();
                let (storage, log) = BackupLog::open(repository, &manifest);
                Ok(Copies {
                    name: format!("backup {backup}"),
                    storage,
                    log,
                    bodies: repository.objects(),
                    is_backup_of_workspace: manifest.workspace_root == root,
                })
            }
            RepairSource::Workspace(source) => Ok(Copies {
                name: format!("workspace {}", source.root.display()),
                storage: Arc::clone(storage),
                log: source.log.clone(),
                bodies: source.bodies(storage),
                is_backup_of_workspace: false,
            }),
        }
    }
}
