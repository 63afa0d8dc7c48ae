//! The known name that a mistyped one is most like.

/// Longer names are not compared: nobody meant them, and it would cost too much.
const NAME_LEN_MAX: usize = 96;

/// A beginning this long is one.
const BEGINNING_MIN: usize = 4;

/// The candidate that `name` is most like, if it is like any. A dotted name may also be like the end of a candidate:
/// `durability_mode` is like `records.durability_mode`.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > NAME_LEN_MAX {
        return None;
    }
    let last = |text: &'_ str| text.rsplit('.').next().unwrap_or_default().to_owned();
    let own = last(name);
    let scored = candidates.into_iter().filter_map(|candidate| {
        let whole = distance(name, candidate);
        // An end counts as one change more: the section is wrong or missing.
        let end = distance(&own, &last(candidate)).saturating_add(1);
        let fits = |d: usize, len: usize| d <= (len / 4).max(1);
        let whole = fits(whole, name.len()).then_some(whole);
        let end = fits(end.saturating_sub(1), own.len()).then_some(end);
        // `records.durability` begins as `records.durability_mode` does.
        let begun = own.len() >= BEGINNING_MIN && !own.ends_with('_') && last(candidate).starts_with(&own);
        let begun = begun.then_some(2);
        Some((whole.into_iter().chain(end).chain(begun).min()?, distance(name, candidate), candidate))
    });
    scored.min().map(|(_, _, candidate)| candidate)
}

/// How many characters must be added, removed, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let cell = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = cell(&above, j) + usize::from(x != y);
            let mut least = changed.min(cell(&above, j + 1) + 1).min(cell(&row, j) + 1);
            if let (Some(p), Some(q)) = (i.checked_sub(1), j.checked_sub(1))
                && a.get(p) == Some(y)
                && b.get(q) == Some(x)
            {
                least = least.min(cell(&before, q) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    cell(&above, b.len())
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

    #[test]
    fn distances_are_those_of_single_changes() {
        for (a, b, d) in [("", "", 0), ("", "ab", 2), ("ab", "ba", 1), ("abc", "abd", 1), ("abc", "xyz", 3)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }
}
