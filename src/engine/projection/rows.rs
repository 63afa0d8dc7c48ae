//! The rows of a table in the order of their keys.

use crate::engine::entry::{STAMP_LEN, Stamp};
use crate::engine::error::Result;
use crate::engine::projection::damage::{Damage, panic_message};
use crate::engine::projection::recent::KeysAndValues;
use std::cmp::Ordering;
use std::fmt;
use std::fmt::Display;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{self, AtomicU64};

type Guard = redb::OwnedAccessGuard<&'static [u8]>;
pub(super) type Range = redb::OwnedRange<&'static [u8], &'static [u8]>;

/// A row of a table.
pub struct Row<'v> {
    bytes: RowBytes,
    /// A row does not outlive its view.
    view: PhantomData<&'v ()>,
}

/// The key and the value of a row.
enum RowBytes {
    /// Borrowed from the page of the database from which they were read.
    Stored(Guard, Guard),
    /// Copied from the rows that are not in the database yet.
    Recent(Vec<u8>, Vec<u8>),
}

impl Row<'_> {
    fn new(bytes: RowBytes) -> Self {
        Row { bytes, view: PhantomData }
    }

    /// Returns the key of the row.
    pub fn key(&self) -> &[u8] {
        match &self.bytes {
            RowBytes::Stored(key, _) => key.value(),
            RowBytes::Recent(key, _) => key,
        }
    }

    /// Returns the value of the row; empty in a set.
    pub fn value(&self) -> &[u8] {
        match &self.bytes {
            RowBytes::Stored(_, value) => value.value(),
            RowBytes::Recent(_, value) => value,
        }
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
    /// The rows of the database that were not read yet; `None` for an empty table, and after an error.
    range: Option<Range>,
    /// The rows in memory that were not returned yet.
    recent: KeysAndValues,
    /// The row of the database at each end that was read, and not returned yet because of rows in memory.
    peeked: [Option<Row<'v>>; 2],
    damage: &'v Damage,
    /// The number of rows that were read from the view.
    read: &'v AtomicU64,
    /// The encoded stamp up to which rows of a versions table are returned; rows with greater stamps are skipped.
    /// `None` to return all rows.
    newest: Option<[u8; STAMP_LEN]>,
}

/// An end of a range of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Front,
    Back,
}

impl<'v> Rows<'v> {
    /// Creates an iterator over the rows of `range`.
    pub(super) fn new(range: Option<Range>, damage: &'v Damage, read: &'v AtomicU64) -> Rows<'v> {
        Rows { range, recent: KeysAndValues::new(), peeked: [None, None], damage, read, newest: None }
    }

    /// Adds rows that are not in the database. A row that is in the database too is returned once.
    pub(super) fn with(self, recent: KeysAndValues) -> Rows<'v> {
        Rows { recent, ..self }
    }

    /// Skips the rows of a versions table whose stamps are greater than `newest`.
    pub(super) fn until(self, newest: Option<Stamp>) -> Rows<'v> {
        Rows { newest: newest.map(|stamp| stamp.to_bytes()), ..self }
    }

    /// Ends the iterator because of a malformed or unreadable row, records the damage, and returns the error.
    pub(super) fn fail(&mut self, reason: impl Display) -> crate::engine::error::Error {
        self.range = None;
        self.recent.clear();
        self.peeked = [None, None];
        self.damage.record(reason)
    }

    /// Reads the next row of the database.
    fn read_stored(&mut self, end: End) -> Option<Result<Row<'v>>> {
        let range = self.range.as_mut()?;
        let step = || match end {
            End::Front => range.next(),
            End::Back => range.next_back(),
        };
        // redb panics on some damaged pages.
        let row = match catch_unwind(AssertUnwindSafe(step)) {
            Ok(row) => row?,
            Err(panic) => {
                return Some(Err(self.fail(format!("a panic: {}", panic_message(panic.as_ref())))));
            }
        };
        Some(row.map_err(|e| self.fail(e)).map(|(key, value)| Row::new(RowBytes::Stored(key, value))))
    }

    /// Returns the place of the row that was peeked at this end.
    fn peeked(&mut self, end: End) -> &mut Option<Row<'v>> {
        let [front, back] = &mut self.peeked;
        if end == End::Front { front } else { back }
    }

    /// Returns the next row of the database: the row that was peeked at this end, or the next one of the range, or the
    /// row that was peeked at the other end.
    fn stored(&mut self, end: End) -> Option<Result<Row<'v>>> {
        if let Some(row) = self.peeked(end).take() {
            return Some(Ok(row));
        }
        let other = if end == End::Front { End::Back } else { End::Front };
        self.read_stored(end).or_else(|| self.peeked(other).take().map(Ok))
    }

    /// Returns the next row of the database and of the rows in memory.
    fn step(&mut self, end: End) -> Option<Result<Row<'v>>> {
        let stored = match self.stored(end) {
            Some(Err(e)) => return Some(Err(e)),
            Some(Ok(row)) => Some(row),
            None => None,
        };
        let recent = if end == End::Front { self.recent.front() } else { self.recent.back() };
        let order = match (&stored, recent) {
            (_, None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(row), Some((key, _))) if end == End::Front => row.key().cmp(key),
            (Some(row), Some((key, _))) => key.as_slice().cmp(row.key()),
        };
        let stored = match order {
            Ordering::Less => stored?,
            Ordering::Equal => {
                self.pop_recent(end);
                stored?
            }
            Ordering::Greater => {
                *self.peeked(end) = stored;
                let (key, value) = self.pop_recent(end)?;
                Row::new(RowBytes::Recent(key, value))
            }
        };
        self.read.fetch_add(1, atomic::Ordering::Relaxed);
        Some(Ok(stored))
    }

    fn pop_recent(&mut self, end: End) -> Option<(Vec<u8>, Vec<u8>)> {
        if end == End::Front { self.recent.pop_front() } else { self.recent.pop_back() }
    }

    /// Returns the next row that is not skipped.
    fn shown(&mut self, end: End) -> Option<Result<Row<'v>>> {
        loop {
            match self.step(end)? {
                Ok(row) if self.skips(&row) => {}
                item => return Some(item),
            }
        }
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
        self.shown(End::Front)
    }
}

