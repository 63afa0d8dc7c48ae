//! The redactor: redaction of JSON values, maps, texts, command lines and diffs.

use crate::capture::redact::command;
use crate::capture::redact::diff;
use crate::capture::redact::key::{KeyKind, Keys, words};
use crate::capture::redact::line::KeyBlock;
use crate::capture::redact::mark::MARK;
use crate::capture::redact::options::{RedactionMode, RedactionOptions};
use crate::capture::redact::scan::{Context, Scanner, with_marks};
use crate::capture::redact::shape::is_like_credential;
use crate::capture::redact::value::{digits_of, is_number};
use crate::contract::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// The greatest depth of a value. The contract refuses values that are deeper.
const DEPTH_MAX: usize = 128;

/// Replaces secrets by `[redacted]`.
#[derive(Debug, Clone)]
pub struct Redactor {
    mode: RedactionMode,
    keys: Keys,
}

impl Default for Redactor {
    fn default() -> Redactor {
        Redactor::new(&RedactionOptions::default())
    }
}

impl Redactor {
    /// Creates a redactor.
    pub fn new(options: &RedactionOptions) -> Redactor {
        Redactor { mode: options.mode, keys: Keys::new(&options.secret_key_patterns) }
    }

    /// Returns `true` if the texts below a name are secrets.
    pub fn is_secret_name(&self, name: &str) -> bool {
        self.is_on() && !matches!(self.keys.kind(name), KeyKind::Plain | KeyKind::Count)
    }

    /// Replaces all secrets of a value, and adds the path of each changed text to `redacted`. `path` is the path of the
    /// value. Its last component is the name of the value, which may be that of a secret.
    pub fn redact_value(&self, path: &str, value: &mut Value, redacted: &mut Vec<String>) {
        if self.is_on() {
            self.member(path, path.rsplit('.').next().unwrap_or_default(), value, redacted);
        }
    }

    /// Replaces all secrets of a named value, such as a parameter. `path` is the path of the object that contains the
    /// value.
    pub fn redact_named(&self, path: &str, name: &str, value: &mut Value, redacted: &mut Vec<String>) {
        if self.is_on() {
            self.member(&joined(path, name), name, value, redacted);
        }
    }

    /// Replaces all secrets of an object, and adds the path of each changed text to `redacted`.
    pub fn redact_map(&self, path: &str, map: &mut BTreeMap<String, Value>, redacted: &mut Vec<String>) {
        if self.is_on() {
            let place = Place { path, parent: &[], depth: DEPTH_MAX };
            self.map(place, map, redacted);
        }
    }

    /// Replaces all secrets of a map of texts, such as tags, and adds the path of each changed text to `redacted`.
    pub fn redact_texts(&self, path: &str, map: &mut BTreeMap<String, String>, redacted: &mut Vec<String>) {
        if !self.is_on() {
            return;
        }
        for (key, text) in map.iter_mut() {
            self.text_of(self.keys.kind(key), text, || joined(path, key), redacted);
        }
        self.rename_secret_names(path, map, redacted);
    }

    /// Replaces all secrets of environment variables. In mode `strict`, a variable whose name contains a pattern anywhere
    /// is a secret.
    pub fn redact_variables(
        &self,
        path: &str,
        map: &mut BTreeMap<String, String>,
        redacted: &mut Vec<String>,
    ) {
        if self.mode == RedactionMode::Strict {
            let is_secret = |name: &str, text: &str| {
                self.keys.has_hint(name) && name != "PWD" && name != "OLDPWD" && text != MARK
            };
            for (name, text) in map.iter_mut().filter(|(name, text)| is_secret(name, text)) {
                MARK.clone_into(text);
                redacted.push(joined(path, name));
            }
        }
        self.redact_texts(path, map, redacted);
    }

