//! Documents that show plans and results of removals of old files.

use crate::interpretation::{Block, ReportDocument, ReportSection};
use crate::recovery::{RetentionPlan, RetentionResult, RetiredFile};

/// Returns a document with the plan of a removal.
pub(crate) fn retention_plan(plan: &RetentionPlan) -> ReportDocument {
    let file = |file: &RetiredFile| format!("{}: {} (bytes: {})", file.kind, file.path.display(), file.bytes);
    let mut lines: Vec<String> = plan.files.iter().map(file).collect();
    let body_bytes: u64 = plan.bodies.iter().map(|body| body.size).sum();
    let are_removed = if plan.rules.removes_bodies { "" } else { ", kept" };
    lines.push(format!("unused artifact bodies: {} (bytes: {body_bytes}){are_removed}", plan.bodies.len()));
    lines.push(format!("bytes to remove: {}", plan.bytes));
    if let Some(compaction) = &plan.compaction {
        let (segments, bytes) = (compaction.segments.len(), compaction.bytes());
        lines.push(format!("segments of the log to compact: {segments} (bytes: {bytes})"));
    }
    ReportDocument {
        title: "Retention plan".to_owned(),
        sections: vec![
            ReportSection::new("", Block::List(lines)),
            ReportSection::new("Notes", Block::Notes(plan.notes.clone())),
        ],
    }
}

/// Returns a document with the result of a removal.
pub(crate) fn retention(result: &RetentionResult) -> ReportDocument {
    let mut lines = vec![format!(
        "removed files: {}, artifact bodies: {}, bytes: {}",
        result.files, result.bodies, result.bytes
    )];
    if let Some(compaction) = &result.compaction {
        let (before, after) = (compaction.bytes_before(), compaction.bytes_after());
        let segments = compaction.segments.len();
        lines.push(format!("compacted segments of the log: {segments}, bytes: {before} before, {after} now"));
    }
    ReportDocument {
        title: "Retention".to_owned(),
        sections: vec![
            ReportSection::new("", Block::List(lines)),
            ReportSection::new("Notes", Block::Notes(result.notes.clone())),
        ],
    }
}
