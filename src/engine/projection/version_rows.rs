//! Reading a versions table: keys with all their versions.

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
    /// Its versions, oldest first.
    pub versions: Vec<Version>,
}

/// An iterator over the keys of a versions table with all their versions. It ends after the first error.
///
/// Only keys that begin with the same key are held at a time. The rows of a key are contiguous, except that a longer key
/// which continues with the zero byte of the fence sorts between two of its stamps. So the rows of a key and of such longer
/// keys are collected until a row of another key follows.
#[derive(Debug)]
#[must_use]
pub struct VersionsByKey<'v> {
    rows: Rows<'v>,
    /// The keys that are being collected.
    family: BTreeMap<Vec<u8>, Vec<Version>>,
    /// The shortest key of the family, fenced.
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
