//! The error of parsing the text form of an id, number or digest.

/// The maximum number of characters of a text that an error quotes.
const QUOTED_MAX: usize = 200;

/// The error of parsing a text that does not have the form of the requested type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
#[non_exhaustive]
pub struct ParseError {
    /// The first 200 characters of the text.
    pub text: String,
    /// The expected text form, as message text, such as `a sequence number of decimal digits`.
    pub expected: &'static str,
}

impl ParseError {
    pub(crate) fn new(text: &str, expected: &'static str) -> ParseError {
        ParseError { text: text.chars().take(QUOTED_MAX).collect(), expected }
    }
}
