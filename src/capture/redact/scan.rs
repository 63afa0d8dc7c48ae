//! The search for secrets in a text, which is scanned from the start to the end.
//!
//! Every step reads a bounded part of the text, or a part that no other step reads. The time is therefore linear in the
//! length of the text.

use crate::capture::redact::bytes::{
    begins_with, byte, byte_before, end_of, is_blank, is_name, is_quote, part,
};
use crate::capture::redact::key::{KeyKind, Keys};
use crate::capture::redact::mark::MARK;
use crate::capture::redact::name::{Name, name_before, typed_name, word_before};
use crate::capture::redact::private_key;
use crate::capture::redact::shape::{credential_end, hex_key_end, is_begin, is_like_credential, random_end};
use crate::capture::redact::url::authority;
use crate::capture::redact::value::{Extent, Value, digits_of, is_number, is_placeholder, value_at};
use std::borrow::Cow;
use std::ops::Range;

/// The kind of a text. It determines when a value without quotation marks is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// Messages and output lines.
    Text,
    /// A command line: the word after `--password` is a secret.
    Command,
    /// A line of source code: a value without quotation marks is an expression, unless it looks like a credential.
    Code,
}

/// The greatest length of a value that can be a placeholder. A longer value is a secret without further checks, so that
/// the checks read a bounded part of the text.
const PLACEHOLDER_LEN_MAX: usize = 512;

/// The smallest length at which a value after `token:` in a sentence is a secret although it contains no digit.
const PROSE_LEN_MIN: usize = 16;

/// The greatest number of scans of one text. After a replacement, the text is scanned again, because the replacement
/// changes the context of the text that follows.
const SCANS_MAX: usize = 4;

/// The options of a scan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'a> {
    pub(super) keys: &'a Keys,
    pub(super) context: Context,
    pub(super) is_strict: bool,
}

impl Scanner<'_> {
    /// Replaces all secrets of a text.
    pub(super) fn replaced<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        let mut replaced = Cow::Borrowed(text);
        for _ in 0..SCANS_MAX {
            let secrets = self.secrets(&replaced);
            if secrets.is_empty() {
                break;
            }
            replaced = Cow::Owned(with_marks(&replaced, &secrets));
        }
        replaced
    }

    /// Returns the ranges of all secrets in ascending order.
    fn secrets(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut scan = Scan { scanner: *self, text, secrets: Vec::new() };
        let mut at = 0;
        while let Some(b) = text.get(at) {
            at = scan.step(*b, at).unwrap_or(0).max(at + 1);
        }
        scan.secrets
    }
}

/// Returns the text with the mark in place of each range.
pub(super) fn with_marks(text: &[u8], secrets: &[Range<usize>]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut at = 0;
    for secret in secrets {
        replaced.extend_from_slice(text.get(at..secret.start).unwrap_or_default());
        replaced.extend_from_slice(MARK.as_bytes());
        at = secret.end;
    }
    replaced.extend_from_slice(text.get(at..).unwrap_or_default());
    replaced
}

struct Scan<'a> {
    scanner: Scanner<'a>,
    text: &'a [u8],
    secrets: Vec<Range<usize>>,
}

