//! [`Backups`]: operations that create, check and remove backups of a workspace, and restore workspaces from
//! them.

use crate::client::error::{Error, Result};
use crate::client::paths::Paths;
use crate::client::workspace::{Create, check_target, prepare};
use crate::config::{FILE_NAME, UnifiedConfig};
use crate::engine::storage::Storage;
use crate::engine::storage::os::OsStorage;
use crate::recovery::{
    BackupList, BackupOptions, BackupPlan, BackupRef, BackupResult, BackupVerification, BackupVerifyOptions,
    Error as RecoveryError, KeepRules, Progress, PrunePlan, Repository, RestoreOptions, RestorePlan,
    RestoreRepositories, RestoreResult, WorkspaceDirs, create_backup, list_backups, plan_backup, plan_prune,
    plan_restore, prune, restore, verify_backups,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Access to the backups of a workspace. The backups are in a repository, which is a directory. Backups share
/// equal content, so a further backup writes only data that earlier backups do not contain. The workspace
/// need not exist, and need not be open.
///
/// Backups, removals and restores are planned first. A plan is a value, and planning writes nothing.
///
/// ```
/// # fn main() -> Result<(), contexta::Error> {
/// # let dir = std::env::temp_dir().join(format!("contexta-doc-backups-{}", std::process::id()));
/// use contexta::recovery::{BackupOptions, Progress, RestoreOptions};
///
/// let contexta = contexta::Contexta::open(&dir)?;
/// contexta.run("first").start()?.complete()?;
/// contexta.close()?;
///
/// let backups = contexta::Backups::new(&dir);
/// let plan = backups.plan(&BackupOptions { label: Some("manual".into()), ..BackupOptions::default() })?;
/// let backup = backups.create(&plan, Progress::none())?.backup_ref;
///
/// contexta.run("second").start()?.complete()?;
/// contexta.close()?;
/// let plan = backups.plan_restore(backup.as_str(), &RestoreOptions::default())?;
/// let restored = backups.restore(&plan, Progress::none())?;
/// assert_eq!(contexta::Contexta::open(&dir)?.list_runs(None)?.runs.len(), 1);
/// assert!(restored.safety_backup_ref.is_some());
/// # drop(contexta);
/// # let _ = std::fs::remove_dir_all(dir);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Backups {
    pub(super) storage: Arc<dyn Storage>,
    paths: Paths,
    pub(super) dirs: WorkspaceDirs,
    root: PathBuf,
    /// The directory for backups of the content that a restore replaces. `None` means `root`.
    safety_root: Option<PathBuf>,
    /// `true` to back up the content that a restore replaces.
    safety_backup: bool,
    /// `true` if the settings forbid changes of the workspace.
    is_read_only: bool,
}

impl Backups {
    /// Creates access to the backups of the workspace at `workspace`. The repository is the directory
    /// `recovery/backups` of the workspace.
    pub fn new(workspace: impl AsRef<Path>) -> Backups {
        Backups::of(&config_at(workspace.as_ref()))
    }

    /// Creates access to the backups of the workspace that the settings name. Errors: a value is outside its
    /// range.
    pub fn from_config(config: &UnifiedConfig) -> Result<Backups> {
        config.check()?;
        Ok(Backups::of(config))
    }

    fn of(config: &UnifiedConfig) -> Backups {
        let paths = Paths::of(config);
        let directories = config.directories();
        Backups {
            storage: OsStorage::shared(),
            dirs: workspace_dirs(config),
            paths,
            root: directories.backups,
            safety_root: None,
            safety_backup: config.recovery.create_backup_before_restore,
            is_read_only: config.records.read_only || config.artifacts.read_only,
        }
    }

    /// Sets the directory that contains the backups. The directory is created with the first backup.
    #[must_use]
    pub fn repository(mut self, dir: impl AsRef<Path>) -> Backups {
        self.root = dir.as_ref().to_path_buf();
        self
    }

    /// Returns access to the backups in the temporary repository `dir`. Backups of replaced content are still
    /// written to the repository of `self`.
    pub(super) fn temporary_repository(&self, dir: &Path) -> Backups {
        Backups { safety_root: Some(self.root.clone()), root: dir.to_path_buf(), ..self.clone() }
    }

    /// Turns the safety backups of restores on or off. If they are on, a restore backs up the content that it
    /// replaces. By default, they are on.
    #[must_use]
    pub fn safety_backup(mut self, on: bool) -> Backups {
        self.safety_backup = on;
        self
    }

    /// Uses another storage instead of the file system. Tests need this method.
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Backups {
        self.storage = storage;
        self
    }

    /// Reads the name of a backup.
    pub(super) fn named(&self, backup: &str) -> Result<BackupRef> {
        let invalid = || RecoveryError::BackupRefInvalid { text: backup.to_owned() };
        Ok(BackupRef::parse(backup).ok_or_else(invalid)?)
    }

    pub(super) fn access(&self) -> Repository {
        Repository::new(&self.storage, &self.root)
    }

    pub(super) fn check_exists(&self) -> Result<()> {
        prepare(self.storage.as_ref(), &self.paths, Create { workspace: false, tables: false })
    }

