//! The report on the runs of a project.

use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::query::{RunList, RunSummary};
use crate::interpretation::report::model::{Block, Cell, Excerpt, ReportDocument, ReportSection, Table};
use crate::interpretation::report::parts::{
    SERIES_COLUMNS, completeness, metric_label, series_cells, status_table, value_text,
};
use crate::interpretation::report::policy::ReportPolicy;
use crate::store::Severity;

/// Builds a report about the runs of a project. `project` is the name or the ref of the project, as the
/// caller gave it.
pub fn project_report(project: &str, runs: &RunList, policy: &ReportPolicy) -> ReportDocument {
    let mut missing = Vec::new();
    if runs.runs.is_empty() {
        let note = CompletenessNote::new(Severity::Info, "project_runs_empty");
        missing.push(note.with("project_name", project));
    }
    let mut sections = vec![runs_section(runs)];
    sections.extend(completeness(policy, &missing, &runs.notes));
    policy.document(&format!("Project Summary Report: {project}"), sections)
}

fn runs_section(runs: &RunList) -> ReportSection {
    let lines = runs.runs.iter().map(|RunSummary { run, .. }| {
        let (status, started) = (run.shown_status(), value_text(run.started_at));
        format!("{}: name={}, status={status}, started_at={started}", run.run_ref, run.name)
    });
    let rows = runs.runs.iter().map(|RunSummary { run, .. }| {
        vec![
            Cell::text(&run.run_ref),
            Cell::text(&run.name),
            Cell::text(run.shown_status()),
            Cell::time(run.started_at),
            Cell::duration(run.started_at, run.ended_at),
        ]
    });
    let table = Table::new(&["Run", "Name", "Status", "Started", "Duration"], rows.collect());
    let statuses = runs.runs.iter().map(|summary| summary.run.shown_status());
    let mut blocks = vec![Block::table(table, "No runs.")];
    blocks.extend(Block::headed("Status", status_table(statuses)));
    blocks.extend(Block::headed("Metrics", metrics(runs)));
    ReportSection::of_lines("Runs", lines.collect(), "No runs.").with_blocks(blocks)
}

fn metrics(runs: &RunList) -> Table {
    let rows = runs.runs.iter().flat_map(|summary| {
        summary.metrics.iter().map(|series| {
            let label = metric_label(series.stage_name.as_deref(), &series.key.metric());
            let mut cells = vec![Cell::text(summary.run.run_ref.last_component()), Cell::Text(label)];
            cells.extend(series_cells(series));
            cells
        })
    });
    let columns = [&["Run", "Metric"], &SERIES_COLUMNS[..]].concat();
    Table::new(&columns, rows.collect()).excerpt(Excerpt::First).details(1)
}
