//! The document of a rebuild.

use crate::interpretation::{Block, ReportDocument, ReportSection};
use crate::recovery::RebuildReport;

/// Returns the number of entries and the digest of the new tables.
pub(crate) fn rebuild(report: &RebuildReport) -> ReportDocument {
    let lines = vec![format!("rebuilt from {} entries", report.entries), format!("digest {}", report.digest)];
    let result = ReportSection::new("", Block::List(lines));
    let notes = ReportSection::new("Notes", Block::Notes(report.notes.clone()));
    ReportDocument { title: "Rebuild".to_owned(), sections: vec![result, notes] }
}
