//! One consistent read of all projections, and of the entries they point to.

use crate::engine::entry::{Entry, Position, Seq, Stamp};
use crate::engine::error::{Error, Result};
use crate::engine::log::ordered::OrderedReader;
use crate::engine::log::reader::{Item, ScanMode, StreamReader};
use crate::engine::log::stream::ResumePoint;
use crate::engine::projection::catch_up::{FRAMES, cursors_of};
use crate::engine::projection::cursor::LogPosition;
use crate::engine::projection::note::Note;
use crate::engine::projection::tables::{
    Definition, Point, Register, TableKind, TableSpec, Version, declaration, fenced, is_series_row,
    is_version_row, split_series_row, split_version_row,
};
use crate::engine::storage::Storage;
use redb::ReadTransaction;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// A snapshot of the tables, with what it lacks.
#[derive(Debug)]
pub struct View {
    transaction: ReadTransaction,
    // Behind the transaction, so that it goes first.
    _database: Arc<redb::Database>,
    path: PathBuf,
    tables: Vec<TableSpec>,
    storage: Arc<dyn Storage>,
    log: PathBuf,
    latest: u64,
    notes: Vec<Note>,
    damage: OnceLock<String>,
}

/// What a key holds: the versions that no other version replaces, the newest last.
#[derive(Debug, Clone, PartialEq)]
pub struct Current {
    /// The version that counts.
    pub version: Version,
    /// Others that nothing replaces either: a conflict, visible to whoever asks.
    pub rivals: Vec<Version>,
}

/// Picks what counts among all versions of one key.
pub fn current(versions: Vec<Version>) -> Option<Current> {
    let replaced: std::collections::HashSet<Stamp> =
        versions.iter().flat_map(|v| v.replaces.iter().copied()).collect();
    let mut open: Vec<Version> = versions.into_iter().filter(|v| !replaced.contains(&v.stamp)).collect();
    open.sort_by_key(|v| v.stamp);
    let version = open.pop()?;
    Some(Current { version, rivals: open })
}

