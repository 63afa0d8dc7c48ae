//! A read transaction with its open tables.
//!
//! Opening a table of redb reads its row in the tree of tables, which takes longer than the read of a single row. Views
//! of the same content share one read transaction, so each table is opened once for all of them.

use crate::engine::projection::table::{Definition, RowResult};
use redb::{ReadOnlyTable, ReadTransaction, TableError};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A table of the database, open for reading.
pub(super) type OpenTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The tables that were opened, by name; `None` for a table that does not exist. A program declares only a few tables, so
/// the list is searched from the beginning.
type OpenTables = Vec<(&'static str, Option<Arc<OpenTable>>)>;

/// A read transaction on one content of the database, with the tables that were opened in it.
pub(super) struct Reading {
    tables: Mutex<OpenTables>,
    transaction: ReadTransaction,
}

impl Reading {
    /// Creates a reading without open tables.
    pub(super) fn new(transaction: ReadTransaction) -> Reading {
        Reading { tables: Mutex::default(), transaction }
    }

    /// Returns the transaction.
    pub(super) fn transaction(&self) -> &ReadTransaction {
        &self.transaction
    }

    /// Returns the table `name`, which is opened at the first call; `None` if the table does not exist.
    pub(super) fn table(&self, name: &'static str) -> RowResult<Option<Arc<OpenTable>>> {
        // redb panics on some damaged pages. A list that was locked during a panic is still complete.
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, table)) = tables.iter().find(|(other, _)| *other == name) {
            return Ok(table.clone());
        }
        let table = match self.transaction.open_table(Definition::new(name)) {
            Ok(table) => Some(Arc::new(table)),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(e) => return Err(e.into()),
        };
        tables.push((name, table.clone()));
        Ok(table)
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("transaction", &self.transaction).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::ReadableDatabase;
    use redb::backends::InMemoryBackend;

    #[test]
    fn table_is_opened_once_and_later_changes_are_not_visible() {
        let database = redb::Builder::new().create_with_backend(InMemoryBackend::new()).unwrap();
        let insert = |table: &'static str, key: &[u8]| {
            let transaction = database.begin_write().unwrap();
            let mut opened = transaction.open_table(Definition::new(table)).unwrap();
            opened.insert(key, b"".as_slice()).unwrap();
            drop(opened);
            transaction.commit().unwrap();
        };
        insert("a", b"1");
        let reading = Reading::new(database.begin_read().unwrap());
        let first = reading.table("a").unwrap().unwrap();
        assert!(reading.table("b").unwrap().is_none());
        insert("a", b"2");
        insert("b", b"1");
        assert!(Arc::ptr_eq(&first, &reading.table("a").unwrap().unwrap()));
        assert_eq!(first.range_owned::<&[u8]>(..).unwrap().count(), 1);
        assert!(reading.table("b").unwrap().is_none());
        let later = Reading::new(database.begin_read().unwrap());
        assert_eq!(later.table("a").unwrap().unwrap().range_owned::<&[u8]>(..).unwrap().count(), 2);
        assert!(later.table("b").unwrap().is_some());
    }
}
