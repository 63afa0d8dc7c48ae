//! The read side of one workspace.

use crate::contract::Severity;
use crate::engine;
use crate::engine::blob::BlobStore;
use crate::engine::entry::Stamp;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::fault::chain;
use crate::engine::progress::Progress;
use crate::engine::projection::digest::TablesDigest;
use crate::engine::projection::{CatchUp, Note as EngineNote, Projector};
use crate::engine::verify::TablesState;
use crate::engine::verify::tables::compare_tables;
use crate::projections::entry::Captured;
use crate::store::error::{Error, Result};
use crate::store::journal::Journal;
use crate::store::note::Note;
use crate::store::run_catalog::RunCatalog;
use crate::store::view::StoreView;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The default of [`Store::with_writer_timeout`].
const WRITER_TIMEOUT: Duration = Duration::from_secs(600);

/// The tables and bodies of one workspace. Clones share the tables and bodies.
///
/// Reads see the entries that are in the log. Captures that this process has buffered
/// ([`Durability::Batched`](crate::store::Durability)) are visible only after
/// [`Journal::flush`](crate::store::Journal::flush) has written them to the log.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
    /// Notes that are added to the notes of every view.
    notes: Vec<Note>,
    writer_timeout: Duration,
    /// The greatest stamp that reads include; `None` for all entries.
    as_of: Option<Stamp>,
}

#[derive(Debug)]
struct Shared {
    projector: Projector<Captured>,
    blobs: BlobStore,
    catalog: RunCatalog,
    latest: AtomicU64,
}

/// A wrapper for an error of the caller's closure. The projector needs an error type that can also contain an error of
/// the engine.
struct CallerError<E>(E);

impl<E: From<Error>> From<engine::Error> for CallerError<E> {
    fn from(e: engine::Error) -> CallerError<E> {
        CallerError(E::from(Error::Engine(e)))
    }
}

impl Store {
    /// Creates a store on these projections and bodies.
    pub(crate) fn new(projector: Projector<Captured>, blobs: BlobStore) -> Store {
        let latest = AtomicU64::new(0);
        let shared = Arc::new(Shared { projector, blobs, catalog: RunCatalog::default(), latest });
        Store { shared, notes: Vec::new(), writer_timeout: WRITER_TIMEOUT, as_of: None }
    }

    /// Returns a store that regards a writer as dead if its lock cannot be tested, for example because the file system
    /// has no locks, and its last entry is older than `timeout`. By default the timeout is ten minutes.
    #[must_use]
    pub fn with_writer_timeout(&self, timeout: Duration) -> Store {
        Store { writer_timeout: timeout, ..self.clone() }
    }

    /// Returns a store whose reads ignore entries with stamps greater than `stamp`. If the reads of this
    /// store already end at an earlier stamp, the earlier stamp is kept. Notes, [`Store::digest`],
    /// [`Store::rebuild`] and [`Store::compare_tables`] still cover all entries.
    ///
    /// Summaries of metric series are computed from the points if reads end at a stamp. Other reads cost the
    /// same as without a stamp.
    #[must_use]
    pub fn as_of(&self, stamp: Stamp) -> Store {
        let earlier = self.as_of.map_or(stamp, |as_of| as_of.min(stamp));
        Store { as_of: Some(earlier), ..self.clone() }
    }

    /// Returns a store whose views have one more note.
    #[must_use]
    pub fn with_note(&self, note: Note) -> Store {
        let mut store = self.clone();
        store.notes.push(note);
        store
    }

    /// Returns the latest time of an entry that a read of this store has seen; 0 if no read has seen an entry. Times
    /// far ahead of this machine's clock are ignored. Pass the result to
    /// [`Journal::observe`](crate::store::Journal::observe), so that later captures sort after the entries that were
    /// read.
    #[must_use]
    pub fn latest_seen(&self) -> u64 {
        self.shared.latest.load(Ordering::Relaxed)
    }

