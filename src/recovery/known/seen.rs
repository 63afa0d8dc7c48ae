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
    /// A random number that each intended removal changes; 0 before the first removal. A process adds what it has read only
    /// if this number has not changed since the read began.
    pub(super) epoch: u64,
    pub(super) streams: BTreeMap<StreamId, KnownStream>,
    pub(super) bodies: BTreeSet<Digest>,
}

/// The known ends of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownStream {
    /// The last known entry, and the link after this entry if the link is known.
    end: KnownEnd,
    /// The last entry with a known link, if the link after the last known entry is unknown.
    linked: Option<KnownEnd>,
}

impl KnownStream {
    /// Returns the known ends. The last known entry is at the end.
    pub(super) fn ends(self) -> impl Iterator<Item = KnownEnd> {
        self.linked.into_iter().chain([self.end])
    }

    fn see(&mut self, end: KnownEnd) {
        match end.link {
            Some(_) if end.seq >= self.end.seq => {
                let link = self.end.link.filter(|_| end.seq == self.end.seq).or(end.link);
                *self = KnownStream { end: KnownEnd { link, ..end }, linked: None };
            }
            // The later end has no link.
            Some(_) if self.end.link.is_none() && self.linked.is_none_or(|linked| linked.seq < end.seq) => {
                self.linked = Some(end);
            }
            // The link that is known stays known.
            None if end.seq > self.end.seq => {
                self.linked = if self.end.link.is_some() { Some(self.end) } else { self.linked };
                self.end = end;
            }
            _ => {}
        }
    }
}

impl Known {
    /// Returns the last known entry of each stream.
    pub(crate) fn ends(&self) -> impl Iterator<Item = KnownEnd> + '_ {
        self.streams.values().map(|known| known.end)
    }

    /// Returns the last known entry of each stream. If the link after this entry is unknown, also returns the last
    /// entry of the stream with a known link.
    pub(crate) fn all_ends(&self) -> impl Iterator<Item = KnownEnd> + '_ {
        self.streams.values().flat_map(|known| known.ends())
    }

    /// Returns the known ends of a stream. The last known entry is at the end.
    pub(crate) fn ends_of(&self, stream: StreamId) -> impl Iterator<Item = KnownEnd> {
        self.streams.get(&stream).copied().into_iter().flat_map(KnownStream::ends)
    }

    /// Returns `true` if at least one stream is known.
    pub(crate) fn has_streams(&self) -> bool {
        !self.streams.is_empty()
    }

    /// Returns the number that identifies the last intended removal; 0 before the first removal.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Records an intended removal, which the random number `epoch` identifies. Processes that began to read before the
    /// removal then add nothing.
    pub(crate) fn begin_epoch(&mut self, epoch: u64) {
        // 0 stands for a file without removals.
        self.epoch = epoch.max(1);
    }

    /// Returns the known bodies.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = Digest> + '_ {
        self.bodies.iter().copied()
    }

    /// Remembers the end of a stream, unless a later end is known. A known link is replaced only by the link after a
    /// later entry.
    pub(crate) fn see_stream(&mut self, end: KnownEnd) {
        self.streams.entry(end.stream).or_insert(KnownStream { end, linked: None }).see(end);
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
            let Some(end) = ends.get(stream).copied() else { continue };
            if end.seq < known.end.seq {
                let linked = known.linked.filter(|linked| end.link.is_none() && linked.seq <= end.seq);
                *known = KnownStream { end, linked };
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
        assert_eq!(known.ends_of(StreamId([1; 16])).collect::<Vec<_>>(), [end(1, 5, Some(9))]);
        known.see_stream(end(1, 8, None));
        known.see_stream(end(1, 8, Some(4)));
        known.see_stream(end(1, 8, Some(2)));
        assert_eq!(known.ends_of(StreamId([1; 16])).collect::<Vec<_>>(), [end(1, 8, Some(4))]);
        known.forget_stream(StreamId([1; 16]));
        assert_eq!(known.ends().count(), 0);
    }

    #[test]
    fn end_without_a_link_keeps_the_known_link() {
        let ends = |known: &Known| known.all_ends().collect::<Vec<_>>();
        let mut known = Known::default();
        known.see_stream(end(1, 5, Some(9)));
        known.see_stream(end(1, 8, None));
        known.see_stream(end(1, 9, None));
        assert_eq!(ends(&known), [end(1, 5, Some(9)), end(1, 9, None)]);
        assert_eq!(known.ends().collect::<Vec<_>>(), [end(1, 9, None)]);
        known.see_stream(end(1, 7, Some(3)));
        known.see_stream(end(1, 6, Some(2)));
        assert_eq!(ends(&known), [end(1, 7, Some(3)), end(1, 9, None)]);
        let mut limited = known.clone();
        limited.limit_to(&[end(1, 8, None)].map(|end| (end.stream, end)).into());
        assert_eq!(ends(&limited), [end(1, 7, Some(3)), end(1, 8, None)]);
        limited.limit_to(&[end(1, 6, None)].map(|end| (end.stream, end)).into());
        assert_eq!(ends(&limited), [end(1, 6, None)]);
        known.see_stream(end(1, 9, Some(4)));
        assert_eq!(ends(&known), [end(1, 9, Some(4))]);
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
