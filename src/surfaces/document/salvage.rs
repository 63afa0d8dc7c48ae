//! The document of a salvage.

use crate::interpretation::{Block, Cell, ReportDocument, ReportSection, Table};
use crate::recovery::{MissingEntries, SalvageReport, SalvagedStream};

/// Returns a document with the numbers of salvaged entries and bodies, the missing entries and the missing bodies.
pub(crate) fn salvage(report: &SalvageReport) -> ReportDocument {
    let unknown = &report.unknown;
    let lines = vec![
        format!("new workspace {}: {}", report.workspace.display(), report.status),
        format!(
            "files examined: {}, segments: {}, backups: {}",
            report.files, report.segments, report.backups
        ),
        format!(
            "streams: {}, entries: {}, bodies: {}",
            report.streams.len(),
            report.entries(),
            report.bodies
        ),
        format!("entries of unknown streams: {} added, {} present already", unknown.added, unknown.present),
        format!("digest {}", report.digest),
    ];
    let mut sections = vec![ReportSection::new("", Block::List(lines))];
    let missing: Vec<Vec<Cell>> = report.streams.iter().flat_map(missing_rows).collect();
    if !missing.is_empty() {
        let table = Table::new(&["Stream", "First", "Last"], missing);
        sections.push(ReportSection::table("Missing entries", table, ""));
    }
    if !report.missing_bodies.is_empty() {
        let digests = report.missing_bodies.iter().map(ToString::to_string).collect();
        sections.push(ReportSection::new("Missing bodies", Block::List(digests)));
    }
    if !report.notes.is_empty() {
        sections.push(ReportSection::new("Notes", Block::Notes(report.notes.clone())));
    }
    ReportDocument { title: "Salvage".to_owned(), sections }
}

fn missing_rows(stream: &SalvagedStream) -> Vec<Vec<Cell>> {
    let row = |missing: &MissingEntries| {
        let last = missing.last.map_or_else(|| "unknown".to_owned(), |last| last.to_string());
        vec![Cell::text(stream.stream), Cell::text(missing.first), Cell::text(last)]
    };
    stream.missing.iter().map(row).collect()
}
