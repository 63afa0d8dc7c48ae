//! Rebuild of the projections from the log.

use crate::engine::checksum::Digest;
use crate::engine::progress::Progress;
use crate::engine::projection::Note as EngineNote;
use crate::recovery::error::Result;
use crate::store::{Note, Severity, Store};

/// The code of the note on tables that could not be saved.
pub(crate) const NOT_SAVED: &str = "projections_not_saved";

/// Options of a rebuild.
#[derive(Debug, Clone, Copy, Default)]
pub struct RebuildOptions<'a> {
    /// Receiver of the bytes of log that are done, and of their total.
    pub progress: Progress<'a>,
}

/// The result of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RebuildReport {
    /// Number of entries applied.
    pub entries: u64,
    /// The digest of the tables afterwards.
    pub digest: Digest,
    /// Notes on entries missing in the log, and on the tables.
    pub notes: Vec<Note>,
    /// The reason why the new tables could not be saved. `None` if they are saved, or if the workspace keeps none on disk.
    pub not_saved: Option<String>,
}

/// Discards the projections and derives them from the log again. No captured data is lost. Tables that cannot be saved are no
/// error, but are named in the report: this process has them in memory and answers queries from them.
pub fn rebuild(store: &Store, options: RebuildOptions<'_>) -> Result<RebuildReport> {
    let done = store.rebuild(&|done, total| options.progress.report(done, total))?;
    let digest = store.digest()?.digest;
    let not_saved = done.notes.iter().find_map(|note| match note {
        EngineNote::NotPublished { reason } => Some(reason.clone()),
        _ => None,
    });
    let mut notes: Vec<Note> = done.notes.iter().map(Note::from).collect();
    for note in notes.iter_mut().filter(|note| note.code == NOT_SAVED) {
        // A query needs no saved tables, but the purpose of a rebuild is to save them.
        note.severity = Severity::Error;
    }
    Ok(RebuildReport { entries: done.entries, digest, notes, not_saved })
}
