//! A consistent read of all tables, and of the entries that the tables were made from.

use crate::engine::entries::Entries;
#[cfg(feature = "ml")]
use crate::engine::entries::EntryRef;
use crate::engine::entry::{Entry, Position, Seq, Stamp, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::directory::ResumePoint;
use crate::engine::log::directory::has_writer;
use crate::engine::log::ordered::OrderedReader;
use crate::engine::log::{Item, ScanMode, StreamReader};
use crate::engine::projection::bounds::{ALL_TIMES, KeyBounds, after_prefix};
use crate::engine::projection::chunk::{is_series_row, series_key};
use crate::engine::projection::cursor::{Cursor, LogPosition};
use crate::engine::projection::damage::Damage;
#[cfg(feature = "ml")]
use crate::engine::projection::derived::Base;
use crate::engine::projection::erased::{ErasedEvents, ErasedSubjects};
#[cfg(feature = "ml")]
use crate::engine::projection::extent::{Extent, Growth, Identity};
use crate::engine::projection::note::Note;
use crate::engine::projection::opened::Opened;
use crate::engine::projection::own_tables;
use crate::engine::projection::point::time_bytes;
use crate::engine::projection::reading::Reading;
use crate::engine::projection::recent::RecentRows;
use crate::engine::projection::register_rows::Registers;
use crate::engine::projection::rows::{Range, Row, Rows};
use crate::engine::projection::series_rows::{Chunks, PointFilter, Series};
use crate::engine::projection::site::Site;
use crate::engine::projection::table::{TableKind, TableSpec, declaration, fenced};
use crate::engine::projection::version::{Version, is_version_row, split_version_row};
#[cfg(feature = "ml")]
use crate::engine::projection::version_rows::VersionRows;
use crate::engine::projection::version_rows::VersionsByKey;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of the tables, with notes, such as notes about missing entries.
///
/// The tables are read through iterators, which hold a bounded part of a table. After an error, an iterator ends.
/// [Typed tables](crate::engine::table) decode keys and values; the functions of the view return bytes.
///
/// # Errors
/// Functions that read a table return `table_unknown` if no projection declares the table with the requested type,
/// `table_not_versioned` if the view is as of a stamp and the table does not keep stamps, and `projection_unusable` if
/// the tables are damaged; the next view of the engine then reads rebuilt tables. [`View::entries`] and [`View::scan`]
/// read the log, and also return errors of the file system.
#[derive(Debug)]
pub struct View {
    snapshot: Arc<Snapshot>,
    /// The stamp as of which tables are read; `None` for all entries of the snapshot.
    as_of: Option<Stamp>,
}

/// The data that a view shares with the views that [`View::as_of`] creates from the same snapshot.
#[derive(Debug)]
struct Snapshot {
    reading: Arc<Reading>,
    // Declared after the transaction, so that the database is dropped after the transaction.
    _database: Arc<redb::Database>,
    /// The rows in memory, which are not in the database.
    recent: Arc<RecentRows>,
    site: Arc<Site>,
    /// The cursors of all streams. The tables contain the entries up to these cursors.
    cursors: Arc<BTreeMap<StreamId, Cursor>>,
    erased: Arc<ErasedSubjects>,
    #[cfg(feature = "ml")]
    identity: Arc<Identity>,
    #[cfg(feature = "ml")]
    base: Option<Arc<Base>>,
    latest: u64,
    notes: Vec<Note>,
    damage: Arc<Damage>,
    rows_read: AtomicU64,
}

/// An end of a series table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum SeriesEnd {
    First,
    Last,
}

