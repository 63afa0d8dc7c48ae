//! A component of a ref: one of the parts that dots separate.

/// The greatest length of a component in characters.
pub const COMPONENT_LEN_MAX: usize = 63;

/// Tells whether `text` is a component: groups of lower-case letters and digits, joined by single dashes, with at most
/// [`COMPONENT_LEN_MAX`] characters in all.
pub fn is_component(text: &str) -> bool {
    is_component_bytes(text.as_bytes())
}

/// Tells whether the bytes are a component of a ref. Components are ASCII, and comparing bytes is faster than comparing
/// characters.
pub(super) fn is_component_bytes(text: &[u8]) -> bool {
    let mut after_dash = true;
    let allowed = text.iter().all(|&b| {
        let dash = b == b'-';
        let allowed = b.is_ascii_lowercase() || b.is_ascii_digit() || (dash && !after_dash);
        after_dash = dash;
        allowed
    });
    allowed && !after_dash && text.len() <= COMPONENT_LEN_MAX
}

/// Converts a name to a component. The name is converted to lower case, each group of characters other than a-z and 0-9
/// is replaced by one dash, and dashes at the ends are removed. The result is cut to `len_max` characters, or to
/// [`COMPONENT_LEN_MAX`] if `len_max` is greater. Returns `None` if nothing remains.
pub fn slug(name: &str, len_max: usize) -> Option<String> {
    let mut out = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(len_max.min(COMPONENT_LEN_MAX));
    let out = out.trim_end_matches('-');
    (!out.is_empty()).then(|| out.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_components() {
        assert_eq!(slug(" My  Model_v2! ", 63).unwrap(), "my-model-v2");
        assert_eq!(slug("Modèle", 63).unwrap(), "mod-le");
        assert_eq!(slug("日本", 63), None);
        assert_eq!(slug("abc-def", 4).unwrap(), "abc");
        assert!(is_component(&slug(&"x-".repeat(90), 63).unwrap()));
    }
}
