//! Rules that many models share, and the type that says a model's rules hold.

use crate::contract::error::{ContractError, ErrorCode, Result};
use crate::contract::json::Value;
use crate::contract::refs::StableRef;
use std::collections::BTreeMap;
use std::ops::Deref;

/// A model with rules between and within its fields.
pub trait Rules {
    /// Brings fields into their one form (trimmed), then checks them; the first broken rule is the error.
    fn settle(&mut self) -> Result<()>;
}

/// A model whose rules hold. Read it like the model; it cannot be changed, only taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Valid<T>(T);

impl<T: Rules> Valid<T> {
    /// Checks a model.
    pub fn new(mut model: T) -> Result<Valid<T>> {
        model.settle()?;
        Ok(Valid(model))
    }
}

impl<T> Valid<T> {
    /// The plain model.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Valid<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// White space as the contract knows it: Unicode's, and the four ASCII separators.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Without white space at both ends.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Trims in place; a blank text is an error.
pub fn text(field: &str, value: &mut String) -> Result<()> {
    let trimmed = trim(value);
    if trimmed.is_empty() {
        return Err(ContractError::field(ErrorCode::String, field, "must not be blank"));
    }
    if trimmed.len() != value.len() {
        *value = trimmed.to_owned();
    }
    Ok(())
}

/// As [`text`], where there is one.
pub fn optional_text(field: &str, value: &mut Option<String>) -> Result<()> {
    value.as_mut().map_or(Ok(()), |v| text(field, v))
}

/// Trims keys and values; blank ones are an error. Of keys equal after trimming, the later one wins.
pub fn text_map(field: &str, map: &mut BTreeMap<String, String>) -> Result<()> {
    let mut settled = BTreeMap::new();
    for (key, value) in std::mem::take(map) {
        let (k, v) = (trim(&key), trim(&value));
        if k.is_empty() || v.is_empty() {
            let message = format!("the entry {key:?} has a blank key or value");
            return Err(ContractError::field(ErrorCode::Mapping, field, message));
        }
        settled.insert(k.to_owned(), v.to_owned());
    }
    *map = settled;
    Ok(())
}

/// Greatest depth of a value in a JSON object: what the reader takes, less the object itself.
const JSON_DEPTH_MAX: usize = crate::contract::json::read::DEPTH_MAX - 1;

/// Trims the top-level keys of a JSON object; blank ones are an error, as is a value that could not be read back: a number
/// that is none, or too deep a nesting.
pub fn json_map(field: &str, map: &mut BTreeMap<String, Value>) -> Result<()> {
    let mut settled = BTreeMap::new();
    for (key, value) in std::mem::take(map) {
        let k = trim(&key);
        if k.is_empty() {
            return Err(ContractError::field(ErrorCode::RecordMapping, field, "a key is blank"));
        }
        if let Some(what) = value.unwritable(JSON_DEPTH_MAX) {
            let message = format!("the value of {k:?} {what}");
            return Err(ContractError::field(ErrorCode::RecordMapping, field, message));
        }
        settled.insert(k.to_owned(), value);
    }
    *map = settled;
    Ok(())
}

/// A pattern of an ASCII token: the first character, the others, and what joins words.
#[derive(Debug, Clone, Copy)]
pub struct Token {
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

/// `loss`, `val_loss`, `train/loss`, `dataset.loaded`: keys of metrics and events.
pub const KEY: Token = Token { first: lower, rest: key, joins: b"./" };
/// `contexta.quickstart`: producers.
pub const DOT_TOKEN: Token = Token { first: lower, rest: kebab, joins: b"." };
/// `model_bundle`: artifact kinds, value types.
pub const LOWER_SNAKE: Token = Token { first: lower, rest: snake, joins: b"" };
/// `metric.non_finite`: issue keys, slices.
pub const DOT_SNAKE: Token = Token { first: lower, rest: snake, joins: b"." };

impl Token {
    /// Whether `text` has this pattern. Behind a join, a key's word may begin with a digit too.
    pub fn matches(&self, text: &str) -> bool {
        let mut at_start = true;
        let mut first_word = true;
        for byte in text.bytes() {
            if at_start {
                let digit = !first_word && self.joins.contains(&b'/') && byte.is_ascii_digit();
                if !(self.first)(byte) && !digit {
                    return false;
                }
                at_start = false;
            } else if self.joins.contains(&byte) {
                at_start = true;
                first_word = false;
            } else if !(self.rest)(byte) {
                return false;
            }
        }
        !at_start
    }
}

/// Trims in place; a text that is not of this pattern is an error.
pub fn token(field: &str, value: &mut String, pattern: Token, code: ErrorCode) -> Result<()> {
    text(field, value)?;
    if pattern.matches(value) {
        return Ok(());
    }
    Err(ContractError::field(code, field, format!("{value:?} is not a valid key or token")))
}

/// A ref must lie directly under its parent: the parent's value, a dot, one component.
pub fn child_of(code: ErrorCode, field: &str, child: &StableRef, parent: &StableRef) -> Result<()> {
    let rest = child.value().strip_prefix(parent.value()).and_then(|rest| rest.strip_prefix('.'));
    match rest {
        Some(rest) if !rest.contains('.') => Ok(()),
        _ => Err(ContractError::field(code, field, format!("{child} does not lie directly under {parent}"))),
    }
}

/// A ref must lie somewhere under another.
pub fn under(code: ErrorCode, field: &str, child: &StableRef, parent: &StableRef) -> Result<()> {
    let rest = child.value().strip_prefix(parent.value());
    match rest {
        Some(rest) if rest.starts_with('.') => Ok(()),
        _ => Err(ContractError::field(code, field, format!("{child} does not lie under {parent}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_the_field_writes() {
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

    #[test]
    fn the_contracts_white_space_is_trimmed() {
        assert_eq!(trim("\u{1c}\u{a0} x \u{3000}\u{1f}"), "x");
        assert_eq!(trim("\u{200b}x"), "\u{200b}x");
        assert!(text("name", &mut " \u{85}".to_owned()).is_err());
    }
}
