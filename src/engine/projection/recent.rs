//! The rows of recent entries, which are not in the database yet.
//!
//! A commit of the database costs much more than the few rows of a small catch-up, so these rows are collected in memory.
//! Only sets and versions tables have such rows: the rows of other tables are merged with rows of the database.
//!
//! Rows in memory are lost with the process, as are the changes of its open database. The cursors in memory and the rows
//! in memory belong together: a generation contains both.

use crate::engine::projection::bounds::KeyBounds;
use crate::engine::projection::table::{Definition, RowResult};
use crate::engine::projection::tables::Rows;
use redb::WriteTransaction;
use std::collections::{BTreeMap, VecDeque};

/// The maximum number of rows in memory.
const ROWS_MAX: usize = 1024;
/// The maximum number of bytes in memory.
const BYTES_MAX: usize = 1 << 20;

/// Keys and values of consecutive rows.
pub(super) type KeysAndValues = VecDeque<(Vec<u8>, Vec<u8>)>;

/// The rows of recent entries, by table and key. The value of a row of a set is empty.
#[derive(Debug, Default)]
pub(super) struct RecentRows {
    tables: BTreeMap<&'static str, BTreeMap<Vec<u8>, Vec<u8>>>,
    rows: usize,
    bytes: usize,
}

impl RecentRows {
    /// Adds rows. Returns the rows, and adds none of them, if they are too many, or if some of them belong to series or
    /// registers.
    pub(super) fn add(&mut self, added: Rows) -> Result<(), Rows> {
        if !added.series.is_empty() || !added.registers.is_empty() {
            return Err(added);
        }
        let keys = added.sets.values().flatten().map(Vec::len);
        let versions = added.versions.values().flatten().map(|(key, value)| key.len() + value.len());
        let (mut rows, mut bytes) = (self.rows, self.bytes);
        for len in keys.chain(versions) {
            rows += 1;
            bytes = bytes.saturating_add(len);
        }
        if rows > ROWS_MAX || bytes > BYTES_MAX {
            return Err(added);
        }
        (self.rows, self.bytes) = (rows, bytes);
        for (name, keys) in added.sets {
            self.tables.entry(name).or_default().extend(keys.into_iter().map(|key| (key, Vec::new())));
        }
        for (name, versions) in added.versions {
            self.tables.entry(name).or_default().extend(versions);
        }
        Ok(())
    }

    /// Returns copies of the rows of a table whose keys are in a range. The range must not be empty.
    pub(super) fn within(&self, table: &str, bounds: &KeyBounds) -> KeysAndValues {
        let rows = self.tables.get(table).map(|rows| rows.range::<[u8], _>(bounds.as_slices()));
        rows.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Writes the rows in a transaction.
    pub(super) fn write(&self, transaction: &WriteTransaction) -> RowResult<()> {
        for (name, rows) in &self.tables {
            let mut table = transaction.open_table(Definition::new(name))?;
            for (key, value) in rows {
                table.insert(key.as_slice(), value.as_slice())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn sets(keys: impl IntoIterator<Item = Vec<u8>>) -> Rows {
        Rows { sets: BTreeMap::from([("s", BTreeSet::from_iter(keys))]), ..Rows::default() }
    }

    #[test]
    fn rows_are_refused_if_they_are_too_many_or_too_long() {
        let mut recent = RecentRows::default();
        let key = |n: usize| n.to_be_bytes().to_vec();
        assert!(recent.add(sets((1..ROWS_MAX).map(key))).is_ok());
        assert!(recent.add(sets((0..2).map(key))).is_err());
        assert!(recent.add(sets([vec![0; BYTES_MAX]])).is_err());
        assert_eq!(recent.within("s", &KeyBounds::all()).len(), ROWS_MAX - 1);
        assert!(recent.add(sets([key(0)])).is_ok());
        assert_eq!(recent.within("s", &KeyBounds::prefix(&key(0))), [(key(0), Vec::new())]);
        assert!(recent.within("t", &KeyBounds::all()).is_empty());
    }

    #[test]
    fn rows_of_series_and_registers_are_refused() {
        let mut rows = sets([b"k".to_vec()]);
        rows.series.slot("series", b"k");
        assert!(RecentRows::default().add(rows).is_err());
        let mut rows = sets([b"k".to_vec()]);
        rows.registers.slot("registers", b"k");
        assert!(RecentRows::default().add(rows).is_err());
    }
}
