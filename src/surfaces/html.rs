//! Rendering of reports as an HTML fragment without styles, identifiers and scripts.

use crate::interpretation::ReportDocument;
use crate::surfaces::markdown::link_line;

/// Renders a report as an HTML fragment: an `article` with the lines of each section. Text from outside is escaped, so
/// that it forms no markup.
pub fn to_html(report: &ReportDocument) -> String {
    let mut out = format!("<article><h1>{}</h1>", escaped(&report.title));
    for section in &report.sections {
        let lines: Vec<String> = lines(&section.body()).map(escaped).collect();
        out.push_str(&format!("<section><h2>{}</h2><p>{}</p>", escaped(&section.title), lines.join("<br/>")));
        if !section.evidence_links.is_empty() {
            let items = section.evidence_links.iter().map(|link| escaped(&link_line(link)));
            let items: String = items.map(|item| format!("<li>{item}</li>")).collect();
            out.push_str(&format!("<ul>{items}</ul>"));
        }
        out.push_str("</section>");
    }
    out.push_str("</article>");
    out
}

/// Returns the lines of a text. A line ends at any line boundary of Unicode, or at an ASCII separator of files,
/// groups or records.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = (!text.is_empty()).then_some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.find(is_line_end).unwrap_or(text.len());
        let (line, after) = text.split_at(end);
        let mut after_end = after.chars();
        after_end.next();
        let after_end = match after.strip_prefix("\r\n") {
            Some(after) => after,
            None => after_end.as_str(),
        };
        rest = (!after.is_empty() && !after_end.is_empty()).then_some(after_end);
        Some(line)
    })
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Escapes the characters that have a meaning in HTML. The result can be the content of an element or of a
/// quoted attribute. A character that HTML does not permit becomes the replacement character.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpretation::{EvidenceLink, ReportSection};

    fn section(title: &str, body: &str) -> ReportSection {
        ReportSection { title: title.into(), lines: vec![body.into()], ..ReportSection::default() }
    }

    #[test]
    fn sections_become_paragraphs_and_lists_of_links() {
        let first = section("A \"q\"", "  l1 & \n\nl2\r\nl3'\"  ");
        let report = ReportDocument {
            title: "T <1>".into(),
            sections: vec![first.with_links([EvidenceLink::new("run", "run:p.a", "x<y")]), section("B", "")],
        };
        let expected = "<article><h1>T &lt;1&gt;</h1><section><h2>A &quot;q&quot;</h2><p>l1 &amp; <br/><br/>l2<br/>\
                        l3&#x27;&quot;</p><ul><li>x&lt;y (run: run:p.a)</li></ul></section><section><h2>B</h2><p></p>\
                        </section></article>";
        assert_eq!(to_html(&report), expected);
    }

    #[test]
    fn no_text_forms_markup() {
        let hostile = "<script>alert('x')</script>\" onload=\"x\u{0}\u{1b}";
        let report = ReportDocument {
            title: hostile.into(),
            sections: vec![
                section(hostile, hostile).with_links([EvidenceLink::new(hostile, hostile, hostile)]),
            ],
        };
        let html = to_html(&report);
        assert!(!html.contains("<script") && !html.contains('"') && !html.contains('\''), "{html}");
        assert!(!html.contains(char::is_control), "{html}");
    }

    #[test]
    fn every_line_boundary_ends_a_line() {
        let text = "a\nb\r\nc\rd\u{b}e\u{c}f\u{1c}g\u{1d}h\u{1e}i\u{85}j\u{2028}k\u{2029}";
        assert_eq!(lines(text).collect::<String>(), "abcdefghijk");
        assert_eq!(lines(text).count(), 11);
        assert_eq!(lines("\n\nx").collect::<Vec<_>>(), ["", "", "x"]);
    }
}
