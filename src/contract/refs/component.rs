//! A component of a ref: one of the parts that dots separate.

use crate::contract::nfc::nfc;
use crate::contract::space::trim;
use sha2::{Digest, Sha256};

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

/// The number of hexadecimal digits that [`component_of`] appends to a slug.
const DIGITS: usize = 6;

/// Returns the component of a ref for an object with this name. White space around the name does not count.
///
/// The component of an ASCII name is its [`slug`]. For any other name, six hexadecimal digits of a digest of the name
/// follow the slug, because names in other scripts can have the same slug: `Modèle` and `mod le`. If the slug is empty,
/// the digits follow the slug of `fallback`, or `x` if this slug is empty too. The digest is that of the composed form
/// (NFC) of the name, so that names that look the same have one component. Different ASCII names can have the same
/// component, such as `a b` and `a-b`.
pub fn component_of(name: &str, fallback: &str) -> String {
    let name = nfc(trim(name));
    let stem = slug(&name, COMPONENT_LEN_MAX);
    if let (Some(stem), true) = (&stem, name.is_ascii()) {
        return stem.clone();
    }
    with_digits(&name, stem, fallback)
}

/// Returns the component of a ref for an object with this id. White space around the id does not count. An id that is a
/// component stays as it is. For any other id, six hexadecimal digits of a digest of the id follow the component of
/// [`component_of`], so that different ids have different components: `Exp 1` and `exp-1`.
pub fn component_of_id(id: &str, fallback: &str) -> String {
    let id = nfc(trim(id));
    if is_component(&id) { id.into_owned() } else { with_digits(&id, slug(&id, COMPONENT_LEN_MAX), fallback) }
}

/// Appends digits of the digest of a name to its slug.
fn with_digits(name: &str, stem: Option<String>, fallback: &str) -> String {
    let len_max = COMPONENT_LEN_MAX - 1 - DIGITS;
    let stem = stem.and_then(|stem| slug(&stem, len_max)).or_else(|| slug(fallback, len_max));
    let digest = Sha256::digest(name.as_bytes());
    let digits = digest.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{}-{digits}", stem.as_deref().unwrap_or("x"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn components_of_names_in_any_script_are_distinct() {
        assert_eq!(component_of("My  Model_v2! ", "run"), "my-model-v2");
        assert_eq!(component_of("Mod le", "run"), "mod-le");
        assert_eq!(component_of("Modèle", "run"), "mod-le-e61bbb");
        assert_eq!(component_of("Mode\u{300}le", "run"), component_of("Mod\u{e8}le", "run"));
        assert!(component_of("深度學習", "Stage").starts_with("stage-"));
        assert_ne!(component_of("深度學習", "stage"), component_of("系统", "stage"));
        assert_ne!(component_of("!!!", "run"), component_of("???", "run"));
        assert!(component_of("🚀", "系统").starts_with("x-"));
        assert_eq!(component_of_id(" exp-1 ", "run"), "exp-1");
        assert!(component_of_id("Exp 1", "run").starts_with("exp-1-"));
        assert_ne!(component_of_id("Exp 1", "run"), component_of_id("exp 1", "run"));
    }

    proptest! {
        #[test]
        fn component_of_any_name_is_a_component(name in any::<String>(), fallback in any::<String>()) {
            prop_assert!(is_component(&component_of(&name, &fallback)));
            prop_assert!(is_component(&component_of_id(&name, &fallback)));
            prop_assert!(is_component(&component_of(&name.repeat(20), &fallback.repeat(20))));
        }
    }

    #[test]
    fn slugs_are_components() {
        assert_eq!(slug(" My  Model_v2! ", 63).unwrap(), "my-model-v2");
        assert_eq!(slug("Modèle", 63).unwrap(), "mod-le");
        assert_eq!(slug("日本", 63), None);
        assert_eq!(slug("abc-def", 4).unwrap(), "abc");
        assert!(is_component(&slug(&"x-".repeat(90), 63).unwrap()));
    }
}
