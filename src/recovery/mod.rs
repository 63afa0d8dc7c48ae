//! Floor 5: checks and recovery of a workspace.
//!
//! [`verify`] checks log, projections and bodies without changing anything, [`rebuild`] derives the projections from
//! the log again, [`inspect`] lists the content of the log, and [`merge`] copies the streams and bodies of another
//! workspace. `backup` copies a workspace into a repository of backups. `restore` replaces the content of a
//! workspace by a backup. `salvage` builds a new workspace from damaged remains.
//!
//! Stability: Advanced.

mod backup;
pub mod error;
pub mod inspect;
pub mod merge;
mod merge_backup;
pub mod rebuild;
mod restore;
mod salvage;
mod staged_log;
mod status;
mod temporary;
mod tree;
pub mod verify;
mod workspace_dirs;

pub use crate::engine::chain::Head;
pub use crate::engine::progress::Progress;
pub use backup::ARCHIVE_BYTES_MAX;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use backup::rewritten_manifest;
pub(crate) use backup::{Archive, ArchiveStaging, CheckedArchive, create_archive, verify_archive};
pub use backup::{
    BackupList, BackupNote, BackupOptions, BackupPlan, BackupProblem, BackupRef, BackupResult, BackupRow,
    BackupVerification, BackupVerifyOptions, KeepRules, PrunePlan, Section, UnreadableBackup,
};
pub(crate) use backup::{
    Repository, create_backup, list_backups, plan_backup, plan_prune, prune, verify_backups,
};
pub use error::{Error, Result};
pub use inspect::{DumpItem, DumpedEntry, LogDump, SegmentRow, StreamRow};
pub use merge::MergeReport;
pub(crate) use merge_backup::merge_backup;
pub use rebuild::{RebuildOptions, RebuildReport};
pub use restore::{RestoreOptions, RestorePlan, RestoreResult};
pub(crate) use restore::{RestoreRepositories, plan_restore, restore};
pub use salvage::{MissingEntries, SalvageReport, SalvagedStream, UnknownEntries};
pub(crate) use salvage::{salvage_workspace, staged_workspace};
pub(crate) use staged_log::StagedLog;
pub use status::RecoveryStatus;
pub use verify::{Outcome, Problem, ProjectionState, StreamReport, VerifyOptions, VerifyReport};
pub(crate) use workspace_dirs::WorkspaceDirs;
