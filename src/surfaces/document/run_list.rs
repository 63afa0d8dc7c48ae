//! The document of a list of runs.

use crate::interpretation::{
    BaselineDifference, Block, Cell, ReportDocument, ReportSection, RunList, RunRow, RunSummary, SeriesRow,
    Table,
};
use crate::surfaces::document::services::difference_text;
use crate::surfaces::terminal::short;

/// The greatest number of parameters, and of metrics, that are shown for each run.
const PAIRS_MAX: usize = 6;

/// Returns a document with a table that has one row per run. The names of the runs are shown if at least one
/// name differs from the id of its run.
pub(crate) fn run_list(answer: &RunList) -> ReportDocument {
    let has_names = answer.runs.iter().any(|run| run.run.name != run.run.run_ref.last_component());
    let names: &[&str] = if has_names { &["Name"] } else { &[] };
    let columns = ["Project", "Status", "Started", "Duration", "Parameters", "Last metrics"];
    let columns = [&["Run"], names, &columns].concat();
    let table = Table::new(&columns, answer.runs.iter().map(|run| row(run, has_names)).collect());
    let runs = ReportSection::table("", table, "no runs");
    let notes = ReportSection::new("Notes", Block::Notes(answer.notes.clone()));
    ReportDocument { title: "Runs".to_owned(), sections: vec![runs, notes] }
}

fn row(summary: &RunSummary, has_names: bool) -> Vec<Cell> {
    let run = &summary.run;
    let difference = |m: &SeriesRow| {
        let is_own = |d: &&BaselineDifference| d.stage_name == m.stage_name && d.metric_key == m.key.metric();
        summary.differences.iter().find(is_own).filter(|_| m.key.within.is_none())
    };
    let metric = |m: &SeriesRow| {
        let value = short(m.last.value.as_f64());
        (m.label(), difference(m).map_or(value.clone(), |found| with_difference(value, found)))
    };
    let mut row = vec![Cell::text(run.run_ref.last_component())];
    row.extend(has_names.then(|| Cell::text(&run.name)));
    row.extend([
        Cell::text(&run.project_name),
        status(run),
        Cell::time(run.started_at),
        Cell::duration(run.started_at, run.ended_at),
        pairs(run.params.iter().map(|(key, value)| (key.clone(), value.to_string()))),
        pairs(summary.metrics.iter().map(metric)),
    ]);
    row
}

/// Returns the last value of a metric, followed by the difference from the baseline run. If the difference
/// was computed from another value, that value precedes the difference.
fn with_difference(last: String, found: &BaselineDifference) -> String {
    let (selected, difference) = (short(found.value.value.as_f64()), difference_text(found));
    if selected == last {
        return format!("{last} ({difference})");
    }
    format!("{last} ({selected}: {difference})")
}

/// Returns the status and the marks of a run.
fn status(run: &RunRow) -> Cell {
    let marks = [(run.is_archived, "archived"), (run.is_starred, "starred")];
    let marks = marks.into_iter().filter(|(is_set, _)| *is_set).map(|(_, mark)| mark);
    Cell::text([run.shown_status()].into_iter().chain(marks).collect::<Vec<_>>().join(", "))
}

/// Returns at most [`PAIRS_MAX`] pairs as one cell, such as `a=1 b=2 +3`. The `+3` at the end means that three pairs
/// are left out.
fn pairs(items: impl ExactSizeIterator<Item = (String, String)>) -> Cell {
    let more = items.len().saturating_sub(PAIRS_MAX);
    let mut texts: Vec<String> = items.take(PAIRS_MAX).map(|(key, value)| format!("{key}={value}")).collect();
    if more > 0 {
        texts.push(format!("+{more}"));
    }
    if texts.is_empty() { Cell::Missing } else { Cell::Text(texts.join(" ")) }
}
