//! Names and types of tables, and the keys of their rows.

use redb::{ReadOnlyTable, ReadTransaction, TableDefinition, TableError};
use std::error::Error;

/// The type of a table: how its rows are stored and merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableKind {
    /// Values by key and stamp.
    Versions,
    /// Keys without values.
    Set,
    /// Points by key, time and stamp.
    Series,
    /// Summaries of series by key.
    Registers,
}

/// The name and type of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSpec {
    /// The name of the table; names that begin with `_` are reserved for the engine.
    pub name: &'static str,
    /// The type of the table.
    pub kind: TableKind,
}

impl TableSpec {
    /// Creates the specification of a table with this name and type.
    pub const fn new(name: &'static str, kind: TableKind) -> TableSpec {
        TableSpec { name, kind }
    }
}

/// Describes, for an error message, the type with which a table with the name of `table` is declared, or states that no
/// table of this name is declared.
pub(super) fn declaration(table: TableSpec, declared: &[TableSpec]) -> String {
    match declared.iter().find(|other| other.name == table.name) {
        Some(other) => format!("the table is declared as {:?}", other.kind),
        None => "no table of this name is declared".to_owned(),
    }
}

/// A table of the database; all tables map bytes to bytes.
pub(super) type Definition<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// A table that is open for reading and writing.
pub(super) type Handle<'t> = redb::Table<'t, &'static [u8], &'static [u8]>;

/// A table that is open for reading.
pub(super) type ReadTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// An error of redb, or the description of a malformed row.
pub(super) type RowError = Box<dyn Error + Send + Sync>;

/// The result of reading or writing rows.
pub(super) type RowResult<T> = Result<T, RowError>;

/// Opens a table for reading, or returns `None` if nothing was ever written to it.
pub(super) fn open_table(transaction: &ReadTransaction, name: &str) -> RowResult<Option<ReadTable>> {
    match transaction.open_table(Definition::new(name)) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Returns the key and a zero byte. All rows of the key in a versions or series table begin with these bytes. Because
/// of the zero byte, rows of longer keys rarely begin with these bytes, so a read of one key rarely reads rows of other
/// keys.
pub(super) fn fenced(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}
