//! Sections and blocks that several reports have in common.

use crate::contract::RunRef;
use crate::interpretation::baseline::BaselineDifference;
use crate::interpretation::diagnostics::{DiagnosticsIssue, DiagnosticsResult};
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink};
use crate::interpretation::report::model::{Block, Cell, ReportSection, Table};
use crate::interpretation::report::policy::ReportPolicy;
use crate::store::{Note, SeriesRow};
use std::collections::BTreeMap;
use std::fmt::Display;

/// The text that tables show instead of the name of a stage, for a series outside any stage.
pub(super) const NO_STAGE: &str = "(run)";

/// Returns the text of a value for a line of a report. A missing value becomes the text `None`.
pub(super) fn value_text(value: Option<impl Display>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| value.to_string())
}

/// Returns the text of a truth value for a line of a report: `True` or `False`.
pub(super) fn flag_text(flag: bool) -> &'static str {
    if flag { "True" } else { "False" }
}

/// Returns `stage/metric`, with `run` as the stage of a metric outside any stage.
pub(super) fn metric_label(stage: Option<&str>, metric: &str) -> String {
    format!("{}/{metric}", stage.unwrap_or("run"))
}

/// Returns a table of named values.
pub(super) fn name_table(heading: &str, values: impl Iterator<Item = (String, Cell)>) -> Table {
    Table::new(&[heading, "Value"], values.map(|(name, value)| vec![Cell::Text(name), value]).collect())
}

/// Returns the section with the completeness notes and the notes of an answer; `None` if the policy excludes it.
pub(super) fn completeness(
    policy: &ReportPolicy,
    summaries: &[CompletenessNote],
    notes: &[Note],
) -> Option<ReportSection> {
    let line = |note: &CompletenessNote| format!("{}: {}", note.severity.as_str(), note.summary);
    let lines = summaries.iter().map(line).collect();
    let section = ReportSection::of_lines("Completeness Notes", lines, "No completeness notes.");
    let blocks = [Block::Completeness(summaries.to_vec()), Block::Notes(notes.to_vec())];
    policy.include_completeness_notes.then(|| section.with_blocks(blocks))
}

/// Returns the blocks with the table of differences from a baseline run. `column` is the heading of the first column. Each
/// item contains the metric or run that a row is about, and the difference.
pub(super) fn differences_from<'a>(
    baseline: &RunRef,
    column: &str,
    items: impl Iterator<Item = (String, &'a BaselineDifference)>,
) -> Vec<Block> {
    let rows = items.map(|(label, found)| {
        let percent = found.percent.map(|percent| format!("{percent:+.1} %"));
        vec![
            Cell::Text(label),
            found.difference.as_ref().map_or(Cell::text("other unit"), Cell::measured),
            Cell::optional(percent.as_ref()),
            Cell::measured(&found.value.value),
            Cell::measured(&found.baseline.value),
            Cell::optional(found.value.step),
            Cell::optional(found.baseline.step),
        ]
    });
    let columns = [column, "Difference", "Percent", "Value", "Baseline", "Step", "Baseline step"];
    let table = Table::new(&columns, rows.collect());
    Block::headed(&format!("Differences from {}", baseline.last_component()), table)
}

fn issue_line(issue: &DiagnosticsIssue) -> String {
    format!("{}:{}: {}", issue.severity.as_str(), issue.code, issue.summary)
}

/// The line of a diagnosis without problems.
const NO_ISSUES: &str = "No diagnostics issues.";

/// Returns the section with the problems of a run.
pub(super) fn diagnostics(diagnosis: &DiagnosticsResult) -> ReportSection {
    let lines = diagnosis.issues.iter().map(issue_line).collect();
    let section = ReportSection::of_lines("Diagnostics", lines, NO_ISSUES);
    section.with_blocks(issues(diagnosis)).with_links(diagnosis.evidence_links.iter().cloned())
}

/// Returns the problems of a run as blocks.
pub(super) fn issues(diagnosis: &DiagnosticsResult) -> Vec<Block> {
    let mut blocks = match diagnosis.issues.as_slice() {
        [] => vec![Block::Absent(NO_ISSUES.to_owned())],
        issues => vec![Block::List(issues.iter().map(issue_line).collect())],
    };
    if !diagnosis.findings.is_empty() {
        blocks.push(Block::Heading("Findings".to_owned()));
        blocks.push(Block::List(diagnosis.findings.iter().map(issue_line).collect()));
    }
    blocks
}

/// Returns the links whose kind is in `kinds`.
pub(super) fn of_kinds(links: &[EvidenceLink], kinds: &[&str]) -> Vec<EvidenceLink> {
    links.iter().filter(|link| kinds.contains(&link.kind.as_str())).cloned().collect()
}

/// Returns the cells that summarize a metric series: number of points, first, last, least and greatest value, and the
/// step of the last point.
pub(super) fn series_cells(series: &SeriesRow) -> Vec<Cell> {
    vec![
        Cell::Count(series.count),
        Cell::measured(&series.first.value),
        Cell::measured(&series.last.value),
        series.min.as_ref().map_or(Cell::Missing, Cell::measured),
        series.max.as_ref().map_or(Cell::Missing, Cell::measured),
        Cell::optional(series.last.step),
    ]
}

/// The column headings of the cells that [`series_cells`] returns.
pub(super) const SERIES_COLUMNS: [&str; 6] = ["Points", "First", "Last", "Min", "Max", "Last step"];

/// Returns a table with the number of runs of each status.
pub(super) fn status_table<'a>(statuses: impl Iterator<Item = &'a str>) -> Table {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    statuses.for_each(|status| *counts.entry(status).or_default() += 1);
    let rows = counts.into_iter().map(|(status, count)| vec![Cell::text(status), Cell::Count(count)]);
    Table::new(&["Status", "Runs"], rows.collect())
}
