//! The directories of a log that is repaired.

use crate::engine::domain::Domain;
use crate::engine::log::merge::{MergeOptions, RepairedLog};
use crate::engine::storage::Storage;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The directories of a log that is repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairSite {
    /// The domain of the log.
    pub domain: Domain,
    /// The directory of the log.
    pub log: PathBuf,
    /// The directory of the generations, the files of the tables.
    pub generations: PathBuf,
    /// The directory for copies of the files that are replaced or removed. It also contains the lock of merges and
    /// repairs, so every merge into the log must use the same directory.
    pub quarantine: PathBuf,
}

impl RepairSite {
    /// Creates a site from the domain and the directories of log, generations and quarantine.
    pub fn new(domain: Domain, log: &Path, generations: &Path, quarantine: &Path) -> RepairSite {
        RepairSite {
            domain,
            log: log.to_path_buf(),
            generations: generations.to_path_buf(),
            quarantine: quarantine.to_path_buf(),
        }
    }

    pub(super) fn repaired<'a>(&'a self, storage: &'a Arc<dyn Storage>) -> RepairedLog<'a> {
        RepairedLog { storage, log: &self.log, domain: self.domain }
    }

    /// Returns the options of a merge that uses the same lock.
    pub(super) fn lock_options(&self) -> MergeOptions {
        MergeOptions::new(self.domain, &self.log, &self.log, &self.quarantine)
    }
}
