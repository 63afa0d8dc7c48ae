//! Iterators over a versions table: keys with all their versions.

use crate::engine::error::Result;
use crate::engine::projection::rows::{Row, Rows};
use crate::engine::projection::table::fenced;
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

/// An iterator over the keys of a versions table with all their versions. It ends after the first error.
///
/// The rows of a key are contiguous, with one exception: rows of a longer key that continues with a zero byte, as a
/// fenced key does, may be between them. The rows of a key and of such longer keys are therefore collected until a row
/// of another key follows. Only these keys are in memory.
#[derive(Debug)]
#[must_use]
pub struct VersionsByKey<'v> {
    rows: Rows<'v>,
    /// The keys that are being collected.
    family: BTreeMap<Vec<u8>, Vec<Version>>,
    /// The shortest key of `family`, fenced.
    shortest: Option<Vec<u8>>,
    /// The keys that are complete.
    complete: btree_map::IntoIter<Vec<u8>, Vec<Version>>,
}

impl<'v> VersionsByKey<'v> {
    pub(super) fn new(rows: Rows<'v>) -> VersionsByKey<'v> {
        VersionsByKey { rows, family: BTreeMap::new(), shortest: None, complete: BTreeMap::new().into_iter() }
    }

    /// Adds a row to the family, after completing the previous family if the row does not belong to it.
    fn add(&mut self, row: &Row<'_>) -> std::result::Result<(), &'static str> {
        let (key, stamp) = split_version_row(row.key()).ok_or("a versions key is too short")?;
        let version = Version::decode(stamp, row.value()).ok_or("a versions row is malformed")?;
        match &self.shortest {
            Some(shortest) if row.key().starts_with(shortest) => {
                if key.len() + 1 < shortest.len() {
                    self.shortest = Some(fenced(key));
                }
            }
            _ => {
                self.complete = std::mem::take(&mut self.family).into_iter();
                self.shortest = Some(fenced(key));
            }
        }
        match self.family.get_mut(key) {
            Some(versions) => versions.push(version),
            None => drop(self.family.insert(key.to_vec(), vec![version])),
        }
        Ok(())
    }
}

impl Iterator for VersionsByKey<'_> {
    type Item = Result<KeyVersions>;

    fn next(&mut self) -> Option<Result<KeyVersions>> {
        loop {
            if let Some((key, versions)) = self.complete.next() {
                return Some(Ok(KeyVersions { key, versions }));
            }
            let error = match self.rows.next() {
                Some(Ok(row)) => match self.add(&row) {
                    Ok(()) => continue,
                    Err(reason) => self.rows.fail(reason),
                },
                Some(Err(e)) => e,
                None if self.family.is_empty() => return None,
                None => {
                    self.complete = std::mem::take(&mut self.family).into_iter();
                    continue;
                }
            };
            self.family.clear();
            self.complete = BTreeMap::new().into_iter();
            return Some(Err(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::{Seq, Stamp, StreamId};
    use crate::engine::projection::damage::Damage;
    use crate::engine::projection::table::Definition;
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
