//! The document of a check of a workspace.

use crate::interpretation::{Block, Cell, ReportDocument, ReportSection, Table};
use crate::recovery::{Outcome, Problem, ProjectionState, VerifyReport};

/// Returns a document with the verdict, and a table of all problems if there are any.
pub(crate) fn verify(report: &VerifyReport) -> ReportDocument {
    let verdict = Block::Verdict {
        is_good: report.outcome == Outcome::Whole,
        verdict: report.outcome.as_str().to_owned(),
        text: summary(report),
    };
    let mut sections = vec![ReportSection::new("", verdict)];
    if !report.problems.is_empty() {
        let columns = ["Code", "Stream", "Segment", "Offset", "Lost", "Message"];
        let table = Table::new(&columns, report.problems.iter().map(row).collect());
        sections.push(ReportSection::table("Problems", table, ""));
    }
    sections.push(ReportSection::new("Notes", Block::Notes(report.notes.clone())));
    ReportDocument { title: "Verification".to_owned(), sections }
}

fn summary(report: &VerifyReport) -> String {
    let projections = match &report.projections {
        ProjectionState::Match => "projections match a rebuild",
        ProjectionState::Mismatch { .. } => "projections differ from a rebuild",
        _ => "projections not compared",
    };
    let heads = match report.heads {
        0 => String::new(),
        1 => "1 head confirmed, ".to_owned(),
        n => format!("{n} heads confirmed, "),
    };
    let (entries, streams, bodies) = (report.entries(), report.streams.len(), report.bodies);
    let found = format!("entries: {entries}, streams: {streams}, bodies: {bodies}, {heads}{projections}");
    let Some(coverage) = report.coverage else { return found };
    let ((segments, all_segments), (_, all_bodies)) = (coverage.segments, coverage.bodies);
    format!(
        "share {}: {segments} of {all_segments} segments and {bodies} of {all_bodies} bodies were read, the rest was \
         not checked; {found}",
        coverage.subset
    )
}

fn row(problem: &Problem) -> Vec<Cell> {
    let lost = problem.lost.map(|(first, last)| match last {
        Some(last) if last == first => first.to_string(),
        Some(last) => format!("{first} to {last}"),
        None => format!("an unknown number after {}", first.previous()),
    });
    vec![
        Cell::text(problem.code),
        Cell::optional(problem.stream),
        Cell::optional(problem.segment),
        Cell::optional(problem.offset),
        Cell::optional(lost),
        Cell::text(&problem.message),
    ]
}
