//! The erased subjects of a log: the subjects whose earlier events are not applied to the tables.

use crate::engine::bytes::Reader;
use crate::engine::entry::{Erasure, Event, Position, STAMP_LEN, Seq, Stamp, StreamId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The erased events among the entries of a view. [`View::erased`](crate::engine::projection::View::erased)
/// returns the value. A program that reads entries from the log uses this value to leave out erased events.
#[derive(Debug, Clone)]
pub struct ErasedEvents(pub(super) Arc<ErasedSubjects>);

impl ErasedEvents {
    /// Returns true if the event of the entry at `stamp` is erased.
    pub fn contains<E: Event>(&self, event: &E, stamp: Stamp) -> bool {
        let ErasedEvents(erased) = self;
        erased.may_contain(stamp) && event.subjects().iter().any(|subject| erased.contains(subject, stamp))
    }
}

/// The erased subjects that the erasures in a log state. The content depends on the set of erasures, and not on their
/// order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ErasedSubjects {
    subjects: BTreeMap<Vec<u8>, ErasedUntil>,
    /// The limits of all subjects together. Events after these limits are not erased.
    all: ErasedUntil,
}

/// The limits up to which the events of a subject are erased.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ErasedUntil {
    /// The greatest stamp of an erasure. Events with lower stamps are erased.
    stamp: Option<Stamp>,
    /// The last erased event of each stream that the erasures name.
    through: BTreeMap<StreamId, Seq>,
}

impl ErasedUntil {
    fn add(&mut self, other: &ErasedUntil) {
        self.stamp = self.stamp.max(other.stamp);
        for (stream, seq) in &other.through {
            let last = self.through.entry(*stream).or_insert(*seq);
            *last = (*last).max(*seq);
        }
    }

    fn contains(&self, stamp: Stamp) -> bool {
        self.stamp.is_some_and(|until| stamp < until)
            || self.through.get(&stamp.stream).is_some_and(|last| stamp.seq <= *last)
    }
}

impl ErasedSubjects {
    /// Returns true if no subject is erased.
    pub(super) fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// Adds the erasure that the entry at `stamp` states.
    pub(super) fn add(&mut self, erasure: Erasure<'_>, stamp: Stamp) {
        let mut until = ErasedUntil { stamp: Some(stamp), through: BTreeMap::new() };
        for Position { stream, seq } in erasure.through {
            let last = until.through.entry(stream).or_insert(seq);
            *last = (*last).max(seq);
        }
        self.add_until(erasure.subject.into_owned(), &until);
    }

    fn add_until(&mut self, subject: Vec<u8>, until: &ErasedUntil) {
        self.all.add(until);
        self.subjects.entry(subject).or_default().add(until);
    }

    /// Adds the erased subjects of `other`.
    pub(super) fn append(&mut self, other: ErasedSubjects) {
        for (subject, until) in other.subjects {
            self.add_until(subject, &until);
        }
    }

    /// Returns these subjects and the subjects of `other`.
    pub(super) fn and(&self, other: ErasedSubjects) -> ErasedSubjects {
        let mut both = self.clone();
        both.append(other);
        both
    }

    /// Returns false if no event at `stamp` is erased, whatever its subjects are.
    pub(super) fn may_contain(&self, stamp: Stamp) -> bool {
        self.all.contains(stamp)
    }

    /// Returns true if the event of `subject` at `stamp` is erased.
    pub(super) fn contains(&self, subject: &[u8], stamp: Stamp) -> bool {
        self.subjects.get(subject).is_some_and(|until| until.contains(stamp))
    }

    /// Returns true if the erasures of `other` erase no further events.
    pub(super) fn contains_all(&self, other: &ErasedSubjects) -> bool {
        other.is_empty() || self.and(other.clone()) == *self
    }

    /// Returns the key and the value of the row of each subject.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u8], Vec<u8>)> {
        self.subjects.iter().map(|(subject, until)| {
            let mut value = until.stamp.map(|stamp| stamp.to_bytes().to_vec()).unwrap_or_default();
            for (stream, seq) in &until.through {
                value.extend_from_slice(&stream.0);
                value.extend_from_slice(&seq.0.to_be_bytes());
            }
            (subject.as_slice(), value)
        })
    }

    /// Adds the row of a subject. Returns `None` if the row is malformed.
    pub(super) fn add_row(&mut self, subject: &[u8], value: &[u8]) -> Option<()> {
        let (stamp, rest) = value.split_first_chunk::<STAMP_LEN>()?;
        let mut until = ErasedUntil { stamp: Some(Stamp::from_bytes(stamp)), through: BTreeMap::new() };
        let mut rest = Reader::new(rest);
        while rest.remaining() > 0 {
            let (stream, seq) = (StreamId(rest.array()?), u64::from_be_bytes(rest.array()?));
            until.through.insert(stream, Seq(seq));
        }
        self.add_until(subject.to_vec(), &until);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: u64, stream: u8, seq: u64) -> Stamp {
        Stamp { time, stream: StreamId([stream; 16]), seq: Seq(seq) }
    }

    #[test]
    fn events_before_the_greatest_erasure_of_their_subject_are_erased() {
        let mut erased = ErasedSubjects::default();
        assert!(erased.is_empty() && !erased.may_contain(at(0, 1, 1)));
        let ahead = Position { stream: StreamId([9; 16]), seq: Seq(4) };
        erased.add(Erasure::of(&b"a"[..]), at(10, 1, 1));
        erased.add(Erasure::of(&b"a"[..]).through([ahead]), at(5, 1, 1));
        erased.add(Erasure::of(&b"b"[..]), at(20, 1, 3));
        assert!(erased.contains(b"a", at(9, 2, 7)) && !erased.contains(b"a", at(10, 1, 1)));
        assert!(erased.contains(b"b", at(10, 1, 1)) && !erased.contains(b"c", at(1, 1, 1)));
        assert!(erased.contains(b"a", at(99, 9, 4)) && !erased.contains(b"a", at(99, 9, 5)));
        assert!(!erased.contains(b"b", at(99, 9, 4)));
        assert!(erased.may_contain(at(19, 1, 1)) && erased.may_contain(at(99, 9, 4)));
        assert!(!erased.may_contain(at(20, 1, 3)));
    }

    #[test]
    fn rows_contain_the_same_subjects_in_every_order_of_erasures() {
        let through = |seq| Position { stream: StreamId([9; 16]), seq: Seq(seq) };
        let erasures = [
            (Erasure::of(&b"a"[..]).through([through(3)]), at(5, 1, 1)),
            (Erasure::of(&b"a"[..]).through([through(8), through(2)]), at(4, 2, 1)),
            (Erasure::of(&b""[..]), at(7, 1, 2)),
        ];
        let (mut forward, mut backward, mut read) =
            (ErasedSubjects::default(), ErasedSubjects::default(), ErasedSubjects::default());
        erasures.iter().for_each(|(erasure, stamp)| forward.add(erasure.clone(), *stamp));
        erasures.iter().rev().for_each(|(erasure, stamp)| backward.add(erasure.clone(), *stamp));
        assert_eq!(forward, backward);
        for (subject, value) in forward.rows() {
            read.add_row(subject, &value).unwrap();
            for cut in (1..value.len()).filter(|cut| *cut != STAMP_LEN) {
                assert_eq!(ErasedSubjects::default().add_row(subject, &value[..cut]), None, "{cut}");
            }
        }
        assert_eq!(read, forward);
        assert_eq!(ErasedSubjects::default().and(backward), forward);
    }
}
