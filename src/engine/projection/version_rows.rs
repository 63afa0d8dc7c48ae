//! Readers of a versions table. `VersionRows` reads single rows, and [`VersionsByKey`] reads keys with all their
//! versions.

#[cfg(any(feature = "ml", test))]
use crate::engine::error::Error;
use crate::engine::error::Result;
use crate::engine::projection::rows::{Row, Rows};
use crate::engine::projection::version::{Version, split_version_row};
use std::collections::BTreeMap;
use std::collections::btree_map;

/// A key of a versions table with all its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyVersions {
    /// The key.
    pub key: Vec<u8>,
    /// The versions, oldest first.
    pub versions: Vec<Version>,
}

impl KeyVersions {
    fn new((key, mut versions): (Vec<u8>, Vec<Version>)) -> KeyVersions {
        // Rows that were read from the end of the table are in descending order.
        versions.sort_by_key(|version| version.stamp);
        KeyVersions { key, versions }
    }
}

/// Keys with the versions that were read so far. The first key is not in the map, because most families have only one
/// key.
#[derive(Debug, Default)]
struct Keys {
    /// The key that was added first, which is not always the lowest key.
    first: Option<(Vec<u8>, Vec<Version>)>,
    /// The other keys.
    more: BTreeMap<Vec<u8>, Vec<Version>>,
}

impl Keys {
    /// Adds versions of a key.
    fn add(&mut self, key: &[u8], versions: impl IntoIterator<Item = Version>) {
        let (first, of_first) = self.first.get_or_insert_with(|| (key.to_vec(), Vec::with_capacity(1)));
        let of_key = if first == key { of_first } else { self.more.entry(key.to_vec()).or_default() };
        of_key.extend(versions);
    }
}

/// An iterator over keys whose versions were all read, in the order of the keys.
#[derive(Debug, Default)]
struct CompleteKeys {
    first: Option<(Vec<u8>, Vec<Version>)>,
    more: btree_map::IntoIter<Vec<u8>, Vec<Version>>,
}

impl From<Keys> for CompleteKeys {
    fn from(Keys { first, more }: Keys) -> CompleteKeys {
        let mut keys = CompleteKeys { first, more: btree_map::IntoIter::default() };
        if !more.is_empty() {
            let mut all = more;
            all.extend(keys.first.take());
            keys.more = all.into_iter();
        }
        keys
    }
}

impl Iterator for CompleteKeys {
    type Item = (Vec<u8>, Vec<Version>);

    fn next(&mut self) -> Option<Self::Item> {
        self.first.take().or_else(|| self.more.next())
    }
}

impl DoubleEndedIterator for CompleteKeys {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.first.take().or_else(|| self.more.next_back())
    }
}

/// The keys that are being collected at one end of a table: a key, and longer keys that begin with this key and a zero
/// byte.
///
/// A row that lies between two rows of a key begins with this key and a zero byte, and therefore belongs to the same
/// family. This holds in both directions of reading.
#[derive(Debug, Default)]
struct Family {
    keys: Keys,
    /// The shortest key of the family, followed by a zero byte. The keys of all rows of the family begin with these
    /// bytes. Empty before the first row.
    shortest: Vec<u8>,
}

