//! An open database of projections.

use crate::engine::entry::StreamId;
use crate::engine::projection::block::BlockSource;
use crate::engine::projection::cursor::{Cursor, LogPosition};
use crate::engine::projection::damage::Damage;
#[cfg(feature = "ml")]
use crate::engine::projection::derived::Base;
use crate::engine::projection::erased::ErasedSubjects;
#[cfg(feature = "ml")]
use crate::engine::projection::extent::Identity;
use crate::engine::projection::note::{Note, RebuildReason};
use crate::engine::projection::overlay::{Overlay, Spill};
use crate::engine::projection::own_tables::{self, FramePlace};
use crate::engine::projection::reading::Reading;
use crate::engine::projection::recent::RecentRows;
use crate::engine::projection::row_writer::write_rows;
use crate::engine::projection::step::StepRows;
use crate::engine::projection::stream_list::StreamList;
use crate::engine::projection::table::RowResult;
use redb::ReadableDatabase;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The cache size in bytes for the second database of [`Opened::closed_image`], which is opened only to be closed
/// cleanly.
const CLOSING_CACHE_BYTES: usize = 1 << 20;
/// The maximum number of entries in a commit without durability.
const SMALL_COMMIT_ENTRIES: u64 = 1000;
/// The maximum number of successive commits without durability.
const SMALL_COMMITS_MAX: u32 = 32;

/// The maximum number of new entries that small tables may have before they are published again
/// ([`Opened::is_worth_publishing`]).
const UNPUBLISHED_MAX: u64 = 4096;
/// The number of entries that a new stream counts as: a process that opens the tables has to open each new stream.
const STREAM_ENTRIES: u64 = 64;

/// The content of tables that were published.
#[derive(Debug, Clone, Copy)]
pub(super) struct Published {
    /// The number of entries in the tables.
    entries: u64,
    /// The number of streams with a cursor.
    streams: u64,
}

/// An open database and the state of its tables. The database was opened with the content of a generation, or empty.
pub(super) struct Opened {
    /// A read transaction on the current content of the database, which views share. `None` if no read transaction was
    /// begun since the last change of the database. Declared before the database, so that it is dropped before the
    /// database.
    reading: Option<Arc<Reading>>,
    /// The rows that are not in the database yet. Views share the rows.
    pub(super) recent: Arc<RecentRows>,
    pub(super) database: Arc<redb::Database>,
    overlay: Overlay,
    /// The number of commits since the last durable one.
    small_commits: u32,
    /// The number of the generation that was opened, or of the generation that a rebuild replaces; 0 if there is none.
    /// The next generation gets a greater number.
    pub(super) number: u64,
    /// The content of the tables when they were last published, or when publishing was last tried; `None` if the tables
    /// count as unpublished.
    pub(super) published: Option<Published>,
    /// The number of entries in the tables.
    pub(super) applied: u64,
    /// The identity of the tables. A rebuild creates tables with another identity. Publishing keeps the identity.
    #[cfg(feature = "ml")]
    pub(super) identity: Arc<Identity>,
    /// The generation that was opened or published last; `None` if there is none.
    #[cfg(feature = "ml")]
    pub(super) base: Option<Arc<Base>>,
    /// The cursors of all streams. The tables contain the entries up to these cursors. Views share the map.
    pub(super) cursors: Arc<BTreeMap<StreamId, Cursor>>,
    /// The erased subjects whose events the tables do not contain.
    pub(super) erased: Arc<ErasedSubjects>,
    /// The last frame for which a row was added to the frame index since the database was opened.
    pub(super) last_frame: Option<FramePlace>,
    /// The notes about entries that could not be decoded; `None` if the notes must be read from the tables again.
    pub(super) undecoded: Option<Vec<Note>>,
    /// The streams of the log at the last catch-up; `None` before the first catch-up.
    pub(super) streams: Option<Arc<StreamList>>,
    /// The latest time of an entry. Streams whose clock is far ahead are ignored.
    pub(super) latest: u64,
    /// The reason for a rebuild that has begun, and that the next catch-up completes; `None` if there is no such
    /// rebuild.
    pub(super) rebuilt: Option<RebuildReason>,
    /// The position at which a catch-up ends; `None` for the end of the log.
    pub(super) until: Option<LogPosition>,
    /// The damage that the views of the database have found.
    pub(super) damage: Arc<Damage>,
}

