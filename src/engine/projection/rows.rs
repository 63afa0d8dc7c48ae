//! The rows of a table in the order of their keys.

use crate::engine::error::Result;
use crate::engine::projection::damage::Damage;
use std::fmt;
use std::fmt::Display;
use std::marker::PhantomData;

type Guard = redb::OwnedAccessGuard<&'static [u8]>;
type Range = redb::OwnedRange<&'static [u8], &'static [u8]>;

/// A row of a table. Key and value are borrowed from the page from which they were read.
pub struct Row<'v> {
    key: Guard,
    value: Guard,
    /// A row does not outlive its view.
    view: PhantomData<&'v ()>,
}

impl Row<'_> {
    /// Returns the key of the row.
    pub fn key(&self) -> &[u8] {
        self.key.value()
    }

    /// Returns the value of the row; empty in a set.
    pub fn value(&self) -> &[u8] {
        self.value.value()
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("key", &self.key()).field("value", &self.value()).finish()
    }
}

/// An iterator over rows, in the order of their keys. It ends after the first error.
#[must_use]
pub struct Rows<'v> {
    /// `None` for an empty table, and after an error.
    range: Option<Range>,
    damage: &'v Damage,
}

impl<'v> Rows<'v> {
    /// Creates an iterator over the rows of `range`.
    pub(super) fn new(range: Option<Range>, damage: &'v Damage) -> Rows<'v> {
        Rows { range, damage }
    }

    /// Ends the iterator because of a malformed or unreadable row, and returns the error.
    pub(super) fn fail(&mut self, reason: impl Display) -> crate::engine::error::Error {
        self.range = None;
        self.damage.record(reason)
    }
}

impl<'v> Iterator for Rows<'v> {
    type Item = Result<Row<'v>>;

    fn next(&mut self) -> Option<Result<Row<'v>>> {
        match self.range.as_mut()?.next()? {
            Ok((key, value)) => Some(Ok(Row { key, value, view: PhantomData })),
            Err(e) => Some(Err(self.fail(e))),
        }
    }
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}
