//! The four convergent table types. Their logical content depends on the set of applied entries, not on their order:
//! rows are added or merged, never removed, and the "current", "first" and "last" values are chosen by stamps.
//!
//! | type | key of a row | value of a row | read as |
//! |---|---|---|---|
//! | versions | key, stamp | value, and the stamps that it replaces | versions that no other version replaces, highest stamp last |
//! | set | key | nothing | the keys |
//! | series | key, (time, stamp) | measure and value of each point, stored in chunks | points in the order of time and stamp |
//! | registers | key | count, min, max, first, last | the summary of the points of a series |

use crate::engine::codec::CodecError;
use crate::engine::entry::Stamp;
use crate::engine::error::{Error, Result};
use crate::engine::projection::chunk::merge_points;
use crate::engine::projection::point::Point;
use crate::engine::projection::register::Register;
use crate::engine::projection::table::{Definition, Handle, TableKind, TableSpec, declaration, fenced};
use crate::engine::projection::version::{Version, version_row};
use redb::{ReadableTable, WriteTransaction};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The tables, for writing: a projection receives them while entries are applied.
///
/// Writes are buffered, and reach the database in the same transaction as the cursors. A write to a table that the
/// projection does not declare has no effect at first, but applying then fails with `projection_misused`.
pub struct Tables<'a> {
    transaction: &'a WriteTransaction,
    path: &'a Path,
    /// The name of the projection that writes at present, and the tables that it declares.
    writer: (&'static str, &'static [TableSpec]),
    /// The first misuse: a write to a table that the projection does not declare, or declares with another type.
    misuse: Option<Error>,
    versions: BTreeMap<(&'static str, Vec<u8>), Vec<u8>>,
    sets: BTreeMap<&'static str, BTreeSet<Vec<u8>>>,
    // The maps are nested: by table, then by key. With a pair of table and key, each lookup would copy the key.
    points: BTreeMap<&'static str, BTreeMap<Vec<u8>, Vec<Point>>>,
    registers: BTreeMap<&'static str, BTreeMap<Vec<u8>, Register>>,
}

