//! Retention of data.

use crate::config::choice::ArtifactRetentionMode;
use crate::config::limit::{any, int};
use crate::config::section::sections;

const DAYS_MAX: i128 = 36_500;

sections! {
    /// Retention of data.
    "retention." RetentionConfig {
        /// Age in days at which cached files may be deleted.
        cache_ttl_days: Option<u64> = Some(7), int(0, DAYS_MAX);
        /// Age in days at which reports may be deleted.
        report_ttl_days: Option<u64> = None, int(0, DAYS_MAX);
        /// Age in days at which exports may be deleted.
        export_ttl_days: Option<u64> = None, int(0, DAYS_MAX);
        /// Removal of bodies that no manifest refers to.
        artifact_retention_mode: ArtifactRetentionMode = ArtifactRetentionMode::Manual, any();
        /// Compact the log in `contexta retention apply`.
        records_compaction_enabled: bool = false, any();
    }
}
