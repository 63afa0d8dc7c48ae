//! Floor 5: checks and recovery of a workspace.
//!
//! [`verify`] checks log, projections and bodies without changing anything, [`rebuild`] derives the projections from
//! the log again, [`inspect`] lists the content of the log, and [`merge`] copies the streams and bodies of another
//! workspace. `backup` copies a workspace into a repository of backups. `restore` replaces the content of a
//! workspace by a backup.
//!
//! Stability: Advanced.

mod backup;
pub mod error;
pub mod inspect;
mod known;
pub mod merge;
pub mod rebuild;
mod repair;
mod restore;
mod status;
pub mod verify;
mod workspace_dirs;

pub use crate::engine::chain::Head;
pub use crate::engine::entry::Gap;
pub use crate::engine::progress::Progress;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use backup::rewritten_manifest;
pub use backup::{
    BackupList, BackupNote, BackupOptions, BackupPlan, BackupProblem, BackupRef, BackupResult, BackupRow,
    BackupVerification, BackupVerifyOptions, KeepRules, PrunePlan, Section, UnreadableBackup,
};
pub(crate) use backup::{
    Repository, create_backup, list_backups, plan_backup, plan_prune, prune, verify_backups,
};
pub use error::{Error, Result};
pub use inspect::{DumpItem, DumpedEntry, LogDump, SegmentRow, StreamRow};
pub(crate) use known::KnownFile;
pub use merge::MergeReport;
pub use rebuild::{RebuildOptions, RebuildReport};
pub use repair::{
    BodyAction, BodyRepair, BodyState, Forgotten, RepairAction, RepairPlan, RepairResult, RepairStep,
    StreamHeal, Unrepaired,
};
pub(crate) use repair::{RepairRequest, RepairSource, find_source, plan_repair, repair};
pub use restore::{RestoreOptions, RestorePlan, RestoreResult};
pub(crate) use restore::{plan_restore, restore};
pub use status::RecoveryStatus;
pub use verify::{
    Coverage, Outcome, Problem, ProjectionState, Share, StreamReport, VerifyLevel, VerifyOptions,
    VerifyReport,
};
pub(crate) use workspace_dirs::WorkspaceDirs;
