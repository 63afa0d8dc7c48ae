//! Entries to append, in the forms in which a caller has them: encoded, or encoded directly into the batch.

use crate::engine::codec::PAYLOAD_BYTES_MAX;
use crate::engine::entry::{Kind, PayloadVersion};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::limits::{EXPANDED_BYTES_MAX, FRAME_ENTRIES_MAX};
use crate::engine::log::format::pending::PendingEntries;

/// Entries to append, which receive their times when they are added to a batch.
pub(super) trait NewEntries {
    /// Returns the number of the entries, and an upper bound of the sum of their payload lengths in bytes.
    fn size(&self) -> (usize, usize);

    /// Adds the entries to a batch. The first entry gets the time `first`; each further entry gets a time one nanosecond
    /// greater than that of the entry before it.
    fn push_to(self, batch: &mut PendingEntries, first: u64);
}

impl NewEntries for &PendingEntries {
    fn size(&self) -> (usize, usize) {
        (self.len(), self.payload_bytes())
    }

    fn push_to(self, batch: &mut PendingEntries, first: u64) {
        batch.push_stamped(self, first);
    }
}

/// Payloads of one kind that are encoded directly into the batch.
#[derive(Debug)]
pub struct Payloads<F> {
    /// The kind of the events.
    pub kind: Kind,
    /// The version of the payloads.
    pub version: PayloadVersion,
    /// The number of payloads.
    pub count: usize,
    /// An upper bound of the length of each payload in bytes.
    pub len_max: usize,
    /// Appends the payload with this index, from 0, to a buffer. The length of the payload is at most `len_max`.
    pub encode: F,
}

impl<F: FnMut(usize, &mut Vec<u8>)> Payloads<F> {
    /// Checks that the entries can be committed as one frame. Errors: there is no payload; payloads of the length
    /// `len_max` are too large, or are too many or too large together.
    pub(super) fn check(&self) -> Result<()> {
        if self.count == 0 {
            return Err(Error::CommitEmpty);
        }
        if self.len_max > PAYLOAD_BYTES_MAX {
            let (kind, bytes) = (self.kind, self.len_max);
            return Err(Error::EntryTooLarge { kind, bytes, limit: PAYLOAD_BYTES_MAX });
        }
        let bytes = self.count.saturating_mul(self.len_max);
        if self.count > FRAME_ENTRIES_MAX
            || bytes > EXPANDED_BYTES_MAX
            || !PendingEntries::new().has_room_for(self.count, bytes)
        {
            return Err(Error::CommitTooLarge {
                entries: self.count,
                entries_max: FRAME_ENTRIES_MAX,
                bytes,
                bytes_max: EXPANDED_BYTES_MAX,
            });
        }
        Ok(())
    }
}

impl<F: FnMut(usize, &mut Vec<u8>)> NewEntries for Payloads<F> {
    fn size(&self) -> (usize, usize) {
        (self.count, self.count * self.len_max)
    }

    fn push_to(mut self, batch: &mut PendingEntries, first: u64) {
        for n in 0..self.count {
            let time = first.saturating_add(n as u64);
            batch.push_with((self.kind, self.version), time, |out| (self.encode)(n, out));
        }
    }
}
