//! Methods of [`Contexta`] that erase runs.

use crate::client::backups::workspace_dirs;
use crate::client::contexta::Contexta;
use crate::client::error::{Error, Result};
use crate::config::ArtifactRetentionMode;
use crate::recovery::{
    EraseOptions, ErasePlan, EraseResult, EraseSite, Progress, Repository, RetentionPlan, RetentionResult,
    RetentionRules, WorkspaceDirs, erase, plan_erasure, plan_retention, retain,
};
use std::path::{Path, PathBuf};

impl Contexta {
    /// Plans the erasure of runs, and changes nothing. `runs` names the runs. If a run was erased before and
    /// some of its bytes remain, pass its ref. `repository` is the directory of the backups. `None` means the
    /// directory of the settings. Reads the whole log. Errors: a run is not found.
    pub fn plan_erasure(&self, runs: &[String], repository: Option<&Path>) -> Result<ErasePlan> {
        let dirs = self.erasure_dirs(repository);
        let plan = self.ask(|_| plan_erasure(&self.erase_site(&dirs), runs, Progress::none()))?;
        Ok(plan)
    }

    /// Erases the runs of a plan. When the method returns, no query returns the runs, and the bodies that
    /// only these runs used are removed. The log keeps an entry about the erasure, so a merge with an older
    /// copy of the log does not bring the runs back. A run of the same name that is captured later is a new
    /// run.
    ///
    /// If the setting `retention.artifact_retention_mode` is `enforced`, other bodies that no artifact uses are
    /// removed too.
    ///
    /// If the method is interrupted, plan and erase the same runs again. Errors: a process captures one of the runs, no
    /// backup contains the runs, or the runs have changed since the plan was made.
    ///
    /// ```
    /// # fn main() -> Result<(), contexta::Error> {
    /// # let dir = std::env::temp_dir().join(format!("contexta-doc-erase-{}", std::process::id()));
    /// use contexta::recovery::{EraseOptions, Progress};
    ///
    /// let contexta = contexta::Contexta::open(&dir)?;
    /// contexta.run("wrong").start()?.complete()?;
    /// let plan = contexta.plan_erasure(&["wrong".to_owned()], None)?;
    /// let options = EraseOptions { without_backup: true, ..EraseOptions::default() };
    /// contexta.erase(&plan, None, &options, Progress::none())?;
    /// assert_eq!(contexta.list_runs(None)?.runs.len(), 0);
    /// # drop(contexta);
    /// # let _ = std::fs::remove_dir_all(dir);
    /// # Ok(())
    /// # }
    /// ```
    pub fn erase(
        &self,
        plan: &ErasePlan,
        repository: Option<&Path>,
        options: &EraseOptions,
        progress: Progress<'_>,
    ) -> Result<EraseResult> {
        self.check_writes()?;
        if self.opened.config.metadata.read_only {
            return Err(Error::ReadOnly { what: "the tables" });
        }
        let dirs = self.erasure_dirs(repository);
        let result = self.ask(|_| erase(&self.erase_site(&dirs), plan, options, progress))?;
        if self.opened.config.retention.artifact_retention_mode == ArtifactRetentionMode::Enforced {
            let unused = RetentionRules { removes_bodies: true, ..RetentionRules::default() };
            self.retain(&self.plan_retention(unused)?)?;
        }
        Ok(result)
    }

    /// Plans the removal of old files and unused bodies, and changes nothing. [`Contexta::retention_rules`] returns
    /// the rules of the settings.
    pub fn plan_retention(&self, rules: RetentionRules) -> Result<RetentionPlan> {
        let dirs = self.erasure_dirs(None);
        let now = self.storage.now();
        self.ask(|_| plan_retention(&self.erase_site(&dirs), rules, now))
    }

    /// Removes the files and bodies of a plan. Writes nothing to the log. Errors: files or bodies were changed or added
    /// since the plan was made.
    ///
    /// ```
    /// # fn main() -> Result<(), contexta::Error> {
    /// # let dir = std::env::temp_dir().join(format!("contexta-doc-retention-{}", std::process::id()));
    /// use contexta::recovery::RetentionRules;
    ///
    /// let contexta = contexta::Contexta::open(&dir)?;
    /// let rules = RetentionRules { cache_days: Some(0), ..contexta.retention_rules() };
    /// let plan = contexta.plan_retention(rules)?;
    /// assert_eq!(contexta.retain(&plan)?.files, 0);
    /// # drop(contexta);
    /// # let _ = std::fs::remove_dir_all(dir);
    /// # Ok(())
    /// # }
    /// ```
    pub fn retain(&self, plan: &RetentionPlan) -> Result<RetentionResult> {
        self.check_writes()?;
        let dirs = self.erasure_dirs(None);
        self.ask(|_| retain(&self.erase_site(&dirs), plan))
    }

    /// Returns the rules of the settings `retention.*`.
    pub fn retention_rules(&self) -> RetentionRules {
        let config = &self.opened.config;
        RetentionRules {
            cache_days: config.retention.cache_ttl_days,
            report_days: config.retention.report_ttl_days,
            export_days: config.retention.export_ttl_days,
            removes_bodies: config.retention.artifact_retention_mode != ArtifactRetentionMode::Manual,
            compacts_log: config.retention.records_compaction_enabled,
        }
    }

    fn erasure_dirs(&self, repository: Option<&Path>) -> ErasureDirs {
        let config = &self.opened.config;
        let configured = config.directories().backups;
        let repository = Repository::new(&self.storage, repository.unwrap_or(&configured));
        ErasureDirs { workspace: workspace_dirs(config), repository, configured }
    }

    fn erase_site<'a>(&'a self, dirs: &'a ErasureDirs) -> EraseSite<'a> {
        EraseSite {
            storage: &self.storage,
            dirs: &dirs.workspace,
            store: &self.store,
            journal: &self.journal,
            repository: &dirs.repository,
            configured_repository: &dirs.configured,
        }
    }
}

/// The directories that an erasure uses.
#[derive(Debug)]
struct ErasureDirs {
    workspace: WorkspaceDirs,
    repository: Repository,
    /// The directory of the backups in the settings.
    configured: PathBuf,
}