impl std::fmt::Debug for Tables<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tables").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<'a> Tables<'a> {
    pub(super) fn new(transaction: &'a WriteTransaction, path: &'a Path) -> Tables<'a> {
        Tables {
            transaction,
            path,
            writer: ("", &[]),
            misuse: None,
            versions: BTreeMap::new(),
            sets: BTreeMap::new(),
            points: BTreeMap::new(),
            registers: BTreeMap::new(),
        }
    }

    /// Sets the projection that writes from now on, and the tables that it declares.
    pub(super) fn set_writer(&mut self, projection: &'static str, tables: &'static [TableSpec]) {
        self.writer = (projection, tables);
    }

    /// Returns true if the current projection declares the table with the type `kind`. Otherwise records the error that
    /// `flush` returns.
    fn may_write(&mut self, table: TableSpec, kind: TableKind) -> bool {
        let (projection, tables) = self.writer;
        let declared = table.kind == kind && tables.contains(&table);
        if !declared && self.misuse.is_none() {
            let reason = format!(
                "it writes {kind:?} rows to table {}, but {}",
                table.name,
                declaration(table, tables)
            );
            self.misuse = Some(Error::ProjectionMisused { projection, reason });
        }
        declared
    }

    /// Records that a value of the entry at `stamp` cannot be encoded. `flush` then fails.
    pub(in crate::engine) fn refuse(&mut self, table: TableSpec, stamp: Stamp, error: &CodecError) {
        let (projection, _) = self.writer;
        let (name, position) = (table.name, stamp.position());
        let reason = format!("its value for table {name} at entry {position} cannot be encoded: {error}");
        self.misuse.get_or_insert(Error::ProjectionMisused { projection, reason });
    }

    /// Adds a version of `key` to a versions table. The version replaces the versions with the stamps `replaces`.
    pub fn put_version(
        &mut self,
        table: TableSpec,
        key: &[u8],
        stamp: Stamp,
        replaces: &[Stamp],
        value: &[u8],
    ) {
        if !self.may_write(table, TableKind::Versions) {
            return;
        }
        let row = version_row(&fenced(key), stamp);
        self.versions.insert((table.name, row), Version::encode(replaces, value));
    }

    /// Adds `key` to a set.
    pub fn insert(&mut self, table: TableSpec, key: Vec<u8>) {
        if !self.may_write(table, TableKind::Set) {
            return;
        }
        self.sets.entry(table.name).or_default().insert(key);
    }

    /// Adds a point to the series of `key`.
    pub fn add_point(&mut self, table: TableSpec, key: &[u8], point: Point) {
        if !self.may_write(table, TableKind::Series) {
            return;
        }
        let points = self.points.entry(table.name).or_default();
        match points.get_mut(key) {
            Some(points) => points.push(point),
            None => drop(points.insert(key.to_vec(), vec![point])),
        }
    }

    /// Adds a point to the register of `key`.
    pub fn register(&mut self, table: TableSpec, key: &[u8], point: &Point) {
        if !self.may_write(table, TableKind::Registers) {
            return;
        }
        let registers = self.registers.entry(table.name).or_default();
        match registers.get_mut(key) {
            Some(register) => register.add(point),
            None => drop(registers.insert(key.to_vec(), Register::of(point))),
        }
    }

    fn fail(&self, e: impl std::fmt::Display) -> Error {
        Error::unusable(self.path, e)
    }

    fn open(&self, name: &'static str) -> Result<Handle<'a>> {
        self.transaction.open_table(Definition::new(name)).map_err(|e| self.fail(e))
    }

    /// Writes the buffered rows to the database.
    pub(super) fn flush(mut self) -> Result<()> {
        if let Some(misuse) = self.misuse.take() {
            return Err(misuse);
        }
        let mut handle: Option<(&'static str, Handle<'a>)> = None;
        for (name, keys) in std::mem::take(&mut self.sets) {
            let table = self.switch(&mut handle, name)?;
            for key in keys {
                table.insert(key.as_slice(), &b""[..]).map_err(|e| self.fail(e))?;
            }
        }
        for ((name, key), value) in std::mem::take(&mut self.versions) {
            let table = self.switch(&mut handle, name)?;
            table.insert(key.as_slice(), value.as_slice()).map_err(|e| self.fail(e))?;
        }
        let points = std::mem::take(&mut self.points).into_iter();
        for (name, key, mut points) in
            points.flat_map(|(name, keys)| keys.into_iter().map(move |(k, p)| (name, k, p)))
        {
            points.sort_by_key(|p| p.order);
            let table = self.switch(&mut handle, name)?;
            merge_points(table, &fenced(&key), points).map_err(|e| self.fail(e))?;
        }
        let registers = std::mem::take(&mut self.registers).into_iter();
        for (name, key, mut register) in
            registers.flat_map(|(name, keys)| keys.into_iter().map(move |(k, r)| (name, k, r)))
        {
            let table = self.switch(&mut handle, name)?;
            let old = table.get(key.as_slice()).map_err(|e| self.fail(e))?;
            let old = old.map(|row| Register::decode(row.value()).ok_or("a register row is malformed"));
            if let Some(old) = old.transpose().map_err(|e| self.fail(e))? {
                register.merge(old);
            }
            table.insert(key.as_slice(), register.encode().as_slice()).map_err(|e| self.fail(e))?;
        }
        Ok(())
    }

    /// Returns the handle of a table, opening it if necessary. Closes the previous handle first, because redb refuses
    /// to open a table twice.
    fn switch<'h>(
        &self,
        handle: &'h mut Option<(&'static str, Handle<'a>)>,
        name: &'static str,
    ) -> Result<&'h mut Handle<'a>> {
        if handle.as_ref().is_none_or(|(open, _)| *open != name) {
            *handle = None;
            *handle = Some((name, self.open(name)?));
        }
        match handle {
            Some((_, table)) => Ok(table),
            None => Err(self.fail("no table is open")),
        }
    }
}
