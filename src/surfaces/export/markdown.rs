//! Reports as Markdown (CommonMark with tables as GitHub has them).

use crate::interpretation::{Block, ReportDocument};
use crate::surfaces::escape::{is_hidden, push_escape};
use std::fmt::Write as _;

/// Renders a report as Markdown. Text from outside is escaped: it shows as it was written and makes no markup.
pub fn to_markdown(report: &ReportDocument) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {}", inline(&report.title));
    for section in &report.sections {
        let _ = writeln!(out, "\n## {}", inline(&section.title));
        for block in &section.blocks {
            out.push('\n');
            match block {
                Block::Text(text) => {
                    let _ = writeln!(out, "{}", inline(text));
                }
                Block::List(items) => {
                    for item in items {
                        let _ = writeln!(out, "- {}", inline(item));
                    }
                }
                Block::Table { columns, rows } => {
                    row(&mut out, columns);
                    let _ = writeln!(out, "|{}", " --- |".repeat(columns.len()));
                    for cells in rows {
                        row(&mut out, cells);
                    }
                }
            }
        }
    }
    out
}

fn row(out: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|c| inline(c)).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// One line of plain text: line breaks become spaces, hidden characters visible escapes, what could be markup is escaped.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word_start = true;
    for (n, c) in text.char_indices() {
        let next = text.get(n + c.len_utf8()..).and_then(|rest| rest.chars().next());
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_hidden(c) => {
                // As text: in Markdown a backslash needs one before it.
                out.push('\\');
                push_escape(&mut out, c);
            }
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '&' => {
                out.push('\\');
                out.push(c);
            }
            // Inside a word an underscore is only an underscore.
            '_' if word_start || next.is_none_or(|n| !n.is_alphanumeric()) => out.push_str("\\_"),
            '#' | '+' | '-' | '=' | '~' if n == 0 && text.chars().count() > 1 && c != '-' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
        word_start = !c.is_alphanumeric();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpretation::ReportSection;

    #[test]
    fn a_report_becomes_headings_tables_and_lists_and_text_makes_no_markup() {
        let report = ReportDocument {
            title: "Run: *x*".into(),
            sections: vec![
                ReportSection::table(
                    "T",
                    &["Key", "Value"],
                    vec![vec!["val_loss".into(), "a|b\n<i>".into()]],
                    "-",
                ),
                ReportSection::list("L", vec!["_one_".into(), "\u{9b}1m\u{202e}x".into()], "none"),
                ReportSection::list("E", vec![], "none"),
            ],
        };
        let expected = "# Run: \\*x\\*\n\n## T\n\n| Key | Value |\n| --- | --- |\n\
                        | val_loss | a\\|b \\<i\\> |\n\n## L\n\n- \\_one\\_\n- \\\\u009b1m\\\\u202ex\n\n## E\n\nnone\n";
        assert_eq!(to_markdown(&report), expected);
    }
}