impl Scan<'_> {
    /// Examines one position. Returns the position at which the scan continues; `None` for the next position.
    fn step(&mut self, b: u8, at: usize) -> Option<usize> {
        match b {
            b'=' | b':' => self.separator(b, at),
            b'-' => self.dashes(at),
            b'>' => self.element(at),
            // The full-width colon and equals sign of Chinese and Japanese texts.
            0xef if matches!(part(self.text, at, at + 3), [_, 0xbc, 0x9a | 0x9d]) => self.full_width(at),
            b'/' | b'\\' if self.scanner.is_strict => self.home(at),
            _ if b.is_ascii_alphanumeric() => self.word(b, at).or_else(|| self.word_end(at)),
            _ => None,
        }
    }

    /// Adds a secret, unless it is already replaced. Returns the end of the range.
    fn push(&mut self, secret: Range<usize>) -> Option<usize> {
        let end = secret.end;
        if part(self.text, secret.start, end) != MARK.as_bytes() {
            self.secrets.push(secret);
        }
        Some(end)
    }

    fn kind(&self, name: &Name) -> KeyKind {
        let bytes = part(self.text, name.range.start, name.range.end);
        std::str::from_utf8(bytes).map_or(KeyKind::Plain, |name| self.scanner.keys.kind(name))
    }

    fn separator(&mut self, b: u8, at: usize) -> Option<usize> {
        let next = byte(self.text, at + 1);
        if b == b':'
            && next == b'/'
            && let Some(found) = authority(self.text, at)
        {
            return found.secret.map_or(Some(found.end), |secret| {
                self.push(secret);
                Some(found.end)
            });
        }
        if b == b':' && (next == b':' || byte_before(self.text, at) == b':') {
            return None;
        }
        let (name, kind) = self.named(b, at)?;
        let behind = match (b, next) {
            (b'=', b'=' | b'>' | b'~') | (b':', b'=') => at + 2,
            _ => at + 1,
        };
        let extent = match kind {
            KeyKind::Authorization | KeyKind::Cookie => Extent::Line,
            _ if name.is_parameter => Extent::Parameter,
            _ => Extent::Word,
        };
        let is_header = matches!(kind, KeyKind::Authorization | KeyKind::Cookie);
        if b == b':'
            && !name.is_quoted
            && !is_header
            && (is_prompt(self.text, behind) || is_type(self.text, behind))
        {
            return None;
        }
        let value = value_at(self.text, behind, extent)?;
        let is_spaced = byte(self.text, behind) == b' ';
        let is_secret = self.is_secret(kind, &name, &value, is_spaced);
        if is_secret { self.push(value.range) } else { None }
    }

    /// Examines the text of an XML element: `<password>...</password>`.
    fn element(&mut self, at: usize) -> Option<usize> {
        let name = name_before(self.text, at).filter(|name| !name.is_quoted)?;
        let kind = self.kind(&name);
        let is_begin =
            byte_before(self.text, name.range.start) == b'<' && byte(self.text, name.range.start) != b'/';
        if !is_begin || kind == KeyKind::Plain {
            return None;
        }
        let end = end_of(self.text, at + 1, |b| !matches!(b, b'<' | b'\n' | b'\r'));
        let value = Value { range: at + 1..end, is_quoted: true };
        let is_closed = byte(self.text, end) == b'<' && byte(self.text, end + 1) == b'/';
        let is_secret = is_closed && self.is_secret(kind, &name, &value, false);
        if is_secret { self.push(value.range) } else { None }
    }

    fn full_width(&mut self, at: usize) -> Option<usize> {
        let (name, kind) = self.named(b':', at)?;
        let value = value_at(self.text, at + 3, Extent::Word)?;
        let is_secret = self.is_secret(kind, &name, &value, true);
        if is_secret { self.push(value.range) } else { None }
    }

    /// Returns the name before a separator, and its kind; `None` if no name precedes the separator, or if the kind is
    /// plain.
    fn named(&self, separator: u8, at: usize) -> Option<(Name, KeyKind)> {
        let name = name_before(self.text, at)?;
        let bytes = part(self.text, name.range.start, name.range.end);
        if name.is_parameter && is_signature(bytes) {
            return Some((name, KeyKind::Secret));
        }
        let longer = word_before(self.text, &name).filter(|_| needs_word_before(bytes));
        let name = longer.unwrap_or(name);
        let kind = self.kind(&name);
        if matches!(kind, KeyKind::Plain | KeyKind::Count) && separator == b'=' {
            let typed = typed_name(self.text, at).map(|typed| (self.kind(&typed), typed));
            if let Some((kind, typed)) = typed.filter(|(kind, _)| *kind != KeyKind::Plain) {
                return Some((typed, kind));
            }
        }
        (kind != KeyKind::Plain).then_some((name, kind))
    }

    /// Returns `true` if the value of a name is a secret. `is_spaced` is true if a space follows the separator, as in a
    /// sentence.
    fn is_secret(&self, kind: KeyKind, name: &Name, value: &Value, is_spaced: bool) -> bool {
        let text = part(self.text, value.range.start, value.range.end);
        if text.trim_ascii().is_empty() {
            return false;
        }
        if text.len() > PLACEHOLDER_LEN_MAX {
            return kind != KeyKind::Count || is_like_credential(text);
        }
        let is_path = text.starts_with(b"/") || text.starts_with(b"~") || part(text, 1, 3) == b":\\";
        if is_placeholder(text) || kind == KeyKind::Pwd && is_path {
            return false;
        }
        let is_password = matches!(kind, KeyKind::Password | KeyKind::Pwd);
        if is_number(text) && !(is_password && digits_of(text) >= 4) {
            return false;
        }
        match kind {
            KeyKind::Plain => false,
            KeyKind::Count => is_like_credential(text),
            KeyKind::Authorization | KeyKind::Cookie => true,
            _ if value.is_quoted => true,
            _ if self.scanner.context == Context::Code => is_like_credential(text),
            KeyKind::Secret | KeyKind::Password | KeyKind::Pwd => {
                let words = part(self.text, name.range.start, name.range.end);
                let is_sentence = is_spaced && !name.is_quoted && is_sentence(words);
                !is_sentence || is_unlike_word(text)
            }
        }
    }

    /// Examines two dashes: the start of a private key, or of an option whose value is the next word.
    fn dashes(&mut self, at: usize) -> Option<usize> {
        if byte(self.text, at + 1) != b'-' || byte_before(self.text, at) == b'-' {
            return None;
        }
        if let Some(begin) = private_key::body_begin(self.text, at) {
            let (words, end) = private_key::body(self.text, begin);
            self.secrets.extend(words);
            return Some(end);
        }
        let begin = at + 2;
        let is_option = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let end = end_of(self.text, begin, is_option).min(begin + 64);
        let name = Name { range: begin..end, is_quoted: false, is_parameter: false };
        let kind = self.kind(&name);
        let is_secret = matches!(kind, KeyKind::Secret | KeyKind::Password | KeyKind::Pwd);
        let value = if is_secret { argument(self.text, end)? } else { return None };
        let text = part(self.text, value.range.start, value.range.end);
        let is_number = is_number(text) && !(kind == KeyKind::Password && digits_of(text) >= 4);
        let is_excluded = text.starts_with(b"-") || is_number || is_placeholder(text);
        if is_excluded && text.len() <= PLACEHOLDER_LEN_MAX {
            return None;
        }
        let is_certain = self.scanner.context == Context::Command || value.is_quoted || is_unlike_word(text);
        if is_certain { self.push(value.range) } else { None }
    }

    /// Examines the start of a word.
    fn word(&mut self, b: u8, at: usize) -> Option<usize> {
        if !is_begin(self.text, at) {
            return None;
        }
        if let Some(end) = credential_end(self.text, at) {
            return self.push(at..end);
        }
        if matches!(b, b'b' | b'B') && begins_with(self.text, at, b"bearer ") {
            return self.bearer(at + 7);
        }
        if b.is_ascii_hexdigit()
            && let Some(end) = hex_key_end(self.text, at)
            && self.is_announced(at)
        {
            return self.push(at..end);
        }
        let end = if self.scanner.is_strict { random_end(self.text, at)? } else { return None };
        self.push(at..end)
    }

    /// Returns the end of the word at a position, which the scan skips. Returns `None` after a character that can start
    /// an escape sequence, because a credential can then start within the word.
    fn word_end(&self, at: usize) -> Option<usize> {
        let is_escape = matches!(byte_before(self.text, at), b'\\' | b'%' | b'[' | b';');
        (!is_escape && is_begin(self.text, at)).then(|| end_of(self.text, at, |b| b.is_ascii_alphanumeric()))
    }

    /// Examines the credential after `Bearer`.
    fn bearer(&mut self, at: usize) -> Option<usize> {
        let begin = end_of(self.text, at, is_blank);
        let is_token =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
        let end = end_of(self.text, begin, is_token);
        let token = part(self.text, begin, end);
        let has_inner_upper =
            token.iter().skip(1).any(u8::is_ascii_uppercase) && token.iter().any(u8::is_ascii_lowercase);
        let is_secret = token.len() >= 20
            || token.len() >= 6 && (token.iter().any(u8::is_ascii_digit) || has_inner_upper);
        if is_secret && !is_placeholder(token) { self.push(begin..end) } else { None }
    }

    /// Returns `true` if the words before a position announce a secret. The last three words are the name of a secret
    /// (`api key: `), or the last word is `login` (`wandb login `).
    fn is_announced(&self, at: usize) -> bool {
        let before = part(self.text, at.saturating_sub(48), at);
        let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| {
            !word.is_empty()
                && !matches!(*word, "is" | "was" | "your" | "the" | "as" | "with" | "using" | "set" | "to")
        });
        let words: Vec<&str> = words.collect();
        let last = words.get(words.len().saturating_sub(3)..).unwrap_or_default();
        let is_login = last.last().is_some_and(|word| word.eq_ignore_ascii_case("login"));
        is_login || !matches!(self.scanner.keys.kind(&last.join(" ")), KeyKind::Plain | KeyKind::Count)
    }

    /// Examines a path in the home directory of a user, and adds the name of the user as a secret. Used in mode
    /// `strict`.
    fn home(&mut self, at: usize) -> Option<usize> {
        let parents: [&[u8]; 4] = [b"/home/", b"/users/", b"\\users\\", b"\\\\users\\\\"];
        let parent = parents.iter().find(|parent| begins_with(self.text, at, parent))?;
        let is_user = |b: u8| {
            !(b.is_ascii_whitespace()
                || is_quote(b)
                || matches!(b, b'/' | b'\\' | b':' | b',' | b';' | b')' | b'<' | b'>' | 0))
        };
        let begin = at + parent.len();
        let end = end_of(self.text, begin, is_user);
        if end > begin { self.push(begin..end) } else { None }
    }
}

