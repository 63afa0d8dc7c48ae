//! CSV exports of answers and reports.
//!
//! A text that a spreadsheet could evaluate as a formula, because it begins with `=`, `+`, `-`, `@`, a tab or a carriage
//! return, is preceded by an apostrophe. Numbers are unchanged. Rows end with a line feed. A cell is quoted if it
//! contains the delimiter, a quotation mark or a line break.

use crate::interpretation::{
    AnomalyReport, CompletenessNote, MetricDelta, MetricTrend, ReportDocument, RunComparison, RunList,
};
use std::borrow::Cow;

/// One cell of a row.
enum Cell<'a> {
    Text(Cow<'a, str>),
    /// A number, a time or a ref, which is never a formula.
    Plain(String),
    Empty,
}

/// Returns a text cell.
fn text(value: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(value))
}

/// Returns a cell with a value that is never a formula; an empty cell for `None`.
fn plain(value: Option<impl ToString>) -> Cell<'static> {
    value.map_or(Cell::Empty, |value| Cell::Plain(value.to_string()))
}

/// Returns a cell with a floating-point number; an empty cell for `None`.
fn number(value: Option<f64>) -> Cell<'static> {
    plain(value.map(crate::contract::json::write::float))
}

/// A CSV document that is being written.
struct Writer {
    out: String,
    delimiter: char,
}

impl Writer {
    fn new(delimiter: char, columns: &[&str]) -> Writer {
        let mut writer = Writer { out: String::new(), delimiter };
        writer.row(columns.iter().map(|column| text(column)));
        writer
    }

    fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) {
        for (n, cell) in cells.into_iter().enumerate() {
            if n > 0 {
                self.out.push(self.delimiter);
            }
            match cell {
                Cell::Text(text) => self.push(&harmless(&text)),
                Cell::Plain(text) => self.push(&text),
                Cell::Empty => {}
            }
        }
        self.out.push('\n');
    }

    fn push(&mut self, cell: &str) {
        if cell.contains([self.delimiter, '"', '\n', '\r']) {
            self.out.push_str(&quoted(cell));
        } else {
            self.out.push_str(cell);
        }
    }
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

