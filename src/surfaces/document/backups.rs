//! Documents that show plans and results of backups and restores.

use crate::client::PartRestore;
use crate::interpretation::{Block, Cell, Note, ReportDocument, ReportSection, Table};
use crate::recovery::{
    BackupList, BackupPlan, BackupResult, BackupRow, BackupVerification, PrunePlan, RecoveryStatus,
    RestorePlan, RestoreResult, Section, UnreadableBackup,
};
use std::collections::BTreeMap;

fn document(title: &str, lines: Vec<String>, notes: &[Note]) -> ReportDocument {
    let result = ReportSection::new("", Block::List(lines));
    let notes = ReportSection::new("Notes", Block::Notes(notes.to_vec()));
    ReportDocument { title: title.to_owned(), sections: vec![result, notes] }
}

fn names(sections: &[Section]) -> String {
    sections.iter().map(|section| section.name()).collect::<Vec<_>>().join(", ")
}

/// Returns a document with the plan of a backup.
pub(crate) fn backup_plan(plan: &BackupPlan) -> ReportDocument {
    let lines = vec![
        format!("plan: backup {} in {}", plan.backup_ref, plan.backup_root.display()),
        format!("workspace: {}", plan.workspace_root.display()),
        format!("sections: {}", names(&plan.included_sections)),
        format!("bytes of all files: {}", plan.estimated_bytes),
    ];
    document("Backup plan", lines, &plan.notes)
}

/// Returns a document with the result of a backup.
pub(crate) fn backup(result: &BackupResult) -> ReportDocument {
    let (written, reused) = (result.objects_written, result.objects_reused);
    let lines = vec![
        format!("backup {}: {}", result.backup_ref, result.status),
        format!("location: {}", result.location.display()),
        format!("streams: {}, bodies: {}, files: {}", result.streams, result.bodies, result.files),
        format!("objects: {written} written, {reused} reused; bytes written: {}", result.bytes_written),
    ];
    document("Backup", lines, &result.notes)
}

/// Returns a document with a table of the backups.
pub(crate) fn backup_list(list: &BackupList) -> ReportDocument {
    let mut sections = Vec::new();
    if list.backups.is_empty() {
        let text = format!("there are no backups in {}", list.backup_root.display());
        sections.push(ReportSection::new("", Block::Text(text)));
    } else {
        sections.extend(backup_table(&list.backups));
    }
    if !list.unreadable.is_empty() {
        sections.push(unreadable(&list.unreadable));
    }
    ReportDocument { title: "Backups".to_owned(), sections }
}

/// Returns the table of the backups. The path of the workspace is a column only if the backups have several paths. The
/// name of a backup contains its time, so the table has no column of times.
fn backup_table(backups: &[BackupRow]) -> Vec<ReportSection> {
    let first = backups.first().map(|row| row.workspace_root.as_str()).unwrap_or_default();
    let is_shared = backups.iter().any(|row| row.workspace_root != first);
    let mut columns = vec!["Backup", "Status", "Bytes", "Streams", "Bodies", "Files"];
    columns.extend(is_shared.then_some("Workspace"));
    let rows = backups.iter().map(|row| {
        let mut cells = vec![
            Cell::text(row.backup_ref.as_str()),
            Cell::text(row.status.as_str()),
            Cell::text(row.bytes.to_string()),
            Cell::text(row.streams.to_string()),
            Cell::text(row.bodies.to_string()),
            Cell::text(row.files.to_string()),
        ];
        cells.extend(is_shared.then(|| Cell::text(&row.workspace_root)));
        cells
    });
    let table = ReportSection::table("", Table::new(&columns, rows.collect()), "");
    let workspace = ReportSection::new("", Block::Text(format!("workspace: {first}")));
    if is_shared { vec![table] } else { vec![workspace, table] }
}

fn unreadable(all: &[UnreadableBackup]) -> ReportSection {
    let rows = all.iter().map(|u| vec![Cell::text(u.path.display().to_string()), Cell::text(&u.reason)]);
    ReportSection::table("Unusable manifests", Table::new(&["Manifest", "Reason"], rows.collect()), "")
}

