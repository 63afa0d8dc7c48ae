//! Text forms of ids, numbers and digests.

/// The greatest number of characters of a text that an error quotes.
const QUOTED_MAX: usize = 200;

/// A text that is not the text form of the requested type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
#[non_exhaustive]
pub struct ParseError {
    /// The beginning of the text.
    pub text: String,
    /// The description of the expected text form, with an article.
    pub expected: &'static str,
}

impl ParseError {
    pub(crate) fn new(text: &str, expected: &'static str) -> ParseError {
        ParseError { text: text.chars().take(QUOTED_MAX).collect(), expected }
    }
}
