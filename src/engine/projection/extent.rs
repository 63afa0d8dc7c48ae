//! The extent of the tables of a view: the entries that the tables contain, for a comparison with a later view.

use crate::engine::entry::{Position, Seq, StreamId};
use crate::engine::projection::cursor::{Cursor, LogPosition};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// The identity of tables. Two tables have the same identity if they share one allocation of this type.
#[derive(Debug, Default)]
pub(super) struct Identity(());

/// The extent of the tables of a view. Data that was derived from the view is current as long as later views have the
/// same extent.
#[derive(Debug)]
pub(crate) struct Extent {
    // The address of an allocation is not used again as long as there is a weak reference to the allocation. A map of
    // cursors that has a weak reference is moved to another address before it is changed.
    identity: Weak<Identity>,
    cursors: Weak<BTreeMap<StreamId, Cursor>>,
    position: LogPosition,
}

impl Extent {
    pub(super) fn new(identity: &Arc<Identity>, cursors: &Arc<BTreeMap<StreamId, Cursor>>) -> Extent {
        Extent {
            identity: Arc::downgrade(identity),
            cursors: Arc::downgrade(cursors),
            position: cursors.iter().map(|(stream, cursor)| (*stream, cursor.last.0)).collect(),
        }
    }

    /// Returns `true` if tables with the identity `identity` and the cursors `cursors` have this extent. Returns `false`
    /// if it is not known.
    pub(super) fn is_extent_of(
        &self,
        identity: &Arc<Identity>,
        cursors: &Arc<BTreeMap<StreamId, Cursor>>,
    ) -> bool {
        std::ptr::eq(self.identity.as_ptr(), Arc::as_ptr(identity))
            && std::ptr::eq(self.cursors.as_ptr(), Arc::as_ptr(cursors))
    }

    /// Returns the positions that tables with the identity `identity` and the cursors `cursors` contain and tables of
    /// this extent do not. Returns `None` if the tables were rebuilt, if this extent contains further entries, or if
    /// there are more than `max` positions.
    pub(super) fn positions_up_to(
        &self,
        identity: &Arc<Identity>,
        cursors: &Arc<BTreeMap<StreamId, Cursor>>,
        max: usize,
    ) -> Option<Vec<Position>> {
        if self.is_extent_of(identity, cursors) {
            return Some(Vec::new());
        }
        if !std::ptr::eq(self.identity.as_ptr(), Arc::as_ptr(identity)) {
            return None;
        }
        let is_reached = |(stream, seq): (&StreamId, &Seq)| {
            cursors.get(stream).is_some_and(|cursor| *seq <= cursor.last.0)
        };
        if !self.position.iter().all(is_reached) {
            return None;
        }
        let mut positions = Vec::new();
        for (stream, cursor) in cursors.iter() {
            let Seq(known) = self.position.get(stream).copied().unwrap_or(Seq(0));
            let Seq(last) = cursor.last.0;
            let new = last.checked_sub(known)?;
            if new > (max - positions.len()) as u64 {
                return None;
            }
            positions.extend((known + 1..=last).map(|seq| Position { stream: *stream, seq: Seq(seq) }));
        }
        Some(positions)
    }
}
