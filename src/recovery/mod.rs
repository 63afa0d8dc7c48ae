//! Floor 5: checks and recovery of a workspace.
//!
//! [`verify`] checks log, projections and bodies without changing anything, [`rebuild`] derives the
//! projections from the log again, [`inspect`] lists the content of the log, [`tail`] returns its newest
//! entries and waits for new entries, and [`merge`] copies the streams and bodies of another workspace.
//! `backup` copies a workspace into a repository of backups. `restore` replaces the content of a workspace by
//! a backup. `salvage` builds a new workspace from damaged remains. [`compaction`] writes closed segments of
//! the log in a smaller form. `erase` erases runs. `retention` removes old files and unused bodies.
//!
//! Stability: Advanced.

mod backup;
mod cache;
pub mod compaction;
mod erase;
pub mod error;
pub mod inspect;
mod known;
pub mod merge;
mod merge_backup;
pub mod rebuild;
mod repair;
mod restore;
mod retention;
mod salvage;
mod staged_log;
mod status;
pub mod tail;
mod temporary;
mod tree;
mod usage;
pub mod verify;
mod workspace_dirs;

pub use crate::engine::chain::Head;
pub use crate::engine::entry::Gap;
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
pub use compaction::{
    CompactionOptions, CompactionPlan, CompactionReport, CompactionResult, PlannedSegment, SegmentCompaction,
    SegmentSkip, SkippedSegment,
};
pub use erase::{EraseOptions, ErasePlan, EraseResult, PlannedErasure};
pub(crate) use erase::{EraseSite, erase, plan_erasure};
pub use error::{Error, Result};
pub use inspect::{DumpItem, DumpedEntry, LogDump, SegmentRow, StreamRow};
pub(crate) use known::KnownFile;
pub use merge::MergeReport;
pub(crate) use merge_backup::merge_backup;
pub use rebuild::{RebuildOptions, RebuildReport};
pub use repair::{
    BodyAction, BodyRepair, BodyState, Forgotten, RepairAction, RepairPlan, RepairResult, RepairStep,
    StreamHeal, Unrepaired,
};
pub(crate) use repair::{RepairRequest, RepairSource, find_source, plan_repair, repair};
pub use restore::{RestoreOptions, RestorePlan, RestoreResult};
pub(crate) use restore::{RestoreRepositories, plan_restore, restore};
pub use retention::{RetentionPlan, RetentionResult, RetentionRules, RetiredFile};
pub(crate) use retention::{plan_retention, retain};
pub use salvage::{MissingEntries, SalvageReport, SalvagedStream, UnknownEntries};
pub(crate) use salvage::{salvage_workspace, staged_workspace};
pub(crate) use staged_log::StagedLog;
pub use status::RecoveryStatus;
pub use tail::{LogTail, TailItem, TailOptions};
pub(crate) use usage::{LogUsage, dir_usage, gap_notes, log_usage};
pub use verify::{
    Coverage, Outcome, Problem, ProjectionState, Share, StreamReport, VerifyLevel, VerifyOptions,
    VerifyReport,
};
pub(crate) use workspace_dirs::WorkspaceDirs;
