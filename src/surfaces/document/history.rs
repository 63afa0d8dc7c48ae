//! The document of the history of an object.

use crate::contract::Timestamp;
use crate::interpretation::{
    Block, Cell, History, HistoryEntry, HistoryValue, ReportDocument, ReportSection, Table,
};

/// Returns a document with a table that has one row for each value of each entry.
pub(crate) fn history(answer: &History) -> ReportDocument {
    let shown = format!("{} of {}", answer.entries.len(), answer.total);
    let pairs =
        vec![("Object".to_owned(), Cell::text(&answer.subject)), ("Entries".to_owned(), Cell::Text(shown))];
    let columns = ["Time", "Kind", "Attribute", "Value", "State", "Origin", "Position"];
    let table = Table::new(&columns, answer.entries.iter().flat_map(rows).collect());
    let sections = vec![
        ReportSection::new("", Block::Pairs(pairs)),
        ReportSection::table("", table, "no entries"),
        ReportSection::new("Notes", Block::Notes(answer.notes.clone())),
    ];
    ReportDocument { title: format!("History of {}", answer.subject), sections }
}

fn rows(entry: &HistoryEntry) -> impl Iterator<Item = Vec<Cell>> {
    let origin = match (entry.is_imported, &entry.origin) {
        (false, _) => Cell::text("captured"),
        (true, None) => Cell::text("imported"),
        (true, Some(origin)) => Cell::Text(format!("imported, line {}", origin.line)),
    };
    entry.values.iter().map(move |HistoryValue { name, value, state, .. }| {
        vec![
            Cell::Time(Timestamp::from_nanos(entry.stamp.time)),
            Cell::optional(entry.kind),
            Cell::text(name),
            Cell::text(value),
            Cell::text(state.as_str()),
            origin.clone(),
            Cell::text(entry.stamp.position()),
        ]
    })
}
