//! The chain: a running digest over the entries of a stream.
//!
//! Each segment continues the chain. The *link* after an entry is BLAKE3(link in the segment's header, canonical bytes
//! of all entries of the segment up to and including the entry). Before the first entry of a stream, all bytes of the
//! link are zero. FORMAT.md, "Entry", defines the canonical bytes. The chain covers entries, not frames. Each segment
//! can be checked from its header on, without the earlier segments; docs/design/003 gives the reasons for this rule. A
//! [`Head`] that is saved outside the log shows later whether the stream still begins with the same entries.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::text_form::ParseError;
use std::fmt;
use std::str::FromStr;

/// The number of bytes that are buffered before they are hashed. Hashing many bytes at once is several times faster
/// than hashing entry by entry.
const BUFFERED_MAX: usize = 32 << 10;

/// The running digest over the entries of one segment. The caller adds the entries in order.
#[derive(Debug, Clone)]
pub struct Chain {
    start: Digest,
    is_empty: bool,
    hasher: blake3::Hasher,
    buffered: Vec<u8>,
}

impl Chain {
    /// The link before the first entry of a stream.
    pub const ORIGIN: Digest = Digest([0; 32]);

    /// Creates the chain at the beginning of a segment whose header has this link.
    pub fn from_link(start: Digest) -> Chain {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&start.0);
        Chain { start, is_empty: true, hasher, buffered: Vec::new() }
    }

    /// Adds the canonical bytes of the next entries.
    pub fn push(&mut self, canonical: &[u8]) {
        self.is_empty &= canonical.is_empty();
        if self.buffered.len() + canonical.len() < BUFFERED_MAX {
            self.buffered.extend_from_slice(canonical);
        } else {
            self.hasher.update(&self.buffered).update(canonical);
            self.buffered.clear();
        }
    }

    /// Returns the link after the last entry that was added; without entries, the link in the segment's header. Takes
    /// some microseconds.
    pub fn link(&self) -> Digest {
        if self.is_empty {
            return self.start;
        }
        let mut hasher = self.hasher.clone();
        Digest(*hasher.update(&self.buffered).finalize().as_bytes())
    }
}

/// A head: the last entry of a stream, and the digest of all entries up to that entry. The text form of a head is
/// `stream:sequence:digest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The stream.
    pub stream: StreamId,
    /// The sequence number of the last entry; 0 if the stream has no entry.
    pub seq: Seq,
    /// The link of the chain after the last entry.
    pub digest: Digest,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.stream, self.seq, self.digest)
    }
}

impl FromStr for Head {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Head, ParseError> {
        let mut parts = text.splitn(3, ':');
        let mut parse = || {
            let (stream, seq, digest) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Head { stream: stream.parse().ok()?, seq: seq.parse().ok()?, digest: digest.parse().ok()? })
        };
        parse().ok_or_else(|| ParseError::new(text, "a head of the form stream:sequence:digest"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_depends_on_all_entries_and_on_the_start_but_not_on_the_sizes_added() {
        let entries: Vec<Vec<u8>> = (0..5000u16).map(|n| n.to_le_bytes().repeat(20)).collect();
        let mut one_by_one = Chain::from_link(Chain::ORIGIN);
        entries.iter().for_each(|entry| one_by_one.push(entry));
        let mut at_once = Chain::from_link(Chain::ORIGIN);
        at_once.push(&entries.concat());
        assert_eq!(one_by_one.link(), at_once.link());
        assert_eq!(at_once.link(), Digest::of(&[&[0; 32][..], &entries.concat()].concat()));
        let mut other_start = Chain::from_link(at_once.link());
        assert_eq!(other_start.link(), at_once.link());
        other_start.push(&entries.concat());
        assert_ne!(other_start.link(), at_once.link());
        at_once.push(b"one more");
        assert_ne!(one_by_one.link(), at_once.link());
    }

    #[test]
    fn heads_are_parsed_from_their_text_form() {
        let head = Head { stream: StreamId([7; 16]), seq: Seq(42), digest: Digest([9; 32]) };
        assert_eq!(head.to_string().parse(), Ok(head));
        let text = head.to_string();
        for bad in ["", "a:b:c", &text[1..], &text.replace(":42:", ":+42:"), &format!("{text}0")] {
            assert!(bad.parse::<Head>().is_err(), "{bad}");
        }
    }
}
