//! Buffered rows of tables. A row is found by its key, or faster by its [`Slot`].

use std::collections::HashMap;

/// Buffered rows of several tables. A table has at most one row for each key.
#[derive(Debug)]
pub(super) struct Keyed<R> {
    tables: Vec<Table<R>>,
}

#[derive(Debug)]
struct Table<R> {
    name: &'static str,
    slots: HashMap<Vec<u8>, usize>,
    rows: Vec<R>,
}

/// The place of a row in a [`Keyed`]: the index of its table, and the index of the row in this table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    table: usize,
    row: usize,
}

impl<R> Default for Keyed<R> {
    fn default() -> Keyed<R> {
        Keyed { tables: Vec::new() }
    }
}

impl<R: Default> Keyed<R> {
    /// Returns the slot of the row with the key `key` in the table `name`. If there is no such row, adds an empty row.
    pub(super) fn slot(&mut self, name: &'static str, key: &[u8]) -> Slot {
        let at = self.tables.iter().position(|table| table.name == name).unwrap_or_else(|| {
            self.tables.push(Table { name, slots: HashMap::new(), rows: Vec::new() });
            self.tables.len() - 1
        });
        let row = self.tables.get_mut(at).map_or(0, |table| {
            if let Some(row) = table.slots.get(key) {
                return *row;
            }
            table.rows.push(R::default());
            let row = table.rows.len() - 1;
            table.slots.insert(key.to_vec(), row);
            row
        });
        Slot { table: at, row }
    }

    /// Returns true if there are no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Returns the row of a slot.
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut R> {
        self.tables.get_mut(slot.table)?.rows.get_mut(slot.row)
    }

    /// Adds the rows of `other`. For each of them, calls `merge` with the row that has the same table and key in this
    /// value (an empty row if there is none), and with the row of `other`.
    pub(super) fn append(&mut self, other: Keyed<R>, merge: impl Fn(&mut R, R)) {
        for (name, key, row) in other.into_rows() {
            let slot = self.slot(name, &key);
            if let Some(place) = self.get_mut(slot) {
                merge(place, row);
            }
        }
    }

    /// Returns the rows in the order of their tables and keys.
    pub(super) fn into_rows(mut self) -> impl Iterator<Item = (&'static str, Vec<u8>, R)> {
        self.tables.sort_by_key(|table| table.name);
        self.tables.into_iter().flat_map(|table| {
            let mut keys: Vec<(Vec<u8>, usize)> = table.slots.into_iter().collect();
            // The slots number the rows from 0, so each row is taken once.
            keys.sort_unstable_by_key(|(_, row)| *row);
            let mut rows: Vec<(Vec<u8>, R)> = keys.into_iter().map(|(key, _)| key).zip(table.rows).collect();
            rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            rows.into_iter().map(move |(key, row)| (table.name, key, row))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_slot_and_returned_by_table_and_key() {
        let mut rows: Keyed<Vec<u8>> = Keyed::default();
        for (name, key, value) in [("b", "x", 1), ("a", "z", 2), ("a", "y", 3), ("a", "z", 4)] {
            let slot = rows.slot(name, key.as_bytes());
            rows.get_mut(slot).unwrap().push(value);
        }
        let mut later: Keyed<Vec<u8>> = Keyed::default();
        for (name, key, value) in [("a", "y", 5), ("c", "y", 6)] {
            let slot = later.slot(name, key.as_bytes());
            later.get_mut(slot).unwrap().push(value);
        }
        rows.append(later, |row, mut later| row.append(&mut later));
        let rows: Vec<_> = rows.into_rows().map(|(n, k, r)| (n, String::from_utf8(k).unwrap(), r)).collect();
        let expected =
            [("a", "y", vec![3, 5]), ("a", "z", vec![2, 4]), ("b", "x", vec![1]), ("c", "y", vec![6])];
        assert_eq!(rows, expected.map(|(n, k, r)| (n, k.to_owned(), r)));
    }
}
