//! Options of a merge.

use crate::engine::domain::Domain;
use crate::engine::error::Result;
use crate::engine::log::read::directory::check_domain;
use crate::engine::storage::Storage;
use std::path::{Path, PathBuf};

/// The logs to merge, and the options of the merge.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// The domain of both logs.
    pub domain: Domain,
    /// The log that is copied (the source). It is only read, so its disk may be read-only.
    pub from: PathBuf,
    /// The log that is changed (the target). It is created if it is missing.
    pub into: PathBuf,
    /// The directory for copies of damaged segments that are replaced or removed. It also holds the lock of the merge.
    pub quarantine: PathBuf,
    /// The approximate maximum size of a new segment in bytes.
    pub segment_bytes_max: u64,
}

impl MergeOptions {
    /// Creates the options of a merge of `from` into `into`, with segments of 64 MiB.
    pub fn new(domain: Domain, from: &Path, into: &Path, quarantine: &Path) -> MergeOptions {
        MergeOptions {
            domain,
            from: from.to_path_buf(),
            into: into.to_path_buf(),
            quarantine: quarantine.to_path_buf(),
            segment_bytes_max: 64 << 20,
        }
    }

    /// Checks the domain of both logs.
    pub(super) fn check_domains(&self, storage: &dyn Storage) -> Result<()> {
        [&self.from, &self.into].into_iter().try_for_each(|log| check_domain(storage, log, self.domain))
    }
}