impl View {
    /// Takes a snapshot of an open database.
    pub(super) fn open(site: &Arc<Site>, opened: &mut Opened, notes: Vec<Note>) -> Result<View> {
        let snapshot = Snapshot {
            reading: opened.reading().map_err(|e| site.unusable(e))?,
            recent: Arc::clone(&opened.recent),
            _database: Arc::clone(&opened.database),
            site: Arc::clone(site),
            cursors: Arc::clone(&opened.cursors),
            erased: Arc::clone(&opened.erased),
            #[cfg(feature = "ml")]
            identity: Arc::clone(&opened.identity),
            #[cfg(feature = "ml")]
            base: opened.base.clone(),
            latest: opened.latest,
            notes,
            damage: Arc::clone(&opened.damage),
            rows_read: AtomicU64::new(0),
        };
        Ok(View { snapshot: Arc::new(snapshot), as_of: None })
    }

    /// Returns a view of the same snapshot as of `stamp`: the tables are read without entries that have a greater
    /// stamp. If this view is itself as of an earlier stamp, the new view is also as of the earlier stamp.
    ///
    /// A versions table then contains the versions up to the stamp, and only the replacements that these versions made.
    /// A series table contains the points up to the stamp. Both are exact. A set and a registers table do not keep
    /// stamps. Reading such a table is an error: [`Error::TableNotVersioned`].
    ///
    /// After the snapshot was taken, an entry with a lower stamp can still be appended to a stream, or arrive with a
    /// merge. A later snapshot as of the same stamp then contains this entry too. The stamp has no effect on
    /// [`View::notes`], [`View::entries`], [`View::scan`] and [`View::log_position`], because they do not read tables.
    ///
    /// The call itself reads nothing. A read as of a stamp reads the same rows as a read of all entries, and skips the
    /// newer versions and points.
    ///
    /// To read as of a time, pass the result of [`Stamp::last_at`].
    #[must_use]
    pub fn as_of(&self, stamp: Stamp) -> View {
        let earlier = self.as_of.map_or(stamp, |as_of| as_of.min(stamp));
        View { snapshot: Arc::clone(&self.snapshot), as_of: Some(earlier) }
    }

    /// Returns true if the view is as of a stamp.
    pub(in crate::engine) fn is_as_of_a_stamp(&self) -> bool {
        self.as_of.is_some()
    }

    /// Returns the latest time of an entry, or 0 if there is no entry. Streams whose last time is far ahead of this
    /// machine's clock are ignored. Entries that the same engine appends afterwards have a later time.
    pub fn latest(&self) -> u64 {
        self.snapshot.latest
    }

    /// Returns the notes of the view, such as notes about missing entries or about a rebuild of the tables.
    pub fn notes(&self) -> &[Note] {
        &self.snapshot.notes
    }

    /// Records that the tables are damaged, and returns the error `projection_unusable`. Call this function for a
    /// malformed row. The next view of the engine reads rebuilt tables.
    #[must_use]
    pub fn damaged(&self, reason: impl Display) -> Error {
        self.snapshot.damage.record(reason)
    }

    /// Returns the number of rows that were read so far from the snapshot of this view, as a measure of cost.
    pub fn rows_read(&self) -> u64 {
        self.snapshot.rows_read.load(Ordering::Relaxed)
    }

    /// Returns the first damage that was found while views of the same database were read; `None` if there was none.
    pub(super) fn damage(&self) -> Option<&str> {
        self.snapshot.damage.reason()
    }

    /// Returns an error if no projection declares the table with the type `kind`, or if the view is as of a stamp and
    /// such a table does not keep stamps.
    fn check(&self, table: TableSpec, kind: TableKind) -> Result<()> {
        let tables = &self.snapshot.site.tables;
        if table.kind != kind && tables.contains(&table) {
            let reason = format!("it holds {:?} rows, and {kind:?} rows were requested", table.kind);
            return Err(Error::TableUnknown { table: table.name.to_owned(), reason });
        }
        self.check_declared(table)?;
        match kind {
            TableKind::Versions | TableKind::Series => Ok(()),
            TableKind::Set => self.check_whole(table, "a set does not keep the stamps of its keys"),
            TableKind::Registers => {
                self.check_whole(table, "a register summarizes all points, and does not keep their stamps")
            }
        }
    }

