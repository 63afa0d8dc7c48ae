//! The rows of a table in the order of their keys.

use crate::engine::entry::{STAMP_LEN, Stamp};
use crate::engine::error::Result;
use crate::engine::projection::damage::{Damage, panic_message};
use std::fmt;
use std::fmt::Display;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

type Guard = redb::OwnedAccessGuard<&'static [u8]>;
pub(super) type Range = redb::OwnedRange<&'static [u8], &'static [u8]>;

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
    /// The rows that were not returned yet; `None` for an empty table, and after an error.
    range: Option<Range>,
    damage: &'v Damage,
    /// The number of rows that were read from the view.
    read: &'v AtomicU64,
    /// The encoded stamp up to which rows of a versions table are returned; rows with greater stamps are skipped.
    /// `None` to return all rows.
    newest: Option<[u8; STAMP_LEN]>,
}

impl<'v> Rows<'v> {
    /// Creates an iterator over the rows of `range`.
    pub(super) fn new(range: Option<Range>, damage: &'v Damage, read: &'v AtomicU64) -> Rows<'v> {
        Rows { range, damage, read, newest: None }
    }

    /// Skips the rows of a versions table whose stamps are greater than `newest`.
    pub(super) fn until(self, newest: Option<Stamp>) -> Rows<'v> {
        Rows { newest: newest.map(|stamp| stamp.to_bytes()), ..self }
    }

    /// Ends the iterator because of a malformed or unreadable row, records the damage, and returns the error.
    pub(super) fn fail(&mut self, reason: impl Display) -> crate::engine::error::Error {
        self.range = None;
        self.damage.record(reason)
    }
}

/// The next row of a range, as redb returns it.
type Step = Option<std::result::Result<(Guard, Guard), redb::StorageError>>;

impl<'v> Rows<'v> {
    fn step(&mut self, step: impl FnOnce(&mut Range) -> Step) -> Option<Result<Row<'v>>> {
        let range = self.range.as_mut()?;
        // redb panics on some damaged pages.
        let row = match catch_unwind(AssertUnwindSafe(|| step(range))) {
            Ok(row) => row?,
            Err(panic) => {
                return Some(Err(self.fail(format!("a panic: {}", panic_message(panic.as_ref())))));
            }
        };
        Some(row.map_err(|e| self.fail(e)).map(|(key, value)| {
            self.read.fetch_add(1, Ordering::Relaxed);
            Row { key, value, view: PhantomData }
        }))
    }

    fn skips(&self, row: &Row<'v>) -> bool {
        // A row that is too short for a stamp is malformed, and is returned so that its reader reports it.
        let stamp = row.key().last_chunk::<STAMP_LEN>();
        self.newest.is_some_and(|newest| stamp.is_some_and(|stamp| *stamp > newest))
    }
}

impl<'v> Iterator for Rows<'v> {
    type Item = Result<Row<'v>>;

    fn next(&mut self) -> Option<Result<Row<'v>>> {
        loop {
            match self.step(Range::next)? {
                Ok(row) if self.skips(&row) => {}
                item => return Some(item),
            }
        }
    }
}

impl DoubleEndedIterator for Rows<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            match self.step(Range::next_back)? {
                Ok(row) if self.skips(&row) => {}
                item => return Some(item),
            }
        }
    }
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}
