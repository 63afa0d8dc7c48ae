//! A rebuild of the projections from the log.

use crate::engine::checksum::Digest;
use crate::engine::progress::Progress;
use crate::engine::projection::{Note as EngineNote, TablesDigest};
use crate::recovery::error::{Error, Result};
use crate::store::{Note, Severity, Store};

/// The code of the note which states that the rebuilt tables could not be saved.
pub(crate) const NOT_SAVED: &str = "projections_not_saved";

/// Options of a rebuild.
#[derive(Debug, Clone, Copy, Default)]
pub struct RebuildOptions<'a> {
    /// The projection or table that the report describes. All tables are in one file, so a rebuild always derives all of
    /// them. `None` means all tables.
    pub projection: Option<&'a str>,
    /// The receiver of progress: bytes of the log that are read, and their total.
    pub progress: Progress<'a>,
}

/// The result of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RebuildReport {
    /// The number of entries from which the tables were derived.
    pub entries: u64,
    /// The digest of all rebuilt tables.
    pub digest: Digest,
    /// The projection or table that the report describes; `None` if it describes all tables.
    pub projection: Option<String>,
    /// The name, the digest and the number of rows of each reported table.
    pub tables: Vec<(String, Digest, u64)>,
    /// Notes on entries that are missing in the log, and on the rebuild.
    pub notes: Vec<Note>,
    /// The reason why the new tables could not be saved; `None` if they are saved, or if the workspace has no tables on
    /// disk.
    pub not_saved: Option<String>,
}

/// Discards the projections and derives them from the log again. No captured data is lost. A failure to save the new
/// tables is not an error, but is part of the report: this process has the new tables in memory and uses them for
/// queries.
///
/// Errors: [`RebuildOptions::projection`] names neither a projection nor a table. Nothing is rebuilt in this case.
pub fn rebuild(store: &Store, options: RebuildOptions<'_>) -> Result<RebuildReport> {
    let reported = options.projection.map(tables_of).transpose()?;
    let done = store.rebuild(options.progress)?;
    let TablesDigest { digest, mut tables } = store.digest()?;
    tables.retain(|(name, _, _)| reported.as_ref().is_none_or(|reported| reported.contains(&name.as_str())));
    let not_saved = done.notes.iter().find_map(|note| match note {
        EngineNote::NotPublished { reason } => Some(reason.clone()),
        _ => None,
    });
    let mut notes: Vec<Note> = done.notes.iter().map(Note::from).collect();
    for note in notes.iter_mut().filter(|note| note.code == NOT_SAVED) {
        // A query needs no saved tables, but a rebuild should save the tables.
        note.severity = Severity::Error;
    }
    let projection = options.projection.map(str::to_owned);
    Ok(RebuildReport { entries: done.entries, digest, projection, tables, notes, not_saved })
}

/// Returns the names of the tables of a projection, or the name of one table.
fn tables_of(name: &str) -> Result<Vec<&'static str>> {
    let projections = crate::projections::all();
    let mut names = Vec::new();
    for projection in &projections {
        let tables = projection.tables().iter().map(|table| table.name);
        if projection.name() == name {
            return Ok(tables.collect());
        }
        names.push(projection.name());
        for table in tables {
            if table == name {
                return Ok(vec![table]);
            }
        }
    }
    Err(Error::ProjectionNotFound { asked: name.to_owned(), names })
}
