//! Reading of the bytes of a text. A position may be outside the text.

#[cfg(test)]
std::thread_local! {
    /// The number of bytes that were read on this thread.
    pub(super) static BYTES_READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts the bytes that are read. A test compares their number with the length of the text.
#[cfg(test)]
fn count(bytes: usize) {
    BYTES_READ.with(|read| read.set(read.get() + bytes));
}

#[cfg(not(test))]
fn count(_: usize) {}

/// Returns the byte at a position, or 0 after the end of the text.
pub(super) fn byte(text: &[u8], at: usize) -> u8 {
    count(1);
    text.get(at).copied().unwrap_or(0)
}

/// Returns the byte before a position, or 0 at the start of the text.
pub(super) fn byte_before(text: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(0, |before| byte(text, before))
}

/// Returns a part of the text; an empty part if the range is not in the text.
pub(super) fn part(text: &[u8], from: usize, to: usize) -> &[u8] {
    let part = text.get(from..to).unwrap_or_default();
    count(part.len());
    part
}

/// Returns `true` if `word` is at the position `at`. The case of ASCII letters is ignored.
pub(super) fn begins_with(text: &[u8], at: usize, word: &[u8]) -> bool {
    text.get(at..at.saturating_add(word.len())).is_some_and(|t| t.eq_ignore_ascii_case(word))
}

/// Returns the position of the first byte from `at` on that is not in `class`, or the length of the text.
pub(super) fn end_of(text: &[u8], at: usize, class: fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let len = rest.iter().position(|b| !class(*b)).unwrap_or(rest.len());
    count(len);
    at + len
}

/// Returns the first position from `at` on at which `wanted` starts, or the length of the text.
pub(super) fn find(text: &[u8], at: usize, wanted: &[u8]) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let len = rest.windows(wanted.len()).position(|window| window == wanted).unwrap_or(rest.len());
    count(len);
    at + len
}

/// Returns the start of the run of `class` bytes that ends before `at`. Reads at most `len_max` bytes; a longer run is
/// cut.
pub(super) fn begin_of(text: &[u8], at: usize, len_max: usize, class: fn(u8) -> bool) -> usize {
    let floor = at.saturating_sub(len_max);
    let before = part(text, floor, at);
    before.iter().rposition(|b| !class(*b)).map_or(floor, |last| floor + last + 1)
}

/// Returns `true` for a space or a tab.
pub(super) fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

/// Returns `true` for a quotation mark.
pub(super) fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

/// Returns `true` for a byte of a name: an ASCII letter or digit, one of `_ - . /`, or a byte of a non-ASCII character.
pub(super) fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/') || !b.is_ascii()
}
