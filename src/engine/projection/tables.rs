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
use crate::engine::projection::keyed::{Keyed, Slot};
use crate::engine::projection::point::Point;
use crate::engine::projection::point_buffer::PointBuffer;
use crate::engine::projection::register::Register;
use crate::engine::projection::scratch::Scratch;
use crate::engine::projection::table::{TableKind, TableSpec, declaration, fenced};
use crate::engine::projection::version::{Version, version_row};
use std::collections::{BTreeMap, BTreeSet};

/// The tables, for writing: a projection receives them while entries are applied.
///
/// Writes are buffered in memory. The entries of a catch-up are divided among the cores, each with buffers of its own;
/// then the rows of all buffers are stored together. A write to a table that the projection does not declare has no
/// effect at first, but applying then fails with `projection_misused`.
#[derive(Debug, Default)]
pub struct Tables {
    /// The name of the projection that writes at present, and the tables that it declares.
    writer: (&'static str, &'static [TableSpec]),
    /// The first misuse: a write to a table that the projection does not declare, or declares with another type.
    misuse: Option<Error>,
    pub(super) rows: Rows,
    scratch: Scratch,
}

/// The buffered rows of all tables, by the type of the table.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) sets: BTreeMap<&'static str, BTreeSet<Vec<u8>>>,
    /// The encoded values of each versions table, by row key.
    pub(super) versions: BTreeMap<&'static str, BTreeMap<Vec<u8>, Vec<u8>>>,
    pub(super) series: Keyed<PointBuffer>,
    pub(super) registers: Keyed<Option<Register>>,
}

/// The series of one key, to which [`Tables::add_to_series`] adds points without searching for the key.
#[derive(Debug, Clone, Copy)]
pub struct SeriesSlot(Slot);

/// The register of one key, to which [`Tables::add_to_register`] adds points without searching for the key.
#[derive(Debug, Clone, Copy)]
pub struct RegisterSlot(Slot);

impl Tables {
    /// Sets the projection that writes from now on, and the tables that it declares.
    pub(super) fn set_writer(&mut self, projection: &'static str, tables: &'static [TableSpec]) {
        self.writer = (projection, tables);
    }

    /// Returns true if the current projection declares the table with the type `kind`. Otherwise records the error that
    /// [`Tables::into_rows`] returns.
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

    /// Records that a value of the entry at `stamp` cannot be encoded. [`Tables::into_rows`] then fails.
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
        self.rows.versions.entry(table.name).or_default().insert(row, Version::encode(replaces, value));
    }

    /// Adds `key` to a set.
    pub fn insert(&mut self, table: TableSpec, key: Vec<u8>) {
        if !self.may_write(table, TableKind::Set) {
            return;
        }
        self.rows.sets.entry(table.name).or_default().insert(key);
    }

    /// Adds a point to the series of `key`.
    pub fn add_point(&mut self, table: TableSpec, key: &[u8], point: Point) {
        if let Some(slot) = self.series(table, key) {
            self.add_to_series(slot, point.borrowed());
        }
    }

    /// Adds a point to the register of `key`.
    pub fn register(&mut self, table: TableSpec, key: &[u8], point: &Point) {
        if let Some(slot) = self.register_of(table, key) {
            self.add_to_register(slot, point.borrowed());
        }
    }

    /// Returns the series of `key`; `None` if the projection does not declare the table as a series table. The slot may
    /// be kept in a [scratch value](Tables::scratch) and is valid for this `Tables` only.
    pub fn series(&mut self, table: TableSpec, key: &[u8]) -> Option<SeriesSlot> {
        let may_write = self.may_write(table, TableKind::Series);
        may_write.then(|| SeriesSlot(self.rows.series.slot(table.name, key)))
    }

    /// Returns the register of `key`; `None` if the projection does not declare the table as a table of registers. The
    /// slot may be kept in a [scratch value](Tables::scratch) and is valid for this `Tables` only.
    pub fn register_of(&mut self, table: TableSpec, key: &[u8]) -> Option<RegisterSlot> {
        let may_write = self.may_write(table, TableKind::Registers);
        may_write.then(|| RegisterSlot(self.rows.registers.slot(table.name, key)))
    }

    /// Adds a point to a series.
    pub fn add_to_series(&mut self, SeriesSlot(slot): SeriesSlot, point: Point<&[u8]>) {
        if let Some(points) = self.rows.series.get_mut(slot) {
            points.push(point);
        }
    }

    /// Adds a point to a register.
    pub fn add_to_register(&mut self, RegisterSlot(slot): RegisterSlot, point: Point<&[u8]>) {
        match self.rows.registers.get_mut(slot) {
            Some(Some(register)) => register.add(point),
            Some(empty) => *empty = Some(Register::of(point)),
            None => {}
        }
    }

    /// Returns a value of type `T` in which projections keep intermediate results while a group of entries is applied,
    /// such as the keys that were derived from earlier entries of the group. Each group begins with the default value.
    /// Rows must not depend on the value, because the division of entries into groups is not fixed.
    pub fn scratch<T: Default + Send + 'static>(&mut self) -> &mut T {
        self.scratch.get()
    }

    /// Returns the buffered rows. If a projection has broken a rule of the tables, returns the error for the first such
    /// case.
    pub(super) fn into_rows(self) -> Result<Rows> {
        match self.misuse {
            Some(misuse) => Err(misuse),
            None => Ok(self.rows),
        }
    }
}

impl Rows {
    fn is_empty(&self) -> bool {
        let Rows { sets, versions, series, registers } = self;
        sets.is_empty() && versions.is_empty() && series.is_empty() && registers.is_empty()
    }

    /// Adds the rows that were derived from later entries. Rows with the same key are merged.
    pub(super) fn append(&mut self, later: Rows) {
        if self.is_empty() {
            *self = later;
            return;
        }
        for (name, mut keys) in later.sets {
            self.sets.entry(name).or_default().append(&mut keys);
        }
        for (name, mut versions) in later.versions {
            self.versions.entry(name).or_default().append(&mut versions);
        }
        self.series.append(later.series, PointBuffer::append);
        self.registers.append(later.registers, |register, later| match (register.as_mut(), later) {
            (Some(register), Some(later)) => register.merge(later),
            (None, later) => *register = later,
            (Some(_), None) => {}
        });
    }
}
