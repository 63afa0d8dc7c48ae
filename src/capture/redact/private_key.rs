//! Private keys in the PEM format.

use crate::capture::redact::bytes::{byte, end_of, find, part};
use crate::capture::redact::mark::MARK;
use std::ops::Range;

const FENCE: &[u8] = b"-----";
const BEGIN: &[u8] = b"-----BEGIN ";

/// The greatest length of the label between `-----BEGIN ` and `-----`.
const LABEL_LEN_MAX: usize = 64;

/// Returns the offset after the `BEGIN` line of the private key that starts at `at`; `None` if no private key starts
/// there.
pub(super) fn body_begin(text: &[u8], at: usize) -> Option<usize> {
    let label = at + BEGIN.len();
    if part(text, at, label) != BEGIN {
        return None;
    }
    let rest = part(text, label, text.len().min(label + LABEL_LEN_MAX));
    let len = rest.windows(FENCE.len()).position(|w| w == FENCE)?;
    let name = part(rest, 0, len);
    let is_private = name.windows(11).any(|w| w == b"PRIVATE KEY");
    is_private.then_some(label + len + FENCE.len())
}

/// Returns `true` if the text contains the `END` line of a key.
pub(super) fn ends_key(text: &[u8]) -> bool {
    text.windows(9).any(|w| w == b"-----END ")
}

/// Returns the ranges of the words in the body of a key that starts at `begin`, and the offset at which the body ends.
/// The body ends before the next `-----`.
pub(super) fn body(text: &[u8], begin: usize) -> (Vec<Range<usize>>, usize) {
    let end = find(text, begin, FENCE);
    let mut words = Vec::new();
    let mut at = begin;
    while at < end {
        let word = word_end(text, at, end);
        if word > at {
            words.extend(core(text, at, word));
        }
        // The separator of two words is one byte, or the two bytes of an escape sequence.
        at = word + if byte(text, word) == b'\\' { 2 } else { 1 };
    }
    (words, end)
}

fn word_end(text: &[u8], at: usize, end: usize) -> usize {
    end_of(text, at, |b| !b.is_ascii_whitespace() && b != b'\\').min(end)
}

/// Returns the range of a word without punctuation around it; `None` if the word contains no character of a key, or is
/// redacted already.
fn core(text: &[u8], begin: usize, end: usize) -> Option<Range<usize>> {
    let word = part(text, begin, end);
    let is_key = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=') || !b.is_ascii();
    let first = word.iter().position(is_key)?;
    let last = word.iter().rposition(is_key)?;
    let is_redacted = word.windows(MARK.len()).any(|w| w == MARK.as_bytes());
    (!is_redacted).then_some(begin + first..begin + last + 1)
}

/// Returns `true` if the text contains the `BEGIN` line of a private key, and not its `END` line.
pub(super) fn begins_key(text: &[u8]) -> bool {
    let mut begins = text.windows(BEGIN.len()).enumerate().rev().filter(|(_, window)| *window == BEGIN);
    let last = begins.find_map(|(at, _)| body_begin(text, at));
    last.is_some_and(|begin| !ends_key(text.get(begin..).unwrap_or_default()))
}
