//! Tokens: texts that must match a pattern.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::refs::component::is_component;
use crate::contract::rules::text::text;
use crate::contract::space::trim;

/// The pattern of an ASCII token of one or more words: the first character of a word, its other characters, and the
/// characters that may join words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    first: fn(u8) -> bool,
    rest: fn(u8) -> bool,
    joins: &'static [u8],
}

fn lower(b: u8) -> bool {
    b.is_ascii_lowercase()
}

fn snake(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'
}

fn kebab(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
}

fn key(b: u8) -> bool {
    snake(b) || b == b'-'
}

/// The pattern of metric and event keys, such as `loss`, `val_loss`, `train/loss` or `dataset.loaded`.
pub(crate) const KEY: Token = Token { first: lower, rest: key, joins: b"./" };

/// The pattern of producers, such as `contexta.quickstart`.
pub(crate) const DOT_TOKEN: Token = Token { first: lower, rest: kebab, joins: b"." };

/// The pattern of artifact kinds and value types, such as `model_bundle`.
pub(crate) const LOWER_SNAKE: Token = Token { first: lower, rest: snake, joins: b"" };

/// The pattern of extension namespaces, such as `acme.quality`. A separate check requires at least two words.
pub(crate) const EXT_NAMESPACE: Token = DOT_TOKEN;

/// The pattern of extension field keys, such as `reviewed_by`.
pub(crate) const EXT_KEY: Token = LOWER_SNAKE;

/// The pattern of owners of namespaces, such as `acme-labs`.
pub(crate) const OWNER: Token = Token { first: lower, rest: kebab, joins: b"" };

/// The pattern of issue keys and of slices of data, such as `metric.non_finite`.
pub(crate) const DOT_SNAKE: Token = Token { first: lower, rest: snake, joins: b"." };

impl Token {
    /// Returns true if `text` matches the pattern. In [`KEY`], every word after the first `.` or `/` may also begin
    /// with a digit.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut at_start = true;
        let mut first_word = true;
        for byte in text.bytes() {
            if at_start {
                let digit = !first_word && self.joins.contains(&b'/') && byte.is_ascii_digit();
                if !(self.first)(byte) && !digit {
                    return false;
                }
                at_start = false;
            } else if !(self.rest)(byte) {
                if !self.joins.contains(&byte) {
                    return false;
                }
                at_start = true;
                first_word = false;
            }
        }
        !at_start
    }
}

/// Trims a text in place. A text that does not match the pattern is an error.
pub(crate) fn token(issues: &mut Issues, field: &str, value: &mut String, pattern: Token, code: ErrorCode) {
    if trim(value).is_empty() {
        return issues.error(ErrorCode::String, field, "must not be blank");
    }
    text(issues, field, value);
    if !pattern.matches(value) {
        issues.error(code, field, format!("{value:?} is not a valid key or token"));
    }
}

/// Applies [`token`] unless the value is `None`.
pub(crate) fn optional_token(
    issues: &mut Issues,
    field: &str,
    value: &mut Option<String>,
    pattern: Token,
    code: ErrorCode,
) {
    if let Some(value) = value {
        token(issues, field, value, pattern, code);
    }
}

/// Trims a name in place, and checks that it is a valid component of a ref.
pub(crate) fn name(issues: &mut Issues, field: &str, value: &mut String) {
    if trim(value).is_empty() {
        return issues.error(ErrorCode::String, field, "must not be blank");
    }
    text(issues, field, value);
    if !is_component(value) {
        let message = format!(
            "{value:?} is not a component of a ref; expected lower-case letters and digits, joined by dashes"
        );
        issues.error(ErrorCode::Component, field, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_usual_forms() {
        for good in ["loss", "val_loss", "train/loss", "top-5.accuracy", "layer/0/norm", "a.b_c"] {
            assert!(KEY.matches(good), "{good}");
        }
        for bad in ["", "Loss", "0loss", "a..b", "/a", "a/", "a b", "a:b", "é"] {
            assert!(!KEY.matches(bad), "{bad}");
        }
        assert!(
            DOT_TOKEN.matches("sdk.rust-local") && !DOT_TOKEN.matches("a_b") && !DOT_TOKEN.matches("a.0")
        );
        assert!(LOWER_SNAKE.matches("model_bundle") && !LOWER_SNAKE.matches("a.b"));
    }
}
