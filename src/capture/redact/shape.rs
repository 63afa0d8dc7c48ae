//! Credentials that are recognised by their shape, anywhere in a text.

use crate::capture::redact::bytes::{byte, byte_before, end_of, part};

/// A family of credentials with a common beginning.
struct Shape {
    prefix: &'static [u8],
    body: fn(u8) -> bool,
    /// The smallest number of bytes after the prefix.
    body_len_min: usize,
}

const fn shape(prefix: &'static str, body: fn(u8) -> bool, body_len_min: usize) -> Shape {
    Shape { prefix: prefix.as_bytes(), body, body_len_min }
}

const SHAPES: &[Shape] = &[
    shape("AKIA", is_upper, 16),
    shape("ASIA", is_upper, 16),
    shape("AIza", is_url_safe, 30),
    shape("AGE-SECRET-KEY-", is_upper, 20),
    shape("SG.", is_dotted, 40),
    shape("dapi", is_hex, 32),
    shape("dckr_pat_", is_url_safe, 20),
    shape("dop_v1_", is_hex, 32),
    shape("ghp_", is_alphanumeric, 20),
    shape("gho_", is_alphanumeric, 20),
    shape("ghu_", is_alphanumeric, 20),
    shape("ghs_", is_alphanumeric, 20),
    shape("ghr_", is_alphanumeric, 20),
    shape("github_pat_", is_url_safe, 20),
    shape("glpat-", is_url_safe, 16),
    shape("gldt-", is_url_safe, 16),
    shape("glptt-", is_url_safe, 16),
    shape("gsk_", is_alphanumeric, 20),
    shape("hf_", is_alphanumeric, 20),
    shape("hooks.slack.com/services/", is_path, 20),
    shape("hvs.", is_url_safe, 20),
    shape("npm_", is_alphanumeric, 30),
    shape("nvapi-", is_url_safe, 20),
    shape("pypi-AgE", is_url_safe, 16),
    shape("r8_", is_alphanumeric, 30),
    shape("rk_live_", is_alphanumeric, 16),
    shape("rk_test_", is_alphanumeric, 16),
    shape("sk_live_", is_alphanumeric, 16),
    shape("sk_test_", is_alphanumeric, 16),
    shape("whsec_", is_base64, 16),
    shape("xoxa-", is_url_safe, 10),
    shape("xoxb-", is_url_safe, 10),
    shape("xoxp-", is_url_safe, 10),
    shape("xoxr-", is_url_safe, 10),
    shape("xoxs-", is_url_safe, 10),
    shape("xapp-", is_url_safe, 10),
    shape("ya29.", is_url_safe, 20),
];

/// A bit set with the hashes of the first two bytes of all shapes. A word whose bit is not set is no credential.
const BEGINNINGS: u128 = beginnings(SHAPES) | beginning(b's', b'k') | beginning(b'e', b'y');

const fn beginning(first: u8, second: u8) -> u128 {
    1 << ((first.wrapping_mul(37) ^ second.wrapping_mul(5)) & 127)
}

const fn beginnings(mut shapes: &[Shape]) -> u128 {
    let mut bits = 0;
    while let [shape, rest @ ..] = shapes {
        if let [first, second, ..] = shape.prefix {
            bits |= beginning(*first, *second);
        }
        shapes = rest;
    }
    bits
}

/// The number of bytes that are examined to recognise a key such as `sk-...`.
const KEY_SEEN_LEN: usize = 256;

/// The smallest length of a run of random characters that is a credential in mode `strict`.
const RANDOM_LEN_MIN: usize = 32;

/// Returns `true` if a credential can start at a position: the byte before it is no letter or digit, or ends an escape
/// sequence.
pub(super) fn is_begin(text: &[u8], at: usize) -> bool {
    let before = byte_before(text, at);
    if !before.is_ascii_alphanumeric() {
        return true;
    }
    let second = at.checked_sub(2).map_or(0, |b| byte(text, b));
    let third = at.checked_sub(3).map_or(0, |b| byte(text, b));
    let is_escape = second == b'\\' && matches!(before, b'n' | b'r' | b't');
    let is_percent = third == b'%' && second.is_ascii_hexdigit() && before.is_ascii_hexdigit();
    let is_colour =
        before == b'm' && (second.is_ascii_digit() || second == b'[') && is_terminal_sequence(text, at - 1);
    is_escape || is_percent || is_colour
}

/// Returns `true` if the `m` at the position `end` ends a control sequence of a terminal: `ESC [ 3 1 m`.
fn is_terminal_sequence(text: &[u8], end: usize) -> bool {
    let before = part(text, end.saturating_sub(16), end);
    let digits = before.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    let Some(bracket) = before.len().checked_sub(digits + 1) else { return false };
    byte(before, bracket) == b'[' && byte_before(before, bracket) == 0x1b
}