impl Family {
    /// Adds a row. If the row begins a new family, returns the keys of the previous family, which are then complete.
    fn add(&mut self, row: &Row<'_>) -> std::result::Result<Option<Keys>, &'static str> {
        let (key, stamp) = split_version_row(row.key()).ok_or("a versions key is too short")?;
        let version = Version::decode(stamp, row.value()).ok_or("a versions row is malformed")?;
        let belongs = !self.shortest.is_empty() && row.key().starts_with(&self.shortest);
        let complete = (!belongs).then(|| std::mem::take(&mut self.keys));
        if !belongs || key.len() + 1 < self.shortest.len() {
            self.shortest.clear();
            self.shortest.extend_from_slice(key);
            self.shortest.push(0);
        }
        self.keys.add(key, [version]);
        Ok(complete)
    }

    /// Moves all keys out of the family.
    fn take(&mut self) -> Keys {
        std::mem::take(self).keys
    }
}

/// The keys that were read at one end of a table and not returned yet: complete keys, and the [`Family`] whose rows are
/// still being read.
#[derive(Debug, Default)]
struct End {
    complete: CompleteKeys,
    family: Family,
}

/// An iterator over the keys of a versions table with all their versions. It can be read from both ends, and ends after
/// the first error.
///
/// The rows of a key are contiguous, with one exception: rows of a longer key that begins with the key and a zero byte
/// may be between them. The key and these longer keys are a family. The iterator collects the rows of a family until a
/// row of another family follows. At each end, only the rows of one family and that following row are in memory.
///
/// Every key is returned once. Keys are in order, but the keys of one family may be returned in any order.
#[derive(Debug)]
#[must_use]
pub struct VersionsByKey<'v> {
    rows: Rows<'v>,
    front: End,
    back: End,
}

impl<'v> VersionsByKey<'v> {
    pub(super) fn new(rows: Rows<'v>) -> VersionsByKey<'v> {
        VersionsByKey { rows, front: End::default(), back: End::default() }
    }

    /// Returns the keys that are still being collected after the last row was read. Rows of one key may have been read
    /// from both ends.
    fn rest(&mut self) -> Keys {
        let mut rest = self.front.family.take();
        for (key, versions) in CompleteKeys::from(self.back.family.take()) {
            rest.add(&key, versions);
        }
        rest
    }

    /// Ends the iterator.
    fn end(&mut self) {
        (self.front, self.back) = (End::default(), End::default());
    }

    /// Adds a row to the [`Family`] at one end of the table. After an error, the iterator has ended.
    fn add(&mut self, row: Result<Row<'v>>, end: fn(&mut Self) -> &mut End) -> Result<()> {
        let row = row.inspect_err(|_| self.end())?;
        let added = end(self).family.add(&row);
        let complete = added.map_err(|reason| {
            self.end();
            self.rows.fail(reason)
        })?;
        if let Some(complete) = complete {
            end(self).complete = complete.into();
        }
        Ok(())
    }
}

impl Iterator for VersionsByKey<'_> {
    type Item = Result<KeyVersions>;

    fn next(&mut self) -> Option<Result<KeyVersions>> {
        loop {
            if let Some(key) = self.front.complete.next() {
                return Some(Ok(KeyVersions::new(key)));
            }
            if let Some(row) = self.rows.next() {
                match self.add(row, |keys| &mut keys.front) {
                    Ok(()) => continue,
                    Err(e) => return Some(Err(e)),
                }
            }
            self.front.complete = self.rest().into();
            let next = self.front.complete.next().or_else(|| self.back.complete.next());
            return next.map(|key| Ok(KeyVersions::new(key)));
        }
    }
}

impl DoubleEndedIterator for VersionsByKey<'_> {
    fn next_back(&mut self) -> Option<Result<KeyVersions>> {
        loop {
            if let Some(key) = self.back.complete.next_back() {
                return Some(Ok(KeyVersions::new(key)));
            }
            if let Some(row) = self.rows.next_back() {
                match self.add(row, |keys| &mut keys.back) {
                    Ok(()) => continue,
                    Err(e) => return Some(Err(e)),
                }
            }
            self.back.complete = self.rest().into();
            let next = self.back.complete.next_back().or_else(|| self.front.complete.next_back());
            return next.map(|key| Ok(KeyVersions::new(key)));
        }
    }
}

/// A row of a versions table: a key with one of its versions. The key and the value are borrowed from the row.
#[derive(Debug)]
#[cfg(any(feature = "ml", test))]
pub(crate) struct VersionRow<'r> {
    /// The key.
    pub(crate) key: &'r [u8],
    /// The version.
    pub(crate) version: Version<&'r [u8]>,
}

