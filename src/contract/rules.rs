//! Rules that many models share, and the type that says a model's rules hold.

use crate::contract::SCHEMA_VERSION;
use crate::contract::error::{ErrorCode, Result};
use crate::contract::issue::{Issues, ValidationReport};
use crate::contract::json::Value;
use crate::contract::refs::{StableRef, is_component};
use std::collections::BTreeMap;
use std::ops::Deref;

/// A model with rules between and within its fields.
pub trait Rules {
    /// Brings fields into their one form (trimmed), then checks them; every broken rule is noted.
    fn settle(&mut self, issues: &mut Issues);
}

/// A model whose rules hold. Read it like the model; it cannot be changed, only taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Valid<T>(T);

impl<T: Rules> Valid<T> {
    /// Checks a model; the first broken rule is the error.
    pub fn new(mut model: T) -> Result<Valid<T>> {
        let mut issues = Issues::default();
        model.settle(&mut issues);
        issues.into_result().map(|()| Valid(model))
    }

    /// Checks a model, with every broken rule.
    pub fn check(mut model: T) -> std::result::Result<Valid<T>, ValidationReport> {
        let mut issues = Issues::default();
        model.settle(&mut issues);
        let report = issues.into_report();
        if report.is_valid() { Ok(Valid(model)) } else { Err(report) }
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
    // Most texts begin and end with a printed ASCII character, and have nothing to trim.
    if let (Some(first), Some(last)) = (text.as_bytes().first(), text.as_bytes().last())
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return text;
    }
    text.trim_matches(is_space)
}

/// Trims in place; a blank text breaks the rule.
pub fn text(issues: &mut Issues, field: &str, value: &mut String) {
    let trimmed = trim(value);
    if trimmed.is_empty() {
        issues.error(ErrorCode::String, field, "must not be blank");
    } else if trimmed.len() != value.len() {
        *value = trimmed.to_owned();
    }
}

/// As [`text`], where there is one.
pub fn optional_text(issues: &mut Issues, field: &str, value: &mut Option<String>) {
    if let Some(value) = value {
        text(issues, field, value);
    }
}

/// Trims keys and values; blank ones break the rule. Of keys equal after trimming, the later one wins.
pub fn text_map(issues: &mut Issues, field: &str, map: &mut BTreeMap<String, String>) {
    if map.iter().all(|(k, v)| [k, v].iter().all(|t| !t.is_empty() && trim(t).len() == t.len())) {
        return;
    }
    let mut settled = BTreeMap::new();
    for (key, value) in std::mem::take(map) {
        let (k, v) = (trim(&key), trim(&value));
        if k.is_empty() || v.is_empty() {
            issues.error(ErrorCode::Mapping, field, format!("the entry {key:?} has a blank key or value"));
        }
        settled.insert(k.to_owned(), v.to_owned());
    }
    *map = settled;
}

/// Greatest depth of a value in a JSON object: what the reader takes, less what may stand around it in a line.
const JSON_DEPTH_MAX: usize = crate::contract::json::read::DEPTH_MAX - 6;

/// Trims the top-level keys of a JSON object and leaves out members that are null, as the canonical text does: what
/// is written reads back equal. A blank key breaks the rule, as does a value that could not be read back: a number that is
/// none, or too deep a nesting.
pub fn json_map(issues: &mut Issues, field: &str, map: &mut BTreeMap<String, Value>) {
    let mut settled = BTreeMap::new();
    let mut values = 0;
    for (key, mut value) in std::mem::take(map) {
        let k = trim(&key);
        values += value.count();
        if values > JSON_VALUES_MAX {
            let message = format!("holds more than {JSON_VALUES_MAX} values");
            return issues.error(ErrorCode::ExtensionValue, field, message);
        }
        if k.is_empty() {
            issues.error(ErrorCode::RecordMapping, field, "a key is blank");
        }
        json_value(issues, &format!("{field}.{k}"), &mut value);
        if value != Value::Null {
            settled.insert(k.to_owned(), value);
        }
    }
    *map = settled;
}

/// Most values that one member of a JSON object may hold: a line with a few such members can still be read.
const JSON_VALUES_MAX: usize = crate::contract::json::read::VALUES_MAX / 4;

