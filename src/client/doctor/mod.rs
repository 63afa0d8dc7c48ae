//! [`Doctor`] examines a workspace without changing it.
//!
//! The parts of a workspace are examined separately. If a part cannot be read, a finding names the part, and
//! the other parts are still examined. An examination writes nothing, so it also works on a full or read-only
//! disk.
//!
//! Files, lowest first: `report` has the values, `findings` creates findings, `sizes` adds the sizes of runs, and this
//! file combines them.

mod findings;
mod report;
mod sizes;

use crate::client::backups::Backups;
use crate::client::contexta::Contexta;
use crate::client::doctor::findings::{of_bodies, of_log, of_outbox, of_runs};
use crate::client::doctor::sizes::{add_sizes, artifact_sizes};
use crate::client::error::{Error, Result, engine_io};
use crate::client::options::Options;
use crate::client::paths::Paths;
use crate::config::{ConfigError, UnifiedConfig};
use crate::contract::{RunRef, Severity, Timestamp};
use crate::engine::fault::chain;
use crate::engine::log::replacement::is_swap_interrupted;
use crate::engine::storage::os::OsStorage;
use crate::engine::storage::{Storage, exists};
use crate::interpretation::report::read_workspace;
use crate::recovery::{LogUsage, Progress, RecoveryStatus, dir_usage, log_usage};
use crate::store::Note;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use report::{AreaSize, HealthFinding, LatestBackup, ProjectSize, RunSize, WorkspaceHealth};

/// Examines a workspace: damage of the log, interrupted runs, conflicts, bodies, the outbox, backups, and sizes. Nothing
/// in the workspace is changed.
///
/// ```
/// # fn main() -> Result<(), contexta::Error> {
/// # let dir = std::env::temp_dir().join(format!("contexta-doc-doctor-{}", std::process::id()));
/// let contexta = contexta::Contexta::open(&dir)?;
/// contexta.run("first").start()?.complete()?;
/// contexta.close()?;
///
/// let health = contexta::Doctor::new(&dir).examine(contexta::Progress::none())?;
/// assert!(health.is_healthy());
/// for finding in &health.findings {
///     eprintln!("{}: {:?}", finding.message, finding.command);
/// }
/// # drop(contexta);
/// # let _ = std::fs::remove_dir_all(dir);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Doctor {
    storage: Arc<dyn Storage>,
    config: UnifiedConfig,
    problems: Vec<HealthFinding>,
    temporary: Option<PathBuf>,
}

impl Doctor {
    /// Creates the examination of the workspace at `workspace`.
    pub fn new(workspace: impl AsRef<Path>) -> Doctor {
        let mut config = UnifiedConfig::default();
        config.workspace.root_path = workspace.as_ref().to_path_buf();
        Doctor::of(&config)
    }

    /// Creates the examination of the workspace that the settings name. If the settings cannot be used, the examination
    /// uses the default settings for the workspace, and a finding describes the problem.
    pub fn of(config: &UnifiedConfig) -> Doctor {
        let mut doctor = Doctor {
            storage: OsStorage::shared(),
            config: config.clone(),
            problems: Vec::new(),
            temporary: None,
        };
        if let Err(problem) = config.check() {
            let root = config.workspace.root_path.clone();
            doctor.config = UnifiedConfig::default();
            doctor.config.workspace.root_path = root;
            doctor = doctor.config_problems(&[problem]);
        }
        doctor
    }

    /// Adds problems that were found when the settings were loaded.
    #[must_use]
    pub fn config_problems(mut self, problems: &[ConfigError]) -> Doctor {
        self.problems.extend(problems.iter().map(|problem| {
            HealthFinding::new(Severity::Error, problem.code(), chain(problem)).command("config check")
        }));
        self
    }