    /// Replaces all secrets of a text, such as a message or several lines of output.
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.scanned(Context::Text, text)
    }

    /// Replaces all secrets of the next line of a text. `block` is the state between the lines of this text. A private
    /// key, which has several lines, is redacted as by [`Redactor::redact_text`].
    pub fn redact_line<'t>(&self, block: &mut KeyBlock, line: &'t str) -> Cow<'t, str> {
        if !self.is_on() {
            return Cow::Borrowed(line);
        }
        text_of(line, block.replaced(&self.scanner(Context::Text), line.as_bytes()))
    }

    /// Replaces all secrets of the arguments of a program. The number of arguments stays the same.
    pub fn redact_command(&self, arguments: &[String]) -> Vec<String> {
        if !self.is_on() {
            return arguments.to_vec();
        }
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut replaced = arguments.to_vec();
        for secret in command::secrets(&words, &self.keys) {
            if let Some(word) = replaced.get_mut(secret.word) {
                word.replace_range(secret.range, MARK);
            }
        }
        replaced.iter().map(|word| self.scanned(Context::Command, word).into_owned()).collect()
    }

    /// Replaces all secrets of a command line in one text.
    pub fn redact_command_line<'t>(&self, line: &'t str) -> Cow<'t, str> {
        if !self.is_on() {
            return Cow::Borrowed(line);
        }
        // A text is not always quoted for a shell: both readings count.
        let mut secrets = self.secrets_of(line, &command::words(line));
        secrets.extend(self.secrets_of(line, &command::shell_words(line)));
        secrets.sort_by_key(|secret| (secret.start, secret.end));
        secrets.dedup_by(|next, last| {
            let is_same = next.start <= last.end;
            last.end = if is_same { last.end.max(next.end) } else { last.end };
            is_same
        });
        if secrets.is_empty() {
            return self.scanned(Context::Command, line);
        }
        let replaced = text_of(line, Cow::Owned(with_marks(line.as_bytes(), &secrets))).into_owned();
        Cow::Owned(self.scanned(Context::Command, &replaced).into_owned())
    }

    /// Returns the ranges of the secrets that the options of a command line contain. `ranges` are those of the words.
    fn secrets_of(&self, line: &str, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
        let words: Vec<&str> =
            ranges.iter().map(|range| line.get(range.clone()).unwrap_or_default()).collect();
        let absolute = |secret: command::Secret| -> Option<Range<usize>> {
            let begin = ranges.get(secret.word)?.start;
            Some(begin + secret.range.start..begin + secret.range.end)
        };
        command::secrets(&words, &self.keys).into_iter().filter_map(absolute).collect()
    }

    /// Replaces all secrets of a unified diff, as `git diff` writes it. Paths, line counts and binary patches stay
    /// unchanged. The diff can be applied, unless a removed or unchanged line contained a secret.
    pub fn redact_diff<'t>(&self, diff: &'t [u8]) -> Cow<'t, [u8]> {
        if self.is_on() { diff::replaced(&self.scanner(Context::Text), diff) } else { Cow::Borrowed(diff) }
    }

    fn is_on(&self) -> bool {
        self.mode != RedactionMode::Off
    }

    fn scanner(&self, context: Context) -> Scanner<'_> {
        Scanner { keys: &self.keys, context, is_strict: self.mode == RedactionMode::Strict }
    }

    fn scanned<'t>(&self, context: Context, text: &'t str) -> Cow<'t, str> {
        if !self.is_on() {
            return Cow::Borrowed(text);
        }
        text_of(text, self.scanner(context).replaced(text.as_bytes()))
    }

    fn member(&self, path: &str, name: &str, value: &mut Value, redacted: &mut Vec<String>) {
        let place = Place { path, parent: &words(name), depth: DEPTH_MAX };
        self.value(place, self.keys.kind(name), value, redacted);
    }

    fn value(&self, place: Place<'_>, kind: KeyKind, value: &mut Value, redacted: &mut Vec<String>) {
        let Some(depth) = place.depth.checked_sub(1) else { return };
        match value {
            Value::Text(text) => self.text_of(kind, text, || place.path.to_owned(), redacted),
            Value::List(items) => {
                self.arguments(place.path, items, redacted);
                for (n, item) in items.iter_mut().enumerate() {
                    let path = format!("{}[{n}]", place.path);
                    self.value(Place { path: &path, depth, ..place }, kind, item, redacted);
                }
            }
            Value::Map(members) if kind == KeyKind::Plain => {
                self.map(Place { depth, ..place }, members, redacted)
            }
            Value::Map(members) => {
                for (key, member) in members.iter_mut() {
                    let path = joined(place.path, key);
                    self.value(Place { path: &path, depth, ..place }, kind, member, redacted);
                }
                self.rename_secret_names(place.path, members, redacted);
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) => {}
        }
    }

    fn map(&self, place: Place<'_>, members: &mut BTreeMap<String, Value>, redacted: &mut Vec<String>) {
        // A variable as an object: `{"name": "API_KEY", "value": "..."}`.
        let named = ["name", "key"].iter().find_map(|member| members.get(*member)?.as_str());
        let named = named.map_or(KeyKind::Plain, |name| self.keys.kind(name));
        for (key, member) in members.iter_mut() {
            let path = joined(place.path, key);
            let kind = match self.keys.kind_below(place.parent, key) {
                KeyKind::Plain if key == "value" => named,
                kind => kind,
            };
            let parent = words(key);
            self.value(Place { path: &path, parent: &parent, depth: place.depth }, kind, member, redacted);
        }
        self.rename_secret_names(place.path, members, redacted);
    }

    /// Replaces the secrets in a list that is a command line.
    fn arguments(&self, path: &str, items: &mut [Value], redacted: &mut Vec<String>) {
        if !items.iter().any(|item| item.as_str().is_some_and(|text| text.starts_with('-'))) {
            return;
        }
        let words: Vec<&str> = items.iter().map(|item| item.as_str().unwrap_or_default()).collect();
        for secret in command::secrets(&words, &self.keys) {
            if let Some(Value::Text(word)) = items.get_mut(secret.word) {
                word.replace_range(secret.range, MARK);
                redacted.push(format!("{path}[{}]", secret.word));
            }
        }
    }

    fn text_of(
        &self,
        kind: KeyKind,
        text: &mut String,
        path: impl FnOnce() -> String,
        redacted: &mut Vec<String>,
    ) {
        let replaced = if is_secret_text(kind, text) {
            (text != MARK).then(|| MARK.to_owned())
        } else {
            match self.redact_text(text) {
                Cow::Borrowed(_) => None,
                Cow::Owned(new) => Some(new),
            }
        };
        if let Some(new) = replaced {
            *text = new;
            let path = path();
            if redacted.last() != Some(&path) {
                redacted.push(path);
            }
        }
    }

    /// Replaces secrets in the names themselves. A number is appended to a name that exists already.
    fn rename_secret_names<T>(&self, path: &str, map: &mut BTreeMap<String, T>, redacted: &mut Vec<String>) {
        let changed = |name: &String| match self.redact_text(name) {
            Cow::Borrowed(_) => None,
            Cow::Owned(new) => Some((name.clone(), new)),
        };
        let renamed: Vec<(String, String)> = map.keys().filter_map(changed).collect();
        for (old, new) in renamed {
            let Some(value) = map.remove(&old) else { continue };
            let free = (2..).map(|n| format!("{new}-{n}"));
            let name = std::iter::once(new.clone()).chain(free).find(|name| !map.contains_key(name));
            let name = name.unwrap_or(new);
            redacted.push(joined(path, &name));
            map.insert(name, value);
        }
    }
}

