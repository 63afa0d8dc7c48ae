//! Typed registers tables.

use crate::engine::error::Result;
use crate::engine::projection::bounds::KeyBounds;
use crate::engine::projection::{KeyedRegister, Point, Register, TableKind, TableSpec, Tables, View};
use crate::engine::table::declare::declare_table;
use crate::engine::table::key::{AsKey, Key, encoded};
use crate::engine::table::query::{Answers, Query};
use crate::engine::table::typed;
use crate::engine::table::value::Value;

declare_table! {
    /// A table with the summary of the points of each key: their number, and the first, last, least and greatest point.
    /// It cannot be read [as of a stamp](View::as_of).
    Registers<K, V = ()>, TableKind::Registers
}

impl<K: Key, V: Value> Registers<K, V> {
    /// Adds a point to the summary of `key`. Writes are buffered. If the projection does not declare the table, or the
    /// value of the point cannot be encoded, applying fails with `projection_misused`.
    pub fn add(&self, tables: &mut Tables, key: &(impl AsKey<K> + ?Sized), point: &Point<V>) {
        if let Some(point) = typed::point_bytes(tables, self.spec(), point) {
            tables.register(self.spec(), &encoded(key), &point);
        }
    }

    /// Returns the summary of the points of `key`; `None` if the key has no point. Errors are those of a [`Query`].
    /// Reads at most one row.
    pub fn get(&self, view: &View, key: &(impl AsKey<K> + ?Sized)) -> Result<Option<Register<V>>> {
        let rows = KeyBounds::exact(&encoded(key));
        let found = view.registers_within(self.spec(), &rows)?.next().transpose()?;
        found.map(|row| typed::checked(view, self.spec(), typed::register(row.register))).transpose()
    }

    /// Returns a query for the keys, each with the summary of its points. Reads one row for each key.
    pub fn read<'v>(&self, view: &'v View) -> Query<'v, K, (K, Register<V>)> {
        Query::new(view, self.spec(), open)
    }
}

fn open<'v, K: Key, V: Value>(
    view: &'v View,
    table: TableSpec,
    rows: &KeyBounds,
) -> Result<Answers<'v, (K, Register<V>)>> {
    let decoded = move |item: Result<KeyedRegister<'v>>| {
        let item = item?;
        let key = typed::key(view, table, item.key())?;
        Ok((key, typed::checked(view, table, typed::register(item.register))?))
    };
    Ok(Box::new(view.registers_within(table, rows)?.map(decoded)))
}
