//! Rendering of documents as terminal text, with aligned columns and lines wrapped to the width of the terminal.
//!
//! The title of a document is left out, because the user knows it from the command. Notes are left out, because they
//! are written to standard error. Completeness notes are left out too.

use crate::contract::json::write::float;
use crate::contract::{Timestamp, Value};
use crate::interpretation::{Block, Cell, Excerpt, ReportDocument, Table};
use crate::surfaces::escape::one_line;
use unicode_width::UnicodeWidthStr as _;

/// The greatest number of rows of an abridged table.
const EXCERPT_ROWS: usize = 20;
/// The number of spaces between two columns.
const GAP: usize = 2;
/// The smallest width to which a column is narrowed.
const COLUMN_WIDTH_MIN: usize = 8;
/// The number of hexadecimal digits of a digest that are shown.
const DIGEST_DIGITS: usize = 16;

/// Properties of the terminal that is written to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// The width in columns; `None` if lines may have any length.
    pub(crate) width: Option<usize>,
    /// `true` if the text may have colours.
    pub(crate) color: bool,
}

/// A colour or weight of text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Paint {
    Bold,
    Red,
    Green,
    Yellow,
    Dim,
}

impl Style {
    /// Returns the text in a colour or weight, or unchanged if colours are off.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            _ if !self.color => return text.to_owned(),
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Red => 31,
            Paint::Green => 32,
            Paint::Yellow => 33,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Renders a document. Hidden characters in text from outside become visible escapes.
pub(crate) fn render(document: &ReportDocument, style: Style) -> String {
    let mut out = String::new();
    for section in &document.sections {
        let is_left_out = |block: &&Block| matches!(block, Block::Notes(_) | Block::Completeness(_));
        let blocks: Vec<&Block> = section.blocks.iter().filter(|block| !is_left_out(block)).collect();
        if blocks.iter().all(|block| matches!(block, Block::Absent(_))) {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        if !section.title.is_empty() {
            push_line(&mut out, &style.paint(Paint::Bold, &one_line(&section.title)));
        }
        blocks.into_iter().for_each(|block| push_block(&mut out, block, style));
    }
    out
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

fn push_block(out: &mut String, block: &Block, style: Style) {
    match block {
        Block::Heading(text) => {
            out.push('\n');
            push_line(out, &style.paint(Paint::Bold, &one_line(text)));
        }
        Block::Text(text) | Block::Absent(text) => push_text(out, text, 0, style),
        Block::Verdict { is_good, verdict, text } => {
            let paint = if *is_good { Paint::Green } else { Paint::Red };
            // Text is wrapped before it is coloured, because wrapping counts the characters of a colour code.
            let mut lines = String::new();
            push_text(&mut lines, &format!("{verdict}: {text}"), 0, style);
            let verdict = one_line(verdict);
            out.push_str(&lines.replacen(&verdict, &style.paint(paint, &verdict), 1));
        }
        Block::List(items) => items.iter().for_each(|item| push_text(out, item, 0, style)),
        Block::Tree(items) => {
            items.iter().for_each(|item| push_text(out, &item.text, (item.depth + 1) * 2, style));
        }
        Block::Pairs(pairs) => {
            let rows = pairs.iter().map(|(name, value)| vec![one_line(name), cell_text(value)]);
            let rows: Vec<Vec<String>> = rows.collect();
            push_columns(out, &Columns { headings: None, rows: &rows, rigid: &[true, false] }, style);
        }
        Block::Table(table) => push_table(out, table, style),
        _ => {}
    }
}

/// Appends text with an indent. Continuation lines of indented text have a larger indent.
fn push_text(out: &mut String, text: &str, indent: usize, style: Style) {
    let width = style.width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(COLUMN_WIDTH_MIN));
    for (n, line) in wrapped(&one_line(text), width).iter().enumerate() {
        let indent = if n > 0 && indent > 0 { indent + GAP } else { indent };
        push_line(out, &format!("{}{line}", " ".repeat(indent)));
    }
}

fn push_table(out: &mut String, table: &Table, style: Style) {
    let skipped = match table.excerpt {
        Excerpt::All => 0,
        Excerpt::First | Excerpt::Last => table.rows.len().saturating_sub(EXCERPT_ROWS),
    };
    let (from, up_to) = match table.excerpt {
        Excerpt::Last => (skipped, table.rows.len()),
        _ => (0, table.rows.len() - skipped),
    };
    if skipped > 0 && from > 0 {
        push_line(out, &format!("(earlier rows that are not shown: {skipped})"));
    }
    let shown = table.rows.iter().skip(from).take(up_to - from);
    let width = table.columns.len().saturating_sub(table.detail_columns);
    let rows: Vec<Vec<String>> = shown.map(|row| row.iter().take(width).map(cell_text).collect()).collect();
    let columns: Vec<String> = table.columns.iter().take(width).map(|column| one_line(column)).collect();
    let is_rigid = |n: usize| table.rows.iter().filter_map(|row| row.get(n)).any(is_unbreakable);
    let rigid: Vec<bool> = (0..columns.len()).map(is_rigid).collect();
    push_columns(out, &Columns { headings: Some(&columns), rows: &rows, rigid: &rigid }, style);
    if skipped > 0 && from == 0 {
        push_line(out, &format!("(further rows that are not shown: {skipped})"));
    }
}

/// The cells of a table, as text.
struct Columns<'a> {
    headings: Option<&'a [String]>,
    rows: &'a [Vec<String>],
    /// `true` for each column whose cells are never wrapped.
    rigid: &'a [bool],
}

/// Appends rows with aligned columns. If the rows are too wide for the terminal, the widest columns that are not rigid
/// are wrapped.
fn push_columns(out: &mut String, columns: &Columns<'_>, style: Style) {
    let Columns { headings, rows, rigid } = *columns;
    let count = rows.iter().map(Vec::len).chain(headings.map(<[String]>::len)).max().unwrap_or(0);
    let lines = || headings.into_iter().chain(rows.iter().map(Vec::as_slice));
    let natural = |n: usize| lines().filter_map(|row| row.get(n)).map(|cell| cell.width()).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..count).map(natural).collect();
    if let Some(width) = style.width {
        narrow(&mut widths, rigid, width.saturating_sub(GAP * count.saturating_sub(1)));
    }
    if let Some(headings) = headings.filter(|headings| headings.iter().any(|h| !h.is_empty())) {
        row_lines(headings, &widths).iter().for_each(|line| push_line(out, &style.paint(Paint::Bold, line)));
    }
    for row in rows {
        row_lines(row, &widths).iter().for_each(|line| push_line(out, line));
    }
}

