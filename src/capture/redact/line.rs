//! Redaction of a text that arrives line by line.

use crate::capture::redact::private_key;
use crate::capture::redact::scan::{Scanner, with_marks};
use std::borrow::Cow;

/// The greatest number of lines of a private key. If the key has no end within these lines, its end is assumed to be
/// missing.
const KEY_LINES_MAX: usize = 256;

/// The state between the lines of one text. It states whether the next line can belong to a private key of several
/// lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyBlock {
    /// The number of further lines that can belong to a private key.
    lines_left: usize,
}

impl KeyBlock {
    /// Creates the state for a text that starts within a private key.
    pub(super) fn inside() -> KeyBlock {
        KeyBlock { lines_left: KEY_LINES_MAX }
    }

    /// Replaces all secrets of the next line.
    pub(super) fn replaced<'t>(&mut self, scanner: &Scanner<'_>, line: &'t [u8]) -> Cow<'t, [u8]> {
        if self.lines_left > 0 && private_key::ends_key(line) {
            self.lines_left = 0;
        } else if self.lines_left > 0 {
            self.lines_left -= 1;
            let (words, end) = private_key::body(line, 0);
            // Other dashes, such as a new `BEGIN` line, also end the key.
            if end < line.len() {
                self.lines_left = 0;
            }
            return if words.is_empty() { Cow::Borrowed(line) } else { Cow::Owned(with_marks(line, &words)) };
        }
        if private_key::begins_key(line) {
            self.lines_left = KEY_LINES_MAX;
        }
        scanner.replaced(line)
    }
}
