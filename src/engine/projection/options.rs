//! Directories and options of a projector.

use crate::engine::domain::Domain;
use crate::engine::entry::{Seq, StreamId};
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

/// A receiver of reports about lost entries. A lost entry is in the saved tables, but no longer in the log.
/// The rebuilt tables do not contain lost entries, so a later read could not notice the loss.
pub trait LossWitness: Debug + Send + Sync {
    /// Receives streams in the saved tables, each with its last applied entry. If applied entries are lost, the
    /// function receives every stream. Otherwise, it receives only the streams that are not in the log. The projector
    /// calls this function before it replaces these tables.
    fn before_rebuild(&self, ends: &[(StreamId, Seq)]);
}

/// The directories of a projector.
#[derive(Debug, Clone)]
pub struct ProjectorPaths {
    /// The directory of the log.
    pub log: PathBuf,
    /// The directory of the generations.
    pub generations: PathBuf,
}

/// Options of a projector.
#[derive(Debug, Clone)]
pub struct ProjectorOptions {
    /// The domain of the log. Reading a log with streams of another domain is an error.
    pub domain: Domain,
    /// True if new generations are written; false leaves the directory of generations unchanged.
    pub publish: bool,
    /// Memory in bytes that redb may use as a cache.
    pub cache_bytes: usize,
    /// The maximum memory in bytes for changed blocks. Above this limit, changed blocks are moved to a temporary file
    /// in `spill`.
    pub overlay_bytes_max: usize,
    /// The directory of the temporary file for changed blocks; `None` keeps all changed blocks in memory.
    pub spill: Option<PathBuf>,
    /// The receiver of reports about lost entries. The receiver is called only if
    /// [`ProjectorOptions::publish`] is set.
    pub witness: Option<Arc<dyn LossWitness>>,
}

impl ProjectorOptions {
    /// Creates options that publish generations, with a cache of 64 MiB and an overlay of 64 MiB in memory.
    pub fn new(domain: Domain) -> ProjectorOptions {
        let overlay_bytes_max = 64 << 20;
        ProjectorOptions {
            domain,
            publish: true,
            cache_bytes: 64 << 20,
            overlay_bytes_max,
            spill: None,
            witness: None,
        }
    }
}