impl Opened {
    /// Opens a database with the content of the image `base`, or an empty database if `base` is `None`.
    pub(super) fn over(
        base: Option<Arc<dyn BlockSource>>,
        cache_bytes: usize,
        spill: Option<Spill>,
        damage: Damage,
    ) -> RowResult<Opened> {
        let overlay = Overlay::new(base, spill);
        let database =
            redb::Builder::new().set_cache_size(cache_bytes).create_with_backend(overlay.clone())?;
        Ok(Opened {
            reading: None,
            recent: Arc::default(),
            database: Arc::new(database),
            overlay,
            small_commits: 0,
            number: 0,
            published: None,
            applied: 0,
            #[cfg(feature = "ml")]
            identity: Arc::default(),
            #[cfg(feature = "ml")]
            base: None,
            cursors: Arc::default(),
            erased: Arc::default(),
            last_frame: None,
            undecoded: None,
            streams: None,
            latest: 0,
            rebuilt: None,
            until: None,
            damage: Arc::new(damage),
        })
    }

    /// Returns a read transaction on the current content of the database.
    pub(super) fn reading(&mut self) -> RowResult<Arc<Reading>> {
        if let Some(reading) = &self.reading {
            return Ok(Arc::clone(reading));
        }
        let reading = Arc::new(Reading::new(self.database.begin_read()?));
        self.reading = Some(Arc::clone(&reading));
        Ok(reading)
    }

    /// Returns true if a view of these tables was opened since they were last written to the database. An earlier catch-up
    /// has then compared every stream with the log.
    pub(super) fn has_view(&self) -> bool {
        self.reading.is_some()
    }

    /// Returns the current content, as the content that is published.
    pub(super) fn content(&self) -> Published {
        Published { entries: self.applied, streams: self.cursors.len() as u64 }
    }

    /// Returns true if the tables should be published: they count as unpublished and have an entry, or many entries were
    /// added since they were published. A process that opens the published tables applies all entries after them. The
    /// number of these entries is therefore limited to the greater one of two numbers: a tenth of the published
    /// entries; and half of the published entries, but at most [`UNPUBLISHED_MAX`]. For the second number, each new
    /// stream counts as [`STREAM_ENTRIES`] further entries.
    pub(super) fn is_worth_publishing(&self) -> bool {
        let Some(Published { entries, streams }) = self.published else { return self.applied > 0 };
        let added = self.applied.saturating_sub(entries);
        let added_streams = (self.cursors.len() as u64).saturating_sub(streams);
        added > entries / 10 && added + added_streams * STREAM_ENTRIES > (entries / 2).min(UNPUBLISHED_MAX)
    }

    /// Stores the rows of a step. Rows that [`RecentRows::add`] accepts stay in memory, if no view shares the rows in
    /// memory and all entries were decoded. Otherwise the rows of the step and the rows in memory are written to the
    /// database.
    pub(super) fn store(&mut self, rows: StepRows) -> RowResult<()> {
        if rows.entries == 0 {
            return Ok(());
        }
        let has_undecoded = rows.own.has_undecoded();
        if has_undecoded {
            self.undecoded = None;
        }
        let StepRows { entries, mut tables, own, .. } = rows;
        // If a view shares the rows in memory, they must not change. They are then written to the database, because
        // copying them would take longer.
        if !has_undecoded && let Some(recent) = Arc::get_mut(&mut self.recent) {
            tables = match recent.add(tables, &own.frames) {
                Ok(()) => return Ok(()),
                Err(tables) => tables,
            };
        }
        self.reading = None;
        let durability = self.next_durability(entries);
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(durability)?;
        self.recent.write(&transaction)?;
        write_rows(tables, &transaction)?;
        own.write(&transaction)?;
        transaction.commit()?;
        self.recent = Arc::default();
        Ok(())
    }

    /// Returns the durability of the next commit, which contains this number of entries.
    ///
    /// The database is lost with the process in either case: a published generation is a copy of its own. A commit without
    /// durability is faster, but pages that such a commit frees are used again only after a durable commit.
    fn next_durability(&mut self, entries: u64) -> redb::Durability {
        if entries > SMALL_COMMIT_ENTRIES || self.small_commits >= SMALL_COMMITS_MAX {
            self.small_commits = 0;
            return redb::Durability::Immediate;
        }
        self.small_commits += 1;
        redb::Durability::None
    }

    /// Returns the database image (the bytes of a database file) that a clean close would leave, so that the image can
    /// be published as a generation. The database remains open, and views may use it at the same time.
    pub(super) fn closed_image(&self, spill: Option<Spill>) -> RowResult<Overlay> {
        let mut transaction = self.database.begin_write()?;
        // Without this setting, redb would read the whole image when it opens the image.
        transaction.set_quick_repair(true);
        self.recent.write(&transaction)?;
        own_tables::write_progress(&transaction, &self.cursors, self.applied)?;
        own_tables::write_erased(&transaction, &self.erased)?;
        transaction.commit()?;
        let image = Overlay::new(Some(Arc::new(self.overlay.clone())), spill);
        let closing =
            redb::Builder::new().set_cache_size(CLOSING_CACHE_BYTES).create_with_backend(image.clone());
        // redb writes its last page when it is closed.
        drop(closing?);
        Ok(image)
    }
}
