//! The report on two runs.

use crate::contract::{MetricValue, StageRef, Value};
use crate::interpretation::compare::{MetricDelta, RunComparison};
use crate::interpretation::report::model::{Block, Cell, ReportDocument, ReportSection, Table};
use crate::interpretation::report::snapshot::{NO_STAGE, notes_section};

/// Builds the report on the comparison of two runs. Equal comparisons give equal reports.
pub fn comparison_report(comparison: &RunComparison) -> ReportDocument {
    let (left, right) = (&comparison.left.run_ref, &comparison.right.run_ref);
    ReportDocument {
        title: format!("Run Comparison Report: {left} vs {right}"),
        sections: vec![
            ReportSection::new("Summary", Block::Text(comparison.summary.clone())),
            parameters(comparison),
            metric_deltas(comparison),
            stages(comparison),
            artifact_changes(comparison),
            provenance(comparison),
            notes_section(&comparison.notes),
        ],
    }
}

/// Returns the column headings of a table that has a column for each run, between the columns `before` and `after`.
fn with_runs<'a>(comparison: &'a RunComparison, before: &[&'a str], after: &[&'a str]) -> Vec<&'a str> {
    let runs = [comparison.left.run_ref.last_component(), comparison.right.run_ref.last_component()];
    [before, &runs, after].concat()
}

fn parameters(comparison: &RunComparison) -> ReportSection {
    let value = |value: &Option<Value>| Cell::optional(value.as_ref());
    let rows = comparison.params.iter().map(|p| vec![Cell::text(&p.key), value(&p.left), value(&p.right)]);
    let columns = with_runs(comparison, &["Parameter"], &[]);
    ReportSection::table("Parameters", Table::new(&columns, rows.collect()), "No parameter differs.")
}

fn value(value: Option<&MetricValue>) -> Cell {
    value.map_or(Cell::Missing, Cell::measured)
}

fn delta_rows<'a>(stage: &'a str, deltas: &'a [MetricDelta]) -> impl Iterator<Item = Vec<Cell>> + 'a {
    deltas.iter().map(move |delta| {
        vec![
            Cell::text(stage),
            Cell::text(&delta.metric_key),
            value(delta.left.as_ref().map(|left| &left.value)),
            value(delta.right.as_ref().map(|right| &right.value)),
            value(delta.delta.as_ref()),
            Cell::optional(delta.change_ratio.map(|ratio| format!("{ratio:.4}"))),
        ]
    })
}

fn metric_deltas(comparison: &RunComparison) -> ReportSection {
    let in_stages =
        comparison.stage_comparisons.iter().flat_map(|s| delta_rows(&s.stage_name, &s.metric_deltas));
    let rows = delta_rows(NO_STAGE, &comparison.metric_deltas).chain(in_stages);
    let columns = with_runs(comparison, &["Stage", "Metric"], &["Delta", "Ratio"]);
    ReportSection::table("Metric Deltas", Table::new(&columns, rows.collect()), "No metric differs.")
}

fn stages(comparison: &RunComparison) -> ReportSection {
    let status =
        |side: &Option<(StageRef, &'static str)>| Cell::optional(side.as_ref().map(|(_, status)| status));
    let rows = comparison
        .stage_comparisons
        .iter()
        .map(|s| vec![Cell::text(&s.stage_name), status(&s.left), status(&s.right)]);
    let columns = with_runs(comparison, &["Stage"], &[]);
    ReportSection::table("Stages", Table::new(&columns, rows.collect()), "No stages.")
}

fn artifact_changes(comparison: &RunComparison) -> ReportSection {
    let rows = comparison.artifact_changes.iter().map(|a| {
        vec![
            Cell::text(&a.artifact_kind),
            Cell::text(a.change),
            Cell::optional(a.left_ref.as_ref()),
            Cell::optional(a.right_ref.as_ref()),
        ]
    });
    let columns = with_runs(comparison, &["Kind", "Change"], &[]);
    ReportSection::table("Artifact Changes", Table::new(&columns, rows.collect()), "No artifact differs.")
}

fn provenance(comparison: &RunComparison) -> ReportSection {
    let facts = [
        ("Code revision", comparison.code_revision_changed),
        ("Data set", comparison.dataset_changed),
        ("Environment", comparison.environment_changed),
    ];
    let change = |changed: Option<bool>| match changed {
        Some(true) => "changed",
        Some(false) => "same",
        None => "not recorded in both runs",
    };
    let pairs = facts.map(|(name, changed)| (name.to_owned(), Cell::text(change(changed))));
    ReportSection::new("Provenance", Block::Pairs(pairs.to_vec()))
}
