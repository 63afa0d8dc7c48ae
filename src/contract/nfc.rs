//! The composed form (NFC) of texts. An `é` can be one character, or an `e` and a combining accent. Both texts look the
//! same, and have the same composed form.

use std::borrow::Cow;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Returns the composed form of a text.
pub(crate) fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_texts_have_one_form() {
        assert_eq!(nfc("cafe\u{301}"), "caf\u{e9}");
        assert_eq!(nfc("caf\u{e9}"), nfc("cafe\u{301}"));
        assert!(matches!(nfc("系统"), Cow::Borrowed("系统")));
        // NFC does not replace compatibility characters, which look different.
        assert_eq!(nfc("ﬁ x²"), "ﬁ x²");
    }
}
