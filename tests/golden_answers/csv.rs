//! Comparison of CSV, cell by cell.

use crate::golden_answers::compare::{Difference, floats_equal, texts_equal};

/// Returns an error if two tables differ. `got` may have additional columns at the end.
pub(super) fn tables(expected: &str, got: &str) -> Result<(), Difference> {
    let (expected, got) = (rows(expected), rows(got));
    for (i, (expected, got)) in expected.iter().zip(&got).enumerate() {
        for (j, expected) in expected.iter().enumerate() {
            let cell = got.get(j);
            if !cell.is_some_and(|got| cells_equal(expected, got)) {
                return Err(Difference::new(
                    format!("row {i}, column {j}"),
                    format!("expected {expected:?}, got {cell:?}"),
                ));
            }
        }
    }
    match expected.len() == got.len() {
        true => Ok(()),
        false => Err(Difference::new("rows", format!("expected {} rows, got {}", expected.len(), got.len()))),
    }
}

fn cells_equal(expected: &str, got: &str) -> bool {
    let number = |cell: &str| cell.parse::<f64>().ok();
    let integer = |cell: &str| cell.parse::<i128>().ok();
    match (integer(expected), integer(got)) {
        (Some(expected), Some(got)) => expected == got,
        _ => {
            texts_equal(expected, got)
                || number(expected)
                    .zip(number(got))
                    .is_some_and(|(expected, got)| floats_equal(expected, got))
        }
    }
}

/// Returns the cells of a table. A quoted cell may contain commas, line breaks, and quotes that are doubled.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = vec![String::new()];
    let mut is_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = row.last_mut().unwrap();
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(String::new()),
            '\r' if !is_quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !is_quoted => rows.push(std::mem::replace(&mut row, vec![String::new()])),
            c => cell.push(c),
        }
    }
    if row != [""] {
        rows.push(row);
    }
    rows
}

#[test]
fn csv_is_compared_cell_by_cell() {
    let compare = |expected: &str, got: &str| tables(expected, got).err().map(|difference| difference.path);
    assert_eq!(rows("a,\"b\"\"c,\n\"\r\n,\n"), [["a", "b\"c,\n"], ["", ""]]);
    assert_eq!(compare("a,b\n1.0,\"x\"\n", "a,b,c\n1,x,y\n"), None);
    assert_eq!(compare("a,b\n1,x\n", "a,b\n2,x\n").as_deref(), Some("row 1, column 0"));
    assert_eq!(compare("a,b\n1,x\n", "b,a\n1,x\n").as_deref(), Some("row 0, column 0"));
    assert_eq!(compare("a,b\n1,x\n", "a,b\n1\n").as_deref(), Some("row 1, column 1"));
    assert_eq!(compare("a\n1\n", "a\n1\n2\n").as_deref(), Some("rows"));
    assert_eq!(compare("a\n9007199254740993\n", "a\n9007199254740992\n").as_deref(), Some("row 1, column 0"));
}
