//! The chain: a running digest over a stream's entries.
//!
//! Each segment continues it: the link after an entry is BLAKE3(link in the segment's header, canonical bytes of all
//! entries of the segment up to this one); before the first entry of a stream it is all zeros. It covers entries, not
//! frames, and any segment can be checked from its header on, without the segments before it. A *head* is the link
//! after the last entry one knows of; kept elsewhere, it tells later whether the stream still begins with the same
//! entries. Why pieces: docs/design/003.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use std::fmt;
use std::str::FromStr;

/// Bytes gathered before they are hashed: many at once are hashed several times faster than few.
const GATHERED_MAX: usize = 32 << 10;

/// The digest after an entry and all before it, ready for the next.
#[derive(Debug, Clone)]
pub struct Chain {
    start: Digest,
    is_empty: bool,
    hasher: blake3::Hasher,
    gathered: Vec<u8>,
}

impl Chain {
    /// The link before the first entry of a stream.
    pub const ORIGIN: Digest = Digest([0; 32]);

    /// The chain at the beginning of a segment whose header has this link.
    pub fn from_link(start: Digest) -> Chain {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&start.0);
        Chain { start, is_empty: true, hasher, gathered: Vec::new() }
    }

    /// Adds the canonical bytes of the next entries.
    pub fn push(&mut self, canonical: &[u8]) {
        self.is_empty &= canonical.is_empty();
        self.gathered.extend_from_slice(canonical);
        if self.gathered.len() >= GATHERED_MAX {
            self.hasher.update(&self.gathered);
            self.gathered.clear();
        }
    }

    /// The digest after the last entry added. Costs some microseconds.
    pub fn link(&self) -> Digest {
        if self.is_empty {
            return self.start;
        }
        let mut hasher = self.hasher.clone();
        Digest(*hasher.update(&self.gathered).finalize().as_bytes())
    }
}

/// How far a stream goes, and the digest of everything up to there. As text: `stream:sequence:digest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The stream.
    pub stream: StreamId,
    /// Its last entry; 0 for none.
    pub seq: Seq,
    /// The chain after that entry.
    pub digest: Digest,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.stream, self.seq, self.digest)
    }
}

/// A text is not a head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no head: a head is a stream id, a sequence number and a digest, with colons between")]
pub struct NotAHead {
    /// The text.
    pub text: String,
}

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Head, NotAHead> {
        let parse = || {
            let (stream, rest) = text.split_once(':')?;
            let (seq, digest) = rest.split_once(':')?;
            let digits = !seq.is_empty() && seq.bytes().all(|b| b.is_ascii_digit());
            let seq = Seq(seq.parse().ok().filter(|_| digits)?);
            Some(Head { stream: StreamId::parse(stream)?, seq, digest: Digest::parse(digest)? })
        };
        parse().ok_or_else(|| NotAHead { text: text.chars().take(200).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_depend_on_every_entry_and_on_the_start_not_on_how_they_are_added() {
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
    fn heads_read_back_from_their_text() {
        let head = Head { stream: StreamId([7; 16]), seq: Seq(42), digest: Digest([9; 32]) };
        assert_eq!(head.to_string().parse(), Ok(head));
        let text = head.to_string();
        for bad in ["", "a:b:c", &text[1..], &text.replace(":42:", ":+42:"), &format!("{text}0")] {
            assert!(bad.parse::<Head>().is_err(), "{bad}");
        }
    }
}