    /// Catches up with the log, then calls `question` with one consistent view.
    ///
    /// If `question` fails because the tables are damaged, the tables are rebuilt and `question` is called again.
    /// `question` must therefore have no side effects.
    pub fn read<T, E: From<Error>>(
        &self,
        question: impl Fn(&StoreView<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let shared = &self.shared;
        let answer = shared.projector.read(|view| {
            shared.latest.fetch_max(view.latest(), Ordering::Relaxed);
            let whole =
                StoreView::new(view, &shared.blobs, &shared.catalog, &self.notes, self.writer_timeout);
            let answer = match self.as_of {
                None => question(&whole),
                Some(stamp) => question(&whole.at(stamp, &view.as_of(stamp))),
            };
            answer.map_err(CallerError)
        });
        answer.map_err(|CallerError(e)| e)
    }

    /// Writes the captures that `journal` has buffered to the log, then calls `question` with a store whose reads include
    /// all captures so far. If the buffered captures cannot be written, the views of this store have a note. Advances the
    /// clock of the log, so that later captures have later times than the entries that were read.
    pub(crate) fn with_captures<T>(&self, journal: &Journal, question: impl FnOnce(&Store) -> T) -> T {
        let noted = journal.flush().err().map(|e| self.with_note(not_flushed(&e)));
        let answer = question(noted.as_ref().unwrap_or(self));
        // `observe` refuses a time that is too far ahead of this machine's clock. The result is ignored, because a note
        // of the view names the stream with such a time.
        journal.observe(self.latest_seen());
        answer
    }

    /// Returns each stream that the saved tables contain and the log does not contain, with its last applied entry.
    /// Errors: the tables are damaged, or the log cannot be listed.
    pub fn gone_streams(&self) -> Result<Vec<(StreamId, Seq)>> {
        Ok(self.shared.projector.gone_streams()?)
    }

    /// Discards the tables and rebuilds them from the log.
    pub fn rebuild(&self, progress: Progress<'_>) -> Result<CatchUp> {
        Ok(self.shared.projector.rebuild(progress)?)
    }

    /// Returns the digest of all tables, after catching up.
    pub fn digest(&self) -> Result<TablesDigest> {
        Ok(self.shared.projector.digest()?)
    }

    /// Catches up with the log, and returns the notes of the view, such as notes on missing entries or on a rebuild.
    pub fn catch_up(&self) -> Result<Vec<EngineNote>> {
        let notes = self.shared.projector.read(|view| {
            self.shared.latest.fetch_max(view.latest(), Ordering::Relaxed);
            Ok::<_, engine::Error>(view.notes().to_vec())
        });
        Ok(notes?)
    }

    /// Removes the saved tables to free disk space ([`Projector::remove_saved`]). Returns the number of removed files.
    pub(crate) fn remove_saved_tables(&self) -> Result<u64> {
        Ok(self.shared.projector.remove_saved()?)
    }

    /// Catches up with the log, and removes durably all saved tables that may contain erased rows
    /// ([`Projector::remove_outdated`]). Returns `false` if tables remain.
    pub(crate) fn remove_outdated_tables(&self) -> Result<bool> {
        Ok(self.shared.projector.remove_outdated()?)
    }

    /// Catches up with the log and saves the tables ([`Projector::save`]).
    pub(crate) fn save_tables(&self) -> Result<Vec<EngineNote>> {
        Ok(self.shared.projector.save()?)
    }

    /// Compares the tables with a rebuild from the log up to the position that the tables have reached. Changes nothing
    /// on disk.
    pub fn compare_tables(&self) -> Result<TablesState> {
        Ok(compare_tables(&self.shared.projector)?)
    }
}

/// Returns the note for buffered captures that could not be written to the log.
fn not_flushed(e: &Error) -> Note {
    let message = format!("captures buffered in this process could not be written to the log: {}", chain(e));
    Note::new(Severity::Error, "batch_not_handed_over", message)
}
