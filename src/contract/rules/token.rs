//! Tokens: texts that must match a pattern.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
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

fn key_byte(b: u8) -> bool {
    snake(b) || b == b'-'
}

/// The usual pattern of metric and event keys, such as `loss`, `val_loss`, `train/loss` or `dataset.loaded`. Any other
/// key causes a warning.
pub(crate) const KEY: Token = Token { first: lower, rest: key_byte, joins: b"./" };

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

/// The maximum length of a key or name in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 250;

/// Returns the reason why a text cannot be a key or name: the text is too long or contains a control character. Returns
/// `None` if the text can be a key or name. Does not check whether the text is blank.
pub(crate) fn unusable_name(value: &str) -> Option<String> {
    if value.len() > NAME_BYTES_MAX {
        return Some(format!("a text of {} bytes is longer than {NAME_BYTES_MAX}", value.len()));
    }
    value.contains(char::is_control).then(|| format!("{value:?} contains a control character"))
}

/// Trims a name in place. Adds an error if the name is blank, is longer than [`NAME_BYTES_MAX`] bytes or contains a
/// control character.
pub(crate) fn name(issues: &mut Issues, field: &str, value: &mut String) {
    key(issues, field, value, ErrorCode::Component);
}

/// Trims the key of a metric or event in place, and checks it like a [`name`]. The keys of table rows depend on the
/// rule that excludes control characters, because they separate their parts with a zero byte.
pub(crate) fn key(issues: &mut Issues, field: &str, value: &mut String, code: ErrorCode) {
    if trim(value).is_empty() {
        return issues.error(ErrorCode::String, field, "must not be blank");
    }
    text(issues, field, value);
    if let Some(reason) = unusable_name(value) {
        issues.error(code, field, reason);
    }
}

/// Adds a warning for a key that is valid and does not match [`KEY`], the pattern of the Python package contexta 1.0.0.
pub(crate) fn warn_about_key(issues: &mut Issues, field: &str, value: &str, code: ErrorCode) {
    if !KEY.matches(value) && unusable_name(value).is_none() && !trim(value).is_empty() {
        let message = format!("{value:?} does not consist of lower-case words that are joined by . or /");
        issues.warning(code, field, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_names_are_any_short_text_without_control_characters() {
        let codes = |text: &str| {
            let (mut issues, mut value) = (Issues::default(), text.to_owned());
            key(&mut issues, "metric_key", &mut value, ErrorCode::MetricKey);
            warn_about_key(&mut issues, "metric_key", &value, ErrorCode::MetricKey);
            let report = issues.into_report();
            let issue = report.issues().first();
            assert!(report.issues().len() <= 1, "{report:?}");
            issue.map(|issue| (issue.code().as_str(), issue.severity().as_str()))
        };
        let unusual = Some(("record_invalid_metric_key", "warning"));
        assert_eq!(codes(" train/loss "), None);
        for text in
            ["mAP@0.5", "f1 (macro)", "Loss", "系统", "accuracy%", "_runtime", "01: min", &"é".repeat(125)]
        {
            assert_eq!(codes(text), unusual, "{text}");
        }
        let refused = Some(("record_invalid_metric_key", "error"));
        for text in ["a\0b", "a\u{1b}[31m", "a\u{85}b", &"é".repeat(126)] {
            assert_eq!(codes(text), refused, "{text:?}");
        }
        assert_eq!(codes(" \t"), Some(("context_invalid_string", "error")));
    }

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
