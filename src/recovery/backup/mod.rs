//! Backups of a workspace in a repository.
//!
//! A repository is a directory with objects, which are named by their BLAKE3 digests, and one manifest for each backup
//! (docs/design/013). Backups share objects: a second backup writes only what is new. Files, lowest first:
//!
//! - `backup_ref`, `section`, `content`, `manifest` and `manifest_lines` describe a backup and its text form.
//! - `repository` reads and writes manifests and objects.
//! - `files`, `copy` and `streams` read the workspace and copy its files.
//! - `heal` replaces damaged objects by intact copies from a workspace.
//! - `plan`, `create`, `list`, `verify` and `prune` are the operations.

mod backup_ref;
mod content;
mod copy;
mod create;
mod files;
mod heal;
mod list;
mod manifest;
mod manifest_lines;
mod plan;
mod prune;
mod repository;
mod section;
mod streams;
mod verify;

pub use backup_ref::BackupRef;
pub(in crate::recovery) use content::Content;
pub use create::BackupResult;
pub(crate) use create::create_backup;
pub(in crate::recovery) use files::source_of;
pub(crate) use list::list_backups;
pub use list::{BackupList, BackupNote, BackupRow};
pub(in crate::recovery) use manifest::{FileCopy, Manifest, SegmentCopy, StreamCopy};
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use manifest_lines::rewritten_manifest;
pub(crate) use plan::plan_backup;
pub use plan::{BackupOptions, BackupPlan};
pub use prune::{KeepRules, PrunePlan};
pub(crate) use prune::{plan_prune, prune};
pub(crate) use repository::Repository;
pub use repository::UnreadableBackup;
pub(in crate::recovery) use repository::io_error;
pub use section::Section;
pub(in crate::recovery) use streams::stream_len;
pub(crate) use verify::verify_backups;
pub use verify::{BackupProblem, BackupVerification, BackupVerifyOptions};
