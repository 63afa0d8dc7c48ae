//! The name of a backup.

use crate::contract::Timestamp;
use std::fmt;

/// The greatest length of a name in bytes. The name of the manifest must be a valid file name.
const LEN_MAX: usize = 200;
/// The greatest number of characters that a name takes from the label.
const LABEL_LEN_MAX: usize = 32;
/// The number of bytes of the time in a name, such as `2026-11-01T08-00-00_000000Z`.
const TIME_LEN: usize = 27;
/// The label in the name of a backup that has no usable label.
const LABEL_DEFAULT: &str = "backup";

/// The name of a backup. A name contains only letters, digits, `-` and `_`, so it is always a single
/// component of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupRef(String);

impl BackupRef {
    /// Returns the name of a backup, such as `manual-2026-11-01T08-00-00_000000Z`. The name consists of the
    /// label and the time of creation. In the label, `-` replaces each character that is not a letter, a
    /// digit, `-` or `_`.
    #[must_use]
    pub fn new(label: Option<&str>, created_at: Timestamp) -> BackupRef {
        let plain = |c: char| if is_allowed(c) { c } else { '-' };
        let label: String = label.unwrap_or_default().chars().map(plain).take(LABEL_LEN_MAX).collect();
        let label = label.trim_matches(['-', '_']);
        let label = if label.is_empty() { LABEL_DEFAULT } else { label };
        let mut time = created_at.to_string().replace(':', "-").replace('.', "_");
        // The text of a whole second has no fraction.
        if let Some(second) = time.strip_suffix('Z').filter(|text| !text.contains('_')) {
            time = format!("{second}_000000Z");
        }
        BackupRef(format!("{label}-{time}"))
    }

    /// Reads a name. Returns `None` if the text is empty, is too long, or contains a character that is not
    /// allowed.
    #[must_use]
    pub fn parse(text: &str) -> Option<BackupRef> {
        let is_valid = !text.is_empty() && text.len() <= LEN_MAX && text.chars().all(is_allowed);
        is_valid.then(|| BackupRef(text.to_owned()))
    }

    /// Returns the last characters of the name. If [`BackupRef::new`] made the name, they are the time of
    /// creation.
    pub(in crate::recovery) fn time(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(TIME_LEN)..).unwrap_or(&self.0)
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

impl fmt::Display for BackupRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_becomes_part_of_a_single_path_component() {
        let time: Timestamp = "2026-11-01T08:00:00Z".parse().unwrap();
        let name = |label| BackupRef::new(Some(label), time).to_string();
        assert_eq!(name("manual"), "manual-2026-11-01T08-00-00_000000Z");
        assert_eq!(name("v1.2"), "v1-2-2026-11-01T08-00-00_000000Z");
        assert_eq!(name("../../x"), "x-2026-11-01T08-00-00_000000Z");
        assert_eq!(name("größe"), "größe-2026-11-01T08-00-00_000000Z");
        assert_eq!(name("/.-_"), BackupRef::new(None, time).to_string());
        for label in ["manual", "../../x", "größe", "水".repeat(99).as_str()] {
            let name = BackupRef::new(Some(label), time);
            assert_eq!(name.time(), "2026-11-01T08-00-00_000000Z");
            assert_eq!(BackupRef::parse(name.as_str()), Some(name));
        }
    }

    #[test]
    fn name_with_a_path_is_refused() {
        for text in ["", "..", ".", "a/b", "a\\b", "/etc", "a.b", "a b", "a\0b", "x".repeat(201).as_str()] {
            assert_eq!(BackupRef::parse(text), None, "{text:?}");
        }
    }
}
