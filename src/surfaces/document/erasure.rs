//! Documents that show plans and results of erasures.

use crate::interpretation::{Block, Cell, ReportDocument, ReportSection, Table};
use crate::recovery::{ErasePlan, EraseResult};
use std::path::PathBuf;

/// Returns a document with the plan of an erasure.
pub(crate) fn erase_plan(plan: &ErasePlan) -> ReportDocument {
    let rows = plan.runs.iter().map(|run| {
        let name = run.name.as_deref().unwrap_or("(deleted)");
        let state = if run.is_open { "open" } else { "" };
        vec![
            Cell::text(run.run_ref.as_str()),
            Cell::text(name),
            Cell::text(run.entries.to_string()),
            Cell::text(run.payload_bytes.to_string()),
            Cell::text(state),
        ]
    });
    let table = Table::new(&["Run", "Name", "Entries", "Bytes", ""], rows.collect());
    let backup = plan.backup_ref.as_ref().map_or("none contains the runs", |backup| backup.as_str());
    let mut lines = vec![
        format!("artifact bodies that only these runs use: {} (bytes: {})", plan.bodies, plan.body_bytes),
        format!("backup: {backup}"),
    ];
    if plan.temporary_files > 0 {
        lines.push(format!("temporary files of interrupted programs: {}", plan.temporary_files));
    }
    let in_outbox: u64 = plan.runs.iter().map(|run| run.outbox_entries).sum();
    if in_outbox > 0 {
        lines.push(format!("entries in the outbox: {in_outbox}"));
    }
    lines.extend(plan.files.iter().map(|path| format!("file that is removed: {}", path.display())));
    let unsaved = |path: &PathBuf| {
        format!(
            "file that is kept, because the backup does not contain it (`--force` removes it): {}",
            path.display()
        )
    };
    lines.extend(plan.unsaved_files.iter().map(unsaved));
    ReportDocument {
        title: "Deletion plan".to_owned(),
        sections: vec![
            ReportSection::table("", table, ""),
            ReportSection::new("", Block::List(lines)),
            ReportSection::new("Notes", Block::Notes(plan.notes.clone())),
        ],
    }
}

/// Returns a document with the result of an erasure.
pub(crate) fn erasure(result: &EraseResult) -> ReportDocument {
    let mut lines: Vec<String> = result.runs.iter().map(|run| format!("deleted: {run}")).collect();
    lines.push(format!("entries: {}, bodies: {}, files: {}", result.entries, result.bodies, result.files));
    lines.push(format!(
        "removed from the log: {} entries in {} segments (bytes: {})",
        result.removed_entries, result.segments, result.log_bytes
    ));
    if result.temporary_files > 0 {
        lines.push(format!("removed temporary files of interrupted programs: {}", result.temporary_files));
    }
    if result.outbox_entries > 0 {
        lines.push(format!("removed from the outbox: {} entries", result.outbox_entries));
    }
    lines.extend(result.kept_files.iter().map(|path| format!("kept file: {}", path.display())));
    lines.push(format!("bytes of removed bodies: {}", result.body_bytes));
    lines.extend(result.backup_ref.iter().map(|backup| format!("backup that contains the runs: {backup}")));
    ReportDocument {
        title: "Deletion".to_owned(),
        sections: vec![
            ReportSection::new("", Block::List(lines)),
            ReportSection::new("Notes", Block::Notes(result.notes.clone())),
        ],
    }
}
