//! The value of an assignment in a text: its range, and values that are no secrets.

use crate::capture::redact::bytes::{byte, end_of, is_blank, is_name, is_quote, part};
use crate::capture::redact::mark::MARK;
use std::ops::Range;

/// The value behind a separator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    /// The range of the value, without quotation marks.
    pub(super) range: Range<usize>,
    /// `true` if the value is in quotation marks.
    pub(super) is_quoted: bool,
}

/// The extent of a value without quotation marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// To the next space or delimiter.
    Word,
    /// To the end of a parameter in a URL.
    Parameter,
    /// To the end of the line, or to the quotation mark that surrounds it.
    Line,
}

/// Functions and variants whose argument is the value itself.
const WRAPPERS: &[&[u8]] =
    &[b"Some", b"Ok", b"from", b"new", b"str", b"String", b"Secret", b"SecretStr", b"SecretString", b"bytes"];

/// The greatest length of a reference to a variable.
const REFERENCE_LEN_MAX: usize = 128;

/// The greatest length of a list whose end is sought.
const LIST_LEN_MAX: usize = 512;

/// The greatest length of an expression before its first parenthesis.
const PATH_LEN_MAX: usize = 256;

/// Returns the value that begins at a position, behind spaces. Returns `None` if there is no value, and for an
/// expression, such as a call of a function.
pub(super) fn value_at(text: &[u8], at: usize, extent: Extent) -> Option<Value> {
    let at = end_of(text, at, is_blank);
    if let Some(value) = quoted(text, at) {
        return value;
    }
    match extent {
        Extent::Line => {
            let end = end_of(text, at, |b| !matches!(b, b'\n' | b'\r') && !is_quote(b));
            let end = at + part(text, at, end).trim_ascii_end().len();
            let end = end - usize::from(byte(text, end) != 0 && part(text, at, end).ends_with(b"\\"));
            value(at, end)
        }
        Extent::Parameter => value(at, end_of(text, at, |b| !is_stop(b) && !matches!(b, b'&' | b'#' | b';'))),
        Extent::Word if byte(text, at) == b'[' && !part(text, at, at + MARK.len()).eq(MARK.as_bytes()) => {
            list(text, at)
        }
        Extent::Word => word(text, at),
    }
}

fn value(begin: usize, end: usize) -> Option<Value> {
    (begin < end).then_some(Value { range: begin..end, is_quoted: false })
}

/// Returns the value in quotation marks that begins at a position. The outer `Option` is `None` if there is no such value.
fn quoted(text: &[u8], at: usize) -> Option<Option<Value>> {
    // Prefixes of literals: `b"..."`, `rb'...'`, `f"..."`.
    let prefix = end_of(text, at, |b| matches!(b.to_ascii_lowercase(), b'b' | b'f' | b'r' | b'u'));
    let mut begin = if prefix - at <= 2 { prefix } else { at };
    let escape = begin;
    while byte(text, begin) == b'\\' && begin - escape < 8 {
        begin += 1;
    }
    let escapes = begin - escape;
    let quote = byte(text, begin);
    if !is_quote(quote) {
        return None;
    }
    begin += 1;
    let is_triple = byte(text, begin) == quote && byte(text, begin + 1) == quote;
    begin += if is_triple { 2 } else { 0 };
    let end = closing(text, begin, quote, escapes);
    let range = begin..end.unwrap_or_else(|| end_of(text, begin, |b| !matches!(b, b'\n' | b'\r')));
    Some((!range.is_empty()).then_some(Value { range, is_quoted: true }))
}

/// Returns the position of the quotation mark that ends a value, before its `escapes` backslashes; `None` if the line
/// contains none.
fn closing(text: &[u8], begin: usize, quote: u8, escapes: usize) -> Option<usize> {
    let mut at = begin;
    let mut backslashes = 0;
    loop {
        match byte(text, at) {
            0 if at >= text.len() => return None,
            b'\n' | b'\r' => return None,
            b'\\' => backslashes += 1,
            b if b == quote && backslashes <= escapes => return Some(at - backslashes),
            _ => backslashes = 0,
        }
        // A pair of backslashes is a backslash of the value.
        if escapes == 0 && backslashes == 2 {
            backslashes = 0;
        }
        at += 1;
    }
}

/// Returns the items of a list in one line as one value. A list of numbers has no value, nor has a token of a vocabulary
/// such as `[CLS]`.
fn list(text: &[u8], open: usize) -> Option<Value> {
    let begin = end_of(text, open + 1, is_blank);
    if part(text, begin, begin + MARK.len()) == MARK.as_bytes() {
        return value(begin, begin + MARK.len());
    }
    let line = part(text, begin, text.len().min(begin + LIST_LEN_MAX));
    let close = line.iter().position(|b| matches!(b, b']' | b'\n' | b'\r'));
    let end = close.map_or_else(|| end_of(text, begin, |b| !matches!(b, b'\n' | b'\r')), |len| begin + len);
    let items = text.get(begin..end).unwrap_or_default();
    let is_number =
        |b: &u8| b.is_ascii_digit() || is_blank(*b) || matches!(b, b',' | b'.' | b'-' | b'+' | b'e');
    let is_vocabulary =
        items.len() <= 6 && items.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if items.iter().all(is_number) || is_vocabulary {
        return None;
    }
    Some(Value { range: begin..end, is_quoted: items.iter().any(|b| is_quote(*b)) })
}

