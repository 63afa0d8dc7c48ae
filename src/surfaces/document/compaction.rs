//! Documents that show plans and results of compactions.

use crate::interpretation::{Block, ReportDocument, ReportSection};
use crate::recovery::{CompactionPlan, CompactionResult};

/// Returns a document with the plan of a compaction.
pub(crate) fn compaction_plan(plan: &CompactionPlan) -> ReportDocument {
    let lines = vec![
        format!("plan: compact {} segments, {} bytes", plan.segments.len(), plan.bytes()),
        format!(
            "left unchanged: {} compacted already, {} too short, {} in use",
            plan.compacted, plan.short, plan.in_use
        ),
    ];
    let section = ReportSection::new("", Block::List(lines));
    ReportDocument { title: "Compaction plan".to_owned(), sections: vec![section] }
}

/// Returns a document with the result of a compaction.
pub(crate) fn compaction(result: &CompactionResult) -> ReportDocument {
    let (before, after) = (result.log.bytes_before(), result.log.bytes_after());
    let freed = before.saturating_sub(after);
    let lines = vec![
        format!("compacted {} segments: {before} bytes before, {after} bytes now", result.log.segments.len()),
        format!("freed: {freed} bytes; segments left unchanged: {}", result.log.skipped.len()),
    ];
    let section = ReportSection::new("", Block::List(lines));
    let notes = ReportSection::new("Notes", Block::Notes(result.notes.clone()));
    ReportDocument { title: "Compaction".to_owned(), sections: vec![section, notes] }
}