/// Returns the offset at which the credential ends that starts at `at`; `None` if no credential starts there.
pub(super) fn credential_end(text: &[u8], at: usize) -> Option<usize> {
    // Most words are rejected here.
    if BEGINNINGS & beginning(byte(text, at), byte(text, at + 1)) == 0 {
        return None;
    }
    if part(text, at, at + 3) == b"sk-" {
        return secret_key_end(text, at);
    }
    if part(text, at, at + 3) == b"eyJ" {
        return web_token_end(text, at);
    }
    let is_first = |shape: &&Shape| shape.prefix.first() == text.get(at);
    SHAPES.iter().filter(is_first).find_map(|shape| {
        let body = at + shape.prefix.len();
        if part(text, at, body) != shape.prefix {
            return None;
        }
        let end = end_of(text, body, shape.body);
        (end - body >= shape.body_len_min).then_some(end)
    })
}

/// Returns the offset at which a key such as `sk-proj-...` ends. Names of packages also begin with `sk-`, so a key
/// needs a long run of letters and digits, or digits and letters of both cases.
fn secret_key_end(text: &[u8], at: usize) -> Option<usize> {
    // The decision reads a bounded part, so that a text with many prefixes in one run is scanned in linear time.
    let seen = text.get(..at.saturating_add(KEY_SEEN_LEN)).unwrap_or(text);
    let seen = end_of(seen, at, is_url_safe);
    let body = part(text, at + 3, seen);
    let longest = body.split(|b| !b.is_ascii_alphanumeric()).map(<[u8]>::len).max().unwrap_or(0);
    let is_mixed = Classes::of(body).is_mixed();
    (body.len() >= 16 && (is_mixed || longest >= 20)).then(|| end_of(text, at, is_url_safe))
}

/// Returns the offset at which a JSON web token ends: two or three parts with dots between them.
fn web_token_end(text: &[u8], at: usize) -> Option<usize> {
    if is_url_safe(byte_before(text, at)) && !byte_before(text, at).is_ascii_alphanumeric() {
        return None;
    }
    let header = end_of(text, at, is_url_safe);
    if header - at < 10 || byte(text, header) != b'.' {
        return None;
    }
    let payload = end_of(text, header + 1, is_url_safe);
    if payload - header < 8 {
        return None;
    }
    Some(if byte(text, payload) == b'.' { end_of(text, payload + 1, is_url_safe) } else { payload })
}

/// Returns the offset at which a run of random characters ends that starts at `at`. The run has at least 32 characters
/// of base64 with digits and letters of both cases, or hexadecimal digits with at least one letter and one digit.
pub(super) fn random_end(text: &[u8], at: usize) -> Option<usize> {
    let before = byte_before(text, at);
    if is_base64(before) && before != b'/' {
        return None;
    }
    let is_path = matches!(before, b'/' | b'.' | b'~' | b'\\');
    let class = if is_path { is_url_safe } else { is_base64 };
    let end = end_of(text, at, class);
    let run = part(text, at, end);
    let classes = Classes::of(run);
    let is_hex =
        run.iter().all(u8::is_ascii_hexdigit) && classes.digits > 0 && classes.lower + classes.upper > 0;
    (run.len() >= RANDOM_LEN_MIN && (is_hex || classes.is_mixed())).then_some(end)
}

/// Returns the offset at which a word of 40 hexadecimal digits ends, such as a key of Weights & Biases or a commit.
pub(super) fn hex_key_end(text: &[u8], at: usize) -> Option<usize> {
    let end = end_of(text, at, is_alphanumeric);
    let run = part(text, at, end);
    (run.len() == 40 && run.iter().all(u8::is_ascii_hexdigit)).then_some(end)
}

/// Returns `true` if a value has the form of a credential: at least 16 characters, digits and letters, no spaces.
pub(super) fn is_like_credential(value: &[u8]) -> bool {
    let is_allowed = |b: &u8| is_base64(*b) || matches!(b, b'.' | b'~' | b':' | b'!' | b'@' | b'#' | b'%');
    let classes = Classes::of(value);
    let is_path = value.starts_with(b"/") || value.starts_with(b".");
    value.len() >= 16
        && value.iter().all(is_allowed)
        && classes.digits > 0
        && classes.lower + classes.upper > 0
        && !is_path
}

struct Classes {
    lower: usize,
    upper: usize,
    digits: usize,
}

impl Classes {
    fn of(text: &[u8]) -> Classes {
        let count = |class: fn(&u8) -> bool| text.iter().filter(|b| class(b)).count();
        Classes {
            lower: count(u8::is_ascii_lowercase),
            upper: count(u8::is_ascii_uppercase),
            digits: count(u8::is_ascii_digit),
        }
    }

    fn is_mixed(&self) -> bool {
        self.lower > 0 && self.upper > 0 && self.digits > 0
    }
}

fn is_upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn is_alphanumeric(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn is_hex(b: u8) -> bool {
    b.is_ascii_hexdigit()
}

fn is_url_safe(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

fn is_base64(b: u8) -> bool {
    is_url_safe(b) || matches!(b, b'+' | b'/' | b'=')
}

fn is_dotted(b: u8) -> bool {
    is_url_safe(b) || b == b'.'
}

fn is_path(b: u8) -> bool {
    is_url_safe(b) || b == b'/'
}
