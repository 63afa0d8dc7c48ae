//! The log.

use crate::config::choice::DurabilityMode;
use crate::config::limit::{any, int, only, under};
use crate::config::section::sections;
use std::path::PathBuf;

sections! {
    /// The log.
    "records." RecordStoreConfig {
        /// Directory of the log.
        root_path: Option<PathBuf> = None, under("workspace.records_path", "");
        /// Size at which a segment is sealed and the next one is started.
        max_segment_bytes: u64 = 64 << 20, int(64 << 10, 1 << 30).coded("record_store_invalid_config");
        /// Durability of a captured event or metric when the call returns.
        durability_mode: DurabilityMode = DurabilityMode::Flush, any();
        /// Layout of the log in its directory.
        layout_mode: String = "segments".to_owned(), only("segments").coded("record_store_invalid_layout_mode");
        /// Version of the layout of the log.
        layout_version: String = "1".to_owned(), only("1").coded("record_store_invalid_config");
        /// Use indexes to find records.
        enable_indexes: bool = true, any();
        /// Refuse to capture new data.
        read_only: bool = false, any();
    }
}
