//! Ranges of row keys and of times.

use std::ops::{Bound, RangeBounds, RangeInclusive};

/// A range of byte strings, from `start` (included) to `end` (excluded).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct KeyBounds {
    start: Vec<u8>,
    /// `None` if the range has no end.
    end: Option<Vec<u8>>,
}

/// Returns the end of the range of byte strings that begin with `prefix`: the least byte string after all of them.
/// Returns `None` if the range has no end, because `prefix` is empty or contains only bytes 0xff.
pub(in crate::engine) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

impl KeyBounds {
    /// Creates the range of all byte strings.
    pub(in crate::engine) fn all() -> KeyBounds {
        KeyBounds { start: Vec::new(), end: None }
    }

    /// Creates the range of the byte strings that begin with `prefix`.
    pub(in crate::engine) fn prefix(prefix: &[u8]) -> KeyBounds {
        KeyBounds { start: prefix.to_vec(), end: after_prefix(prefix) }
    }

    /// Creates the range that contains only `key`.
    pub(in crate::engine) fn exact(key: &[u8]) -> KeyBounds {
        KeyBounds { start: key.to_vec(), end: Some([key, &[0]].concat()) }
    }

    /// Removes the byte strings that are less than `start`.
    pub(in crate::engine) fn start_at(&mut self, start: Vec<u8>) {
        if start > self.start {
            self.start = start;
        }
    }

    /// Removes `end` and all greater byte strings. Removes nothing if `end` is `None`.
    pub(in crate::engine) fn end_before(&mut self, end: Option<Vec<u8>>) {
        let Some(end) = end else { return };
        if self.end.as_ref().is_none_or(|old| end < *old) {
            self.end = Some(end);
        }
    }

    /// Removes all byte strings.
    pub(in crate::engine) fn clear(&mut self) {
        // No byte string is less than the empty byte string.
        self.end = Some(Vec::new());
    }

    /// Removes the byte strings that are not in `other`.
    pub(in crate::engine) fn intersect(&mut self, other: KeyBounds) {
        self.start_at(other.start);
        self.end_before(other.end);
    }

    /// Returns true if the range contains no byte string.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Returns the range as bounds of the standard library.
    pub(super) fn as_slices(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let end = self.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        (Bound::Included(self.start.as_slice()), end)
    }
}

/// All times.
pub(in crate::engine) const ALL_TIMES: RangeInclusive<i64> = i64::MIN..=i64::MAX;

/// Returns the times that are in both ranges.
pub(in crate::engine) fn times_within(
    times: &RangeInclusive<i64>,
    bounds: &impl RangeBounds<i64>,
) -> RangeInclusive<i64> {
    let first = match bounds.start_bound() {
        Bound::Included(first) => Some(*first),
        Bound::Excluded(before) => before.checked_add(1),
        Bound::Unbounded => Some(i64::MIN),
    };
    let last = match bounds.end_bound() {
        Bound::Included(last) => Some(*last),
        Bound::Excluded(after) => after.checked_sub(1),
        Bound::Unbounded => Some(i64::MAX),
    };
    match first.zip(last) {
        Some((first, last)) => first.max(*times.start())..=last.min(*times.end()),
        // No time is greater than `i64::MAX` or less than `i64::MIN`.
        None => RangeInclusive::new(i64::MAX, i64::MIN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_of_a_prefix_ends_before_the_next_prefix() {
        assert_eq!(after_prefix(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after_prefix(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(after_prefix(b"\xff"), None);
        assert_eq!(after_prefix(b""), None);
    }

    #[test]
    fn intersection_of_disjoint_ranges_is_empty() {
        let mut bounds = KeyBounds::prefix(b"a");
        assert!(!bounds.is_empty());
        bounds.intersect(KeyBounds::exact(b"ab"));
        assert_eq!(bounds, KeyBounds::exact(b"ab"));
        bounds.intersect(KeyBounds::prefix(b"b"));
        assert!(bounds.is_empty());
        let mut bounds = KeyBounds::all();
        bounds.clear();
        assert!(bounds.is_empty());
    }

    #[test]
    fn times_beyond_the_first_and_last_one_are_an_empty_range() {
        assert_eq!(times_within(&ALL_TIMES, &(3..9)), 3..=8);
        assert_eq!(times_within(&(5..=20), &..=9), 5..=9);
        assert!(times_within(&ALL_TIMES, &..i64::MIN).is_empty());
        assert!(times_within(&ALL_TIMES, &(Bound::Excluded(i64::MAX), Bound::Unbounded)).is_empty());
        assert!(times_within(&(5..=20), &(21..)).is_empty());
    }
}
