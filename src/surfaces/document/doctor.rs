//! The document of an examination of a workspace.

use crate::client::{HealthFinding, LatestBackup, WorkspaceHealth};
use crate::interpretation::{Block, Cell, ReportDocument, ReportSection, Severity, Table, TreeItem};

/// The greatest number of runs in the table of sizes.
const RUNS_MAX: usize = 10;

/// Returns a document with the findings and the sizes. A finding is shown with the next command. `program` is
/// the beginning of each command: the program and the options that name the workspace.
pub(crate) fn doctor(health: &WorkspaceHealth, program: &str) -> ReportDocument {
    let attention = health.findings.iter().filter(|finding| finding.severity != Severity::Info).count();
    let streams = health.streams.map_or("unknown".to_owned(), |streams| streams.to_string());
    let verdict = Block::Verdict {
        is_good: attention == 0,
        verdict: if attention == 0 { "healthy" } else { "needs attention" }.to_owned(),
        text: format!(
            "problems: {attention}, entries: {}, streams: {streams} ({} in use)",
            health.entries, health.live_streams
        ),
    };
    let mut lines = vec![format!("workspace: {}", health.workspace.display())];
    lines.extend(health.backup.as_ref().map(backup));
    let mut sections = vec![ReportSection::new("", verdict), ReportSection::new("", Block::List(lines))];
    if !health.findings.is_empty() {
        let items = health.findings.iter().flat_map(|finding| tree(finding, program)).collect();
        sections.push(ReportSection::new("Findings", Block::Tree(items)));
    }
    let areas = health.areas.iter().filter(|area| area.files > 0);
    let rows = areas.map(|area| vec![Cell::text(area.area), Cell::Count(area.files), size(area.bytes)]);
    let table = Table::new(&["Directory", "Files", "Size"], rows.collect());
    sections.push(ReportSection::table("Sizes", table, ""));
    if !health.projects.is_empty() {
        let rows = health.projects.iter().map(|project| {
            vec![
                Cell::text(&project.name),
                Cell::Count(project.runs),
                Cell::Count(project.entries),
                size(project.log_bytes),
                size(project.artifact_bytes),
            ]
        });
        let table = Table::new(&["Project", "Runs", "Entries", "Log", "Artifacts"], rows.collect());
        sections.push(ReportSection::table("Projects", table, ""));
    }
    if !health.runs.is_empty() {
        sections.push(runs(health));
    }
    ReportDocument { title: "Doctor".to_owned(), sections }
}

fn runs(health: &WorkspaceHealth) -> ReportSection {
    let rows = health.runs.iter().take(RUNS_MAX).map(|run| {
        // Several runs can have the same name. The id, which is the last part of the ref, is unique in a project.
        let id = run.run_ref.as_str().rsplit(['.', ':']).next().unwrap_or_default();
        vec![
            Cell::text(&run.name),
            Cell::text(id),
            Cell::optional(run.status.as_ref()),
            Cell::Count(run.entries),
            size(run.log_bytes),
            size(run.artifact_bytes),
        ]
    });
    let title = match health.runs.len() > RUNS_MAX {
        true => format!("Largest runs ({RUNS_MAX} of {})", health.runs.len()),
        false => "Runs".to_owned(),
    };
    let table = Table::new(&["Run", "Id", "Status", "Entries", "Log", "Artifacts"], rows.collect());
    ReportSection::table(&title, table, "")
}

fn backup(backup: &LatestBackup) -> String {
    format!("latest backup: {} ({} old)", backup.backup_ref, age(backup.age_seconds))
}

/// Returns a finding as a line, and the next command as a line below it.
fn tree(finding: &HealthFinding, program: &str) -> Vec<TreeItem> {
    let label = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        _ => "note",
    };
    let mut items =
        vec![TreeItem { depth: 0, text: format!("{label}: {} [{}]", finding.message, finding.code) }];
    items.extend(finding.command.as_ref().map(|command| {
        let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        TreeItem { depth: 1, text: format!("{program} {}", words.join(" ")) }
    }));
    items
}

/// Returns an argument in the quoted form that a shell needs.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Returns a number of bytes with a unit.
fn size(bytes: u64) -> Cell {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    Cell::text(match UNITS.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    })
}

/// Returns a time span in its largest unit.
fn age(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_have_units() {
        let text = |bytes| size(bytes).to_string();
        assert_eq!([text(0), text(1023), text(1024), text(1536)], ["0 B", "1023 B", "1.0 KiB", "1.5 KiB"]);
        assert_eq!([text(5 << 20), text(3 << 40), text(4 << 50)], ["5.0 MiB", "3.0 TiB", "4096.0 TiB"]);
        assert_eq!([age(1), age(59), age(7200), age(86_400)], ["1 second", "59 seconds", "2 hours", "1 day"]);
    }

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        assert_eq!(quoted("run:wine.a-1"), "run:wine.a-1");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
