//! Options of a log.

use crate::engine::log::write::durability::BatchOptions;

/// Options of a log's writer.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The size at which a segment is sealed and the next one begun.
    pub segment_bytes_max: u64,
    /// Limits at which batched entries are written.
    pub batch: BatchOptions,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions { segment_bytes_max: 64 << 20, batch: BatchOptions::default() }
    }
}
