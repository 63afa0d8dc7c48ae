//! The streams and bodies that earlier reads have seen.

use crate::engine::checksum::Digest;
use crate::engine::entry::StreamId;
use crate::engine::verify::KnownEnd;
use std::collections::{BTreeMap, BTreeSet};

/// The greatest number of bodies that are remembered. The loss of any other body is noticed as long as the
/// log contains an entry that refers to the body.
pub(super) const BODIES_MAX: usize = 1 << 16;

/// The streams and bodies that earlier reads have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(super) streams: BTreeMap<StreamId, KnownEnd>,
    pub(super) bodies: BTreeSet<Digest>,
}

impl Known {
    /// Returns the last known entry of each stream.
    pub(crate) fn ends(&self) -> impl Iterator<Item = KnownEnd> + '_ {
        self.streams.values().copied()
    }

    /// Returns the last known entry of a stream.
    pub(crate) fn end_of(&self, stream: StreamId) -> Option<KnownEnd> {
        self.streams.get(&stream).copied()
    }

    /// Returns the known bodies.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = Digest> + '_ {
        self.bodies.iter().copied()
    }

    /// Remembers the end of a stream, unless a later end is known.
    pub(crate) fn see_stream(&mut self, end: KnownEnd) {
        let known = self.streams.entry(end.stream).or_insert(end);
        if known.seq < end.seq {
            *known = end;
        } else if known.seq == end.seq {
            known.link = known.link.or(end.link);
        }
    }

    /// Remembers a body. If [`BODIES_MAX`] bodies are known, the body is not remembered.
    pub(crate) fn see_body(&mut self, body: Digest) {
        if self.bodies.len() < BODIES_MAX {
            self.bodies.insert(body);
        }
    }

    /// Forgets a stream. Call this function after entries of the stream were removed on purpose.
    pub(crate) fn forget_stream(&mut self, stream: StreamId) {
        self.streams.remove(&stream);
    }

    /// Forgets a body. Call this function after the body was removed on purpose.
    pub(crate) fn forget_body(&mut self, body: &Digest) {
        self.bodies.remove(body);
    }

    /// Forgets every stream that is not in `ends`, and every entry of a stream after its end in `ends`. Call this
    /// function before the log is replaced by a log with these ends.
    pub(crate) fn limit_to(&mut self, ends: &BTreeMap<StreamId, KnownEnd>) {
        self.streams.retain(|stream, _| ends.contains_key(stream));
        for (stream, known) in &mut self.streams {
            if let Some(end) = ends.get(stream).filter(|end| end.seq < known.seq) {
                *known = *end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::Seq;

    fn end(stream: u8, seq: u64, link: Option<u8>) -> KnownEnd {
        KnownEnd { stream: StreamId([stream; 16]), seq: Seq(seq), link: link.map(|byte| Digest([byte; 32])) }
    }

    #[test]
    fn later_end_of_a_stream_replaces_an_earlier_one_but_not_the_reverse() {
        let mut known = Known::default();
        known.see_stream(end(1, 5, Some(9)));
        known.see_stream(end(1, 3, Some(7)));
        assert_eq!(known.end_of(StreamId([1; 16])), Some(end(1, 5, Some(9))));
        known.see_stream(end(1, 8, None));
        known.see_stream(end(1, 8, Some(4)));
        known.see_stream(end(1, 8, Some(2)));
        assert_eq!(known.end_of(StreamId([1; 16])), Some(end(1, 8, Some(4))));
        known.forget_stream(StreamId([1; 16]));
        assert_eq!(known.ends().count(), 0);
    }

    #[test]
    fn limit_forgets_streams_and_entries_that_a_new_log_does_not_have() {
        let mut known = Known::default();
        [end(1, 5, Some(1)), end(2, 5, Some(2)), end(3, 5, Some(3))]
            .into_iter()
            .for_each(|end| known.see_stream(end));
        let new = [end(2, 3, Some(8)), end(3, 9, Some(9)), end(4, 1, None)];
        known.limit_to(&new.into_iter().map(|end| (end.stream, end)).collect());
        let left: Vec<KnownEnd> = known.ends().collect();
        assert_eq!(left, [end(2, 3, Some(8)), end(3, 5, Some(3))]);
    }

    #[test]
    fn number_of_known_bodies_is_limited() {
        let mut known = Known::default();
        for n in 0..=BODIES_MAX as u64 {
            known.see_body(Digest::of(&n.to_le_bytes()));
        }
        assert_eq!(known.bodies().count(), BODIES_MAX);
        let first = Digest::of(&0u64.to_le_bytes());
        assert!(known.bodies().any(|body| body == first));
        known.forget_body(&first);
        assert!(!known.bodies().any(|body| body == first));
    }
}
