//! Tokens that identify the pages of a list of runs.

use crate::contract::Value;
use crate::contract::json::read::parse;
use crate::contract::json::write::with_nulls;
use crate::interpretation::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The version of the text form of tokens.
const VERSION: &str = "1";

/// A token that identifies a page of a list of runs. The text form is opaque. All characters of the text form
/// are letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq)]
pub struct PageToken {
    /// The digest of the query that the token belongs to.
    pub(super) query: String,
    /// The position of the last run before the page, as a JSON value.
    pub(super) position: Value,
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Encoding does not fail, because all numbers in the position are finite or in text form.
        let position = with_nulls(&self.position).map_err(|_| fmt::Error)?;
        write!(f, "{VERSION}-{}-", self.query)?;
        position.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PageToken {
    type Err = Error;

    /// Parses a token. Error: the text is not a token of this version.
    fn from_str(text: &str) -> Result<PageToken> {
        let mut parts = text.splitn(3, '-');
        let (version, query, position) = (parts.next(), parts.next(), parts.next());
        let decoded = (version == Some(VERSION)).then_some(position).flatten().and_then(decode);
        match (query, decoded) {
            (Some(query), Some(position)) => Ok(PageToken { query: query.to_owned(), position }),
            _ => Err(Error::InvalidPageToken { reason: "the text is not a page token, or is incomplete" }),
        }
    }
}

/// Decodes a JSON value that is written as hexadecimal digits.
fn decode(digits: &str) -> Option<Value> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(high)? * 16 + digit(low)?).ok();
    let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
    rest.is_empty().then(|| String::from_utf8(bytes).ok()).flatten().and_then(|text| parse(&text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_have_a_text_form_that_is_checked() {
        let token = PageToken {
            query: "0123456789abcdef".to_owned(),
            position: Value::map([("run", Value::text("运行-1"))]),
        };
        let text = token.to_string();
        assert_eq!(text.parse::<PageToken>().unwrap(), token);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{text}");
        for damaged in
            ["", "1", "1-abc", &text[..text.len() - 1], &text[1..], &format!("2{}", &text[1..]), "1-a-zz"]
        {
            let error = damaged.parse::<PageToken>().unwrap_err();
            assert_eq!(error.code(), "query_invalid_page_token", "{damaged}");
        }
    }
    proptest! {
        #[test]
        fn any_text_is_a_token_or_an_error(text in ".*", digits in "1-[0-9a-f]{0,16}-[0-9a-f]{0,40}") {
            for text in [text, digits] {
                if let Ok(token) = text.parse::<PageToken>() {
                    prop_assert_eq!(token.to_string().parse::<PageToken>().unwrap(), token);
                }
            }
        }
    }
}
