//! The unified diff of two lists of lines.
//!
//! The differences are found by the greedy algorithm of Myers ("An O(ND) Difference Algorithm and Its Variations",
//! 1986). If the lists differ in too many lines, the result states that all lines between the common beginning and the
//! common end were replaced.

/// The greatest number of deleted and inserted lines for which the shortest diff is searched. If this number
/// is N, the search stores at most about N * N / 2 integers.
const EDITS_MAX: usize = 2048;
/// The number of equal lines that a hunk shows before and after a difference.
const CONTEXT: usize = 3;

/// The origin of one line of the diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    /// The line is in both lists.
    Keep,
    /// The line is in the left list only.
    Delete,
    /// The line is in the right list only.
    Insert,
}

/// Returns the hunks of the unified diff of two lists of lines, without a header. Returns the empty text for
/// equal lists. Bytes that are not UTF-8 are replaced by U+FFFD.
pub(super) fn unified(left: &[&[u8]], right: &[&[u8]]) -> String {
    let edits = edits(left, right);
    let changed: Vec<usize> =
        edits.iter().enumerate().filter(|(_, e)| **e != Edit::Keep).map(|(at, _)| at).collect();
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for at in changed {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + CONTEXT + 1).min(edits.len()));
        match hunks.last_mut() {
            Some((_, end)) if from <= *end => *end = to,
            _ => hunks.push((from, to)),
        }
    }
    let mut text = String::new();
    // `l` and `r` are the numbers of left and right lines before the edit `at`.
    let (mut at, mut l, mut r) = (0, 0, 0);
    for (from, to) in hunks {
        let before = edits.get(at..from).unwrap_or_default();
        (l, r) = (l + count(before, Edit::Insert), r + count(before, Edit::Delete));
        let hunk = edits.get(from..to).unwrap_or_default();
        let (deleted, inserted) = (count(hunk, Edit::Insert), count(hunk, Edit::Delete));
        text.push_str(&format!("@@ -{} +{} @@\n", range(l, deleted), range(r, inserted)));
        for edit in hunk {
            let (mark, line) = match edit {
                Edit::Insert => ('+', right.get(r)),
                Edit::Delete => ('-', left.get(l)),
                Edit::Keep => (' ', left.get(l)),
            };
            l += usize::from(*edit != Edit::Insert);
            r += usize::from(*edit != Edit::Delete);
            text.push(mark);
            text.push_str(&String::from_utf8_lossy(line.copied().unwrap_or_default()));
            text.push('\n');
        }
        at = to;
    }
    text
}

/// Returns the number of edits that are not `other`.
fn count(edits: &[Edit], other: Edit) -> usize {
    edits.iter().filter(|edit| **edit != other).count()
}

/// Returns the range of lines in the header of a hunk. `before` is the number of lines before the range.
fn range(before: usize, lines: usize) -> String {
    // An empty range names the line before it.
    let first = if lines == 0 { before } else { before + 1 };
    if lines == 1 { first.to_string() } else { format!("{first},{lines}") }
}

fn edits(left: &[&[u8]], right: &[&[u8]]) -> Vec<Edit> {
    let equal = |pair: &(&&[u8], &&[u8])| pair.0 == pair.1;
    let start = left.iter().zip(right).take_while(equal).count();
    let (l, r) = (left.get(start..).unwrap_or_default(), right.get(start..).unwrap_or_default());
    let end = l.iter().rev().zip(r.iter().rev()).take_while(equal).count();
    let (l, r) = (l.get(..l.len() - end).unwrap_or_default(), r.get(..r.len() - end).unwrap_or_default());
    let mut edits = vec![Edit::Keep; start];
    edits.extend(shortest(l, r).unwrap_or_else(|| {
        let all = std::iter::repeat_n(Edit::Delete, l.len());
        all.chain(std::iter::repeat_n(Edit::Insert, r.len())).collect()
    }));
    edits.resize(edits.len() + end, Edit::Keep);
    edits
}

/// Returns the shortest list of edits that turns `left` into `right`; `None` if the list has more than
/// [`EDITS_MAX`] insertions and deletions.
fn shortest(left: &[&[u8]], right: &[&[u8]]) -> Option<Vec<Edit>> {
    // Row `d` describes the diagonals that `d` edits can reach. On the diagonal of the element `i`, the edits
    // have used `2 * i - d` more lines of `left` than of `right`. The element is the greatest number of lines
    // of `left` that the edits can use on this diagonal.
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for d in 0..=(left.len() + right.len()).min(EDITS_MAX) {
        let mut row = Vec::with_capacity(d + 1);
        for i in 0..=d {
            let mut l = rows.last().map_or(0, |previous| start_of(previous, i).0);
            // `l` is at least the number of deletions, so the difference is not negative.
            let mut r = (l + d).saturating_sub(2 * i);
            while l < left.len() && r < right.len() && left.get(l) == right.get(r) {
                (l, r) = (l + 1, r + 1);
            }
            row.push(l);
            if l >= left.len() && r >= right.len() {
                return Some(path(&rows, i, (left.len(), right.len())));
            }
        }
        rows.push(row);
    }
    None
}

