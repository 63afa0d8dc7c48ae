//! The condition of an append.

use crate::engine::entry::Stamp;
use crate::engine::error::Result;
use crate::engine::projection::view::View;
use crate::engine::table::{AsKey, Key, Value, Versions};
use std::fmt;

/// A condition on one key of a versions table, for [`Engine::append_if`](super::Engine::append_if).
pub struct Condition<'a> {
    description: &'static str,
    holds: Box<dyn Fn(&View) -> Result<bool> + 'a>,
}

impl fmt::Debug for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("description", &self.description).finish_non_exhaustive()
    }
}

impl<'a> Condition<'a> {
    /// The key has no version.
    pub fn absent<K: Key + 'a, V: Value + 'a>(
        table: Versions<K, V>,
        key: &'a (impl AsKey<K> + ?Sized),
    ) -> Condition<'a> {
        let holds = move |view: &View| Ok(table.get(view, key)?.is_none());
        Condition { description: "absent", holds: Box::new(holds) }
    }

    /// The current version of the key has this stamp, and no other current version is in conflict with it.
    pub fn version<K: Key + 'a, V: Value + 'a>(
        table: Versions<K, V>,
        key: &'a (impl AsKey<K> + ?Sized),
        stamp: Stamp,
    ) -> Condition<'a> {
        let holds = move |view: &View| {
            let current = table.get(view, key)?;
            Ok(current.is_some_and(|current| current.version.stamp == stamp && current.rivals.is_empty()))
        };
        Condition { description: "version", holds: Box::new(holds) }
    }

    /// Returns true if the condition holds in the view.
    pub(super) fn holds(&self, view: &View) -> Result<bool> {
        (self.holds)(view)
    }
}