impl DoubleEndedIterator for Rows<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.shown(End::Back)
    }
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::projection::table::Definition;
    use redb::ReadableDatabase;
    use redb::backends::InMemoryBackend;
    use std::collections::BTreeMap;

    /// Each key is in the database, in memory, in both or in neither. The rows are read in every order of both ends.
    #[test]
    fn rows_in_memory_are_returned_in_order_among_rows_of_the_database() {
        const KEYS: u32 = 4;
        const TABLE: Definition<'static> = Definition::new("t");
        for places in 0..4u32.pow(KEYS) {
            let place = |key: u32| places / 4u32.pow(key) % 4;
            let row = |key: u32| (vec![key as u8], vec![key as u8 + 100]);
            let database = redb::Builder::new().create_with_backend(InMemoryBackend::new()).unwrap();
            let transaction = database.begin_write().unwrap();
            let mut table = transaction.open_table(TABLE).unwrap();
            for (key, value) in (0..KEYS).filter(|key| place(*key) & 1 != 0).map(row) {
                table.insert(key.as_slice(), value.as_slice()).unwrap();
            }
            drop(table);
            transaction.commit().unwrap();
            let transaction = database.begin_read().unwrap();
            let table = transaction.open_table(TABLE).unwrap();
            for order in 0..1 << KEYS {
                let (damage, read) = (Damage::none("/p".into()), AtomicU64::new(0));
                let range = table.range_owned::<&[u8]>(..).unwrap();
                let recent = (0..KEYS).filter(|key| place(*key) & 2 != 0).map(row).collect();
                let mut rows = Rows::new(Some(range), &damage, &read).with(recent);
                let mut left: BTreeMap<_, _> = (0..KEYS).filter(|key| place(*key) != 0).map(row).collect();
                let count = left.len() as u64;
                for n in 0..=KEYS {
                    let (row, expected) = match order >> n & 1 {
                        0 => (rows.next(), left.pop_first()),
                        _ => (rows.next_back(), left.pop_last()),
                    };
                    let row = row.map(|row| row.unwrap());
                    let row = row.map(|row| (row.key().to_vec(), row.value().to_vec()));
                    assert_eq!(row, expected, "places {places}, order {order}, row {n}");
                }
                assert_eq!(read.load(atomic::Ordering::Relaxed), count);
            }
        }
    }
}
