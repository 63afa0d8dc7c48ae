//! Rendering of documents as Markdown: CommonMark with the tables of GitHub.

use crate::interpretation::{Block, Cell, CompletenessNote, EvidenceLink, Note, ReportDocument, Table};
use crate::surfaces::escape::{is_hidden, push_escape};
use std::fmt::Write as _;

/// Renders a report as Markdown. Text from outside is escaped, so that it is shown unchanged and forms no markup.
pub fn to_markdown(report: &ReportDocument) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {}", inline(&report.title));
    for section in &report.sections {
        if !section.title.is_empty() {
            let _ = writeln!(out, "\n## {}", inline(&section.title));
        }
        for block in &section.blocks {
            out.push('\n');
            push_block(&mut out, block);
        }
        let body = section.body();
        if section.blocks.is_empty() && !body.is_empty() {
            // A line that ends with two spaces is followed by a line break.
            let lines: Vec<String> = body.lines().map(|line| inline(line.trim())).collect();
            let _ = writeln!(out, "\n{}", lines.join("  \n"));
        }
        push_links(&mut out, &section.evidence_links);
    }
    out
}

fn push_links(out: &mut String, links: &[EvidenceLink]) {
    if links.is_empty() {
        return;
    }
    out.push_str("\nEvidence:\n\n");
    links.iter().for_each(|link| push_item(out, 0, &link_line(link)));
}

/// Returns a link as one line of text.
pub(crate) fn link_line(link: &EvidenceLink) -> String {
    format!("{} ({}: {})", link.label, link.kind, link.subject)
}

fn push_block(out: &mut String, block: &Block) {
    match block {
        Block::Heading(text) => {
            let _ = writeln!(out, "### {}", inline(text));
        }
        Block::Text(text) | Block::Absent(text) => {
            let _ = writeln!(out, "{}", inline(text.trim()));
        }
        Block::Verdict { verdict, text, .. } => {
            let _ = writeln!(out, "**{}**: {}", inline(verdict), inline(text));
        }
        Block::List(items) => items.iter().for_each(|item| push_item(out, 0, item)),
        Block::Tree(items) => items.iter().for_each(|item| push_item(out, item.depth, &item.text)),
        Block::Pairs(pairs) => {
            let row = |(name, value): &(String, Cell)| vec![Cell::text(name), value.clone()];
            push_table(out, &Table::new(&["", ""], pairs.iter().map(row).collect()));
        }
        Block::Table(table) => push_table(out, table),
        Block::Completeness(notes) if notes.is_empty() => {
            let _ = writeln!(out, "{COMPLETE}");
        }
        Block::Completeness(notes) => {
            notes.iter().for_each(|note| push_item(out, 0, &completeness_line(note)))
        }
        Block::Notes(notes) if notes.is_empty() => {
            let _ = writeln!(out, "{NO_NOTES}");
        }
        Block::Notes(notes) => notes.iter().for_each(|note| push_item(out, 0, &note_line(note))),
    }
}

/// The text that is shown if an answer has no notes.
pub(crate) const NO_NOTES: &str = "Nothing is missing.";

/// The text that is shown if an answer has no completeness notes.
pub(crate) const COMPLETE: &str = "No completeness notes.";

/// Returns a completeness note as one line of text: severity, summary and details.
pub(crate) fn completeness_line(note: &CompletenessNote) -> String {
    let details: Vec<String> = note.details.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let line = format!("{}: {}", note.severity.as_str(), note.summary);
    if details.is_empty() { line } else { format!("{line} ({})", details.join(", ")) }
}

/// Returns a note as one line of text.
pub(crate) fn note_line(note: &Note) -> String {
    format!("{}: {} ({})", note.severity.as_str(), note.message, note.code)
}

fn push_item(out: &mut String, depth: usize, text: &str) {
    let _ = writeln!(out, "{}- {}", "  ".repeat(depth), inline(text.trim()));
}

fn push_table(out: &mut String, table: &Table) {
    push_row(out, &table.columns);
    let _ = writeln!(out, "|{}", " --- |".repeat(table.columns.len()));
    for cells in &table.rows {
        push_row(out, cells);
    }
}

