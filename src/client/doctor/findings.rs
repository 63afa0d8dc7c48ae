//! The findings of an examination, one function for each part of a workspace.

use crate::capture::LetterState;
use crate::client::doctor::report::HealthFinding;
use crate::client::outbox::OutboxContent;
use crate::contract::{RunStatus, Severity};
use crate::recovery::{LogUsage, gap_notes};
use crate::store::artifacts::BodyComparison;
use crate::store::{Note, RunRow};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The maximum number of runs with a separate finding for each kind of problem.
const RUNS_MAX: usize = 10;

/// Returns the findings about the log.
pub(super) fn of_log(usage: &LogUsage) -> Vec<HealthFinding> {
    let mut found: Vec<HealthFinding> = gap_notes(&usage.gaps).iter().map(of_damage).collect();
    found.extend(usage.notes.iter().map(of_damage));
    found.extend(usage.forks.iter().map(|fork| {
        let message = format!(
            "the stream {} has a second history from entry {} on, in the stream {}",
            fork.parent, fork.first, fork.stream
        );
        HealthFinding::new(Severity::Info, "stream_forked", message).command("log ls")
    }));
    found
}

/// Returns the finding about the damage that a note describes. A finding about a newer format has no command,
/// because a newer format is not damage.
fn of_damage(note: &Note) -> HealthFinding {
    let finding = HealthFinding::new(note.severity, note.code, &note.message);
    if note.code == "log_newer_format" {
        let message = format!("{}; install the version that has written the segment", note.message);
        return HealthFinding { message, ..finding };
    }
    finding.command("verify")
}

/// Returns the findings about runs: interrupted runs, conflicts, and open runs.
pub(super) fn of_runs(runs: &[Arc<RunRow>]) -> Vec<HealthFinding> {
    let mut found = Vec::new();
    let interrupted: Vec<&RunRow> =
        runs.iter().map(Arc::as_ref).filter(|run| run.interrupted_at.is_some()).collect();
    for run in interrupted.iter().take(RUNS_MAX) {
        let message = format!("the processes of the run {} ({}) have died", run.name, run.run_ref);
        let finding = HealthFinding::new(Severity::Warning, "run_interrupted", message);
        found.push(finding.command("run end").argument(&run.run_ref));
    }
    found.extend(more(interrupted.len(), "run_interrupted", "interrupted runs", "runs --status interrupted"));
    let conflicting: Vec<&RunRow> =
        runs.iter().map(Arc::as_ref).filter(|run| !run.conflicts.is_empty()).collect();
    for run in conflicting.iter().take(RUNS_MAX) {
        let names = run.conflicts.join(", ");
        let message = format!("the run {} ({}) has conflicting values of: {names}", run.name, run.run_ref);
        let finding = HealthFinding::new(Severity::Warning, "attribute_conflict", message);
        found.push(finding.command("history").argument(&run.run_ref));
    }
    found.extend(more(conflicting.len(), "attribute_conflict", "runs with conflicting values", "runs"));
    let open =
        runs.iter().filter(|run| run.status == RunStatus::Open && run.interrupted_at.is_none()).count();
    if open > 0 {
        let finding = HealthFinding::new(Severity::Info, "run_open", format!("open runs: {open}"));
        found.push(finding.command("runs --status open"));
    }
    found
}

/// Returns the finding that counts the runs without a separate finding.
fn more(count: usize, code: &'static str, what: &str, command: &str) -> Option<HealthFinding> {
    let rest = count.checked_sub(RUNS_MAX).filter(|rest| *rest > 0)?;
    let message = format!("there are {rest} more {what}");
    Some(HealthFinding::new(Severity::Warning, code, message).command(command))
}

/// Returns the findings about the bodies of artifacts.
pub(super) fn of_bodies(bodies: &BodyComparison) -> Vec<HealthFinding> {
    let mut found = Vec::new();
    if bodies.missing > 0 {
        let message = format!("bodies of artifacts that are missing: {}", bodies.missing);
        let finding = HealthFinding::new(Severity::Error, "artifact_body_missing", message);
        found.push(finding.command("artifact verify"));
    }
    if !bodies.orphan_paths.is_empty() {
        let count = bodies.orphan_paths.len();
        let message = format!("bodies without an artifact: {count} ({} bytes)", bodies.orphan_bytes);
        let finding = HealthFinding::new(Severity::Info, "artifact_body_orphaned", message);
        found.push(finding.command("artifact verify"));
    }
    found
}

/// Returns the findings about the outbox.
pub(super) fn of_outbox(content: &OutboxContent) -> Vec<HealthFinding> {
    let mut found = Vec::new();
    let mut sinks: BTreeMap<(&str, bool), (u64, u32)> = BTreeMap::new();
    for delivery in &content.deliveries {
        let sums = sinks.entry((&delivery.sink, delivery.is_attached)).or_default();
        *sums = (sums.0 + delivery.facts, sums.1.max(delivery.failures));
    }
    for delivery in &content.deliveries {
        if let Some(why) = &delivery.unreadable {
            let (sink, stream) = (&delivery.sink, delivery.next.stream);
            let message =
                format!("the facts of the stream {stream} that wait for the sink {sink} are unknown: {why}");
            let finding = HealthFinding::new(Severity::Error, "outbox_unreadable", message);
            found.push(finding.command("outbox list"));
        }
    }
    for ((sink, is_attached), (facts, failures)) in sinks.into_iter().filter(|(_, sums)| sums.0 > 0) {
        let message = format!("{facts} facts wait for the sink {sink} (failed deliveries: {failures})");
        let command = if is_attached { "outbox replay" } else { "outbox list" };
        // If a session without the sink continues the stream, facts follow the cursor although no delivery
        // has failed.
        let is_remark = !is_attached && failures == 0;
        let severity = if is_remark { Severity::Info } else { Severity::Warning };
        found.push(HealthFinding::new(severity, "outbox_waiting", message).command(command));
    }
    if content.spilled > 0 {
        let message = format!("{} facts are in the outbox and not in the log", content.spilled);
        let finding = HealthFinding::new(Severity::Warning, "outbox_spilled", message);
        found.push(finding.command("outbox replay"));
    }
    let count = |state| content.letters.letters.iter().filter(|letter| letter.state == state).count();
    let (dead, queued) = (count(LetterState::Dead), count(LetterState::Queued));
    if dead > 0 {
        let message = format!("dead letters: {dead}");
        let finding = HealthFinding::new(Severity::Warning, "dead_letters", message);
        found.push(finding.command("outbox list"));
    }
    if queued > 0 {
        let message = format!("dead letters that are queued for a replay: {queued}");
        let finding = HealthFinding::new(Severity::Warning, "dead_letters_queued", message);
        found.push(finding.command("outbox replay"));
    }
    if content.letters.unreadable > 0 {
        let message =
            format!("lines of the file of dead letters that cannot be read: {}", content.letters.unreadable);
        found.push(HealthFinding::new(Severity::Info, "dead_letters_unreadable", message));
    }
    found
}
