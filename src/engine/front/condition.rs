//! The condition of an append.

use crate::engine::entry::Stamp;
use crate::engine::error::Result;
use crate::engine::projection::view::View;
use crate::engine::projection::{TableSpec, current};
use crate::engine::table::{AsKey, Key, Value, Versions};

/// A condition on one key of a versions table, for [`Engine::append_if`](super::Engine::append_if).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    table: TableSpec,
    key: Vec<u8>,
    /// The stamp that the current version must have; `None` if the key must have no current version.
    stamp: Option<Stamp>,
}

impl Condition {
    /// Creates the condition that the key has no current version.
    pub fn absent<K: Key, V: Value>(table: Versions<K, V>, key: &(impl AsKey<K> + ?Sized)) -> Condition {
        Condition::on(table, key, None)
    }

    /// Creates the condition that the current version of the key has this stamp, and that the key has no other current
    /// version.
    pub fn version<K: Key, V: Value>(
        table: Versions<K, V>,
        key: &(impl AsKey<K> + ?Sized),
        stamp: Stamp,
    ) -> Condition {
        Condition::on(table, key, Some(stamp))
    }

    fn on<K: Key, V: Value>(
        table: Versions<K, V>,
        key: &(impl AsKey<K> + ?Sized),
        stamp: Option<Stamp>,
    ) -> Condition {
        let mut bytes = Vec::new();
        key.encode_key(&mut bytes);
        Condition { table: table.spec(), key: bytes, stamp }
    }

    /// Returns true if the condition holds in the view.
    pub(super) fn holds(&self, view: &View) -> Result<bool> {
        let current = current(view.versions_of(self.table, &self.key)?);
        Ok(match (self.stamp, current) {
            (None, current) => current.is_none(),
            (Some(stamp), Some(current)) => current.version.stamp == stamp && current.rivals.is_empty(),
            (Some(_), None) => false,
        })
    }
}
