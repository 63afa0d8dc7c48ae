//! The report on several runs.

use crate::interpretation::compare::MultiRunComparison;
use crate::interpretation::report::model::{Block, Cell, ReportDocument, ReportSection, Table};
use crate::interpretation::report::parts::{completeness, differences_from, metric_label, value_text};
use crate::interpretation::report::policy::ReportPolicy;

/// Builds the report on the comparison of several runs.
pub fn many_runs_report(comparison: &MultiRunComparison, policy: &ReportPolicy) -> ReportDocument {
    let mut sections = vec![summary(comparison), runs(comparison), metrics(comparison)];
    sections.extend(completeness(policy, &comparison.completeness_notes, &comparison.notes));
    policy.document(&format!("Multi Run Report: {} runs", comparison.runs.len()), sections)
}

/// Returns the column headings of a table that has a column for each run, between the columns `before` and `after`.
fn with_runs<'a>(comparison: &'a MultiRunComparison, before: &[&'a str], after: &[&'a str]) -> Vec<&'a str> {
    let runs: Vec<&str> = comparison.runs.iter().map(|run| run.run_ref.last_component()).collect();
    [before, &runs, after].concat()
}

fn summary(comparison: &MultiRunComparison) -> ReportSection {
    let rows = comparison.artifact_kind_counts.iter().map(|row| {
        let counts = row.counts.iter().map(|count| Cell::Count(*count as u64));
        [Cell::text(&row.artifact_kind)].into_iter().chain(counts).collect()
    });
    let table = Table::new(&with_runs(comparison, &["Kind"], &[]), rows.collect());
    let mut blocks = vec![Block::Text(comparison.summary.clone())];
    blocks.extend(Block::headed("Artifacts", table));
    ReportSection::of_lines("Summary", vec![comparison.summary.clone()], "")
        .with_blocks(blocks)
        .with_links(comparison.evidence_links.iter().cloned())
}

fn runs(comparison: &MultiRunComparison) -> ReportSection {
    let rows = comparison.runs.iter().map(|run| {
        vec![
            Cell::text(&run.run_ref),
            Cell::text(&run.name),
            Cell::text(run.shown_status()),
            Cell::time(run.started_at),
        ]
    });
    let table = Table::new(&["Run", "Name", "Status", "Started"], rows.collect());
    let lines = comparison.runs.iter().map(|run| run.run_ref.to_string()).collect();
    ReportSection::of_lines("Run IDs", lines, "").with_blocks([Block::Table(table)])
}

fn metrics(comparison: &MultiRunComparison) -> ReportSection {
    let lines = comparison.metric_table.iter().map(|row| {
        let values: Vec<String> = row.values.iter().map(|value| value_text(value.as_ref())).collect();
        format!("{}: ({})", metric_label(row.stage_name.as_deref(), &row.metric_key), values.join(", "))
    });
    let rows = comparison.metric_table.iter().map(|row| {
        let mut cells = vec![Cell::Text(metric_label(row.stage_name.as_deref(), &row.metric_key))];
        cells.extend(row.values.iter().map(|value| value.as_ref().map_or(Cell::Missing, Cell::measured)));
        cells.push(Cell::optional(row.best_run.as_ref().map(|run| run.last_component())));
        cells.push(Cell::text(if row.is_higher_better { "higher" } else { "lower" }));
        cells
    });
    let table = Table::new(&with_runs(comparison, &["Metric"], &["Best run", "Better"]), rows.collect());
    let mut blocks = vec![Block::table(table, "No metric rows.")];
    if let Some(baseline) = &comparison.baseline {
        let differences = comparison.metric_table.iter().flat_map(|row| {
            let label = metric_label(row.stage_name.as_deref(), &row.metric_key);
            let of_runs = comparison.runs.iter().zip(&row.differences);
            of_runs.filter_map(move |(run, difference)| {
                Some((format!("{label} of {}", run.run_ref.last_component()), difference.as_ref()?))
            })
        });
        blocks.extend(differences_from(baseline, "Metric", differences));
    }
    ReportSection::of_lines("Metric Table", lines.collect(), "No metric rows.").with_blocks(blocks)
}
