//! The extent of the tables of a view. An extent describes the entries that the tables contain, and is
//! compared with later views.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::projection::cursor::{Cursor, LogPosition};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// The identity of the tables. Two views read the same tables if they share one allocation of this type.
#[derive(Debug, Default)]
pub(super) struct Identity(());

/// The extent of the tables of a view. Data that was derived from the view is current as long as later views have the
/// same extent.
#[derive(Debug)]
pub(crate) struct Extent {
    // While a weak reference exists, the address of its allocation is not used again. While a weak reference
    // exists, each change of the map of cursors moves the map to another address. Equal addresses therefore
    // mean equal content.
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

    /// Returns `true` if the tables with the identity `identity` and the cursors `cursors` are known to have
    /// this extent.
    pub(super) fn is_extent_of(
        &self,
        identity: &Arc<Identity>,
        cursors: &Arc<BTreeMap<StreamId, Cursor>>,
    ) -> bool {
        std::ptr::eq(self.identity.as_ptr(), Arc::as_ptr(identity))
            && std::ptr::eq(self.cursors.as_ptr(), Arc::as_ptr(cursors))
    }

    /// Returns the entries that tables with the identity `identity` and the cursors `cursors` contain and tables of this
    /// extent do not. Returns `None` if the tables were rebuilt, or if this extent contains further entries.
    pub(super) fn growth_to(
        &self,
        identity: &Arc<Identity>,
        cursors: &Arc<BTreeMap<StreamId, Cursor>>,
    ) -> Option<Vec<Growth>> {
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
        let growth = cursors.iter().map(|(stream, cursor)| {
            let known = self.position.get(stream).copied().unwrap_or(Seq(0));
            Growth { stream: *stream, known, last: cursor.last.0 }
        });
        Some(growth.filter(|growth| growth.known < growth.last).collect())
    }
}

/// The entries of one stream that were applied after an extent was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    pub(super) stream: StreamId,
    /// The sequence number of the last entry in the extent; 0 if the extent contains no entry of the stream.
    pub(super) known: Seq,
    /// The sequence number of the last new entry.
    pub(super) last: Seq,
}

impl Growth {
    /// Returns the number of entries, including missing ones.
    pub(super) fn count(&self) -> u64 {
        self.last.0.saturating_sub(self.known.0)
    }
}
