//! Versions of the schema: `1.minor.patch`.

use crate::contract::space::trim;

/// The schema version of models that this build creates.
pub const SCHEMA_VERSION: &str = "1.0.0";

/// Tells whether a version is a newer minor version than [`SCHEMA_VERSION`]. Models of a newer version can have members
/// that are unknown to this build.
pub fn is_newer(version: &str) -> bool {
    minor_of(version).is_some_and(|minor| minor > 0)
}

/// Returns the minor version; `None` if the version is not of the form `1.minor.patch`.
pub fn minor_of(version: &str) -> Option<u32> {
    let mut numbers = trim(version).split('.').map(|n| {
        let plain = n.bytes().all(|b| b.is_ascii_digit()) && (n == "0" || !n.starts_with('0'));
        n.parse::<u32>().ok().filter(|_| plain)
    });
    let parts = (numbers.next()??, numbers.next()??, numbers.next()??, numbers.next());
    matches!(parts, (1, _, _, None)).then_some(parts.1)
}

#[cfg(test)]
mod tests {
    use super::*;

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