/// Returns the value up to the next delimiter.
fn word(text: &[u8], begin: usize) -> Option<Value> {
    if is_reference(text, begin) {
        return None;
    }
    let is_letter = |at: usize| byte(text, at).is_ascii_alphanumeric();
    let mut at = begin;
    if text.get(begin..).unwrap_or_default().starts_with(MARK.as_bytes()) {
        at += MARK.len();
    }
    loop {
        let b = byte(text, at);
        // An apostrophe between letters or digits is a character of the value.
        let is_inner =
            |at: usize| at > begin && byte(text, at) == b'\'' && is_letter(at - 1) && is_letter(at + 1);
        if at >= text.len() || is_stop(b) && !is_inner(at) || is_delimiter(text, at) {
            return value(begin, at);
        }
        let is_call = matches!(b, b'(' | b'[')
            && at > begin
            && at - begin <= PATH_LEN_MAX
            && is_path(part(text, begin, at));
        if is_call {
            return argument(text, begin, at);
        }
        at += 1;
    }
}

/// Returns `true` for a reference to a variable or an object in braces: `${TOKEN}`, `$(cat key)`, `{token}`.
fn is_reference(text: &[u8], begin: usize) -> bool {
    let open = begin + usize::from(byte(text, begin) == b'$');
    let close = match byte(text, open) {
        b'{' => b'}',
        b'(' if open > begin => b')',
        _ => return false,
    };
    let line = part(text, open, text.len().min(open + REFERENCE_LEN_MAX));
    let end = line.iter().position(|b| *b == close || *b == b'\n').unwrap_or(line.len());
    let next = byte(line, end + 1);
    byte(line, end) == close && !next.is_ascii_alphanumeric()
}

/// Returns the literal in a call such as `Some("...")`.
fn argument(text: &[u8], begin: usize, open: usize) -> Option<Value> {
    let function = part(text, begin, open);
    let name = function.rsplit(|b| matches!(b, b'.' | b':')).next().unwrap_or_default();
    let is_wrapper = byte(text, open) == b'(' && WRAPPERS.contains(&name);
    if is_wrapper { quoted(text, end_of(text, open + 1, is_blank)).flatten() } else { None }
}

/// Returns `true` for a path of identifiers, such as `os.environ` or `Secret::new`.
fn is_path(text: &[u8]) -> bool {
    let first = byte(text, 0);
    (first.is_ascii_alphabetic() || first == b'_')
        && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':'))
}

fn is_stop(b: u8) -> bool {
    b.is_ascii_whitespace() || is_quote(b) || matches!(b, b'<' | b'>' | b'\\' | 0)
}

/// Returns `true` for a delimiter that ends a value: one before another delimiter, a space, or the next assignment.
fn is_delimiter(text: &[u8], at: usize) -> bool {
    let b = byte(text, at);
    if !matches!(b, b',' | b';' | b')' | b']' | b'}' | b'|') {
        return false;
    }
    let next = byte(text, at + 1);
    if at + 1 >= text.len()
        || is_stop(next)
        || matches!(next, b',' | b';' | b')' | b']' | b'}' | b'|' | b'.' | b':')
    {
        return true;
    }
    let name = end_of(text, at + 1, is_name).min(at + 65);
    matches!(b, b',' | b';' | b'|') && name > at + 1 && matches!(byte(text, name), b'=' | b':')
}

/// Returns `true` for a value that stands for a missing or another value: a boolean, a reference to a variable, a mask.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 9] =
        [b"true", b"false", b"none", b"null", b"nil", b"undefined", b"yes", b"no", MARK.as_bytes()];
    let value = value.trim_ascii_end();
    let value = value.strip_suffix(b",").unwrap_or(value);
    let is_mask = |b: &u8| matches!(b, b'*' | b'.' | b'x' | b'X' | b'-' | b'_' | b'?');
    let between = |open: &[u8], close: &[u8]| value.starts_with(open) && value.ends_with(close);
    let is_variable = |name: &[u8]| {
        !name.is_empty() && name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
    };
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
        || value.len() >= 3 && value.iter().all(is_mask)
        || between(b"${", b"}")
        || between(b"$(", b")")
        || between(b"{", b"}")
        || between(b"<", b">")
        || value.strip_prefix(b"$").is_some_and(is_variable)
        || matches!(value, b"%s" | b"%d" | b"%r" | b"{}")
}

/// Returns `true` for a number, or a version such as `1.26.4`.
pub(super) fn is_number(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let text = text.trim_end_matches([',', ';', '%']);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_version = text.split('.').count() > 1 && text.split('.').take(2).all(digits) && text.len() <= 24;
    text.parse::<f64>().is_ok() || is_version
}

/// Returns the number of digits of a value that consists of digits only, and 0 otherwise.
pub(super) fn digits_of(value: &[u8]) -> usize {
    let value = value.trim_ascii();
    if value.iter().all(u8::is_ascii_digit) { value.len() } else { 0 }
}
