//! The name before a separator in a text.

use crate::capture::redact::bytes::{begin_of, byte, byte_before, is_blank, is_name, is_quote, part};
use std::ops::Range;

/// The greatest length of a name in bytes.
const NAME_LEN_MAX: usize = 128;

/// The types that some languages write between a name and its value: `var apiKey string = "..."`.
const TYPES: &[&[u8]] = &[b"string", b"str", b"String", b"text"];

/// A name and its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// The range of the name.
    pub(super) range: Range<usize>,
    /// `true` if the name is in quotation marks.
    pub(super) is_quoted: bool,
    /// `true` if the name is the name of a parameter in a URL.
    pub(super) is_parameter: bool,
}

/// Returns the name before the separator at a position; `None` if the separator follows no name.
pub(super) fn name_before(text: &[u8], separator: usize) -> Option<Name> {
    let mut end = begin_of(text, separator, 8, is_blank);
    if matches!(byte_before(text, end), b'?' | b'!' | b':' | b'=') {
        end = begin_of(text, end - 1, 8, is_blank);
    }
    if part(text, end.saturating_sub(2), end) == b"[]" {
        end -= 2;
    } else if byte_before(text, end) == b']' {
        end -= 1;
    }
    let last = byte_before(text, end);
    if is_quote(last) { quoted(text, end - 1) } else { plain(text, end) }
}

fn quoted(text: &[u8], close: usize) -> Option<Name> {
    let quote = byte(text, close);
    let end = begin_of(text, close, 8, |b| b == b'\\');
    let floor = end.saturating_sub(NAME_LEN_MAX);
    let before = part(text, floor, end);
    let open = before.iter().rposition(|b| *b == quote || *b == b'\n')?;
    (byte(before, open) == quote).then_some(Name {
        range: floor + open + 1..end,
        is_quoted: true,
        is_parameter: false,
    })
}

fn plain(text: &[u8], end: usize) -> Option<Name> {
    let begin = begin_of(text, end, NAME_LEN_MAX, is_name);
    if begin == end {
        return None;
    }
    let is_parameter = matches!(byte_before(text, begin), b'?' | b'&' | b'#');
    let name = Name { range: begin..end, is_quoted: false, is_parameter };
    if TYPES.contains(&part(text, begin, end)) { word_before(text, &name).or(Some(name)) } else { Some(name) }
}

/// Returns the name before a type and a separator: `token` in `token: &'static str = "..."`.
pub(super) fn typed_name(text: &[u8], separator: usize) -> Option<Name> {
    let is_type = |b: u8| {
        is_blank(b)
            || is_name(b)
            || matches!(b, b'&' | b'\'' | b'[' | b']' | b'<' | b'>' | b'|' | b'*' | b'?')
    };
    let colon = begin_of(text, separator, 64, is_type).checked_sub(1)?;
    let is_type_colon = byte(text, colon) == b':' && byte_before(text, colon) != b':';
    if is_type_colon { plain(text, begin_of(text, colon, 8, |b| is_blank(b) || b == b'?')) } else { None }
}

/// Returns a name extended by the word before it; `None` if no word and single space precede the name.
pub(super) fn word_before(text: &[u8], name: &Name) -> Option<Name> {
    let end = name.range.start.checked_sub(1)?;
    let begin = begin_of(text, end, 64, is_name);
    let is_word = byte(text, end) == b' ' && begin < end && !name.is_quoted;
    is_word.then_some(Name { range: begin..name.range.end, ..name.clone() })
}