/// A value within a JSON object, or a field of an extension.
pub fn json_value(issues: &mut Issues, field: &str, value: &mut Value) {
    if value.count() > JSON_VALUES_MAX {
        issues.error(ErrorCode::ExtensionValue, field, format!("holds more than {JSON_VALUES_MAX} values"));
    } else if let Some(what) = value.unwritable(JSON_DEPTH_MAX) {
        issues.error(ErrorCode::ExtensionValue, field, what);
    } else {
        value.drop_nulls();
    }
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
/// `acme.quality`: namespaces of extensions; two words at least.
pub const EXT_NAMESPACE: Token = DOT_TOKEN;
/// `reviewed_by`: fields of extensions.
pub const EXT_KEY: Token = LOWER_SNAKE;
/// `acme-labs`: owners of namespaces.
pub const OWNER: Token = Token { first: lower, rest: kebab, joins: b"" };
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

/// Trims in place; a text that is not of this pattern breaks the rule.
pub fn token(issues: &mut Issues, field: &str, value: &mut String, pattern: Token, code: ErrorCode) {
    if trim(value).is_empty() {
        return issues.error(ErrorCode::String, field, "must not be blank");
    }
    text(issues, field, value);
    if !pattern.matches(value) {
        issues.error(code, field, format!("{value:?} is not a valid key or token"));
    }
}

/// As [`token`], where there is one.
pub fn optional_token(
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

/// A name that is one component of a ref.
pub fn name(issues: &mut Issues, field: &str, value: &mut String) {
    if trim(value).is_empty() {
        return issues.error(ErrorCode::String, field, "must not be blank");
    }
    text(issues, field, value);
    if !is_component(value) {
        issues.error(ErrorCode::Component, field, format!("{value:?} cannot be part of a ref"));
    }
}

/// The version of the schema: `1.minor.patch`.
pub fn schema_version(issues: &mut Issues, value: &mut String) {
    const FIELD: &str = "schema_version";
    if value == SCHEMA_VERSION {
        return;
    }
    if trim(value).is_empty() {
        return issues.error(ErrorCode::String, FIELD, "must not be blank");
    }
    text(issues, FIELD, value);
    if minor_of(value).is_none() {
        let message =
            format!("version {value} cannot be read here, only {SCHEMA_VERSION} and newer minor versions");
        issues.error(ErrorCode::SchemaVersion, FIELD, message);
    } else if is_newer(value) {
        let message =
            format!("{value} is newer than {SCHEMA_VERSION}: what is unknown here is kept as it is");
        issues.warning(ErrorCode::SchemaNewer, FIELD, message);
    }
}

/// Whether a version is a newer minor one than ours, with members that we do not know.
pub fn is_newer(version: &str) -> bool {
    minor_of(version).is_some_and(|minor| minor > 0)
}

/// The minor version, of a version that this build can read.
pub fn minor_of(version: &str) -> Option<u32> {
    if version == SCHEMA_VERSION {
        return Some(0);
    }
    let mut numbers = trim(version).split('.').map(|n| {
        let plain = n.bytes().all(|b| b.is_ascii_digit()) && (n == "0" || !n.starts_with('0'));
        n.parse::<u32>().ok().filter(|_| plain)
    });
    let parts = (numbers.next()??, numbers.next()??, numbers.next()??, numbers.next());
    matches!(parts, (1, _, _, None)).then_some(parts.1)
}

/// A ref must lie directly under its parent: the parent's value, a dot, one component.
pub fn child_of(issues: &mut Issues, code: ErrorCode, field: &str, child: &StableRef, parent: &StableRef) {
    let rest = child.value().strip_prefix(parent.value()).and_then(|rest| rest.strip_prefix('.'));
    if rest.is_none_or(|rest| rest.contains('.')) {
        issues.error(code, field, format!("{child} does not lie directly under {parent}"));
    }
}

/// A ref must lie somewhere under another.
pub fn under(issues: &mut Issues, code: ErrorCode, field: &str, child: &StableRef, parent: &StableRef) {
    let rest = child.value().strip_prefix(parent.value());
    if rest.is_none_or(|rest| !rest.starts_with('.')) {
        issues.error(code, field, format!("{child} does not lie under {parent}"));
    }
}

/// The own ref of a named thing: its owner's value, a dot, its name.
pub fn own_ref(issues: &mut Issues, field: &str, own: &StableRef, owner: &StableRef, name: &str) {
    let rest = own.value().strip_prefix(owner.value()).and_then(|rest| rest.strip_prefix('.'));
    if rest != Some(name) {
        issues.error(ErrorCode::ContextPrefix, field, format!("{own} is not {name:?} under {owner}"));
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
        let mut issues = Issues::default();
        text(&mut issues, "name", &mut " \u{85}".to_owned());
        assert_eq!(issues.into_result().unwrap_err().field.as_deref(), Some("name"));
    }

    #[test]
    fn versions_of_our_major_number_can_be_read() {
        for (version, minor) in [("1.0.0", Some(0)), (" 1.12.3 ", Some(12)), ("1.0.7", Some(0))] {
            assert_eq!(minor_of(version), minor, "{version}");
        }
        for version in ["", "1", "1.0", "2.0.0", "0.9.0", "1.0.0.0", "1.-1.0", "1.+1.0", "1.01.0", "v1.0.0"] {
            assert_eq!(minor_of(version), None, "{version}");
        }
    }
}
