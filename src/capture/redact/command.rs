//! Secrets in command lines.

use crate::capture::redact::key::{KeyKind, Keys};
use crate::capture::redact::mark::MARK;
use crate::capture::redact::value::{digits_of, is_number, is_placeholder};
use std::ops::Range;

/// A word of a command line with a secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Secret {
    /// The index of the word.
    pub(super) word: usize,
    /// The range of the secret in the word.
    pub(super) range: Range<usize>,
}

/// Programs with an option whose next word is a password, and the option.
const PASSWORD_OPTIONS: &[(&str, &str)] = &[
    ("sshpass", "-p"),
    ("docker", "-p"),
    ("podman", "-p"),
    ("helm", "-p"),
    ("az", "-p"),
    ("redis-cli", "-a"),
    ("ldapsearch", "-w"),
    ("mongosh", "-p"),
    ("mongo", "-p"),
    ("mosquitto_pub", "-P"),
    ("mosquitto_sub", "-P"),
];

/// Programs with an option that is directly followed by a password, and the option.
const JOINED_PASSWORD_OPTIONS: &[(&str, &str)] =
    &[("mysql", "-p"), ("mysqldump", "-p"), ("mysqladmin", "-p"), ("mariadb", "-p"), ("sshpass", "-p")];

/// Programs with an option whose next word is a name, a colon and a password.
const USER_OPTIONS: &[(&str, &str)] = &[
    ("curl", "-u"),
    ("curl", "--user"),
    ("curl", "-U"),
    ("curl", "--proxy-user"),
    ("http", "-a"),
    ("https", "-a"),
];

/// Returns the secrets that the options of a command line contain.
pub(super) fn secrets(words: &[&str], keys: &Keys) -> Vec<Secret> {
    let mut programs: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for (n, word) in words.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|b| words.get(b)).copied().unwrap_or_default();
        let runs = |list: &[(&str, &str)], option: &str| {
            list.iter().any(|(program, name)| *name == option && programs.contains(program))
        };
        let joined = |word: &str| {
            let is_it = |(program, name): &&(&str, &str)| {
                programs.contains(program) && word.starts_with(name) && word.len() > name.len()
            };
            JOINED_PASSWORD_OPTIONS.iter().find(is_it).map(|(_, name)| name.len())
        };
        let is_option = is_secret_option(before, keys) && joined(before).is_none();
        let range = if is_option && is_argument(word, before, keys) || runs(PASSWORD_OPTIONS, before) {
            Some(0..word.len())
        } else if runs(USER_OPTIONS, before) {
            word.find(':').map(|colon| colon + 1..word.len())
        } else if let Some(option_len) = joined(word) {
            Some(option_len..word.len())
        } else {
            assignment(word, keys)
        };
        let is_redacted =
            |range: &Range<usize>| word.get(range.clone()).is_none_or(|s| s.is_empty() || s == MARK);
        found.extend(range.filter(|range| !is_redacted(range)).map(|range| Secret { word: n, range }));
        let base = word.rsplit(['/', '\\']).next().unwrap_or_default();
        programs.push(base.strip_suffix(".exe").unwrap_or(base));
    }
    found
}

fn option_kind(word: &str, keys: &Keys) -> KeyKind {
    match word.strip_prefix('-') {
        Some(name) if !name.contains(['=', ' ']) => keys.kind(name),
        _ => KeyKind::Plain,
    }
}

fn is_secret_option(word: &str, keys: &Keys) -> bool {
    matches!(option_kind(word, keys), KeyKind::Secret | KeyKind::Password | KeyKind::Pwd)
}

/// Returns `true` for the value of a secret option: neither an option, nor a number or placeholder.
fn is_argument(word: &str, option: &str, keys: &Keys) -> bool {
    let bytes = word.as_bytes();
    let is_pin = option_kind(option, keys) == KeyKind::Password && digits_of(bytes) >= 4;
    !word.starts_with('-') && (is_pin || !is_number(bytes)) && !is_placeholder(bytes)
}

/// Returns the range of the value in a word such as `--password=a b` or `FOO_TOKEN=a`.
fn assignment(word: &str, keys: &Keys) -> Option<Range<usize>> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let kind = if is_name { keys.kind(name) } else { KeyKind::Plain };
    let is_secret = match kind {
        KeyKind::Plain | KeyKind::Count => false,
        KeyKind::Pwd => !value.starts_with('/'),
        KeyKind::Password if digits_of(value.as_bytes()) >= 4 => true,
        _ => !is_number(value.as_bytes()),
    };
    (is_secret && !is_placeholder(value.as_bytes())).then_some(name.len() + 1..word.len())
}

/// Returns the words of a command line in one text, with their ranges, as they are without a shell: quotation marks at
/// the beginning of a word keep spaces together, and are not part of the word; other ones are ordinary characters.
pub(super) fn words(line: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut begin = None;
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) if c == open => {
                words.extend(begin.take().map(|b| b..at));
                quote = None;
            }
            None if matches!(c, '"' | '\'') && begin.is_none() => {
                quote = Some(c);
                begin = Some(at + c.len_utf8());
            }
            None if c.is_whitespace() => words.extend(begin.take().map(|b| b..at)),
            None if begin.is_none() => begin = Some(at),
            _ => {}
        }
    }
    // The word behind a quotation mark without its end is left to the scan of texts.
    words.extend(begin.filter(|_| quote.is_none()).map(|b| b..line.len()));
    words
}

/// Returns the words of a command line in one text, with their ranges, as a shell reads them: quotation marks and
/// backslashes keep spaces together anywhere in a word. A quotation mark at the beginning of a word, and then one at its
/// end, are not part of the range.
pub(super) fn shell_words(line: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut begin = None;
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in line.char_indices() {
        let is_escape = !is_escaped && c == '\\' && quote != Some('\'');
        match quote {
            _ if std::mem::take(&mut is_escaped) => {}
            _ if is_escape => is_escaped = true,
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c.is_whitespace() => {
                words.extend(begin.take().map(|b| unquoted(line, b..at)));
                continue;
            }
            _ => {}
        }
        begin.get_or_insert(at);
    }
    // A shell does not run a command line with a quotation mark without its end.
    words.extend(begin.filter(|_| quote.is_none()).map(|b| unquoted(line, b..line.len())));
    words
}

/// Returns the range of a word without a quotation mark at its beginning and then one at its end.
fn unquoted(line: &str, word: Range<usize>) -> Range<usize> {
    const QUOTES: [char; 2] = ['"', '\''];
    let text = line.get(word.clone()).unwrap_or_default();
    let Some(rest) = text.strip_prefix(QUOTES) else { return word };
    let begin = word.end - rest.len();
    begin..begin + rest.strip_suffix(QUOTES).unwrap_or(rest).len()
}
