//! The contract's definition of white space.

/// Tells whether a character is white space in Unicode, or one of the four ASCII separators (0x1c to 0x1f).
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Removes white space at both ends.
pub fn trim(text: &str) -> &str {
    // Most texts begin and end with a printed ASCII character and need no trimming.
    if let (Some(first), Some(last)) = (text.as_bytes().first(), text.as_bytes().last())
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return text;
    }
    text.trim_matches(is_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unicode_space_and_the_ascii_separators_are_trimmed() {
        assert_eq!(trim("\u{1c}\u{a0} x \u{3000}\u{1f}"), "x");
        assert_eq!(trim("\u{200b}x"), "\u{200b}x");
    }
}
