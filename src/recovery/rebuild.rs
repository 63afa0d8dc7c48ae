//! The projections again, from the log.

use crate::engine::checksum::Digest;
use crate::engine::projection::Note as EngineNote;
use crate::recovery::error::Result;
use crate::store::{Note, Severity, Store};

/// Code of the note that the new tables are not on disk.
pub(crate) const NOT_SAVED: &str = "projections_not_saved";

/// What a rebuild did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildReport {
    /// Entries applied.
    pub entries: u64,
    /// The digest of the tables afterwards.
    pub digest: Digest,
    /// What the log lacks.
    pub notes: Vec<Note>,
    /// Why the new tables are not on disk. `None`: they are, or there was nothing to save.
    pub not_saved: Option<String>,
}

/// Throws the projections away and makes them again. Nothing that was captured can be lost by it. Tables that cannot be
/// saved are no error, but a member of the report: this process answers from them.
/// `progress` hears of bytes of log done and in all.
pub fn rebuild(store: &Store, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<RebuildReport> {
    let done = store.rebuild(progress)?;
    let digest = store.digest()?.digest;
    let not_saved = done.notes.iter().find_map(|note| match note {
        EngineNote::NotPublished { reason } => Some(reason.clone()),
        _ => None,
    });
    let mut notes: Vec<Note> = done.notes.iter().map(Note::from).collect();
    for note in notes.iter_mut().filter(|note| note.code == NOT_SAVED) {
        // Saving is what a rebuild is for; to a question it makes no difference.
        note.severity = Severity::Error;
    }
    Ok(RebuildReport { entries: done.entries, digest, notes, not_saved })
}
