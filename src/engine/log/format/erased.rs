//! Ranges of erased entries. Frames without a payload store the ranges.

use crate::engine::entry::Seq;
use crate::engine::log::format::frame::{frame_salt, put_erased};
use crate::engine::log::format::limits::{FRAME_ENTRIES_MAX, FRAME_HEADER_LEN};

/// A range of erased entries of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::log) struct ErasedRange {
    pub(in crate::engine::log) first: Seq,
    /// The number of entries, at least 1.
    pub(in crate::engine::log) count: u64,
    /// A time that is not after the next entry behind the range. The time can be 0.
    pub(in crate::engine::log) time: u64,
}

impl ErasedRange {
    /// Returns the range between two sequence numbers, including both. Returns `None` if the range is empty.
    pub(in crate::engine::log) fn between(first: Seq, last: Seq, time: u64) -> Option<ErasedRange> {
        (first <= last).then(|| ErasedRange { first, count: last.0 - first.previous().0, time })
    }

    /// Returns the sequence number after the range.
    pub(in crate::engine::log) fn next(&self) -> Seq {
        self.first.plus(self.count)
    }

    /// Returns the last sequence number of the range.
    pub(in crate::engine::log) fn last(&self) -> Seq {
        self.next().previous()
    }

    /// Returns the part of the range from `first` on.
    pub(in crate::engine::log) fn from(self, first: Seq) -> Option<ErasedRange> {
        ErasedRange::between(self.first.max(first), self.last(), self.time)
    }

    /// Returns the part of the range before `end`.
    pub(in crate::engine::log) fn until(self, end: Seq) -> Option<ErasedRange> {
        ErasedRange::between(self.first, self.last().min(end.previous()), self.time)
    }

    /// Extends the range by a range that directly follows. Returns `false` if the other range does not follow.
    pub(in crate::engine::log) fn extend(&mut self, other: ErasedRange) -> bool {
        let follows = other.first == self.next();
        self.count += if follows { other.count } else { 0 };
        follows
    }

    /// Appends the frames that store the range to `out`. `salt` is the salt of the segment, and `offset` is the
    /// offset of the first frame in the segment.
    pub(in crate::engine::log) fn put(self, out: &mut Vec<u8>, salt: u64, offset: u64) {
        let (mut first, mut left, mut at) = (self.first, self.count, offset);
        while left > 0 {
            let part = left.min(FRAME_ENTRIES_MAX as u64);
            put_erased(out, first, part as u32, self.time, frame_salt(salt, at));
            (first, left, at) = (first.plus(part), left - part, at + FRAME_HEADER_LEN as u64);
        }
    }
}