/// The place of a value in an object.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    /// The words of the name of the object that contains the value.
    parent: &'a [String],
    /// The number of levels that may follow.
    depth: usize,
}

/// Returns the text of redacted bytes. Ranges of secrets begin and end at ASCII characters, so the bytes are UTF-8.
fn text_of<'t>(text: &'t str, replaced: Cow<'t, [u8]>) -> Cow<'t, str> {
    match replaced {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(invalid) => String::from_utf8_lossy(invalid.as_bytes()).into_owned(),
        }),
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Returns `true` if a text is a secret because of its name. Booleans, short numbers, and tokens of a vocabulary such as
/// `<pad>` are none.
fn is_secret_text(kind: KeyKind, text: &str) -> bool {
    let trimmed = text.trim();
    let is_word = ["", "true", "false", "none", "null"].iter().any(|word| trimmed.eq_ignore_ascii_case(word));
    let is_vocabulary = trimmed.starts_with('<') && trimmed.ends_with('>') && trimmed.len() <= 24
        || trimmed.starts_with('[') && trimmed.ends_with(']') && trimmed.len() <= 8;
    let digits = digits_of(trimmed.as_bytes());
    match kind {
        KeyKind::Plain => false,
        KeyKind::Count => is_like_credential(trimmed.as_bytes()),
        _ if is_word => false,
        KeyKind::Pwd => !(trimmed.starts_with(['/', '~']) || trimmed.get(1..3) == Some(":\\")),
        KeyKind::Password => digits >= 4 || !is_number(trimmed.as_bytes()),
        KeyKind::Authorization | KeyKind::Cookie => true,
        KeyKind::Secret => digits >= 6 || !is_number(trimmed.as_bytes()) && !is_vocabulary,
    }
}