/// Returns the start of the diagonal `i` in the row after `previous`. The first result is the number of lines
/// of `left` that are used at this start. The second result is the edit that leads to this start from the row
/// `previous`.
fn start_of(previous: &[usize], i: usize) -> (usize, Edit) {
    let above = previous.get(i).copied();
    let before = i.checked_sub(1).and_then(|i| previous.get(i)).copied();
    match (before, above) {
        (Some(before), Some(above)) if before < above => (above, Edit::Insert),
        (Some(before), _) => (before + 1, Edit::Delete),
        (None, above) => (above.unwrap_or(0), Edit::Insert),
    }
}

/// Returns the edits of a path. The path ends on the diagonal `i` of the row after `rows`, after `l` lines of
/// the left list and `r` lines of the right list.
fn path(rows: &[Vec<usize>], mut i: usize, (mut l, mut r): (usize, usize)) -> Vec<Edit> {
    let mut edits = Vec::new();
    for previous in rows.iter().rev() {
        let (start, edit) = start_of(previous, i);
        let kept = l.saturating_sub(start);
        edits.extend(std::iter::repeat_n(Edit::Keep, kept));
        edits.push(edit);
        let (deleted, inserted) = (usize::from(edit == Edit::Delete), usize::from(edit == Edit::Insert));
        (l, r) = (l.saturating_sub(kept + deleted), r.saturating_sub(kept + inserted));
        i -= deleted;
    }
    debug_assert_eq!(l, r, "the path begins on the diagonal 0");
    edits.extend(std::iter::repeat_n(Edit::Keep, l));
    edits.reverse();
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the diff of two texts. Each character of a text is a line.
    fn of(left: &str, right: &str) -> String {
        let lines = |text: &str| -> Vec<Vec<u8>> { text.bytes().map(|byte| vec![byte]).collect() };
        let (left, right) = (lines(left), lines(right));
        unified(&borrowed(&left), &borrowed(&right))
    }

    fn borrowed(lines: &[Vec<u8>]) -> Vec<&[u8]> {
        lines.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn differences_have_three_lines_of_context() {
        assert_eq!(of("abc", "abc"), "");
        assert_eq!(of("", "ab"), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(of("a", ""), "@@ -1 +0,0 @@\n-a\n");
        assert_eq!(of("123456789", "1234x6789"), "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n");
        let far = of("a123456789z", "b123456789y");
        assert_eq!(far.matches("@@ -").count(), 2, "{far}");
        assert_eq!(far, "@@ -1,4 +1,4 @@\n-a\n+b\n 1\n 2\n 3\n@@ -8,4 +8,4 @@\n 7\n 8\n 9\n-z\n+y\n");
    }

    #[test]
    fn lists_without_a_common_line_are_replaced() {
        let lines: Vec<Vec<u8>> = (0..4000u32).map(|n| n.to_string().into_bytes()).collect();
        let other: Vec<Vec<u8>> = (0..4000u32).map(|n| format!("x{n}").into_bytes()).collect();
        let text = unified(&borrowed(&lines), &borrowed(&other));
        assert_eq!(text.lines().filter(|line| line.starts_with('-')).count(), 4000);
        assert!(text.starts_with("@@ -1,4000 +1,4000 @@\n-0\n-1\n"));
    }

    proptest! {
        #[test]
        fn edits_turn_the_left_list_into_the_right_list(left in "[abc]{0,30}", right in "[abc]{0,30}") {
            let (l, r): (Vec<&[u8]>, Vec<&[u8]>) =
                (left.as_bytes().chunks(1).collect(), right.as_bytes().chunks(1).collect());
            let edits = edits(&l, &r);
            let (mut kept, mut rebuilt) = (l.iter(), Vec::new());
            let mut inserted = 0;
            for edit in &edits {
                match edit {
                    Edit::Keep => { rebuilt.push(*kept.next().unwrap()); inserted += 1; }
                    Edit::Delete => { kept.next().unwrap(); }
                    Edit::Insert => { rebuilt.push(r[inserted]); inserted += 1; }
                }
            }
            prop_assert!(kept.next().is_none());
            prop_assert_eq!(rebuilt, r.clone());
            // The number of kept lines is the length of the longest common subsequence.
            let mut table = vec![vec![0usize; r.len() + 1]; l.len() + 1];
            for (i, a) in l.iter().enumerate() {
                for (j, b) in r.iter().enumerate() {
                    table[i + 1][j + 1] =
                        if a == b { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
                }
            }
            prop_assert_eq!(edits.iter().filter(|e| **e == Edit::Keep).count(), table[l.len()][r.len()]);
        }
    }
}
