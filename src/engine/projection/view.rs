//! A consistent read of all tables, and of the entries that the tables were made from.

use crate::engine::entry::{Entry, Position, Seq};
use crate::engine::error::{Error, Result};
use crate::engine::log::ordered::OrderedReader;
use crate::engine::log::{Item, ScanMode, StreamReader};
use crate::engine::projection::cursor::LogPosition;
use crate::engine::projection::damage::Damage;
use crate::engine::projection::note::Note;
use crate::engine::projection::opened::Opened;
use crate::engine::projection::own_tables;
use crate::engine::projection::register_rows::Registers;
use crate::engine::projection::rows::{Range, Row, Rows};
use crate::engine::projection::series_rows::{Chunks, Series};
use crate::engine::projection::site::Site;
use crate::engine::projection::table::{Definition, TableKind, TableSpec, declaration, fenced};
use crate::engine::projection::version::{Version, is_version_row, split_version_row};
use crate::engine::projection::version_rows::VersionsByKey;
use redb::{ReadTransaction, ReadableDatabase};
use std::fmt::Display;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of the tables, with notes about its completeness.
///
/// The tables are read through iterators, which hold a bounded part of a table. After an error, an iterator ends.
#[derive(Debug)]
pub struct View {
    transaction: ReadTransaction,
    // Declared after the transaction, so that the database is dropped after the transaction.
    _database: Arc<redb::Database>,
    site: Arc<Site>,
    latest: u64,
    notes: Vec<Note>,
    damage: Arc<Damage>,
    rows_read: AtomicU64,
}

