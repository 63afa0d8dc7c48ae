//! Typed sets.

use crate::engine::error::Result;
use crate::engine::projection::bounds::KeyBounds;
use crate::engine::projection::{TableKind, TableSpec, Tables, View};
use crate::engine::table::declare::declare_table;
use crate::engine::table::key::{AsKey, Key, encoded};
use crate::engine::table::query::{Answers, Query};
use crate::engine::table::typed;

declare_table! {
    /// A table of keys without values. It cannot be read [as of a stamp](View::as_of).
    Set<K>, TableKind::Set
}

impl<K: Key> Set<K> {
    /// Adds `key` to the set. Writes are buffered. If the projection does not declare the table, applying fails with
    /// `projection_misused`.
    pub fn insert(&self, tables: &mut Tables, key: &(impl AsKey<K> + ?Sized)) {
        tables.insert(self.spec(), encoded(key));
    }

    /// Returns true if `key` is in the set. Errors are those of a [`Query`]. Reads at most one row.
    pub fn contains(&self, view: &View, key: &(impl AsKey<K> + ?Sized)) -> Result<bool> {
        let found = view.keys_within(self.spec(), &KeyBounds::exact(&encoded(key)))?.next().transpose()?;
        Ok(found.is_some())
    }

    /// Returns a query for the keys. Reads one row for each key.
    pub fn read<'v>(&self, view: &'v View) -> Query<'v, K, K> {
        Query::new(view, self.spec(), open)
    }
}

fn open<'v, K: Key>(view: &'v View, table: TableSpec, rows: &KeyBounds) -> Result<Answers<'v, K>> {
    let rows = view.keys_within(table, rows)?;
    Ok(Box::new(rows.map(move |row| typed::key(view, table, row?.key()))))
}