/// Returns the argument after an option, in the same line: `--token abc`, or `"--token", "abc"` in a list.
fn argument(text: &[u8], end: usize) -> Option<Value> {
    let is_between = |b: u8| is_blank(b) || is_quote(b) || matches!(b, b',' | b'\\');
    let begin = end_of(text, end, is_between).min(end + 8);
    let between = part(text, end, begin);
    if !between.iter().any(|b| is_blank(*b) || *b == b',') {
        return None;
    }
    // A quotation mark after the last space opens the value.
    let quotes = between.iter().rev().take_while(|b| is_quote(**b) || **b == b'\\').count();
    value_at(text, begin - quotes, Extent::Word)
}

/// Returns `true` if a quotation mark follows a colon and ends the text that contains the name: `input("Password: ")`.
fn is_prompt(text: &[u8], at: usize) -> bool {
    let quote = end_of(text, at, is_blank);
    let quote = end_of(text, quote, |b| b == b'\\').min(quote + 8);
    let next = byte(text, quote + 1);
    let is_after =
        matches!(next, b')' | b',' | b']' | b'}' | b';' | b'\n' | b'\r') || quote + 1 >= text.len();
    is_quote(byte(text, quote)) && (is_after || next == b'.' && byte(text, quote + 2).is_ascii_alphabetic())
}