    /// Plans a backup. Errors: the workspace does not exist.
    pub fn plan(&self, options: &BackupOptions) -> Result<BackupPlan> {
        self.check_exists()?;
        Ok(plan_backup(&self.access(), &self.dirs, options)?)
    }

    /// Creates a backup. Writers of the workspace continue during the backup. The backup contains each stream
    /// up to its last complete commit. If the process is killed during the backup, no backup is created. The
    /// next backup reuses the objects that the killed process has written.
    pub fn create(&self, plan: &BackupPlan, progress: Progress<'_>) -> Result<BackupResult> {
        self.check_exists()?;
        Ok(create_backup(&self.access(), &self.dirs, plan, progress)?)
    }

    /// Lists all backups of the repository.
    pub fn list(&self) -> Result<BackupList> {
        Ok(list_backups(&self.access())?)
    }

    /// Reads every object of the backups, and compares each object with its digest. Changes nothing.
    pub fn verify(&self, options: &BackupVerifyOptions<'_>) -> Result<BackupVerification> {
        Ok(verify_backups(&self.access(), options, None)?)
    }

    /// Checks the backups as [`Backups::verify`] does. Replaces missing and damaged objects by intact copies
    /// from the workspace at `workspace`. This workspace is not changed.
    pub fn heal(
        &self,
        workspace: impl AsRef<Path>,
        options: &BackupVerifyOptions<'_>,
    ) -> Result<BackupVerification> {
        let dirs = self.dirs_at(workspace.as_ref());
        Ok(verify_backups(&self.access(), options, Some(&dirs))?)
    }

    /// Plans a removal of old backups, and of objects that no remaining backup needs. Errors: a manifest
    /// cannot be used.
    pub fn plan_prune(&self, rules: KeepRules) -> Result<PrunePlan> {
        Ok(plan_prune(&self.access(), rules)?)
    }

    /// Removes the backups and objects of a plan. Errors: the repository has changed since the plan was made.
    pub fn prune(&self, plan: &PrunePlan) -> Result<()> {
        Ok(prune(&self.access(), plan)?)
    }

    /// Plans a restore of the backup with the name `backup`. Errors: the backup does not exist, its manifest
    /// cannot be used, or the target is a directory with content that does not belong to a workspace.
    pub fn plan_restore(&self, backup: &str, options: &RestoreOptions) -> Result<RestorePlan> {
        let backup = self.named(backup)?;
        let target = options.target_workspace.as_deref().unwrap_or(&self.dirs.root);
        let dirs = self.dirs_at(target);
        check_target(self.storage.as_ref(), &self.paths_at(target))?;
        Ok(plan_restore(&self.access(), &backup, &dirs, (options, self.safety_backup))?)
    }

    /// Restores a backup. First, the restored log is checked completely. Then the restored log replaces the
    /// log of the target. If the check fails, the target is not changed. Errors: a process writes to the
    /// target (`workspace_in_use`), or the backup is damaged.
    pub fn restore(&self, plan: &RestorePlan, progress: Progress<'_>) -> Result<RestoreResult> {
        let target = &plan.target_workspace;
        if self.is_read_only && !plan.verify_only && self.is_own(target) {
            return Err(Error::ReadOnly { what: "the workspace" });
        }
        check_target(self.storage.as_ref(), &self.paths_at(target))?;
        let safety = self.safety_root.as_ref().unwrap_or(&self.root);
        let (from, safety) = (self.access(), Repository::new(&self.storage, safety));
        let repositories = RestoreRepositories { from: &from, safety: &safety };
        Ok(restore(repositories, &self.dirs_at(target), plan, progress)?)
    }

    /// Returns `true` if `root` is the workspace of the settings.
    fn is_own(&self, root: &Path) -> bool {
        let resolved = |path: &Path| self.storage.resolve(path).ok();
        root == self.dirs.root || resolved(root).is_some_and(|root| Some(root) == resolved(&self.dirs.root))
    }

    /// Returns the directories of the workspace at `root`. If `root` is the workspace of the settings, the
    /// settings name the directories. Another workspace has the default directories.
    pub(super) fn dirs_at(&self, root: &Path) -> WorkspaceDirs {
        if self.is_own(root) { self.dirs.clone() } else { workspace_dirs(&config_at(root)) }
    }

    fn paths_at(&self, root: &Path) -> Paths {
        if self.is_own(root) { self.paths.clone() } else { Paths::new(root) }
    }
}

/// Returns the default settings with the workspace directory `root`.
pub(super) fn config_at(root: &Path) -> UnifiedConfig {
    let mut config = UnifiedConfig::default();
    config.workspace.root_path = root.to_path_buf();
    config
}

/// Returns the directories of the workspace of the settings.
pub(super) fn workspace_dirs(config: &UnifiedConfig) -> WorkspaceDirs {
    let (paths, directories) = (Paths::of(config), config.directories());
    WorkspaceDirs {
        config_file: paths.root().join(FILE_NAME),
        log: paths.log(),
        objects: paths.objects(),
        body_staging: paths.staging(),
        projections: paths.projections(),
        quarantine: paths.quarantine(),
        sinks: paths.recovery().join("sinks"),
        root: directories.root,
        outbox: directories.outbox,
        reports: directories.reports,
        cache: directories.cache,
        exports: directories.exports,
        restore_staging: directories.restore_staging,
    }
}
