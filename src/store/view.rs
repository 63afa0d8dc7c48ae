//! One consistent read of all planes.

use crate::engine::blob::BlobStore;
use crate::engine::entry::{Entry, Position};
use crate::engine::projection::digest::TablesDigest;
use crate::engine::projection::{CatchUp, Current, LogPosition, Progress, Projector, Version, View, current};
use crate::projections::entry::Captured;
use crate::store::error::{Error, Result};
use crate::store::journal::Journal;
use crate::store::note::{Note, Severity};
use std::sync::Arc;

/// The read side of one workspace.
#[derive(Debug)]
pub struct Store {
    projector: Projector<Captured>,
    blobs: BlobStore,
    /// What captures in the same process: it hands over what is batched before a question, and its clock hears of what
    /// was read.
    journal: Arc<Journal>,
}

/// A consistent read. Rows that belong together come from one moment.
#[derive(Debug)]
pub struct StoreView<'a> {
    pub(super) view: &'a View,
    pub(super) blobs: &'a BlobStore,
    not_handed_over: Option<String>,
}

impl Store {
    /// A store on these projections and bodies, beside the journal of the same process.
    pub(crate) fn new(projector: Projector<Captured>, blobs: BlobStore, journal: Arc<Journal>) -> Store {
        Store { projector, blobs, journal }
    }

    /// The append side of the same process.
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Catches up with the log, then asks. The question is asked again, after a rebuild, if the projections turn
    /// out to be damaged; it must not have side effects.
    pub fn read<T>(&self, question: impl Fn(&StoreView<'_>) -> Result<T>) -> Result<T> {
        let not_handed_over = self.journal.flush().err().map(|e| {
            let source = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
            format!("{e}{source}")
        });
        self.projector.read(|view| {
            // Whatever lies too far ahead to follow is noted by the view.
            self.journal.observe(view.latest());
            let not_handed_over = not_handed_over.clone();
            question(&StoreView { view, blobs: &self.blobs, not_handed_over })
        })
    }

    /// Throws the projections away and makes them again.
    pub fn rebuild(&self, progress: Progress<'_>) -> Result<CatchUp> {
        Ok(self.projector.rebuild(progress)?)
    }

    /// The digest of all tables.
    pub fn digest(&self) -> Result<TablesDigest> {
        Ok(self.projector.digest()?)
    }

    /// The digest of all tables, and the position in the log that they were made up to.
    pub fn digest_with_position(&self) -> Result<(TablesDigest, LogPosition)> {
        Ok(self.projector.digest_with_position()?)
    }

    /// The digest that a rebuild from the log up to this position would give, without changing anything.
    pub fn digest_from_scratch_until(
        &self,
        position: LogPosition,
        progress: Progress<'_>,
    ) -> Result<TablesDigest> {
        Ok(self.projector.digest_from_scratch_until(position, progress)?)
    }
}

impl StoreView<'_> {
    /// What this view lacks, and what was done to get it.
    pub fn notes(&self) -> Vec<Note> {
        let batch = self.not_handed_over.iter().map(|reason| {
            let message = format!("what this process has batched could not be handed over: {reason}");
            Note::new(Severity::Error, "batch_not_handed_over", message)
        });
        self.view.notes().iter().map(Note::from).chain(batch).collect()
    }

    /// Facts by their place in the log, in order; `None` for one that is not readable.
    pub(super) fn facts_at(&self, positions: &[Position]) -> Result<Vec<Option<(Entry, Captured)>>> {
        let entries = self.view.entries(positions)?;
        let decode = |entry: Entry| {
            let captured = Captured::of_entry(&entry).ok().flatten()?;
            Some((entry, captured))
        };
        Ok(entries.into_iter().map(|entry| entry.and_then(decode)).collect())
    }

    /// What stands among the facts about a whole thing: what was captured here before what an import said, then the latest;
    /// and whether another one that nothing replaces says otherwise.
    pub(super) fn standing(&self, table: &str, versions: Vec<Version>) -> Result<Option<(Captured, bool)>> {
        let mut facts = self.ranked(table, versions)?.into_iter();
        let Some(chosen) = facts.next() else { return Ok(None) };
        let conflict = facts.any(|other| other.fact != chosen.fact);
        Ok(Some((chosen, conflict)))
    }

    /// The facts about a whole thing that nothing replaces: what was captured here before what an import said, then the latest
    /// first.
    pub(super) fn ranked(&self, table: &str, versions: Vec<Version>) -> Result<Vec<Captured>> {
        let Some(Current { version, rivals }) = current(versions) else { return Ok(Vec::new()) };
        let rows = [version].into_iter().chain(rivals.into_iter().rev());
        let facts = rows.map(|row| Captured::from_row(&row.value).ok_or_else(|| self.broken_row(table)));
        let mut facts = facts.collect::<Result<Vec<Captured>>>()?;
        facts.sort_by_key(|captured| captured.origin.is_some());
        Ok(facts)
    }

    /// The content of a row, or the projections are not what this build writes.
    pub(super) fn broken_row(&self, table: &str) -> Error {
        Error::Engine(self.view.damaged(format!("a row of table {table} is malformed")))
    }
}
