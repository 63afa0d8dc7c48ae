//! A read transaction of the database that opens each table only once.

use crate::engine::projection::table::{ReadTable, RowResult, open_table};
use redb::ReadTransaction;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// A read transaction and the tables that were opened in the transaction. Views share both, because opening a
/// table takes about as long as finding a row.
#[derive(Debug)]
pub(super) struct Reading {
    /// The tables by name; `None` for a table without rows.
    tables: RwLock<BTreeMap<&'static str, Option<Arc<ReadTable>>>>,
    pub(super) transaction: ReadTransaction,
}

impl Reading {
    pub(super) fn new(transaction: ReadTransaction) -> Reading {
        Reading { tables: RwLock::default(), transaction }
    }

    /// Returns a table; `None` if nothing was ever written to it.
    pub(super) fn table(&self, name: &'static str) -> RowResult<Option<Arc<ReadTable>>> {
        // The map is complete after each insertion, so a panic of another reader leaves no incomplete map.
        if let Some(opened) = self.tables.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(opened.clone());
        }
        let opened = open_table(&self.transaction, name)?.map(Arc::new);
        self.tables.write().unwrap_or_else(PoisonError::into_inner).insert(name, opened.clone());
        Ok(opened)
    }
}