/// Returns a text that no spreadsheet evaluates as a formula.
fn harmless(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// Returns the titles and texts of the sections of a report. Every cell is quoted, and the last row has no line feed.
/// `titles` selects sections by their titles; an empty list selects all.
pub fn report(report: &ReportDocument, titles: &[String], delimiter: char) -> String {
    let mut out = format!("section_title{delimiter}body");
    let is_selected = |title: &String| titles.is_empty() || titles.contains(title);
    for section in report.sections.iter().filter(|section| is_selected(&section.title)) {
        let (title, body) = (quoted(&harmless(&section.title)), quoted(&harmless(&section.body())));
        out.push_str(&format!("\n{title}{delimiter}{body}"));
    }
    out
}

/// Returns the runs of a list, in the order of the list.
pub fn runs(list: &RunList, delimiter: char) -> String {
    let columns = ["run_id", "name", "project_name", "status", "started_at", "ended_at"];
    let mut writer = Writer::new(delimiter, &columns);
    for summary in &list.runs {
        let run = &summary.run;
        writer.row([
            plain(Some(&run.run_ref)),
            text(&run.name),
            text(&run.project_name),
            text(run.shown_status()),
            plain(run.started_at),
            plain(run.ended_at),
        ]);
    }
    writer.out
}

/// Returns the metrics that differ between two runs: metrics outside any stage, then those of the stages. A stage that
/// only one of the runs has, and that has no metrics, has no row.
pub fn comparison(comparison: &RunComparison, delimiter: char) -> String {
    let columns = [
        "stage_name",
        "metric_key",
        "left_value",
        "right_value",
        "delta",
        "change_ratio",
        "left_status",
        "right_status",
        "notes",
        "change_percent",
        "left_run_id",
        "right_run_id",
    ];
    let mut writer = Writer::new(delimiter, &columns);
    let mut row = |delta: &MetricDelta, statuses: [Option<&'static str>; 2], more: &[CompletenessNote]| {
        let value = |side: &Option<crate::interpretation::Measurement>| {
            plain(side.as_ref().map(|measured| &measured.value))
        };
        let [left_status, right_status] = statuses;
        writer.row([
            text(delta.stage_name.as_deref().unwrap_or_default()),
            text(&delta.metric_key),
            value(&delta.left),
            value(&delta.right),
            plain(delta.delta.as_ref()),
            number(delta.change_ratio),
            plain(left_status),
            plain(right_status),
            Cell::Text(Cow::Owned(codes(delta.completeness_notes.iter().chain(more)))),
            number(delta.change_percent),
            plain(Some(&comparison.left.run_ref)),
            plain(Some(&comparison.right.run_ref)),
        ]);
    };
    comparison.metric_deltas.iter().for_each(|delta| row(delta, [None, None], &[]));
    for stage in &comparison.stage_comparisons {
        let status = |side: &Option<(_, &'static str)>| side.as_ref().map(|(_, status)| *status);
        let statuses = [status(&stage.left), status(&stage.right)];
        stage.metric_deltas.iter().for_each(|delta| row(delta, statuses, &stage.completeness_notes));
    }
    writer.out
}

/// Returns the codes of notes as one text.
fn codes<'a>(notes: impl Iterator<Item = &'a CompletenessNote>) -> String {
    notes.map(|note| note.summary.as_str()).collect::<Vec<_>>().join("; ")
}

/// Returns the points of a trend. `project` is the name of the project if the trend does not contain one.
pub fn trend(trend: &MetricTrend, project: Option<&str>, delimiter: char) -> String {
    let columns = [
        "run_id",
        "run_name",
        "metric_key",
        "project_name",
        "stage_name",
        "value",
        "captured_at",
        "step",
        "unit",
    ];
    let mut writer = Writer::new(delimiter, &columns);
    let project = trend.project_name.as_deref().or(project).unwrap_or_default();
    for point in &trend.points {
        let measured = &point.measured;
        writer.row([
            plain(Some(&point.run_ref)),
            text(&point.run_name),
            text(&trend.metric_key),
            text(project),
            text(point.stage_name.as_deref().unwrap_or_default()),
            plain(Some(&measured.value)),
            plain(Some(measured.observed_at)),
            plain(measured.step),
            text(measured.unit.as_deref().unwrap_or_default()),
        ]);
    }
    writer.out
}

/// Returns the results of the detection of anomalies in a run, including values that are not anomalies.
pub fn anomalies(report: &AnomalyReport, delimiter: char) -> String {
    let columns = [
        "run_id",
        "metric_key",
        "actual_value",
        "expected_low",
        "expected_high",
        "z_score",
        "severity",
        "notes",
        "robust_z_score",
    ];
    let mut writer = Writer::new(delimiter, &columns);
    for result in &report.anomalies {
        let [low, high] = result.expected_range;
        writer.row([
            plain(Some(&result.run_ref)),
            text(&result.metric_key),
            plain(Some(&result.actual_value)),
            number(Some(low)),
            number(Some(high)),
            number(Some(result.z_score)),
            plain(Some(result.severity.as_str())),
            Cell::Text(Cow::Owned(codes(result.completeness_notes.iter()))),
            number(result.robust_z_score),
        ]);
    }
    writer.out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpretation::ReportSection;

    #[test]
    fn report_cells_are_quoted_and_never_formulas() {
        let section = |title: &str, body: &str| ReportSection {
            title: title.into(),
            lines: vec![body.into()],
            ..ReportSection::default()
        };
        let document = ReportDocument {
            title: "T".into(),
            sections: vec![
                section("A \"q\"", "  l1 & \n\nl2\r\nl3'\"  "),
                section("B", ""),
                section("=1+1", "-2"),
            ],
        };
        let all = report(&document, &[], ',');
        let expected =
            "section_title,body\n\"A \"\"q\"\"\",\"l1 & \n\nl2\r\nl3'\"\"\"\n\"B\",\"\"\n\"'=1+1\",\"'-2\"";
        assert_eq!(all, expected);
        assert_eq!(report(&document, &["B".into()], ';'), "section_title;body\n\"B\";\"\"");
    }

    #[test]
    fn texts_are_quoted_if_needed_and_numbers_are_unchanged() {
        let mut writer = Writer::new(';', &["a", "b"]);
        writer.row([text("x;y"), text("x,y")]);
        writer.row([text("=1+1"), number(Some(-1.5))]);
        writer.row([text("@\"q\""), plain(None::<u8>)]);
        writer.row([text("a\rb"), text("-")]);
        let expected = "a;b\n\"x;y\";x,y\n'=1+1;-1.5\n\"'@\"\"q\"\"\";\n\"a\rb\";'-\n";
        assert_eq!(writer.out, expected);
    }
}
