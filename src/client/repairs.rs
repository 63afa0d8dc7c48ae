//! The methods of [`Contexta`] that plan and apply repairs.

use crate::client::backups::{config_at, workspace_dirs};
use crate::client::contexta::Contexta;
use crate::client::error::{Error, Result};
use crate::client::paths::Paths;
use crate::client::workspace::{Create, prepare};
use crate::recovery::{
    Progress, RepairPlan, RepairRequest, RepairResult, RepairSource, Repository, WorkspaceDirs, find_source,
    plan_repair, repair,
};
use std::path::{Path, PathBuf};

/// Options of a repair.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairSettings {
    /// The source of intact copies: the name of a backup, a directory with backups of this workspace, or the directory of
    /// another workspace. The source is only read. `None` repairs without a source.
    pub from: Option<PathBuf>,
    /// The directory that contains the backup named by `from`. `None` means the directory of the settings.
    pub repository: Option<PathBuf>,
    /// `true` to forget known streams and bodies that are gone, so that later checks do not report them.
    pub forget: bool,
}

impl Contexta {
    /// Plans the repair of log, tables and bodies. Changes nothing. If a process writes to a stream, the
    /// stream is not examined, and the plan names the stream.
    ///
    /// ```
    /// # fn main() -> Result<(), contexta::Error> {
    /// # let dir = std::env::temp_dir().join(format!("contexta-doc-repair-{}", std::process::id()));
    /// use contexta::RepairSettings;
    /// use contexta::recovery::{Progress, RecoveryStatus};
    ///
    /// let contexta = contexta::Contexta::open(&dir)?;
    /// contexta.run("first").start()?.complete()?;
    /// contexta.close()?;
    ///
    /// let settings = RepairSettings::default();
    /// let plan = contexta.plan_repair(&settings, Progress::none())?;
    /// assert!(plan.is_empty());
    /// let result = contexta.repair(&plan, &settings, Progress::none())?;
    /// assert_eq!(result.status, RecoveryStatus::Success);
    /// # drop(contexta);
    /// # let _ = std::fs::remove_dir_all(dir);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Errors: the source does not exist or cannot be used, or a directory cannot be listed.
    pub fn plan_repair(&self, settings: &RepairSettings, progress: Progress<'_>) -> Result<RepairPlan> {
        let dirs = workspace_dirs(&self.opened.config);
        Ok(plan_repair(&self.repair_request(&dirs, settings)?, progress)?)
    }

    /// Applies a plan that [`Contexta::plan_repair`] has made with the same settings. Every entry that can be
    /// read before the repair can also be read after the repair. A copy of each replaced or removed file is
    /// in quarantine. Each loss is recorded in a degraded record of its run.
    ///
    /// Errors: the workspace was opened for reading only; a merge or another repair is running; a file cannot
    /// be read or written; the workspace or the source has changed since the plan was made. In the last case,
    /// nothing was changed. After every error, a new plan contains the remaining work.
    pub fn repair(
        &self,
        plan: &RepairPlan,
        settings: &RepairSettings,
        progress: Progress<'_>,
    ) -> Result<RepairResult> {
        self.check_writes()?;
        self.check_tables()?;
        let dirs = workspace_dirs(&self.opened.config);
        Ok(repair(&self.repair_request(&dirs, settings)?, &self.journal, plan, progress)?)
    }

    fn repair_request<'a>(
        &'a self,
        dirs: &'a WorkspaceDirs,
        settings: &RepairSettings,
    ) -> Result<RepairRequest<'a>> {
        let source = settings.from.as_deref().map(|from| self.source(dirs, from, settings)).transpose()?;
        let RepairSettings { forget, .. } = *settings;
        Ok(RepairRequest { storage: &self.storage, dirs, store: &self.store, source, forget })
    }

    fn source(&self, dirs: &WorkspaceDirs, from: &Path, settings: &RepairSettings) -> Result<RepairSource> {
        let configured = self.opened.config.directories().backups;
        let root = settings.repository.as_deref().unwrap_or(&configured);
        let repository = Repository::new(&self.storage, root);
        let source = find_source(&repository, dirs, from, |root| workspace_dirs(&config_at(root)))?;
        if let RepairSource::Workspace(_) = source {
            let other = Paths::new(from);
            prepare(self.storage.as_ref(), &other, Create { workspace: false, tables: false })?;
        }
        Ok(source)
    }

    fn check_tables(&self) -> Result<()> {
        if self.writes_tables() { Ok(()) } else { Err(Error::ReadOnly { what: "the tables" }) }
    }
}
