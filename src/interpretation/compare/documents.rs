//! Comparison of two reports, section by section.

use crate::interpretation::evidence::CompletenessNote;
use crate::interpretation::report::ReportDocument;
use std::collections::{BTreeMap, BTreeSet};

/// The comparison of two reports.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReportComparison {
    /// The title of the left report.
    pub left_title: String,
    /// The title of the right report.
    pub right_title: String,
    /// The sections of both reports, ordered by title.
    pub section_diffs: Vec<SectionDiff>,
    /// Notes on sections that only one of the reports has.
    pub completeness_notes: Vec<CompletenessNote>,
}

/// A section of one or both reports.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SectionDiff {
    /// The title.
    pub section_title: String,
    /// The text in the left report; `None` if that report does not have the section.
    pub left_body: Option<String>,
    /// The text in the right report; `None` if that report does not have the section.
    pub right_body: Option<String>,
    /// `true` if the texts differ, or if only one of the reports has the section.
    pub changed: bool,
}

/// Compares two reports. If several sections of a report have the same title, the last one is compared.
#[must_use]
pub fn compare_reports(left: &ReportDocument, right: &ReportDocument) -> ReportComparison {
    let bodies = |report: &ReportDocument| -> BTreeMap<String, String> {
        report.sections.iter().map(|section| (section.title.clone(), section.body())).collect()
    };
    let (lefts, rights) = (bodies(left), bodies(right));
    let titles: BTreeSet<&String> = lefts.keys().chain(rights.keys()).collect();
    let diff = |title: &&String| {
        let (left_body, right_body) = (lefts.get(*title).cloned(), rights.get(*title).cloned());
        let changed = left_body != right_body;
        SectionDiff { section_title: (*title).clone(), left_body, right_body, changed }
    };
    let section_diffs: Vec<SectionDiff> = titles.iter().map(diff).collect();
    let one_sided = section_diffs.iter().filter(|diff| diff.left_body.is_some() != diff.right_body.is_some());
    let note = |diff: &SectionDiff| {
        CompletenessNote::warning(format!("section_presence_changed:{}", diff.section_title))
            .with("left_present", diff.left_body.is_some())
            .with("right_present", diff.right_body.is_some())
    };
    let completeness_notes = one_sided.map(note).collect();
    ReportComparison {
        left_title: left.title.clone(),
        right_title: right.title.clone(),
        section_diffs,
        completeness_notes,
    }
}
