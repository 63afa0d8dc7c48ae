//! The tables that are derived from the log.

use crate::config::limit::{any, only, under};
use crate::config::section::sections;
use std::path::PathBuf;

sections! {
    /// The tables that are derived from the log.
    "metadata." MetadataStoreConfig {
        /// Storage engine of the tables.
        storage_adapter: String = "redb".to_owned(), only("redb").coded("metadata_store_invalid_adapter");
        /// Directory of the tables.
        database_path: Option<PathBuf> = None, under("workspace.metadata_path", "");
        /// Create `metadata.database_path` if it is missing; otherwise the tables are kept in memory.
        auto_create: bool = true, any();
        /// Never write tables to disk.
        read_only: bool = false, any();
        /// Automatically rebuild tables that an older version of contexta wrote.
        auto_migrate: bool = false, any();
    }
}
