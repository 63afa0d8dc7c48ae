//! Secrets in command lines.

use crate::capture::redact::key::{KeyKind, Keys};
use crate::capture::redact::mark::MARK;
use crate::capture::redact::value::{digits_of, is_number, is_placeholder};
use std::ops::Range;

/// A secret in a word of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Secret {
    /// The index of the word.
    pub(super) word: usize,
    /// The range of the secret in the word.
    pub(super) range: Range<usize>,
}

/// Pairs of a program and an option. The word after the option is a password.
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

/// Pairs of a program and an option. The password follows the option in the same word.
const JOINED_PASSWORD_OPTIONS: &[(&str, &str)] =
    &[("mysql", "-p"), ("mysqldump", "-p"), ("mysqladmin", "-p"), ("mariadb", "-p"), ("sshpass", "-p")];

/// Pairs of a program and an option. The word after the option is a user name, a colon and a password.
const USER_OPTIONS: &[(&str, &str)] = &[
    ("curl", "-u"),
    ("curl", "--user"),
    ("curl", "-U"),
    ("curl", "--proxy-user"),
    ("http", "-a"),
    ("https", "-a"),
];

/// Returns the secrets in the options and assignments of a command line.
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
        Some(name) if is_name(name) => keys.kind(name),
        _ => KeyKind::Plain,
    }
}

/// Returns `true` for a text that can be the name of an option or variable.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_secret_option(word: &str, keys: &Keys) -> bool {
    matches!(option_kind(word, keys), KeyKind::Secret | KeyKind::Password | KeyKind::Pwd)
}

/// Returns `true` if a word can be the value of a secret option. An option, a placeholder and a number are no values;
/// after a password option, a number of at least four digits is a value.
fn is_argument(word: &str, option: &str, keys: &Keys) -> bool {
    let bytes = word.as_bytes();
    let is_pin = option_kind(option, keys) == KeyKind::Password && digits_of(bytes) >= 4;
    !word.starts_with('-') && (is_pin || !is_number(bytes)) && !is_placeholder(bytes)
}

/// Returns the range of the value in a word such as `--password=a b` or `FOO_TOKEN=a`.
fn assignment(word: &str, keys: &Keys) -> Option<Range<usize>> {
    let (name, value) = word.split_once('=')?;
    let kind = if is_name(name) { keys.kind(name) } else { KeyKind::Plain };
    let is_secret = match kind {
        KeyKind::Plain | KeyKind::Count => false,
        KeyKind::Pwd => !value.starts_with('/'),
        KeyKind::Password if digits_of(value.as_bytes()) >= 4 => true,
        _ => !is_number(value.as_bytes()),
    };
    (is_secret && !is_placeholder(value.as_bytes())).then_some(name.len() + 1..word.len())
}

/// Returns the ranges of the words of a command line that is not quoted for a shell. A quotation mark at the start of a
/// word opens a range, which contains spaces and ends before the next equal mark. Any other quotation mark is an
/// ordinary character.
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
    // A word without its closing quotation mark is omitted. The scan of the text examines the word.
    words.extend(begin.filter(|_| quote.is_none()).map(|b| b..line.len()));
    words
}

/// Returns the ranges of the words of a command line as a shell reads it. A word contains the spaces that quotation
/// marks or backslashes protect. The range of a word excludes the quotation marks that [`unquoted`] removes.
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
    // A shell does not run a command line without a closing quotation mark, so the last word is omitted.
    words.extend(begin.filter(|_| quote.is_none()).map(|b| unquoted(line, b..line.len())));
    words
}

/// Returns the range of a word without the quotation marks at its start and end. A mark at the end is removed only if a
/// mark is at the start.
fn unquoted(line: &str, word: Range<usize>) -> Range<usize> {
    const QUOTES: [char; 2] = ['"', '\''];
    let text = line.get(word.clone()).unwrap_or_default();
    let Some(rest) = text.strip_prefix(QUOTES) else { return word };
    let begin = word.end - rest.len();
    begin..begin + rest.strip_suffix(QUOTES).unwrap_or(rest).len()
}
