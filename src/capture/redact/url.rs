//! Credentials in the authority of a URL.

use crate::capture::redact::bytes::{begin_of, byte, end_of, part};
use std::ops::Range;

/// The number of bytes after the authority of a URL that are searched for the rest of a password, which can contain a
/// slash.
const PASSWORD_REST_MAX: usize = 256;

/// A URL in a text.
pub(super) struct Authority {
    /// The credential, if the authority contains one.
    pub(super) secret: Option<Range<usize>>,
    /// The end of the authority.
    pub(super) end: usize,
}

/// Returns the authority of the URL whose `://` starts at `colon`; `None` if no URL has its `://` there.
pub(super) fn authority(text: &[u8], colon: usize) -> Option<Authority> {
    let is_scheme = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let scheme = part(text, begin_of(text, colon, 32, is_scheme), colon);
    let begin = colon + 3;
    if scheme.is_empty() || part(text, colon, begin) != b"://" {
        return None;
    }
    let mut end = end_of(text, begin, |b| !is_end(b) && !matches!(b, b'/' | b'?' | b'#'));
    let mut at_sign = part(text, begin, end).iter().rposition(|b| *b == b'@').map(|at| begin + at);
    if at_sign.is_none() && has_password(part(text, begin, end)) {
        // The password may contain a character that a URL does not permit there, such as a slash.
        let beyond = part(text, end, text.len().min(end + PASSWORD_REST_MAX));
        let visible = beyond.iter().position(|b| is_end(*b)).unwrap_or(beyond.len());
        at_sign = part(beyond, 0, visible).iter().rposition(|b| *b == b'@').map(|at| end + at);
        end = at_sign.unwrap_or(end);
    }
    let secret = at_sign.and_then(|at| secret_of(text, scheme, begin, at));
    Some(Authority { secret, end })
}

/// Returns the range of the secret in the user information of a URL.
fn secret_of(text: &[u8], scheme: &[u8], begin: usize, end: usize) -> Option<Range<usize>> {
    let user = part(text, begin, end);
    let is_web = begins_like_http(scheme);
    let Some(colon) = user.iter().position(|b| *b == b':') else {
        // A user name without a password is a token if it is long.
        return (is_web && user.len() >= 16).then_some(begin..end);
    };
    let name_is_secret = is_web && matches!(part(user, colon + 1, user.len()), b"" | b"x-oauth-basic" | b"x");
    if name_is_secret {
        return (colon > 0).then_some(begin..begin + colon);
    }
    (begin + colon + 1 < end).then_some(begin + colon + 1..end)
}

fn begins_like_http(scheme: &[u8]) -> bool {
    let last = scheme.rsplit(|b| *b == b'+').next().unwrap_or_default();
    last.eq_ignore_ascii_case(b"http") || last.eq_ignore_ascii_case(b"https")
}

/// Returns `true` for an authority such as `name:pass`, in which no port number follows the colon.
fn has_password(authority: &[u8]) -> bool {
    let Some(colon) = authority.iter().position(|b| *b == b':') else { return false };
    let port = authority.get(colon + 1..).unwrap_or_default();
    byte(authority, 0) != b'[' && !port.is_empty() && !port.iter().all(u8::is_ascii_digit)
}

fn is_end(b: u8) -> bool {
    b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | 0)
}
