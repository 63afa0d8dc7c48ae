//! Backups of a workspace in a repository.
//!
//! A repository is a directory that contains objects and manifests (docs/design/013). The name of an object
//! is its BLAKE3 digest. Each backup has one manifest. Backups share objects, so a second backup writes only
//! new data. Files, lowest first:
//!
//! - `backup_ref`, `section`, `content`, `manifest` and `manifest_lines` define a backup and the text form of
//!   its manifest.
//! - `repository` reads and writes manifests and objects.
//! - `files` lists the files of the workspace. `copy` and `streams` copy files and streams into the
//!   repository.
//! - `heal` replaces damaged objects by intact copies from a workspace.
//! - `names` contains the names of objects and manifests. `archive` reads a backup in one file, and `pack` creates one.
//! - `plan`, `create`, `list`, `verify` and `prune` contain the operations.

mod archive;
mod archive_staging;
mod backup_ref;
mod content;
mod copy;
mod create;
mod files;
mod heal;
mod list;
mod manifest;
mod manifest_lines;
mod names;
mod pack;
mod plan;
mod prune;
mod repository;
mod section;
mod streams;
mod verify;

pub use archive::ARCHIVE_BYTES_MAX;
pub(in crate::recovery) use archive::ZSTD_MAGIC;
pub(crate) use archive::{Archive, CheckedArchive};
pub(crate) use archive_staging::{ArchiveStaging, verify_archive};
pub use backup_ref::BackupRef;
pub(in crate::recovery) use content::{Content, PART_LEN, Part};
pub use create::BackupResult;
pub(crate) use create::create_backup;
pub(in crate::recovery) use create::write_backup;
pub(in crate::recovery) use files::{source_of, walk};
pub(crate) use list::list_backups;
pub use list::{BackupList, BackupNote, BackupRow};
pub(in crate::recovery) use manifest::{FileCopy, Manifest, SegmentCopy, StreamCopy};
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use manifest_lines::rewritten_manifest;
pub(crate) use pack::create_archive;
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
