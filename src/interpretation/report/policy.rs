//! The settings of the contents of reports.

use crate::contract::space::trim;
use crate::interpretation::report::model::{ReportDocument, ReportSection};

/// The settings of the contents of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportPolicy {
    /// `true` to include the section with the completeness notes.
    pub include_completeness_notes: bool,
    /// `true` to include the section on provenance and the table of lineage edges.
    pub include_lineage_summary: bool,
    /// `true` to include links to the objects on which a section is based.
    pub include_evidence_summary: bool,
}

impl Default for ReportPolicy {
    fn default() -> ReportPolicy {
        ReportPolicy {
            include_completeness_notes: true,
            include_lineage_summary: true,
            include_evidence_summary: true,
        }
    }
}

impl ReportPolicy {
    /// Creates a document. Removes the links from the sections if the policy excludes them.
    pub(super) fn document(&self, title: &str, mut sections: Vec<ReportSection>) -> ReportDocument {
        if !self.include_evidence_summary {
            sections.iter_mut().for_each(|section| section.evidence_links.clear());
        }
        ReportDocument { title: trim(title).to_owned(), sections }
    }
}
