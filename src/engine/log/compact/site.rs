//! The log that a compaction changes.

use crate::engine::domain::Domain;
use crate::engine::storage::Storage;
use std::path::Path;
use std::sync::Arc;

/// A log that is compacted.
#[derive(Debug, Clone, Copy)]
pub struct CompactedLog<'a> {
    /// The storage of the log.
    pub storage: &'a Arc<dyn Storage>,
    /// The directory of the log.
    pub log: &'a Path,
    /// The domain of the entries.
    pub domain: Domain,
}
