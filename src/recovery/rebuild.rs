//! A rebuild of the projections from the log.

use crate::engine::checksum::Digest;
use crate::engine::progress::Progress;
use crate::engine::projection::Note as EngineNote;
use crate::recovery::error::Result;
use crate::store::{Note, Severity, Store};

/// The code of the note which states that the rebuilt tables could not be saved.
pub(crate) const NOT_SAVED: &str = "projections_not_saved";

/// Options of a rebuild.
#[derive(Debug, Clone, Copy, Default)]
pub struct RebuildOptions<'a> {
    /// The receiver of progress: bytes of the log that are read, and their total.
    pub progress: Progress<'a>,
}

/// The result of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RebuildReport {
    /// The number of entries from which the tables were derived.
    pub entries: u64,
    /// The digest of the rebuilt tables.
    pub digest: Digest,
    /// Notes on entries that are missing in the log, and on the rebuild.
    pub notes: Vec<Note>,
    /// The reason why the new tables could not be saved; `None` if they are saved, or if the workspace has no tables on
    /// disk.
    pub not_saved: Option<String>,
}

/// Discards the projections and derives them from the log again. No captured data is lost. A failure to save the new
/// tables is not an error, but is part of the report: this process has the new tables in memory and uses them for
/// queries.
pub fn rebuild(store: &Store, options: RebuildOptions<'_>) -> Result<RebuildReport> {
    let done = store.rebuild(options.progress)?;
    let digest = store.digest()?.digest;
    let not_saved = done.notes.iter().find_map(|note| match note {
        EngineNote::NotPublished { reason } => Some(reason.clone()),
        _ => None,
    });
    let mut notes: Vec<Note> = done.notes.iter().map(Note::from).collect();
    for note in notes.iter_mut().filter(|note| note.code == NOT_SAVED) {
        // A query needs no saved tables, but a rebuild should save the tables.
        note.severity = Severity::Error;
    }
    Ok(RebuildReport { entries: done.entries, digest, notes, not_saved })
}
