//! Documents that show the points of a metric, or groups of runs.

use crate::interpretation::{
    Block, Cell, GroupPoint, ReportDocument, ReportSection, RunGroup, RunGroups, Statistics, StepPoint,
    StepSeries, Table,
};
use crate::surfaces::document::services::notes;

/// Returns a document with a row for each point.
pub(crate) fn step_series(answer: &StepSeries) -> ReportDocument {
    let pairs = vec![
        ("Run".to_owned(), Cell::text(&answer.run_ref)),
        ("Metric".to_owned(), Cell::text(&answer.metric_key)),
        ("Series".to_owned(), Cell::Text(answer.series.join(", "))),
        ("Unit".to_owned(), Cell::optional(answer.unit.as_ref())),
        ("Points".to_owned(), Cell::Count(answer.points_total as u64)),
        ("Shown".to_owned(), Cell::Count(answer.points.len() as u64)),
    ];
    let is_smoothed = answer.points.iter().any(|point| point.smoothed.is_some());
    let row = |point: &StepPoint| {
        let mut cells = vec![Cell::text(point.step), Cell::text(&point.value)];
        if is_smoothed {
            cells.push(Cell::number(point.smoothed));
        }
        cells.push(Cell::Time(point.observed_at));
        cells.push(Cell::text(if point.is_superseded { "superseded" } else { "" }));
        cells
    };
    let mut columns = vec![if answer.has_steps { "Step" } else { "Position" }, "Value"];
    columns.extend(is_smoothed.then_some("Smoothed"));
    columns.extend(["Observed", "Attempt"]);
    let table = Table::new(&columns, answer.points.iter().map(row).collect());
    let sections =
        vec![ReportSection::new("", Block::Pairs(pairs)), ReportSection::table("", table, "no points")];
    let more = notes(&answer.completeness_notes, &answer.notes);
    let title = format!("Points of {}", answer.metric_key);
    ReportDocument { title, sections: sections.into_iter().chain(more).collect() }
}

/// Returns a document with a table of all groups, and a table for the curve of each group.
pub(crate) fn groups(answer: &RunGroups) -> ReportDocument {
    let mut columns: Vec<String> = answer.by.iter().map(ToString::to_string).collect();
    columns
        .extend(["Runs", "Without", "Count", "Mean", "Std", "Min", "Max", "Not finite"].map(str::to_owned));
    let row = |group: &RunGroup| {
        let mut cells: Vec<Cell> = group.values.iter().map(|value| Cell::optional(value.as_ref())).collect();
        cells.push(Cell::Count(group.runs.len() as u64));
        cells.push(Cell::Count(group.without.len() as u64));
        cells.extend(statistics(&group.statistics));
        cells
    };
    let rows = answer.groups.iter().map(row).collect();
    let table = Table { columns, rows, ..Table::default() };
    let mut sections = vec![ReportSection::table("", table, "no runs")];
    for group in answer.groups.iter().filter(|group| !group.curve.is_empty()) {
        sections.push(curve(answer, group));
    }
    sections.extend(notes(&[], &answer.notes));
    ReportDocument { title: format!("Groups of {}", answer.metric_key), sections }
}

fn curve(answer: &RunGroups, group: &RunGroup) -> ReportSection {
    let value = |value: &Option<_>| Cell::optional(value.as_ref()).to_string();
    let columns = answer.by.iter().zip(&group.values);
    let title = Vec::from_iter(columns.map(|(column, of)| format!("{column}={}", value(of)))).join(" ");
    let row = |point: &GroupPoint| {
        let mut cells = vec![Cell::text(point.step)];
        cells.extend(statistics(&point.statistics));
        cells
    };
    let columns = ["Step", "Count", "Mean", "Std", "Min", "Max", "Not finite"];
    ReportSection::table(&title, Table::new(&columns, group.curve.iter().map(row).collect()), "no points")
}

fn statistics(statistics: &Statistics) -> [Cell; 6] {
    [
        Cell::Count(statistics.count as u64),
        Cell::number(statistics.mean),
        Cell::number(statistics.std),
        statistics.min.as_ref().map_or(Cell::Missing, Cell::measured),
        statistics.max.as_ref().map_or(Cell::Missing, Cell::measured),
        Cell::Count(statistics.non_finite as u64),
    ]
}
