//! Backup, restore and replay.

use crate::config::choice::ReplayMode;
use crate::config::limit::{any, under};
use crate::config::section::sections;
use std::path::PathBuf;

const ROOT: &str = "workspace.root_path";

sections! {
    /// Backup, restore and replay.
    "recovery." RecoveryConfig {
        /// Directory for records that the log or a sink could not take; may be on another disk.
        outbox_root: Option<PathBuf> = None, under(ROOT, "recovery/outbox");
        /// Default directory for backups.
        backup_root: Option<PathBuf> = None, under(ROOT, "recovery/backups");
        /// Directory in which a restore is prepared.
        restore_staging_root: Option<PathBuf> = None, under(ROOT, "recovery/staging");
        /// Action if a replay cannot deliver a record.
        replay_mode_default: ReplayMode = ReplayMode::Tolerant, any();
        /// Require a plan before a backup, restore or replay is applied.
        require_plan_before_apply: bool = true, any();
        /// Back up the data that a restore replaces.
        create_backup_before_restore: bool = true, any();
    }
}
