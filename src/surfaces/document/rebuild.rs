//! The document of a rebuild.

use crate::interpretation::{Block, ReportDocument, ReportSection};
use crate::recovery::RebuildReport;
use crate::recovery::rebuild::NOT_SAVED;

/// Returns a document with the number of entries and the digest of the new tables.
pub(crate) fn rebuild(report: &RebuildReport) -> ReportDocument {
    let entries = format!("rebuilt from the log, entries: {}", report.entries);
    let mut lines = vec![entries, format!("digest {}", report.digest)];
    if report.projection.is_some() {
        lines.extend(
            report.tables.iter().map(|(name, digest, rows)| format!("{name}: {rows} rows, digest {digest}")),
        );
    }
    let result = ReportSection::new("", Block::List(lines));
    // The note `projections_rebuilt` repeats the result. The note `NOT_SAVED` is reported as an error.
    let is_repeated = |code: &str| matches!(code, "projections_rebuilt" | NOT_SAVED);
    let notes = report.notes.iter().filter(|note| !is_repeated(note.code)).cloned().collect();
    let notes = ReportSection::new("Notes", Block::Notes(notes));
    ReportDocument { title: "Rebuild".to_owned(), sections: vec![result, notes] }
}