    /// Sets the directory for temporary tables. Temporary tables are needed if the tables of the workspace
    /// are outdated. If no directory is set, or if the directory cannot be written, the temporary tables are
    /// in memory.
    #[must_use]
    pub fn temporary_dir(mut self, dir: impl AsRef<Path>) -> Doctor {
        self.temporary = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Uses another storage instead of the file system. Tests need this method.
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Doctor {
        self.storage = storage;
        self
    }

    /// Examines the workspace. Reads the whole log. Errors: the workspace does not exist, or the directory is not a
    /// workspace.
    pub fn examine(&self, progress: Progress<'_>) -> Result<WorkspaceHealth> {
        let paths = Paths::of(&self.config);
        let root = paths.root().to_path_buf();
        let storage = self.storage.as_ref();
        let is_interrupted = is_swap_interrupted(storage, &paths.log()).unwrap_or(false);
        let log_exists = exists(storage, &paths.log()).map_err(|e| engine_io("inspect", &root, e))?;
        if !log_exists && !is_interrupted {
            return Err(match exists(storage, &root) {
                Ok(true) => Error::NotAWorkspace { path: root },
                _ => Error::WorkspaceNotFound { path: root },
            });
        }
        let mut health = WorkspaceHealth {
            workspace: root,
            checked_at: Timestamp::from_nanos(storage.now()),
            findings: self.problems.clone(),
            areas: Vec::new(),
            projects: Vec::new(),
            runs: Vec::new(),
            streams: None,
            live_streams: 0,
            entries: 0,
            backup: None,
        };
        let mut unreadable = Vec::new();
        health.areas = self.areas(&mut unreadable);
        health.findings.extend(unreadable);
        let mut usage = match log_exists {
            true => self.log(&paths, progress, &mut health),
            false => LogUsage::default(),
        };
        if is_interrupted {
            // Opening the workspace would finish the interrupted restore, and would therefore write to the
            // workspace.
            let message =
                "a restore was interrupted; the next command that opens the workspace finishes the restore";
            let finding = HealthFinding::new(Severity::Warning, "restore_interrupted", message);
            health.findings.push(finding.command("log ls"));
            add_sizes(&mut health, &usage, None, &BTreeMap::new());
        } else {
            self.tables(&mut usage, &mut health);
        }
        self.backups(&mut health);
        health.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Ok(health)
    }

    /// Returns the sizes of the directories.
    fn areas(&self, findings: &mut Vec<HealthFinding>) -> Vec<AreaSize> {
        let (paths, directories) = (Paths::of(&self.config), self.config.directories());
        let areas = [
            ("log", paths.log()),
            ("artifacts", paths.objects()),
            ("projections", paths.projections()),
            ("outbox", directories.outbox),
            ("quarantine", paths.quarantine()),
            ("backups", directories.backups),
            ("reports", directories.reports),
            ("cache", directories.cache),
            ("exports", directories.exports),
        ];
        let size = |(area, path): (&'static str, PathBuf)| {
            let usage = dir_usage(self.storage.as_ref(), &path);
            if usage.unreadable > 0 {
                let message = format!(
                    "directories and files below {} that cannot be read: {}",
                    path.display(),
                    usage.unreadable
                );
                findings.push(HealthFinding::new(Severity::Error, "directory_unreadable", message));
            }
            AreaSize { area, path, files: usage.files, bytes: usage.bytes }
        };
        areas.into_iter().map(size).collect()
    }

    fn log(&self, paths: &Paths, progress: Progress<'_>, health: &mut WorkspaceHealth) -> LogUsage {
        let read = log_usage(&self.storage, &paths.log(), progress);
        let Some(usage) = health.part("log_unreadable", "the log", "verify", read) else {
            return LogUsage::default();
        };
        health.streams = Some(usage.streams);
        health.live_streams = usage.live;
        health.entries = usage.other.entries + usage.runs.values().map(|run| run.entries).sum::<u64>();
        health.findings.extend(of_log(&usage));
        usage
    }

    /// Opens the workspace and examines the runs, the artifacts, the bodies and the outbox.
    fn tables(&self, usage: &mut LogUsage, health: &mut WorkspaceHealth) {
        let opened = self.open();
        let Some(contexta) = health.part("workspace_unreadable", "the workspace", "verify", opened) else {
            return add_sizes(health, usage, None, &BTreeMap::new());
        };
        let read = contexta.ask(read_workspace);
        let state = health.part("tables_unreadable", "the tables", "rebuild", read);
        let mut sizes = BTreeMap::new();
        if let Some(state) = &state {
            let erased = contexta.ask(|store| store.read(|view| view.erasures()));
            let erased = health.part("erasures_unreadable", "the erasures", "verify", erased);
            let known: BTreeSet<&RunRef> = state.runs.iter().map(|run| &run.run_ref).collect();
            // The bytes of an erased run can remain in the log, but the run does not exist.
            let erased = erased.iter().flatten().map(|(_, erasure)| erasure.run_ref());
            erased.filter(|run| !known.contains(run)).for_each(|run| usage.disown(run));
            health.findings.extend(of_runs(&state.runs));
            health.notes(&state.notes);
            let read = artifact_sizes(&contexta);
            sizes = health.part("artifacts_unreadable", "the artifacts", "verify", read).unwrap_or_default();
            let compared = contexta.artifact_store().compare_bodies();
            if let Some(bodies) =
                health.part("bodies_unreadable", "the bodies of artifacts", "verify", compared)
            {
                health.notes(&bodies.notes);
                health.findings.extend(of_bodies(&bodies));
            }
        }
        if let Some(content) =
            health.part("outbox_unreadable", "the outbox", "outbox list", contexta.outbox())
        {
            health.findings.extend(of_outbox(&content));
        }
        add_sizes(health, usage, state.as_ref(), &sizes);
    }

    /// Opens the workspace for reading. If the temporary directory cannot be written, the tables are in memory.
    fn open(&self) -> Result<Contexta> {
        let options = || -> Result<Options> {
            Ok(Options::from_config(&self.config)?.read_only().storage(Arc::clone(&self.storage)))
        };
        if let Some(dir) = &self.temporary {
            let contexta = options()?.temporary_dir(dir).open()?;
            if contexta.ask(read_workspace).is_ok() {
                return Ok(contexta);
            }
        }
        options()?.open()
    }

    fn backups(&self, health: &mut WorkspaceHealth) {
        let listed = Backups::from_config(&self.config)
            .and_then(|backups| backups.storage(Arc::clone(&self.storage)).list());
        let Some(list) = health.part("backups_unreadable", "the backups", "backup list", listed) else {
            return;
        };
        if !list.unreadable.is_empty() {
            let message = format!("manifests of backups that cannot be used: {}", list.unreadable.len());
            let finding = HealthFinding::new(Severity::Warning, "backup_manifest_unusable", message);
            health.findings.push(finding.command("backup list"));
        }
        let root = self.storage.resolve(&health.workspace).unwrap_or_else(|_| health.workspace.clone());
        let is_own = |path: &str| Path::new(path) == root || Path::new(path) == health.workspace;
        let latest =
            list.backups.iter().filter(|row| is_own(&row.workspace_root)).max_by_key(|row| row.created_at);
        let Some(row) = latest else {
            let message = "there is no backup of the workspace";
            let finding = HealthFinding::new(Severity::Info, "backup_missing", message);
            return health.findings.push(finding.command("backup create"));
        };
        if row.status != RecoveryStatus::Success {
            let message =
                format!("the latest backup {} does not contain the whole workspace", row.backup_ref);
            let finding = HealthFinding::new(Severity::Warning, "backup_degraded", message);
            health.findings.push(finding.command("backup verify").argument(&row.backup_ref));
        }
        let age = Timestamp::from_nanos(self.storage.now()).micros_since(row.created_at);
        health.backup = Some(LatestBackup {
            backup_ref: row.backup_ref.to_string(),
            created_at: row.created_at,
            age_seconds: u64::try_from(age).unwrap_or(0) / 1_000_000,
            status: row.status,
        });
    }
}

impl WorkspaceHealth {
    /// Returns the value of a part of the workspace. If the part cannot be read, adds a finding.
    fn part<T, E: std::error::Error>(
        &mut self,
        code: &'static str,
        part: &str,
        command: &str,
        read: std::result::Result<T, E>,
    ) -> Option<T> {
        read.map_err(|error| {
            let message = format!("{part} cannot be read: {}", chain(&error));
            self.findings.push(HealthFinding::new(Severity::Error, code, message).command(command));
        })
        .ok()
    }

    /// Adds a finding for each note about missing data. Skips notes about problems that already have a
    /// finding.
    fn notes(&mut self, notes: &[Note]) {
        for note in notes.iter().filter(|note| note.severity != Severity::Info) {
            if self.findings.iter().all(|finding| finding.code != note.code) {
                let finding = HealthFinding::new(note.severity, note.code, &note.message);
                self.findings.push(finding.command("verify"));
            }
        }
    }
}
