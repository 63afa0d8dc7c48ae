//! Floor 5: checks and recovery of a workspace.
//!
//! [`verify`] checks log, projections and bodies without changing anything, [`rebuild`] derives the projections from
//! the log again, [`inspect`] lists the content of the log, [`tail`] returns its newest entries and follows it, and [`merge`] copies the streams and bodies of another
//! workspace. `backup` copies a workspace into a repository of backups. `restore` replaces the content of a
//! workspace by a backup. [`compaction`] writes closed segments of the log in a smaller form. `erase` erases runs.
//! `retention` removes old files and unused bodies.
//!
//! Stability: Advanced.

mod backup;
mod cache;
pub mod compaction;
mod erase;
pub mod error;
pub mod inspect;
pub mod merge;
pub mod rebuild;
mod restore;
mod retention;
mod status;
pub mod tail;
mod usage;
pub mod verify;
mod workspace_dirs;

pub use crate::engine::chain::Head;
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
pub use compaction::{
    CompactionOptions, CompactionPlan, CompactionReport, CompactionResult, PlannedSegment, SegmentCompaction,
    SegmentSkip, SkippedSegment,
};
pub use erase::{EraseOptions, ErasePlan, EraseResult, PlannedErasure};
pub(crate) use erase::{EraseSite, erase, plan_erasure};
pub use error::{Error, Result};
pub use inspect::{DumpItem, DumpedEntry, LogDump, SegmentRow, StreamRow};
pub use merge::MergeReport;
pub use rebuild::{RebuildOptions, RebuildReport};
pub use restore::{RestoreOptions, RestorePlan, RestoreResult};
pub(crate) use restore::{plan_restore, restore};
pub use retention::{RetentionPlan, RetentionResult, RetentionRules, RetiredFile};
pub(crate) use retention::{plan_retention, retain};
pub use status::RecoveryStatus;
pub use tail::{LogTail, TailItem, TailOptions};
pub(crate) use usage::{LogUsage, dir_usage, gap_notes, log_usage};
pub use verify::{Outcome, Problem, ProjectionState, StreamReport, VerifyOptions, VerifyReport};
pub(crate) use workspace_dirs::WorkspaceDirs;
