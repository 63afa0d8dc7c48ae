//! The document of an import.

use crate::client::ImportReport;
use crate::interchange::jsonl;
use crate::interpretation::{Block, Cell, ReportDocument, ReportSection, Table};

/// The name under which lines are counted if their kind is unknown or cannot be read.
const NO_KIND: &str = "?";

/// Returns a document with the counts of lines by kind, of bodies, and of warnings.
pub(crate) fn import(report: &ImportReport) -> ReportDocument {
    let kinds = jsonl::kinds().chain([NO_KIND]).filter_map(|kind| Some((kind, report.kinds.get(kind)?)));
    let rows = kinds.map(|(kind, n)| {
        vec![Cell::text(kind), Cell::Count(n.new), Cell::Count(n.unchanged), Cell::Count(n.refused)]
    });
    let table = Table::new(&["Kind", "New", "Unchanged", "Refused"], rows.collect());
    let mut lines = ReportSection::table("", table, "no lines");
    lines.blocks.extend(bodies(report).map(Block::Text));
    if !report.warnings.is_empty() {
        let warnings: Vec<String> = report.warnings.iter().map(|(code, n)| format!("{code} {n}")).collect();
        lines.blocks.push(Block::Text(format!("warnings: {}", warnings.join(", "))));
    }
    let notes = ReportSection::new("Notes", Block::Notes(report.notes.clone()));
    ReportDocument { title: format!("Import of {}", report.source), sections: vec![lines, notes] }
}

fn bodies(report: &ImportReport) -> Option<String> {
    let (stored, missing, differing) = (report.bodies_stored, report.bodies_missing, report.bodies_differing);
    let differ = match differing {
        0 => String::new(),
        n => format!(", {n} different from their manifests"),
    };
    (stored + missing + differing > 0).then(|| format!("bodies: {stored} stored, {missing} missing{differ}"))
}
