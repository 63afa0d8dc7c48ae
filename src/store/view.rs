//! One consistent read of all tables. The read covers all entries, or the entries up to a stamp.

use crate::engine::blob::BlobStore;
use crate::engine::entry::{Entry, Position, Stamp};
use crate::engine::parallel;
use crate::engine::projection::{Current, Version, View, current};
use crate::projections::entry::Captured;
use crate::store::error::{Error, Result};
use crate::store::note::Note;
use crate::store::run_catalog::RunCatalog;
use std::time::Duration;

/// The minimum number of entries that one core decodes.
pub(super) const PIECE_ENTRIES: usize = 128;

/// One consistent view of a workspace: all rows belong to the same entries of the log.
#[derive(Debug)]
pub struct StoreView<'a> {
    /// The tables as of the stamp in [`StoreView::as_of`]. Only tables that keep stamps are read from this
    /// view.
    pub(super) view: &'a View,
    /// The tables with the rows of all entries. Sets and registers do not keep stamps, so they are read from
    /// this view.
    pub(super) whole: &'a View,
    /// The greatest stamp that the view includes; `None` for all entries.
    pub(super) as_of: Option<Stamp>,
    pub(super) blobs: &'a BlobStore,
    pub(super) catalog: &'a RunCatalog,
    notes: &'a [Note],
    /// See [`Store::with_writer_timeout`](crate::store::Store::with_writer_timeout).
    pub(super) writer_timeout: Duration,
}

impl<'a> StoreView<'a> {
    /// Creates a view of these tables and bodies. [`StoreView::notes`] returns `notes` after the notes of `view`.
    pub(super) fn new(
        view: &'a View,
        blobs: &'a BlobStore,
        catalog: &'a RunCatalog,
        notes: &'a [Note],
        writer_timeout: Duration,
    ) -> StoreView<'a> {
        StoreView { view, whole: view, as_of: None, blobs, catalog, notes, writer_timeout }
    }

    /// Returns a view as of `stamp`. `past` contains the tables of this view as of `stamp`.
    pub(super) fn at(self, stamp: Stamp, past: &'a View) -> StoreView<'a> {
        StoreView { view: past, as_of: Some(stamp), ..self }
    }

    /// Returns the notes of this view, such as notes on missing entries, or on a rebuild that was needed to create the
    /// view.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        self.view.notes().iter().map(Note::from).chain(self.notes.iter().cloned()).collect()
    }

    /// Returns the number of table rows that were read from this view so far, as a measure of the cost of queries.
    #[must_use]
    pub fn rows_read(&self) -> u64 {
        self.view.rows_read()
    }

    /// Reads the facts at these positions in the log, in the order of `positions`; `None` for an unreadable entry, and for
    /// a fact of an erased run whose bytes remain in the log.
    pub(super) fn facts_at(&self, positions: &[Position]) -> Result<Vec<Option<(Entry, Captured)>>> {
        let erased = self.view.erased();
        let is_kept = |(entry, captured): &(Entry, Captured)| !erased.contains(captured, entry.stamp);
        let facts = self.facts_in_log(positions)?;
        Ok(facts.into_iter().map(|fact| fact.filter(is_kept)).collect())
    }

    /// Reads the facts at these positions in the log, also facts of erased runs, in the order of `positions`; `None` for an
    /// unreadable entry.
    pub(crate) fn facts_in_log(&self, positions: &[Position]) -> Result<Vec<Option<(Entry, Captured)>>> {
        let entries = self.view.entries(positions)?;
        let decode = |entry: Entry| {
            let captured = Captured::of_entry(&entry).ok().flatten()?;
            Some((entry, captured))
        };
        Ok(parallel::map_owned(entries, PIECE_ENTRIES, |entry| entry.and_then(decode)))
    }

    /// Returns the effective fact among `versions`, whose values are complete facts; `None` without versions. The flag
    /// is `true` if another fact, which was not replaced, differs from the effective fact. Captured facts take
    /// precedence over imported facts, then later facts over earlier facts.
    pub(super) fn effective(&self, table: &str, versions: Vec<Version>) -> Result<Option<(Captured, bool)>> {
        let mut facts = self.ranked(table, versions)?.into_iter();
        let Some(chosen) = facts.next() else { return Ok(None) };
        let conflict = facts.any(|other| other.fact != chosen.fact);
        Ok(Some((chosen, conflict)))
    }

    /// Returns the facts of a row that no other fact replaces, in the order of precedence: captured facts before
    /// imported facts, then later facts before earlier facts.
    pub(super) fn ranked(&self, table: &str, versions: Vec<Version>) -> Result<Vec<Captured>> {
        let Some(Current { version, rivals }) = current(versions) else { return Ok(Vec::new()) };
        let rows = [version].into_iter().chain(rivals.into_iter().rev());
        let facts = rows.map(|row| Captured::from_row(&row.value).ok_or_else(|| self.malformed_row(table)));
        let mut facts = facts.collect::<Result<Vec<Captured>>>()?;
        facts.sort_by_key(|captured| captured.origin.is_some());
        Ok(facts)
    }

    /// Returns the error for a malformed row. After this error, the store rebuilds the tables.
    pub(super) fn malformed_row(&self, table: &str) -> Error {
        Error::Engine(self.view.damaged(format!("a row of table {table} is malformed")))
    }
}