/// An iterator over the rows of a versions table in the order of the table. The rows of one key are not
/// always contiguous. [`VersionsByKey`] collects the versions of each key, but copies each row.
#[derive(Debug)]
#[cfg(any(feature = "ml", test))]
pub(crate) struct VersionRows<'v> {
    rows: Rows<'v>,
}

#[cfg(any(feature = "ml", test))]
impl<'v> VersionRows<'v> {
    pub(super) fn new(rows: Rows<'v>) -> VersionRows<'v> {
        VersionRows { rows }
    }

    /// Calls `f` with each row, in order, until `f` returns an error.
    pub(crate) fn try_for_each<E: From<Error>>(
        mut self,
        mut f: impl FnMut(VersionRow<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        while let Some(row) = self.rows.next() {
            let row = row?;
            f(decode(&row).map_err(|reason| self.rows.fail(reason))?)?;
        }
        Ok(())
    }
}

/// Decodes a row of a versions table.
#[cfg(any(feature = "ml", test))]
fn decode<'r>(row: &'r Row<'_>) -> std::result::Result<VersionRow<'r>, &'static str> {
    let (key, stamp) = split_version_row(row.key()).ok_or("a versions key is too short")?;
    let version = Version::decode_borrowed(stamp, row.value()).ok_or("a versions row is malformed")?;
    Ok(VersionRow { key, version })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::{Seq, Stamp, StreamId};
    use crate::engine::projection::damage::Damage;
    use crate::engine::projection::table::{Definition, fenced};
    use crate::engine::projection::version::version_row;
    use redb::ReadableDatabase;
    use redb::backends::InMemoryBackend;
    use std::sync::atomic::AtomicU64;

    fn database(rows: &[(&[u8], u64, Vec<u8>)]) -> redb::Database {
        let database = redb::Builder::new().create_with_backend(InMemoryBackend::new()).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut table = transaction.open_table(Definition::new("versions")).unwrap();
        for (key, time, value) in rows {
            let stamp = Stamp { time: *time, stream: StreamId([0; 16]), seq: Seq(1) };
            table.insert(version_row(&fenced(key), stamp).as_slice(), value.as_slice()).unwrap();
        }
        drop(table);
        transaction.commit().unwrap();
        database
    }

    fn items(database: &redb::Database, damage: &Damage) -> Vec<Result<(Vec<u8>, usize)>> {
        let read = AtomicU64::new(0);
        let transaction = database.begin_read().unwrap();
        let table = transaction.open_table(Definition::new("versions")).unwrap();
        let rows = Rows::new(Some(table.range_owned::<&[u8]>(..).unwrap()), damage, &read);
        VersionsByKey::new(rows).map(|item| item.map(|key| (key.key, key.versions.len()))).collect()
    }

    #[test]
    fn versions_of_nested_keys_are_grouped_by_key() {
        let value = || Version::encode(&[], b"value");
        // The rows of the second key sort between the two rows of the first.
        let nested = b"a\0\0\0\0\0\0\0\x05".as_slice();
        let database =
            database(&[(b"a", 1, value()), (nested, 1, value()), (b"a", 9, value()), (b"b", 1, value())]);
        let damage = Damage::none("/generations".into());
        let keys: Vec<_> = items(&database, &damage).into_iter().map(Result::unwrap).collect();
        assert_eq!(keys, [(b"a".to_vec(), 2), (nested.to_vec(), 1), (b"b".to_vec(), 1)]);
        assert_eq!(damage.reason(), None);
    }

    #[test]
    fn single_rows_are_in_the_order_of_the_table_until_the_reader_fails_or_a_row_is_malformed() {
        let value = || Version::encode(&[], b"value");
        // The row of the second key sorts between the two rows of the first key.
        let nested = b"a\0\0\0\0\0\0\0\x05".as_slice();
        let rows = [
            (b"a".as_slice(), 1, value()),
            (nested, 1, value()),
            (b"a", 1 << 60, value()),
            (b"b", 1, vec![9]),
        ];
        let database = database(&rows);
        let (read, damage) = (AtomicU64::new(0), Damage::none("/generations".into()));
        let transaction = database.begin_read().unwrap();
        let table = transaction.open_table(Definition::new("versions")).unwrap();
        let rows =
            || VersionRows::new(Rows::new(Some(table.range_owned::<&[u8]>(..).unwrap()), &damage, &read));
        let mut seen = Vec::new();
        let ended = rows().try_for_each(|VersionRow { key, version }| {
            assert_eq!(version.value, b"value");
            seen.push((key.to_vec(), version.stamp.time));
            if seen.len() < 3 { Ok(()) } else { Err(Error::CommitEmpty) }
        });
        assert!(matches!(ended, Err(Error::CommitEmpty)));
        assert_eq!(seen, [(b"a".to_vec(), 1), (nested.to_vec(), 1), (b"a".to_vec(), 1 << 60)]);
        assert_eq!(damage.reason(), None);
        let ended = rows().try_for_each(|_| Ok::<_, Error>(()));
        assert_eq!(ended.unwrap_err().code(), "projection_unusable");
        assert_eq!(damage.reason(), Some("a versions row is malformed"));
    }

    /// Takes all items one by one and returns them sorted. Item n, counted from 0, is taken from the back of the table
    /// if bit n modulo 32 of `ends` is set, otherwise from the front.
    fn items_from(database: &redb::Database, ends: u32) -> Vec<(Vec<u8>, Vec<u64>)> {
        let (read, damage) = (AtomicU64::new(0), Damage::none("/generations".into()));
        let transaction = database.begin_read().unwrap();
        let table = transaction.open_table(Definition::new("versions")).unwrap();
        let rows = Rows::new(Some(table.range_owned::<&[u8]>(..).unwrap()), &damage, &read);
        let mut keys = VersionsByKey::new(rows);
        let mut items = Vec::new();
        for n in (0..32).cycle() {
            let item = if ends & 1 << n == 0 { keys.next() } else { keys.next_back() };
            let Some(item) = item else { break };
            let KeyVersions { key, versions } = item.unwrap();
            items.push((key, versions.iter().map(|v| v.stamp.time).collect()));
        }
        assert!(keys.next().is_none() && keys.next_back().is_none());
        items.sort();
        items
    }

    #[test]
    fn every_key_is_returned_once_with_all_versions_from_whichever_ends_it_is_read() {
        let value = || Version::encode(&[], b"value");
        let nested = |last| [b"a\0\0\0\0\0\0\0".as_slice(), &[last]].concat();
        let (five, seven, deep) = (nested(5), nested(7), [nested(5).as_slice(), &[0; 9]].concat());
        let mut rows: Vec<(&[u8], u64, Vec<u8>)> = Vec::new();
        for key in [b"".as_slice(), b"a", &five, &deep, &seven, b"a\0", b"a\0\xff", b"b"] {
            // The versions of the first keys are before, between and behind the rows of the nested keys.
            rows.extend([0, 5, 6, 1 << 60].map(|time| (key, time, value())));
        }
        let mut expected: Vec<(Vec<u8>, Vec<u64>)> =
            rows.chunks(4).map(|rows| (rows[0].0.to_vec(), rows.iter().map(|r| r.1).collect())).collect();
        expected.sort();
        let database = database(&rows);
        for ends in 0..1 << 8 {
            assert_eq!(items_from(&database, ends * 0x0101_0101), expected, "{ends:b}");
        }
    }

    #[test]
    fn malformed_row_is_the_last_item_and_is_recorded_as_damage() {
        let value = || Version::encode(&[], b"value");
        // The second row has nine stamps by its count, and no bytes for them.
        let database = database(&[(b"a", 1, value()), (b"b", 1, vec![9]), (b"c", 1, value())]);
        let damage = Damage::none("/generations".into());
        let items = items(&database, &damage);
        assert!(matches!(&items[..], [Err(e)] if e.code() == "projection_unusable"), "{items:?}");
        assert_eq!(damage.reason(), Some("a versions row is malformed"));
    }
}
