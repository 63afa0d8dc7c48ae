//! Escapes for hidden characters: characters that control a terminal, change the direction of text, or end a line.

use std::fmt::Write as _;

/// Returns `true` for control characters (C0, DEL, C1), marks of text direction, and the separators of lines and
/// paragraphs.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Appends the visible escape of a hidden character, such as `\u202e`. Every escape has four hexadecimal digits.
pub(crate) fn push_escape(out: &mut String, c: char) {
    let _ = write!(out, "\\u{:04x}", u32::from(c));
}

/// Returns text as one line for a terminal: line ends and tabs become spaces, other hidden characters become visible
/// escapes.
#[cfg(feature = "cli")]
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_hidden(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

/// Returns text of several lines for a terminal. Hidden characters except line ends and tabs become visible escapes.
#[cfg(feature = "cli")]
pub(crate) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_hidden(c) && c != '\n' && c != '\t' => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

/// Escapes every hidden character in the strings of a JSON or TOML document. The escapes do not change the meaning of
/// the document. Line ends are unchanged, because the document contains them only between strings.
pub(crate) fn document(text: String) -> String {
    if !text.contains(|c| c != '\n' && is_hidden(c)) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if c != '\n' && is_hidden(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;
    use crate::contract::Value;
    use crate::contract::json::read::parse;
    use crate::contract::json::write::pretty;

    const HIDDEN: &str = "\u{0}\u{1b}\u{7f}\u{80}\u{9b}\u{9f}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}";
    const SHOWN: &str = "é\u{a0}\u{61b}\u{200d}\u{2010}\u{2027}\u{202f}\u{2065}\u{206a}";

    #[test]
    fn hidden_characters_become_visible_escapes_and_others_are_unchanged() {
        assert!(HIDDEN.chars().all(is_hidden) && !SHOWN.chars().any(is_hidden));
        assert_eq!(one_line("a\tb\r\n\u{202e}\u{9b}é"), "a b  \\u202e\\u009bé");
        assert_eq!(one_line(SHOWN), SHOWN);
    }

    #[test]
    fn escaped_json_parses_to_the_same_value() {
        let value = Value::map([(HIDDEN, Value::List(vec![Value::text(format!("x\n{HIDDEN}{SHOWN}"))]))]);
        let text = document(pretty(&value).unwrap());
        assert!(!text.contains(|c| c != '\n' && is_hidden(c)), "{text}");
        assert!(text.contains("\\u009b") && text.contains("\\u202e") && text.contains(SHOWN));
        assert_eq!(parse(&text).unwrap(), value);
    }
}
