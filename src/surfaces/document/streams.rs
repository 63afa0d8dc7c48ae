//! The document of the streams of the log.

use crate::interpretation::{Block, Cell, Note, ReportDocument, ReportSection, Table};
use crate::recovery::StreamRow;

/// Returns a document with a table that has one row per stream.
pub(crate) fn streams(rows: &[StreamRow]) -> ReportDocument {
    let columns = ["Stream", "Entries", "Last", "Last time", "Segments", "Bytes", "State"];
    let table = Table::new(&columns, rows.iter().map(row).collect());
    let notes: Vec<Note> = rows.iter().flat_map(|stream| stream.notes.iter().cloned()).collect();
    let sections =
        vec![ReportSection::table("", table, "no streams"), ReportSection::new("Notes", Block::Notes(notes))];
    ReportDocument { title: "Streams".to_owned(), sections }
}

fn row(stream: &StreamRow) -> Vec<Cell> {
    let state = match (stream.live, stream.closed) {
        (true, _) => "live",
        (false, true) => "closed",
        (false, false) => "not closed",
    };
    vec![
        Cell::text(stream.stream),
        Cell::Count(stream.entries),
        Cell::text(stream.last),
        Cell::time(stream.last_time),
        Cell::Count(stream.segments.len() as u64),
        Cell::Count(stream.segments.iter().map(|segment| segment.bytes).sum()),
        Cell::text(state),
    ]
}