/// Returns `true` if a type follows a colon, and a value follows the type: `password: str = "..."`.
fn is_type(text: &[u8], at: usize) -> bool {
    let text = text.get(..at.saturating_add(64)).unwrap_or(text);
    let mut begin = end_of(text, at, |b| is_blank(b) || matches!(b, b'&' | b'*'));
    if byte(text, begin) == b'\'' {
        begin = end_of(text, end_of(text, begin + 1, |b| b.is_ascii_alphanumeric()), is_blank);
    }
    let of_type = |b: u8| is_name(b) || matches!(b, b'[' | b']' | b'<' | b'>' | b'|');
    let end = end_of(text, begin, of_type);
    let sign = end_of(text, end, is_blank);
    end > begin && sign > end && byte(text, sign) == b'=' && byte(text, sign + 1) != b'='
}

/// Returns `true` for a name whose meaning depends on the word before it: `key`, `token`.
fn needs_word_before(name: &[u8]) -> bool {
    [&b"key"[..], b"keys", b"token", b"tokens"].iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// Returns `true` for the name of a URL parameter that contains a signature or a credential.
fn is_signature(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"sig",
        b"signature",
        b"x-amz-signature",
        b"x-amz-credential",
        b"x-amz-security-token",
        b"x-goog-signature",
        b"x-goog-credential",
        b"awsaccesskeyid",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Returns `true` if the words before a colon may be a part of a sentence: `token`, `the secret`.
fn is_sentence(words: &[u8]) -> bool {
    const FIRST: [&[u8]; 10] =
        [b"a", b"an", b"any", b"each", b"every", b"my", b"no", b"one", b"the", b"this"];
    let mut reversed = words.rsplit(|b| *b == b' ');
    let last = reversed.next().unwrap_or_default();
    let is_general =
        [&b"token"[..], b"tokens", b"secret", b"secrets"].iter().any(|w| last.eq_ignore_ascii_case(w));
    is_general && reversed.all(|word| FIRST.iter().any(|first| word.eq_ignore_ascii_case(first)))
}

/// Returns `true` for a value that is no ordinary word of a sentence.
fn is_unlike_word(text: &[u8]) -> bool {
    let word = text.trim_ascii_end();
    word.len() >= PROSE_LEN_MIN || word.len() >= 4 && word.iter().any(u8::is_ascii_digit)
}
