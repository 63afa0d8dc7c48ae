//! The document of a merge.

use crate::interpretation::{Block, ReportDocument, ReportSection};
use crate::recovery::MergeReport;
use crate::recovery::merge::Change;

/// Returns a document with the numbers of streams and bodies in one line.
pub(crate) fn merge(report: &MergeReport) -> ReportDocument {
    let (mut copied, mut changed, mut unchanged, mut skipped) = (0, 0, 0, 0);
    for stream in &report.log.streams {
        match stream.change {
            Change::Copied => copied += 1,
            Change::Unchanged => unchanged += 1,
            Change::Skipped(_) => skipped += 1,
            _ => changed += 1,
        }
    }
    let text = format!(
        "streams: {copied} copied, {changed} changed, {unchanged} unchanged, {skipped} skipped; bodies: {} copied",
        report.bodies
    );
    let result = ReportSection::new("", Block::Text(text));
    let notes = ReportSection::new("Notes", Block::Notes(report.notes.clone()));
    ReportDocument { title: "Merge".to_owned(), sections: vec![result, notes] }
}
