//! The report on the results of alert rules.

use crate::interpretation::alert::{AlertReport, AlertResult};
use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::report::model::{Block, Cell, ReportDocument, ReportSection, Table};
use crate::interpretation::report::parts::{completeness, value_text};
use crate::interpretation::report::policy::ReportPolicy;

/// Builds a report about the results of alert rules. If a run does not have the metric of a rule, or if the
/// value of the metric is NaN, a separate section lists the result. Without such results, the report does not
/// contain this section. Notes are at the end of the last section.
pub fn alert_report(alerts: &AlertReport, policy: &ReportPolicy) -> ReportDocument {
    let of = |select: fn(&AlertResult) -> bool| -> Vec<&AlertResult> {
        alerts.results.iter().filter(|result| select(result)).collect()
    };
    let triggered = of(|result| result.triggered);
    let passed = of(|result| !result.triggered && is_number(result));
    let missing = of(|result| !result.triggered && !is_number(result));
    let mut sections = vec![
        section("Triggered", &triggered, "No triggered alerts."),
        section("Passed", &passed, "No passing alerts."),
    ];
    if !missing.is_empty() {
        sections.push(section("Not Evaluated", &missing, ""));
    }
    // The section above lists the results without a value, so the notes on these results are not repeated.
    let of_values = alerts.results.iter().filter(|result| result.actual_value.is_some());
    let of_values = of_values.flat_map(|result| &result.completeness_notes);
    let found: Vec<CompletenessNote> = alerts.completeness_notes.iter().chain(of_values).cloned().collect();
    if (!found.is_empty() || !alerts.notes.is_empty())
        && let Some(notes) = completeness(policy, &found, &alerts.notes)
        && let Some(last) = sections.last_mut()
    {
        // The report of the Python package contexta 1.0.0 has no section for notes, so the last section gets
        // the notes.
        last.blocks.extend(notes.blocks);
    }
    policy.document("Alert Report", sections)
}

/// Returns `true` if the run has a value other than NaN for the rule.
fn is_number(result: &AlertResult) -> bool {
    result.actual_value.as_ref().is_some_and(|value| !value.as_f64().is_nan())
}

fn section(title: &str, results: &[&AlertResult], otherwise: &str) -> ReportSection {
    let lines = results.iter().map(|result| {
        let (name, actual) = (result.rule.rule_name(), value_text(result.actual_value.as_ref()));
        format!("{}: {name} actual={actual} threshold={}", result.run_ref, result.rule.threshold)
    });
    let rows = results.iter().map(|result| {
        vec![
            Cell::text(&result.run_ref),
            Cell::Text(result.rule.rule_name()),
            Cell::text(result.severity.as_str()),
            result.actual_value.as_ref().map_or(Cell::Missing, Cell::measured),
            Cell::text(result.rule.operator.as_str()),
            Cell::measured(&result.rule.threshold),
            Cell::text(&result.rule.metric_key),
            Cell::optional(result.rule.stage_name.as_ref()),
        ]
    });
    let columns = ["Run", "Rule", "Severity", "Value", "Operator", "Threshold", "Metric", "Stage"];
    let table = Table::new(&columns, rows.collect()).details(2);
    ReportSection::of_lines(title, lines.collect(), otherwise).with_blocks([Block::table(table, otherwise)])
}
