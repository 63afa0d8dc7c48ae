//! The known name that is most similar to a mistyped name.

use strsim::osa_distance;

/// The greatest length of a name that is compared with the known names. The known names are shorter, and comparing a
/// long name is slow.
const NAME_LEN_MAX: usize = 96;

/// The minimum length of a name that is tried as a prefix of the known names.
const BEGINNING_MIN: usize = 4;

/// Returns the candidate that is most similar to `name`, or `None` if no candidate is similar. The last part of a
/// dotted name is compared as well: `durability_mode` is similar to `records.durability_mode`.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > NAME_LEN_MAX {
        return None;
    }
    let last = |text: &'_ str| text.rsplit('.').next().unwrap_or_default().to_owned();
    let own = last(name);
    let scored = candidates.into_iter().filter_map(|candidate| {
        let whole = osa_distance(name, candidate);
        // A match of the last part alone counts as one more change, because the section is wrong or missing.
        let end = osa_distance(&own, &last(candidate)).saturating_add(1);
        let fits = |d: usize, len: usize| d <= (len / 4).max(1);
        let whole = fits(whole, name.len()).then_some(whole);
        let end = fits(end.saturating_sub(1), own.len()).then_some(end);
        // `records.durability` is a prefix of `records.durability_mode`.
        let begun = own.len() >= BEGINNING_MIN && !own.ends_with('_') && last(candidate).starts_with(&own);
        let begun = begun.then_some(2);
        Some((whole.into_iter().chain(end).chain(begun).min()?, osa_distance(name, candidate), candidate))
    });
    scored.min().map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_typo_and_by_their_end() {
        let known = ["records.durability_mode", "records.read_only", "metadata.read_only", "project_name"];
        let find = |name| nearest(name, known);
        assert_eq!(find("durability_mode"), Some("records.durability_mode"));
        assert_eq!(find("record.durability_mode"), Some("records.durability_mode"));
        assert_eq!(find("metadata.readonly"), Some("metadata.read_only"));
        assert_eq!(find("projetc_name"), Some("project_name"));
        assert_eq!(find("records.durability"), Some("records.durability_mode"));
        assert_eq!(find("colour"), None);
        assert_eq!(find(&"x".repeat(1 << 20)), None);
    }
}
