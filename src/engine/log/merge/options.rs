//! Options of a merge.

use std::path::{Path, PathBuf};

/// What to merge.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// The log that is copied from. It is not changed, and may be on a disk that cannot be written.
    pub from: PathBuf,
    /// The log that is copied into; created where it is missing.
    pub into: PathBuf,
    /// Where copies of damaged segments go before others take their place.
    pub quarantine: PathBuf,
    /// About how large a new segment may become.
    pub segment_bytes_max: u64,
}

impl MergeOptions {
    /// Merges `from` into `into`.
    pub fn new(from: &Path, into: &Path, quarantine: &Path) -> MergeOptions {
        MergeOptions {
            from: from.to_path_buf(),
            into: into.to_path_buf(),
            quarantine: quarantine.to_path_buf(),
            segment_bytes_max: 64 << 20,
        }
    }
}