/// Returns a document with the result of a check of backups. If there are problems, the document contains a
/// table of them.
pub(crate) fn backup_verification(report: &BackupVerification) -> ReportDocument {
    let (backups, objects, bytes) = (report.backups.len(), report.objects, report.bytes);
    let healed = if report.healed > 0 { format!(", healed: {}", report.healed) } else { String::new() };
    let verdict = Block::Verdict {
        is_good: report.status == RecoveryStatus::Success,
        verdict: report.status.as_str().to_owned(),
        text: format!("backups: {backups}, objects: {objects}, bytes: {bytes}{healed}"),
    };
    let mut sections = vec![ReportSection::new("", verdict)];
    if !report.problems.is_empty() {
        let rows = report.problems.iter().map(|problem| {
            let backups: Vec<&str> = problem.backups.iter().map(|backup| backup.as_str()).collect();
            vec![Cell::text(problem.code), Cell::text(&problem.message), Cell::text(backups.join(", "))]
        });
        let table = Table::new(&["Code", "Message", "Backups"], rows.collect());
        sections.push(ReportSection::table("Problems", table, ""));
    }
    if !report.unreadable.is_empty() {
        sections.push(unreadable(&report.unreadable));
    }
    if !report.notes.is_empty() {
        sections.push(ReportSection::new("Notes", Block::Notes(report.notes.clone())));
    }
    ReportDocument { title: "Verification of backups".to_owned(), sections }
}

/// Returns a document with the plan of a removal. `applied` is `true` if the plan was applied.
pub(crate) fn prune(plan: &PrunePlan, applied: bool) -> ReportDocument {
    let done = if applied { "removed" } else { "to be removed" };
    let mut lines = vec![format!(
        "backups: {} kept, {} {done}; objects: {} {done}, bytes: {}",
        plan.kept.len(),
        plan.removed.len(),
        plan.objects.len(),
        plan.bytes
    )];
    lines.extend(plan.removed.iter().map(|backup| format!("{done}: {backup}")));
    document("Removal of backups", lines, &[])
}

/// Returns a document with the plan of a restore.
pub(crate) fn restore_plan(plan: &RestorePlan) -> ReportDocument {
    let mut lines = vec![
        format!("plan: restore {} into {}", plan.backup_ref, plan.target_workspace.display()),
        format!("sections: {}", names(&plan.sections)),
        format!(
            "streams: {} restored, {} removed; bytes: {}",
            plan.streams.len(),
            plan.removed_streams.len(),
            plan.log_bytes
        ),
        format!(
            "bodies: {} ({} to be added, {} bytes), files: {}",
            plan.bodies, plan.missing_bodies.0, plan.missing_bodies.1, plan.files
        ),
    ];
    let safety =
        if plan.create_safety_backup { "the present content is backed up first" } else { "no safety backup" };
    lines.push(safety.to_owned());
    document("Restore plan", lines, &plan.notes)
}

/// Returns a document with the result of a restore.
pub(crate) fn restore(result: &RestoreResult) -> ReportDocument {
    let done = if result.applied { "restored into" } else { "checked for a restore into" };
    let mut lines = vec![
        format!(
            "backup {} {done} {}: {}",
            result.backup_ref,
            result.target_workspace.display(),
            result.status
        ),
        format!(
            "entries: {}, bodies: {} ({} added), files written: {}",
            result.entries, result.bodies.0, result.bodies.1, result.files
        ),
        format!("digest {}", result.digest),
    ];
    lines.extend(
        result.safety_backup_ref.iter().map(|backup| format!("the replaced content is in backup {backup}")),
    );
    document("Restore", lines, &result.notes)
}

/// Returns a document with the plan or the result of the restore of one run or artifact.
pub(crate) fn restore_part(result: &PartRestore) -> ReportDocument {
    let done = if result.applied { "restored" } else { "plan: restore" };
    let counts = |counts: &BTreeMap<String, u64>| {
        let texts: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
    };
    let presence =
        if result.is_present { "is in the workspace already" } else { "is not in the workspace yet" };
    let mut lines = vec![
        format!("{done} {} from backup {}: {}", result.restored_ref, result.backup_ref, result.status),
        format!("{} {presence}", result.restored_ref),
    ];
    if !result.found.is_empty() {
        lines.push(format!("in the backup: {}", counts(&result.found)));
    }
    if !result.added.is_empty() {
        lines.push(format!("added: {}", counts(&result.added)));
    }
    lines.push(format!("bodies: {}", result.bodies));
    document("Restore", lines, &result.notes)
}
