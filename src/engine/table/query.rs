//! Queries: iterators over the keys of a table, in order.

use crate::engine::error::Result;
use crate::engine::projection::bounds::KeyBounds;
use crate::engine::projection::{TableSpec, View};
use crate::engine::table::key_range::{KeyPrefix, KeyRange, rows_in_range, rows_with_prefix};
use std::fmt;
use std::marker::PhantomData;

/// The items of a query, read from an open table.
pub(super) type Answers<'v, I> = Box<dyn DoubleEndedIterator<Item = Result<I>> + 'v>;

/// A function that opens a table, and returns an iterator over the items whose rows are in a range.
pub(super) type Open<'v, I> = fn(&'v View, TableSpec, &KeyBounds) -> Result<Answers<'v, I>>;

/// An iterator that is opened when the first item is requested, and that ends after a number of items or an error.
pub(super) struct Lazy<S> {
    items: Option<S>,
    left: usize,
}

impl<S> Lazy<S> {
    pub(super) fn new() -> Lazy<S> {
        Lazy { items: None, left: usize::MAX }
    }

    /// Ends the iterator after `items` further items.
    pub(super) fn limit(&mut self, items: usize) {
        self.left = self.left.min(items);
    }

    /// Returns the next item of the iterator. The function `open` opens the iterator at the first call. The function
    /// `step` takes the item from one end of the open iterator. The iterator ends when `step` returns `None` or an
    /// error, or when the limit of items is reached.
    pub(super) fn step<I>(
        &mut self,
        open: impl FnOnce() -> Result<S>,
        step: impl FnOnce(&mut S) -> Option<Result<I>>,
    ) -> Option<Result<I>> {
        if self.left == 0 {
            return None;
        }
        let opened = match self.items.take() {
            Some(items) => Ok(items),
            None => open(),
        };
        let item = match opened {
            Ok(items) => step(self.items.insert(items)),
            Err(e) => Some(Err(e)),
        };
        match &item {
            Some(Ok(_)) => self.left -= 1,
            Some(Err(_)) | None => {
                self.left = 0;
                self.items = None;
            }
        }
        item
    }
}

/// A query to a table with keys of type `K`: an iterator over items of type `I`, in the order of the keys, from either
/// end.
///
/// [`prefix`](Query::prefix), [`range`](Query::range) and [`limit`](Query::limit) restrict the query; call them before
/// the first item is requested. [`rev`](Iterator::rev) reads from the last key to the first.
///
/// # Errors
/// An error is the last item. `table_unknown`: no projection of the engine declares the table.
/// `table_not_versioned`: the view is [as of a stamp](View::as_of), and the table is a set or a registers table.
/// `projection_unusable`: a row cannot be read or does not have the types of the table. The next view of the engine
/// then reads rebuilt tables.
///
/// # Cost
/// The table is opened at the first item. The rows between the bounds are read one after the other, up to the last
/// requested item and one row more. No other rows are read. For each end that is read, the rows of one key are in
/// memory.
#[must_use = "a query reads nothing before an item is requested"]
pub struct Query<'v, K, I> {
    view: &'v View,
    table: TableSpec,
    rows: KeyBounds,
    open: Open<'v, I>,
    items: Lazy<Answers<'v, I>>,
    key: PhantomData<fn(K)>,
}

impl<'v, K, I> Query<'v, K, I> {
    /// Creates a query for all keys.
    pub(super) fn new(view: &'v View, table: TableSpec, open: Open<'v, I>) -> Query<'v, K, I> {
        Query { view, table, rows: KeyBounds::all(), open, items: Lazy::new(), key: PhantomData }
    }

    /// Restricts the query to keys that begin with `prefix`.
    pub fn prefix(mut self, prefix: impl KeyPrefix<K>) -> Query<'v, K, I> {
        self.rows.intersect(rows_with_prefix(&prefix));
        self
    }

    /// Restricts the query to keys in `range`.
    pub fn range(mut self, range: impl KeyRange<K>) -> Query<'v, K, I> {
        self.rows.intersect(rows_in_range(&range));
        self
    }

    /// Restricts the query to `items` items. The items are counted as they are requested, from whichever end:
    /// `query.limit(3).rev()` returns the last three items, beginning with the last item.
    pub fn limit(mut self, items: usize) -> Query<'v, K, I> {
        self.items.limit(items);
        self
    }
}

impl<K, I> Iterator for Query<'_, K, I> {
    type Item = Result<I>;

    fn next(&mut self) -> Option<Result<I>> {
        let open = || (self.open)(self.view, self.table, &self.rows);
        self.items.step(open, |items| items.next())
    }
}

impl<K, I> DoubleEndedIterator for Query<'_, K, I> {
    fn next_back(&mut self) -> Option<Result<I>> {
        let open = || (self.open)(self.view, self.table, &self.rows);
        self.items.step(open, |items| items.next_back())
    }
}

impl<K, I> fmt::Debug for Query<'_, K, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("table", &self.table).field("rows", &self.rows).finish_non_exhaustive()
    }
}
