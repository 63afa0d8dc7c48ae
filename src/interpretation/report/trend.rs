//! The report on the value of a metric over runs.

use crate::interpretation::report::model::{Block, Cell, ReportDocument, ReportSection, Table};
use crate::interpretation::report::parts::{completeness, differences_from};
use crate::interpretation::report::policy::ReportPolicy;
use crate::interpretation::trend::MetricTrend;

/// Builds the report on the value of a metric over runs.
pub fn trend_report(trend: &MetricTrend, policy: &ReportPolicy) -> ReportDocument {
    let mut sections = vec![series(trend)];
    sections.extend(completeness(policy, &trend.completeness_notes, &trend.notes));
    policy.document(&format!("Trend Report: {}", trend.metric_key), sections)
}

fn series(trend: &MetricTrend) -> ReportSection {
    let lines = trend.points.iter().map(|point| {
        let measured = &point.measured;
        format!("{}: value={}, captured_at={}", point.run_ref, measured.value, measured.observed_at)
    });
    let rows = trend.points.iter().map(|point| {
        vec![
            Cell::text(&point.run_ref),
            Cell::text(&point.run_name),
            Cell::measured(&point.measured.value),
            Cell::Time(point.measured.observed_at),
            Cell::optional(point.measured.step),
            Cell::optional(point.measured.unit.as_ref()),
            Cell::optional(point.stage_name.as_ref()),
        ]
    });
    let columns = ["Run", "Name", "Value", "Observed", "Step", "Unit", "Stage"];
    let table = Table::new(&columns, rows.collect()).details(2);
    let mut blocks = vec![Block::table(table, "No series points.")];
    if let Some(baseline) = &trend.baseline {
        let found = trend.points.iter();
        let found = found.filter_map(|point| Some((point.run_ref.to_string(), point.difference.as_ref()?)));
        blocks.extend(differences_from(baseline, "Run", found));
    }
    ReportSection::of_lines("Series", lines.collect(), "No series points.").with_blocks(blocks)
}
