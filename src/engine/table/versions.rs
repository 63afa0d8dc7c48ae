//! Typed versions tables.

use crate::engine::entry::Stamp;
use crate::engine::error::Result;
use crate::engine::projection::bounds::KeyBounds;
use crate::engine::projection::{Current, KeyVersions, TableKind, TableSpec, Tables, Version, View, current};
use crate::engine::table::declare::declare_table;
use crate::engine::table::key::{AsKey, Key, encoded};
use crate::engine::table::query::{Answers, Query};
use crate::engine::table::typed;
use crate::engine::table::value::Value;

declare_table! {
    /// A table with the versions of each key: every value that the key had, and for each value the stamps of the
    /// versions that it replaced.
    ///
    /// The current versions of a key are those that no other version replaces. Two writers that did not see each
    /// other's versions produce two current versions: the version with the higher stamp is the value of the key, and
    /// the other version is its rival. The table can be read [as of a stamp](View::as_of).
    ///
    /// If no version names the versions that it replaces, every version of a key is current: [`Versions::get`] and
    /// [`Versions::read`] return the older versions as rivals. Use [`Versions::newest`] for the last value of a key and
    /// [`Versions::versions`] for its history. Versions are never removed. To express a removal, put a version whose
    /// value states it, such as a variant `Removed` of your own type.
    Versions<K, V>, TableKind::Versions
}

impl<K: Key, V: Value> Versions<K, V> {
    /// Adds a version of `key`. The version replaces the versions with the stamps `replaces`. `stamp` is the stamp of
    /// the entry that is applied. A second version of the key with the same stamp overwrites the first version.
    ///
    /// A projection cannot read earlier versions, so the stamps in `replaces` come from the event: a transaction reads
    /// them with [`Current::stamps`] and appends an event that contains them. With `&[]` the version replaces nothing,
    /// and all versions of the key stay current.
    ///
    /// Writes are buffered. If the projection does not declare the table, or `value` cannot be encoded, applying fails
    /// with `projection_misused`.
    pub fn put(
        &self,
        tables: &mut Tables,
        key: &(impl AsKey<K> + ?Sized),
        stamp: Stamp,
        replaces: &[Stamp],
        value: &V,
    ) {
        if let Some(value) = typed::value_bytes(tables, self.spec(), stamp, value) {
            tables.put_version(self.spec(), &encoded(key), stamp, replaces, &value);
        }
    }

    /// Returns the current versions of `key`, those that no other version replaces; `None` if there is none. Errors are
    /// those of a [`Query`]. Reads one row for each version of the key.
    pub fn get(&self, view: &View, key: &(impl AsKey<K> + ?Sized)) -> Result<Option<Current<V>>> {
        Ok(current(self.versions(view, key)?))
    }

    /// Returns all versions of `key`, oldest first. Errors and cost are those of [`Versions::get`].
    pub fn versions(&self, view: &View, key: &(impl AsKey<K> + ?Sized)) -> Result<Vec<Version<V>>> {
        let versions = view.versions_of(self.spec(), &encoded(key))?;
        versions.into_iter().map(|v| typed::checked(view, self.spec(), typed::version(v))).collect()
    }

    /// Returns the version of `key` with the highest stamp; `None` if there is none. Stamps sort by the time of the
    /// append, not by a time in the event. This version is the value of the key, with one exception: a writer with a
    /// slow clock may have replaced it by a version with a lower stamp. Errors are those of a [`Query`]. Reads one row,
    /// however many versions the key has; as of a stamp, one row more for each newer version.
    pub fn newest(&self, view: &View, key: &(impl AsKey<K> + ?Sized)) -> Result<Option<Version<V>>> {
        let newest = view.newest_version(self.spec(), &encoded(key))?;
        newest.map(|v| typed::checked(view, self.spec(), typed::version(v))).transpose()
    }

    /// Returns a query for the keys that have a current version, each with its current versions. Reads one row for each
    /// version of these keys.
    pub fn read<'v>(&self, view: &'v View) -> Query<'v, K, (K, Current<V>)> {
        Query::new(view, self.spec(), open_current)
    }

    /// Returns a query for all keys, each with all its versions, oldest first. Reads one row for each version of these
    /// keys.
    pub fn history<'v>(&self, view: &'v View) -> Query<'v, K, (K, Vec<Version<V>>)> {
        Query::new(view, self.spec(), open_history)
    }
}

fn open_history<'v, K: Key, V: Value>(
    view: &'v View,
    table: TableSpec,
    rows: &KeyBounds,
) -> Result<Answers<'v, (K, Vec<Version<V>>)>> {
    let decoded = move |item: Result<KeyVersions>| {
        let KeyVersions { key, versions, .. } = item?;
        let versions: Option<Vec<_>> = versions.into_iter().map(typed::version).collect();
        Ok((typed::key(view, table, &key)?, typed::checked(view, table, versions)?))
    };
    Ok(Box::new(view.versions_within(table, rows)?.map(decoded)))
}

fn open_current<'v, K: Key, V: Value>(
    view: &'v View,
    table: TableSpec,
    rows: &KeyBounds,
) -> Result<Answers<'v, (K, Current<V>)>> {
    let decoded = move |item: Result<KeyVersions>| {
        let KeyVersions { key, versions, .. } = match item {
            Ok(item) => item,
            Err(e) => return Some(Err(e)),
        };
        let Current { version, rivals } = current(versions)?;
        let rivals: Option<Vec<_>> = rivals.into_iter().map(typed::version).collect();
        let versions = typed::version(version).zip(rivals);
        let current = versions.map(|(version, rivals)| Current { version, rivals });
        Some(typed::key(view, table, &key).and_then(|key| Ok((key, typed::checked(view, table, current)?))))
    };
    Ok(Box::new(view.versions_within(table, rows)?.filter_map(decoded)))
}
