//! Comparison of texts for people: every value in the text of the reference must occur in the text of contexta.

use crate::golden_answers::compare::{Difference, floats_equal};
use crate::golden_answers::outcome::Form;
use contexta::contract::Value;
use std::collections::{BTreeSet, HashSet};

/// Members of stored objects whose texts are names.
const NAME_MEMBERS: [&str; 8] = [
    "name",
    "stage_name",
    "deployment_name",
    "batch_name",
    "metric_key",
    "event_key",
    "artifact_kind",
    "status",
];

/// The names in a workspace. A space replaces each hidden character.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// Adds the names in a stored object.
    pub(super) fn add(&mut self, object: &Value) {
        match object {
            Value::Map(members) => {
                for (key, member) in members {
                    match member {
                        Value::Text(name) if NAME_MEMBERS.contains(&key.as_str()) => {
                            self.0.insert(visible(name));
                        }
                        member => self.add(member),
                    }
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.add(item)),
            _ => {}
        }
    }
}

/// Returns an error if a value of `expected` does not occur in `got`.
pub(super) fn occurs(expected: &str, got: &str, form: Form, names: &Names) -> Result<(), Difference> {
    let expected = match form {
        Form::Html => without_markup(expected),
        _ => expected.to_owned(),
    };
    let got = match form {
        Form::Html => without_markup(got),
        Form::Markdown => without_escapes(got),
        _ => got.to_owned(),
    };
    let (expected, got) = (visible(&expected), visible(&got));
    let got_words: HashSet<&str> = words(&got).collect();
    let got_numbers: Vec<f64> = got_words.iter().filter_map(|word| word.parse().ok()).collect();
    for (n, line) in expected.lines().enumerate() {
        let named = names.0.iter().filter(|name| has_name(line, name)).flat_map(|name| words(name));
        for word in words(line).filter(|word| is_value(word)).chain(named) {
            let is_found = match word.parse::<f64>() {
                _ if got_words.contains(word) => true,
                // A number must be a word, because 1 is not the 1 in 10.
                Ok(number) => got_numbers.iter().any(|got| floats_equal(number, *got)),
                Err(_) => got.contains(word),
            };
            if !is_found {
                let message = format!("{word:?} does not occur: {line}");
                return Err(Difference::new(format!("line {}", n + 1), message));
            }
        }
    }
    Ok(())
}

/// Returns `true` for a ref, a number or a time. A wildcard is not a value.
fn is_value(word: &str) -> bool {
    let is_wildcard = word.starts_with('<') && word.ends_with('>');
    !is_wildcard && word.contains(|c: char| c.is_ascii_digit() || c == ':')
}

/// Returns `true` if a line contains a name that no letter or digit precedes or follows.
fn has_name(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
    })
}

/// Returns the words of a text, without punctuation around them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "=,|()[]{}".contains(c));
    let words = words.map(|word| word.trim_matches(|c: char| ":;.\"'`*#!?".contains(c)));
    words.filter(|word| !word.is_empty())
}

/// Returns a text in which a space replaces every character that is not visible, except line breaks. contexta writes
/// such characters as escapes.
fn visible(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|c| if is_hidden(c) && c != '\n' { ' ' } else { c }).collect()
}

/// Returns the text of HTML. A space replaces each tag.
fn without_markup(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character))
}

/// Returns a Markdown text without the backslashes before punctuation.
fn without_escapes(markdown: &str) -> String {
    let mut text = String::new();
    let mut chars = markdown.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '\\' && next.is_ascii_punctuation() => text.extend(chars.next()),
            _ => text.push(c),
        }
    }
    text
}

#[test]
fn values_of_a_text_must_occur() {
    let mut names = Names::default();
    names.add(&Value::map([("name", Value::text("night job")), ("description", Value::text("any text"))]));
    let missing = |form: Form, expected: &str, got: &str| {
        let difference = occurs(expected, got, form, &names).err();
        difference.map(|difference| difference.message.split('"').nth(1).unwrap().to_owned())
    };
    let text = |expected: &str, got: &str| missing(Form::Text, expected, got);
    assert_eq!(text("Runs: 3\nrun:a.b  job\n", "run:a.b night job 3.0"), None);
    assert_eq!(text("value=0.50, at=2024-01-01T00:00:00Z", "0.5 2024-01-01T00:00:00Z"), None);
    assert_eq!(text("Runs: 1", "10").as_deref(), Some("1"));
    assert_eq!(text("the night any", "the any"), None);
    assert_eq!(text("the (night job), any", "the job").as_deref(), Some("night"));
    assert_eq!(text("the night jobs", "the"), None);
    assert_eq!(text("run:a.b", "run:a.c").as_deref(), Some("run:a.b"));
    assert_eq!(text("created <ingested-at>", ""), None);
    assert_eq!(text("a\u{1b}1", "a\\u001b 1"), None);
    assert_eq!(missing(Form::Markdown, "a_1", "a\\_1"), None);
    assert_eq!(missing(Form::Html, "<p>a&lt;1<br/>run:x</p>", "<b>a&lt;1</b> run:x"), None);
    assert_eq!(missing(Form::Html, "<p>a1</p>", "<p a1>").as_deref(), Some("a1"));
}