    fn check_declared(&self, table: TableSpec) -> Result<()> {
        if self.snapshot.site.tables.contains(&table) {
            return Ok(());
        }
        let reason = declaration(table, &self.snapshot.site.tables);
        Err(Error::TableUnknown { table: table.name.to_owned(), reason })
    }

    /// Returns an error with this reason if the view is as of a stamp. Call this function for tables that do not keep
    /// stamps.
    fn check_whole(&self, table: TableSpec, reason: &'static str) -> Result<()> {
        match self.as_of {
            Some(_) => Err(Error::TableNotVersioned { table: table.name.to_owned(), reason }),
            None => Ok(()),
        }
    }

    /// Returns the rows of a table whose keys begin with `prefix`. If the view is as of a stamp, only versions tables
    /// can be read; other tables are an error.
    pub fn rows(&self, table: TableSpec, prefix: &[u8]) -> Result<Rows<'_>> {
        self.rows_from(table, prefix, prefix)
    }

    /// Returns the rows of a table whose keys begin with `prefix` and are not less than `start`. If the view is as of a
    /// stamp, only versions tables can be read; other tables are an error.
    pub fn rows_from(&self, table: TableSpec, prefix: &[u8], start: &[u8]) -> Result<Rows<'_>> {
        self.check_declared(table)?;
        if table.kind != TableKind::Versions {
            self.check_whole(table, "its rows do not have one stamp each")?;
        }
        let mut bounds = KeyBounds::prefix(prefix);
        bounds.start_at(start.to_vec());
        self.rows_within(table, &bounds)
    }

    /// Returns the rows of a table whose keys are in a range. The caller has checked that the table is declared. If the
    /// view is as of a stamp, the rows of a versions table with greater stamps are left out.
    fn rows_within(&self, table: TableSpec, bounds: &KeyBounds) -> Result<Rows<'_>> {
        if bounds.is_empty() {
            return Ok(self.iterate(None));
        }
        let opened = self.snapshot.reading.table(table.name).map_err(|e| self.damaged(e))?;
        let range = opened.map(|opened| opened.range_owned::<&[u8]>(bounds.as_slices()));
        let range = range.transpose().map_err(|e| self.damaged(e))?;
        let shown = if table.kind == TableKind::Versions { self.as_of } else { None };
        Ok(self.iterate(range).with(self.snapshot.recent.within(table.name, bounds)).until(shown))
    }

    fn iterate(&self, range: Option<Range>) -> Rows<'_> {
        Rows::new(range, &self.snapshot.damage, &self.snapshot.rows_read)
    }

    fn rows_of_kind(&self, table: TableSpec, kind: TableKind, bounds: &KeyBounds) -> Result<Rows<'_>> {
        self.check(table, kind)?;
        self.rows_within(table, bounds)
    }

    /// Returns the keys of a set that begin with `prefix`, as rows without values.
    pub fn keys(&self, table: TableSpec, prefix: &[u8]) -> Result<Rows<'_>> {
        self.keys_within(table, &KeyBounds::prefix(prefix))
    }

    /// Returns the keys of a set that are in a range, as rows without values.
    pub(in crate::engine) fn keys_within(&self, table: TableSpec, bounds: &KeyBounds) -> Result<Rows<'_>> {
        self.rows_of_kind(table, TableKind::Set, bounds)
    }

    /// Returns the keys of a versions table that begin with `prefix`, each with all its versions, in the order of the
    /// rows.
    pub fn versions(&self, table: TableSpec, prefix: &[u8]) -> Result<VersionsByKey<'_>> {
        self.versions_within(table, &KeyBounds::prefix(prefix))
    }

    /// Returns the keys of a versions table whose rows are in a range, each with its versions in this range.
    pub(in crate::engine) fn versions_within(
        &self,
        table: TableSpec,
        bounds: &KeyBounds,
    ) -> Result<VersionsByKey<'_>> {
        Ok(VersionsByKey::new(self.rows_of_kind(table, TableKind::Versions, bounds)?))
    }

    /// Returns the rows of a versions table whose keys begin with `prefix`. In contrast to [`View::versions`], the keys
    /// and values are not copied, and the versions of a key are not collected.
    #[cfg(feature = "ml")]
    pub(crate) fn version_rows(&self, table: TableSpec, prefix: &[u8]) -> Result<VersionRows<'_>> {
        Ok(VersionRows::new(self.rows_of_kind(table, TableKind::Versions, &KeyBounds::prefix(prefix))?))
    }

    /// Returns all versions of one key of a versions table, oldest first.
    pub fn versions_of(&self, table: TableSpec, key: &[u8]) -> Result<Vec<Version>> {
        let fenced = fenced(key);
        let mut versions = Vec::new();
        for row in self.rows_of_kind(table, TableKind::Versions, &KeyBounds::prefix(&fenced))? {
            let row = row?;
            if is_version_row(row.key(), &fenced) {
                versions.push(self.version(&row)?);
            }
        }
        Ok(versions)
    }

    /// Returns the version of one key with the highest stamp; `None` if the key has no version. Reads one row, however
    /// many versions the key has; as of a stamp, one row for each newer version, and one more. The returned version may
    /// have been replaced by a version with a lower stamp: see [`current`](super::current).
    pub fn newest_version(&self, table: TableSpec, key: &[u8]) -> Result<Option<Version>> {
        let fenced = fenced(key);
        // Rows of longer keys that begin with this key and a zero byte may lie between and behind the rows of this key.
        for row in self.rows_of_kind(table, TableKind::Versions, &KeyBounds::prefix(&fenced))?.rev() {
            let row = row?;
            if is_version_row(row.key(), &fenced) {
                return self.version(&row).map(Some);
            }
        }
        Ok(None)
    }

    fn version(&self, row: &Row<'_>) -> Result<Version> {
        split_version_row(row.key())
            .and_then(|(_, stamp)| Version::decode(stamp, row.value()))
            .ok_or_else(|| self.damaged("a versions row is malformed"))
    }

    /// Returns the points of one series, in order.
    pub fn series(&self, table: TableSpec, key: &[u8]) -> Result<Series<'_>> {
        self.series_within(table, key, ALL_TIMES)
    }

    /// Returns the points of one series with times in a range, in order. Reads the chunks that may contain such points.
    pub(in crate::engine) fn series_within(
        &self,
        table: TableSpec,
        key: &[u8],
        times: RangeInclusive<i64>,
    ) -> Result<Series<'_>> {
        let fenced = fenced(key);
        let at = |time: i64| [fenced.as_slice(), &time_bytes(time)].concat();
        let mut bounds = KeyBounds::prefix(&fenced);
        if times.is_empty() {
            bounds.clear();
        }
        bounds.end_before(after_prefix(&at(*times.end())));
        if *times.start() > i64::MIN {
            // The last chunk that begins before the first time may also contain later points.
            let mut before = KeyBounds::prefix(&fenced);
            before.end_before(Some(at(*times.start())));
            let rows = self.rows_of_kind(table, TableKind::Series, &before)?;
            let is_ours =
                |row: &Result<Row<'_>>| row.as_ref().map_or(true, |r| is_series_row(r.key(), &fenced));
            let chunk = rows.rev().find(is_ours).transpose()?;
            bounds.start_at(chunk.map_or_else(|| at(*times.start()), |row| row.key().to_vec()));
        }
        let rows = self.rows_of_kind(table, TableKind::Series, &bounds)?;
        Ok(Series::new(rows, fenced, PointFilter { times, newest: self.as_of }))
    }

    /// Returns the chunks of all series whose keys begin with `prefix`, in the order of the rows.
    pub fn chunks(&self, table: TableSpec, prefix: &[u8]) -> Result<Chunks<'_>> {
        let rows = self.rows_of_kind(table, TableKind::Series, &KeyBounds::prefix(prefix))?;
        Ok(Chunks::new(rows, PointFilter::until(self.as_of)))
    }

    /// Returns the key of the first or last series that has a row in a range; `None` if no row is in the range. The
    /// series may have no point as of the stamp of the view. Reads one row.
    pub(in crate::engine) fn series_key_within(
        &self,
        table: TableSpec,
        bounds: &KeyBounds,
        end: SeriesEnd,
    ) -> Result<Option<Vec<u8>>> {
        let mut rows = self.rows_of_kind(table, TableKind::Series, bounds)?;
        let row = match end {
            SeriesEnd::First => rows.next(),
            SeriesEnd::Last => rows.next_back(),
        };
        let Some(row) = row.transpose()? else { return Ok(None) };
        match series_key(row.key()) {
            Some(key) => Ok(Some(key.to_vec())),
            None => Err(self.damaged("a series key is too short")),
        }
    }

    /// Returns the registers whose keys begin with `prefix`.
    pub fn registers(&self, table: TableSpec, prefix: &[u8]) -> Result<Registers<'_>> {
        self.registers_within(table, &KeyBounds::prefix(prefix))
    }

    /// Returns the registers whose keys are in a range.
    pub(in crate::engine) fn registers_within(
        &self,
        table: TableSpec,
        bounds: &KeyBounds,
    ) -> Result<Registers<'_>> {
        Ok(Registers::new(self.rows_of_kind(table, TableKind::Registers, bounds)?))
    }

    /// Returns true if the catch-up for this view has read the stream of `position` at least up to `position`. The
    /// entry at `position` may be missing.
    pub fn has_reached(&self, position: Position) -> Result<bool> {
        let cursor = self.snapshot.cursors.get(&position.stream);
        Ok(cursor.is_some_and(|cursor| position.seq <= cursor.last.0))
    }

    /// Returns the time of the last entry of a stream in this view; `None` if the view has no entry of the stream.
    #[cfg_attr(not(feature = "ml"), expect(dead_code, reason = "only the ML store asks"))]
    pub(crate) fn last_time_of(&self, stream: StreamId) -> Option<u64> {
        let cursor = self.snapshot.cursors.get(&stream);
        cursor.filter(|cursor| cursor.last.0 != Seq(0)).map(|cursor| cursor.time)
    }

    /// Returns whether a process now holds the lock of a stream. This process is normally the writer of the stream.
    /// Returns `None` if the lock cannot be tested, for example because the file system has no locks.
    #[cfg_attr(not(feature = "ml"), expect(dead_code, reason = "only the ML store asks"))]
    pub(crate) fn has_writer(&self, stream: StreamId) -> Option<bool> {
        has_writer(self.snapshot.site.storage.as_ref(), &self.snapshot.site.log, stream)
    }

    /// Returns the time of the clock, in nanoseconds since the epoch.
    #[cfg_attr(not(feature = "ml"), expect(dead_code, reason = "only the ML store asks"))]
    pub(crate) fn now(&self) -> u64 {
        self.snapshot.site.storage.now()
    }

    /// Returns the position in the log up to which the view was made.
    pub fn log_position(&self) -> Result<LogPosition> {
        Ok(self.snapshot.cursors.iter().map(|(stream, cursor)| (*stream, cursor.last.0)).collect())
    }

    /// Returns the extent of the tables of this view.
    #[cfg(feature = "ml")]
    pub(crate) fn extent(&self) -> Extent {
        Extent::new(&self.snapshot.identity, &self.snapshot.cursors)
    }

    /// Returns the data that was saved with [`View::save_derived`] for the generation under this view, and the extent of
    /// the generation. Returns `None` if there is no such data.
    ///
    /// Cost: reads and checks the file with the data.
    #[cfg(feature = "ml")]
    pub(crate) fn derived(&self) -> Option<(Extent, Vec<u8>)> {
        let base = self.snapshot.base.as_ref()?;
        let data = base.load(self.snapshot.site.storage.as_ref())?;
        Some((Extent::new(&self.snapshot.identity, &base.cursors), data))
    }

    /// Records that the result of [`View::derived`] is usable. Otherwise [`View::save_derived`] replaces the data.
    #[cfg(feature = "ml")]
    pub(crate) fn accept_derived(&self) {
        self.snapshot.base.iter().for_each(|base| base.accept());
    }

    /// Saves data that was derived from exactly the tables of this view, for later processes. Does nothing if the view
    /// contains other entries than the published generation, if the data is already saved, or if this process does not
    /// publish. `data` is called only if the data will be written. An error of the file system is ignored.
    #[cfg(feature = "ml")]
    pub(crate) fn save_derived(&self, data: impl FnOnce() -> Option<Vec<u8>>) {
        let is_exact = |base: &&Arc<Base>| base.has_entries_of(&self.snapshot.cursors);
        if let Some(base) = self.snapshot.base.as_ref().filter(|base| base.is_wanted()).filter(is_exact)
            && self.as_of.is_none()
            && let Some(data) = data()
        {
            base.save(self.snapshot.site.storage.as_ref(), &data);
        }
    }

    /// Returns `true` if the tables of this view are known to have the extent `extent`.
    #[cfg(feature = "ml")]
    pub(crate) fn has_extent(&self, extent: &Extent) -> bool {
        extent.is_extent_of(&self.snapshot.identity, &self.snapshot.cursors)
    }

    /// Calls `f` with each entry that was applied to the tables after a view with the extent `earlier` was taken. The
    /// entries are read from the log, one frame at a time. Returns `false` if `f` was not called with all of these
    /// entries: the tables were rebuilt since then, there are more than `entries_max` entries or `bytes_max` bytes of
    /// payloads, or an entry is missing or unreadable.
    #[cfg(feature = "ml")]
    pub(crate) fn for_each_since(
        &self,
        earlier: &Extent,
        entries_max: u64,
        bytes_max: usize,
        mut f: impl FnMut(EntryRef<'_>),
    ) -> bool {
        let Some(growth) = earlier.growth_to(&self.snapshot.identity, &self.snapshot.cursors) else {
            return false;
        };
        let mut bytes_left = bytes_max;
        growth.iter().map(Growth::count).sum::<u64>() <= entries_max
            // An error of the file system leaves entries unread, like damage.
            && growth.iter().all(|growth| self.read_growth(growth, &mut bytes_left, &mut f).unwrap_or(false))
    }

    /// Calls `f` with the new entries of one stream. Returns `false` if an entry is missing, or if the payloads have more
    /// than `bytes_left` bytes.
    #[cfg(feature = "ml")]
    fn read_growth(
        &self,
        growth: &Growth,
        bytes_left: &mut usize,
        f: &mut impl FnMut(EntryRef<'_>),
    ) -> Result<bool> {
        let mut next = Seq(growth.known.0 + 1);
        let first = Position { stream: growth.stream, seq: next };
        let Some(mut reader) = self.reader_before(first)? else { return Ok(false) };
        while next <= growth.last {
            match reader.next_item()? {
                Some(Item::Commit(commit)) => {
                    for entry in commit.entries.iter().filter(|entry| entry.stamp.seq > growth.known) {
                        let Some(left) = bytes_left.checked_sub(entry.payload.len()) else {
                            return Ok(false);
                        };
                        if entry.stamp.seq != next {
                            return Ok(false);
                        }
                        *bytes_left = left;
                        f(entry);
                        next = Seq(next.0 + 1);
                    }
                }
                Some(_) => {}
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Returns the erased events among the entries of the view. The tables do not contain them.
    pub fn erased(&self) -> ErasedEvents {
        ErasedEvents(Arc::clone(&self.snapshot.erased))
    }

    /// Reads the entries that the view was made from, and returns them in the order of their stamps. The
    /// entries are read from the log. Entries of erased events ([`View::erased`]) are included if the log
    /// still contains their bytes.
    pub fn scan(&self) -> Result<OrderedReader> {
        OrderedReader::open(&self.snapshot.site.storage, &self.snapshot.site.log, self.log_position()?)
    }

    /// Reads entries from the log. Returns the entries in the order of `positions`, with `None` for an entry that is
    /// not readable.
    ///
    /// Entries of one frame are read together.
    pub fn entries(&self, positions: &[Position]) -> Result<Vec<Option<Entry>>> {
        /// The distance in sequence numbers from which on the next entry is read with a new reader, which begins near
        /// the entry.
        const NEAR: u64 = 4096;
        let mut sorted: Vec<(Position, usize)> = positions.iter().copied().zip(0..).collect();
        sorted.sort();
        let mut found: Vec<Option<Entry>> = positions.iter().map(|_| None).collect();
        let mut reader: Option<(StreamReader, Position)> = None;
        let mut commit = Entries::default();
        for (position, at) in sorted {
            let is_near = reader.as_ref().is_some_and(|(_, reached)| {
                reached.stream == position.stream && position.seq.0.saturating_sub(reached.seq.0) < NEAR
            });
            if !is_near {
                reader = self.reader_before(position)?.map(|r| (r, Position { seq: Seq(0), ..position }));
                commit = Entries::default();
            }
            let Some((stream, reached)) = reader.as_mut() else { continue };
            while reached.seq < position.seq {
                match stream.next_item()? {
                    Some(Item::Commit(next)) => {
                        commit = next.entries;
                        reached.seq = commit.last().map_or(reached.seq, |e| e.stamp.seq);
                    }
                    Some(_) => {}
                    None => break,
                }
            }
            // The entries of a commit have consecutive sequence numbers.
            let first = commit.first().map_or(position.seq, |first| first.stamp.seq);
            let index = position.seq.0.checked_sub(first.0).and_then(|index| usize::try_from(index).ok());
            let entry = index.and_then(|index| commit.get(index));
            if let (Some(slot), Some(entry)) =
                (found.get_mut(at), entry.filter(|entry| entry.stamp.position() == position))
            {
                *slot = Some(entry.to_owned());
            }
        }
        Ok(found)
    }

    /// Returns the beginning of the last frame in the frame index whose first entry is at or before `position`. Returns
    /// the beginning of the stream if the index has no such frame, and `None` if no entry was applied.
    fn frame_before(&self, position: Position) -> Result<Option<ResumePoint>> {
        let recent = &self.snapshot.recent;
        if let Some(frame) = recent.frame_before(position) {
            return Ok(Some(frame));
        }
        let stored = own_tables::frame_before(&self.snapshot.reading.transaction, position);
        let stored = stored.map_err(|e| self.damaged(e))?;
        // If all frames are in memory, the table of frames does not exist.
        Ok(stored.or_else(|| recent.has_frames().then_some(ResumePoint::START)))
    }

    /// Opens a reader of the stream of `position` that begins at or before `position`. Returns `None` if no entry was
    /// applied, or if the stream was removed.
    fn reader_before(&self, position: Position) -> Result<Option<StreamReader>> {
        let Some(start) = self.frame_before(position)? else { return Ok(None) };
        let (storage, log) = (&self.snapshot.site.storage, &self.snapshot.site.log);
        let open = |start| StreamReader::open_at(storage, log, position.stream, ScanMode::Follow, start);
        let at_frame = |start: ResumePoint| {
            let mut reader = open(start)?;
            // A compaction changes the offsets of frames. If no frame with the expected entry begins at the offset, the
            // segment is read from its beginning.
            if start.offset > 0 && reader.first_of_next_commit()? != Some(start.next) {
                return open(ResumePoint { segment: start.segment, offset: 0, next: start.segment });
            }
            Ok(reader)
        };
        match at_frame(start) {
            Ok(reader) => Ok(Some(reader)),
            // The directory of the stream was removed, so none of its entries is readable.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}