/// Reduces the widest columns that are not rigid to a common width, so that the sum of all widths is at most
/// `available`. No column becomes narrower than [`COLUMN_WIDTH_MIN`], even if the sum is then greater.
fn narrow(widths: &mut [usize], rigid: &[bool], available: usize) {
    let is_rigid = |n: usize| rigid.get(n).copied().unwrap_or(false);
    let narrowed = |n: usize, width: usize, most: usize| if is_rigid(n) { width } else { width.min(most) };
    let total = |most: usize| {
        widths.iter().enumerate().map(|(n, width)| narrowed(n, *width, most)).fold(0, usize::saturating_add)
    };
    if total(usize::MAX) <= available {
        return;
    }
    let most = (COLUMN_WIDTH_MIN..=available).rev().find(|most| total(*most) <= available);
    let most = most.unwrap_or(COLUMN_WIDTH_MIN);
    widths.iter_mut().enumerate().for_each(|(n, width)| *width = narrowed(n, *width, most));
}

/// Returns the lines of one row of a table.
fn row_lines(row: &[String], widths: &[usize]) -> Vec<String> {
    let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| wrapped(cell, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |n: usize| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            let text = cell.get(n).map_or("", String::as_str);
            line.push_str(text);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(text.width()) + GAP));
        }
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

/// Divides a text into lines of at most `width` columns, if possible between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        } else if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            let mut bytes = [0u8; 4];
            if !line.is_empty() && line.width() + c.encode_utf8(&mut bytes).width() > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

/// Returns `true` for a value that is never wrapped, because it is hard to read on two lines: a number, time, duration
/// or digest.
fn is_unbreakable(cell: &Cell) -> bool {
    !matches!(cell, Cell::Missing | Cell::Text(_))
}

/// Returns the text of a cell, with numbers, times and digests shortened.
fn cell_text(cell: &Cell) -> String {
    match cell {
        Cell::Number(number) | Cell::Measured(Value::Float(number)) => short(*number),
        Cell::Time(time) => second(*time),
        Cell::Duration(micros) => duration(*micros),
        Cell::Digest(digest) => one_line(&digest.chars().take(DIGEST_DIGITS).collect::<String>()),
        other => one_line(&other.to_string()),
    }
}

/// Returns a number with at most six significant digits.
pub(crate) fn short(number: f64) -> String {
    match format!("{number:.5e}").parse::<f64>() {
        Ok(rounded) if rounded.is_finite() => float(rounded).trim_end_matches(".0").to_owned(),
        _ => float(number),
    }
}

