//! The result of an examination of a workspace.

use crate::contract::{RunRef, Severity, Timestamp};
use crate::recovery::RecoveryStatus;
use std::path::PathBuf;

/// The state of a workspace, and the problems that were found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WorkspaceHealth {
    /// The directory of the workspace.
    pub workspace: PathBuf,
    /// The time of the examination.
    pub checked_at: Timestamp,
    /// The problems, the most severe first. [`Severity::Info`] needs no attention.
    pub findings: Vec<HealthFinding>,
    /// The directories of the workspace, with their sizes.
    pub areas: Vec<AreaSize>,
    /// The projects, sorted by name and ref. The list is empty if the tables cannot be read.
    pub projects: Vec<ProjectSize>,
    /// The runs, the largest first. The list includes runs that are known only from entries of the log.
    pub runs: Vec<RunSize>,
    /// The number of streams; `None` if the log cannot be read.
    pub streams: Option<u64>,
    /// The number of streams that a writer has open.
    pub live_streams: u64,
    /// The number of entries that can be read.
    pub entries: u64,
    /// The latest backup of this workspace.
    pub backup: Option<LatestBackup>,
}

impl WorkspaceHealth {
    /// Returns `true` if no finding needs attention.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Info)
    }
}

/// A problem or a remark about a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthFinding {
    /// The severity.
    pub severity: Severity,
    /// A stable code.
    pub code: &'static str,
    /// The text for people.
    pub message: String,
    /// The arguments of a command `contexta` that shows details or solves the problem. `None` if there is no
    /// such command.
    pub command: Option<Vec<String>>,
}

impl HealthFinding {
    pub(super) fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> HealthFinding {
        HealthFinding { severity, code, message: message.into(), command: None }
    }

    /// Sets the command. The words of `command` are separated by spaces.
    pub(super) fn command(mut self, command: &str) -> HealthFinding {
        self.command = Some(command.split(' ').map(str::to_owned).collect());
        self
    }

    /// Adds one argument to the command.
    pub(super) fn argument(mut self, argument: impl ToString) -> HealthFinding {
        self.command.get_or_insert_default().push(argument.to_string());
        self
    }
}

/// The size of a directory of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AreaSize {
    /// The name, such as `log`.
    pub area: &'static str,
    /// The directory.
    pub path: PathBuf,
    /// The number of files.
    pub files: u64,
    /// The total length of the files in bytes.
    pub bytes: u64,
}

/// The size of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProjectSize {
    /// The ref of the project.
    pub project_ref: String,
    /// The name.
    pub name: String,
    /// The number of runs.
    pub runs: u64,
    /// The number of entries of the runs.
    pub entries: u64,
    /// The total length of the payloads of these entries in bytes.
    pub log_bytes: u64,
    /// The total size of the artifacts in bytes. A body that several artifacts share is counted for each of them.
    pub artifact_bytes: u64,
}

/// The size of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunSize {
    /// The ref.
    pub run_ref: RunRef,
    /// The name of the run. If the tables cannot be read, the field contains the ref.
    pub name: String,
    /// The status, such as `interrupted`; `None` if the tables cannot be read.
    pub status: Option<String>,
    /// The number of entries.
    pub entries: u64,
    /// The total length of the payloads of these entries in bytes.
    pub log_bytes: u64,
    /// The total size of the artifacts in bytes. A body that several artifacts share is counted for each of them.
    pub artifact_bytes: u64,
}

/// The latest backup of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatestBackup {
    /// The name.
    pub backup_ref: String,
    /// The time of the creation.
    pub created_at: Timestamp,
    /// The age in seconds. The age is 0 if the clock shows a time before the creation.
    pub age_seconds: u64,
    /// `Degraded` if the backup does not contain the whole workspace.
    pub status: RecoveryStatus,
}