/// The least byte string greater than all that begin with `prefix`.
fn after_prefix(prefix: &[u8]) -> Bound<Vec<u8>> {
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
    pub(super) fn new(
        transaction: ReadTransaction,
        database: Arc<redb::Database>,
        path: PathBuf,
        storage: Arc<dyn Storage>,
        log: PathBuf,
        latest: u64,
        notes: Vec<Note>,
    ) -> View {
        let tables = Vec::new();
        let damage = OnceLock::new();
        View { transaction, _database: database, path, tables, storage, log, latest, notes, damage }
    }

    /// The same view of these tables.
    pub(super) fn with_tables(self, tables: Vec<TableSpec>) -> View {
        View { tables, ..self }
    }

    /// The latest time of an entry in any stream whose clock is not far ahead of this machine's; 0 for none. For
    /// [`crate::engine::log::Log::observe`], so that what is captured afterwards has a later time.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// What this view lacks, and what was done to get it.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    fn fail(&self, e: impl std::fmt::Display) -> Error {
        self.damaged(e)
    }

    /// Records that the tables are damaged, and returns the error for it. For callers that find a row malformed: after the
    /// question has failed, the projector rebuilds the tables and asks it again.
    #[must_use]
    pub fn damaged(&self, reason: impl std::fmt::Display) -> Error {
        let reason = reason.to_string();
        // Only the first damage is reported.
        let _ = self.damage.set(reason.clone());
        Error::ProjectionUnusable { path: self.path.clone(), reason }
    }

    /// Returns the first damage that was found in reading this view.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// Fails for a table that no projection declares as this one.
    fn declared(&self, table: TableSpec, kind: TableKind) -> Result<&'static str> {
        let reason = match self.tables.contains(&table) {
            true if table.kind == kind => return Ok(table.name),
            true => format!("it holds {:?} rows, and {kind:?} rows were asked for", table.kind),
            false => declaration(table, &self.tables),
        };
        Err(Error::TableUnknown { table: table.name.to_owned(), reason })
    }

    /// Calls `f` with every row of a table whose key begins with `prefix`, from `from` on, in order, until it
    /// returns `false`.
    pub fn rows(
        &self,
        table: &str,
        prefix: &[u8],
        from: &[u8],
        mut f: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        if !self.tables.iter().any(|declared| declared.name == table) {
            let reason = "no such table is declared".to_owned();
            return Err(Error::TableUnknown { table: table.to_owned(), reason });
        }
        let opened = match self.transaction.open_table(Definition::new(table)) {
            Ok(opened) => opened,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(e) => return Err(self.fail(e)),
        };
        let (start, end) = (from.max(prefix), after_prefix(prefix));
        let bounds = (Bound::Included(start), end.as_ref().map(Vec::as_slice));
        for row in opened.range::<&[u8]>(bounds).map_err(|e| self.fail(e))? {
            let (key, value) = row.map_err(|e| self.fail(e))?;
            if !f(key.value(), value.value())? {
                break;
            }
        }
        Ok(())
    }

    /// Calls `f` with each key of a versions table that begins with `prefix` and all its versions, oldest first, until it
    /// returns `false`. Keys come in the order of their rows; only those that begin alike are held at a time.
    pub fn versions(
        &self,
        table: TableSpec,
        prefix: &[u8],
        mut f: impl FnMut(&[u8], Vec<Version>) -> Result<bool>,
    ) -> Result<()> {
        // A key's rows stand together unless a longer key goes on with the zero byte of the fence and sorts between two of
        // its stamps. So the rows of a key, and of those keys, are held until one comes that is none of them.
        let mut family: BTreeMap<Vec<u8>, Vec<Version>> = BTreeMap::new();
        let mut shortest: Option<Vec<u8>> = None;
        let mut go_on = true;
        let name = self.declared(table, TableKind::Versions)?;
        self.rows(name, prefix, prefix, |row, value| {
            let (key, stamp) =
                split_version_row(row).ok_or_else(|| self.fail("a versions key is too short"))?;
            let version =
                Version::decode(stamp, value).ok_or_else(|| self.fail("a versions row is malformed"))?;
            if shortest.as_ref().is_none_or(|shortest| !row.starts_with(shortest)) {
                for (key, versions) in std::mem::take(&mut family) {
                    go_on = go_on && f(&key, versions)?;
                }
                shortest = Some(fenced(key));
            } else if shortest.as_ref().is_some_and(|shortest| key.len() + 1 < shortest.len()) {
                shortest = Some(fenced(key));
            }
            match family.get_mut(key) {
                Some(versions) => versions.push(version),
                None => drop(family.insert(key.to_vec(), vec![version])),
            }
            Ok(go_on)
        })?;
        for (key, versions) in family {
            go_on = go_on && f(&key, versions)?;
        }
        Ok(())
    }

    /// All versions of one key of a versions table, oldest first.
    pub fn versions_of(&self, table: TableSpec, key: &[u8]) -> Result<Vec<Version>> {
        let name = self.declared(table, TableKind::Versions)?;
        let fenced = fenced(key);
        let mut versions = Vec::new();
        self.rows(name, &fenced, &fenced, |row, value| {
            if is_version_row(row, &fenced) {
                let version = split_version_row(row).and_then(|(_, stamp)| Version::decode(stamp, value));
                versions.push(version.ok_or_else(|| self.fail("a versions row is malformed"))?);
            }
            Ok(true)
        })?;
        Ok(versions)
    }

    /// Whether this view was made of a stream up to this position, gaps aside.
    pub fn has_reached(&self, position: Position) -> Result<bool> {
        let cursors = cursors_of(&self.transaction, |e| self.fail(e))?;
        Ok(cursors.get(&position.stream).is_some_and(|cursor| position.seq <= cursor.last.0))
    }

    /// The position in the log up to which this view was made.
    pub fn log_position(&self) -> Result<LogPosition> {
        let cursors = cursors_of(&self.transaction, |e| self.fail(e))?;
        Ok(cursors.into_iter().map(|(stream, cursor)| (stream, cursor.last.0)).collect())
    }

    /// The entries that this view was made of, in the order of their stamps, read from the log.
    pub fn scan(&self) -> Result<OrderedReader> {
        let cursors = cursors_of(&self.transaction, |e| self.fail(e))?;
        let reached = cursors.into_iter().map(|(stream, cursor)| (stream, cursor.last.0));
        OrderedReader::open(&self.storage, &self.log, reached)
    }

    /// Calls `f` with each key of a set that begins with `prefix`, in order, until it returns `false`.
    pub fn keys(
        &self,
        table: TableSpec,
        prefix: &[u8],
        mut f: impl FnMut(&[u8]) -> Result<bool>,
    ) -> Result<()> {
        self.rows(self.declared(table, TableKind::Set)?, prefix, prefix, |key, _| f(key))
    }

    /// The points of one series, in order.
    pub fn series(&self, table: TableSpec, key: &[u8]) -> Result<Vec<Point>> {
        let name = self.declared(table, TableKind::Series)?;
        let mut points = Vec::new();
        let fenced = fenced(key);
        self.rows(name, &fenced, &fenced, |row, value| {
            if is_series_row(row, &fenced) {
                let chunk = Point::decode_chunk(value)
                    .ok_or_else(|| self.fail("a chunk of a series is malformed"))?;
                points.extend(chunk);
            }
            Ok(true)
        })?;
        points.sort_by_key(|p| p.order);
        Ok(points)
    }

    /// Calls `f` with the key of every chunk of a series table that begins with `prefix`, and its points.
    pub fn chunks(
        &self,
        table: TableSpec,
        prefix: &[u8],
        mut f: impl FnMut(&[u8], Vec<Point>) -> Result<()>,
    ) -> Result<()> {
        self.chunk_rows(table, prefix, |_, key, points| f(key, points))
    }

    /// As [`View::chunks`], with the chunk's row before the key.
    pub(super) fn chunk_rows(
        &self,
        table: TableSpec,
        prefix: &[u8],
        mut f: impl FnMut(&[u8], &[u8], Vec<Point>) -> Result<()>,
    ) -> Result<()> {
        let name = self.declared(table, TableKind::Series)?;
        self.rows(name, prefix, prefix, |row, value| {
            let key = split_series_row(row).ok_or_else(|| self.fail("a series key is too short"))?;
            let chunk =
                Point::decode_chunk(value).ok_or_else(|| self.fail("a chunk of a series is malformed"))?;
            f(row, key, chunk)?;
            Ok(true)
        })
    }

    /// Calls `f` with each register whose key begins with `prefix`.
    pub fn registers(
        &self,
        table: TableSpec,
        prefix: &[u8],
        mut f: impl FnMut(&[u8], Register) -> Result<()>,
    ) -> Result<()> {
        let name = self.declared(table, TableKind::Registers)?;
        self.rows(name, prefix, prefix, |key, value| {
            let register = Register::decode(value).ok_or_else(|| self.fail("a register row is malformed"))?;
            f(key, register)?;
            Ok(true)
        })
    }

    /// Reads entries from the log, in the order of `positions`; `None` for one that is not readable (any more).
    /// Positions of one frame cost one read when they stand together.
    pub fn entries(&self, positions: &[Position]) -> Result<Vec<Option<Entry>>> {
        let mut sorted: Vec<(Position, usize)> = positions.iter().copied().zip(0..).collect();
        sorted.sort();
        let mut found: Vec<Option<Entry>> = positions.iter().map(|_| None).collect();
        let mut reader: Option<(StreamReader, Position)> = None;
        let mut commit: Vec<Entry> = Vec::new();
        for (position, at) in sorted {
            let near = reader.as_ref().is_some_and(|(_, reached)| {
                reached.stream == position.stream && position.seq.0.saturating_sub(reached.seq.0) < 4096
            });
            if !near {
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

    /// A reader that begins at or before `position`.
    fn reader_before(&self, position: Position) -> Result<Option<StreamReader>> {
        let mut start = ResumePoint::START;
        let stream_key = position.stream.0;
        let opened = match self.transaction.open_table(Definition::new(FRAMES)) {
            Ok(opened) => opened,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(e) => return Err(self.fail(e)),
        };
        let end = [&stream_key[..], &position.seq.0.to_be_bytes()].concat();
        let mut range = opened.range::<&[u8]>(&stream_key[..]..=end.as_slice()).map_err(|e| self.fail(e))?;
        if let Some(row) = range.next_back() {
            let (key, value) = row.map_err(|e| self.fail(e))?;
            let next = key.value().last_chunk::<8>().map_or(1, |b| u64::from_be_bytes(*b));
            let (segment, offset) = value
                .value()
                .split_first_chunk::<8>()
                .zip(value.value().last_chunk::<8>())
                .map(|((s, _), o)| (u64::from_be_bytes(*s), u64::from_be_bytes(*o)))
                .ok_or_else(|| self.fail("a frame index row is malformed"))?;
            start = ResumePoint { segment: Seq(segment), offset, next: Seq(next) };
        }
        match StreamReader::open_at(&self.storage, &self.log, position.stream, ScanMode::Follow, start) {
            Ok(reader) => Ok(Some(reader)),
            // The stream's folder is gone; its entries are simply not readable.
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}