/// Returns a time without fractions of a second.
fn second(time: Timestamp) -> String {
    let text = time.to_string();
    match text.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => text,
    }
}

fn duration(micros: i64) -> String {
    match micros as f64 / 1e6 {
        s if s < 60.0 => format!("{s:.2}s"),
        s if s < 3600.0 => format!("{}m{:02}s", (s / 60.0) as u64, (s % 60.0) as u64),
        s => format!("{}h{:02}m", (s / 3600.0) as u64, (s % 3600.0 / 60.0) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpretation::ReportSection;

    fn rendered(block: Block, width: Option<usize>) -> String {
        let document = ReportDocument { title: "T".into(), sections: vec![ReportSection::new("", block)] };
        render(&document, Style { width, color: false })
    }

    fn table(rows: &[[&str; 2]]) -> Table {
        Table::new(&["Key", "Value"], rows.iter().map(|row| row.iter().map(Cell::text).collect()).collect())
    }

    #[test]
    fn columns_are_aligned_and_hidden_characters_escaped() {
        let text = rendered(Block::Table(table(&[["a", "x\n\u{9b}"], ["long", "日本"]])), None);
        assert_eq!(text, "Key   Value\na     x \\u009b\nlong  日本\n");
    }

    #[test]
    fn wide_columns_are_wrapped_to_the_width_of_the_terminal() {
        let text = rendered(
            Block::Table(table(&[["key", "some words that go on and on, averylongword"]])),
            Some(20),
        );
        assert_eq!(text, "Key  Value\nkey  some words that\n     go on and on,\n     averylongword\n");
        assert!(text.lines().all(|line| line.width() <= 20), "{text}");
        let long = "x".repeat(50);
        let text = rendered(Block::Table(table(&[[&long, &long]])), Some(40));
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
        assert_eq!(text.matches('x').count(), 100);
        let rows = vec![vec![Cell::text(&long), Cell::Digest("0123456789abcdef".into())]];
        let text = rendered(Block::Table(Table::new(&["A", "B"], rows)), Some(30));
        assert!(text.contains("0123456789abcdef"), "{text}");
        let text = rendered(Block::Table(table(&[[&long, "1"]])), None);
        assert!(text.contains(&long), "{text}");
    }

    #[test]
    fn abridged_tables_keep_the_first_or_the_last_rows() {
        let rows: Vec<Vec<Cell>> = (0..25).map(|n| vec![Cell::Count(n)]).collect();
        let of = |excerpt| rendered(Block::Table(Table::new(&["N"], rows.clone()).excerpt(excerpt)), None);
        assert!(of(Excerpt::First).starts_with("N\n0\n"));
        assert!(of(Excerpt::First).ends_with("\n19\n(further rows that are not shown: 5)\n"));
        assert!(of(Excerpt::Last).starts_with("(earlier rows that are not shown: 5)\nN\n5\n"));
        assert_eq!(of(Excerpt::All).lines().count(), 26);
    }

    #[test]
    fn sections_have_headings_and_notes_are_left_out() {
        let document = ReportDocument {
            title: "T".into(),
            sections: vec![
                ReportSection::new("One", Block::Pairs(vec![("a".into(), Cell::Number(1.0 / 3.0))])),
                ReportSection::new("Notes", Block::Notes(Vec::new())),
                ReportSection::new("Two", Block::List(vec!["x".into()])),
            ],
        };
        let style = Style { width: Some(80), color: false };
        assert_eq!(render(&document, style), "One\na  0.333333\n\nTwo\nx\n");
        let bold = render(&document, Style { color: true, ..style });
        assert!(bold.starts_with("\u{1b}[1mOne\u{1b}[0m\n"), "{bold:?}");
    }

    #[test]
    fn absent_content_completeness_notes_and_detail_columns_are_left_out() {
        let absent = Block::Absent("No stages.".into());
        assert_eq!(rendered(absent.clone(), None), "");
        assert_eq!(rendered(Block::Completeness(Vec::new()), None), "");
        let wide = table(&[["a", "x"]]).details(1);
        assert_eq!(rendered(Block::Table(wide.clone()), None), "Key\na\n");
        let blocks = [absent, Block::Heading("More".into()), Block::Table(wide)];
        let section = ReportSection::of_lines("S", Vec::new(), "").with_blocks(blocks);
        let document = ReportDocument { title: "T".into(), sections: vec![section] };
        let style = Style { width: Some(80), color: false };
        assert_eq!(render(&document, style), "S\nNo stages.\n\nMore\nKey\na\n");
    }
}
