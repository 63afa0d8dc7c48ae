//! Options of a merge.

use std::path::{Path, PathBuf};

/// The logs to merge, and where damaged segments are copied.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// The log that is copied (the source). It is only read, so its disk may be read-only.
    pub from: PathBuf,
    /// The log that is changed (the target). It is created if it is missing.
    pub into: PathBuf,
    /// The directory for copies of damaged segments that are replaced.
    pub quarantine: PathBuf,
    /// The approximate greatest size of a new segment in bytes.
    pub segment_bytes_max: u64,
}

impl MergeOptions {
    /// Creates the options of a merge of `from` into `into`, with segments of 64 MiB.
    pub fn new(from: &Path, into: &Path, quarantine: &Path) -> MergeOptions {
        MergeOptions {
            from: from.to_path_buf(),
            into: into.to_path_buf(),
            quarantine: quarantine.to_path_buf(),
            segment_bytes_max: 64 << 20,
        }
    }
}
