//! The points of one series of a typed series table.

use crate::engine::error::Result;
use crate::engine::projection::bounds::{ALL_TIMES, times_within};
use crate::engine::projection::{Point, Series, TableSpec, View};
use crate::engine::table::query::Lazy;
use crate::engine::table::typed;
use crate::engine::table::value::Value;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;
use std::ops::RangeInclusive;

/// An iterator over the points of one series, in the order of their times and then of their stamps, from either end.
///
/// [`range`](Points::range) and [`limit`](Points::limit) restrict the points; call them before the first point is
/// requested. [`rev`](Iterator::rev) reads from the last point to the first. Errors are those of a
/// [`Query`](crate::engine::table::Query).
///
/// # Cost
/// The table is opened when the first point is requested. A row contains up to 224 points. Only rows that may
/// contain points of the range are read. The rows are read one after the other, and no row after the last
/// requested point is read. The iterator keeps one row in memory for each end from which points are
/// requested.
#[must_use = "an iterator reads nothing before an item is requested"]
pub struct Points<'v, V> {
    view: &'v View,
    table: TableSpec,
    key: Vec<u8>,
    times: RangeInclusive<i64>,
    items: Lazy<Series<'v>>,
    value: PhantomData<fn() -> V>,
}

impl<'v, V: Value> Points<'v, V> {
    pub(super) fn new(view: &'v View, table: TableSpec, key: Vec<u8>) -> Points<'v, V> {
        Points { view, table, key, times: ALL_TIMES, items: Lazy::new(), value: PhantomData }
    }

    /// Restricts the iterator to points with times in `times`.
    pub fn range(mut self, times: impl RangeBounds<i64>) -> Points<'v, V> {
        self.times = times_within(&self.times, &times);
        self
    }

    /// Restricts the iterator to `points` points. The points are counted as they are requested, from whichever end.
    pub fn limit(mut self, points: usize) -> Points<'v, V> {
        self.items.limit(points);
        self
    }

    fn step(
        &mut self,
        step: impl FnOnce(&mut Series<'v>) -> Option<Result<Point>>,
    ) -> Option<Result<Point<V>>> {
        let (view, table) = (self.view, self.table);
        let open = || view.series_within(table, &self.key, self.times.clone());
        let decoded = |point: Point| typed::checked(view, table, typed::point(point));
        self.items.step(open, |series| Some(step(series)?.and_then(decoded)))
    }
}

impl<V: Value> Iterator for Points<'_, V> {
    type Item = Result<Point<V>>;

    fn next(&mut self) -> Option<Result<Point<V>>> {
        self.step(|series| series.next())
    }
}

impl<V: Value> DoubleEndedIterator for Points<'_, V> {
    fn next_back(&mut self) -> Option<Result<Point<V>>> {
        self.step(|series| series.next_back())
    }
}

impl<V> fmt::Debug for Points<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Points")
            .field("table", &self.table)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}
