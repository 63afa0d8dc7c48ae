//! Options of a log.

use crate::engine::domain::Domain;
use crate::engine::log::write::durability::BatchOptions;

/// Options of a log's writer.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The domain of the events. The first append fails if one of the newest streams of the log has another domain, or
    /// a newer version of this domain.
    pub domain: Domain,
    /// The size in bytes at which a segment is sealed and the next segment is begun.
    pub segment_bytes_max: u64,
    /// Limits at which batched entries are written.
    pub batch: BatchOptions,
}

impl LogOptions {
    /// Creates options with segments of 64 MiB and [`BatchOptions::default`].
    pub fn new(domain: Domain) -> LogOptions {
        LogOptions { domain, segment_bytes_max: 64 << 20, batch: BatchOptions::default() }
    }
}
