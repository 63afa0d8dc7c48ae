//! Documents that show the content of the outbox, the result of a replay, and dead letters.

use crate::client::{
    DeadLetter, DeliveryStatus, LetterState, OutboxContent, PendingDelivery, ReplayBatchResult,
};
use crate::interpretation::{Block, Cell, ReportDocument, ReportSection, Table, TreeItem};
use crate::surfaces::document::doctor::quoted;
use std::collections::{BTreeMap, BTreeSet};

/// The greatest number of deliveries that a replay shows.
const ENTRIES_MAX: usize = 20;

/// Returns a document with the deliveries that wait, and the dead letters.
pub(crate) fn outbox(content: &OutboxContent) -> ReportDocument {
    let mut sections = Vec::new();
    if content.is_empty() {
        let text = "nothing waits, and there are no dead letters".to_owned();
        sections.push(ReportSection::new("", Block::Text(text)));
    }
    if !content.deliveries.is_empty() {
        sections.push(deliveries(&content.deliveries));
    }
    if content.spilled > 0 {
        let text = format!("facts that are not in the log yet: {}", content.spilled);
        sections.push(ReportSection::new("", Block::Text(text)));
    }
    if !content.letters.letters.is_empty() {
        sections.extend(letter_table("Dead letters", &content.letters.letters));
    }
    let next = next_commands(content);
    if !next.is_empty() {
        sections.push(ReportSection::new("Next commands", Block::Tree(next)));
    }
    if content.letters.unreadable > 0 {
        let text = format!("{} lines of the file of dead letters cannot be read", content.letters.unreadable);
        sections.push(ReportSection::new("", Block::Text(text)));
    }
    ReportDocument { title: "Outbox".to_owned(), sections }
}

/// Returns the commands that deliver waiting facts. Each command is a line below its purpose.
fn next_commands(content: &OutboxContent) -> Vec<TreeItem> {
    let has_letter = |state| content.letters.letters.iter().any(|letter| letter.state == state);
    let mut steps = Vec::new();
    if content.deliveries.iter().any(|delivery| delivery.is_attached)
        || content.spilled > 0
        || has_letter(LetterState::Queued)
    {
        steps.push(("deliver what waits:".to_owned(), "contexta outbox replay".to_owned()));
    }
    let detached: BTreeSet<&str> = content
        .deliveries
        .iter()
        .filter(|delivery| !delivery.is_attached)
        .map(|delivery| delivery.sink.as_str())
        .collect();
    for sink in detached {
        let purpose = "the settings do not declare this sink; write its facts to a file:".to_owned();
        let command = format!("contexta outbox replay --target {} --to-file FILE", quoted(sink));
        steps.push((purpose, command));
    }
    if has_letter(LetterState::Dead) {
        let requeue = "deliver dead letters with the next replay:".to_owned();
        steps.push((requeue, "contexta outbox requeue".to_owned()));
        steps.push(("give up dead letters:".to_owned(), "contexta outbox discard".to_owned()));
    }
    let items =
        |(purpose, command)| [TreeItem { depth: 0, text: purpose }, TreeItem { depth: 1, text: command }];
    steps.into_iter().flat_map(items).collect()
}

fn deliveries(deliveries: &[PendingDelivery]) -> ReportSection {
    let rows = deliveries.iter().map(|delivery| {
        let facts = match &delivery.unreadable {
            Some(why) => format!("at least {} ({why})", delivery.facts),
            None => delivery.facts.to_string(),
        };
        let declared = if delivery.is_attached { "yes" } else { "no" };
        vec![
            Cell::text(&delivery.sink),
            Cell::text(declared),
            Cell::text(delivery.failures.to_string()),
            Cell::text(facts),
        ]
    });
    let table = Table::new(&["Sink", "Declared", "Failures", "Facts"], rows.collect());
    ReportSection::table("Waiting deliveries", table, "")
}

/// Returns a table of the letters, and a list with the error of each letter. The errors are not in the table,
/// because they can be long.
fn letter_table(title: &str, letters: &[DeadLetter]) -> Vec<ReportSection> {
    let rows = letters.iter().map(|letter| {
        vec![
            Cell::text(&letter.sink),
            Cell::text(letter.state.as_str()),
            Cell::text(letter.attempts.to_string()),
            Cell::text(letter.replay_ref.to_string()),
        ]
    });
    let table = Table::new(&["Sink", "State", "Failures", "Fact"], rows.collect());
    let mut errors: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for letter in letters {
        *errors.entry((&letter.sink, &letter.last_error)).or_default() += 1;
    }
    let errors = errors.into_iter().map(|((sink, error), n)| format!("{sink}: {error} ({n} facts)"));
    let errors = ReportSection::new("Errors", Block::List(errors.collect()));
    vec![ReportSection::table(title, table, ""), errors]
}

/// Returns a document with the result of a replay.
pub(crate) fn outbox_replay(result: &ReplayBatchResult) -> ReportDocument {
    let verdict = Block::Verdict {
        is_good: result.status.as_str() == "SUCCESS",
        verdict: result.status.as_str().to_owned(),
        text: format!(
            "acknowledged: {}, pending: {}, dead letters: {}, added to the log: {}",
            result.acknowledged_count,
            result.pending_count,
            result.dead_lettered_count,
            result.log_added_count
        ),
    };
    let mut sections = vec![ReportSection::new("", verdict)];
    let is_failed = |status| matches!(status, DeliveryStatus::Failure | DeliveryStatus::Skipped);
    let failed: Vec<_> = result.entries.iter().filter(|entry| is_failed(entry.status)).collect();
    let lines = failed.iter().take(ENTRIES_MAX).flat_map(|entry| {
        let (status, target, fact) = (entry.status.as_str(), &entry.target, entry.replay_ref);
        let line = format!("{status} {target} {fact} (failures: {})", entry.attempts);
        [TreeItem { depth: 0, text: line }, TreeItem { depth: 1, text: entry.detail.clone() }]
    });
    let mut lines: Vec<TreeItem> = lines.collect();
    if failed.len() > ENTRIES_MAX {
        let text = format!("and {} more; `--format json` lists all", failed.len() - ENTRIES_MAX);
        lines.push(TreeItem { depth: 0, text });
    }
    let warnings = result.warnings.iter().map(|warning| format!("warning: {warning}"));
    lines.extend(warnings.map(|text| TreeItem { depth: 0, text }));
    if !lines.is_empty() {
        sections.push(ReportSection::new("", Block::Tree(lines)));
    }
    ReportDocument { title: "Replay of the outbox".to_owned(), sections }
}

/// Returns a document with the letters that a command has changed, or would change.
pub(crate) fn letters(letters: &[DeadLetter], state: LetterState, is_applied: bool) -> ReportDocument {
    let (count, state) = (letters.len(), state.as_str());
    let text = match is_applied {
        true => format!("dead letters with the new state {state}: {count}"),
        false => format!("plan: {count} dead letters get the state {state}"),
    };
    let mut sections = vec![ReportSection::new("", Block::Text(text))];
    if !letters.is_empty() {
        sections.extend(letter_table("", letters).into_iter().take(1));
    }
    ReportDocument { title: "Dead letters".to_owned(), sections }
}