fn push_row(out: &mut String, cells: &[impl ToString]) {
    let cells: Vec<String> = cells.iter().map(|cell| inline(&cell.to_string())).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// Returns plain text as one line of Markdown: line breaks become spaces, hidden characters become visible escapes, and
/// characters that could form markup are escaped.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word_start = true;
    let mut is_number = true;
    for (n, c) in text.char_indices() {
        let rest = text.get(n + c.len_utf8()..).unwrap_or_default();
        let next = rest.chars().next();
        let ends_word = next.is_none_or(char::is_whitespace);
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_hidden(c) => {
                // Markdown shows a backslash only if another backslash precedes it.
                out.push('\\');
                push_escape(&mut out, c);
            }
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '$' => push_escaped(&mut out, c),
            // An underscore inside a word forms no markup.
            '_' if word_start || next.is_none_or(|n| !n.is_alphanumeric()) => push_escaped(&mut out, c),
            // At the beginning of a line, `+` begins a list, and `=` underlines a heading.
            '+' | '=' if n == 0 && !rest.is_empty() => push_escaped(&mut out, c),
            '-' if n == 0 && !rest.is_empty() && (ends_word || next == Some('-')) => {
                push_escaped(&mut out, c)
            }
            // A heading can end with number signs.
            '#' if n == 0 || ends_word || next == Some('#') => push_escaped(&mut out, c),
            // A number before a period or parenthesis begins a numbered list.
            '.' | ')' if n > 0 && is_number && ends_word => push_escaped(&mut out, c),
            c => out.push(c),
        }
        word_start = !c.is_alphanumeric();
        is_number = is_number && c.is_ascii_digit();
    }
    out
}

fn push_escaped(out: &mut String, c: char) {
    out.push('\\');
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpretation::{ReportSection, TreeItem};

    #[test]
    fn report_becomes_headings_tables_and_lists_and_its_text_forms_no_markup() {
        let cells = vec![vec![Cell::text("val_loss"), Cell::text("a|b\n<i>")]];
        let report = ReportDocument {
            title: "Run: *x*".into(),
            sections: vec![
                ReportSection::table("T", Table::new(&["Key", "Value"], cells), "-"),
                ReportSection::new("P", Block::Pairs(vec![("n".into(), Cell::Number(0.5))])),
                ReportSection::new("L", Block::List(vec!["_one_".into(), "\u{9b}1m\u{202e}x".into()])),
                ReportSection::new("R", Block::Tree(vec![TreeItem { depth: 1, text: "leaf".into() }])),
                ReportSection::table("E", Table::new(&["Key"], vec![]), "none"),
                ReportSection::new("N", Block::Notes(vec![])),
            ],
        };
        let expected = "# Run: \\*x\\*\n\n## T\n\n| Key | Value |\n| --- | --- |\n| val_loss | a\\|b \\<i\\> |\n\
                        \n## P\n\n|  |  |\n| --- | --- |\n| n | 0.5 |\n\
                        \n## L\n\n- \\_one\\_\n- \\\\u009b1m\\\\u202ex\n\
                        \n## R\n\n  - leaf\n\n## E\n\nnone\n\n## N\n\nNothing is missing.\n";
        assert_eq!(to_markdown(&report), expected);
    }

    #[test]
    fn text_forms_no_markup_at_the_beginning_and_the_end_of_a_line() {
        for (text, expected) in [
            ("1. one", "1\\. one"),
            ("12) x", "12\\) x"),
            ("1.5", "1.5"),
            ("- x", "\\- x"),
            ("---", "\\---"),
            ("-0.5", "-0.5"),
            ("-", "-"),
            ("+ x", "\\+ x"),
            ("a #", "a \\#"),
            ("# a", "\\# a"),
            ("a~~b~~$c$", "a\\~\\~b\\~\\~\\$c\\$"),
        ] {
            assert_eq!(inline(text), expected);
        }
    }

    #[test]
    fn section_without_blocks_shows_its_lines_and_links() {
        let mut section = ReportSection::of_lines("S", vec!["a: <1>".into(), "b".into()], "");
        section = section.with_links([EvidenceLink::new("run", "run:p.a", "x|y")]);
        let report = ReportDocument { title: "T".into(), sections: vec![section] };
        let expected = "# T\n\n## S\n\na: \\<1\\>  \nb\n\nEvidence:\n\n- x\\|y (run: run:p.a)\n";
        assert_eq!(to_markdown(&report), expected);
    }
}
