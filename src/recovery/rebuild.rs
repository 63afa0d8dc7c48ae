//! The projections again, from the log.

use crate::engine::checksum::Digest;
use crate::recovery::error::Result;
use crate::store::{Note, Store};

/// What a rebuild did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildReport {
    /// Entries applied.
    pub entries: u64,
    /// The digest of the tables afterwards.
    pub digest: Digest,
    /// What the log lacks.
    pub notes: Vec<Note>,
}

/// Throws the projections away and makes them again. Nothing that was captured can be lost by it.
/// `progress` hears of bytes of log done and in all.
pub fn rebuild(store: &Store, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<RebuildReport> {
    let done = store.rebuild(progress)?;
    let digest = store.digest()?.digest;
    Ok(RebuildReport { entries: done.entries, digest, notes: done.notes.iter().map(Note::from).collect() })
}
