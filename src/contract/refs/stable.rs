//! A ref of any kind: `kind:value`.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::refs::component::is_component_bytes;
use std::fmt;
use std::str::FromStr;

/// The greatest length of a ref in characters.
pub const REF_LEN_MAX: usize = 255;

/// A ref of any kind: `kind:value`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StableRef {
    text: String,
    colon: usize,
}

/// Returns the least and the greatest number of components of refs of a kind; `None` if the kind allows any number.
pub(super) fn shape(kind: &str) -> Option<(usize, usize)> {
    Some(match kind {
        "project" => (1, 1),
        "run" | "deployment" | "alias" => (2, 2),
        "stage" | "record" | "artifact" => (3, 3),
        "batch" => (4, 4),
        "sample" | "op" => (4, 5),
        _ => return None,
    })
}

impl StableRef {
    /// Parses the text form. The text is not trimmed or changed.
    pub fn parse(text: &str) -> Result<StableRef> {
        StableRef::from_text(text.to_owned())
    }

    /// Parses a `String` without copying the text.
    pub(crate) fn from_text(text: String) -> Result<StableRef> {
        // Projections parse a ref for each entry. This function compares bytes, which is fast; a well-formed ref is
        // ASCII.
        let split = text.bytes().position(|b| b == b':').and_then(|at| text.split_at_checked(at));
        let parts = split.and_then(|(kind, rest)| Some((kind, rest.strip_prefix(':')?)));
        let plain = parts.is_some_and(|(_, v)| v.as_bytes().split(|b| *b == b'.').all(is_component_bytes));
        let Some((kind, value)) = parts.filter(|(_, value)| plain || !value.contains(':')) else {
            let message = format!("{text:?} is not of the form kind:value");
            return Err(ContractError::new(ErrorCode::RefText, message));
        };
        let mut letters = kind.bytes();
        let word = letters.next().is_some_and(|b| b.is_ascii_lowercase())
            && letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !word {
            return Err(ContractError::new(
                ErrorCode::RefKind,
                format!("the kind {kind:?} is not a lower-case word"),
            ));
        }
        if !plain {
            let message = format!("{value:?} does not consist of lower-case components joined by dots");
            return Err(ContractError::new(ErrorCode::RefValue, message));
        }
        if text.len() > REF_LEN_MAX {
            let message = format!("a ref of {} characters is longer than {REF_LEN_MAX}", text.len());
            return Err(ContractError::new(ErrorCode::RefTooLong, message));
        }
        let colon = kind.len();
        Ok(StableRef { text, colon })
    }

    /// Returns the kind.
    pub fn kind(&self) -> &str {
        self.text.get(..self.colon).unwrap_or_default()
    }

    /// Returns the value, without the kind.
    pub fn value(&self) -> &str {
        self.text.get(self.colon + 1..).unwrap_or_default()
    }

    /// Returns the whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the components of the value.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.value().split('.')
    }

    /// Returns the last component of the value: the name of the object.
    pub fn last_component(&self) -> &str {
        self.components().next_back().unwrap_or_default()
    }

    /// Checks the number of components, if the kind of the ref limits the number.
    pub fn check_shape(&self) -> Result<()> {
        let count = self.value().bytes().filter(|b| *b == b'.').count() + 1;
        match shape(self.kind()) {
            Some((least, most)) if !(least..=most).contains(&count) => {
                let wanted = if least == most { least.to_string() } else { format!("{least} or {most}") };
                let message = format!("{self} has {count} components, not {wanted}");
                Err(ContractError::new(ErrorCode::RefShape, message))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for StableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for StableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for StableRef {
    type Err = ContractError;

    fn from_str(text: &str) -> Result<StableRef> {
        StableRef::parse(text)
    }
}

impl TryFrom<&str> for StableRef {
    type Error = ContractError;

    fn try_from(text: &str) -> Result<StableRef> {
        StableRef::parse(text)
    }
}