/// Returns the end of the range of byte strings that begin with `prefix`.
fn prefix_end(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

impl View {
    /// Takes a snapshot of an open database.
    pub(super) fn open(site: &Arc<Site>, opened: &Opened, notes: Vec<Note>) -> Result<View> {
        let transaction = opened.database.begin_read().map_err(|e| site.unusable(e))?;
        Ok(View {
            transaction,
            _database: Arc::clone(&opened.database),
            site: Arc::clone(site),
            latest: opened.latest,
            notes,
            damage: Arc::clone(&opened.damage),
            rows_read: AtomicU64::new(0),
        })
    }

    /// Returns the latest time of an entry, or 0 if there is no entry. Streams whose last time is far ahead of this
    /// machine's clock are ignored. Pass the result to [`crate::engine::log::Log::observe`], so that entries appended
    /// afterwards have a later time.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// Returns notes about missing entries, and about the work that was done to make the view.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Records that the tables are damaged, and returns an error. A question that finds a malformed row calls this
    /// function and fails; the projector then rebuilds the tables and calls the question again.
    #[must_use]
    pub fn damaged(&self, reason: impl Display) -> Error {
        self.damage.record(reason)
    }

    /// Returns the number of rows that were read from this view so far: the cost of its questions.
    pub fn rows_read(&self) -> u64 {
        self.rows_read.load(Ordering::Relaxed)
    }

    /// Returns the first damage that was found while this view was read.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.reason()
    }

    /// Returns an error if no projection declares the table with the type `kind`.
    fn check(&self, table: TableSpec, kind: TableKind) -> Result<()> {
        if table.kind != kind && self.site.tables.contains(&table) {
            let reason = format!("it holds {:?} rows, and {kind:?} rows were requested", table.kind);
            return Err(Error::TableUnknown { table: table.name.to_owned(), reason });
        }
        self.check_declared(table)
    }

    fn check_declared(&self, table: TableSpec) -> Result<()> {
        if self.site.tables.contains(&table) {
            return Ok(());
        }
        let reason = declaration(table, &self.site.tables);
        Err(Error::TableUnknown { table: table.name.to_owned(), reason })
    }

    /// Returns the rows of a table whose keys begin with `prefix`.
    pub fn rows(&self, table: TableSpec, prefix: &[u8]) -> Result<Rows<'_>> {
        self.rows_from(table, prefix, prefix)
    }

    /// Returns the rows of a table whose keys begin with `prefix` and are not less than `start`.
    pub fn rows_from(&self, table: TableSpec, prefix: &[u8], start: &[u8]) -> Result<Rows<'_>> {
        self.check_declared(table)?;
        let opened = match self.transaction.open_table(Definition::new(table.name)) {
            Ok(opened) => opened,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(self.iterate(None)),
            Err(e) => return Err(self.damage.record(e)),
        };
        let end = prefix_end(prefix);
        let bounds = (Bound::Included(start.max(prefix)), end.as_ref().map(Vec::as_slice));
        let range = opened.range_owned::<&[u8]>(bounds).map_err(|e| self.damage.record(e))?;
        Ok(self.iterate(Some(range)))
    }

    fn iterate(&self, range: Option<Range>) -> Rows<'_> {
        Rows::new(range, &self.damage, &self.rows_read)
    }

    fn rows_of_kind(&self, table: TableSpec, kind: TableKind, prefix: &[u8]) -> Result<Rows<'_>> {
        self.check(table, kind)?;
        self.rows(table, prefix)
    }

    /// Returns the keys of a set that begin with `prefix`, as rows without values.
    pub fn keys(&self, table: TableSpec, prefix: &[u8]) -> Result<Rows<'_>> {
        self.rows_of_kind(table, TableKind::Set, prefix)
    }

    /// Returns the keys of a versions table that begin with `prefix`, each with all its versions, in the order of the
    /// rows.
    pub fn versions(&self, table: TableSpec, prefix: &[u8]) -> Result<VersionsByKey<'_>> {
        Ok(VersionsByKey::new(self.rows_of_kind(table, TableKind::Versions, prefix)?))
    }

    /// Returns all versions of one key of a versions table, oldest first.
    pub fn versions_of(&self, table: TableSpec, key: &[u8]) -> Result<Vec<Version>> {
        let fenced = fenced(key);
        let mut versions = Vec::new();
        for row in self.rows_of_kind(table, TableKind::Versions, &fenced)? {
            let row = row?;
            if is_version_row(row.key(), &fenced) {
                versions.push(self.version(&row)?);
            }
        }
        Ok(versions)
    }

    /// Returns the version of one key with the highest stamp; `None` if the key has no version. Reads one row, however many
    /// versions the key has. Another version may replace the returned one: see [`current`](super::current).
    pub fn newest_version(&self, table: TableSpec, key: &[u8]) -> Result<Option<Version>> {
        let fenced = fenced(key);
        // Rows of longer keys that begin with this key and a zero byte may lie between and behind the rows of this key.
        for row in self.rows_of_kind(table, TableKind::Versions, &fenced)?.rev() {
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
        let fenced = fenced(key);
        Ok(Series::new(self.rows_of_kind(table, TableKind::Series, &fenced)?, fenced))
    }

    /// Returns the chunks of all series whose keys begin with `prefix`, in the order of the rows.
    pub fn chunks(&self, table: TableSpec, prefix: &[u8]) -> Result<Chunks<'_>> {
        Ok(Chunks::new(self.rows_of_kind(table, TableKind::Series, prefix)?))
    }

    /// Returns the registers whose keys begin with `prefix`.
    pub fn registers(&self, table: TableSpec, prefix: &[u8]) -> Result<Registers<'_>> {
        Ok(Registers::new(self.rows_of_kind(table, TableKind::Registers, prefix)?))
    }

    /// Returns whether the view was made from the log up to `position` or beyond. The entry at `position` may be
    /// missing.
    pub fn has_reached(&self, position: Position) -> Result<bool> {
        Ok(self.log_position()?.get(&position.stream).is_some_and(|last| position.seq <= *last))
    }

    /// Returns the position in the log up to which the view was made.
    pub fn log_position(&self) -> Result<LogPosition> {
        let cursors = own_tables::cursors(&self.transaction).map_err(|e| self.damage.record(e))?;
        Ok(cursors.into_iter().map(|(stream, cursor)| (stream, cursor.last.0)).collect())
    }

    /// Returns the entries that the view was made from, in the order of their stamps, read from the log.
    pub fn scan(&self) -> Result<OrderedReader> {
        OrderedReader::open(&self.site.storage, &self.site.log, self.log_position()?)
    }

    /// Reads entries from the log, in the order of `positions`; `None` for an entry that is not readable.
    ///
    /// Entries of one frame are read together.
    pub fn entries(&self, positions: &[Position]) -> Result<Vec<Option<Entry>>> {
        /// The maximum distance, in sequence numbers, between two entries that are read with the same reader.
        const NEAR: u64 = 4096;
        let mut sorted: Vec<(Position, usize)> = positions.iter().copied().zip(0..).collect();
        sorted.sort();
        let mut found: Vec<Option<Entry>> = positions.iter().map(|_| None).collect();
        let mut reader: Option<(StreamReader, Position)> = None;
        let mut commit: Vec<Entry> = Vec::new();
        for (position, at) in sorted {
            let is_near = reader.as_ref().is_some_and(|(_, reached)| {
                reached.stream == position.stream && position.seq.0.saturating_sub(reached.seq.0) < NEAR
            });
            if !is_near {
                reader = self.reader_before(position)?.map(|r| (r, Position { seq: Seq(0), ..position }));
                commit.clear();
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
            if let (Some(slot), Some(entry)) =
                (found.get_mut(at), commit.iter().find(|e| e.stamp.position() == position))
            {
                *slot = Some(entry.clone());
            }
        }
        Ok(found)
    }

    /// Opens a reader that begins at or before `position`.
    fn reader_before(&self, position: Position) -> Result<Option<StreamReader>> {
        let start =
            own_tables::frame_before(&self.transaction, position).map_err(|e| self.damage.record(e))?;
        let Some(start) = start else { return Ok(None) };
        let (storage, log) = (&self.site.storage, &self.site.log);
        match StreamReader::open_at(storage, log, position.stream, ScanMode::Follow, start) {
            Ok(reader) => Ok(Some(reader)),
            // The directory of the stream was removed, so none of its entries is readable.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}
