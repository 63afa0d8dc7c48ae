//! Typed series tables.

use crate::engine::error::Result;
use crate::engine::projection::bounds::KeyBounds;
use crate::engine::projection::view::SeriesEnd;
use crate::engine::projection::{Point, TableKind, TableSpec, Tables, View};
use crate::engine::table::declare::declare_table;
use crate::engine::table::key::{AsKey, Key, encoded};
use crate::engine::table::points::Points;
use crate::engine::table::query::{Answers, Query};
use crate::engine::table::typed;
use crate::engine::table::value::Value;

declare_table! {
    /// A table with the points of each key, in the order of their times and then of their stamps. It can be read
    /// [as of a stamp](View::as_of), provided that every point has the stamp of the entry that added it.
    Series<K, V>, TableKind::Series
}

impl<K: Key, V: Value> Series<K, V> {
    /// Adds a point to the series of `key`. The stamp in `point.order` must be the stamp of the entry that is applied.
    /// If several points of a key have the same time and stamp, only the first of them is kept. Writes are buffered. If
    /// the projection does not declare the table, or the value of the point cannot be encoded, applying fails with
    /// `projection_misused`.
    pub fn add(&self, tables: &mut Tables, key: &(impl AsKey<K> + ?Sized), point: &Point<V>) {
        if let Some(point) = typed::point_bytes(tables, self.spec(), point) {
            tables.add_point(self.spec(), &encoded(key), point);
        }
    }

    /// Returns an iterator over the points of `key`, from either end. A key without points has an empty series.
    pub fn points<'v>(&self, view: &'v View, key: &(impl AsKey<K> + ?Sized)) -> Points<'v, V> {
        Points::new(view, self.spec(), encoded(key))
    }

    /// Returns a query for the keys that have a point. Reads one row for each key. If the view is as of a stamp, also
    /// reads rows of each key until a point is found whose stamp is not greater than the stamp of the view.
    pub fn keys<'v>(&self, view: &'v View) -> Query<'v, K, K> {
        Query::new(view, self.spec(), open)
    }
}

fn open<'v, K: Key>(view: &'v View, table: TableSpec, rows: &KeyBounds) -> Result<Answers<'v, K>> {
    let keys = SeriesKeys { view, table, rows: rows.clone() };
    Ok(Box::new(keys.map(move |key| typed::key(view, table, &key?))))
}

/// An iterator over the keys of a series table. After a key is found, the iterator skips the other rows of the key
/// without reading them.
struct SeriesKeys<'v> {
    view: &'v View,
    table: TableSpec,
    /// The range of the rows of the remaining keys.
    rows: KeyBounds,
}

impl SeriesKeys<'_> {
    /// Takes the first or the last remaining key, as `end` says; `None` if no key remains. If the view is as of a
    /// stamp, skips keys that have no point as of this stamp.
    fn take(&mut self, end: SeriesEnd) -> Result<Option<Vec<u8>>> {
        while let Some(key) = self.view.series_key_within(self.table, &self.rows, end)? {
            match end {
                // The row keys of a series are the key of the series, a zero byte, and more bytes.
                SeriesEnd::First => self.rows.start_at([key.as_slice(), &[1]].concat()),
                SeriesEnd::Last => self.rows.end_before(Some(key.clone())),
            }
            if !self.view.is_as_of_a_stamp()
                || self.view.series(self.table, &key)?.next().transpose()?.is_some()
            {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }
}

impl Iterator for SeriesKeys<'_> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        self.take(SeriesEnd::First).transpose()
    }
}

impl DoubleEndedIterator for SeriesKeys<'_> {
    fn next_back(&mut self) -> Option<Result<Vec<u8>>> {
        self.take(SeriesEnd::Last).transpose()
    }
}
