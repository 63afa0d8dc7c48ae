//! A share of the segments and bodies of a workspace.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::text_form::ParseError;
use std::fmt;
use std::str::FromStr;

/// The greatest number of shares.
const SHARES_MAX: u32 = 1_000_000;

/// One of several shares of the segments and bodies of a workspace. A digest of the name of a segment or body
/// determines the share, so each segment and each body is in exactly one share. The text form is the number of the
/// share and the number of shares: `2/7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    number: u32,
    of: u32,
}

impl Share {
    /// Creates the share with the number `number` among `of` shares. The numbers are 1 to `of`. Returns
    /// `None` if there is no such share.
    pub fn new(number: u32, of: u32) -> Option<Share> {
        ((1..=of).contains(&number) && of <= SHARES_MAX).then_some(Share { number, of })
    }

    /// Returns the number of this share, from 1 to [`Share::of`].
    #[must_use]
    pub fn number(self) -> u32 {
        self.number
    }

    /// Returns the number of shares.
    #[must_use]
    pub fn of(self) -> u32 {
        self.of
    }

    /// Returns true if the share contains the segment of a stream that begins with the entry `base`.
    pub(crate) fn has_segment(self, stream: StreamId, base: Seq) -> bool {
        self.has_digest(&Digest::of(format!("{stream} {base}").as_bytes()))
    }

    /// Returns true if the share contains the body with this digest.
    pub(crate) fn has_digest(self, digest: &Digest) -> bool {
        let start = digest.0.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        start % u64::from(self.of) == u64::from(self.number - 1)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Share {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Share, ParseError> {
        let numbers = text.split_once('/').and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
        let share = numbers.and_then(|(number, of)| Share::new(number, of));
        share.ok_or_else(|| ParseError::new(text, "a share of the form 2/7, with numbers up to 1000000"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_and_body_is_in_exactly_one_share() {
        let shares: Vec<Share> = (1..=7).map(|n| Share::new(n, 7).unwrap()).collect();
        let mut counts = [0; 7];
        for n in 0..500u64 {
            let digest = Digest::of(&n.to_le_bytes());
            assert_eq!(shares.iter().filter(|share| share.has_digest(&digest)).count(), 1);
            let own = shares.iter().position(|share| share.has_segment(StreamId([3; 16]), Seq(n)));
            assert_eq!(shares.iter().filter(|share| share.has_segment(StreamId([3; 16]), Seq(n))).count(), 1);
            counts[own.unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| *count > 40), "{counts:?}");
    }

    #[test]
    fn share_is_parsed_from_its_text_form() {
        assert_eq!("2/7".parse(), Ok(Share::new(2, 7).unwrap()));
        assert_eq!(Share::new(2, 7).unwrap().to_string(), "2/7");
        for bad in ["", "2", "0/7", "8/7", "1/0", "-1/7", "1/1000001", "1/7/8", "a/b"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }
}
